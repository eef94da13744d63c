"""A guest reads calldata, which is always empty.

## What it does
Finds CALLDATALOAD, CALLDATASIZE and CALLDATACOPY in guest programs.

## Why it is bad
The calldata of the call is the guest's own code, so a guest sees empty calldata: 0, 0, and a fill
with zeros. Code that waits for arguments gets none.

## Example
```easm
    PUSH 4
    CALLDATALOAD
    POP
    STOP
```

## What to do
Put arguments into the program as constants; data can stand behind the code and be read with
CODECOPY. For a contract that a guest calls, say `#@ target evm`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_CALLDATA = frozenset({0x35, 0x36, 0x37})
_GIVES = {0x35: "always 0", 0x36: "always 0", 0x37: "only zeros"}


@rule("NVM001", "empty-calldata", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if context.target != "nvm":
        return
    for _, instruction in context.analysis.find(_CALLDATA):
        row = instruction.row
        if row is not None:
            yield from context.at(
                RULE.kind, instruction.pc, f"{row.name} gives {_GIVES[row.code]} on the NestedVM",
                "a guest's calldata is empty; for a plain contract write #@ target evm",
            )
