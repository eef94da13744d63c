"""A number is the selector of a well-known function.

## What it does
Finds literals that are the selector of a function, or the topic of an event, of a well-known
interface, or of one that the program names elsewhere.

## Why it is bad
A reader cannot tell what is called, nor whether the digits are right.

## Example
```easm
    PUSH4 0xa9059cbb
    PUSH 0
    MSTORE
    STOP
```

## What to do
Write the signature: `selector("transfer(address,uint256)")` gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nvm_lsp.analysis.signatures import names_in
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

_PUSHES = re.compile(rb"[\x63\x7f]")
_PUSH4 = 0x63


@rule("VAL001", "magic-selector", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    code = context.assembly.bytecode
    names_of: dict[str, Callable[[int], tuple[str, ...]]] = {}
    for (pc,) in context.runs(_PUSHES):
        function = "selector" if code[pc] == _PUSH4 else "topic"
        value = int.from_bytes(code[pc + 1 : pc + 1 + code[pc] - 0x5F], "big")
        if function not in names_of:
            names_of[function] = names_in(context.assembly, function)
        names = names_of[function](value) if value >> 16 else ()
        if not names:
            continue
        line = context.assembly.source_map.line(pc)
        origin = context.assembly.source_map.origin(pc)
        statement = line.statement if line is not None else None
        if origin is None or not isinstance(statement, t.Instruction):
            continue
        operand = statement.operand
        if not isinstance(operand, t.Number):
            continue
        signature = names[0].split(" (")[0]
        text = f'{function}("{signature}")'
        span = Span.of_line(origin.location.span.start.line, operand.start, operand.end)
        yield from context.at(
            RULE.kind, pc, f"{value:#010x} is the {function} of {names[0]}"
            if function == "selector" else f"this is the topic of {names[0]}",
            f"write {text}",
            fixes=(
                Fix(
                    f"Replace with {text}", (Edit(Location(origin.location.path, span), text),),
                    Applicability.SAFE if len(names) == 1 else Applicability.MANUAL,
                ),
            ),
        )
