"""A guest asks for the code of its own address, and gets the wallet's.

## What it does
Finds EXTCODESIZE, EXTCODECOPY and EXTCODEHASH of ADDRESS in guest programs.

## Why it is bad
ADDRESS is the wallet (or the NestedVM, when it is called), so these give its code, not the guest's;
natively they would give the program itself.

## Example
```easm
    ADDRESS
    EXTCODESIZE
    POP
    STOP
```

## What to do
Use CODESIZE and CODECOPY for the guest's own code.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.stack import Result
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_ADDRESS = 0x30
_EXTCODE = frozenset({0x3B, 0x3C, 0x3F})


@rule("NVM004", "code-of-address", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if context.target != "nvm" or b"\x30" not in context.assembly.bytecode:
        return
    for _, instruction in context.analysis.find(_EXTCODE):
        step = instruction.step
        if instruction.row is None:
            continue
        account = step.inputs[0]
        if isinstance(account, Result) and account.code == _ADDRESS:
            yield from context.at(
                RULE.kind, instruction.pc,
                f"{instruction.row.name} of ADDRESS is about the wallet's code, not the "
                "guest's",
                "CODESIZE and CODECOPY are about the guest's code",
            )
