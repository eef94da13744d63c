"""textDocument/documentSymbol: macros with their labels, labels, constants and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.server.outline import SYMBOL_KINDS, Entry, outline
from nvm_lsp.server.program_files import lines_json, range_json
from nvm_lsp.syntax import SyntaxTree

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]


def handle(server: NvmServer, params: lsp.DocumentSymbolParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    entries = outline(opened.tree)
    if _hierarchical(server):
        return [_symbol(server, opened.tree, entry) for entry in entries]
    return [
        {
            "name": entry.name,
            "kind": SYMBOL_KINDS[entry.kind],
            "location": {
                "uri": opened.uri,
                "range": lines_json(server, opened.tree, entry.first, entry.last),
            },
            **({"containerName": outer} if outer else {}),
        }
        for entry, outer in _flat(entries)
    ]


def _hierarchical(server: NvmServer) -> bool:
    capabilities = server.client_capabilities.text_document
    symbols = capabilities.document_symbol if capabilities is not None else None
    return symbols is not None and bool(symbols.hierarchical_document_symbol_support)


def _symbol(server: NvmServer, tree: SyntaxTree, entry: Entry) -> dict[str, Any]:
    place = entry.definition
    symbol: dict[str, Any] = {
        "name": entry.name,
        "kind": SYMBOL_KINDS[entry.kind],
        "range": lines_json(server, tree, entry.first, entry.last),
        "selectionRange": range_json(server, tree, place.line, place.start, place.end),
    }
    if entry.detail:
        symbol["detail"] = entry.detail
    if entry.children:
        symbol["children"] = [_symbol(server, tree, child) for child in entry.children]
    return symbol


def _flat(entries: tuple[Entry, ...]) -> list[tuple[Entry, str]]:
    flat: list[tuple[Entry, str]] = []
    for entry in entries:
        flat.append((entry, ""))
        flat += [(child, entry.name) for child in entry.children]
    return flat
