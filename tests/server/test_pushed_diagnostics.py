"""What a client that does not pull is shown, and when it is taken back."""

from __future__ import annotations

import pytest

from tests.server.wire import Wire, start

PUBLISH = "textDocument/publishDiagnostics"
PROGRAM = "file:///work/program.easm"


@pytest.fixture
async def client():
    wire = await start()
    await wire.initialize()
    yield wire
    if wire.process.returncode is None:
        wire.process.kill()
    await wire.process.wait()
    wire.process._transport.close()


async def test_closing_a_document_takes_its_diagnostics_back(client: Wire):
    client.open(PROGRAM, "ADDD\n")
    assert await client.diagnostics(PROGRAM, version=1) == ["ASM001"]
    client.notify("textDocument/didClose", {"textDocument": {"uri": PROGRAM}})
    assert await client.diagnostics(PROGRAM) == []
    # Opened again and mended, it has none; closing it then has nothing to take back.
    client.open(PROGRAM, "STOP\n", 2)
    assert await client.diagnostics(PROGRAM, version=2) == []


async def test_diagnostics_of_an_included_file_go_with_the_last_program_that_has_them(
    client: Wire, tmp_path,
):
    library = tmp_path / "library.easm"
    library.write_text("ADDD\n")
    programs = [(tmp_path / name).as_uri() for name in ("one.easm", "two.easm")]
    for program in programs:
        client.open(program, '%include "library.easm"\nSTOP\n')
        await client.notified(PUBLISH, uri=program, version=1)
    assert await client.diagnostics(library.as_uri()) == ["ASM001"]
    # One flaw, said once, with both programs as places that it is included from.
    [flaw] = (await client.notified(PUBLISH, uri=library.as_uri()))["diagnostics"]
    assert [related["location"]["uri"] for related in flaw["relatedInformation"]] == programs
    client.notify("textDocument/didClose", {"textDocument": {"uri": programs[0]}})
    [flaw] = (await client.notified(PUBLISH, uri=library.as_uri()))["diagnostics"]
    assert [related["location"]["uri"] for related in flaw["relatedInformation"]] == programs[1:]
    client.notify("textDocument/didClose", {"textDocument": {"uri": programs[1]}})
    assert await client.diagnostics(library.as_uri()) == []


async def test_findings_of_the_text_before_go_with_its_lines(client: Wire):
    """On a long text the assembler's say comes first, with what rules said of the text before."""
    lines = ["CALLER\n", "POP\n"] * 300 + ["STOP\n"] + ["ADD\n"] * 10
    client.open(PROGRAM, "".join(lines))
    last = len(lines) - 10
    while "FLW001" not in await client.diagnostics(PROGRAM, version=1):
        pass
    client.notify("textDocument/didChange", {
        "textDocument": {"uri": PROGRAM, "version": 2},
        "contentChanges": [{
            "range": {"start": {"line": last, "character": 0},
                      "end": {"line": len(lines), "character": 0}},
            "text": "",
        }],
    })
    first = await client.notified(PUBLISH, uri=PROGRAM, version=2)
    assert first["diagnostics"]
    assert all(item["range"]["start"]["line"] < last for item in first["diagnostics"])


async def test_the_flaws_of_a_configuration_go_with_the_last_document_that_it_is_for(
    client: Wire, tmp_path,
):
    (tmp_path / "sub").mkdir()
    configuration = tmp_path / "sub" / "nvm-lsp.toml"
    configuration.write_text("nonsense = 1\n")
    program = (tmp_path / "sub" / "program.easm").as_uri()
    client.open(program, "STOP\n")
    assert await client.diagnostics(configuration.as_uri()) == ["configuration"]
    client.notify("textDocument/didClose", {"textDocument": {"uri": program}})
    assert await client.diagnostics(configuration.as_uri()) == []
