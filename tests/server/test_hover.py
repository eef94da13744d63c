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
# Sum of two *words*.
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
        ("SSTO|RE\n", "[key, value] -> []", "evm.codes", "frontier",
         "NestedVM: Writes the wallet's storage.", "Interpretation adds ", "less than the 2 words"),
        ("AD|D\n", "as in the EVM; interpretation adds ", " gas (table), ", " (threaded)\n"),
        ("CL|Z\n", "**not in prague**"),
        ("sha|3\n", "**KECCAK256**", "`SHA3` is another name"),
        ("PU|SH 7\n", "Sizes itself", "here PUSH1 at pc `0x0000`, 2 bytes, 3 gas"),
        ("PUSH4 0xa905|9cbb\n", "`0xa9059cbb` · `2,835,717,307`\n\n- selector of",
         "- selector of `transfer(address,uint256)` (ERC-20)"),
        ("PUSH 1500000000000|000000\n", "`1.5` ether", "`1,500,000,000` gwei"),
        ("PUSH32 0x68656c6c6f|\n", 'text `"hello"`'),
        ("PUSH 0xffffffffffffffffffffffffffffffffffffffff|\n", "`2^160 - 1`", "address"),
        ("PUSH 0xca11e00000000000000|000000000000000000001\n", "address `0xCA11E0"),
        ('PUSH4 sel|ector("harvest(uint256)")\n', "first four bytes", "`0xddc63262`"),
        ("PUSH FE|E + 1\n", "%def FEE = 3 ether", "constant", "1 use", "`3` ether",
         "[line 1](file:///work/program.easm#L1)"),
        ("%def F|EE2 = 2 * FEE # twice\n", "\n\ntwice\n\n", "never used", "`6` ether"),
        ("l|:\nPUSH l\nPUSH l\n", "label", "2 uses", "offset `0x0000`", "stack there `[]`"),
        ("%add|3(1, 2)\n", "%macro add3(x, y)", "Sum of two \\*words\\*.", "1 use",
         "takes 0 words, returns 1", "here it becomes 6 bytes", "PUSH1 0x02",
         "stack after `[0x3]`"),
        ("ADD # easm: ignore[ASM0|10] -- x\n", "macro-arity", "**What it means**"),
        ("l: # easm: ignore[LBL0|01] -- x\n", "unused-label"),
        ("# easm: ig|nore[LBL001] -- x\n", "at this line, or in the whole file"),
        ("%fork can|cun\n", "TLOAD"),
        ("%if fo|rk >= fork.paris\n%end\n", "assembled for", "**prague**"),
        ("%if fork |>= fork.paris\n%end\n", "true (`1`)"),
        ("%i|f FEE == 1\n%end\n", "Assembles lines only if", "the condition is false"),
        ("%if FEE == 1\n%en|d\n", "here it belongs to line 9", "%if FEE == 1"),
        ('%byt|es "abc", FEE:8\n', "raw bytes", "here 11 bytes at pc `0x0000`"),
        ("%bytes FEE:|8\n", "big-endian, 8 bytes"),
        ("PUSH1 1 # [one]\nPUSH1 0\nMSTO|RE\n", "stack before `[0x0, one]`", "stack after `[]`",
         "offset = `0x0` · value = `one`"),
        ("PUSH1 9\nSLO|AD\n", "here 100-2,100 gas: cold slot"),
        ("STOP\nAD|D\n", "No execution comes here."),
        ("ADD\nNO|T\n", "No execution comes here: the stack underflows before."),
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


async def test_above_a_line_that_is_being_typed_stacks_are_known(client, open_text):
    found = await hover(client, open_text, "PUSH1 3\nPO|P # [..]\nPUS\n")
    assert "stack before `[0x3]`" in found
    found = await hover(client, open_text, "PUSH1 3\nPUS\nPO|P\n")
    assert "stack" in found
    assert "---" not in found


async def test_lines_that_are_being_typed_tell_what_their_words_are(client, open_text):
    for marked, part in [
        ("PUSH1 (FE|E + \n", "%def FEE = 3 ether"), ("%add3(FE|E, \n", "%def FEE = 3 ether"),
        ("%ad|d3(1\n", "%macro add3"), ("PU|SH FEE FEE\n", "Sizes itself"),
        ("%table t [FE|E, \n", "%def FEE = 3 ether"), ("%incl|ude lib\n", "Puts another file"),
    ]:
        assert part in await hover(client, open_text, PROGRAM + marked), marked
    for marked in ("PUSH1 0x|\n", "PUSH1 0xz|z\n", "PUSH 1|2ab + 1\n"):
        assert await hover(client, open_text, marked) is None, marked


