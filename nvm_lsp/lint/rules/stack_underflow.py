"""An instruction takes more from the stack than is there.

## What it does
Follows the stack's height from the program's start along code without branches, and reports the
first instruction that needs more words than the code before it left.

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
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code

_JUMPDEST, _JUMP = 0x5B, 0x56


@rule("STK001", "stack-underflow", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    assembly = context.assembly
    height = 0
    for operation in assembly.iter_operations():
        row = opcode_by_code(operation.code)
        if row is None or operation.code == _JUMPDEST:
            return  # other code may come here with another height
        needed = len(row.inputs)
        if needed > height:
            origin = assembly.source_map.origin(operation.pc)
            if origin is None:
                return
            yield Diagnostic(
                RULE.kind,
                origin.location,
                f"stack underflow: {row.name} takes {needed} "
                f"word{'s' * (needed != 1)}, the stack holds {height}",
                f"{row.name}: {row.effect}",
                origin.uses,
            )
            return
        height += len(row.outputs) - needed
        if row.ends_execution or operation.code == _JUMP:
            return
