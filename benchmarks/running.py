"""How fast guests run: ``python -m benchmarks.running``.

Warm run of the 3+4 example from request to result through a worker process, cold command beside a
bare ``import eth``, guest operations a second, host operations for each.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

from nvm_lsp.assembler import assemble_text
from nvm_lsp.kernel.image import PROFILES
from nvm_lsp.runner import machine
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.service import ExecutionService

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "three-plus-four.easm"
LOOP = """
    PUSH2 2000
next:
    PUSH1 1
    SWAP1
    SUB
    DUP1
    PUSH next
    JUMPI
    STOP
"""


def main() -> None:
    asyncio.run(_warm())
    _cold()
    machine.load()
    code = assemble_text(LOOP).bytecode
    for profile in PROFILES:
        _rate(code, profile)


async def _warm() -> None:
    code = assemble_text(EXAMPLE.read_text()).bytecode
    service = ExecutionService()
    await service.start()
    times = []
    for _ in range(60):
        began = time.perf_counter()
        await service.run(Request(code))
        times.append(time.perf_counter() - began)
    await service.close()
    times = sorted(times[5:])
    print(
        f"warm run of 3+4, request to result: p50 {statistics.median(times) * 1e3:.2f} ms, "
        f"p95 {times[int(len(times) * 0.95)] * 1e3:.2f} ms"
    )


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
