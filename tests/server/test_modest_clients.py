"""Clients that show less than VS Code are told what they can show."""

from __future__ import annotations

import pytest

from nvm_lsp.server.markup import plain_text
from tests.server.wire import start

pytestmark = pytest.mark.asyncio

URI = "untitled:one.easm"
PROGRAM = """\
%macro twice(x)
    PUSH x
    DUP1
%end
    PUSH1 3
    PUSH1 4
    ADD
    STOP
"""
PLAIN = ["plaintext"]
MODEST = {
    "textDocument": {
        "hover": {"contentFormat": PLAIN},
        "completion": {"completionItem": {"documentationFormat": PLAIN}},
        "signatureHelp": {"signatureInformation": {"documentationFormat": PLAIN}},
    }
}


def _at(line: int, character: int) -> dict[str, object]:
    return {
        "textDocument": {"uri": URI}, "position": {"line": line, "character": character},
    }


async def test_a_client_that_shows_plain_text_gets_no_markdown():
    one = await start()
    await one.initialize(MODEST)
    one.open(URI, PROGRAM)
    hover = await one.ask("textDocument/hover", _at(6, 5))
    assert hover["contents"]["kind"] == "plaintext"
    assert hover["contents"]["value"].startswith("ADD 0x01 · arithmetic\n\nSum modulo 2^256.\n\n")
    assert "stack after [0x7]" in hover["contents"]["value"]
    assert "evm.codes <https://" in hover["contents"]["value"]

    offered = await one.ask("textDocument/completion", _at(6, 5))
    item = next(item for item in offered["items"] if item["label"] == "ADDMOD")
    told = (await one.ask("completionItem/resolve", item))["documentation"]
    assert told["kind"] == "plaintext"
    assert told["value"].startswith("ADDMOD 0x08")

    signature = (await one.ask("textDocument/signatureHelp", _at(6, 8)))["signatures"][0]
    assert signature["documentation"]["kind"] == "plaintext"
    assert all(isinstance(each["label"], str) for each in signature["parameters"])
    assert await one.end() == 0


async def test_a_client_that_says_nothing_gets_markdown():
    one = await start()
    await one.initialize({})
    one.open(URI, PROGRAM)
    hover = await one.ask("textDocument/hover", _at(6, 5))
    assert hover["contents"]["kind"] == "markdown"
    assert hover["contents"]["value"].startswith("**ADD** `0x01`")
    assert await one.end() == 0


async def test_plain_text_keeps_what_is_code():
    assert plain_text("## Why\n\n`a*b` is **not** [x](y#z) \\| `**`\n") == (
        "Why\n\na*b is not x <y#z> | **"
    )
    assert plain_text("| a | b |\n|---|--:|\n| 1 | 2 |\n```easm\n# `x`\n```\n---") == (
        "| a | b |\n| 1 | 2 |\n# `x`\n---"
    )
