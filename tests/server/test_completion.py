"""Completion as an editor meets it: `|` marks the cursor."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.server import shared
from tests.server.cursor import at_cursor
from tests.server.wire import start

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"


async def complete(client, open_text, marked: str, uri: str = URI, trigger: str | None = None):
    text, position = at_cursor(marked, client)
    await open_text(text, uri)
    context = None
    if trigger is not None:
        context = lsp.CompletionContext(
            trigger_kind=lsp.CompletionTriggerKind.TriggerCharacter, trigger_character=trigger
        )
    found = await client.text_document_completion_async(
        lsp.CompletionParams(
            text_document=lsp.TextDocumentIdentifier(uri=uri), position=position, context=context
        )
    )
    return [] if found is None else list(found.items)


async def labels(client, open_text, marked: str, **kwargs):
    return [item.label for item in await complete(client, open_text, marked, **kwargs)]


PROGRAM = """\
%def FEE = 3
%macro add3(x, y) takes(0) returns(1)
    PUSH x
inner:
    PUSH y
    ADD
%end
loop:
    PUSH1 1
"""


async def test_what_may_stand_at_the_cursor(client, open_text):
    for line, first, absent in [
        ("MST|", ["MSTORE", "MSTORE8"], ["loop"]),
        ("    mst|", ["MSTORE"], ["FEE"]),
        ("%|", ["%add3", "%align"], ["ADD"]),
        ("%ad|", ["%add3"], ["%def"]),
        ("PUSH |", ["loop", "FEE"], ["ADD", "%add3", "inner"]),
        ("PUSH1 FE|", ["FEE"], ["loop"]),
        ("PUSH4 sel|", ["selector"], ["loop"]),
        ("PUSH @|", ["@loop"], ["FEE", "loop"]),
        ("PUSH 1 e|", ["ether"], ["loop"]),
        ('PUSH4 selector("transferF|', ["transferFrom(address,address,uint256)"], ["loop"]),
        ('PUSH32 topic("Tran|', ["Transfer(address,address,uint256)"], ["loop"]),
        ("PUSH4 selector(|", ['"transfer(address,uint256)"'], ["loop", "FEE"]),
        ("PUSH len(lo|", ["loop"], ["FEE", "selector"]),
        ("PUSH address(|", ["FEE"], ["loop", "selector"]),
        ("%macro new(a) |", ["takes(n)", "returns(n)"], ["FEE"]),
        ("%macro new takes(1) |", ["returns(n)"], ["takes(n)"]),
        ("%fork |", ["prague", "cancun"], ["loop"]),
        ("%if fo|", ["fork", "fork.paris"], ["loop"]),
        ("%table t [lo|", ["loop"], ["FEE"]),
        ("%table t [loop, |", ["loop", "FEE"], ["selector"]),
        ("%add3(lo|", ["loop"], ["ADD"]),
        ("#|", ["#@", "#?", "#="], ["ADD"]),
        ("#@ bl|", ["block.number"], ["FEE"]),
        ("#@ kernel thr|", ["threaded"], ["FEE"]),
        ("#@ value FE|", ["FEE"], ["ADD"]),
        ("ADD #? st|", ["stack", "stack[0]", "storage[0]"], ["ADD"]),
        ("#= ret|", ["return"], ["ADD"]),
        ("ADD # easm: ignore[ASM01|", ["ASM010"], ["ADD"]),
        ("# easm: |", ["ignore[CODE] -- reason"], ["#@"]),
        ("#@ value 10 |", ["ether", "gwei"], ["FEE"]),
        ("#@ account |", ["FEE"], ["balance="]),
        ("#@ account FEE |", ["balance=", "nonce="], ["FEE"]),
        ("#@ kernel table |", ["threaded", "debug"], ["table"]),
        ("#= halt |", ['"out of gas"'], ["stack", "FEE"]),
        ('#= halt "ou|', ['"out of gas"'], ['"invalid instruction"']),
        ("ADD #= stack[0] |", ["==", "<=", "FEE"], ["return", "stack"]),
        ("ADD #= gas <= |", ["FEE"], ["==", "return", "gas"]),
        ("#= return |", ["FEE"], ["return", "stack"]),
    ]:
        found = await labels(client, open_text, PROGRAM + line + "\nSTOP\n")
        assert set(first) <= set(found), (line, found[:10])
        assert not set(absent) & set(found), line


async def test_nothing_is_offered_where_nothing_fits(client, open_text):
    for line in (
        "ADD |", "# plain |", '%assert 1 "te|', "PUSH1 12|", "x: |", "%include |",
        "lo|op:", "PUSH keccak256(|", "#@ case |",
    ):
        assert not await labels(client, open_text, PROGRAM + line + "\n"), line


async def test_what_suits_the_place_comes_first(client, open_text):
    head = (
        "%def FEE = 3\n%def OWNER = 0x3a11e70000000000000000000000000000000001\n"
        "%macro pay(to, fee)\nPUSH to\nPUSH fee\n%end\nzoo:\n"
        'PUSH4 selector("harvest(uint256)")\n'
    )
    for marked, *first in [
        ("PUSH |\n# to the start\n\nJUMP\n", "zoo"),
        ("PUSH |\nJUMPI\n", "zoo"),
        ("PUSH |\nPOP\n", "FEE", "OWNER"),
        ("PUSH20 |\n", "OWNER"),
        ("PUSH2 |\n", "FEE", "zoo"),
        ("PUSH4 |\n", 'selector("harvest(uint256)")'),
        ("%pay(|\n", "FEE", "OWNER"),
        ("%pay(1, |\n", "FEE"),
        ("%if 1\n%|\n", "%end", "%pay", "%else"),
        ("%if fork >= |\n%end\n", "fork", "fork.osaka", "fork.prague"),
        ("%fork |\n", "osaka", "prague", "cancun"),
        ("#@ fork |\n", "osaka", "prague", "cancun"),
        ("#@ caller |\n", "OWNER"),
        ("sl|\n", "SLOAD", "SLT"),
        ("dif|\n", "DIFFICULTY"),
        ("pre|\n", "PREVRANDAO"),
    ]:
        items = await complete(client, open_text, head + marked)
        assert [item.label for item in items][: len(first)] == first, marked
        order = [item.sort_text for item in items]
        assert order == sorted(order), marked


async def test_mnemonics_are_written_as_the_formatter_would(client, open_text, tmp_path):
    uri = (tmp_path / "program.easm").as_uri()
    for case, marked, label in [
        ("upper", "mst|", "MSTORE"), ("lower", "MST|", "mstore"), ("lower", "|", "add"),
        ("keep", "mst|", "mstore"), ("keep", "MST|", "MSTORE"), ("keep", "    pop\n\n|", "add"),
        ("keep", "push1 1\nPOP\n|", "ADD"),
    ]:
        (tmp_path / "nvm-lsp.toml").write_text(f'[format]\nmnemonic-case = "{case}"\n')
        client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([
            lsp.FileEvent((tmp_path / "nvm-lsp.toml").as_uri(), lsp.FileChangeType.Changed)
        ]))
        items = await complete(client, open_text, marked, uri=uri)
        assert items[0].label == label, (case, marked)
        resolved = await client.completion_item_resolve_async(items[0])
        assert label.upper() in resolved.documentation.value


async def test_the_stack_after_the_line_is_offered_as_its_comment(client, open_text):
    for line in ("PUSH1 7 #|", "PUSH1 7 # |", "PUSH1 7  # [|"):
        found = await labels(client, open_text, f"PUSH1 2\nPUSH1 3\n{line}\n")
        assert found[:1] == ["# [0x7, 0x3, 0x2]"], (line, found)
    assert (await labels(client, open_text, "ADDD\nPUSH1 7 #|\n"))[0] == "#@"
    text = "PUSH1 7 # |\n"
    assert not await labels(client, open_text, text, trigger=" ")


async def test_what_clients_can_do_is_used(tmp_path):
    item = {
        "snippetSupport": True, "insertReplaceSupport": True, "labelDetailsSupport": True,
        "documentationFormat": ["markdown"],
    }
    completion = {"completionItem": item, "completionList": {"itemDefaults": ["editRange"]}}
    wire = await start()
    await wire.initialize({"textDocument": {"completion": completion}})

    async def ask(marked: str) -> tuple[dict, list[dict]]:
        text, position = at_cursor(marked)
        wire.open(URI, text)
        found = await wire.ask("textDocument/completion", {
            "textDocument": {"uri": URI},
            "position": {"line": position.line, "character": position.character},
        })
        wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        place = found["itemDefaults"]["editRange"]
        columns = (
            place["insert"]["start"]["character"], place["insert"]["end"]["character"],
            place["replace"]["end"]["character"],
        )
        return columns, found["items"]

    columns, (load, *_) = await ask('%bytes "é😀"\n    ML|OA  # é\n')
    assert columns == (4, 6, 8)
    assert (load["label"], "textEdit" in load, "textEditText" in load) == ("MLOAD", False, False)
    assert load["labelDetails"] == {"description": "[offset] -> [value], 3 gas"}
    columns, (macro,) = await ask(PROGRAM + "    %ad|d3(1, 2)\n")
    assert columns == (4, 7, 9)
    assert "textEditText" not in macro  # the arguments are there already
    assert macro["labelDetails"] == {"detail": "(x, y)", "description": "takes(0) returns(1)"}
    columns, (macro,) = await ask(PROGRAM + "    %ad|\n")
    assert macro["textEditText"] == "%add3(${1:x}, ${2:y})"
    assert "filterText" not in macro
    _, items = await ask(PROGRAM + "    add|\n")
    (macro,) = (item for item in items if item["label"] == "%add3")
    assert macro["filterText"] == "add3"  # nobody has to type the percent sign
    columns, items = await ask('PUSH4 selector("transferF|rom(")\n')
    assert columns == (16, 25, 29)
    assert items[0]["labelDetails"] == {"description": "ERC-20 · 0x23b872dd"}
    await wire.end()


async def test_parameters_and_labels_of_a_macro_come_first_inside_of_it(client, open_text):
    marked = PROGRAM.replace("    PUSH y\n", "    PUSH |\n")
    found = await labels(client, open_text, marked)
    assert found[:3] == ["x", "y", "inner"]


async def test_of_many_names_those_that_begin_with_the_word_are_kept(client, open_text):
    many = "".join(f"label{number}:\n" for number in range(500)) + "elf:\n"
    found = await labels(client, open_text, many + "PUSH el|\n")
    assert found[0] == "elf"
    assert len(found) == 400
    assert (await labels(client, open_text, many + "PUSH label49|\n"))[0] == "label49"


async def test_macros_have_snippets_for_their_parameters(client, open_text):
    (item,) = await complete(client, open_text, PROGRAM + "%add|\n")
    assert item.text_edit.new_text == "%add3(${1:x}, ${2:y})"
    assert item.insert_text_format is lsp.InsertTextFormat.Snippet
    assert item.detail == "(x, y) takes(0) returns(1)"


async def test_the_word_before_the_cursor_is_replaced_in_utf_16_units(client, open_text):
    items = await complete(client, open_text, '%def FEE = 1\n%bytes "😀é", FE|\n')
    (item,) = items
    assert (item.text_edit.range.start.character, item.text_edit.range.end.character) == (14, 16)


async def test_resolve_says_more(client, open_text):
    for line, label, part in [
        ("MSTOR|", "MSTORE", "[offset, value] -> []"),
        ("%add|", "%add3", "%macro add3(x, y)"),
        ("PUSH lo|", "loop", "offset `0x0000`"),
        ("PUSH FE|", "FEE", "constant"),
        ("%ali|", "%align", "multiple"),
        ("#@ cal|", "caller", "Who calls the wallet"),
        ("PUSH keccak|", "keccak256", "Keccak-256 of a string"),
    ]:
        items = await complete(client, open_text, PROGRAM + line + "\n")
        item = next(item for item in items if item.label == label)
        assert item.documentation is None
        resolved = await client.completion_item_resolve_async(item)
        assert part in resolved.documentation.value
        assert resolved.text_edit == item.text_edit


async def test_paths_of_the_folder_are_offered(client, open_text, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "math.easm").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "two.toml").write_text("")
    uri = (tmp_path / "program.easm").as_uri()
    assert await labels(client, open_text, '%include "|', uri=uri) == ["lib/"]
    found = await labels(client, open_text, '%include "lib/m|"', uri=uri)
    assert found == ["lib/math.easm"]
    assert await labels(client, open_text, "#@ scenario t|", uri=uri) == ["two.toml"]
    assert not await labels(client, open_text, '%include "/etc/|"', uri=uri)
    assert not await labels(client, open_text, '%include "../|"', uri=uri)


async def test_signatures_of_other_open_programs_are_offered(client, open_text):
    await open_text('PUSH4 selector("harvest(uint256)")\n', "file:///work/other.easm")
    found = await complete(client, open_text, 'PUSH4 selector("har|")\n')
    assert [item.label for item in found][:1] == ["harvest(uint256)"]


async def test_signatures_of_programs_in_the_workspace_are_offered(client, open_text, tmp_path):
    (tmp_path / "vault.easm").write_text('PUSH4 selector("harvest(uint256)")\nSTOP\n')
    client.workspace_did_change_workspace_folders(
        lsp.DidChangeWorkspaceFoldersParams(
            event=lsp.WorkspaceFoldersChangeEvent(
                added=[lsp.WorkspaceFolder(uri=tmp_path.as_uri(), name="work")], removed=[]
            )
        )
    )
    found = await complete(
        client, open_text, 'PUSH4 selector("har|")\n', uri=(tmp_path / "program.easm").as_uri()
    )
    assert [item.label for item in found][:1] == ["harvest(uint256)"]


async def test_scenarios_in_toml(client, open_text):
    assert not await labels(client, open_text, "tar|", uri="file:///work/other.toml")
    await open_text("#@ scenario two.toml\nSTOP\n", URI)
    for marked, expected in [
        ("tar|", ["target"]),
        ("target = \"|\"", ["nvm", "evm"]),
        ("[block]\nnum|", ["number"]),
        ("[bl|", ["block"]),
        ("[[ca|", ["case"]),
        ("[[case]]\nname = \"a\"\nexp|", ["expect"]),
        ("kernel = [\"thr|\"]", ["threaded"]),
        ('[accounts."0x01"]\nbal|', ["balance"]),
    ]:
        found = await labels(client, open_text, marked, uri="file:///work/two.toml")
        assert found[: len(expected)] == expected, marked


async def test_paths_in_toml(client, open_text, tmp_path):
    (tmp_path / "token.easm").write_text("")
    (tmp_path / "vault.json").write_text("")
    await open_text("#@ scenario two.toml\nSTOP\n", (tmp_path / "program.easm").as_uri())
    uri = (tmp_path / "two.toml").as_uri()
    for marked, expected in [
        ('abi = "v|"', ["vault.json"]),
        ('abi = ["vault.json", "|"]', ["vault.json"]),
        ('[accounts."0x01"]\ncode = "|', ["token.easm", "vault.json"]),
        ('[accounts."0x01"]\nlabel = "|"', []),
    ]:
        assert await labels(client, open_text, marked, uri=uri) == expected, marked


async def test_completion_copes_with_every_text(client, open_text):
    for marked in (
        "|", "\r\n|\r\n", "%macro m(\r\n%|", "😀|", 'PUSH "|', "PUSH1 (|", "%table t [|", "#@|"
    ):
        await complete(client, open_text, marked)
    assert not client.log_messages


async def test_a_space_triggers_nothing_at_the_start_of_a_line(client, open_text):
    assert not await labels(client, open_text, " |\n", trigger=" ")
    assert "loop" in await labels(client, open_text, "loop:\nPUSH |\n", trigger=" ")
