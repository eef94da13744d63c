"""A jump goes to an instruction that is no JUMPDEST.

## What it does
Reports a JUMP or JUMPI whose destination is known and holds another instruction, or data.

## Why it is bad
Taken, the jump halts execution exceptionally: all gas is lost and all changes are undone.

## Example
```easm
    PUSH here
    JUMP
.here:
    STOP
```

## What to do
Write the label without its leading dot, so that it emits a JUMPDEST.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.jumps import bad_jumps, push_around
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code


@rule("JMP003", "jump-to-no-jumpdest", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    flow = context.analysis.flow
    for pc, target in bad_jumps(context):
        if target >= len(flow.code) or push_around(flow, target) is not None:
            continue
        row = opcode_by_code(flow.code[target])
        what = row.name if row is not None else f"the byte {flow.code[target]:#04x}"
        if context.analysis.is_data(target):
            what = "data"
        yield from context.at(
            RULE.kind, pc, f"jump to {target:#x}, which holds {what}, not JUMPDEST",
            "put a label there, without a leading dot",
            related=context.place(target, "the destination"),
        )
