"""Runs, tests and what they show in the editor: commands, diagnostics, texts, progress."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

from nvm_lsp.analysis.graph import FORMATS
from nvm_lsp.server.features import COMMANDS, PLUGIN_COMMAND
from nvm_lsp.server.virtual_documents import KINDS
from tests.server import shared

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"


async def command(client, name: str, *arguments):
    return await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command=name, arguments=list(arguments))
    )


async def diagnostics(client, source: str, uri: str = URI):
    """The diagnostics of a source, once there are some, or none for a while."""
    for _ in range(40):
        found = [d for d in client.diagnostics.get(uri, ()) if d.source == source]
        if found:
            return found
        await asyncio.sleep(0.05)
    return []


async def edit(client, text: str, version: int, uri: str = URI):
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            text_document=lsp.VersionedTextDocumentIdentifier(uri=uri, version=version),
            content_changes=[lsp.TextDocumentContentChangeWholeDocument(text=text)],
        )
    )
    await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)


# Error("no"): the selector and the words of a string.
REVERTS = """\
%macro refuse()
    PUSH32 0x08c379a000000000000000000000000000000000000000000000000000000000
    PUSH1 0
    MSTORE
    PUSH1 0x20
    PUSH1 4
    MSTORE
    PUSH1 2
    PUSH1 0x24
    MSTORE
    PUSH32 0x6e6f000000000000000000000000000000000000000000000000000000000000
    PUSH1 0x44
    MSTORE
    PUSH1 0x64
    PUSH1 0
    REVERT
%end
    PUSH1 1
    POP
    %refuse()
