"""The steps of a run, as the editor's panel asks for them."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

URI = "file:///work/program.easm"
SOURCE = """\
%def LAST = 700
%macro decrease() takes(1) returns(1)
    PUSH1 1
    SWAP1
    SUB
%end
    PUSH LAST
again:
    DUP1
    PUSH 0
    MSTORE
    %decrease()
    DUP1
    PUSH again
    JUMPI
    STOP
"""


CALLER = f"""\
#@ deploy 0x{"7a" * 20} callee.easm
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH20 0x{"7a" * 20}
    GAS
    CALL
    STOP
"""
CALLEE = """\
# keeps five
    PUSH 5
    PUSH0
    SSTORE
    STOP
"""


async def trace(client, uri=URI, **options):
    return await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.trace", arguments=[uri, options])
    )


async def test_steps_come_in_chunks_with_their_places(client, open_text):
    await open_text(SOURCE)
    first = await trace(client)
    header, chunk = first["header"], first["chunk"]
    assert header["total"] == header["kept"] == 1 + 700 * 10 + 1
    assert len(chunk["steps"]) == header["starts"][1]
    names = [header["opcodes"][str(step[1])] for step in chunk["steps"][:6]]
    assert names == ["PUSH2", "JUMPDEST", "DUP1", "PUSH0", "MSTORE", "PUSH1"]
    places = [header["places"][str(step[0])] for step in chunk["steps"][:6]]
    # A step of a macro stands where it is used, and where the macro has it.
    assert places == [
        [7, None, None], [8, None, None], [9, None, None], [10, None, None], [11, None, None],
        [12, "/work/program.easm", 3],
    ]
    last = await trace(client, chunk=3)
    assert last["header"] is None
    assert last["chunk"]["from"] == header["starts"][3]
    assert last["chunk"]["steps"][-1][1] == 0


async def test_what_is_not_there_is_said(client, open_text):
    await open_text(SOURCE)
    with pytest.raises(Exception, match="ask for chunk 0 first"):
        await trace(client, chunk=2)
    await trace(client, maxSteps=10)
    with pytest.raises(Exception, match="no chunk 2; there are 1"):
        await trace(client, chunk=2)


async def test_inner_frames_have_the_places_of_their_own_sources(client, open_text, tmp_path):
    (tmp_path / "callee.easm").write_text(CALLEE)
    uri = (tmp_path / "program.easm").as_uri()
    await open_text(CALLER, uri)
    header = (await trace(client, uri))["header"]
    assert header["frames"] == [[0, 13, 1, None, None], [8, 12, 2, 0, 0]]
    [code] = header["codes"]
    callee = str(tmp_path / "callee.easm")
    assert (code["label"], code["guest"], code["path"]) == ("callee", False, callee)
    assert code["places"] == {
        "0": [None, callee, 2], "2": [None, callee, 3], "3": [None, callee, 4],
        "4": [None, callee, 5],
    }
    storage = [row for row in header["effects"] if row[1] == "storage"]
    assert storage == [[11, "storage", "0x" + "7a" * 20, "0x0", "0x0", "0x5"]]
    assert [row[:3] for row in header["effects"] if row[1] != "storage"] == [
        [8, "call", 0], [12, "return", 0], [12, "data", "0x"],
    ]


async def test_storage_has_the_lines_that_wrote_it(client, open_text, tmp_path):
    (tmp_path / "callee.easm").write_text(CALLEE)
    uri = (tmp_path / "program.easm").as_uri()
    await open_text("    PUSH 8\n    PUSH 7\n    SSTORE\n" + CALLER, uri)
    result = await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.run", arguments=[uri, {}])
    )
    lines = {
        (change["address"], change["slot"]): row["line"]
        for change, row in zip(result["storage"], result["decoded"]["storage"], strict=True)
    }
    # The callee's slot was written by the line of the call.
    assert lines == {
        ("0x3a11e70000000000000000000000000000000001", "0x7"): 3, ("0x" + "7a" * 20, "0x0"): 12,
    }
