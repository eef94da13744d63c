"""A macro is never used.

## What it does
Finds macros in the program's own file that are expanded nowhere.

## Why it is bad
It emits nothing, is checked less than code that is used, and a reader looks for its uses.

## Example
```easm
%macro drop_two()
    POP
    POP
%end
    STOP
```

## What to do
Remove it, or move it to a file that other programs include. A name that begins with an underscore
is never reported, nor is one in a file without code of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.references import is_library, used_macros
from nvm_lsp.lint.rule import LintContext, rule


@rule("UNU002", "unused-macro", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    program = context.assembly.program
    if is_library(context.assembly):
        return
    used = used_macros(context.assembly)
    for name, macro in program.macros.items():
        if name in used or name.startswith("_") or macro.context.path != context.path:
            continue
        word = macro.definition.name
        yield Diagnostic(
            RULE.kind, macro.location(-1, word.start, word.end), f"macro %{name} is never used",
            "remove it, or move it to a file that is included where it is needed",
        )
