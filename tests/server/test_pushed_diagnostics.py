"""Diagnostics that are pushed are about the text that they are said to be about."""

from __future__ import annotations

import pytest

from tests.server.fuzzing.text import Text
from tests.server.wire import start

URI = "file:///work/program.easm"
LINES = 600


@pytest.fixture
async def wire():
    one = await start()
    await one.initialize()
    yield one
    assert await one.end() == 0
    one.process._transport.close()


async def check(wire, text: str, version: int, *, some: bool = False) -> None:
    """The next diagnostics of a version, or the next where there are some, lie within the text."""
    found: list[object] = []
    while not found:
        params = await wire.notified("textDocument/publishDiagnostics", uri=URI, version=version)
        found = params["diagnostics"] if some else [params]
        for item in params["diagnostics"]:
            Text(text).check_range(item["range"], str(item))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_what_is_missing_at_the_end_of_a_line_is_seen_in_the_line(wire, end):
    lines = ["#=", "#= stack[0]", "#?", "#@", "PUSH 1 +", "PUSH1", "%include", "%macro", "%if"]
    text = end.join(lines)
    wire.open(URI, text)
    params = await wire.notified("textDocument/publishDiagnostics", uri=URI)
    ranges = [item["range"] for item in params["diagnostics"]]
    assert {range_["start"]["line"] for range_ in ranges} == set(range(len(lines)))
    for range_ in ranges:
        Text(text).check_range(range_, "a diagnostic")
        assert range_["start"] != range_["end"]


@pytest.mark.parametrize("whole", [True, False], ids=["the whole text", "a range"])
async def test_no_finding_outlives_its_line(wire, whole):
    """The text is so long that findings of the one before are shown until there are new ones."""
    long = "    STOP\n" + "    PUSH1 1\n    POP\n" * LINES
    wire.open(URI, long)
    await check(wire, long, 1, some=True)
    short = "    ADDRESS\n" * (LINES + 1)
    change = {"text": short}
    if not whole:
        last = {"line": 2 * LINES + 1, "character": 0}
        change["range"] = {"start": {"line": 0, "character": 0}, "end": last}
    wire.notify("textDocument/didChange", {
        "textDocument": {"uri": URI, "version": 2}, "contentChanges": [change],
    })
    await check(wire, short, 2)


async def codes(wire, uri: str, wanted: list[str]) -> None:
    """Waits until these are the codes that are shown of a document."""
    while await wire.diagnostics(uri) != wanted:
        pass


async def test_a_scenario_in_toml_is_checked_as_soon_as_a_program_names_it(wire):
    scenario = "file:///work/cases.toml"
    wire.open(scenario, "nonsense = 1\n")
    await codes(wire, scenario, [])
    wire.open(URI, "    STOP\n")
    wire.set_text(URI, "#@ scenario cases.toml\n    STOP\n", 2)
    await codes(wire, scenario, ["SCN001"])
    wire.set_text(URI, "    STOP\n", 3)
    await codes(wire, scenario, [])
    wire.set_text(URI, "#@ scenario cases.toml\n    STOP\n", 4)
    await codes(wire, scenario, ["SCN001"])
    wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    await codes(wire, scenario, [])


async def test_a_client_that_pulls_is_told_when_an_included_file_changes_on_disk(tmp_path):
    one = await start()
    one.replies = dict.fromkeys(("client/registerCapability", "workspace/diagnostic/refresh"))
    library, uri = tmp_path / "library.easm", (tmp_path / "program.easm").as_uri()
    library.write_text("%def A = 1\n")
    await one.initialize(
        {
            "workspace": {
                "diagnostics": {"refreshSupport": True},
                "didChangeWatchedFiles": {"dynamicRegistration": True},
            },
            "textDocument": {"diagnostic": {}},
        },
        rootUri=tmp_path.as_uri(),
    )
    one.open(uri, '%include "library.easm"\n%assert A == 1\n    STOP\n')
    asked = {"textDocument": {"uri": uri}}
    assert (await one.ask("textDocument/diagnostic", asked))["items"] == []
    library.write_text("%def A = 2\n")
    changes = [{"uri": library.as_uri(), "type": 2}]
    one.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    while not any(r["method"] == "workspace/diagnostic/refresh" for r in one.requests):
        await one.receive()
    items = (await one.ask("textDocument/diagnostic", asked))["items"]
    assert [item["code"] for item in items] == ["ASM019"]
    assert await one.end() == 0
    one.process._transport.close()


async def test_a_document_that_is_opened_is_looked_at_whatever_its_version():
    one = await start()
    await one.initialize(initializationOptions={"lint": {"run": "onSave"}})
    one.open(URI, "    STOP\n    PUSH1 1\n    POP\n", version=7)
    assert "FLW001" in await one.diagnostics(URI)
    assert await one.end() == 0
    one.process._transport.close()


async def test_what_programs_say_of_a_file_on_disk_is_not_said_of_its_open_text(wire, tmp_path):
    library, program = tmp_path / "library.easm", tmp_path / "program.easm"
    library.write_text("%def A = 1\n\n    PUSH1 =\n")
    wire.open(program.as_uri(), '%include "library.easm"\n    STOP\n')
    await codes(wire, library.as_uri(), ["SYN001"])
    wire.open(library.as_uri(), "%def A = 1\n", version=3)
    params = await wire.notified("textDocument/publishDiagnostics", uri=library.as_uri())
    assert (params["version"], params["diagnostics"]) == (3, [])


async def test_a_report_is_made_anew_when_a_program_comes_to_judge_a_file(tmp_path):
    """The program's condition leaves the file out, so nothing but that it lacks names changes."""
    one = await start()
    part, program = (tmp_path / name for name in ("part.easm", "program.easm"))
    part.write_text("    PUSH A\n    STOP\n")
    await one.initialize({"textDocument": {"diagnostic": {}}}, rootUri=tmp_path.as_uri())
    asked = {"textDocument": {"uri": part.as_uri()}}
    items = (await one.ask("textDocument/diagnostic", asked))["items"]
    assert [item["code"] for item in items] == ["ASM006"]
    one.open(program.as_uri(), '%if 0\n%include "part.easm"\n%end\n    STOP\n')
    assert (await one.ask("textDocument/diagnostic", asked))["items"] == []
    assert await one.end() == 0
    one.process._transport.close()
