"""Execution runs off the end of the code, or into data.

## What it does
Reports the instruction after which the code ends, or data begins, without STOP, RETURN, REVERT,
INVALID or a jump before it.

## Why it is bad
Past the end of the code the EVM stops with success, which is seldom meant where nothing says so,
and changes as soon as somebody appends code. Data are run as instructions.

## Example
```easm
    PUSH1 1
    PUSH1 0
    SSTORE
```

## What to do
End with STOP, RETURN, REVERT or INVALID.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule


@rule("FLW002", "missing-terminator", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    code = context.assembly.bytecode
    ranges = {start for start, _ in context.assembly.data_ranges}
    for block in analysis.blocks():
        summary = block.summary
        if summary is None or not summary.steps:
            continue
        if not ranges and (block.end < len(code) or summary.ends not in ("fall", "jumpi")):
            continue
        if analysis.is_data(block.start):
            continue
        if len(block.underflows) == len(block.states) or len(block.overflows) == len(block.states):
            continue  # it does not come that far
        last = block.last
        into = next(
            (
                (before.offset, step.offset)
                for before, step in zip(summary.steps, summary.steps[1:], strict=False)
                if block.start + step.offset in ranges
            ),
            None,
        )
        if into is not None:
            yield from context.at(
                RULE.kind, block.start + into[0], "execution runs into data",
                "end the code before with STOP, RETURN, REVERT, INVALID or a jump",
            )
        elif summary.ends in ("fall", "jumpi") and block.end >= len(code):
            yield from context.at(
                RULE.kind, last, "execution runs off the end of the code",
                "end with STOP, RETURN, REVERT or INVALID", severity=Severity.INFO,
            )
        elif summary.ends in ("fall", "jumpi") and block.end in ranges:
            yield from context.at(
                RULE.kind, last, "execution runs into data",
                "end the code before with STOP, RETURN, REVERT, INVALID or a jump",
            )
