"""Steps replayed from what they changed are those that snapshots of every step show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvm_lsp.assembler import FileLoader, MemoryLoader, assemble_file, assemble_text
from nvm_lsp.runner import step_log
from nvm_lsp.runner.code_sources import CodeSources
from nvm_lsp.runner.guest_trace import GuestRecorder
from nvm_lsp.runner.prepare import prepare
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.service import ExecutionService
from nvm_lsp.runner.step_log import CHUNK, StepLog, read_chunk

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNTDOWN = """
    PUSH 900
again:
    DUP1
    DUP1
    MSTORE8
    PUSH1 1
    SWAP1
    SUB
    DUP1
    PUSH again
    JUMPI
"""


def logged(request: Request, max_steps: int = 100_000) -> tuple[Run, dict[str, Any]]:
    log = StepLog(max_steps)

    def begun(recorder: GuestRecorder) -> None:
        recorder.log = log

    result = run(request, begun=begun)
    return result, log.to_json(CodeSources(request.code, request.scenario))


State = tuple[int, tuple[int, ...], bytes]


def frames_of(log: dict[str, Any]) -> list[list[State]]:
    """Offset, stack (top first) and memory before every step of each frame, as a reader replays
    them.
    """
    rows = log["frames"]
    found: list[list[State]] = [[] for _ in rows]
    for number, text in enumerate(log["chunks"]):
        chunk = read_chunk(text)
        begin = chunk["from"]
        assert begin == log["starts"][number]
        assert len(_open_at(rows, begin)) == len(chunk["frames"])
        held = dict(zip(_open_at(rows, begin), map(_begun, chunk["frames"]), strict=True))
        for step, (pc, _, _, popped, pushed, offset, data, size) in enumerate(
            chunk["steps"], begin
        ):
            frame = _open_at(rows, step)[-1]
            stack, memory = held.setdefault(frame, ([], bytearray()))
            if step != begin:
                stack[len(stack) - popped :] = pushed
                memory.extend(bytes(max(size - len(memory), 0)))
                memory[offset : offset + len(data) // 2] = bytes.fromhex(data)
            top_first = tuple(int(word, 16) for word in reversed(stack))
            found[frame].append((pc, top_first, bytes(memory)))
    return found


def _open_at(rows: list[list[Any]], step: int) -> list[int]:
    return [index for index, row in enumerate(rows) if row[0] <= step < row[1]]


def _begun(state: dict[str, Any]) -> tuple[list[str], bytearray]:
    memory = bytearray(state["size"])
    for offset, page in state["memory"]:
        memory[offset : offset + len(page) // 2] = bytes.fromhex(page)
    return state["stack"], memory


def states(log: dict[str, Any]) -> list[State]:
    """The steps of the outermost frame."""
    return frames_of(log)[0]


@pytest.mark.parametrize("target", ["nvm", "evm"])
def test_replayed_steps_are_the_snapshots_of_all_steps(target):
    path = str(EXAMPLES / "swap-two-assets.easm")
    prepared = prepare(assemble_file(path), FileLoader())
    request = replace(
        prepared.request, natively=target == "evm", snapshots="all", native=False
    )
    result, log = logged(request)
    assert states(log) == [(s.pc, s.stack, s.memory) for s in result.snapshots]
    assert log["total"] == log["kept"] == sum(map(len, frames_of(log))) > result.step_count


def test_a_chunk_begins_with_the_whole_state():
    request = Request(
        assemble_text(COUNTDOWN).bytecode, Scenario(), snapshots="all", native=False
    )
    result, log = logged(request)
    assert len(log["chunks"]) > 3
    assert states(log) == [(s.pc, s.stack, s.memory) for s in result.snapshots]
    second = read_chunk(log["chunks"][1])
    assert second["from"] == CHUNK
    writers = dict(map(tuple, second["frames"][0]["writers"]))
    word = writers[800 // 32]
    assert result.steps[word].opcode == 0x53
    assert word < CHUNK


def test_the_first_steps_of_a_long_run_are_kept():
    request = Request(assemble_text(COUNTDOWN).bytecode, Scenario(), native=False)
    result, log = logged(request, 100)
    assert (log["total"], log["kept"]) == (result.step_count, 100)
    assert len(states(log)) == 100


async def test_a_worker_tells_the_steps_of_a_run():
    service = ExecutionService()
    try:
        request = Request(
            assemble_text(COUNTDOWN).bytecode, Scenario(), native=False, log_steps=50
        )
        log = await service.steps(request)
    finally:
        await service.close()
    assert log["kept"] == 50
    assert len(states(log)) == 50


# Inner frames and effects -------------------------------------------------------------------------

NESTED = """
#@ deploy 0x7a0170000000000000000000000000000000000a callee.easm
    PUSH inner.end - inner
    PUSH inner
    PUSH 0
    CODECOPY
    PUSH 7
    PUSH 1
    SSTORE
    PUSH 32
    PUSH 0x40
    PUSH inner.end - inner
    PUSH 0
    PUSH 0
    PUSH20 0x4e57ed0000000000000000000000000000000001
    GAS
    {call}
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 3
    PUSH20 0x7a0170000000000000000000000000000000000a
    GAS
    CALL
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 4
    GAS
    STATICCALL
    PUSH 9
    PUSH 2
    SSTORE
    STOP
