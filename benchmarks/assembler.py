"""How fast source becomes bytecode and back: ``python -m benchmarks.assembler``.

The references are pyevmasm's assembler and disassembler, on the same instructions in the same run.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from random import Random

import pyevmasm

from nvm_lsp.assembler import assemble, assemble_text, disassemble, fragment
from nvm_lsp.source import Document
from nvm_lsp.syntax import edit, parse_lines, parser

PLAIN = ["ADD", "MLOAD", "MSTORE", "DUP1", "SWAP1", "POP", "JUMPDEST", "JUMPI", "SLOAD", "CALLER"]


def listing(count: int, seed: int = 1) -> list[str]:
    """Instructions as a disassembler prints them: three in ten are pushes of random values."""
    random = Random(seed)
    lines = []
    for _ in range(count):
        if random.random() < 0.3:
            size = random.choice([1, 1, 1, 2, 2, 4, 20, 32])
            lines.append(f"PUSH{size} {random.getrandbits(8 * size):#x}")
        else:
            lines.append(random.choice(PLAIN))
    return lines


def program(count: int) -> list[str]:
    """A program with comments, labels and jumps, each line its own."""
    plain = listing(count)
    return [
        f"l{i // 10}:" if i % 10 == 0
        else f"    PUSH l{(i * 7 // 10) % (count // 10)}" if i % 10 == 5
        else f"    {plain[i]}    # [a, {i}]"
        for i in range(count)
    ]


def best(action: Callable[[], object], runs: int = 7) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)


def forget() -> None:
    """Empties the caches, so that what follows is cold."""
    parser._cache.clear()
    fragment._encodings.clear()


def main() -> None:
    gc.set_threshold(200_000, 20, 50)  # as the command line does
    text = "\n".join(listing(20_000))

    def cold() -> None:
        forget()
        assemble_text(text)

    ours, theirs = best(cold), best(lambda: pyevmasm.assemble_hex(text))
    print(f"assemble 20,000 instructions, cold: {ours * 1e3:.0f} ms, pyevmasm "
          f"{theirs * 1e3:.0f} ms, ratio {ours / theirs:.2f}")
    code = assemble_text(text).bytecode
    ours, theirs = best(lambda: disassemble(code)), best(lambda: pyevmasm.disassemble(code))
    print(f"disassemble them: {ours * 1e3:.0f} ms, pyevmasm {theirs * 1e3:.0f} ms, "
          f"ratio {ours / theirs:.2f}")
    for count in (20_000, 200_000):
        long = "\n".join(program(count))
        forget()
        began = time.perf_counter()
        assemble_text(long)
        took = time.perf_counter() - began
        print(f"assemble a program of {count:,} lines, cold: {took * 1e3:.0f} ms, "
              f"{took / count * 1e6:.1f} us a line")
    _edits()
    _memory()


def _edits() -> None:
    lines = [line + "\n" for line in program(10_000)]
    document = Document.from_text("-", "".join(lines))

    def cold() -> None:
        forget()
        assemble(parse_lines("-", document.lines))

    whole = best(cold, 3)
    random = Random(2)
    tree = parse_lines("-", document.lines)
    assemble(tree)
    times = []
    for _ in range(30):
        line = f"    PUSH2 {random.getrandbits(16):#x}\n"
        place = random.randrange(999) * 10 + 3  # an instruction
        began = time.perf_counter()
        tree = edit(tree, place, 1, (line,))
        assemble(tree)
        times.append(time.perf_counter() - began)
    times.sort()
    once = times[len(times) // 2]
    print(f"assemble again after a one-line edit of 10,000 lines: {once * 1e3:.1f} ms, "
          f"{once / whole:.1%} of the cold {whole * 1e3:.0f} ms")


def _memory() -> None:
    text = "\n".join(program(50_000))
    forget()
    tracemalloc.start()
    assembly = assemble_text(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert assembly.ok
    print(f"peak memory: {peak / 50_000:.0f} bytes a line, the text itself included")


if __name__ == "__main__":
    main()
