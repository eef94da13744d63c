"""TCP and WebSocket: framing, one server a connection, and who may connect."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from nvm_lsp.cli.serve import EDITORS
from nvm_lsp.server.settings_schema import sections
from tests.server.wire import SERVE, Wire

URI = "file:///work/program.easm"


@pytest.fixture
async def listen():
    """Starts a listening server; its host and port."""
    processes = []

    async def started(*arguments):
        process = await asyncio.create_subprocess_exec(
            *SERVE, *arguments, stderr=asyncio.subprocess.PIPE
        )
        processes.append(process)
        line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
        found = re.search(r"listening on \w+://([\d.]+):(\d+)", line)
        assert found, line
        return found[1], int(found[2])

    yield started
    for process in processes:
        process.kill()
        await process.wait()
        process._transport.close()


async def test_each_tcp_connection_has_documents_of_its_own(listen):
    host, port = await listen("--tcp", "127.0.0.1:0")
    first = Wire(*await asyncio.open_connection(host, port))
    second = Wire(*await asyncio.open_connection(host, port))
    await first.initialize()
    await second.initialize()
    first.open(URI, "ADDD\n")
    second.open(URI, "STOP\n")
    assert await first.diagnostics(URI) == ["ASM001"]
    assert await second.diagnostics(URI) == []
    await first.ask("shutdown")
    first.notify("exit")
    assert await asyncio.wait_for(first.reader.read(), 20) == b""
    second.set_text(URI, "SUBB\n", 2)
    assert await second.diagnostics(URI) == ["ASM001"]
    second.writer.close()
    third = Wire(*await asyncio.open_connection(host, port))
    await third.initialize()
    third.writer.close()
    first.writer.close()


async def test_what_is_no_language_client_is_not_listened_to(listen):
    host, port = await listen("--tcp", "127.0.0.1:0")
    # A page in a browser can make it send this.
    reader, writer = await asyncio.open_connection(host, port)
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}'
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def check_websocket(socket) -> None:
    async def send(message):
        await socket.send(json.dumps({"jsonrpc": "2.0", **message}))

    await send({"id": 1, "method": "initialize", "params": {"processId": None, "capabilities": {}}})
    answer = json.loads(await asyncio.wait_for(socket.recv(), 20))
    assert answer["result"]["serverInfo"]["name"] == "nvm-lsp"
    await send({"method": "initialized", "params": {}})
    item = {"uri": URI, "languageId": "easm", "version": 1, "text": "ADDD # \U0001f600\n"}
    await send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if message["method"] == "textDocument/publishDiagnostics":
            break
    assert [d["code"] for d in message["params"]["diagnostics"]] == ["ASM001"]
    await send({"id": 2, "method": "shutdown"})
    while json.loads(await asyncio.wait_for(socket.recv(), 20)).get("id") != 2:
        pass
    await send({"method": "exit"})


async def test_websocket_frames_are_messages(listen):
    host, port = await listen("--ws", "127.0.0.1:0")
    for _ in range(2):
        async with connect(f"ws://{host}:{port}") as socket:
            await check_websocket(socket)


async def test_pages_of_other_origins_cannot_connect(listen):
    host, port = await listen("--ws", "127.0.0.1:0", "--allow-origin", "http://localhost:3000")
    with pytest.raises(InvalidStatus):
        async with connect(f"ws://{host}:{port}", origin="http://evil.example"):
            pass
    async with connect(f"ws://{host}:{port}", origin="http://localhost:3000") as socket:
        await check_websocket(socket)


def test_other_machines_are_refused_unless_allowed():
    for option in ("--tcp", "--ws"):
        done = subprocess.run(
            [*SERVE, option, "0.0.0.0:0"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "--allow-remote" in done.stderr


def test_an_address_that_is_none_is_a_usage_error():
    done = subprocess.run([*SERVE, "--tcp", "nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "HOST:PORT" in done.stderr


def test_the_help_tells_how_to_hook_up_editors():
    done = subprocess.run(
        [sys.executable, "-m", "nvm_lsp", "serve", "--help"], capture_output=True, text=True,
        check=True,
    )
    for editor in ("VS Code", "Neovim 0.11", "Neovim 0.7", "Emacs", "Helix", "Sublime", "Vim,"):
        assert editor in done.stdout
    assert "FILES" not in done.stdout, "the help names the folder"
    (folder,) = set(re.findall(r"'(/.*)/vim'", done.stdout))
    assert Path(folder, "vim", "lsp", "nvm_lsp.lua").is_file()


def test_the_page_about_editors_has_the_lines_of_the_help():
    page = (Path(__file__).parents[2] / "docs" / "editors.md").read_text(encoding="utf-8")
    section = page.split("## Running a program")[0]
    blocks = re.findall(r"^```\w+\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 11
    for block in blocks:
        assert indent(block, " " * 6).rstrip() in EDITORS


def test_the_page_about_editors_names_every_setting():
    page = (Path(__file__).parents[2] / "docs" / "editors.md").read_text(encoding="utf-8")
    for section in sections():
        for name in section["properties"]:
            word = name.removeprefix("nvm-lsp.").split(".")
            assert word[-1] in page, name
