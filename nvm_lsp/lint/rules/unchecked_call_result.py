"""Whether a call succeeded is never looked at.

## What it does
Finds CALL, DELEGATECALL, STATICCALL, CALLCODE, CREATE and CREATE2 whose result is dropped, or is
left on the stack where execution ends.

## Why it is bad
A call that fails gives 0 and execution goes on: a script goes on as if the transfer, approval or
swap had happened.

## Example
```easm
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    CALLVALUE
    CALLER
    GAS
    CALL
    POP
    STOP
```

## What to do
Revert if it is 0: `ISZERO`, `PUSH fail`, `JUMPI`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.stack import Result
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import opcode_by_code

_CALLS = frozenset({0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA})
_POP = 0x50
#: Ends that keep what was done: STOP, RETURN and SELFDESTRUCT.
_ENDS = frozenset({0x00, 0xF3, 0xFF})


@rule("CAL001", "unchecked-call-result", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    for block in context.analysis.blocks():
        summary = block.summary
        assert summary is not None
        calls: dict[Result, bool] = {}  # whether it is looked at
        for step in summary.steps:
            if step.code in _CALLS and isinstance(step.output, Result):
                calls[step.output] = False
            # A copy is no look, nor is dropping one.
            if not calls or 0x80 <= step.code <= 0x9F or step.code == _POP:
                continue
            for value in step.inputs:
                if isinstance(value, Result) and value in calls:
                    calls[value] = True
        ends = bool(summary.steps) and summary.steps[-1].code in _ENDS
        for result, used in calls.items():
            goes_on = not ends and any(value is result for value in summary.out)
            if used or goes_on:
                continue
            row = opcode_by_code(result.code)
            yield from context.at(
                RULE.kind, block.start + result.offset,
                f"the result of {row.name if row else 'the call'} is never looked at",
                "revert if it is 0: ISZERO, PUSH fail, JUMPI",
            )
