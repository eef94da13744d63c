"""A guest computes with GAS, which differs on the NestedVM.

## What it does
Finds GAS whose value is used for anything but the gas of a call.

## Why it is bad
Interpretation costs gas, too: less is left than natively, and by how much depends on the kernel's
build. A bound that was measured natively is too tight.

## Example
```easm
    PUSH 50000
    GAS
    LT
    PUSH low
    JUMPI
    STOP
low:
    INVALID
```

## What to do
Measure the bound on the NestedVM, with `nvm-lsp run --compare`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.stack import Result
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_GAS, _POP = 0x5A, 0x50
_CALLS = frozenset({0xF1, 0xF2, 0xF4, 0xFA})


@rule("NVM003", "gas-as-value", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if context.target != "nvm" or b"\x5a" not in context.assembly.bytecode:
        return
    for block in context.analysis.blocks():
        if block.summary is None or _GAS not in block.summary.codes:
            continue
        for pc, _, step in (
            (i.pc, i.row, i.step) for i in context.analysis.instructions(block)
            if i.step.inputs and not 0x80 <= i.step.code <= 0x9F and i.step.code != _POP
        ):
            for index, value in enumerate(step.inputs):
                if (
                    isinstance(value, Result) and value.code == _GAS
                    and not (step.code in _CALLS and index == 0)
                ):
                    yield from context.at(
                        RULE.kind, block.start + value.offset,
                        "GAS is computed with: interpretation costs gas, so less is left than "
                        "natively",
                        "measure with nvm-lsp run --compare",
                        related=context.place(pc, "used here"),
                    )
