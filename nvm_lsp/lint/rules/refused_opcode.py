"""An opcode that the NestedVM refuses.

## What it does
Finds CALLCODE and SELFDESTRUCT in guest programs.

## Why it is bad
The kernel reverts there: a guest must not destroy the wallet that it acts for.

## Example
```easm
    CALLER
    SELFDESTRUCT
```

## What to do
Use DELEGATECALL instead of CALLCODE, and CALL to send the balance. For a contract that a guest
calls, say `#@ target evm`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_REFUSED = frozenset({0xF2, 0xFF})


@rule("NVM002", "refused-opcode", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if context.target != "nvm":
        return
    for _, instruction in context.analysis.find(_REFUSED):
        row = instruction.row
        if row is not None:
            yield from context.at(
                RULE.kind, instruction.pc, f"{row.name} reverts on the NestedVM",
                "use DELEGATECALL" if row.name == "CALLCODE" else "send the balance by CALL",
            )
