"""Random branches and loops: balanced ones are clean, and one word too many is always found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.lint.linter import check as lint

STACK = {"STK001", "STK002", "STK003"}


class Author:
    """Writes code that leaves the stack as it was, but for a word after the n-th branch or loop."""

    def __init__(self, random: Random, flaw_at: int | None) -> None:
        self.random = random
        self.flaw_at = flaw_at
        self.joins = 0

    def program(self) -> str:
        lines = ["CALLER", "CALLER", *self.code(0), "SSTORE", "STOP"]
        return "".join(f"    {line}\n" for line in lines)

    def code(self, depth: int) -> Iterator[str]:
        for _ in range(self.random.randrange(1, 4)):
            match self.random.randrange(4 if depth < 3 else 2):
                case 0:
                    yield from ("CALLER", "POP")
                case 1:
                    yield from ("PUSH 1", "ADD")
                case 2:
                    yield from self.branch(depth)
                case _:
                    yield from self.loop(depth)

    def branch(self, depth: int) -> Iterator[str]:
        number = self.joins = self.joins + 1
        yield from ("CALLVALUE", f"PUSH one{number}", "JUMPI", *self.code(depth + 1))
        yield from (f"PUSH both{number}", "JUMP", f"one{number}:", *self.code(depth + 1))
        if number == self.flaw_at:
            yield "ADDRESS"
        yield f"both{number}:"

    def loop(self, depth: int) -> Iterator[str]:
        number = self.joins = self.joins + 1
        yield from (f"again{number}:", *self.code(depth + 1))
        if number == self.flaw_at:
            yield "ADDRESS"
        yield from ("CALLVALUE", f"PUSH again{number}", "JUMPI")


def check(author: Author, found: bool) -> None:
    text = author.program()
    codes = {d.code for d in lint(assemble_text(text), "evm")} & STACK
    assert bool(codes) == found, text


@pytest.mark.parametrize("seed", range(30))
def test_balanced_ways_are_clean_and_a_forgotten_word_is_found(seed):
    author = Author(Random(seed), None)
    check(author, found=False)
    for flaw_at in range(1, min(author.joins, 3) + 1):
        check(Author(Random(seed), flaw_at), found=True)
