"""Says on a terminal how far a long run has come; says nothing anywhere else."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Protocol

__all__ = ["Progress"]

_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 0.25
_CLEAR_LINE = "\r\x1b[2K"


class Counter(Protocol):
    """Something that counts steps while they are made."""

    count: int


class Progress:
    """A line on stderr with the number of guest steps, from the second second of a run on."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def begun(self, counter: Counter) -> None:
        """The run has begun; ``counter`` goes on counting in this thread."""
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._show, args=(counter,), daemon=True)
            self._thread.start()

    def _show(self, counter: Counter) -> None:
        shown = False
        wait = _FIRST_SECONDS
        while not self._over.wait(wait):
            wait = _EVERY_SECONDS
            shown = True
            sys.stderr.write(f"{_CLEAR_LINE}{counter.count:,} guest steps; Ctrl-C ends the run")
            sys.stderr.flush()
        if shown:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()
