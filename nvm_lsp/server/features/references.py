"""textDocument/references: all places of a name, in every file of the programs it belongs to.

In a signature that is hashed it is all places of the workspace that hash the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import occurrence_at, target_of
from nvm_lsp.server.hashed_texts import hashed_text_at, hashed_texts
from nvm_lsp.server.program_files import ProgramFiles, range_json, read_workspace
from nvm_lsp.source import Position
from nvm_lsp.syntax import SyntaxTree

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]


async def handle(server: NvmServer, params: lsp.ReferenceParams) -> list[dict[str, Any]]:
    await read_workspace(server, params.text_document.uri)
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    position = server.converter.position(opened.document, params.position)
    occurrence = occurrence_at(opened.tree, position)
    if occurrence is None:
        return list(_hashed(ProgramFiles(server), opened.tree, position))
    target = target_of(opened.tree, occurrence)
    files = ProgramFiles(server)
    return [
        files.location_json(found)
        for found in files.occurrences(opened.document.path, target)
        if params.context.include_declaration or not found.occurrence.is_definition
    ]


def _hashed(
    files: ProgramFiles, tree: SyntaxTree, position: Position
) -> Iterator[dict[str, Any]]:
    here = hashed_text_at(tree, position)
    if here is None:
        return
    for path in files.all():
        other = files.tree(path)
        if other is None:
            continue
        for found in hashed_texts(other, here.function, here.text):
            place = range_json(files.server, other, found.line, found.start, found.end)
            yield {"uri": files.uri(path), "range": place}
