"""A slot of storage is written as a number.

## What it does
Finds an SLOAD or SSTORE whose slot is pushed as a plain number just before.

## Why it is bad
Nobody sees what the slot holds, and nothing says so when two programs of a wallet take the same
one.

## Example
```easm
    PUSH1 1
    PUSH1 3
    SSTORE
    STOP
```

## What to do
Name the slot: `%def OWNER = 3`, then `PUSH OWNER`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from nvm_lsp.api import Diagnostic, LintContext, Severity, rule

_SLOAD, _SSTORE = 0x54, 0x55


@rule("HSE002", "unnamed-slot", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802
    assembly = context.assembly
    lines = assembly.program.root.tree.text.splitlines()
    for push, access in pairwise(assembly.iter_operations()):
        if access.code not in (_SLOAD, _SSTORE) or push.value is None:
            continue
        origin = assembly.source_map.origin(push.pc)
        if origin is None or origin.uses or origin.location.path != context.path:
            continue
        span = origin.location.span
        text = lines[span.start.line][span.start.column : span.end.column]
        if re.fullmatch(r"\w+\s+(0x[0-9a-fA-F_]+|[0-9_]+)", text):
            yield from context.at(
                RULE.kind, push.pc, f"slot {push.value:#x} of storage has no name",
                "%def NAME = " + text.split()[1],
            )
