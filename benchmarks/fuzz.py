"""Sessions of a client that does things at random: ``python -m benchmarks.fuzz``.

Every few hundred steps what the server knows is compared with what a fresh one does. The seed also
says what the client can do (pull diagnostics, answer questions about settings). At the end there
are counts and latencies by method, and memory over time. What goes wrong ends it with exit code 1,
and leaves the messages since the last comparison in a file for ``--replay``, which ``--shrink``
makes shorter.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.server.fuzzing.client import Client, memory_of
from tests.server.fuzzing.replay import replay, shrink
from tests.server.fuzzing.session import Session
from tests.server.fuzzing.text import Flaw

STEPS_A_CHECK = 200
#: Comparisons after which memory counts as warmed up.
WARM = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--push", action="store_true", help="a client that pulls no diagnostics")
    kinds.add_argument("--pull", action="store_true", help="a client that does")
    parser.add_argument("--steps", type=int, default=STEPS_A_CHECK, help="steps a comparison")
    parser.add_argument("--save", default="fuzz-failure.jsonl", help="where to write a failure")
    parser.add_argument("--replay", metavar="FILE", help="do the messages of a failure again")
    parser.add_argument("--shrink", action="store_true", help="with --replay: make FILE shorter")
    arguments = parser.parse_args()
    if arguments.replay:
        return asyncio.run(_replay(Path(arguments.replay), shorter=arguments.shrink))
    pulls = True if arguments.pull else False if arguments.push else None
    return asyncio.run(_fuzz(
        arguments.seed, arguments.minutes * 60, pulls, arguments.steps, Path(arguments.save)
    ))


async def _fuzz(seed: str, seconds: float, pulls: bool | None, steps: int, save: Path) -> int:
    began = time.monotonic()
    memory: list[tuple[float, float]] = []
    done = checks = 0
    with tempfile.TemporaryDirectory() as folder:
        client = await Client.start(Path(folder).resolve())
        session = Session(client, seed, pulls=pulls)
        said = f"seed {seed}, {'pull' if session.pulls else 'push'}, {session.encoding}"
        print(said, flush=True)
        try:
            await session.begin()
            while time.monotonic() - began < seconds:
                await session.step()
                if session.steps % steps == 0:
                    await session.compare()
                    client.checkpoint()
                    checks += 1
                    memory.append((time.monotonic() - began, memory_of(client.process.pid)))
                    if checks % 10 == 0:
                        print(f"{memory[-1][0]:.0f} s: {session.steps:,} steps, {checks} checks, "
                              f"{memory[-1][1]:.0f} MB", flush=True)
            await session.compare()
            await client.leave()
        except Exception as error:
            save.write_text(client.written(client.records), encoding="utf-8")
            print(f"{said}, step {session.steps}: {type(error).__name__} {error!s:.20000}"
                  f"\nstderr: {client.said_on_stderr()[-3000:]}"
                  f"\nThe messages are in {save}: python -m benchmarks.fuzz --replay {save}")
            if not isinstance(error, Flaw):
                raise
            return 1
        finally:
            await client.end_now()
        done = session.steps
    _report(client.took)
    series = _series(memory)
    print(f"{said}: {done:,} steps in {seconds / 60:.0f} minutes, {checks + 1} comparisons with a "
          f"fresh server without a difference; memory {series}")
    return 0


def _report(took: dict[str, list[float]]) -> None:
    """Counts and latencies by method; the client waits for some, floods with others."""
    print(f"{'method':42} {'count':>8} {'p50':>9} {'p95':>9} {'most':>9}  milliseconds")
    for name, seconds in sorted(took.items()):
        times = sorted(seconds)
        p50, p95, most = (times[min(int(len(times) * part), len(times) - 1)] * 1000
                          for part in (0.5, 0.95, 1.0))
        print(f"{name:42} {len(times):8,} {p50:9.1f} {p95:9.1f} {most:9.1f}")


def _series(memory: list[tuple[float, float]]) -> str:
    """Megabytes after the warm-up, and after a quarter, a half, and all of the time."""
    if len(memory) <= WARM:
        return "unknown, too short"
    count = len(memory)
    places = {"after warm-up": WARM, "a quarter": max(count // 4, WARM),
              "half": max(count // 2, WARM), "end": count - 1}
    return ", ".join(f"{memory[at][1]:.0f} MB {name}" for name, at in places.items())


async def _replay(file: Path, *, shorter: bool) -> int:
    text = file.read_text(encoding="utf-8")
    flaw = await replay(text)
    print(flaw or "nothing goes wrong")
    if flaw is not None and shorter:
        text = await shrink(text, replay)
        file.write_text(text, encoding="utf-8")
        print(f"{len(text.splitlines())} lines are left in {file}:\n{text}\n{await replay(text)}")
    return 1 if flaw is not None else 0


if __name__ == "__main__":
    sys.exit(main())
