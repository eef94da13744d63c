"""Memory is read that was never written.

## What it does
Follows memory from the program's start along code whose offsets are known, and finds MLOAD,
KECCAK256, MCOPY, logs and call arguments of a range of which no byte was written.

## Why it is bad
It reads zeros: often the offset is wrong, or a write is missing.

## Example
```easm
    PUSH 7
    PUSH 0
    MSTORE
    PUSH 0x20
    MLOAD
    PUSH 0
    SSTORE
    STOP
```

## What to do
Read where something was written; for a zero, PUSH0 is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.memory import memory_opcodes, ranges_read
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_ENDS = frozenset({0xF3, 0xFD})
_MOST = 4096


@rule("MEM002", "read-of-unwritten-memory", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    for block, instruction in analysis.find(memory_opcodes() - _ENDS):
        step = instruction.step
        if instruction.row is None:
            continue
        for offset, size in ranges_read(step.code, analysis.constants(block, step)):
            if offset is None or not size or size > _MOST:
                continue
            memory = analysis.memory_at(instruction.pc)
            if memory.zero and not any(
                place in memory.bytes_ for place in range(offset, offset + size)
            ):
                yield from context.at(
                    RULE.kind, instruction.pc,
                    f"{instruction.row.name} reads {size} bytes of memory at {offset:#x} that "
                    "were never written",
                    "they are zeros",
                )
