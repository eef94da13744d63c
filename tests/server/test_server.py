"""The server as an editor meets it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from lsprotocol import types as lsp

URI = "file:///work/program.easm"
THREE_PLUS_FOUR = """\
# 3 + 4
PUSH1 0x03
PUSH1 0x04
ADD
PUSH1 0x00
MSTORE
PUSH1 0xff
PUSH1 0x00
RETURN
"""


async def edit(client, line: int, start: int, end: int, text: str, version: int):
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=version),
            content_changes=[
                lsp.TextDocumentContentChangePartial(
                    range=lsp.Range(lsp.Position(line, start), lsp.Position(line, end)), text=text
                )
            ],
        )
    )
    await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return client.diagnostics[URI]


async def run(client, *arguments):
    return await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI, *arguments])
    )


async def hints(client):
    return await client.text_document_inlay_hint_async(
        lsp.InlayHintParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI),
            range=lsp.Range(lsp.Position(0, 0), lsp.Position(1000, 0)),
        )
    )


async def test_all_errors_are_reported_with_their_spans(open_text):
    found = await open_text("PUHS1 1\nPUSH1 0x100\nPUSH nowhere\n# fine\n")
    assert [(d.code, d.range.start.line, d.range.start.character) for d in found] == [
        ("ASM001", 0, 0),
        ("ASM005", 1, 6),
        ("ASM006", 2, 5),
    ]


async def test_columns_are_utf_16_units(open_text):
    found = await open_text('%bytes "😀é", nowhere:2\n')
    assert [(d.code, d.range.start.character, d.range.end.character) for d in found] == [
        ("ASM006", 14, 21)
    ]


async def test_edits_behind_an_emoji_are_in_utf_16_units(client, open_text):
    await open_text('STOP\n%bytes "😀", 0x00 # é\n')
    # The emoji is two units: 0x00 stands at 13 to 17.
    assert not await edit(client, 1, 13, 17, "0xff", 2)
    found = await edit(client, 1, 13, 17, "nowhere", 3)
    assert [(d.code, d.range.start.character, d.range.end.character) for d in found] == [
        ("ASM029", 13, 20)
    ]


def workers(server: int) -> set[int]:
    """The worker processes of a server."""
    found = set()
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(folder.name)
            words = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == server and b"nvm_lsp.runner.worker" in words:
                found.add(pid)
    return found


async def test_cancelling_kills_the_process_of_the_run(client, open_text):
    await open_text("loop:\nPUSH loop\nJUMP\n")
    server = client._server.pid
    for _ in range(100):
        before = workers(server)
        if before:
            break
        await asyncio.sleep(0.1)
    running = asyncio.ensure_future(
        client.protocol.send_request_async(
            "workspace/executeCommand",
            lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI]),
            msg_id="endless",
        )
    )
    await asyncio.sleep(0.5)
    before = workers(server)
    client.cancel_request(lsp.CancelParams(id="endless"))
    with pytest.raises(Exception, match="cancel"):
        await asyncio.wait_for(running, 5)
    for _ in range(60):
        if before - workers(server):
            return
        await asyncio.sleep(0.1)
    pytest.fail("the worker that ran the endless guest is still there")


async def test_diagnostics_follow_edits(client, open_text):
    errors = [d for d in await open_text(THREE_PLUS_FOUR) if d.severity == 1]
    assert not errors
    found = await edit(client, 3, 0, 3, "ADDD", 2)
    assert [(d.code, d.range.start.line) for d in found] == [("ASM001", 3)]
    assert not [d for d in await edit(client, 3, 0, 4, "ADD", 3) if d.severity == 1]


async def test_hover_tells_stack_gas_fork_and_nestedvm(client, open_text):
    await open_text("PUSH1 1\nSELFDESTRUCT\n")
    hover = await client.text_document_hover_async(
        lsp.HoverParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI), position=lsp.Position(1, 3)
        )
    )
    text = hover.contents.value
    for part in ("[beneficiary] -> []", "5000", "frontier", "Reverts"):
        assert part in text


async def test_run_lens_shows_its_result_at_the_last_line(client, open_text):
    await open_text(THREE_PLUS_FOUR)
    lenses = await client.text_document_code_lens_async(
        lsp.CodeLensParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    )
    assert (lenses[0].command.title, lenses[0].range.start.line) == ("▶ Run on NestedVM", 1)
    result = await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(
            command=lenses[0].command.command, arguments=lenses[0].command.arguments
        )
    )
    assert result["outcome"] == "return"
    assert int(result["return_data"][:66], 16) == 7
    assert result["gas"]["native"] == 45
    (hint,) = [hint for hint in await hints(client) if "⇒" in hint.label]
    assert (hint.position.line, hint.position.character) == (8, 6)
    assert hint.label.startswith("⇒ return 0x7 (+223 bytes) · ")
    assert "0x0000  0000000000000000 0000000000000000" in hint.tooltip.value


async def test_a_result_says_when_the_text_has_changed(client, open_text):
    await open_text(THREE_PLUS_FOUR)
    await run(client)
    await edit(client, 0, 0, 0, "# new\n", 2)
    (hint,) = [hint for hint in await hints(client) if "⇒" in hint.label]
    assert "text changed" in hint.label


async def test_a_program_with_errors_is_not_run(client, open_text):
    await open_text("ADDD\n")
    with pytest.raises(Exception, match="the program has errors"):
        await run(client)


async def test_editing_goes_on_while_a_guest_loops_and_cancel_stops_it(client, open_text):
    await open_text("loop:\nPUSH loop\nJUMP\n")
    running = asyncio.ensure_future(
        client.protocol.send_request_async(
            "workspace/executeCommand",
            lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI]),
            msg_id="the run",
        )
    )
    await asyncio.sleep(0.2)
    found = await edit(client, 2, 0, 4, "JUMPP", 2)
    assert [d.code for d in found] == ["ASM001"]
    assert not running.done()
    client.cancel_request(lsp.CancelParams(id="the run"))
    with pytest.raises(Exception, match="cancel"):
        await asyncio.wait_for(running, 5)
    await edit(client, 2, 0, 5, "STOP", 3)
    result = await asyncio.wait_for(run(client), 60)
    assert result["outcome"] == "stop"


async def test_an_included_file_is_read_as_it_is_in_the_editor(client, open_text, tmp_path):
    library = tmp_path / "library.easm"
    library.write_text("%def ANSWER = 1\n")
    uri = library.as_uri()
    program = (tmp_path / "program.easm").as_uri()
    await open_text('%include "library.easm"\nPUSH ANSWERS\nSTOP\n', program)
    assert [d.code for d in client.diagnostics[program]] == ["ASM006"]
    await open_text("%def ANSWERS = 42\n", uri)
    while client.diagnostics[program]:
        await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
