"""A guest touches a storage slot that the NestedVM's verifier build keeps.

## What it does
Finds SSTORE and SLOAD of the slots of the verifier, the reentrancy lock and the owner.

## Why it is bad
In the verifier build, writing them is refused once a verifier is set, but by the verifier's leave;
in other builds it silently changes what a later verifier build trusts.

## Example
```easm
    PUSH20 0x00000000000000000000000000000000000a11ce
    PUSH32 0x58a8a9223af434080477cd2d1a2667aba3ce9f1301007611a4d07a0af708e65a
    SSTORE
    STOP
```

## What to do
If the program is there to set the verifier, suppress this finding and say so. Else use another
slot.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.nestedvm import GUARDED_SLOTS
from nvm_lsp.lint.rule import LintContext, rule

_SSTORE = 0x55
_STORAGE = frozenset({0x54, 0x55})


@rule("NVM005", "guarded-slot", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if context.target != "nvm":
        return
    for block, instruction in context.analysis.find(_STORAGE):
        step = instruction.step
        slot = context.analysis.constant(block, step.inputs[0])
        what = GUARDED_SLOTS.get(slot) if slot is not None else None
        if what is None:
            continue
        stores = step.code == _SSTORE
        yield from context.at(
            RULE.kind, instruction.pc,
            f"this {'writes' if stores else 'reads'} the wallet's slot of {what}",
            "the verifier build guards it" if stores else "",
            severity=Severity.WARNING if stores else Severity.HINT,
        )
