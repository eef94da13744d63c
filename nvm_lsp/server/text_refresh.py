"""Tells a client when a text that was made for it has become another (LSP 3.18)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["Texts"]

#: Seconds of quiet after an edit, so that a text is not made anew at every key.
_PAUSE = 0.3
_MOST = 100


class Texts:
    """The texts that a client has asked for, by the program that they are made of."""

    def __init__(self, server: NvmServer) -> None:
        self._server = server
        self._asked: dict[str, set[str]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def asked(self, program: str, text: str) -> None:
        """A text of a program was asked for, by its URI."""
        known = self._asked.setdefault(program, set())
        if len(known) < _MOST:
            known.add(text)

    def changed(self, program: str) -> None:
        """A program has changed: its texts are to be asked for anew, once typing pauses."""
        if program not in self._asked or not self._is_supported():
            return
        timer = self._timers.pop(program, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[program] = loop.call_later(_PAUSE, self._refresh, program)

    def forget(self, program: str) -> None:
        """A program was closed."""
        self._asked.pop(program, None)
        timer = self._timers.pop(program, None)
        if timer is not None:
            timer.cancel()

    def _is_supported(self) -> bool:
        workspace = self._server.client_capabilities.workspace
        return getattr(workspace, "text_document_content", None) is not None

    def _refresh(self, program: str) -> None:
        self._timers.pop(program, None)
        for uri in self._asked.get(program, ()):
            future = self._server.protocol.send_request(
                lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH,
                lsp.TextDocumentContentRefreshParams(uri=uri),
            )
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
