"""workspace/symbol: definitions of all easm files of the workspace, open or not, found loosely."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from nvm_lsp.server.outline import SYMBOL_KINDS, Entry, outline
from nvm_lsp.server.program_files import ProgramFiles, range_json, read_workspace
from nvm_lsp.syntax import SyntaxTree

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "score"]

_MAX_RESULTS = 500
#: The first letter of each word in `transfer_fee`, `transferFee` and `lib.fee`.
_INITIAL = re.compile(r"(?:(?<=[._])|(?<![A-Z._])(?=[A-Z])|^)[^._]")


async def handle(server: NvmServer, params: lsp.WorkspaceSymbolParams) -> list[dict[str, Any]]:
    await read_workspace(server)
    query = "".join(params.query.split()).lstrip("%@.")
    found: list[tuple[int, str, str, SyntaxTree, Entry, str]] = []
    files = ProgramFiles(server)
    for path in files.all():
        tree = files.tree(path)
        if tree is None:
            continue
        for entry in outline(tree):
            for symbol in (entry, *entry.children):
                points = score(query, symbol.name)
                if points is not None:
                    outer = "" if symbol is entry else entry.name
                    found.append((points, symbol.name, path, tree, symbol, outer))
    found.sort(key=lambda row: (row[0], len(row[1]), row[1], row[2], row[4].first))
    return [
        {
            "name": name,
            "kind": SYMBOL_KINDS[symbol.kind],
            "location": {
                "uri": files.uri(path),
                "range": range_json(
                    server, tree, symbol.first, symbol.definition.start, symbol.definition.end
                ),
            },
            "containerName": outer or os.path.basename(path),
        }
        for _, name, path, tree, symbol, outer in found[:_MAX_RESULTS]
    ]


def score(query: str, name: str) -> int | None:
    """How badly a name fits a query, 0 for the very name; None if it does not.

    The letters of the query must occur in the name in that order, in any case. Names that begin
    with it come before those that contain it, then those whose words begin with its letters, then
    those with letters in between.
    """
    if query == name:
        return 0
    wanted, text = query.casefold(), name.casefold()
    if text.startswith(wanted):
        return 1
    place = text.find(wanted)
    if place >= 0:
        return 2 if text[place - 1] in "._" else 3
    if wanted in "".join(_INITIAL.findall(name)).casefold():
        return 4
    gaps = 0
    position = -1
    for letter in wanted:
        after = text.find(letter, position + 1)
        if after < 0:
            return None
        if position >= 0:
            gaps += after - position - 1
        position = after
    return 5 + gaps
