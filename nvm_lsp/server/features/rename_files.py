"""workspace/willRenameFiles: paths that are written in programs, and in the scenarios that they
name, follow the files that move."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from nvm_lsp.server.features.document_link import links
from nvm_lsp.server.features.rename import workspace_edit
from nvm_lsp.server.paths import path_of
from nvm_lsp.server.program_files import ProgramFiles, range_json, read_workspace
from nvm_lsp.source import split_lines

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]

#: A text of TOML, which may be a path, with the name of a contract behind it.
_TEXT = re.compile(r"""(?P<quote>["'])(?P<path>[^"'\\\n]*?)(?::[\w$]+)?(?P=quote)""")


async def handle(server: NvmServer, params: lsp.RenameFilesParams) -> dict[str, Any] | None:
    await read_workspace(server)
    moves = [(path_of(file.old_uri), path_of(file.new_uri)) for file in params.files]
    files = ProgramFiles(server)
    edits: dict[str, list[dict[str, Any]]] = {}
    scenarios: dict[str, None] = {}
    for path in files.all():
        tree = files.tree(path)
        for link in links(tree) if tree is not None and files.is_editable(path) else ():
            target = files.loader.resolve(link.path, path)
            if target.endswith(".toml"):
                scenarios[target] = None
            written = _written(link.path, _moved(path, moves), target, _moved(target, moves))
            if written != link.path and tree is not None:
                place = range_json(server, tree, link.line, link.start, link.end)
                edits.setdefault(path, []).append({"range": place, "newText": written})
    for path in scenarios:
        found = list(_in_scenario(files, path, moves)) if files.is_editable(path) else []
        if found:
            edits[path] = found
    return workspace_edit(files, edits) if edits else None


def _in_scenario(
    files: ProgramFiles, path: str, moves: list[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """The edits of a scenario's TOML file: of all texts in it that are paths of files."""
    opened = files.workspace.open_at(path)
    data = files.loader.data(path) if opened is None else None
    lines = split_lines(data.decode("utf-8", "replace")) if isinstance(data, bytes) else (
        opened.document.lines if opened is not None else ()
    )
    units = files.server.converter.units
    for number, line in enumerate(lines):
        for found in _TEXT.finditer(line):
            old = found["path"]
            target = files.loader.resolve(old, path)
            if not os.path.splitext(old)[1] or not files.exists(target):
                continue
            new = _written(old, _moved(path, moves), target, _moved(target, moves))
            if new != old:
                start, end = found.span("path")
                place = {
                    side: {"line": number, "character": units(line, column)}
                    for side, column in (("start", start), ("end", end))
                }
                yield {"range": place, "newText": new}


def _moved(path: str, moves: list[tuple[str, str]]) -> str:
    """Where a file will be; a folder takes along what is in it."""
    for old, new in moves:
        if path == old:
            return new
        if path.startswith(old + os.sep):
            return new + path[len(old) :]
    return path


def _written(written: str, base: str, before: str, after: str) -> str:
    """How the path of a file is to be written in the file ``base``."""
    folder = os.path.dirname(base)
    if os.path.normpath(os.path.join(folder, written)) == after:
        return written
    if os.path.isabs(written):
        new = after if after != before else written
    elif os.path.isabs(base) and os.path.isabs(after):
        new = PurePath(os.path.relpath(after, folder)).as_posix()
    else:
        return written
    # What a string or a scenario cannot hold as it is stays, and is an error that is seen.
    return written if any(character in new for character in '"\\') else new
