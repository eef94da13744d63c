"""Code actions as an editor meets them: `|` marks the cursor, two of them a selection."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from nvm_lsp.assembler import assemble_text
from tests.server import shared
from tests.server.cursor import applied, at_cursor, selection

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"


async def actions(client, open_text, marked: str, only: list[str] | None = None):
    """The text without marks, and the actions at the mark or selection."""
    if marked.count("|") == 2:
        text, place = selection(marked)
    else:
        text, position = at_cursor(marked)
        place = lsp.Range(position, position)
    await open_text(text, URI)
    found = await client.text_document_code_action_async(
        lsp.CodeActionParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI),
            range=place,
            context=lsp.CodeActionContext(diagnostics=[], only=only),
        )
    )
    return text, found


async def act(client, open_text, marked: str, title: str, only: list[str] | None = None) -> str:
    """The text after the action whose title begins so."""
    text, found = await actions(client, open_text, marked, only)
    chosen = [action for action in found if action.title.startswith(title)]
    assert chosen, f"{title!r} is not among {[action.title for action in found]}"
    action = chosen[0]
    if action.edit is None:
        action = await client.code_action_resolve_async(action)
    (change,) = action.edit.document_changes
    assert change.text_document.uri == URI
    return applied(text, change.edits)


async def same_bytecode(client, open_text, marked: str, title: str) -> str:
    """The text after an action that must keep the bytecode."""
    after = await act(client, open_text, marked, title)
    new = assemble_text(after)
    assert new.ok, (after, new.diagnostics)
    assert new.bytecode == assemble_text(marked.replace("|", "")).bytecode, after
    return after


MACRO = """\
%macro m(x, y) takes(0) returns(1)
    PUSH x * 2
inner:
    PUSH y
    ADD
    PUSH inner
    POP
