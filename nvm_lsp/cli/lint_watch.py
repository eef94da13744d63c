"""``nvm-lsp lint --watch``: runs again whenever a file that a run looked at, or could, changes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["watch"]

_SECONDS = 0.3


class Ran(Protocol):
    """What a run tells: the files that it depended on."""

    files: set[str]


def watch(run: Callable[[], Ran]) -> int:
    """Runs until somebody presses Ctrl-C, which ends it as any other command."""
    while True:
        begun = time.time_ns()
        files = run().files
        # New files may turn up beside known ones: the names in their folders tell.
        watched = files | {os.path.dirname(path) or "." for path in files} | {"."}
        print("watching; Ctrl-C ends it", file=sys.stderr)
        sys.stdout.flush()
        before = _stamps(watched)
        # What was written during the run may have come too late for it.
        if not any(stamp is not None and stamp[0] > begun for stamp in before.values()):
            while _stamps(watched) == before:
                time.sleep(_SECONDS)
        print(f"--- {time.strftime('%H:%M:%S')}", file=sys.stderr)


def _stamps(paths: Iterable[str]) -> dict[str, tuple[int, int] | None]:
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> tuple[int, int] | None:
    """Time and size of a file; what stands for the names in a folder."""
    try:
        status = os.stat(path)
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if not name.startswith("."))
            return -abs(hash(tuple(names))), len(names)  # no time at all
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
