"""Steps replayed from what they changed are those that snapshots of every step show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvm_lsp.assembler import FileLoader, assemble_file, assemble_text
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

    return run(request, begun=begun), log.to_json()


def states(log: dict[str, Any]) -> list[tuple[int, tuple[int, ...], bytes]]:
    """Offset, stack (top first) and memory before every step, as a reader replays them."""
    found = []
    for text in log["chunks"]:
        chunk = read_chunk(text)
        assert chunk["from"] == len(found)
        stack, memory = chunk["stack"], bytearray.fromhex(chunk["memory"][2:])
        for number, (pc, _, _, popped, pushed, offset, data, size) in enumerate(chunk["steps"]):
            if number:
                stack = [*stack[: len(stack) - popped], *pushed]
                memory.extend(bytes(max(size - len(memory), 0)))
                memory[offset : offset + len(data) // 2] = bytes.fromhex(data)
            found.append((pc, tuple(int(word, 16) for word in reversed(stack)), bytes(memory)))
    return found


@pytest.mark.parametrize("target", ["nvm", "evm"])
def test_replayed_steps_are_the_snapshots_of_all_steps(target):
    path = str(EXAMPLES / "swap-two-assets.easm")
    prepared = prepare(assemble_file(path), FileLoader())
    request = replace(
        prepared.request, natively=target == "evm", snapshots="all", native=False
    )
    result, log = logged(request)
    assert states(log) == [(s.pc, s.stack, s.memory) for s in result.snapshots]
    assert log["total"] == log["kept"] == result.step_count


def test_a_chunk_begins_with_the_whole_state():
    request = Request(
        assemble_text(COUNTDOWN).bytecode, Scenario(), snapshots="all", native=False
    )
    result, log = logged(request)
    assert len(log["chunks"]) > 3
    assert states(log) == [(s.pc, s.stack, s.memory) for s in result.snapshots]
    second = read_chunk(log["chunks"][1])
    assert second["from"] == CHUNK
    writers = dict(map(tuple, second["writers"]))
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
