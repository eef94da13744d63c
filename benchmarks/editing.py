"""How fast the server answers: ``python -m benchmarks.editing``.

Spawn to the answer of initialize, beside an empty pygls server; an edit to its diagnostics in files
of 1,000, 10,000 and 50,000 lines, beside ``ruff server`` on Python files of as many lines; hover
while a guest runs, completion and semantic tokens after edits at 10,000 lines; memory at 50,000.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EMPTY = """
from pygls.lsp.server import LanguageServer
LanguageServer("empty", "1").start_io()
"""
OURS = [sys.executable, "-m", "nvm_lsp", "serve", "--stdio"]
URI = "file:///work/bench.easm"
RUNS = 40


class Client:
    """As little of an LSP client as timing needs."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.buffer = b""
        self.last = 0.0
        self.count = 0
        self.version = 1

    def send(self, method: str, params: Any, *, request: bool = False) -> int:
        self.count += 1
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if request:
            message["id"] = self.count
        body = json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self.count

    def receive(self) -> dict[str, Any]:
        while b"\r\n\r\n" not in self.buffer:
            self._read()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        while len(self.buffer) < length:
            self._read()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return json.loads(body)

    def _read(self) -> None:
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        if not data:
            raise EOFError("the server has gone")
        self.buffer += data

    def settle(self, seconds: float = 0.5) -> None:
        """Waits until the server has had nothing to say for a while."""
        while self.buffer or select.select([self.process.stdout.fileno()], [], [], seconds)[0]:
            self.receive()
            self.last = time.perf_counter()

    def until(self, key: str, value: Any) -> dict[str, Any]:
        while True:
            message = self.receive()
            if message.get(key) == value and ("method" in message) == (key == "method"):
                return message

    def diagnostics(self) -> dict[str, Any]:
        """The diagnostics of the text as it is now."""
        while True:
            message = self.until("method", "textDocument/publishDiagnostics")
            if message["params"].get("version") == self.version:
                return message

    def ask(self, method: str, params: Any) -> Any:
        return self.until("id", self.send(method, params, request=True)).get("result")

    def initialize(self, capabilities: dict[str, Any] | None = None) -> None:
        self.ask(
            "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities or {}}
        )

    def open(self, text: str, uri: str = URI, language: str = "easm") -> None:
        self.version = 1
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.send("textDocument/didOpen", {"textDocument": item})

    def insert(self, line: int, text: str, uri: str = URI) -> None:
        self.version += 1
        position = {"line": line, "character": 0}
        change = {"range": {"start": position, "end": position}, "text": text}
        self.send(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": self.version}, "contentChanges": [change]},
        )

    def memory(self) -> tuple[float, float]:
        """Resident memory now and at its most, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return tuple(
            int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM")
        )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("start", "edits", "requests"))
    only = parser.parse_args().only
    if only in (None, "start"):
        _starts()
    if only in (None, "edits"):
        for lines in (1_000, 10_000, 50_000):
            _edits(lines)
    if only in (None, "requests"):
        _requests(10_000)


def program(lines: int) -> str:
    """A program like those that people write: constants, loops, stack comments; no findings."""
    block = ["l{n}:                     # [a]", "    PUSH2 {v:#x}       # [b, a]", "    ADD",
             "    DUP1               # [c, c]", "    PUSH l{n}", "    JUMPI              # [c]",
             "    PUSH1 {k}", "    SLOAD", "    XOR", ""]
    out = ["    CALLER"]
    number = 0
    while len(out) < lines - 2:
        out += [line.format(n=number, v=0x1000 + number, k=number % 200 + 2) for line in block]
        number += 1
    return "\n".join([*out[: lines - 2], "    POP", "    STOP"]) + "\n"


def python_program(lines: int) -> str:
    """Python like that which people write: this very file, over and over, its names numbered."""
    source = Path(__file__).read_text().split('"""', 2)[2].splitlines()
    out: list[str] = []
    number = 0
    while len(out) < lines:
        out += [re.sub(r"^(def|class) (\w+)", rf"\1 \2_{number}", line) for line in source]
        number += 1
    return "\n".join(out[:lines]) + "\n"


def _starts() -> None:
    commands = {"empty": [sys.executable, "-c", EMPTY], "ours": OURS}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(15):  # in turn, so that whatever else the machine does hits both
        for name, command in commands.items():
            began = time.perf_counter()
            client = Client(command)
            client.initialize()
            times[name].append(time.perf_counter() - began)
            client.close()
    ours, empty = statistics.median(times["ours"]), statistics.median(times["empty"])
    print(
        f"spawn to initialize: {ours * 1e3:.0f} ms, empty pygls server {empty * 1e3:.0f} ms, "
        f"ratio {ours / empty:.2f}"
    )


