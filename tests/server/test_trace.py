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


async def trace(client, **options):
    return await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="nvm.trace", arguments=[URI, options])
    )


async def test_steps_come_in_chunks_with_their_places(client, open_text):
    await open_text(SOURCE)
    first = await trace(client)
    header, chunk = first["header"], first["chunk"]
    assert header["total"] == header["kept"] == 1 + 700 * 10 + 1
    assert len(chunk["steps"]) == header["chunkSize"]
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
    assert last["chunk"]["from"] == 3 * header["chunkSize"]
    assert last["chunk"]["steps"][-1][1] == 0


async def test_what_is_not_there_is_said(client, open_text):
    await open_text(SOURCE)
    with pytest.raises(Exception, match="ask for chunk 0 first"):
        await trace(client, chunk=2)
    await trace(client, maxSteps=10)
    with pytest.raises(Exception, match="no chunk 2; there are 1"):
        await trace(client, chunk=2)
