"""A label is never used.

## What it does
Finds labels that no operand, table or other expression names.

## Why it is bad
The JUMPDEST of a label costs a byte and a gas each time it is passed, and a reader looks for the
jump that leads there. Often the label is what remains of code that was removed, or the jump to it
is misspelled elsewhere.

## Example
```easm
start:
    PUSH1 0
    POP
    STOP
```

## What to do
Remove the label, or write it with a leading dot if it only marks a position. A name that begins
with an underscore is never reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.references import used_names
from nvm_lsp.lint.rule import LintContext, rule


@rule("LBL001", "unused-label", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    used = used_names(context.assembly)
    symbols = context.assembly.symbols
    for name in context.assembly.labels():
        if name in used or name.startswith("_"):
            continue
        symbol = symbols.find(name)
        if symbol is None or symbol.location is None:
            continue
        if symbol.kind == "label" and symbol.location.path == context.path:
            yield Diagnostic(
                RULE.kind,
                symbol.location,
                f"label {symbol.name} is never used",
                f"remove it, or write .{symbol.name}: if it only marks a position",
            )