def _edits(lines: int) -> None:
    """Edits of ours and of ruff's in turn."""
    ours, theirs = Client(OURS), Client([shutil.which("ruff") or "ruff", "server"])
    ours.initialize()
    ours.send("initialized", {})
    theirs.initialize()
    theirs.send("initialized", {})
    ours.open(program(lines))
    ours.until("method", "textDocument/publishDiagnostics")
    uri = "file:///work/bench.py"
    theirs.open(python_program(lines), uri, "python")
    theirs.until("method", "textDocument/publishDiagnostics")
    ours.settle(3)
    pick = random.Random(1)
    idle = 0.3 if lines < 5_000 else 0.8 if lines < 20_000 else 3
    mine, complete, ruffs = [], [], []
    for _ in range(RUNS if lines < 20_000 else RUNS // 2):
        line = pick.randrange(10, lines - 10)
        began = time.perf_counter()
        ours.insert(line, "    PUSH1 3\n    POPP\n")
        found = ours.diagnostics()
        mine.append(time.perf_counter() - began)
        assert any("POPP" in item["message"] for item in found["params"]["diagnostics"])
        # Mended, the rules have their say, too: until then what they said before is shown.
        began = time.perf_counter()
        end = {"line": line + 2, "character": 0}
        ours.version += 1
        change = {"range": {"start": {"line": line, "character": 0}, "end": end}, "text": ""}
        ours.send("textDocument/didChange", {
            "textDocument": {"uri": URI, "version": ours.version}, "contentChanges": [change],
        })
        ours.diagnostics()
        mine.append(time.perf_counter() - began)
        ours.last = time.perf_counter()
        ours.settle(idle)
        complete.append(ours.last - began)
        began = time.perf_counter()
        theirs.insert(line, "import unused_module\n", uri)
        theirs.diagnostics()
        ruffs.append(time.perf_counter() - began)
    now, most = ours.memory()
    ours.close()
    theirs.close()
    print(
        f"edit to diagnostics, {lines:,} lines: {_times(mine)}; ruff server {_times(ruffs)}; "
        f"ratio of p50 {statistics.median(mine) / statistics.median(ruffs):.2f}; "
        f"all rules done: {_times(complete)}; memory {now:.0f} MB, at most {most:.0f} MB"
    )


def _requests(lines: int) -> None:
    client = Client(OURS)
    client.initialize({"textDocument": {"semanticTokens": {
        "requests": {"full": {"delta": True}, "range": True}, "tokenTypes": [],
        "tokenModifiers": [], "formats": ["relative"],
    }}})
    client.send("initialized", {})
    client.open(program(lines))
    client.until("method", "textDocument/publishDiagnostics")
    endless = "file:///work/endless.easm"
    client.open("again:\n    PUSH again\n    JUMP\n", endless)
    client.until("method", "textDocument/publishDiagnostics")
    client.settle()
    document = {"uri": URI}
    pick = random.Random(2)

    def hover() -> None:
        position = {"line": pick.randrange(lines), "character": 5}
        client.ask("textDocument/hover", {"textDocument": document, "position": position})

    running = client.send(
        "workspace/executeCommand", {"command": "nvm.run", "arguments": [endless]}, request=True
    )
    time.sleep(0.5)
    print(f"hover during a run, {lines:,} lines: {_times(_timed(hover, 200))}")
    client.send("$/cancelRequest", {"id": running})

    def complete() -> None:
        line = pick.randrange(10, lines - 10)
        client.insert(line, "    P\n")
        began = time.perf_counter()
        position = {"line": line, "character": 5}
        client.ask("textDocument/completion", {"textDocument": document, "position": position})
        completions.append(time.perf_counter() - began)
        client.settle()

    completions: list[float] = []
    for _ in range(RUNS):
        complete()
    print(f"completion after an edit, {lines:,} lines: {_times(completions)}")
    answer = client.ask("textDocument/semanticTokens/full", {"textDocument": document})
    if answer is None:
        print("semantic tokens: none yet")
    else:
        tokens: list[float] = []
        for _ in range(RUNS):
            client.insert(pick.randrange(10, lines - 10), "    CALLER\n    POP\n")
            began = time.perf_counter()
            answer = client.ask(
                "textDocument/semanticTokens/full/delta",
                {"textDocument": document, "previousResultId": answer["resultId"]},
            )
            tokens.append(time.perf_counter() - began)
            client.settle()
        print(f"semantic tokens delta after an edit, {lines:,} lines: {_times(tokens)}")
    client.close()


def _timed(function: Callable[[], object], runs: int) -> list[float]:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return times


def _times(times: list[float]) -> str:
    ordered = sorted(times)
    return (
        f"p50 {statistics.median(ordered) * 1e3:.1f} ms, "
        f"p95 {ordered[int(len(ordered) * 0.95)] * 1e3:.1f} ms"
    )


if __name__ == "__main__":
    main()
