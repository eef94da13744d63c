"""Which files of the disk a workspace may read, and paths as URIs.

An opened workspace is data of somebody else's: what it includes must lie inside of it, symbolic
links resolved, unless the user has allowed more.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["Boundary", "is_possible", "is_scenario_file", "path_of", "stamp_of", "uri_of"]

#: What tells one state of a file from another.
Stamp = tuple[int, int, int]


def path_of(uri: str, *, windows: bool = os.name == "nt") -> str:
    """The path of a file URI; another URI as it is, as is one that names no possible file.

    Drive letters are upper case, whatever the client writes.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    if parts.scheme != "file":
        return uri
    # What is no UTF-8 is spelled as `os` spells such names.
    path, host = unquote(parts.path, errors="surrogateescape"), unquote(parts.netloc)
    is_here = host.lower() in ("", "localhost")
    if windows:
        if not is_here:
            path = f"//{host}{path}"
        elif re.match(r"/[A-Za-z]:", path):
            path = path[1].upper() + path[2:]
        return ntpath.normpath(path)
    if not is_here or not is_possible(path):
        return uri
    return posixpath.normpath("/" + path.lstrip("/"))


def is_possible(path: str) -> bool:
    """Whether a file could have such a name at all."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def uri_of(path: str) -> str:
    """The URI of a path; what is a URI already stays one."""
    return Path(path).as_uri() if os.path.isabs(path) else path


def is_scenario_file(uri: str) -> bool:
    """Whether a document is a scenario rather than a program."""
    return uri.lower().endswith(".toml")


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
        if not os.path.isabs(path) or not is_possible(path):
            return False
        if self._everything:
            return True
        real = os.path.realpath(path)
        return any(_is_inside(real, folder) for folder in self._folders)


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
