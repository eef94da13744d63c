"""Nothing of an included file is used.

## What it does
Finds files that emit no code and none of whose constants, labels and macros the program uses
outside of them.

## Why it is bad
The file is read and checked each time, and a reader looks for what comes from it.

## Example
```easm
%include "examples/lib/erc20.easm"
    STOP
```

## What to do
Remove the line.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.assembler.program import Context, Program
from nvm_lsp.assembler.references import definitions
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from nvm_lsp.lint.references import is_library, used_macros, used_names
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.source import Location, Position, Span


@rule("UNU003", "unused-include", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    program = context.assembly.program
    if is_library(context.assembly):
        return
    for included in program.contexts:
        if included.parent is not program.root:
            continue
        below = [c for c in program.contexts if c is included or _is_below(c, included)]
        if _emits(program, below):
            continue
        paths = {c.path for c in below}
        used = used_names(context.assembly, paths) | used_macros(context.assembly, paths)
        if any(found.name in used for c in below for found in definitions(c.tree)):
            continue
        line = included.line
        whole = Span(Position(line, 0), Position(line + 1, 0))
        yield Diagnostic(
            RULE.kind, Location(context.path, Span.of_line(line, *included.span)),
            f"nothing of {included.path} is used", "remove the line",
            fixes=(
                Fix(
                    "Remove the %include", (Edit(Location(context.path, whole), ""),),
                    Applicability.UNSAFE,
                ),
            ),
        )


def _is_below(context: Context, ancestor: Context) -> bool:
    return any(parent is ancestor for parent, _ in context.chain())


def _emits(program: Program, contexts: list[Context]) -> bool:
    """A file has code, data or labels of its own, or flaws that keep it from being judged."""
    return any(
        piece.context in contexts and (fragment.offsets or fragment.labels)
        for piece, fragment in zip(program.pieces, program.fragments, strict=True)
    )
