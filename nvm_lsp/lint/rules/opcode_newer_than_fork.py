"""An opcode is executed that the fork does not have.

## What it does
Finds bytes that are executed as an opcode of a later fork than the one that the program is for. In
source the assembler refuses such a mnemonic; this is about bytecode, and about code in `%bytes`.

## Why it is bad
For the EVM of that fork the byte is undefined: execution halts, all gas is lost.

## Example
```easm
%fork paris
    PUSH1 1
    %bytes 0x5f
    SSTORE
    STOP
```

## What to do
Build for the older fork, or target the newer one.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import OPCODES, instruction_set


@rule("OPC002", "opcode-newer-than-fork", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    there = instruction_set(context.assembly.fork).by_code
    newer = frozenset(row.code for row in OPCODES.values() if row.code not in there)
    if not newer or not context.assembly.data_ranges:
        return
    for _, instruction in context.analysis.find(newer):
        row = instruction.row
        if row is not None:
            yield from context.at(
                RULE.kind, instruction.pc,
                f"{row.name} is executed here, which came with {row.since}; "
                f"the program is for {context.assembly.fork}",
                "build for the older fork, or target the newer one",
            )
