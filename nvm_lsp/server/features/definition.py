"""textDocument/definition and declaration: where a name comes from.

The definition is the one that the program uses; declarations are all that there are, in the other
branches of an `%if` too. On the path of an include both lead to the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import Target, occurrence_at, target_of
from nvm_lsp.server.program_files import Found, ProgramFiles, includes_of, read_workspace
from nvm_lsp.source import Location, Position

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.assembler import Assembly
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["declare", "handle", "in_force"]


async def handle(server: NvmServer, params: lsp.DefinitionParams) -> list[dict[str, Any]]:
    return await _answer(server, params, every=False)


async def declare(server: NvmServer, params: lsp.DeclarationParams) -> list[dict[str, Any]]:
    return await _answer(server, params, every=True)


async def _answer(
    server: NvmServer, params: lsp.DefinitionParams | lsp.DeclarationParams, *, every: bool
) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    position = server.converter.position(opened.document, params.position)
    files = ProgramFiles(server)
    occurrence = occurrence_at(opened.tree, position)
    if occurrence is None:
        return _included_file(files, opened, position)
    target = target_of(opened.tree, occurrence)
    path = opened.document.path
    found = files.definitions(path, target, near=True)
    if not found and occurrence.kind != "picture":
        await read_workspace(server, opened.uri)
        files = ProgramFiles(server)
        found = files.definitions(path, target)
    if not every and len(found) > 1:
        found = in_force(server.documents.assembly(opened), target, found)
    return [files.location_json(place) for place in found]


def in_force(assembly: Assembly, target: Target, found: list[Found]) -> list[Found]:
    """Those of several definitions that an assembly goes by; all if it goes by none of them."""
    symbols = assembly.symbols
    symbol = symbols.macro(target.name) if target.is_macro else symbols.find(target.name)
    if symbol is None or symbol.location is None or target.scope is not None:
        return found
    return [place for place in found if _is_at(place, symbol.location)] or found


def _is_at(place: Found, location: Location) -> bool:
    return (place.path, place.occurrence.line) == (location.path, location.span.start.line)


def _included_file(
    files: ProgramFiles, opened: OpenDocument, position: Position
) -> list[dict[str, Any]]:
    """The start of the file whose path is under the cursor, if it is there."""
    for line, statement in includes_of(opened.tree):
        span = statement.path
        if line == position.line and span.start <= position.column <= span.end:
            written = span.value.decode("utf-8", "replace")
            path = files.loader.resolve(written, opened.document.path)
            if files.exists(path):
                start = {"line": 0, "character": 0}
                return [{"uri": files.uri(path), "range": {"start": start, "end": start}}]
    return []
