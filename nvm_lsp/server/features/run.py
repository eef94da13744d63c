"""The command ``nvm.run``: a URI and options (target, case, snapshots, markdown) to the JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from nvm_lsp.server.actions.client_commands import tell

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]


async def handle(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    uri, given, *_ = (*arguments, None, None)
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams("nvm.run takes the URI of a document")
    options: dict[str, Any] = given if isinstance(given, dict) else {}
    found = await server.run_program(uri, options)
    from nvm_lsp.server.features.inlay_hint import (  # noqa: PLC0415 -- after a run
        result_label,
        run_tooltip,
    )

    label = result_label(found, stale=False)
    if options.get("markdown") is not True:
        tell(server, label)
        return found
    # The first line tells it all in short, for where there is only one.
    return {**found, "markdown": f"{label}\n\n{run_tooltip(found)}"}
