"""An instruction takes more from the stack than is there.

## What it does
Follows the stack along every way that leads from the program's start, and reports an instruction
that needs more words than the code before it left. The way is shown.

## Why it is bad
The EVM halts there exceptionally: all gas is lost and all changes are undone.

## Example
```easm
    PUSH1 3
    ADD
    STOP
```

## What to do
Push what is missing, or remove the instruction. The order of inputs is in the hover of the
mnemonic.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.paths import way
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code


@rule("STK001", "stack-underflow", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    for block in context.analysis.blocks():
        for fault in block.underflows[:1]:
            height = fault.height
            assert block.summary is not None
            for step in block.summary.steps:
                row = opcode_by_code(step.code)
                if row is None or block.start + step.offset == fault.pc:
                    break
                height += len(row.outputs) - len(row.inputs)
            row = opcode_by_code(context.assembly.bytecode[fault.pc])
            if row is None:
                continue
            needed = len(row.inputs)
            yield from context.at(
                RULE.kind, fault.pc,
                f"stack underflow: {row.name} takes {needed} word{'s' * (needed != 1)}, "
                f"the stack holds {height}",
                f"{row.name}: {row.effect}",
                related=way(context, fault.state),
            )
