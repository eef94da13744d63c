"""Which files a command's paths mean: files as they are named, and programs below folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice

from nvm_lsp.configuration import Configurations

__all__ = ["BYTECODE", "SOURCE", "STDIN", "files_of", "sources_below"]

STDIN = "-"
SOURCE = (".easm",)
#: What holds bytecode: hexadecimal digits, or raw bytes.
BYTECODE = (".hex", ".bin")
_SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})


def files_of(
    paths: Iterable[str], configurations: Configurations, *, force_exclude: bool = False
) -> Iterator[str]:
    """The files that paths mean, in order, each once.

    A folder gives the easm files below it, but for hidden folders, for those that hold other
    people's code, and for what the configuration excludes. A file that is named outright is given
    whatever the configuration says, unless ``force_exclude``.
    """
    seen: set[str] = set()
    for path in paths:
        if path == STDIN or not os.path.isdir(path):
            excluded = force_exclude and path != STDIN and configurations.of(path).excludes(path)
            found: Iterable[str] = () if excluded else (path,)
        else:
            found = sources_below(path, configurations)
        for file in found:
            name = os.path.abspath(file) if file != STDIN else file
            if name not in seen:
                seen.add(name)
                yield file


def sources_below(
    folder: str, configurations: Configurations, most_folders: int | None = None
) -> Iterator[str]:
    """The easm files below a folder, by the rules of `files_of`; of so many folders at most."""
    for here, folders, names in islice(os.walk(folder), most_folders):
        configuration = configurations.of(here)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not os.path.exists(os.path.join(here, name, "pyvenv.cfg"))
            and not configuration.excludes(os.path.join(here, name) + os.sep)
        )
        for name in sorted(names):
            if name.endswith(SOURCE):
                path = os.path.join(here, name)
                if not configuration.excludes(path) and not _is_device(path):
                    yield os.path.normpath(path)


def _is_device(path: str) -> bool:
    """Whether what stands there is a pipe or the like, which reading might never come to an end of.

    Whoever names one outright wants it read.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # why it cannot be read is said when it is
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
