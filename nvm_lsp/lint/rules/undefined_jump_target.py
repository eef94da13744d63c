"""A jump goes to where there is no code.

## What it does
Reports a JUMP or JUMPI whose destination is known and lies past the end of the code.

## Why it is bad
Taken, the jump halts execution exceptionally: all gas is lost and all changes are undone.

## Example
```easm
    PUSH1 0x40
    JUMP
```

## What to do
Jump to a label, so that the assembler fills in the offset.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.jumps import bad_jumps
from nvm_lsp.lint.rule import LintContext, rule


@rule("JMP001", "undefined-jump-target", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    size = len(context.assembly.bytecode)
    for pc, target in bad_jumps(context):
        if target >= size:
            yield from context.at(
                RULE.kind, pc, f"jump to {target:#x}, past the end of the code ({size:#x} bytes)",
                "jump to a label",
            )
