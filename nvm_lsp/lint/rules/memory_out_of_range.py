"""A memory offset or size is so great that no gas can pay for it.

## What it does
Finds accesses of memory that reach a constant offset of 2^32 or more.

## Why it is bad
Memory up to there costs far more gas than a block holds: the access halts execution. The NestedVM
maps offsets exactly below 2^32 only, and runs out of gas above, too.

## Example
```easm
    PUSH 1
    PUSH 0x100000000
    MSTORE
    STOP
```

## What to do
Use a small offset and size. Often offset and value, or offset and size, are in the wrong order:
MSTORE takes the offset from the top of the stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.memory import memory_opcodes, ranges_read, ranges_written
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.nestedvm import EXACT_OFFSETS
from nvm_lsp.lint.rule import LintContext, rule


@rule("NVM006", "memory-out-of-range", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    for block, instruction in context.analysis.find(memory_opcodes()):
        step = instruction.step
        if instruction.row is None:
            continue
        inputs = context.analysis.constants(block, step)
        for offset, size in (
            *ranges_read(step.code, inputs), *ranges_written(step.code, inputs)
        ):
            if offset is not None and size and offset + size > EXACT_OFFSETS:
                name = instruction.row.name
                if size > offset:
                    message = f"{name} of {size:#x} bytes: no gas can pay for so much memory"
                    hint = "are offset and size in the wrong order?"
                else:
                    message = f"{name} at offset {offset:#x}: no gas can pay for memory up to there"
                    hint = "are offset and value in the wrong order?"
                yield from context.at(RULE.kind, instruction.pc, message, hint)
                break
