"""textDocument/diagnostic and workspace/diagnostic: what is wrong, when the client asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException

from nvm_lsp.server.diagnoser import Outdated
from nvm_lsp.server.protocol import SERVER_CANCELLED

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "handle_workspace"]


async def handle(server: NvmServer, params: lsp.DocumentDiagnosticParams) -> dict[str, Any]:
    try:
        return await server.diagnoser.pull(params)
    except Outdated:
        raise JsonRpcException(
            "the text has changed meanwhile", SERVER_CANCELLED, {"retriggerRequest": True}
        ) from None


async def handle_workspace(
    server: NvmServer, params: lsp.WorkspaceDiagnosticParams
) -> dict[str, Any]:
    return await server.diagnoser.pull_workspace(params)
