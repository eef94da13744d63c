"""Inlay hints as an editor shows them: the text with its hints in « »."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.server import shared

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"
EVERYTHING = lsp.Range(lsp.Position(0, 0), lsp.Position(1000, 0))


async def hints(client, place: lsp.Range = EVERYTHING):
    return await client.text_document_inlay_hint_async(
        lsp.InlayHintParams(text_document=lsp.TextDocumentIdentifier(uri=URI), range=place)
    )


async def shown(client, text: str, *without: str) -> list[str]:
    """The lines of a text with their hints behind them, those that contain a word left out."""
    lines = text.splitlines()
    for hint in await hints(client):
        if not any(word in hint.label for word in without):
            lines[hint.position.line] += f" «{hint.label}»"
    return lines


async def run(client, **options):
    return await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI, options])
    )


async def edit(client, text: str, version: int):
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=version),
            content_changes=[lsp.TextDocumentContentChangeWholeDocument(text=text)],
        )
    )


LOOP = """\
    PUSH1 3
again:
    PUSH1 1
    SWAP1
    SUB  #? stack[0]
    DUP1
    PUSH again
    JUMPI
    STOP  # [..]
"""


async def test_stacks_gas_and_offsets_before_a_run(client, open_text):
    await open_text("PUSH1 3\nPUSH1 4\nADD  # [sum]\nthe_end:\nSTOP\n# é\n", URI)
    lines = await shown(client, "PUSH1 3\nPUSH1 4\nADD\nthe_end:\nSTOP\n# é\n")
    assert lines == [
        "PUSH1 3 «[0x3]» «9 gas»",
        "PUSH1 4 «[0x4, 0x3]»",
        "ADD",
        "the_end: «0x0005» «[0x7]» «1 gas»",
        "STOP «[0x7]»",
        "# é",
    ]
    only = lsp.Range(lsp.Position(1, 0), lsp.Position(1, 3))
    assert {hint.position.line for hint in await hints(client, only)} == {1}


async def test_above_a_line_that_is_being_typed_hints_stay(client, open_text):
    text = "PUSH1 3\nPUSH1 4\nADD\nout:\nPUSH1 1\nPUS\nPOP\nSTOP\n"
    await open_text(text, URI)
    assert await shown(client, text) == [
        "PUSH1 3 «[0x3]» «9 gas»", "PUSH1 4 «[0x4, 0x3]»", "ADD «[0x7]»",
        "out: «0x0005» «[0x7]»", "PUSH1 1 «[0x1, 0x7]»", "PUS", "POP", "STOP",
    ]
    text = "PUSH1 3\n%include \"nowhere.easm\"\nPUSH nothing\n%macro m(\n%end\n"
    await open_text(text, URI)
    assert await shown(client, text) == text.splitlines()


async def test_a_macro_of_several_blocks_shows_the_gas_of_each(client, open_text):
    body = "CALLER\nPUSH ok\nJUMPI\nPUSH0\nDUP1\nREVERT\nok:\n"
    text = f"%macro check()\n{body}%end\n%check()\nSTOP\n"
    await open_text(text, URI)
    (hint,) = [hint for hint in await hints(client) if "gas" in hint.label]
    assert (hint.position.line, hint.label) == (9, "15 / 5 / 1 gas")
    for part in ("the 3 blocks that begin here", "- `0x0000` to `0x0004`: 15 gas\n"):
        assert part in hint.tooltip.value


async def test_hits_tops_gas_and_probes_after_a_run(client, open_text):
    await open_text(LOOP, URI)
    await run(client, target="evm")
    lines = await shown(client, LOOP, "[")
    assert "«3x · 0x2 · 9 gas»" not in lines[0]
    assert lines[0].endswith("«1x · 0x3 · 3 gas»")
    assert lines[2].endswith("«3x · 0x1 · 9 gas»")
    assert "«= 0 (3x)»" in lines[4]
    assert "«⇒ stop · " in lines[8]


async def test_results_move_with_the_text_and_say_that_they_are_older(client, open_text):
    await open_text(LOOP, URI)
    await run(client, target="evm")
    moved = "# new\n# lines\n" + LOOP
    await edit(client, moved, 2)
    lines = await shown(client, moved, "[")
    assert lines[4].endswith("«(3x · 0x1 · 9 gas)»")
    assert "«(= 0 (3x))»" in lines[6]
    assert "text changed since" in lines[10]
    gone = LOOP.replace("    SWAP1\n    SUB  #? stack[0]\n", "    POP\n")
    await edit(client, gone, 3)
    lines = await shown(client, gone, "[")
    assert "= 0" not in "".join(lines)
    assert "text changed since" in lines[-1]


async def test_a_library_shows_what_the_run_of_a_program_did_in_it(client, open_text, tmp_path):
    library, program = (tmp_path / "library.easm"), (tmp_path / "program.easm")
    library.write_text("%macro twice()\n    DUP1\n    ADD\n%end\n")
    uri = library.as_uri()
    await open_text(library.read_text(), uri)
    text = '%include "library.easm"\nPUSH1 1\n%twice()\n%twice()\n#@ target evm\nSTOP\n'
    await open_text(text, program.as_uri())
    await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[program.as_uri()])
    )
    ask = lsp.InlayHintParams(
        text_document=lsp.TextDocumentIdentifier(uri=uri), range=EVERYTHING
    )
    found = await client.text_document_inlay_hint_async(ask)
    assert [(hint.position.line, hint.label) for hint in found] == [
        (1, "2x · 0x2 · 6 gas"), (2, "2x · 0x4 · 6 gas")
    ]


async def test_each_kind_can_be_turned_off(client, open_text):
    await open_text(LOOP, URI)
    await run(client, target="evm")
    kinds = {"stack": "[", "gas": " gas", "offsets": "0x0002", "results": "⇒"}
    for kind, mark in kinds.items():
        settings = {"nvm-lsp": {"inlayHints": {kind: False}}}
        client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams(settings=settings)
        )
        labels = [hint.label for hint in await hints(client)]
        if kind != "gas":
            assert not any(label.startswith(mark) for label in labels), kind
        else:
            assert "3 gas" not in labels
        others = [m for k, m in kinds.items() if k != kind]
        assert all(any(m in label for label in labels) for m in others), kind


async def test_hints_cope_with_every_text(client, open_text):
    for text in (
        "", "😀", "%macro m(\r\n", "l:\r\nl:\r\n", "ADD\nADD\n", "%macro m()\nx:\n%end\n%m()\n"
    ):
        await open_text(text, URI)
        await hints(client)
    assert not client.log_messages
