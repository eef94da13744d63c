"""A push is wider than its value needs.

## What it does
Finds pushes of a literal that fits fewer bytes. A hexadecimal literal written with all the digits
of its width (`PUSH4 0x00000001`) shows that the width is meant, and is not reported.

## Why it is bad
Each byte costs calldata or deployment gas, and a reader wonders what the width is for.

## Example
```easm
    PUSH4 5
    PUSH1 0
    MSTORE
    STOP
```

## What to do
Write `PUSH`, which finds the width by itself, or the width that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.syntax import tree as t

_WIDE = re.compile(rb"[\x61-\x7f]")


@rule("OPT001", "wide-push", Severity.INFO)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    code = context.assembly.bytecode
    for (pc,) in context.runs(_WIDE):
        width = code[pc] - 0x5F
        if code[pc + 1]:
            continue
        line = context.assembly.source_map.line(pc)
        statement = line.statement if line is not None else None
        if not isinstance(statement, t.Instruction) or not isinstance(statement.operand, t.Number):
            continue
        assert line is not None
        text = line.text[statement.operand.start : statement.operand.end].replace("_", "")
        if text[:2] in ("0x", "0X") and len(text) - 2 >= 2 * width:
            continue
        value = statement.operand.value
        needed = max((value.bit_length() + 7) // 8, 1)
        yield from context.at(
            RULE.kind, pc, f"PUSH{width} of a value of {needed} byte{'s' * (needed != 1)}",
            f"write PUSH {text}, which finds the width",
            fixes=context.rewrite(f"Replace with PUSH {text}", (pc,), (f"PUSH {text}",)),
        )
