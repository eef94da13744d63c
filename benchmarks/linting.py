"""How long lint takes as a command: ``python -m benchmarks.linting``.

200 small files without and with a cache, beside the bare interpreter and ``ruff check`` on as many
Python files of as many lines; the largest one that a chain takes, as bytecode; all in one run.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

LINT = [sys.executable, "-m", "nvm_lsp", "lint", "--exit-zero", "--format", "concise"]
RUFF = [sys.executable, "-m", "ruff", "check", "--exit-zero", "--no-cache", "-q"]
FILES = 200
LINES = 32


def small_program(seed: int) -> str:
    """A program of 32 lines: a loop, a macro, a subroutine, a stack comment; mostly clean."""
    pick = random.Random(seed)
    body = "".join(
        f"    PUSH {pick.randrange(1, 2**pick.choice((4, 8, 30)))}\n    {pick.choice(WORDS)}\n"
        for _ in range(5)
    )
    return (
        f"%def SLOT = {seed}\n%macro add_one(word)\n    PUSH word\n    ADD\n%end\n\n"
        f"    PUSH 0                # [sum]\n    PUSH {pick.randrange(2, 9)}   # [count, sum]\n"
        "loop:\n    SWAP1\n"
        f"    %add_one(SLOT)\n{body}    SWAP1\n    PUSH 1\n    SWAP1\n    SUB\n    DUP1\n"
        "    PUSH loop\n    JUMPI\n    POP\n    PUSH SLOT\n    SSTORE\n    STOP\n"
    )


WORDS = ("ADD", "MUL", "XOR", "OR", "AND", "EQ", "LT", "GT")


def small_module(seed: int) -> str:
    """Python of as many lines."""
    pick = random.Random(seed)
    lines = "".join(f"    total = total * {pick.randrange(9)} + {seed}\n" for _ in range(LINES - 4))
    return f"import os\n\n\ndef f(total):\n{lines}    return total, os.name\n"


def contract(instructions: int) -> bytes:
    """Bytecode of blocks that jump to each other, as a dispatcher and its functions do."""
    pick = random.Random(7)
    code = bytearray()
    starts: list[int] = []
    holes: list[int] = []
    count = 0
    while count < instructions:
        starts.append(len(code))
        code += b"\x5b"
        for _ in range(pick.randrange(4, 12)):
            code += bytes((0x60, pick.randrange(256), 0x60, pick.randrange(256), 0x01, 0x50))
            count += 4
        code += b"\x60\x00\x35"  # calldataload(0), as a condition
        code += b"\x62"
        holes.append(len(code))
        code += b"\x00\x00\x00\x57"
        count += 5
    code += b"\x00"
    for hole in holes:
        code[hole : hole + 3] = pick.choice(starts).to_bytes(3, "big")
    return bytes(code)


class Times(NamedTuple):
    """Seconds of a command in some runs: the median and the least of the clock's, and of work."""

    median: float
    least: float
    work: float


def times_of(command: list[str], folder: Path, runs: int, before: Callable[[], None]) -> Times:
    """Runs a command so many times; ``work`` is what all its processes computed, at the least."""
    clock: list[float] = []
    work: list[float] = []
    for _ in range(runs):
        before()
        begun, worked = time.perf_counter(), _worked()
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        clock.append(time.perf_counter() - begun)
        work.append(_worked() - worked)
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stderr.decode()}")
    return Times(statistics.median(clock), min(clock), min(work))


def _worked() -> float:
    """Seconds of processors that children have had so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def nothing() -> None:
    """What a run needs before it, if nothing."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder, python, big = (Path(name) / part for part in ("easm", "python", "big"))
        for path in (folder, python, big):
            path.mkdir()
        for seed in range(FILES):
            (folder / f"p{seed}.easm").write_text(small_program(seed))
            (python / f"p{seed}.py").write_text(small_module(seed))
        code = contract(20_000)
        (big / "contract.hex").write_text(code.hex())

        def cold() -> None:
            shutil.rmtree(folder / ".nvm-lsp-cache", ignore_errors=True)

        bare = times_of([sys.executable, "-c", "pass"], folder, runs, nothing)
        rows = [("python -c pass", bare)]
        for title, command, where, before in (
            ("200 small files, cold", LINT, folder, cold),
            ("200 small files, cold, one process", [*LINT, "-j", "1"], folder, cold),
            ("200 small files, warm", LINT, folder, nothing),
            ("200 Python files, ruff without its cache", RUFF, python, nothing),
            (f"20,000 instructions of bytecode ({len(code):,} bytes)",
             [*LINT, "--no-cache", "contract.hex"], big, nothing),
        ):
            rows.append((title, times_of(command, where, runs, before)))
    print(f"{'seconds':52} {'median':>8} {'least':>8} {'work':>8} {'x bare':>7}")
    for title, found in rows:
        print(
            f"{title:52} {found.median:8.3f} {found.least:8.3f} {found.work:8.3f} "
            f"{found.least / bare.least:7.1f}"
        )


if __name__ == "__main__":
    main()
