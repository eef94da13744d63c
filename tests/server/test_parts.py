"""Files that lack names by themselves are judged by the programs that include them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.wire import Wire, start

PUBLISH = "textDocument/publishDiagnostics"
KERNEL = Path(__file__).parents[2] / "nvm_lsp" / "kernel"
PULL = {"textDocument": {"diagnostic": {}}}

PROGRAM = """\
%def SIZE = 32
%macro give(n)
    PUSH n
    PUSH 0
    RETURN
%end
%include "part.easm"
"""
PART = """\
    CALLER
    PUSH 0
    MSTORE
    %give(SIZE)
"""


@pytest.fixture
async def client(tmp_path):
    wire = await start()
    await wire.initialize(rootUri=tmp_path.as_uri())
    yield wire
    if wire.process.returncode is None:
        wire.process.kill()
    await wire.process.wait()
    wire.process._transport.close()


def write(folder: Path, **texts: str) -> dict[str, str]:
    """Writes files; their URIs by name."""
    for name, text in texts.items():
        (folder / f"{name}.easm").write_text(text)
    return {name: (folder / f"{name}.easm").as_uri() for name in texts}


async def codes(client: Wire, uri: str) -> list[str]:
    """What is said of a document now."""
    found = await client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    return [item["code"] for item in found["items"]]


async def test_a_part_has_the_names_of_its_program(client, tmp_path):
    uris = write(tmp_path, program=PROGRAM, part=PART)
    client.open(uris["part"], PART)
    assert await client.diagnostics(uris["part"], version=1) == []
    # Its own flaws are said, those of rules, too.
    client.set_text(uris["part"], "    ADDD\n" + PART, 2)
    assert await client.diagnostics(uris["part"], version=2) == ["ASM001"]
    client.set_text(uris["part"], "    POP\n" + PART, 3)
    while await client.diagnostics(uris["part"], version=3) != ["STK001"]:
        pass  # rules follow
    # A name that the program lacks, too, is missing.
    client.set_text(uris["part"], "    PUSH OTHER\n    POP\n" + PART, 4)
    assert await client.diagnostics(uris["part"], version=4) == ["ASM006"]


async def test_a_part_follows_its_program(client, tmp_path):
    uris = write(tmp_path, program=PROGRAM, part=PART)
    client.open(uris["part"], PART)
    assert await client.diagnostics(uris["part"], version=1) == []
    client.open(uris["program"], PROGRAM)
    client.set_text(uris["program"], PROGRAM.replace("SIZE", "LENGTH"), 2)
    assert await client.notified(PUBLISH, uri=uris["part"])
    assert await codes(client, uris["part"]) == ["ASM006"]
    # Without a program it stands for itself.
    client.set_text(uris["program"], "STOP\n", 3)
    assert await codes(client, uris["part"]) == ["ASM021"]
    client.set_text(uris["program"], PROGRAM, 4)
    assert await codes(client, uris["part"]) == []
    # So it is with files on disk.
    client.notify("textDocument/didClose", {"textDocument": {"uri": uris["program"]}})
    assert await codes(client, uris["part"]) == []
    (tmp_path / "program.easm").unlink()
    changes = {"changes": [{"uri": uris["program"], "type": 3}]}
    client.notify("workspace/didChangeWatchedFiles", changes)
    assert await codes(client, uris["part"]) == ["ASM021"]


async def test_a_part_that_conditions_leave_out_is_not_judged(client, tmp_path):
    program = f"%def wanted = 0\n%if wanted\n{PROGRAM}%end\nSTOP\n"
    uris = write(tmp_path, program=program, part=PART)
    client.open(uris["part"], PART)
    assert await client.diagnostics(uris["part"], version=1) == []
    client.set_text(uris["part"], PART + "    ADDD\n", 2)
    assert await client.diagnostics(uris["part"], version=2) == ["ASM001"]


async def test_what_several_programs_say_is_said_once(client, tmp_path):
    lacking = PROGRAM.replace("%def SIZE = 32\n", "")
    uris = write(tmp_path, one=PROGRAM, two=lacking, three=lacking, part=PART)
    client.open(uris["part"], PART + "    ADDD\n")
    assert await client.diagnostics(uris["part"], version=1) == ["ASM006", "ASM001"]


async def test_no_file_of_the_kernel_is_red():
    wire = await start()
    try:
        await wire.initialize(PULL, rootUri=KERNEL.as_uri())
        for file in sorted(KERNEL.glob("*.easm")):
            wire.open(file.as_uri(), file.read_text(encoding="utf-8"))
            assert (file.name, await codes(wire, file.as_uri())) == (file.name, [])
            wire.notify("textDocument/didClose", {"textDocument": {"uri": file.as_uri()}})
    finally:
        wire.process.kill()
        await wire.process.wait()
        wire.process._transport.close()
