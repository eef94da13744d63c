"""What analysis costs: ``python -m benchmarks.analysis``.

Beside the disassembly of the same bytes by pyevmasm in the same run: a made-up contract of 20,000
instructions analysed and linted cold; the analysis after a one-line edit of a program of 10,000
lines; hostile programs, which must meet the bound of work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pyevmasm

from nvm_lsp.analysis import control_flow as flow_module
from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.analysis.control_flow import control_flow
from nvm_lsp.assembler import assemble, assemble_text, disassemble
from nvm_lsp.lint.linter import check
from nvm_lsp.source import split_lines
from nvm_lsp.syntax import edit, parse_lines


def timed(work: Callable[[], object], turns: int = 1) -> float:
    """Milliseconds that work takes, the best of some turns."""
    best = float("inf")
    for _ in range(turns):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def contract(subroutines: int = 1000) -> bytes:
    """Subroutines that are called in turn, each with a loop and a branch: 20 instructions each."""
    calls = "".join(
        f"PUSH r{i}\nPUSH {i}\nPUSH f{i}\nJUMP\nr{i}:\nPOP\n" for i in range(subroutines)
    )
    bodies = "".join(
        f"f{i}:\nl{i}:\nPUSH 1\nSWAP1\nSUB\nDUP1\nPUSH l{i}\nJUMPI\nCALLVALUE\nPUSH x{i}\nJUMPI\n"
        f"x{i}:\nSWAP1\nJUMP\n"
        for i in range(subroutines)
    )
    return assemble_text(calls + "STOP\n" + bodies).bytecode


def lines(count: int) -> tuple[str, ...]:
    """A program of loops with stack comments."""
    unit = (
        "loop{i}:              # [n]\n    DUP1              # [n, n]\n    PUSH 0x20\n"
        "    MSTORE            # [n]\n    PUSH {i}\n    ADD\n    DUP1\n    ISZERO\n"
        "    PUSH loop{i}\n    JUMPI             # [n]\n"
    )
    return split_lines(
        "PUSH 1\n" + "".join(unit.format(i=i) for i in range(count // 10)) + "STOP\n"
    )


def main() -> None:
    code = contract()
    reference = timed(lambda: list(pyevmasm.disassemble_all(code)))
    source = disassemble(code)
    assembly = assemble_text(source)
    print(f"contract of {len(assembly.operations):,} instructions, {len(code):,} bytes")
    print(f"  pyevmasm disassembles it          {reference:8.0f} ms")

    def cold(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            flow_module._summaries.clear()
            return work()

        return run

    for name, work in (
        ("control flow, cold", lambda: control_flow(code)),
        ("read, assemble and lint, cold", lambda: check(assemble_text(source), "evm")),
    ):
        took = timed(cold(work))
        print(f"  {name:32}  {took:8.0f} ms  {took / reference:5.2f} x")

    text = lines(10_000)
    tree = parse_lines("bench.easm", text)
    analyze(assemble(tree)).flow  # noqa: B018 -- made now, so that the edit finds it made
    took = []
    for turn in range(9):
        at = len(text) // 2 + 10 * turn + 2
        tree = edit(tree, at, 1, [f"    PUSH 0x{turn + 32:x}\n"])
        assembly = assemble(tree)
        took.append(timed(lambda assembly=assembly: analyze(assembly).flow))
    median = sorted(took)[len(took) // 2]
    print(f"analysis after a one-line edit of {len(text):,} lines: {median:.1f} ms (median)")
    random = Random(1)
    graph = b"".join(
        b"\x5b\x33\x62" + (random.randrange(20_000) * 9).to_bytes(3, "big") + b"\x57"
        + (b"\x30\x30" if i % 2 else b"\x50\x50")
        for i in range(20_000)
    )
    for name, hostile in (
        ("100,000 JUMPDESTs and a computed jump", b"\x33\x56" + b"\x5b" * 100_000),
        ("1,000 words and 100,000 JUMPDESTs", b"\x30" * 1000 + b"\x5b" * 100_000),
        ("20,000 blocks, unbalanced, at random", graph),
        ("25,000 computed jumps", b"\x5b\x33\x35\x57" * 25_000),
    ):
        began = time.perf_counter()
        flow = control_flow(hostile)
        took_s = time.perf_counter() - began
        ended = "followed to the end" if flow.complete else "bounded"
        print(f"hostile: {name:40} {took_s:5.2f} s, {ended}")


if __name__ == "__main__":
    main()
