"""How fast guests run: ``python -m benchmarks.running``.

Warm runs of the 3+4 example and of 1,000 guest operations from request to result through a worker
process, a cancelled run to the end of its process, the cold command beside a bare ``import eth``,
traced runs beside untraced ones, guest operations a second, host operations for each; with
``--million`` also a million guest steps, traced, and their memory (about half a minute).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nvm_lsp.assembler import assemble_text
from nvm_lsp.kernel.image import PROFILES, image
from nvm_lsp.runner import machine
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.scenario import KERNEL_ADDRESS, Scenario
from nvm_lsp.runner.service import ExecutionService
from nvm_lsp.runner.trace_formats import Lines, TraceWriter
from nvm_lsp.runner.world import Limits, Message

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "three-plus-four.easm"
LOOP = """
    PUSH4 {rounds}
next:
    PUSH1 1
    SWAP1
    SUB
    DUP1
    PUSH next
    JUMPI
    STOP
"""
STEPS_A_ROUND = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="also a million guest steps")
    arguments = parser.parse_args()
    asyncio.run(_warm())
    _cold()
    machine.load()
    _traced()
    for profile in PROFILES:
        _rate(_loop(14_000), profile)
    if arguments.million:
        _million()


def _loop(steps: int) -> bytes:
    """A loop of about so many guest steps."""
    return assemble_text(LOOP.format(rounds=steps // STEPS_A_ROUND)).bytecode


async def _warm() -> None:
    service = ExecutionService(workers=1)
    await service.start()
    for name, code in (
        ("3+4", assemble_text(EXAMPLE.read_text()).bytecode),
        ("1,000 guest operations", _loop(990)),
    ):
        times = []
        for _ in range(60):
            began = time.perf_counter()
            await service.run(Request(code))
            times.append(time.perf_counter() - began)
        times = sorted(times[5:])
        print(
            f"warm run of {name}, request to result: p50 {statistics.median(times) * 1e3:.2f} ms, "
            f"p95 {times[int(len(times) * 0.95)] * 1e3:.2f} ms"
        )
    await _cancelled(service)
    await service.close()


async def _cancelled(service: ExecutionService) -> None:
    """From cancelling a run to the end of its process, as the operating system tells it."""
    endless = assemble_text("again:\nPUSH again\nJUMP\n").bytecode
    request = Request(endless, Scenario(gas=10**15), limits=Limits(seconds=60))
    times = []
    for _ in range(5):
        await service.run(Request(b"\0"))
        task = asyncio.create_task(service.run(request))
        await asyncio.sleep(0.2)
        (process,) = [worker.process for worker in service._all - set(service._idle)]
        began = time.perf_counter()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await process.wait()
        times.append(time.perf_counter() - began)
    print(f"cancel to the process gone: worst of {len(times)} {max(times) * 1e3:.1f} ms")


def _traced() -> None:
    """What recovering guest steps costs, and writing them as a trace."""
    code, scenario = _loop(990), Scenario()
    kernel = image(scenario.build)
    message = Message(
        scenario.account, kernel.runtime, code, scenario.caller, gas=scenario.gas,
        code_address=KERNEL_ADDRESS,
    )
    world = scenario.world(b"\0")
    request = Request(code, scenario, native=False)
    plain = _median(lambda: machine.execute(world, message))
    traced = _median(lambda: run(request))
    written = _median(lambda: run(request, TraceWriter(io.StringIO(), lambda code: Lines(None))))
    print(
        f"1,000 guest operations: untraced {plain * 1e3:.1f} ms, traced {traced * 1e3:.1f} ms "
        f"({traced / plain:.2f} times), EIP-3155 written {written * 1e3:.1f} ms "
        f"({written / plain:.2f} times)"
    )


def _million() -> None:
    request = Request(
        _loop(1_000_000), Scenario(gas=10**12), limits=Limits(seconds=600), native=False
    )
    began = time.perf_counter()
    result = run(request)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{result.step_count:,} guest steps traced in {took:.1f} s, peak memory {peak:.0f} MiB")


def _median(function: Callable[[], object], runs: int = 21) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _cold() -> None:
    ours = _wall([sys.executable, "-m", "nvm_lsp", "run", str(EXAMPLE)])
    theirs = _wall([sys.executable, "-c", "import eth"])
    print(
        f"cold nvm-lsp run {ours * 1e3:.0f} ms, bare import eth {theirs * 1e3:.0f} ms, "
        f"ratio {ours / theirs:.2f}"
    )


def _wall(command: list[str], runs: int = 7) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _rate(code: bytes, profile: str) -> None:
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        result = run(Request(code, Scenario(profile=profile), native=False))
        best = min(best, time.perf_counter() - began)
    print(
        f"{profile}: {result.step_count / best:,.0f} guest operations a second, traced; "
        f"{result.host_steps / result.step_count:.1f} host operations for each"
    )


if __name__ == "__main__":
    main()
