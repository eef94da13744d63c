"""Progress of a run in the editor (LSP 3.17, Work Done Progress); it can be cancelled there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from nvm_lsp.server.protocol import WORK_DONE_TOKEN

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["run_progress"]

_numbers = count(1)


@contextlib.asynccontextmanager
async def run_progress(
    server: NvmServer, title: str
) -> AsyncIterator[Callable[[int], None]]:
    """What takes the number of steps that a run has made, while the block runs.

    If the client has given no token with the command, one is made when the run tells for the first
    time how far it is, so that short runs show nothing.
    """
    task = asyncio.current_task()
    assert task is not None
    token = WORK_DONE_TOKEN.get()
    if token is not None:
        async with server.reporting(token, title) as report:
            yield lambda steps: report(f"{steps:,} steps")
        return
    window = server.client_capabilities.window
    if window is None or not window.work_done_progress:
        yield lambda steps: None
        return
    own = f"nvm-lsp run {next(_numbers)}"
    told = _Told(server, own, title)
    server.progress_tasks[own] = task
    try:
        yield told
    finally:
        server.progress_tasks.pop(own, None)
        told.end()


class _Told:
    """Begins a progress with the first report, once the client has agreed to it."""

    def __init__(self, server: NvmServer, token: str, title: str) -> None:
        self._server = server
        self._token = token
        self._title = title
        self._creation: asyncio.Task[None] | None = None
        self._begun = False

    def __call__(self, steps: int) -> None:
        if self._creation is None:
            self._creation = asyncio.ensure_future(self._create())
        if self._begun:
            self._send({"kind": "report", "message": f"{steps:,} steps"})

    async def _create(self) -> None:
        await self._server.protocol.send_request_async(
            lsp.WINDOW_WORK_DONE_PROGRESS_CREATE,
            lsp.WorkDoneProgressCreateParams(token=self._token),
        )
        self._send({"kind": "begin", "title": self._title, "cancellable": True})
        self._begun = True

    def _send(self, value: dict[str, Any]) -> None:
        self._server.send_progress(self._token, value)

    def end(self) -> None:
        if self._begun:
            self._send({"kind": "end"})
        elif self._creation is not None:
            self._creation.cancel()
        self._begun = False
