"""Workspaces that were made to harm whoever opens them: nothing hangs, nothing outside is read."""

from __future__ import annotations

import os

import pytest

from tests.server.test_behaviour import PULL, run, wire  # noqa: F401 -- a fixture

#: What a program names, and what is said of it; `check` makes the files.
NAMED = [
    ('%include "fifo"', "is no regular file"),
    ('%incbin "fifo"', "is no regular file"),
    ("#@ scenario fifo", "is no regular file"),
    ("#@ abi fifo", "is no regular file"),
    ("#@ deploy 0x00000000000000000000000000000000000000aa fifo", "is no regular file"),
    ('%include "folder"', "is a folder"),
    ('%include ""', "is a folder"),
    ('%include "zero"', "lies outside the workspace"),
    ('%include "/dev/zero"', "lies outside the workspace"),
    ('%include "linked/secret.easm"', "lies outside the workspace"),
    ('%include "folder/../../outside/secret.easm"', "lies outside the workspace"),
    ('%include "nul\\0"', "lies outside the workspace"),
    ('%include "huge"', "is larger than 4,194,304 bytes"),
    ('%incbin "huge"', "is larger than"),
    ("#@ scenario huge", "is larger than"),
    ("#@ abi huge", "is larger than"),
    ('%include "loop/loop/program.easm"', "no such file"),
    (f'%include "{"x" * 5000}"', "File name too long"),
    ('%include "random"', "is not UTF-8"),
    ("#@ scenario deep", "nested too deeply"),
    ("#@ abi deep.json", "recursion"),
    ('%include "round.easm"', "include cycle"),
    ('%include "bomb0.easm"', "included more than once"),
]


@pytest.fixture
def hostile(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    (outside / "secret.easm").write_text("%def SECRET = 1\n")
    (outside / "nvm-lsp.toml").write_text('ignore = ["ALL"]\n')
    inside.mkdir()
    os.mkfifo(inside / "fifo")
    os.mkfifo(inside / "program2.easm")
    (inside / "folder").mkdir()
    (inside / "zero").symlink_to("/dev/zero")
    (inside / "linked").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    with open(inside / "huge", "wb") as file:
        file.truncate(2**30)
    (inside / "random").write_bytes(b"\xff\x00" * 1000)
    (inside / "deep").write_text("a = " + "[" * 100_000)
    (inside / "deep.json").write_text("[" * 100_000)
    (inside / "round.easm").write_text('%include "round.easm"\n')
    for n in range(20):
        (inside / f"bomb{n}.easm").write_text(f'%include "bomb{n + 1}.easm"\n' * 20)
    (inside / "bomb20.easm").write_text("STOP\n")
    (inside / "nvm-lsp.toml").symlink_to(outside / "nvm-lsp.toml")
    return inside


async def test_nothing_that_a_program_names_hangs_or_leads_out(wire, hostile):  # noqa: F811
    one = await wire()
    options = {"limits": {"expansion": 1000}}
    await one.initialize(PULL, rootUri=hostile.as_uri(), initializationOptions=options)
    uri = (hostile / "program.easm").as_uri()
    one.open(uri, "STOP\n")
    for version, (line, message) in enumerate(NAMED, 2):
        one.set_text(uri, line + "\nunused:\nSTOP\n", version)
        report = await one.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        related = report.get("relatedDocuments", {}).values()
        items = [*report["items"], *(item for other in related for item in other["items"])]
        assert any(message in item["message"] for item in items), (line, items)
    one.set_text(uri, "unused:\nSTOP\n", 99)
    report = await one.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    # The configuration that leads outside ignores everything; it is not followed.
    assert [item["code"] for item in report["items"]] == ["LBL001"]
    place = (hostile / "nvm-lsp.toml").as_uri()
    flaws = await one.notified("textDocument/publishDiagnostics", uri=place)
    assert "leads outside" in flaws["diagnostics"][0]["message"]
    assert one.said("window/showMessage") == []
    assert (await run(one, uri))["result"]["outcome"] == "stop"
