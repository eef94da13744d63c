"""A constant is pushed that is on top of the stack already.

## What it does
Finds a push right behind one of the same value, where both have an operand.

## Why it is bad
DUP1 costs the same gas, and one byte where the push takes two to thirty-three.

## Example
```easm
    PUSH2 0x1234
    PUSH2 0x1234
    SSTORE
    STOP
```

## What to do
Replace the second push with DUP1. The fix does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from nvm_lsp.api import Applicability, Diagnostic, Edit, Fix, LintContext, Severity, rule

_PUSH1, _PUSH32 = 0x60, 0x7F


@rule("HSE001", "repeated-push", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802
    assembly = context.assembly
    # Code that becomes shorter moves what is behind it.
    applicability = Applicability.SAFE if context.is_relocatable else Applicability.UNSAFE
    for first, second in pairwise(assembly.iter_operations()):
        if not (_PUSH1 <= second.code <= _PUSH32 and first[1:] == second[1:]):
            continue
        origin = assembly.source_map.origin(second.pc)
        # A use of a macro is no place to change, nor is a file that this one includes.
        if origin is None or origin.uses:
            continue
        edit = Edit(origin.location, "DUP1")
        yield from context.at(
            RULE.kind,
            second.pc,
            f"{second.value:#x} is on top of the stack already",
            "DUP1 takes fewer bytes",
            fixes=[Fix("Replace with DUP1", (edit,), applicability)],
        )
