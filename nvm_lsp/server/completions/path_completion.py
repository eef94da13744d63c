"""The files that a path under the cursor may name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from nvm_lsp.server.completions.completion_item import Item, Kind

if TYPE_CHECKING:
    from nvm_lsp.server.paths import Boundary

__all__ = ["PATH_KEYS", "Files", "paths"]

_MOST_ENTRIES = 2_000
_CODE = (".easm", ".json", ".hex", ".bin")
#: Endings of the files that keys of scenarios name.
PATH_KEYS = {
    "scenario": (".toml",), "abi": (".json",), "deploy": _CODE, "code": _CODE,
    "matches": (".hex", ".bin", ".json"),
}


@dataclass(frozen=True, slots=True)
class Files:
    """Where a document stands, and what of the disk may be looked at for it."""

    base: str
    boundary: Boundary


def paths(written: str, files: Files, endings: tuple[str, ...] = ()) -> Iterator[Item]:
    """What ``written``, a path in a document, may go on with.

    Only folders inside of the boundary are looked into. ``endings`` restrict files, not folders;
    files of the first ending stand first.
    """
    folder = written.rpartition("/")[0]
    resolved = os.path.normpath(os.path.join(os.path.dirname(files.base), folder or "."))
    if not files.boundary.allows(resolved):
        return
    head = f"{folder}/" if folder else ""
    try:
        with os.scandir(resolved) as entries:
            for entry in islice(entries, _MOST_ENTRIES):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    yield Item(f"{head}{entry.name}/", Kind.FOLDER, rank=2)
                elif not endings or entry.name.endswith(endings):
                    first = not endings or entry.name.endswith(endings[0])
                    yield Item(f"{head}{entry.name}", Kind.FILE, rank=0 if first else 1)
    except OSError:
        return
