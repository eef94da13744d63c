"""An address is written without its checksum.

## What it does
Finds PUSH20 of a literal of 40 hexadecimal digits whose capitals are not those of EIP-55. Masks and
small numbers are not addresses, nor is what is shifted at once. Digits without any capital are only
hinted at.

## Why it is bad
One mistyped digit sends funds to where nobody can get them; the checksum would show it.

## Example
```easm
    PUSH20 0x6b175474e89094c44da98b954eedeac495271d0f
    POP
    STOP
```

## What to do
Write it as the checksum wants it, best as `address(0x…)`, which verifies it at each assembly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.assembler.expressions import checksum_address
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

_PUSH20 = re.compile(rb"\x73")
#: What makes other values of what was pushed: compilers write texts and masks in this way.
_SHIFTED = re.compile(rb"\x60.[\x1b\x1c]", re.DOTALL)
_DIGITS = re.compile(r"0[xX][0-9a-fA-F]{40}")


@rule("VAL002", "unchecked-address", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    code = context.assembly.bytecode
    for (pc,) in context.runs(_PUSH20):
        line = context.assembly.source_map.line(pc)
        origin = context.assembly.source_map.origin(pc)
        statement = line.statement if line is not None else None
        if origin is None or line is None or not isinstance(statement, t.Instruction):
            continue
        operand = statement.operand
        if not isinstance(operand, t.Number):
            continue
        text = line.text[operand.start : operand.end]
        if not _DIGITS.fullmatch(text) or _is_no_address(operand.value):
            continue
        if _SHIFTED.match(code, pc + 21):
            continue
        right = checksum_address(operand.value)
        if text[2:] == right[2:]:
            continue
        plain = text[2:] in (text[2:].lower(), text[2:].upper())
        span = Span.of_line(origin.location.span.start.line, operand.start, operand.end)
        checked = f"address({right})"
        yield from context.at(
            RULE.kind, pc,
            "this address has no checksum" if plain else "this address has a wrong checksum",
            f"if the digits are right, write {checked}",
            fixes=(
                Fix(
                    f"Replace with {checked}",
                    (Edit(Location(origin.location.path, span), checked),),
                    Applicability.SAFE if plain else Applicability.UNSAFE,
                ),
            ),
            severity=Severity.HINT if plain else Severity.WARNING,
        )


def _is_no_address(value: int) -> bool:
    """A mask, a small number, or one of few different bytes, as made-up addresses have."""
    data = value.to_bytes(20, "big")
    return len(set(data)) < 8 or not any(data[:4])
