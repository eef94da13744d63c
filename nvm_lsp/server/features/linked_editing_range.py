"""textDocument/linkedEditingRange: a name's places that change together while one is typed in.

Only where all of them are in the file: labels and parameters of a macro, and names of a file that
neither includes others nor is included by an open one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import occurrence_at, occurrences, target_of
from nvm_lsp.server.program_files import ProgramFiles, range_json
from nvm_lsp.syntax.parser import terminals

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]


def handle(server: NvmServer, params: lsp.LinkedEditingRangeParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    occurrence = occurrence_at(opened.tree, position)
    if occurrence is None or occurrence.kind == "picture":
        return None
    target = target_of(opened.tree, occurrence)
    places = list(occurrences(opened.tree, target))
    defined = sum(place.is_definition for place in places)
    if defined != 1 or len(places) < 2:
        return None
    if target.scope is None and len(ProgramFiles(server).around(opened.document.path)) > 1:
        return None
    return {
        "ranges": [
            range_json(server, opened.tree, place.line, place.start, place.end)
            for place in places
        ],
        "wordPattern": terminals()["WORD"],
    }
