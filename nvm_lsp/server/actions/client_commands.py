"""Commands that the client has by itself, as it lists them in ``experimental.commands``.

One that lists none is a common client: of what a command answers it shows nothing, so that is told
in a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["client_has", "tell"]


def client_has(server: NvmServer, command: str) -> bool:
    """Whether the client has a command by itself."""
    return command in _commands(server)


def tell(server: NvmServer, text: str) -> None:
    """Says what a command has shown, where nothing else would."""
    if not _commands(server):
        server.protocol.notify(
            lsp.WINDOW_SHOW_MESSAGE, {"type": int(lsp.MessageType.Info), "message": text}
        )


def _commands(server: NvmServer) -> tuple[object, ...]:
    experimental = server.client_capabilities.experimental
    commands = experimental.get("commands") if isinstance(experimental, dict) else (
        getattr(experimental, "commands", None)
    )
    return tuple(commands) if isinstance(commands, list | tuple) else ()
