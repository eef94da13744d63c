"""The execution service with real worker processes: limits, cancelling, fairness, no orphans."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.service import ExecutionService, RunFailedError
from nvm_lsp.runner.worker import encode
from nvm_lsp.runner.world import Limits

ENDLESS = "again: PUSH again\nJUMP"
SEVEN = "PUSH 7\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN"


def request(source: str, *, seconds: float = 60, **changes: Any) -> Request:
    """A run of a source with so much gas that only limits of ours can end it."""
    code = assemble_text(source.replace(": ", ":\n")).bytecode
    assert code
    return Request(code, Scenario(gas=2**60), limits=Limits(seconds=seconds), **changes)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[ExecutionService]:
    service = ExecutionService(workers=2)
    yield service
    await service.close()


def pids(service: ExecutionService) -> set[int]:
    return {worker.process.pid for worker in service._all}


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: Any) -> None:
    """Waits for what must come; the test's own time limit is the only clock."""
    while not condition():
        await asyncio.sleep(0.01)


async def test_a_worker_is_reused_and_replaced_after_its_number_of_runs() -> None:
    service = ExecutionService(workers=1, runs_a_worker=2)
    await service.start()
    seen = []
    for _ in range(4):
        before = pids(service)
        result = await service.run(request(SEVEN))
        assert int(result["return_data"], 16) == 7
        seen.append(before)
    assert seen[0] == seen[1], "the worker was not reused"
    assert not seen[0] & pids(service), "the worker was to be replaced after two runs"
    await service.close()
    assert not pids(service)


GREEDY = {
    "loops": (ENDLESS, Limits(seconds=0.5), "time"),
    "explodes memory": ("PUSH 0\nPUSH 0x10000000\nMSTORE", Limits(60), "memory"),
    "logs without end": (
        "again: PUSH 0\nPUSH 0\nLOG0\nPUSH again\nJUMP", Limits(60, logs=500), "log",
    ),
    "returns 100 MB": ("PUSH4 100000000\nPUSH 0\nRETURN", Limits(60), "memory"),
    "calls without end": (
        "again: PUSH 0\nPUSH 0\nPUSH 0\nPUSH 0\nPUSH 0\nPUSH 4\nGAS\nCALL\nPUSH again\nJUMP",
        Limits(60, calls=500), "call",
    ),
    # Creates itself, which creates itself, until the EVM's depth and the gas are used up.
    "recurses": (
        "again: CODESIZE\nPUSH 0\nPUSH 0\nCODECOPY\nCODESIZE\nPUSH 0\nPUSH 0\nCREATE\n"
        "PUSH again\nJUMP",
        Limits(0.5), "time",
    ),
}


async def test_greedy_guests_meet_a_limit_and_the_worker_lives_on(
    service: ExecutionService,
) -> None:
    await service.run(request(SEVEN))
    workers = pids(service)
    for name, (source, limits, word) in GREEDY.items():
        greedy = replace(request(source), limits=limits, natively=name == "recurses")
        result = await service.run(greedy)
        assert result["outcome"] == "limit", (name, result["error"])
        assert word in result["error"], name
    assert (await service.run(request(SEVEN)))["outcome"] == "return"
    assert pids(service) == workers, "a limit is no reason to lose the worker"


async def test_cancelling_kills_the_worker_and_the_next_run_has_another(
    service: ExecutionService,
) -> None:
    steps: list[int] = []
    run = asyncio.ensure_future(service.run(request(ENDLESS), progress=steps.append))
    await until(lambda: len(steps) >= 2)
    assert 0 < steps[0] < steps[1], "progress counts the guest's steps"
    (pid,) = pids(service)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await until(lambda: not exists(pid))
    assert (await service.run(request(SEVEN)))["outcome"] == "return"


