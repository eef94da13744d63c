"""``nvm-lsp lint --watch``: runs again whenever a file that a run looked at, or could, changes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

__all__ = ["watch"]

_SECONDS = 0.3
#: By path, what changes when a file or the names in a folder do.
_Stamps: TypeAlias = dict[str, tuple[int, int] | None]


class Ran(Protocol):
    """What a run tells: the files that it depended on."""

    files: set[str]


def watch(run: Callable[[], Ran]) -> int:
    """Runs until somebody presses Ctrl-C, which ends it as any other command."""
    watched = {"."}
    while True:
        begun, before = time.time_ns(), _stamps(watched)
        files = run().files
        # New files may turn up beside known ones: the names in their folders tell.
        watched = files | {os.path.dirname(path) or "." for path in files} | {"."}
        after = _stamps(watched)
        print("watching; Ctrl-C ends it", file=sys.stderr)
        sys.stdout.flush()
        if not _changed_meanwhile(before, after, begun):
            while _stamps(watched) == after:
                time.sleep(_SECONDS)
        print(f"--- {time.strftime('%H:%M:%S')}", file=sys.stderr)


def _changed_meanwhile(before: _Stamps, after: _Stamps, begun: int) -> bool:
    """Whether something changed during a run, perhaps too late for it."""
    return any(
        before[path] != stamp if path in before else stamp is not None and stamp[0] > begun
        for path, stamp in after.items()
    )


def _stamps(paths: Iterable[str]) -> _Stamps:
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
