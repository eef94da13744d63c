"""Clients that show less than VS Code are told what they can show."""

from __future__ import annotations

import pytest

from nvm_lsp.server.hovers.markup import plain_text
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
    assert hover["contents"]["value"].startswith("ADD 0x01 · arithmetic")
    assert "\nSum modulo 2^256.\n" in hover["contents"]["value"]
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


PROBED = "    PUSH1 7\n    STOP #? stack[0]\n"
CASES = "    STOP\n#@ case one\n#= stop\n#@ case two\n#= stop\n"
SHOWS_ALL = {
    "workspace": {"inlayHint": {"refreshSupport": True}}, "textDocument": {"codeLens": {}},
    "experimental": {"commands": ["nvm-lsp.rename"]},
}
PULLS = {"textDocument": {"diagnostic": {"relatedDocumentSupport": True}}}


async def run(one, **options) -> dict[str, object]:
    arguments = [URI, options] if options else [URI]
    ran = {"command": "nvm.run", "arguments": arguments}
    return await one.ask("workspace/executeCommand", ran)


async def run_diagnostics(one, code: str) -> list[str]:
    """What a client that is pushed to gets of a run, once it ends with such a code."""
    while True:
        told = (await one.notified("textDocument/publishDiagnostics", uri=URI))["diagnostics"]
        found = [item for item in told if item.get("source") == "nvm-lsp run"]
        if code in [item["code"] for item in found]:
            return [item["message"] for item in found]


async def run_actions(one, line: int) -> dict[str, list[object]]:
    place = {"line": line, "character": 0}
    found = await one.ask("textDocument/codeAction", {
        "textDocument": {"uri": URI}, "range": {"start": place, "end": place},
        "context": {"diagnostics": []},
    })
    return {
        a["title"]: [a["command"]["command"], *a["command"]["arguments"][1:]]
        for a in found if a["kind"] == "source.run.nvm-lsp"
    }


async def test_a_client_that_says_nothing_of_itself_sees_what_a_run_has_shown_and_can_start_it():
    one = await start()
    await one.initialize({})
    one.open(URI, PROGRAM)
    hover = await one.ask("textDocument/hover", _at(6, 5))
    assert hover["contents"]["kind"] == "markdown"
    assert hover["contents"]["value"].startswith("**ADD** `0x01`")

    one.set_text(URI, CASES, 2)
    always = {
        "▶ Run on NestedVM": ["nvm.run"], "Run natively": ["nvm.run", {"target": "evm"}],
        "Test all cases": ["nvm.test"],
    }
    assert await run_actions(one, 0) == always
    assert await run_actions(one, 3) == always | {
        "▶ Run two": ["nvm.run", {"case": "two"}], "Test": ["nvm.test", {"case": "two"}],
    }
    one.set_text(URI, "    NOTHING\n", 3)
    assert await run_actions(one, 0) == {}, "a program with errors cannot run"

    one.set_text(URI, PROBED, 4)
    assert "markdown" not in await run(one)
    await one.ask("workspace/executeCommand", {"command": "nvm.compare", "arguments": [URI]})
    ended, compared = one.said("window/showMessage")
    assert ended.startswith("⇒ stop · ")
    assert compared.startswith("table stop ")
    assert compared.endswith(" gas: same steps, same result")
    probe, end = await run_diagnostics(one, "stop")
    assert probe == "stack[0] = 7"
    assert end.startswith("⇒ stop · ")
    text = str((await run(one, markdown=True))["markdown"])
    assert text.startswith("⇒ stop · ")
    assert "stack, top first: `0x7`" in text
    assert await one.end() == 0


async def test_a_client_that_shows_hints_and_lenses_gets_neither_as_something_else():
    one = await start()
    await one.initialize(SHOWS_ALL)
    one.open(URI, PROBED)
    assert await run_actions(one, 0) == {}
    await run(one)
    one.set_text(URI, "    PUSH1 0 #? stack[0]\n    PUSH1 0\n    REVERT\n", 2)
    await run(one)
    assert await run_diagnostics(one, "revert") == ["the run reverts here without data"]
    assert not one.said("window/showMessage")
    assert await one.end() == 0


async def test_a_client_that_cannot_be_told_to_pull_again_is_pushed_what_a_run_has_found():
    one = await start()
    await one.initialize(PULLS)
    one.open(URI, PROBED)
    await run(one)
    assert len(await run_diagnostics(one, "stop")) == 2
    one.set_text(URI, PROBED + "# edited\n", 2)
    assert await one.diagnostics(URI) == [], "from here on it pulls"
    told = await one.ask("textDocument/diagnostic", {"textDocument": {"uri": URI}})
    assert [item["code"] for item in told["items"]][-2:] == ["probe", "stop"]
    assert await one.end() == 0


async def test_helix_spells_a_capability_its_own_way():
    one = await start()
    await one.initialize(PULLS | {"workspace": {"diagnostic": {"refreshSupport": True}}})
    one.open(URI, PROBED)
    await run(one)
    while "workspace/diagnostic/refresh" not in [m["method"] for m in one.requests]:
        await one.receive()
    assert await one.end() == 0


async def test_a_client_that_leaves_out_parameters_is_asked_for_its_settings():
    one = await start()
    asked = []
    one.replies["workspace/configuration"] = lambda params: asked.append(params) or [None]
    folder = {"processId": None, "rootUri": None, "rootPath": None, "workspaceFolders": None}
    nothing = {"textDocument": None, "window": None, "general": None}
    known = {**folder, "capabilities": {**nothing, "workspace": {"configuration": True}}}
    await one.ask("initialize", known)
    one.send({"method": "initialized"})
    while not asked:
        await one.receive()
    one.send({"method": "workspace/didChangeConfiguration"})
    while len(asked) < 2:
        await one.receive()
    assert await one.end() == 0


async def test_a_command_finds_a_document_however_its_uri_is_spelt():
    one = await start()
    await one.initialize(SHOWS_ALL)
    one.open("file:///work/a%20b/c+d.easm", "    STOP\n")
    for spelt in ("file:///work/a%20b/c%2Bd.easm", "file:///work/a b/c+d.easm"):
        ran = {"command": "nvm.run", "arguments": [spelt]}
        assert (await one.ask("workspace/executeCommand", ran))["outcome"] == "stop"
    ran["arguments"] = ["file:///work/other.easm"]
    assert "not open" in (await one.fails("workspace/executeCommand", ran))["message"]
    assert await one.end() == 0


async def test_plain_text_keeps_what_is_code():
    assert plain_text("## Why\n\n`a*b` is **not** [x](y#z) \\| `**`\n") == (
        "Why\n\na*b is not x <y#z> | **"
    )
    assert plain_text(r"a\_b \[c\] `d\_`") == r"a_b [c] d\_"
    assert plain_text("| a | b |\n|---|--:|\n| 1 | 2 |\n```easm\n# `x`\n```  \n\n---\n\nEnd  ") == (
        "| a | b |\n| 1 | 2 |\n# `x`\n\nEnd"
    )
