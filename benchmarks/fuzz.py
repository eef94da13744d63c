"""One long session of a client that does things at random: ``python -m benchmarks.fuzz``.

Every few hundred steps what the server knows is compared with what a fresh one does; at the end the
server's memory is said, after a warm-up and at the end. A disagreement, a crash or an error that is
none of the protocol's ends it with the seed and the step.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import tempfile
import time
from pathlib import Path

from tests.server.fuzzing import Session, Text, check_against_fresh
from tests.server.wire import start

#: Texts that have grown longer than this are emptied, so that memory can be compared.
MOST_LINES = 400
STEPS_A_CHECK = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    arguments = parser.parse_args()
    asyncio.run(_fuzz(arguments.seed, arguments.minutes * 60))


async def _fuzz(seed: str, seconds: float) -> None:
    wire = await start()
    began = time.monotonic()
    memory: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        session = Session(wire, Path(folder), seed)
        checks = 0
        try:
            await session.begin()
            while time.monotonic() - began < seconds:
                await session.step()
                _shorten(session)
                if session.steps % STEPS_A_CHECK == 0:
                    await check_against_fresh(session)
                    checks += 1
                    memory.append((time.monotonic() - began, _memory(wire.process.pid)))
                    if checks % 10 == 0:
                        print(f"{memory[-1][0]:.0f} s: {session.steps:,} steps, {checks} checks, "
                              f"{memory[-1][1]:.0f} MB", flush=True)
            code = await wire.end()
        except BaseException:
            print(f"seed {seed}, step {session.steps}, {session.encoding}")
            for name, text in session.open.items():
                print(f"--- {name}\n{text.text}")
            raise
        finally:
            if wire.process.returncode is None:
                wire.process.kill()
                await wire.process.wait()
    quarter = max(len(memory) // 4, 1)
    first, middle, last = (
        _mean(part) for part in (memory[:5], memory[2 * quarter : 3 * quarter], memory[-5:])
    )
    print(
        f"seed {seed}: {session.steps:,} steps in {seconds / 60:.0f} minutes, {checks} comparisons "
        f"with a fresh server without a difference, exit code {code}; memory {first:.0f} MB at "
        f"first, {middle:.0f} MB after half the time, {last:.0f} MB at the end"
    )


def _shorten(session: Session) -> None:
    for name, text in session.open.items():
        if len(text.lines()) > MOST_LINES:
            session.open[name] = Text("STOP\n", text.version + 1)
            session.wire.set_text(session.uri(name), "STOP\n", text.version + 1)


def _memory(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def _mean(memory: list[tuple[float, float]]) -> float:
    return sum(megabytes for _, megabytes in memory) / max(len(memory), 1)


if __name__ == "__main__":
    main()