inner:
    PUSH 6
    PUSH 3
    SSTORE
    PUSH 700
loop:
    PUSH 1
    SWAP1
    SUB
    DUP1
    PUSH loop - inner
    JUMPI
    PUSH 5
    PUSH 9
    TSTORE
    PUSH 6
    PUSH 0
    MSTORE
    PUSH 32
    PUSH 0
    {end}
inner.end:
"""
CALLEE = """
    CALLVALUE
    PUSH 0
    SSTORE
    PUSH 0
    PUSH 0
    LOG0
    CALLDATASIZE
    PUSH 0
    PUSH 0
    {end}
"""


def nested(call: str, end: str, callee_end: str, **changes: Any) -> Request:
    loader = MemoryLoader({"/callee.easm": CALLEE.format(end=callee_end)})
    text = NESTED.format(
        call=call if call == "CALL" else f"SWAP2\n POP\n SWAP1\n {call}", end=end
    )
    prepared = prepare(assemble_text(text, path="/program.easm"), loader)
    assert not prepared.diagnostics
    scenario = replace(prepared.request.scenario, balance=10)
    return replace(prepared.request, scenario=scenario, native=False, **changes)


@pytest.mark.parametrize("profile", ["table", "threaded"])
@pytest.mark.parametrize("natively", [False, True])
def test_inner_frames_are_told_step_by_step(profile, natively):
    request = nested("CALL", "RETURN", "RETURN", natively=natively, snapshots="all")
    request = replace(request, scenario=replace(request.scenario, profile=profile))
    result, log = logged(request)
    outer, inner, callee = frames_of(log)
    assert outer == [(s.pc, s.stack, s.memory) for s in result.snapshots]
    # The nested guest does what it does on its own.
    begin = log["codes"][0][2][1]
    alone = replace(
        request, code=request.code[begin:], natively=False,
        scenario=replace(request.scenario, mode="call"),
    )
    assert inner == [(s.pc, s.stack, s.memory) for s in run(alone).snapshots]
    assert len(inner) > CHUNK
    assert [pc for pc, _, _ in callee] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert callee[2][1] == (0, 3)
    assert [row[2:] for row in log["frames"]] == [[1, None, None], [2, 0, 0], [2, 1, 1]]
    assert [row[1:] for row in log["codes"]] == [
        [True, [None, begin]], [False, ["/callee.easm", 0]],
    ]
    assert log["total"] == result.step_count + len(inner) + len(callee)


@pytest.mark.parametrize("call", ["CALL", "DELEGATECALL"])
@pytest.mark.parametrize("end", ["RETURN", "REVERT", "INVALID"])
@pytest.mark.parametrize("callee_end", ["RETURN", "REVERT"])
def test_effects_add_up_to_the_end(call, end, callee_end):
    result, log = logged(nested(call, end, callee_end))
    state, logs = replayed(log["effects"])
    execution = result.execution
    assert result.outcome == "stop"
    assert state["storage"] == {
        ("0x" + change.address.hex(), hex(change.slot)): change.after
        for change in execution.storage
    }
    assert {key: word for key, word in state["transient"].items() if word} == {
        ("0x" + change.address.hex(), hex(change.slot)): change.after
        for change in execution.transient
    }
    assert {address: word for (address, _), word in state["balance"].items()} == {
        "0x" + address.hex(): after for address, _, after in execution.balances
    }
    assert logs == ["0x" + entry.address.hex() for entry in execution.logs]
    # The state before the step behind the first call is what that call has left.
    calls = [row for row in log["effects"] if row[1] in ("call", "return", "data")]
    assert [row[1:3] for row in calls if row[1] != "data"] == [
        ["call", 0], ["return", 0], ["call", 1], ["return", 1], ["call", 2], ["return", 2],
    ]
    assert [row[3] for row in calls if row[1] == "data"] == [
        0 if end == "INVALID" else 32, 0, 0,
    ]


def replayed(effects: list[list[Any]]) -> tuple[dict[str, dict[Any, int]], list[str]]:
    """Storage, transient storage and balances that were written, and who logged, as a reader of
    effects sees them.
    """
    state: dict[str, dict[Any, int]] = {"storage": {}, "transient": {}, "balance": {}}
    logs: list[tuple[int, str]] = []
    done: list[tuple[int, str, Any, int | None]] = []
    for index, (_, word, *row) in enumerate(effects):
        if word in state:
            key = (row[0], row[1])
            done.append((index, word, key, state[word].get(key)))
            state[word][key] = int(row[3], 16)
        elif word == "log":
            logs.append((index, row[0]))
        elif word == "undo":
            while done and done[-1][0] >= row[0]:
                _, kind, key, before = done.pop()
                if before is None:
                    del state[kind][key]
                else:
                    state[kind][key] = before
            logs = [entry for entry in logs if entry[0] < row[0]]
    return state, [address for _, address in logs]


def test_what_wrote_a_slot_is_the_call_that_lasted():
    """A slot that a reverted call wrote, too, was written by the line before."""
    request = nested("DELEGATECALL", "REVERT", "RETURN")
    result = run(request)
    pcs = {slot: pc for (_, slot), pc in result.slot_writers.items()}
    assert {slot: request.code[pc] for slot, pc in pcs.items()} == {1: 0x55, 0: 0xF1, 2: 0x55}
    assert 3 not in pcs


def test_a_run_of_too_many_effects_says_where_they_are_cut(monkeypatch):
    monkeypatch.setattr(step_log, "_MAX_EFFECTS", 200)
    source = """
        PUSH 300
    again:
        DUP1
        DUP1
        TSTORE
        PUSH 1
        SWAP1
        SUB
        DUP1
        PUSH again
        JUMPI
    """
    request = Request(assemble_text(source).bytecode, Scenario(target="evm"), native=False)
    _, log = logged(request)
    assert len(log["effects"]) == 200
    assert log["untold"] == log["effects"][-1][0] + 10
    assert len(log["frames"]) == 1


def test_large_writes_end_chunks_early_and_cost_what_they_are():
    source = """
        PUSH 20
    again:
        PUSH 100_000
        PUSH 0
        DUP2
        CODECOPY
        PUSH 1
        SWAP1
        SUB
        DUP1
        PUSH again
        JUMPI
    """
    request = Request(assemble_text(source).bytecode, Scenario(), snapshots="all", native=False)
    result, log = logged(request)
    assert len(log["chunks"]) > 1
    assert log["kept"] == log["total"] == result.step_count
    assert [state[:2] for state in states(log)] == [(s.pc, s.stack) for s in result.snapshots]
    assert sum(map(len, log["chunks"])) < 200_000
