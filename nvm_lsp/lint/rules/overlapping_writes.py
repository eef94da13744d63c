"""A word written to memory is partly overwritten by another.

## What it does
Finds MSTORE at a constant offset that covers part of a word written before in the same run of
code, where the part may hold other bytes than zeros and nothing has read it since. Zeros behind a
left-aligned selector, and in front of an address, are no loss.

## Why it is bad
Half of the word written first is lost. Often an offset is one byte or one word off.

## Example
```easm
    CALLVALUE
    PUSH 0
    MSTORE
    CALLDATASIZE
    PUSH 0x10
    MSTORE
    STOP
```

## What to do
Write words 32 bytes apart. If packing is meant, write the hinder word first, and suppress this.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.memory import memory_opcodes, ranges_read, ranges_written
from nvm_lsp.analysis.stack import WORD, Result, Value
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_MSTORE = 0x52
#: Opcodes whose result has so many bits at most.
_BITS = {
    0x30: 160, 0x32: 160, 0x33: 160, 0x41: 160, 0x42: 64, 0x43: 64, 0x10: 1, 0x11: 1, 0x12: 1,
    0x13: 1, 0x14: 1, 0x15: 1, 0x1A: 8, 0x36: 64, 0x38: 64, 0x3D: 64, 0x46: 64, 0x59: 64, 0x5A: 64,
    0xF0: 160, 0xF1: 1, 0xF4: 1, 0xF5: 160, 0xFA: 1,
}


@rule("MEM003", "overlapping-writes", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    for block in analysis.blocks():
        words: dict[int, tuple[int, Value]] = {}
        if block.summary is None or _MSTORE not in block.summary.codes:
            continue
        for instruction in analysis.instructions(block):
            step = instruction.step
            if step.code not in memory_opcodes():
                continue
            inputs = analysis.constants(block, step)
            for offset, size in ranges_read(step.code, inputs):
                words = {
                    at: word for at, word in words.items()
                    if offset is not None and size is not None
                    and (at + 32 <= offset or offset + size <= at)
                }
            for offset, size in ranges_written(step.code, inputs):
                if offset is None or size is None:
                    words.clear()
                    continue
                for at, (pc, value) in list(words.items()):
                    if at + 32 <= offset or offset + size <= at:
                        continue
                    del words[at]
                    if step.code == _MSTORE and at != offset and _loses(value, at, offset):
                        yield from context.at(
                            RULE.kind, instruction.pc,
                            f"this writes over part of the word at {at:#x}",
                            "write words 32 bytes apart",
                            related=context.place(pc, "written here"),
                        )
                if step.code == _MSTORE:
                    words[offset] = (instruction.pc, step.inputs[1])


def _loses(value: Value, at: int, offset: int) -> bool:
    """The part of a word at ``at`` that a word at ``offset`` covers may hold more than zeros."""
    if offset > at:  # the hinder part goes
        covered = (1 << (8 * (32 - (offset - at)))) - 1
    else:
        covered = WORD & (WORD << (8 * (at - offset)))
    if isinstance(value, int):
        return bool(value & covered)
    if isinstance(value, Result):
        bits = _BITS.get(value.code)
        shift = value.inputs[0] if value.code in (0x1B, 0x1C) else None
        if bits is not None:
            return bool(((1 << bits) - 1) & covered)
        if isinstance(shift, int) and shift < 256:
            left = value.code == 0x1B
            return bool((WORD << shift if left else WORD >> shift) & WORD & covered)
        if value.code == 0x16:
            masks = [word for word in value.inputs if isinstance(word, int)]
            return bool(masks and masks[0] & covered) or not masks
    return True
