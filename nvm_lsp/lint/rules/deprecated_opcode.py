"""An opcode is deprecated.

## What it does
Finds CALLCODE, which DELEGATECALL replaced (EIP-7), and SELFDESTRUCT from Shanghai on (EIP-6049),
in programs for the EVM. On the NestedVM both revert, which is an error of its own.

## Why it is bad
CALLCODE loses caller and value. SELFDESTRUCT no longer deletes an account, but for one created in
the same transaction (EIP-6780), and may go further.

## Example
```easm
#@ target evm
    CALLER
    SELFDESTRUCT
```

## What to do
Use DELEGATECALL; send the balance by CALL.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import FORKS

_DEPRECATED = frozenset({0xF2, 0xFF})
_CALLCODE = 0xF2


@rule("OPC001", "deprecated-opcode", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if context.target == "nvm":
        return
    index = FORKS[context.assembly.fork].index
    for _, instruction in context.analysis.find(_DEPRECATED):
        pc = instruction.pc
        if instruction.step.code == _CALLCODE:
            if index >= FORKS["homestead"].index:
                yield from context.at(
                    RULE.kind, pc, "CALLCODE is deprecated: it loses caller and value",
                    "use DELEGATECALL (EIP-7)",
                )
        elif index >= FORKS["shanghai"].index:
            yield from context.at(
                RULE.kind, pc, "SELFDESTRUCT is deprecated (EIP-6049)", "send the balance by CALL",
            )
