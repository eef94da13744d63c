"""A jump goes into the operand of a push.

## What it does
Reports a JUMP or JUMPI whose destination is known and is a byte of push data, as the EVM tells it
by going through the code from its beginning, data included.

## Why it is bad
No byte of push data is a valid destination, even if it is 0x5b: the jump halts execution
exceptionally. The NestedVM accepts a 0x5b there, unless its kernel was built with strict-jumpdest:
then the program works in one place and fails in the other.

## Example
```easm
    PUSH1 4
    JUMP
    PUSH1 0x5b
    STOP
```

## What to do
Jump to a label. If data stands before the destination and ends in what looks like a push, put the
data behind the code, or some zeros after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.jumps import bad_jumps, push_around
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code


@rule("JMP002", "jump-into-push-data", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    flow = context.analysis.flow
    for pc, target in bad_jumps(context):
        push = push_around(flow, target) if target < len(flow.code) else None
        if push is None:
            continue
        row = opcode_by_code(flow.code[push])
        name = row.name if row is not None else "a push"
        hint = "jump to a label"
        if context.analysis.is_data(push):
            hint = f"the data before it holds {flow.code[push]:#04x}, which reads as {name}"
        elif flow.code[target] == 0x5B and context.target == "nvm":
            hint = "only a kernel without strict-jumpdest accepts it"
        yield from context.at(
            RULE.kind, pc, f"jump to {target:#x}, which is push data of {name} at {push:#x}", hint,
            related=context.place(push, "this push"),
        )
