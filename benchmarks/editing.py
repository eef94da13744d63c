"""How fast the server answers: ``python -m benchmarks.editing``.

Spawn to the answer of initialize, beside an empty pygls server in the same run; an edit to its
diagnostics, in files of 1,000, 10,000 and 50,000 lines.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

EMPTY = """
from pygls.lsp.server import LanguageServer
LanguageServer("empty", "1").start_io()
"""
OURS = [sys.executable, "-m", "nvm_lsp", "serve", "--stdio"]
URI = "file:///work/bench.easm"


class Client:
    """As little of an LSP client as timing needs."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.count = 0

    def send(self, method: str, params: Any, *, request: bool = False) -> int:
        self.count += 1
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if request:
            message["id"] = self.count
        body = json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()
        return self.count

    def receive(self) -> dict[str, Any]:
        stdout = self.process.stdout
        assert stdout is not None
        length = 0
        while line := stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(stdout.read(length))

    def until(self, key: str, value: Any) -> dict[str, Any]:
        while True:
            message = self.receive()
            if message.get(key) == value:
                return message

    def initialize(self) -> None:
        number = self.send(
            "initialize", {"processId": None, "rootUri": None, "capabilities": {}}, request=True
        )
        self.until("id", number)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def main() -> None:
    empty = _start([sys.executable, "-c", EMPTY])
    ours = _start(OURS)
    print(
        f"spawn to initialize: {ours * 1e3:.0f} ms, empty pygls server {empty * 1e3:.0f} ms, "
        f"ratio {ours / empty:.2f}"
    )
    for lines in (1_000, 10_000, 50_000):
        _edits(lines)


def _start(command: list[str]) -> float:
    times = []
    for _ in range(9):
        began = time.perf_counter()
        client = Client(command)
        client.initialize()
        times.append(time.perf_counter() - began)
        client.close()
    return statistics.median(times)


def program(lines: int) -> str:
    """A text like one that people write: instructions with stack comments, labels, jumps."""
    block = ["l{n}:", "    PUSH2 0x{v:x}   # [{n}]", "    PUSH1 0x01", "    ADD", "    POP",
             "    PUSH l{n}", "    POP", "    DUP1   # [a, a]", "    POP", ""]
    out = ["PUSH1 1"]
    number = 0
    while len(out) < lines:
        out += [line.format(n=number, v=number & 0xFFFF) for line in block]
        number += 1
    return "\n".join(out[:lines]) + "\n"


def _edits(lines: int) -> None:
    client = Client(OURS)
    client.initialize()
    client.send("initialized", {})
    text = program(lines)
    client.send(
        "textDocument/didOpen",
        {"textDocument": {"uri": URI, "languageId": "easm", "version": 1, "text": text}},
    )
    client.until("method", "textDocument/publishDiagnostics")
    times = []
    for version in range(2, 32):
        line = (version * 7919) % (lines - 2)
        position = {"line": line, "character": 0}
        began = time.perf_counter()
        client.send(
            "textDocument/didChange",
            {
                "textDocument": {"uri": URI, "version": version},
                "contentChanges": [
                    {"range": {"start": position, "end": position}, "text": "CALLER\nPOP\n"}
                ],
            },
        )
        client.until("method", "textDocument/publishDiagnostics")
        times.append(time.perf_counter() - began)
    client.close()
    times.sort()
    print(
        f"edit to diagnostics, {lines:,} lines: p50 {statistics.median(times) * 1e3:.1f} ms, "
        f"p95 {times[int(len(times) * 0.95)] * 1e3:.1f} ms (a pause of 30 ms included)"
    )


if __name__ == "__main__":
    main()
