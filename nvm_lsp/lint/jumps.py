"""Jumps to destinations that hold no JUMPDEST."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.control_flow import ControlFlow
from nvm_lsp.lint.rule import LintContext

__all__ = ["bad_jumps", "push_around"]


def bad_jumps(context: LintContext) -> Iterator[tuple[int, int]]:
    """The jump's pc and its destination, for each known destination that is none."""
    for block in context.analysis.blocks():
        for target in block.bad_targets:
            yield block.last, target


def push_around(flow: ControlFlow, pc: int) -> int | None:
    """The push whose data a byte belongs to, None if it is an instruction."""
    block = flow.block_of(pc)
    if block is None:
        return None
    code = flow.code
    at = block.start
    while at < block.end:
        size = code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0
        if at < pc <= at + size:
            return at
        if at >= pc:
            return None
        at += 1 + size
    return None
