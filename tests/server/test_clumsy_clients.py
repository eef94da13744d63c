"""Clients that do not do as LSP says: what they send is refused, and harms nothing else."""

from __future__ import annotations

import json

import pytest

from tests.server.test_behaviour import URI, wire  # noqa: F401 -- a fixture


def framed(message) -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


HOVER = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
REFUSED = [
    (b"{not json", None, -32700),
    (b"", None, -32700),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}', None, -32700),
    (b"[" * 100_000, None, -32700),
    ([], None, -32600),
    ([{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}], None, -32600),
    ({"jsonrpc": "1.0", "id": 90, "method": "shutdown"}, 90, -32600),
    ({"jsonrpc": "2.0", "id": 91, "method": ["shutdown"]}, 91, -32600),
    ({"jsonrpc": "2.0", "id": [1], "method": "textDocument/hover", "params": HOVER}, None, -32600),
    ({"jsonrpc": "2.0", "id": {}, "method": "textDocument/hover", "params": HOVER}, None, -32600),
    ({"jsonrpc": "2.0", "id": 92, "method": "initialize", "params": {}}, 92, -32600),
    ({"jsonrpc": "2.0", "id": 93, "method": "$/nonsense"}, 93, -32601),
    ({"jsonrpc": "2.0", "id": 94, "method": "textDocument/hover",
      "params": {**HOVER, "position": {"line": -1, "character": 0}}}, 94, -32602),
]
PASSED_OVER = [
    {"jsonrpc": "2.0", "method": "$/nonsense", "params": [1]},
    {"jsonrpc": "2.0", "method": "initialize", "params": {}},
    {"jsonrpc": "2.0", "id": "nobody asked", "result": {}},
    {"jsonrpc": "2.0", "id": 95},
    {"jsonrpc": "2.0", "method": "$/cancelRequest"},
    {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": [1]}},
    {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 4711}},
    {"jsonrpc": "2.0", "method": "window/workDoneProgress/cancel", "params": {"token": "none"}},
    {"jsonrpc": "2.0", "method": "$/setTrace", "params": {"value": "loud"}},
    {"jsonrpc": "2.0", "method": "nvm/didChangeTrust", "params": {"trusted": "yes"}},
    {"jsonrpc": "2.0", "method": "workspace/didChangeWatchedFiles",
     "params": {"changes": [{"uri": uri, "type": 1} for uri in ("", "http://[::1", "file:///%00")]}},
    {"jsonrpc": "2.0", "method": "workspace/didChangeWorkspaceFolders", "params": {"event": {
        "added": [{"uri": uri, "name": ""} for uri in ("memfs:/a", "file:///%00", "file:///\ud800")],
        "removed": [{"uri": "file:///never/there", "name": ""}]}}},
    {"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": URI}}},
    {"jsonrpc": "2.0", "method": "textDocument/didSave", "params": {"textDocument": {"uri": URI}}},
]


async def test_what_is_no_message_of_lsp_is_refused_or_passed_over(wire):  # noqa: F811
    one = await wire()
    one.raw(framed(PASSED_OVER[1]))  # a notification does not initialize
    assert (await one.fails("textDocument/hover", HOVER))["code"] == -32002
    await one.initialize()
    for message, number, code in REFUSED:
        one.raw(framed(message))
        assert (await one.answer(number))["error"]["code"] == code, message
    for message in PASSED_OVER:
        one.raw(framed(message))
    one.open("file:///half/\ud800.easm", "# \ud800\nADDD\n")
    one.open(URI, "PUSH \ud800\n%error \"\ud800\"\n")
    assert await one.diagnostics(URI) == ["SYN001", "SYN001"]
    assert one.said("window/logMessage") == one.said("window/showMessage") == []
    assert await one.end() == 0


def edit(first, column, last, end, text):
    return {"range": {"start": {"line": first, "character": column},
                      "end": {"line": last, "character": end}}, "text": text}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_edits_count_in_the_encoding_that_was_agreed_on(wire, encoding):  # noqa: F811
    one = await wire()
    answer = await one.initialize({"general": {"positionEncodings": [encoding]}})
    assert answer["capabilities"]["positionEncoding"] == encoding
    head = "# e\u0301 \U0001F469\u200D\U0001F680 "  # a letter and its accent, a picture of three
    width = len(head.encode({"utf-8": "utf-8"}.get(encoding, encoding + "-le")))
    width //= {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    lines = [head + "tail\r\n", "PUSH 1\r", "PUSH 2\n", "PUSH 3"]
    one.open(URI, "".join(lines))
    one.notify("textDocument/didChange", {
        "textDocument": {"uri": URI, "version": 2},
        "contentChanges": [
            edit(0, width, 0, width + 4, "\nADDD # "),
            edit(2, 99, 2, 99, "1"),  # past the end of the line: its end
            edit(99, 0, 999, 0, "3"),  # past the end of the text: its end
            edit(3, 6, 3, 0, "2"),  # the end before the start: nothing is replaced
        ],
    })
    assert await one.diagnostics(URI, version=2) == ["ASM001"]
    one.set_text(URI, (head + "\nPUSH 11\rPUSH 22\nPUSH 33").replace("\r", "\n"), 3)
    wanted = (await one.ask("nvm/virtualDocument", {"uri": URI, "kind": "bytecode"}))["text"]
    one.set_text(URI, "".join(lines), 4)
    one.notify("textDocument/didChange", {
        "textDocument": {"uri": URI, "version": 5},
        "contentChanges": [
            edit(1, 99, 1, 99, "1"), edit(99, 0, 999, 0, "3"), edit(2, 6, 2, 0, "2"),
        ],
    })
    found = (await one.ask("nvm/virtualDocument", {"uri": URI, "kind": "bytecode"}))["text"]
    assert found == wanted


async def test_changes_without_a_version_or_a_document(wire):  # noqa: F811
    one = await wire()
    await one.initialize()
    one.set_text(URI, "ADDD\n", 1)
    one.open(URI, "STOP\n", 3)
    one.notify("textDocument/didChange", {
        "textDocument": {"uri": URI, "version": None}, "contentChanges": [{"text": "ADDD\n"}],
    })
    assert await one.diagnostics(URI, version=4) == ["ASM001"]
    one.notify("textDocument/didChange", {
        "textDocument": {"uri": URI, "version": 5},
        "contentChanges": [{"text": "SUBB\nMULL\n"}, edit(0, 0, "one", 0, "")],
    })
    assert await one.diagnostics(URI, version=5) == ["ASM001", "ASM001"]
    one.open(URI, "STOP\n", 1)  # a second time, without having closed it
    assert await one.diagnostics(URI, version=1) == []
    said = one.said("window/logMessage")
    assert [part in text for part, text in zip(
        ["without being open", "is not as in LSP"], said, strict=True
    )] == [True, True], said
