"""textDocument/references: all places of a name, in every file of the programs it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import occurrence_at, target_of
from nvm_lsp.server.program_files import ProgramFiles, read_workspace

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
        return []
    target = target_of(opened.tree, occurrence)
    files = ProgramFiles(server)
    return [
        files.location_json(found)
        for found in files.occurrences(opened.document.path, target)
        if params.context.include_declaration or not found.occurrence.is_definition
    ]
