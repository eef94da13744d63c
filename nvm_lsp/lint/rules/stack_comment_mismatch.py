"""A stack comment does not say what is on the stack.

## What it does
Compares each stack comment, as `# [a, b, ..]` after an instruction, with the computed stack: the
number of words, numbers and names with a value, and names given before, which follow their value
through DUP and SWAP. `..` at the end means "and the rest", `_` any word.

## Why it is bad
A reader trusts the comment, and the next change is made from a wrong picture.

## Example
```easm
    PUSH1 3     # [3]
    PUSH1 4     # [3, 4]
    ADD         # [sum]
    PUSH1 0
    MSTORE
    STOP
```

## What to do
Mend the comment, or the code. The top of the stack comes first.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.pictures import Mismatch, place_of
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.source import Location

_MOST_WORDS = 8


@rule("STK004", "stack-comment-mismatch", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    if not context.analysis.comments:
        return
    said: set[tuple[Location, str]] = set()
    for mismatch in context.analysis.pictures.check():
        place = place_of(mismatch)
        message = f"stack comment: {mismatch.message}"
        if (place, message) in said:
            continue
        said.add((place, message))
        origin = context.analysis.origin(mismatch.pc)
        uses: tuple[Related, ...] = ()
        if origin is not None and mismatch.comment.scope:
            uses = origin.uses
        computed = _text(mismatch)
        yield Diagnostic(
            RULE.kind, place, message, f"computed is {computed}", uses,
            (_fix(mismatch, computed),) if not mismatch.comment.scope else (),
        )


def _text(mismatch: Mismatch) -> str:
    """The computed stack, as far down as the comment goes."""
    picture = mismatch.computed
    comment = mismatch.comment
    names = [word.name(comment.scope) for word in picture.words]
    # Words that the comment has right keep its spelling.
    for index, word in enumerate(comment.words):
        if index < len(names) and mismatch.words and index not in mismatch.words:
            names[index] = word
    if not comment.said.exact or len(names) > _MOST_WORDS:
        names = [*names[: max(len(comment.words), 1)], ".."]
    elif not picture.exact:
        names = [*names, ".."]
    return f"[{', '.join(names)}]"


def _fix(mismatch: Mismatch, computed: str) -> Fix:
    place = mismatch.comment.location
    return Fix(f"Write {computed}", (Edit(place, f"# {computed}"),), Applicability.UNSAFE)
