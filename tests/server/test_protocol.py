"""What the protocol keeps of requests that are over: nothing.

In this process, for a server that keeps what it should not looks right to every client until the
machine has no memory left.
"""

from __future__ import annotations

import asyncio

from nvm_lsp.server.server import create_server


class Sink:
    """A writer that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None: ...


async def test_nothing_is_kept_of_what_was_answered():
    server = create_server()
    protocol, sink = server.protocol, Sink()
    protocol.set_writer(sink)

    def receive(method, params, **more):
        protocol.receive({"jsonrpc": "2.0", "method": method, "params": params, **more})

    receive("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=0)
    for number in range(1, 4):
        command = {"command": "nvm.run", "arguments": ["file:///nowhere.easm"]}
        receive("workspace/executeCommand", command, id=number)
        receive("workspace/didChangeConfiguration", {"settings": {}})
    receive("textDocument/hover", {
        "textDocument": {"uri": "file:///nowhere.easm"}, "position": {"line": 0, "character": 0},
    }, id=4)
    for _ in range(500):
        if not protocol._request_futures and sum(b'"id"' in data for data in sink.sent) == 5:
            break
        await asyncio.sleep(0.01)
    assert sum(b'"id"' in data for data in sink.sent) == 5
    assert not protocol._request_futures
    await server.close()
