"""A condition is normalized before JUMPI, which does not need it.

## What it does
Finds `ISZERO ISZERO` before a push and JUMPI.

## Why it is bad
JUMPI jumps on any word but zero, so both only cost gas.

## Example
```easm
    CALLVALUE
    ISZERO
    ISZERO
    PUSH paid
    JUMPI
    STOP
paid:
    STOP
```

## What to do
Remove both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_PATTERN = re.compile(rb"\x15\x15(?=[\x60-\x7f]\x57)")


@rule("OPT003", "double-iszero", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    for run in context.runs(_PATTERN):
        yield from context.at(
            RULE.kind, run[0], "ISZERO ISZERO before JUMPI has no effect",
            "JUMPI jumps on any word but zero",
            fixes=context.rewrite("Remove both ISZERO", run, ()),
        )
