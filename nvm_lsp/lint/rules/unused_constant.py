"""A constant is never used.

## What it does
Finds definitions by `%def` in the program's own file that no expression names.

## Why it is bad
A reader takes its value for one that matters. Often the name is misspelled elsewhere, or a number
stands where the name should.

## Example
```easm
%def FEE = 3000
    PUSH 30000
    POP
    STOP
```

## What to do
Remove it, or use it. A name that begins with an underscore is never reported, nor is one in a file
that another includes.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from nvm_lsp.lint.references import is_library, used_names
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.source import Location, Position, Span


@rule("UNU001", "unused-constant", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if is_library(context.assembly):
        return
    used = used_names(context.assembly)
    for name, constant in context.assembly.program.constants.items():
        word = constant.definition.name if constant.definition is not None else None
        if word is None or name in used or name.startswith("_") or constant.path != context.path:
            continue
        line = Span(Position(constant.line, 0), Position(constant.line + 1, 0))
        yield Diagnostic(
            RULE.kind,
            Location(context.path, Span.of_line(constant.line, word.start, word.end)),
            f"constant {name} is never used",
            "remove it",
            fixes=(
                Fix(
                    f"Remove {name}", (Edit(Location(context.path, line), ""),),
                    Applicability.UNSAFE,
                ),
            ),
        )