async def test_what_comments_tell(client, open_text):
    for marked, *parts in [
        ("#@ cal|ler 1\nSTOP\n", "Who calls the wallet"),
        ("#@ caller FE|E\nSTOP\n", "%def FEE = 3 ether"),
        ("#@ fork can|cun\nSTOP\n", "TLOAD"),
        ("#@ kernel table str|ict-jumpdest\nSTOP\n", "inside of push data"),
        ("#@ value 10| ether\nSTOP\n", "`10,000,000,000,000,000,000`"),
        ("#@ calldata 0xa9059cbb" + "00" * 63 + "|00\nSTOP\n", "68 bytes", "`transfer(address,"),
        ("STOP |#? mem[0]\n", "a value shown here after a run"),
        ("STOP #? me|m[0:32]\n", "`mem[0:32]` bytes of the guest's memory"),
        ("STOP #? FE|E + 1\n", "%def FEE = 3 ether"),
        ("#= rev|ert\nSTOP\n", "the run reverts"),
        ("STOP #= gas <= 12|00\n", "`1,200`"),
        ("PUSH1 1 # [on|e]\n", "stack comment", "stack after `[one]`"),
        ("PUSH1 1 # [FE|E]\n", "%def FEE = 3 ether"),
    ]:
        found = await hover(client, open_text, PROGRAM + marked)
        assert found is not None, marked
        for part in parts:
            assert part in found, (marked, part, found)
    for plain in ("# FE|E\n", "STOP # 1|2\n", "#@ bog|us 1\n", "; a|dd\n"):
        assert await hover(client, open_text, PROGRAM + plain) is None, plain


async def test_what_an_include_puts_there(client, open_text, tmp_path):
    (tmp_path / "lib.easm").write_text("%def TEN = 10\n; ten\n%macro ten()\nPUSH TEN\n%end\nSTOP\n")
    uri = (tmp_path / "program.easm").as_uri()
    await open_text('CALLER\n%include "lib.easm"\n%ten()\n', uri)

    async def told(line: int, character: int) -> str:
        found = await client.text_document_hover_async(lsp.HoverParams(
            lsp.TextDocumentIdentifier(uri=uri), lsp.Position(line, character)
        ))
        return found.contents.value

    for column in (3, 12):
        found = await told(1, column)
        link = f"[lib.easm]({(tmp_path / 'lib.easm').as_uri()}) · 1 constant · 1 macro"
        assert link in found, found
        assert "here 1 byte at pc `0x0001`" in found, found
    found = await told(2, 2)
    place = f"[lib.easm, line 3]({(tmp_path / 'lib.easm').as_uri()}#L3)"
    for part in ("\n\nten\n\n", "takes 0 words, returns 1 (found in a use)", place):
        assert part in found, found


async def test_comments_in_columns_keep_their_layout(client, open_text):
    found = await hover(client, open_text, "# in   out\n# a    b\nl|:\nPUSH l\nJUMP\n")
    assert "```text\nin   out\na    b\n```" in found


async def test_a_parameter_tells_what_it_is_in_the_uses(client, open_text):
    text = PROGRAM.replace("PUSH x", "PUSH x|") + "%add3(1, 2)\n%add3(FEE + 1, 2)\n"
    assert "in its uses `1`, `FEE + 1`" in await hover(client, open_text, text)


async def test_scenario_files_tell_what_their_keys_mean(client, open_text, tmp_path):
    await open_text("#@ scenario s.toml\nSTOP\n", (tmp_path / "program.easm").as_uri())
    uri = (tmp_path / "s.toml").as_uri()
    text = 'target = "evm"\n[block]\nnumber = 5\n[[case]]\nname = "a"\ncaller = 1\n'
    await open_text(text, uri)
    for line, column, part in (
        (0, 2, "Default: `nvm`"), (2, 3, "Number of the block"), (2, 9, None), (1, 3, "Fields of"),
        (4, 2, "The case's name"), (5, 2, "Who calls the wallet"), (3, 4, "Runs of their own"),
    ):
        found = await client.text_document_hover_async(lsp.HoverParams(
            lsp.TextDocumentIdentifier(uri=uri), lsp.Position(line, column)
        ))
        assert (part is None) == (found is None), line
        assert part is None or part in found.contents.value, (line, found)


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
    assert "selector of `harvest(uint256)`" in found.contents.value


async def test_a_probe_tells_what_the_last_run_has_shown(client, open_text):
    marked = 'PUSH4 0xa9059cbb\nPOP #? mem[0] + 0x|a9059cbb\nSTOP\n'
    assert "in the last run" not in await hover(client, open_text, marked)
    await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI])
    )
    found = await client.text_document_hover_async(
        lsp.HoverParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI), position=lsp.Position(1, 8)
        )
    )
    assert "in the last run" in found.contents.value
    assert "selector of `transfer(address,uint256)` (ERC-20)" in found.contents.value


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
