"""Which files of the disk a workspace may read, and paths as URIs.

An opened workspace is data of somebody else's: what it includes must lie inside of it, symbolic
links resolved, unless the user has allowed more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

__all__ = ["Boundary", "path_of", "stamp_of", "uri_of"]

#: What tells one state of a file from another.
Stamp = tuple[int, int, int]


def path_of(uri: str) -> str:
    """The path of a file URI; another URI as it is."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    if parts.scheme != "file":
        return uri
    return os.path.normpath(url2pathname(unquote(parts.path)))


def uri_of(path: str) -> str:
    """The URI of a path; what is a URI already stays one."""
    return Path(path).as_uri() if os.path.isabs(path) else path


def stamp_of(path: str) -> Stamp | None:
    """The state of a regular file, None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Boundary:
    """The folders that files are read from; ``everything`` lifts it."""

    def __init__(self, folders: Iterable[str], *, everything: bool = False) -> None:
        self._folders = tuple(os.path.realpath(folder) for folder in folders)
        self._everything = everything

    def allows(self, path: str) -> bool:
        """Whether a file may be read. A path that is not absolute has no place on disk."""
        if not os.path.isabs(path) or "\0" in path:
            return False
        if self._everything:
            return True
        real = os.path.realpath(path)
        return any(_is_inside(real, folder) for folder in self._folders)


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
