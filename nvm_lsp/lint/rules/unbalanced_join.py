"""Ways meet with stacks of different height, and the code after depends on it.

## What it does
Reports a place that is entered with different heights of the stack by ways that carry the same
return addresses, if code from there on uses words that were on the stack before. Callers of a
subroutine differ in their return addresses, and a common exit that reverts undoes everything:
neither is reported.

## Why it is bad
The same instruction finds other words, depending on the way: usually one branch forgot to POP, or
a loop leaves a word behind in each turn.

## Example
```easm
    PUSH1 7
    CALLVALUE
    PUSH skip
    JUMPI
    PUSH1 9
skip:
    PUSH1 0
    SSTORE
    STOP
```

## What to do
Let both ways leave the same number of words.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.control_flow import Block, ControlFlow, State
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.paths import may_end_well
from nvm_lsp.lint.rule import LintContext, rule


@rule("STK003", "unbalanced-join", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    flow = context.analysis.flow
    if not context.analysis.is_certain:
        return
    depths: dict[int, int] | None = None
    fine: set[int] = set()
    found: set[int] = set()
    for block in context.analysis.blocks():
        pair = _unbalanced(flow, block)
        if pair is None:
            continue
        if depths is None:
            depths, fine = _used_below(flow), may_end_well(context)
        if not depths[block.start] or block.start not in fine:
            continue
        # What follows from a place that was reported already is not said again.
        if any(before in found for before in flow.predecessors.get(block.start, ())):
            found.add(block.start)
            continue
        found.add(block.start)
        low, high = sorted(pair, key=lambda state: len(state.words))
        related = [
            place
            for state in (low, high)
            if state.came_from is not None
            for place in context.place(
                _last(flow, state.came_from.start),
                f"from here with {len(state.words)} word{'s' * (len(state.words) != 1)}",
            )
        ]
        yield from context.at(
            RULE.kind, block.start,
            f"the stack holds {len(low.words)} or {len(high.words)} words here, depending on the "
            "way",
            "let both ways leave the same number of words", related=related,
        )


def _unbalanced(flow: ControlFlow, block: Block) -> tuple[State, State] | None:
    """Two ways into a block with equal return addresses and different heights."""
    first: dict[tuple[int, ...], State] = {}
    for state in block.states:
        if not state.exact:
            continue
        addresses = tuple(
            word for word in state.words
            if type(word) is int and word in flow.blocks and flow.code[word] == 0x5B
        )
        other = first.setdefault(addresses, state)
        if len(other.words) != len(state.words):
            return other, state
    return None


def _used_below(flow: ControlFlow) -> dict[int, int]:
    """By block, how many words of its entry stack the code from there on looks at, bounded."""
    need = {
        start: block.summary.need if block.summary is not None else 0
        for start, block in flow.blocks.items()
    }
    work = list(flow.blocks)
    turns = 8 * len(work) + 64
    while work and turns:
        turns -= 1
        start = work.pop()
        for before in flow.predecessors.get(start, ()):
            summary = flow.blocks[before].summary
            if summary is None:
                continue
            through = need[start] - (len(summary.out) - summary.need)
            if through > need[before] and need[before] < 64:
                need[before] = through
                work.append(before)
    return need


def _last(flow: ControlFlow, start: int) -> int:
    summary = flow.blocks[start].summary
    return start + summary.steps[-1].offset if summary is not None else start
