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
