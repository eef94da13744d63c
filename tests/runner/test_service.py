"""The execution service: processes are reused, killed, replaced, and shared fairly."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.service import ExecutionService, RunFailedError
from nvm_lsp.runner.world import Limits

QUICK = Request(assemble_text("PUSH1 3\nPUSH1 4\nADD\n").bytecode)
ENDLESS_CODE = assemble_text("again:\nPUSH again\nJUMP\n").bytecode
ENDLESS = Request(ENDLESS_CODE, Scenario(gas=10**15), limits=Limits(seconds=60))


@pytest.fixture
async def service() -> AsyncIterator[ExecutionService]:
    made = ExecutionService(workers=1)
    yield made
    await made.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pids(service: ExecutionService) -> set[int]:
    return {worker.process.pid for worker in service._all}


async def test_a_worker_is_reused(service: ExecutionService) -> None:
    await service.start()
    first = pids(service)
    for _ in range(3):
        assert (await service.run(QUICK))["stack"] == ["0x7"]
    assert pids(service) == first


async def test_cancelling_kills_the_process_and_the_next_run_has_another(
    service: ExecutionService,
) -> None:
    await service.run(QUICK)
    (victim,) = pids(service)
    task = asyncio.create_task(service.run(ENDLESS))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if not alive(victim):
            break
        await asyncio.sleep(0.02)
    assert not alive(victim)
    assert (await service.run(QUICK))["outcome"] == "stop"


async def test_a_long_run_tells_its_progress(service: ExecutionService) -> None:
    told: list[int] = []
    request = Request(ENDLESS_CODE, Scenario(gas=10**15), limits=Limits(seconds=1.5), native=False)
    result = await service.run(request, progress=told.append)
    assert result["error"] == "time limit reached: 1.5 s"
    assert told
    assert told == sorted(told)
    assert told[-1] <= result["steps"]


async def test_a_worker_that_dies_is_said_and_replaced(service: ExecutionService) -> None:
    await service.run(QUICK)
    (victim,) = pids(service)
    task = asyncio.create_task(service.run(ENDLESS))
    await asyncio.sleep(0.2)
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="ended without an answer"):
        await task
    assert (await service.run(QUICK))["outcome"] == "stop"


async def test_a_request_that_cannot_be_run_is_refused_in_words(
    service: ExecutionService,
) -> None:
    with pytest.raises(RunFailedError, match="unknown backend 'none'"):
        await service.run(Request(b"", backend="none"))
    with pytest.raises(RunFailedError, match="a host from paris on"):
        await service.run(Request(b"", Scenario(fork="london")))


async def test_turns_go_round_the_clients(service: ExecutionService) -> None:
    order: list[str] = []

    async def run(client: str) -> None:
        await service.run(QUICK, client=client)
        order.append(client)

    tasks = [asyncio.create_task(run("busy")) for _ in range(18)]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(run(name)) for name in ("one", "two")]
    await asyncio.gather(*tasks)
    assert len(order) == 20
    assert {"one", "two"} <= set(order[:5]), "twenty at once, and nobody waits for all the others"


async def test_a_run_that_is_cancelled_while_it_waits_leaves_no_gap(
    service: ExecutionService,
) -> None:
    first = asyncio.create_task(service.run(ENDLESS))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(service.run(QUICK, client=str(n))) for n in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    first.cancel()
    results = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(result, dict) for result in results] == [False, True, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel to watch the parent")
def test_workers_end_with_a_parent_that_is_killed() -> None:
    script = (
        "import asyncio\n"
        "from tests.runner.test_service import ENDLESS, pids\n"
        "from nvm_lsp.runner.service import ExecutionService\n"
        "async def main():\n"
        "    service = ExecutionService()\n"
        "    task = asyncio.create_task(service.run(ENDLESS))\n"
        "    await asyncio.sleep(1.5)\n"
        "    print(*pids(service), flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert alive(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 10
    while alive(worker) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(worker)


def test_ctrl_c_leaves_no_process_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "p.easm").write_text("#@ gas 1 << 50\nagain:\nPUSH again\nJUMP\n#= halt\n")
    for arguments in (("run", "p.easm", "--timeout", "60"), ("test", "-j", "2", "--timeout", "60")):
        process = subprocess.Popen(
            [sys.executable, "-m", "nvm_lsp", *arguments], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )
        time.sleep(1.5)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130, errors
        assert "Traceback" not in errors
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