%end
"""


SELECTORS = (
    "PUSH4 0xa9059cbb\nPUSH1 0\nMSTORE\nPUSH4 0x095ea7b3\nPUSH1 32\nMSTORE\n"
    "PUSH1 64\nPUSH1 0\nRETURN\n"
)


async def test_did_you_mean(client, open_text):
    for marked, title, expected in [
        ("MSTOER|\n", "Replace with MSTORE", "MSTORE\n"),
        ("loop:\nPUSH lo|p\nPOP\n", "Replace with loop", "loop:\nPUSH loop\nPOP\n"),
        ("#@ caler| 1\nSTOP\n", "Replace with caller", "#@ caller 1\nSTOP\n"),
        ('# "😀"\nPUHS1| 1 # é\n', "Replace with PUSH1", '# "😀"\nPUSH1 1 # é\n'),
    ]:
        assert await act(client, open_text, marked, title) == expected, marked


async def test_lint_fixes_and_all_of_them(client, open_text):
    marked = SELECTORS.replace("cbb", "|cbb")
    _, found = await actions(client, open_text, marked)
    fix = next(action for action in found if action.is_preferred)
    assert fix.diagnostics
    after = await same_bytecode(client, open_text, marked, fix.title)
    assert after.startswith('PUSH4 selector("transfer(address,uint256)")\n')
    ignored = await act(client, open_text, "idle|:\nSTOP\n", "Ignore LBL001")
    assert ignored == "idle:  # easm: ignore[LBL001] -- \nSTOP\n"


async def test_fix_all_is_made_when_it_is_asked_for(client, open_text):
    marked = "|" + SELECTORS
    before = marked.replace("|", "")
    _, found = await actions(client, open_text, marked, ["source.fixAll"])
    (action,) = found
    assert action.kind == "source.fixAll.nvm-lsp"
    assert action.edit is None, "it costs something, so it is made when it is asked for"
    resolved = await client.code_action_resolve_async(action)
    (change,) = resolved.edit.document_changes
    after = applied(before, change.edits)
    assert after.count("selector(") == 2
    assert assemble_text(after).ok
    code = next(d.code for d in client.diagnostics[URI] if d.range.start.line == 0)
    client.workspace_did_change_configuration(
        lsp.DidChangeConfigurationParams(settings={"nvm-lsp": {"lint": {"ignore": [code]}}})
    )
    resolved = await client.code_action_resolve_async(action)
    for change in resolved.edit.document_changes:
        assert "selector(" not in applied(before, change.edits), f"{code} is ignored"


async def test_extract_to_constant(client, open_text):
    program = "%def A = 1\n\nstart:\n    PUSH4 sel|ector(\"transfer(address,uint256)\")\n    POP\n"
    after = await same_bytecode(client, open_text, program, "Extract to constant TRANSFER_SELECTOR")
    assert after.startswith(
        '%def A = 1\n%def TRANSFER_SELECTOR = selector("transfer(address,uint256)")\n'
    )
    part = "PUSH1 |2 * 3| + 1\nPOP\n"
    after = await same_bytecode(client, open_text, part, "Extract to constant VALUE")
    assert after == "%def VALUE = 2 * 3\n\nPUSH1 VALUE + 1\nPOP\n"
    several = "PUSH1 |7\nPUSH2 7\nADD\n"
    after = await same_bytecode(client, open_text, several, "Extract all 2 of 7")
    assert after == "%def VALUE = 7\n\nPUSH1 VALUE\nPUSH2 VALUE\nADD\n"
    _, found = await actions(client, open_text, MACRO.replace("x * 2", "x |* 2"))
    assert not any("constant" in action.title for action in found), "x is the macro's own"


async def test_extract_to_macro(client, open_text):
    program = "start:\n|    PUSH1 1\n    PUSH1 2\n    ADD\n|    MUL\n    PUSH start\n    JUMP\n"
    after = await same_bytecode(client, open_text, program, "Extract 3 lines")
    assert after.startswith("%macro extracted() takes(0) returns(1)  # [] -> [0x3]\n")
    assert "    %extracted()\n    MUL\n" in after
    loop = "PUSH1 3\n|again:\n    PUSH1 1\n    ADD\n    PUSH again\n    JUMP\n|"
    after = await same_bytecode(client, open_text, loop, "Extract 5 lines")
    assert "again:" in after
    inside = MACRO.replace("    PUSH y\n    ADD\n", "|    PUSH y\n    ADD\n|") + "%m(1, 2)\n"
    after = await same_bytecode(client, open_text, inside, "Extract 2 lines")
    assert "%macro extracted(y) takes(1) returns(1)\n" in after
    _, found = await actions(client, open_text, "|l:\n    ADD\n|    PUSH l\n    JUMP\n")
    assert not any("macro" in action.title for action in found), "l is used outside"


async def test_inline_macro(client, open_text):
    program = MACRO + "start:\n    %m|(1 + 2, start)  # use\n    %m(4, 5)\n"
    after = await same_bytecode(client, open_text, program, "Inline %m here")
    assert "    PUSH (1 + 2) * 2\nm_inner:\n    PUSH start\n    ADD\n    PUSH m_inner\n" in after
    after = await same_bytecode(client, open_text, program, "Inline %m everywhere")
    assert "%m" not in after.replace("%m_", "")


async def test_widths_of_pushes(client, open_text):
    assert await act(client, open_text, "PUSH|4 0x01\n", "Let PUSH size") == "PUSH 0x01\n"
    assert await same_bytecode(client, open_text, "PUSH| 0x0102\n", "Write as PUSH2")
    assert await same_bytecode(client, open_text, "push| 0\n", "Write as PUSH0") == "push0\n"
    both = "|push1 1\nPUSH2 2\n|"
    assert await act(client, open_text, both, "Let 2 pushes") == "push 1\nPUSH 2\n"


async def test_stack_comments(client, open_text):
    after = await act(client, open_text, "|PUSH1 1\nPUSH1 2\nADD\nSTOP\n|", "Insert 3 stack")
    assert [line.split("# ")[1] for line in after.splitlines()[:3]] == [
        "[0x1]", "[0x2, 0x1]", "[0x3]"
    ]
    wrong = "PUSH1 1\nPUSH1 2 # [a|]\nSTOP\n"
    after = await act(client, open_text, wrong, "Repair stack comment")
    assert after == "PUSH1 1\nPUSH1 2 # [0x2, 0x1]\nSTOP\n"
    # Words that are right stay as they are written.
    wrong = "PUSH1 32\nPUSH1 2 # [0x3|, 32]\nCALLER # [caller, ..]\nSTOP\n"
    after = await act(client, open_text, wrong, "Repair stack comment")
    assert after == wrong.replace("0x3|", "0x2")


async def test_inserted_stack_comments_call_words_as_later_ones_do(client, open_text):
    program = (
        "%macro two()\n    ORIGIN  # [inner]\n    PUSH1 1\n    PUSH ok\n    JUMPI\nok:\n%end\n"
        "|%two()\n%two()\n|CALLER  # [caller, second, first]\nSTOP\n"
    )
    after = await act(client, open_text, program, "Insert 2 stack")
    assert [line for line in after.splitlines() if line.startswith("%two")] == [
        "%two()                  # [first]", "%two()                  # [second, first]"
    ]


async def test_a_probe_is_frozen_into_an_expectation(client, open_text):
    marked = "PUSH1 3\nPUSH1 4\nADD  #? sta|ck[0]\nSTOP\n"
    text, found = await actions(client, open_text, marked)
    assert not any("Freeze" in action.title for action in found)
    await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI])
    )
    found = await client.text_document_code_action_async(
        lsp.CodeActionParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI),
            range=lsp.Range(lsp.Position(0, 0), lsp.Position(4, 0)),
            context=lsp.CodeActionContext(diagnostics=[], only=["refactor.rewrite"]),
        )
    )
    by_title = {action.title: action for action in found}
    frozen = by_title["Freeze to expectation: #= stack[0] 7"]
    after = applied(text, frozen.edit.document_changes[0].edits)
    assert after == "PUSH1 3\nPUSH1 4\nADD  #= stack[0] 7\nSTOP\n"
    end = by_title["Expect this outcome: #= stop"]
    assert applied(text, end.edit.document_changes[0].edits).endswith("STOP  #= stop\n")


async def asked(client, uri: str, first: int, last: int) -> dict[str, lsp.CodeAction]:
    """What may be rewritten in lines, by title."""
    found = await client.text_document_code_action_async(
        lsp.CodeActionParams(
            text_document=lsp.TextDocumentIdentifier(uri=uri),
            range=lsp.Range(lsp.Position(first, 0), lsp.Position(last, 0)),
            context=lsp.CodeActionContext(diagnostics=[], only=["refactor.rewrite"]),
        )
    )
    return {action.title: action for action in found}


async def test_what_was_run_is_frozen_where_it_is_now_and_in_included_files(client, open_text):
    library = "file:///work/library.easm"
    await open_text("%macro seven()\n    PUSH1 7  #? stack[0]\n%end\n", library)
    await open_text('%include "library.easm"\n%seven()\nADDRESS #? gas\nSTOP\n', URI)
    await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI])
    )
    frozen = (await asked(client, library, 0, 3))["Freeze to expectation: #= stack[0] 7"]
    (change,) = frozen.edit.document_changes
    assert (change.text_document.uri, change.edits[0].new_text) == (library, "#= stack[0] 7")
    start = lsp.Position(0, 0)
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=2),
            content_changes=[
                lsp.TextDocumentContentChangePartial(range=lsp.Range(start, start), text="\n\n")
            ],
        )
    )
    titles = await asked(client, URI, 4, 6)
    (gas,) = [title for title in titles if title.startswith("Freeze to expectation: #= gas ")]
    assert titles[gas].edit.document_changes[0].edits[0].range.start.line == 4
    end = titles["Expect this outcome: #= stop"].edit.document_changes[0].edits[0]
    assert end.range.start == lsp.Position(5, 4)


async def test_an_unmet_expectation_is_rewritten_as_the_test_showed_it(client, open_text):
    marked = "PUSH1 3\nPUSH1 4\nADD  #= stack[0] |8\nSTOP  #= stop\n"
    text, _ = await actions(client, open_text, marked)
    await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.test", arguments=[URI])
    )
    found = await client.text_document_code_action_async(
        lsp.CodeActionParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI),
            range=lsp.Range(lsp.Position(0, 0), lsp.Position(4, 0)),
            context=lsp.CodeActionContext(diagnostics=[], only=["quickfix"]),
        )
    )
    (action,) = [action for action in found if "Expect what" in action.title]
    after = applied(text, action.edit.document_changes[0].edits)
    assert after == "PUSH1 3\nPUSH1 4\nADD  #= stack[0] 7\nSTOP  #= stop\n"


async def test_edits_keep_the_line_ends_of_the_file(client, open_text):
    program = "PUSH1 |7\r\nPOP\r\n"
    after = await act(client, open_text, program, "Extract to constant")
    assert after == "%def VALUE = 7\r\n\r\nPUSH1 VALUE\r\nPOP\r\n"


async def test_actions_cope_with_every_text(client, open_text):
    for marked in (
        "|", "😀|", "%macro m(|\r\n", "|\r\n%m(1\r\n|", "PUSH1 (|", "%end|", "l:\nl|:\n",
        "|%m()\n%end|",
    ):
        await actions(client, open_text, marked)
        await actions(client, open_text, marked, ["source"])
    assert not client.log_messages
