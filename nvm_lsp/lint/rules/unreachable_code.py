"""No execution comes here.

## What it does
Reports the first instruction of code that no way from the program's start leads to. If a jump's
destination is not known, everything behind a JUMPDEST counts as reachable. Code that the program
copies, as a constructor does with what it deploys, is data.

## Why it is bad
It costs calldata or deployment gas, and a reader looks for the way that leads there. Often a label
is missing, or a jump was written for a JUMPI.

## Example
```easm
    PUSH end
    JUMP
    CALLER
    POP
end:
    STOP
```

## What to do
Remove it, or jump to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule


@rule("FLW001", "unreachable-code", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    code = context.assembly.bytecode
    unreachable = list(analysis.flow.unreachable())
    if not unreachable:
        return
    copied = analysis.copied
    written = [
        (pc, size) for pc, size, is_data in context.assembly.items() if size and not is_data
    ]
    index = 0
    end_of_last = -1
    for block in unreachable:
        while index < len(written) and written[index][0] < block.start:
            index += 1
        first = index
        while index < len(written) and written[index][0] < block.end:
            index += 1
        run = written[first:index]
        # A STOP or INVALID alone guards what follows, data most of all, and is no mistake.
        if not run or (len(run) == 1 and code[run[0][0]] in (0x00, 0xFE)):
            continue
        if any(start <= run[0][0] < end for start, end in copied):
            continue
        if run[0][0] == end_of_last:
            end_of_last = run[-1][0] + run[-1][1]
            continue  # goes on where the last finding's code ends
        end_of_last = run[-1][0] + run[-1][1]
        yield from context.at(
            RULE.kind, run[0][0], "unreachable code: no execution comes here",
            "remove it, or jump to it",
        )