async def test_a_worker_that_dies_is_said_and_replaced(service: ExecutionService) -> None:
    steps: list[int] = []
    run = asyncio.ensure_future(service.run(request(ENDLESS), progress=steps.append))
    await until(lambda: steps)
    (pid,) = pids(service)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="ended without an answer"):
        await run
    assert (await service.run(request(SEVEN)))["outcome"] == "return"
    idle = set(service._all)
    for worker in idle:  # one that nobody is waiting for is not even missed
        worker.process.kill()
        await worker.process.wait()
    assert (await service.run(request(SEVEN)))["outcome"] == "return"
    assert not idle & service._all


async def test_twenty_runs_of_one_owner_do_not_keep_another_waiting() -> None:
    service = ExecutionService(workers=1)
    order: list[str] = []

    async def run(owner: str, number: int) -> None:
        await service.run(request(SEVEN), owner=owner)
        order.append(f"{owner}{number}")

    await asyncio.gather(*(run("a", number) for number in range(20)), run("b", 0), run("c", 0))
    assert sorted(order) == sorted([*(f"a{number}" for number in range(20)), "b0", "c0"])
    assert order.index("b0") <= 3, order
    assert order.index("c0") <= 4, order
    ours = [name for name in order if name.startswith("a")]
    assert ours == [f"a{number}" for number in range(20)], "runs of one owner keep their order"
    await service.close()


async def test_who_stops_waiting_gives_the_turn_on() -> None:
    service = ExecutionService(workers=1)
    steps: list[int] = []
    first = asyncio.ensure_future(service.run(request(ENDLESS), progress=steps.append))
    await until(lambda: steps)
    waiting = asyncio.ensure_future(service.run(request(ENDLESS), owner="waits"))
    last = asyncio.ensure_future(service.run(request(SEVEN), owner="last"))
    await asyncio.sleep(0)
    waiting.cancel()
    first.cancel()
    assert (await last)["outcome"] == "return"
    await service.close()


async def test_closing_ends_what_runs_and_starts_nothing_new() -> None:
    service = ExecutionService(workers=2)
    steps: list[int] = []
    run = asyncio.ensure_future(service.run(request(ENDLESS), progress=steps.append))
    await until(lambda: steps)
    processes = pids(service)
    await service.close()
    with pytest.raises(RunFailedError):
        await run
    await asyncio.sleep(0)
    assert not any(exists(pid) for pid in processes)
    assert not pids(service)
    with pytest.raises(RunFailedError, match="closed"):
        await service.run(request(SEVEN))


async def test_a_request_that_cannot_be_run_is_refused_in_words(
    service: ExecutionService,
) -> None:
    with pytest.raises(RunFailedError, match=r"^unknown backend 'abacus'; there are py-evm"):
        await service.run(request(SEVEN, backend="abacus"))
    with pytest.raises(RunFailedError, match="a host from paris on"):
        await service.run(Request(b"", Scenario(fork="london")))


def test_a_worker_ends_with_its_parent_even_amid_a_run() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "nvm_lsp.runner.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker:
        assert b"ready" in worker.stdout.readline()
        worker.send_signal(signal.SIGINT)  # the terminal's Ctrl-C is the parent's affair
        worker.stdin.write(encode(request(ENDLESS, seconds=80000)))
        worker.stdin.flush()
        assert b"progress" in worker.stdout.readline()
        worker.stdin.close()
        assert worker.wait(60) == 0


@pytest.mark.parametrize(
    "arguments", [("run", "p.easm"), ("test", "-j", "2", "p.easm")], ids=["run", "test"]
)
def test_ctrl_c_ends_the_command_and_leaves_no_process(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "p.easm").write_text("#@ gas 1 << 50\nagain:\nPUSH again\nJUMP\n#= halt\n")
    command = subprocess.Popen(
        [sys.executable, "-m", "nvm_lsp", *arguments, "--timeout", "80000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd=tmp_path,
    )
    time.sleep(1.5)  # it runs by now; if not, it is interrupted before, which must be as clean
    os.killpg(command.pid, signal.SIGINT)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 130, errors
    assert errors.decode().strip() == "nvm-lsp: interrupted"
    with pytest.raises(ProcessLookupError):
        os.killpg(command.pid, 0)
