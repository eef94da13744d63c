"""A client that sends and reads raw messages, for what a well-behaved client would never do."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

SERVE = [sys.executable, "-m", "nvm_lsp", "serve"]


class Wire:
    """One conversation over a pair of streams; messages that come unasked are kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: Any, process: Any = None) -> None:
        self.reader, self.writer, self.process = reader, writer, process
        self.number = 0
        self.notifications: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.answers: dict[Any, dict[str, Any]] = {}
        #: What requests of the server are answered with, by method.
        self.replies: dict[str, Any] = {}

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.raw(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"method": method, "params": params})

    def request(self, method: str, params: Any = None) -> int:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        return self.number

    async def receive(self) -> dict[str, Any]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        length = int(head.lower().split(b"content-length:")[1].split()[0])
        message: dict[str, Any] = json.loads(await self.reader.readexactly(length))
        self.take(message)
        return message

    def take(self, message: dict[str, Any]) -> None:
        """Keeps what has come; a request of the server is answered."""
        if "method" not in message:
            self.answers[message["id"]] = message
        elif "id" in message:
            self.requests.append(message)
            reply = self.replies.get(message["method"])
            result = reply(message["params"]) if callable(reply) else reply
            self.send({"id": message["id"], "result": result})
        else:
            self.notifications.append(message)

    async def answer(self, number: Any) -> dict[str, Any]:
        while number not in self.answers:
            await self.receive()
        return self.answers.pop(number)

    async def ask(self, method: str, params: Any = None) -> Any:
        answer = await self.answer(self.request(method, params))
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def fails(self, method: str, params: Any = None) -> dict[str, Any]:
        return (await self.answer(self.request(method, params)))["error"]

    async def notified(self, method: str, **wanted: Any) -> dict[str, Any]:
        """The next notification of a method with such parameters."""
        while True:
            for message in self.notifications:
                params = message["params"]
                if message["method"] == method and all(
                    params.get(key) == value for key, value in wanted.items()
                ):
                    self.notifications.remove(message)
                    return params
            await self.receive()

    async def initialize(self, capabilities: Any = None, **params: Any) -> Any:
        known = {"processId": os.getpid(), "rootUri": None, "capabilities": capabilities or {}}
        result = await self.ask("initialize", {**known, **params})
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, version: int = 1) -> None:
        item = {"uri": uri, "languageId": "easm", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def set_text(self, uri: str, text: str, version: int) -> None:
        self.notify("textDocument/didChange", {
            "textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}],
        })

    def said(self, method: str) -> list[str]:
        """The messages that have come so far."""
        return [m["params"]["message"] for m in self.notifications if m["method"] == method]

    async def diagnostics(self, uri: str, **wanted: Any) -> list[str]:
        """Codes of the next diagnostics that are pushed for a document."""
        params = await self.notified("textDocument/publishDiagnostics", uri=uri, **wanted)
        return [item["code"] for item in params["diagnostics"]]

    async def end(self) -> int:
        """Leaves as one should; the exit code."""
        await self.ask("shutdown")
        self.notify("exit")
        return await asyncio.wait_for(self.process.wait(), 20)


async def spawn(
    *arguments: str, cwd: str | None = None, env: Any = None, stderr: Any = None
) -> asyncio.subprocess.Process:
    """A server's process, to be spoken to over standard input and output."""
    return await asyncio.create_subprocess_exec(
        *SERVE, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=stderr, limit=1 << 26, cwd=cwd, env=env,
    )


async def start(*arguments: str, cwd: str | None = None, env: Any = None) -> Wire:
    """A server on standard input and output."""
    process = await spawn(*arguments, cwd=cwd, env=env)
    assert process.stdout is not None
    return Wire(process.stdout, process.stdin, process)
