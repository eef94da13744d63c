"""Storage is written on a way that can only revert.

## What it does
Finds SSTORE from which every way leads to REVERT, INVALID or another exceptional end.

## Why it is bad
The write is undone, and its gas, up to 22,100, is lost.

## Example
```easm
    PUSH 1
    PUSH 0
    SSTORE
    PUSH 0
    PUSH 0
    REVERT
```

## What to do
Check first, then write.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.paths import may_end_well
from nvm_lsp.lint.rule import LintContext, rule

_SSTORE = 0x55


@rule("CAL004", "sstore-before-revert", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    if not analysis.is_certain or b"\x55" not in context.assembly.bytecode:
        return
    stores = list(analysis.find(frozenset({_SSTORE})))
    fine = may_end_well(context) if stores else frozenset()
    for block, instruction in stores:
        if block.start not in fine:
            yield from context.at(
                RULE.kind, instruction.pc,
                "this write to storage is undone: every way from here reverts",
                "check first, then write",
            )
