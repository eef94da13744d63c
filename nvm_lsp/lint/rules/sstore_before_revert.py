"""Storage is written on a way that can only revert.

## What it does
Finds SSTORE from which every way leads to REVERT, INVALID or another exceptional end.

## Why it is bad
The write is undone, and its gas, up to 22,100, is lost.

## Example
```easm
    PUSH 1
    PUSH 0
    SSTORE
    PUSH 0
    PUSH 0
    REVERT
```

## What to do
Check first, then write.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.control_flow import Block
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_SSTORE = 0x55
_FAILS = frozenset({0xFD, 0xFE})


@rule("CAL004", "sstore-before-revert", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    if not analysis.is_certain or b"\x55" not in context.assembly.bytecode:
        return
    flow = analysis.flow
    # A loop without an end is not said to revert.
    fine = {start for start, members in flow.loops() for start in members}
    fine |= {b.start for b in analysis.blocks() if not b.successors and _ends_well(b)}
    work = list(fine)
    while work:
        for before in flow.predecessors.get(work.pop(), ()):
            if before not in fine:
                fine.add(before)
                work.append(before)
    for block in analysis.blocks():
        if block.start in fine:
            continue
        for instruction in analysis.instructions(block):
            if instruction.step.code == _SSTORE:
                yield from context.at(
                    RULE.kind, instruction.pc,
                    "this write to storage is undone: every way from here reverts",
                    "check first, then write",
                )


def _ends_well(block: Block) -> bool:
    summary = block.summary
    if summary is None or not summary.steps:
        return True
    return summary.steps[-1].code not in _FAILS and not block.bad_targets
