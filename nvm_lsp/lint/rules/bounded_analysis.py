"""The program is too intricate to be followed to its end.

## What it does
Says that control flow was followed up to a bound of work, which hostile or generated code can
exceed. Rules that must know all ways then find nothing.

## Why it is bad
A clean report means less: unreachable code, unbalanced stacks and the like were not looked for.

## Example
```easm
%org 1000 fill 0x30     # ADDRESS: as many words on the stack
%org 0x4000 fill 0x5b   # JUMPDEST: as many blocks, each with that stack
    STOP
```

## What to do
Nothing, if the program is generated. Else split it, or replace computed jumps by a table.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule


@rule("FLW003", "bounded-analysis", Severity.INFO)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if not context.analysis.flow.complete:
        yield from context.at(
            RULE.kind, 0, "the program is too intricate: not all ways through it were followed",
        )
