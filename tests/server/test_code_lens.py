"""Code lenses as an editor shows them."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.server import shared

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"
PROGRAM = """\
%macro add3(x, y) takes(0) returns(1)
    PUSH1 x
    PUSH1 y
    ADD
%end
#@ case one
#@ case two words
    %add3(1, 2)
again:
    CALLER
    PUSH again
    JUMPI
    STOP
idle:
    STOP
"""


async def lenses(client) -> dict[int, list[str]]:
    """The titles of the lenses by line, lazy ones resolved."""
    found = await client.text_document_code_lens_async(
        lsp.CodeLensParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    )
    titles: dict[int, list[str]] = {}
    for lens in found:
        if lens.command is None:
            lens = await client.code_lens_resolve_async(lens)
        titles.setdefault(lens.range.start.line, []).append(lens.command.title)
    return titles


async def test_programs_cases_macros_and_labels_have_lenses(client, open_text):
    await open_text(PROGRAM, URI)
    assert await lenses(client) == {
        0: ["1 use · 5 bytes · 9 gas"],
        5: ["▶ Run one", "Test"],
        6: ["▶ Run two words", "Test"],
        7: [
            "▶ Run on NestedVM", "Run natively", "Compare with native", "Test all cases",
            "13 bytes · 25+ gas natively",
        ],
        8: ["1 reference · 5 bytes · 16 gas"],
        13: ["0 references · never reached"],
    }


async def test_a_program_with_errors_has_no_figures(client, open_text):
    await open_text("%macro two()\nPUSH1 2\n%end\nout:\nADDD\n", URI)
    assert await lenses(client) == {
        0: ["0 uses"], 3: ["▶ Run on NestedVM", "Run natively", "Compare with native",
                           "0 references"],
    }


async def test_a_lens_runs_its_case(client, open_text):
    await open_text("#@ case five\n#@ storage 0 = 5\nPUSH1 0\nSLOAD\nPUSH1 0\nMSTORE\nSTOP\n", URI)
    found = await client.text_document_code_lens_async(
        lsp.CodeLensParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    )
    lens = next(lens for lens in found if lens.command and lens.command.title == "▶ Run five")
    result = await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command=lens.command.command, arguments=lens.command.arguments)
    )
    assert int(result["memory"], 16) == 5


async def test_lenses_can_be_turned_off(client, open_text):
    await open_text(PROGRAM, URI)
    client.workspace_did_change_configuration(
        lsp.DidChangeConfigurationParams(
            settings={"nvm-lsp": {"codeLens": {"compare": False, "gas": False, "test": False}}}
        )
    )
    titles = await lenses(client)
    assert titles[7] == ["▶ Run on NestedVM", "Run natively"]
    assert titles[8] == ["1 reference"]
    client.workspace_did_change_configuration(
        lsp.DidChangeConfigurationParams(settings={"nvm-lsp": {"codeLens": {"enable": False}}})
    )
    assert not await lenses(client)


async def test_of_very_many_lenses_the_first_are_shown(client, open_text):
    await open_text("".join(f"l{n}:\n" for n in range(20_010)), URI)
    found = await client.text_document_code_lens_async(
        lsp.CodeLensParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    )
    assert 20_000 <= len(found) <= 20_010
    assert not client.log_messages


async def test_lenses_cope_with_every_text(client, open_text):
    for text in ("", "😀", "%macro m(\r\n", "l:\r\nl:\r\n", "PUHS1 1\nSTOP\n", "%m()\n"):
        await open_text(text, URI)
        await lenses(client)
    assert not client.log_messages
