"""Says on a terminal how many files of a long lint run are done; says nothing anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType

__all__ = ["LintProgress"]

_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 0.1
_CLEAR_LINE = "\r\x1b[2K"


class LintProgress:
    """A line on stderr, from the second second on, that is gone at the end.

    It has no thread, since the processes that lint are forked.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._next = time.monotonic() + _FIRST_SECONDS
        self._shown = False
        self._on = sys.stderr.isatty()

    def __enter__(self) -> LintProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._write(_CLEAR_LINE)

    def show(self, done: int) -> None:
        """Says how many files are done."""
        if self._on and (now := time.monotonic()) >= self._next:
            self._next = now + _EVERY_SECONDS
            self._shown = True
            self._write(f"{_CLEAR_LINE}{done} of {self._total} files")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
