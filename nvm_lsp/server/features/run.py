"""The command ``nvm.run``: ``[uri, {"target", "case", "snapshots"}]`` to the run's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]


async def handle(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    uri, options, *_ = (*arguments, None, None)
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams("nvm.run takes the URI of a document")
    return await server.run_program(uri, options if isinstance(options, dict) else {})
