"""A call is given a fixed amount of gas.

## What it does
Finds calls whose gas is a constant, other than 0 and amounts that mean "all there is".

## Why it is bad
Prices change between forks: what was enough is not any more (EIP-1884 and EIP-2929 broke contracts
in this way), and on the NestedVM the callee may be a NestedVM, too.

## Example
```easm
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    CALLER
    PUSH 50000
    CALL
    ISZERO
    PUSH fail
    JUMPI
    STOP
fail:
    INVALID
```

## What to do
Give all gas with GAS, unless the limit protects against the callee; then suppress this finding with
the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_CALLS = frozenset({0xF1, 0xF2, 0xF4, 0xFA})
#: As much as a block holds: whoever writes this means all gas.
_ALL = 30_000_000


@rule("CAL002", "hard-coded-gas", Severity.INFO)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    for block, instruction in context.analysis.find(_CALLS):
        row = instruction.row
        gas = context.analysis.constant(block, instruction.step.inputs[0])
        if gas is not None and row is not None and 0 < gas < _ALL:
            yield from context.at(
                RULE.kind, instruction.pc, f"{row.name} with a fixed amount of gas: {gas:,}",
                "give all gas with GAS, or say why this is enough",
            )
