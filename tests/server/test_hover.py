"""Hover as an editor meets it: `|` marks the cursor."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.server import shared
from tests.server.cursor import at_cursor

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"
PROGRAM = """\
%def FEE = 3 ether
%macro add3(x, y) takes(0) returns(1)
    PUSH x
inner:
    PUSH y
    ADD
%end
"""


async def hover(client, open_text, marked: str) -> str | None:
    text, position = at_cursor(marked)
    await open_text(text, URI)
    found = await client.text_document_hover_async(
        lsp.HoverParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI), position=position
        )
    )
    return None if found is None else found.contents.value


async def test_what_a_hover_tells(client, open_text):
    for marked, *parts in [
        ("SSTO|RE\n", "[key, value] -> []", "Writes the wallet's storage", "evm.codes", "frontier"),
        ("PU|SH 7\n", "sizes itself", "Here: PUSH1 at pc `0x0000`"),
        ("PUSH4 0xa905|9cbb\n", "`0xa9059cbb`", "`2,835,717,307`", "transfer(address,uint256)"),
        ("PUSH 1500000000000|000000\n", "`1.5` ether", "`1,500,000,000` gwei"),
        ("PUSH32 0x68656c6c|6f\n", 'text `"hello"`'),
        ("PUSH 0xca11e00000000000000|000000000000000000001\n", "address `0xCA11E0"),
        ('PUSH4 sel|ector("harvest(uint256)")\n', "first four bytes", "`0xddc63262`"),
        ("PUSH FE|E + 1\n", "constant", "1 use", "`3` ether"),
        ("%def F|EE2 = 2 * FEE\n", "never used", "`6` ether"),
        ("l|:\nPUSH l\nPUSH l\n", "label", "2 uses", "offset `0x0000`"),
        ("%add|3(1, 2)\n", "%macro add3(x, y)", "takes 0 words, returns 1", "1 use",
         "PUSH1 0x02", "stack after `[0x3]`"),
        ("#@ cal|ler 1\nSTOP\n", "Who calls the wallet"),
        ("ADD # easm: ignore[ASM0|10] -- x\n", "macro-arity"),
        ("l: # easm: ignore[LBL0|01] -- x\n", "unused-label"),
        ("%fork can|cun\n", "TLOAD"),
        ("PUSH1 1 # [one]\nPUSH1 0\nMSTO|RE\n", "stack before `[0x0, one]`", "stack after `[]`",
         "offset = `0x0` · value = `one`"),
        ("STOP\nAD|D\n", "No execution comes here"),
    ]:
        found = await hover(client, open_text, PROGRAM + marked)
        assert found is not None, marked
        for part in parts:
            assert part in found, (marked, part, found)
    body = PROGRAM.replace("    AD", "    A|D") + "CALLER\n%add3(1, 2)\n%add3(3, 4)\n"
    found = await hover(client, open_text, body)
    assert "in its first use: stack before" in found
    assert "stack after `[0x3, caller]`" in found
    inside = PROGRAM.replace("PUSH y", "PUSH |y")
    assert "parameter of `%add3`" in await hover(client, open_text, inside)
    assert "each use of the macro has its own" in await hover(
        client, open_text, PROGRAM.replace("inner", "inn|er")
    )


async def test_selectors_are_read_with_the_abi_of_the_scenario(client, open_text, tmp_path):
    (tmp_path / "vault.json").write_text(
        '[{"type": "function", "name": "harvest", "inputs": [{"name": "n", "type": "uint256"}]}]'
    )
    uri = (tmp_path / "program.easm").as_uri()
    await open_text("#@ abi vault.json\nPUSH4 0xddc63262\n", uri)
    found = await client.text_document_hover_async(
        lsp.HoverParams(
            text_document=lsp.TextDocumentIdentifier(uri=uri), position=lsp.Position(1, 9)
        )
    )
    assert "selector `harvest(uint256)`" in found.contents.value


async def test_a_probe_tells_what_the_last_run_has_shown(client, open_text):
    marked = 'PUSH4 0xa9059cbb\nPOP #? mem[0] + 0x|a9059cbb\nSTOP\n'
    assert await hover(client, open_text, marked) is None
    await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI])
    )
    found = await client.text_document_hover_async(
        lsp.HoverParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI), position=lsp.Position(1, 8)
        )
    )
    assert "selector `transfer(address,uint256) (ERC-20)`" in found.contents.value


async def test_columns_of_a_hover_are_utf_16_units(client, open_text):
    text, _ = at_cursor("|")
    await open_text('%bytes "😀é", 0x1234\n' + text, URI)
    found = await client.text_document_hover_async(
        lsp.HoverParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI), position=lsp.Position(0, 15)
        )
    )
    assert (found.range.start.character, found.range.end.character) == (14, 20)


async def test_hover_copes_with_every_text(client, open_text):
    for marked in (
        "|", "😀|", "%macro m(|\r\n", "PUHS1| 1\r\n", "%end|", 'PUSH "|', "#@ |\n", "#|"
    ):
        await hover(client, open_text, marked)
    assert not client.log_messages
