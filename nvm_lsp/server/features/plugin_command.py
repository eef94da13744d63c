"""The command ``nvm.plugin``: ``[uri, entry, command, …]`` carries out the command of a plugin's
lens, shows its message, applies its edits, and answers with its data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from nvm_lsp.editor_hooks import CommandResult
from nvm_lsp.plugins import failed, off
from nvm_lsp.server.beside import beside
from nvm_lsp.server.contributions import command, command_flaw, program_of
from nvm_lsp.server.protocol import REQUEST_FAILED

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]

#: Seconds that a command may take; meanwhile the server goes on.
_SECONDS = 60.0
_INFO = 3  # LSP 3.17, MessageType


async def handle(server: NvmServer, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) < 3 or not all(isinstance(word, str) for word in arguments[:3]):
        raise JsonRpcInvalidParams("nvm.plugin takes a URI, an entry of lenses and a command")
    uri, entry, name, *rest = arguments
    opened = server.documents.documents.get(uri)
    if opened is None:
        raise JsonRpcException(f"{uri} is not open", REQUEST_FAILED)
    found = command(entry, name)
    if found is None:
        raise JsonRpcInvalidParams(f"no plugin has a command {name} of {entry}")
    plugin, function = found
    if plugin in off():
        raise JsonRpcException(f"{plugin} is switched off: {off()[plugin]}", REQUEST_FAILED)
    program = program_of(server, opened)
    try:
        result = await beside(lambda: function(program, *rest), _SECONDS)
        problem = command_flaw(result)
        if problem:
            raise TypeError(problem)
    except asyncio.CancelledError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise JsonRpcException(failed(plugin, f"command {name}", error), REQUEST_FAILED) from error
    return _carry_out(server, result) if result is not None else None


def _carry_out(server: NvmServer, result: CommandResult) -> Any:
    if result.edits:
        changes: dict[str, list[lsp.TextEdit]] = {}
        for edit in result.edits:
            text = server.documents.text_of(edit.location.path)
            place = server.converter.range_json(text, edit.location.span)
            start, end = (lsp.Position(**place[name]) for name in ("start", "end"))
            changes.setdefault(server.documents.uri_of(edit.location.path), []).append(
                lsp.TextEdit(lsp.Range(start, end), edit.text)
            )
        server.workspace_apply_edit(
            lsp.ApplyWorkspaceEditParams(edit=lsp.WorkspaceEdit(changes=changes))
        )
    if result.message:
        server.protocol.notify(
            "window/showMessage", {"type": _INFO, "message": result.message}
        )
    return result.data
