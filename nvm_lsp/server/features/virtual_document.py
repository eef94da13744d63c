"""nvm/virtualDocument and workspace/textDocumentContent (LSP 3.18): texts made from a program.

``{"uri": …, "kind": …}`` gives ``{"uri", "kind", "text", "languageId", "version"}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from nvm_lsp.server.paths import path_of
from nvm_lsp.server.protocol import REQUEST_FAILED
from nvm_lsp.server.virtual_documents import (
    KINDS,
    document_text,
    program_of_uri,
    uri_of_document,
)

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["content", "handle", "program"]

_LANGUAGES = {"disassembly": "easm", "listing": "plaintext", "dot": "dot", "mermaid": "mermaid"}


def handle(server: NvmServer, params: Any) -> dict[str, Any]:
    uri, kind = getattr(params, "uri", None), getattr(params, "kind", None)
    if not isinstance(uri, str) or not isinstance(kind, str) or kind not in KINDS:
        raise JsonRpcInvalidParams(f"nvm/virtualDocument takes a uri and one of {', '.join(KINDS)}")
    opened = program(server, uri)
    return {
        "uri": uri_of_document(uri, kind),
        "kind": kind,
        "text": document_text(server.documents.assembly(opened), kind),
        "languageId": _LANGUAGES.get(kind, "plaintext"),
        "version": opened.version,
    }


def content(server: NvmServer, params: lsp.TextDocumentContentParams) -> dict[str, Any]:
    found = program_of_uri(params.uri)
    if found is None:
        raise JsonRpcInvalidParams(f"{params.uri} is no text that nvm-lsp makes")
    uri, kind = found
    opened = program(server, uri)
    server.texts.asked(uri, params.uri)
    return {"text": document_text(server.documents.assembly(opened), kind)}


def program(server: NvmServer, uri: str) -> OpenDocument:
    """A program of the editor's, or one on disk that may be read.

    Raises:
        JsonRpcException: there is none.
    """
    opened = server.documents.documents.get(uri)
    if opened is None:
        path = path_of(uri)
        if server.documents.boundary().allows(path):
            opened = server.documents.closed(path)
    if opened is None or opened.too_large:
        raise JsonRpcException(f"{uri} is not open, and cannot be read", REQUEST_FAILED)
    return opened
