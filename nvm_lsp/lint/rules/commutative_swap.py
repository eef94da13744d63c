"""Words are exchanged before an operation that does not care for their order.

## What it does
Finds SWAP1 before ADD, MUL, AND, OR, XOR, EQ, ADDMOD and MULMOD.

## Why it is bad
It costs gas and a byte for nothing, and a reader looks for the reason.

## Example
```easm
    CALLER
    CALLVALUE
    SWAP1
    ADD
    PUSH 0
    MSTORE
    STOP
```

## What to do
Remove the SWAP1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code

_PATTERN = re.compile(rb"\x90(?=[\x01\x02\x08\x09\x14\x16-\x18])")


@rule("OPT004", "commutative-swap", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    code = context.assembly.bytecode
    for (pc,) in context.runs(_PATTERN):
        row = opcode_by_code(code[pc + 1])
        if row is None or context.analysis.is_data(pc + 1):
            continue
        yield from context.at(
            RULE.kind, pc, f"SWAP1 before {row.name} has no effect: its order does not matter",
            "remove the SWAP1", fixes=context.rewrite("Remove SWAP1", (pc,), ()),
        )
