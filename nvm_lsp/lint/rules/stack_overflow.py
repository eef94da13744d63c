"""The stack grows beyond what the machine holds.

## What it does
Follows the stack along every way from the program's start, and reports the instruction that exceeds
1024 words, or 1021 on the NestedVM, whose kernel needs the others. Of loops those are reported that
leave more on the stack in each turn and have no exit.

## Why it is bad
The EVM halts there exceptionally: all gas is lost and all changes are undone.

## Example
```easm
_again:
    CALLER
    PUSH _again
    JUMP
```

## What to do
Let each turn of a loop leave the stack as it found it; POP what is not needed any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.analyzer import NVM_STACK_LIMIT
from nvm_lsp.analysis.control_flow import STACK_LIMIT
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.paths import way
from nvm_lsp.lint.rule import LintContext, rule


@rule("STK002", "stack-overflow", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    flow = context.analysis.flow
    limit = NVM_STACK_LIMIT if context.target == "nvm" else STACK_LIMIT
    for block in context.analysis.blocks():
        for fault in block.overflows[:1]:
            yield from context.at(
                RULE.kind, fault.pc, f"stack overflow: more than {limit:,} words",
                "POP what is not needed any more", related=way(context, fault.state),
            )
    if not flow.growing or not context.analysis.is_certain:
        return
    for _, members in flow.loops():
        growing = sorted(members & flow.growing)
        if growing and all(
            successor in members for start in members for successor in flow.blocks[start].successors
        ):
            yield from context.at(
                RULE.kind, growing[0],
                f"stack overflow: each turn of this loop leaves more on the stack, up to {limit:,} "
                "words",
                "let each turn leave the stack as it found it",
            )
