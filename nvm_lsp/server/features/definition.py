"""textDocument/definition and declaration: where a name comes from.

The definition is the one that the program uses; declarations are all that there are, in the other
branches of an `%if` too. On a path, of an include, of data or in a scenario, both lead to the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import Target, occurrence_at, target_of
from nvm_lsp.server.features.document_link import links
from nvm_lsp.server.outline import outline
from nvm_lsp.server.program_files import (
    Found,
    ProgramFiles,
    lines_json,
    range_json,
    read_workspace,
)
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
        return _file(files, opened, position, with_origin=_takes_links(server, every))
    target = target_of(opened.tree, occurrence)
    path = opened.document.path
    found = files.definitions(path, target, near=True)
    if not found and occurrence.kind != "picture":
        await read_workspace(server, opened.uri)
        files = ProgramFiles(server)
        found = files.definitions(path, target)
    if not every and len(found) > 1:
        found = in_force(server.documents.assembly(opened), target, found)
    if not _takes_links(server, every):
        return [files.location_json(place) for place in found]
    origin = files.range_json(Found(path, opened.tree, occurrence))
    return [{"originSelectionRange": origin, **_link(files, place)} for place in found]


def _takes_links(server: NvmServer, every: bool) -> bool:
    """Whether the client shows which stretch leads to which: a `LocationLink`, LSP 3.14."""
    known = server.client_capabilities.text_document
    asked = None if known is None else known.declaration if every else known.definition
    return asked is not None and bool(asked.link_support)


def _link(files: ProgramFiles, place: Found) -> dict[str, Any]:
    """A definition with all lines that belong to it, which editors show beside the name."""
    line = place.occurrence.line
    last = next(
        (
            part.last
            for entry in outline(place.tree)
            for part in (entry, *entry.children)
            if part.definition == place.occurrence
        ),
        line,
    )
    return {
        "targetUri": files.uri(place.path),
        "targetRange": lines_json(files.server, place.tree, line, last),
        "targetSelectionRange": files.range_json(place),
    }


def in_force(assembly: Assembly, target: Target, found: list[Found]) -> list[Found]:
    """Those of several definitions that an assembly goes by; all if it goes by none of them."""
    symbols = assembly.symbols
    symbol = symbols.macro(target.name) if target.is_macro else symbols.find(target.name)
    if symbol is None or symbol.location is None or target.scope is not None:
        return found
    return [place for place in found if _is_at(place, symbol.location)] or found


def _is_at(place: Found, location: Location) -> bool:
    return (place.path, place.occurrence.line) == (location.path, location.span.start.line)


def _file(
    files: ProgramFiles, opened: OpenDocument, position: Position, *, with_origin: bool
) -> list[dict[str, Any]]:
    """The start of the file whose path is under the cursor, if it is there."""
    for link in links(opened.tree):
        if link.line == position.line and link.start <= position.column <= link.end:
            path = files.loader.resolve(link.path, opened.document.path)
            if not files.exists(path):
                continue
            uri, start = files.uri(path), {"line": 0, "character": 0}
            place = {"start": start, "end": start}
            if not with_origin:
                return [{"uri": uri, "range": place}]
            origin = range_json(files.server, opened.tree, link.line, link.start, link.end)
            return [{
                "originSelectionRange": origin, "targetUri": uri, "targetRange": place,
                "targetSelectionRange": place,
            }]
    return []