"""


async def test_a_failure_is_shown_where_it_happened_with_the_way_there(client, open_text):
    await open_text(REVERTS, URI)
    await command(client, "nvm.run", URI)
    (found,) = await diagnostics(client, "nvm-lsp run")
    assert found.message == 'the run reverts here: Error("no")'
    assert (found.range.start.line, found.severity) == (19, lsp.DiagnosticSeverity.Error)
    places = [(r.location.range.start.line, r.message) for r in found.related_information]
    assert (15, "it happened here") in places
    assert (19, "in the expansion of %refuse") in places
    await edit(client, "# new\n" + REVERTS, 2)
    (found,) = await diagnostics(client, "nvm-lsp run")
    assert found.range.start.line == 20
    assert "before the last edits" in found.message
    assert list(found.tags) == [lsp.DiagnosticTag.Unnecessary]
    await edit(client, "STOP\n", 3)
    await command(client, "nvm.run", URI)
    await asyncio.sleep(0.3)
    shown = [d.severity for d in client.diagnostics[URI] if d.source == "nvm-lsp run"]
    assert shown == [lsp.DiagnosticSeverity.Information], "how it ended, and no failure"


CASES = """\
#@ case one
#@ storage 0 = 1
#= storage[1] 2
#@ case two
#@ storage 0 = 2
#= storage[1] 99
PUSH1 0
SLOAD
PUSH1 2
MUL
PUSH1 1
SSTORE
STOP
"""


async def test_cases_are_tested_and_what_fails_is_shown(client, open_text):
    await open_text(CASES, URI)
    result = await command(client, "nvm.test", URI)
    assert [(case["name"], case["passed"]) for case in result["cases"]] == [
        ("one", True), ("two", False)
    ]
    assert "1 of 2 passed" in result["markdown"]
    (found,) = await diagnostics(client, "nvm-lsp test")
    assert found.message == "case two: expected storage[1] 99, got 4"
    assert (found.range.start.line, found.range.start.character) == (5, 3)
    hints = await client.text_document_inlay_hint_async(
        lsp.InlayHintParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI),
            range=lsp.Range(lsp.Position(0, 0), lsp.Position(99, 0)),
        )
    )
    marks = [(h.position.line, h.label) for h in hints if h.label[0] in "✓✗"]
    assert marks == [(2, "✓"), (5, "✗ got 4")]
    alone = await command(client, "nvm.test", URI, {"case": "one"})
    assert alone["passed"]
    assert len(alone["cases"]) == 1


async def test_two_runs_are_compared(client, open_text):
    await open_text("GAS\nPOP\nPUSH1 1\nSTOP\n", URI)
    found = await command(client, "nvm.compare", URI)
    assert not found["same"]
    assert found["by_design"].startswith("GAS gives")
    assert found["divergence"]["cause"]["line"] == 1
    assert "By design" in found["markdown"]
    with pytest.raises(Exception, match="cannot compare with 'nothing'"):
        await command(client, "nvm.compare", URI, {"against": "nothing"})


async def test_states_of_a_run_and_of_two_runs_are_compared(client, open_text):
    await open_text("PUSH1 5\nPUSH1 0\nMSTORE\nPUSH1 7\nSTOP\n", URI)
    with pytest.raises(Exception, match="no two runs"):
        await command(client, "nvm.snapshotDiff", URI)
    found = await command(client, "nvm.snapshotDiff", URI, {"from": 3, "to": 5})
    changes = {row["what"]: (row["before"], row["after"]) for row in found["changes"]}
    assert changes["stack, word 1 from the bottom"] == ("0x5", "0x7")
    assert changes["stack, word 2 from the bottom"] == ("0x0", "-")
    assert int(changes["memory 0x0000"][1], 16) == 5
    assert "+++ before line 5" in found["text"]
    (memory,) = [row for row in found["changes"] if row["what"].startswith("memory")]
    assert memory["line"] == 3, "MSTORE wrote it"
    assert "written by line 3" in found["markdown"]
    with pytest.raises(Exception, match="line 6 was not reached"):
        await command(client, "nvm.snapshotDiff", URI, {"from": 6})
    await command(client, "nvm.run", URI)
    await edit(client, "PUSH1 6\nPUSH1 0\nMSTORE\nPUSH1 7\nSTOP\n", 2)
    await command(client, "nvm.run", URI)
    found = await command(client, "nvm.snapshotDiff", URI)
    assert [row["what"] for row in found["changes"]] == ["memory 0x0000"]


async def test_texts_are_made_of_a_program(client, open_text):
    await open_text("PUSH1 1\nPOP\nl:\nPUSH l\nJUMP\n", URI)
    ask = client.protocol.send_request_async
    texts = {}
    for kind in KINDS:
        made = await ask("nvm/virtualDocument", {"uri": URI, "kind": kind})
        texts[kind] = made.text
        again = await client.workspace_text_document_content_async(
            lsp.TextDocumentContentParams(uri=made.uri)
        )
        assert again.text == made.text
    assert texts["bytecode"].startswith("0x6001505b600356\n")
    assert "000003  5b" in texts["listing"]
    assert "JUMPDEST" not in texts["disassembly"]
    assert texts["dot"].startswith("digraph")
    assert (await command(client, "nvm.cfg", URI))["text"] == texts["cfg"]
    for form in FORMATS:
        assert (await command(client, "nvm.cfg", URI, {"format": form}))["text"]
    again = await command(client, "nvm.disassemble", "0x6001505b600356")
    assert again["text"] == texts["disassembly"]
    assert (await command(client, "nvm.assemble", URI))["bytecode"] == "0x6001505b600356"
    await edit(client, "PUHS1 1\n", 2)
    made = await ask("nvm/virtualDocument", {"uri": URI, "kind": "listing"})
    assert "has errors" in made.text
    assert (await command(client, "nvm.assemble", URI))["bytecode"] is None
    with pytest.raises(Exception, match="one of bytecode"):
        await ask("nvm/virtualDocument", {"uri": URI, "kind": "nothing"})


async def test_scenarios_in_toml_are_checked(client, open_text, tmp_path):
    (tmp_path / "program.easm").write_text("#@ scenario two.toml\nSTOP\n")
    two, other = (tmp_path / "two.toml").as_uri(), (tmp_path / "pyproject.toml").as_uri()
    found = await open_text('value = 1\nblance = 5\n', two)
    assert [(d.code, d.range.start.line) for d in found] == [("SCN001", 1)]
    found = await open_text("value = [\n", two)
    assert [d.code for d in found] == ["SCN001"]
    assert "no TOML" in found[0].message
    assert not await open_text('value = 1\nblance = 5\n', other), "no program names it"
    assert not await open_text("[block]\n  number   =   5\n", two)
    edits = await client.text_document_formatting_async(
        lsp.DocumentFormattingParams(
            text_document=lsp.TextDocumentIdentifier(uri=two),
            options=lsp.FormattingOptions(tab_size=4, insert_spaces=True),
        )
    )
    assert not edits, "it is no program"


async def test_a_long_run_tells_its_progress_under_the_clients_token(client, open_text):
    await open_text("again:\nPUSH again\nJUMP\n", URI)
    client.progress_reports["mine"] = []
    running = asyncio.ensure_future(
        client.workspace_execute_command_async(
            lsp.ExecuteCommandParams(command="nvm.run", arguments=[URI], work_done_token="mine")
        )
    )
    for _ in range(200):
        await asyncio.sleep(0.05)
        kinds = [report.kind for report in client.progress_reports["mine"]]
        if "report" in kinds:
            break
    assert kinds[:2] == ["begin", "report"]
    client.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams(token="mine"))
    with pytest.raises(Exception, match=r"(?i)cancel"):
        await asyncio.wait_for(running, 10)


async def test_a_saved_program_runs_if_that_is_wished(client, open_text):
    await open_text("PUSH1 7\nSTOP\n", URI)
    client.workspace_did_change_configuration(
        lsp.DidChangeConfigurationParams(settings={"nvm-lsp": {"run": {"onSave": True}}})
    )
    client.text_document_did_save(
        lsp.DidSaveTextDocumentParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    )
    for _ in range(200):
        await asyncio.sleep(0.05)
        found = await client.text_document_inlay_hint_async(
            lsp.InlayHintParams(
                text_document=lsp.TextDocumentIdentifier(uri=URI),
                range=lsp.Range(lsp.Position(0, 0), lsp.Position(9, 0)),
            )
        )
        if any("⇒ stop" in hint.label for hint in found):
            return
    pytest.fail("saving has run nothing")


async def test_states_at_lines_come_with_a_run(client, open_text):
    await open_text("PUSH1 7\nPUSH1 8\nSTOP\n", URI)
    found = await command(client, "nvm.run", URI, {"snapshots": [2, 3]})
    assert [(row["line"], row["stack"]) for row in found["snapshots"]] == [
        (2, ["0x7"]), (3, ["0x8", "0x7"])
    ]


async def test_texts_are_refreshed_when_their_program_changes(client, open_text):
    await open_text("PUSH1 1\nSTOP\n", URI)
    made = await client.protocol.send_request_async(
        "nvm/virtualDocument", {"uri": URI, "kind": "bytecode"}
    )
    await client.workspace_text_document_content_async(
        lsp.TextDocumentContentParams(uri=made.uri)
    )
    refreshed: list[str] = []

    @client.feature("workspace/textDocumentContent/refresh")
    def _refresh(params: lsp.TextDocumentContentRefreshParams) -> None:
        refreshed.append(params.uri)

    await edit(client, "PUSH1 2\nSTOP\n", 2)
    for _ in range(100):
        if refreshed:
            break
        await asyncio.sleep(0.05)
    assert refreshed == [made.uri]


async def test_the_page_for_authors_of_clients_names_all_commands_and_kinds_of_texts():
    page = (Path(__file__).parents[2] / "docs" / "language-server.md").read_text()
    named = [command.name for command in COMMANDS if command.name != PLUGIN_COMMAND]
    assert [name for name in (*named, *KINDS) if f"`{name}`" not in page] == []


@pytest_lsp.fixture(
    config=ClientServerConfig(server_command=[sys.executable, "-m", "nvm_lsp", "serve", "--stdio"])
)
async def pulling(lsp_client: LanguageClient):
    """A client that asks for diagnostics instead of being sent them."""
    await lsp_client.initialize_session(
        lsp.InitializeParams(
            capabilities=lsp.ClientCapabilities(
                text_document=lsp.TextDocumentClientCapabilities(
                    diagnostic=lsp.DiagnosticClientCapabilities()
                ),
                workspace=lsp.WorkspaceClientCapabilities(
                    diagnostics=lsp.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
                ),
            )
        )
    )
    yield
    await lsp_client.shutdown_session()


@pytest.mark.asyncio(loop_scope="function")
async def test_a_client_that_pulls_is_told_to_pull_again_after_a_run(pulling):
    refreshed = asyncio.Event()

    def refresh(*_: object) -> None:
        refreshed.set()

    pulling.protocol.fm.features[lsp.WORKSPACE_DIAGNOSTIC_REFRESH] = refresh
    pulling.text_document_did_open(
        lsp.DidOpenTextDocumentParams(
            text_document=lsp.TextDocumentItem(
                uri=URI, language_id="easm", version=1, text="PUSH0\nPUSH0\nREVERT\n"
            )
        )
    )
    ask = lsp.DocumentDiagnosticParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    before = await pulling.text_document_diagnostic_async(ask)
    assert "nvm-lsp run" not in [d.source for d in before.items]
    refreshed.clear()
    await command(pulling, "nvm.run", URI)
    await asyncio.wait_for(refreshed.wait(), 20)
    after = await pulling.text_document_diagnostic_async(ask)
    (found,) = [d for d in after.items if d.source == "nvm-lsp run"]
    assert found.message == "the run reverts here without data"
