"""Instructions undo each other.

## What it does
Finds a value that is pushed, copied or read only to be dropped, an exchange that is undone, a NOT
of a NOT, and a DUP1 whose two equal words are exchanged.

## Why it is bad
They cost gas and bytes for nothing, and hide what the code is about.

## Example
```easm
    CALLER
    CALLVALUE
    SWAP1
    SWAP1
    MSTORE
    STOP
```

## What to do
Remove them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code

# Opcodes that take nothing and only push: environment, block, PC, MSIZE, pushes, DUP1 to DUP16.
_PURE = rb"[\x30\x32-\x34\x36\x38\x3a\x3d\x41-\x48\x4a\x58\x59\x5f-\x7f\x80-\x8f]"
_CANCELS = re.compile(_PURE + rb"\x50|([\x90-\x9f])\1|\x80\x90|\x19\x19", re.DOTALL)
_DUP1, _SWAP1 = 0x80, 0x90


@rule("OPT002", "cancelling-instructions", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    code = context.assembly.bytecode
    for run in context.runs(_CANCELS):
        names = [row.name if (row := opcode_by_code(code[pc])) else "?" for pc in run]
        kept = ("DUP1",) if (code[run[0]], code[run[1]]) == (_DUP1, _SWAP1) else ()
        what = "exchanges equal words" if kept else "has no effect"
        yield from context.at(
            RULE.kind, run[0], f"{' '.join(names)} {what}",
            "remove the SWAP1" if kept else "remove both",
            related=context.place(run[1], f"the {names[1]}"),
            fixes=context.rewrite(f"Remove {'SWAP1' if kept else ' '.join(names)}", run, kept),
        )
