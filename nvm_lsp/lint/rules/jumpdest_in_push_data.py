"""Push data holds the byte of JUMPDEST, and a jump of unknown destination could go there.

## What it does
In a program with a reachable jump whose destination is not known before it runs, finds pushes
written in the program whose data contain the byte 0x5b.

## Why it is bad
The default build of the NestedVM accepts such a byte as a destination, so whoever chooses the
destination can run the data as code; a strict-jumpdest build and the EVM halt. Without a computed
jump nothing can go there.

## Example
```easm
    PUSH1 0
    MLOAD
    JUMP
    PUSH2 0x5b00
    STOP
```

## What to do
Bound the destination, for instance by a table of labels, or run on a kernel with strict-jumpdest.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule


@rule("JMP004", "jumpdest-in-push-data", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    flow = context.analysis.flow
    if context.target != "nvm" or not flow.unresolved:
        return
    jump = next(context.place(flow.blocks[flow.unresolved[0]].last, "its destination is not known"))
    code = context.assembly.bytecode
    for pc, size, is_data in context.assembly.items():
        if not is_data and size > 1 and 0x5B in code[pc + 1 : pc + size]:
            yield from context.at(
                RULE.kind, pc, "the operand holds 0x5b, which a computed jump could take for a "
                "JUMPDEST", "a kernel with strict-jumpdest refuses it", related=(jump,),
            )
