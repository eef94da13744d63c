"""More memory is returned than was written.

## What it does
Follows memory from the program's start along code whose offsets are known, and finds RETURN and
REVERT of a range whose end was never written.

## Why it is bad
The rest is zeros: often the size is wrong, or a write is missing. It may be meant, as where a word
is padded; so it is a hint.

## Example
```easm
    PUSH 7
    PUSH 0
    MSTORE
    PUSH 0x40
    PUSH 0
    RETURN
```

## What to do
Return as many bytes as were written.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_ENDS = frozenset({0xF3, 0xFD})
_MOST = 4096


@rule("MEM001", "return-of-unwritten-memory", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    for block in analysis.blocks():
        assert block.summary is not None
        if not block.summary.steps or block.summary.steps[-1].code not in _ENDS:
            continue
        step = block.summary.steps[-1]
        inputs = analysis.constants(block, step)
        offset, size = inputs[0], inputs[1]
        if offset is None or not size or size > _MOST:
            continue
        memory = analysis.memory_at(block.start + step.offset)
        if not memory.zero:
            continue
        written = [place for place in range(offset, offset + size) if place in memory.bytes_]
        used = written[-1] + 1 - offset if written else 0
        if used < size:
            rest = f"only {used} of them were written" if used else "nothing was written there"
            yield from context.at(
                RULE.kind, block.start + step.offset,
                f"{'RETURN' if step.code == 0xF3 else 'REVERT'} of {size} bytes of memory, {rest}",
                "the rest is zeros",
            )
