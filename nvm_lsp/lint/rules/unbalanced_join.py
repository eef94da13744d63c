"""Ways meet with stacks of different height, and the code after depends on it.

## What it does
Reports a place that is entered with different heights of the stack by ways that carry the same
return addresses, if code from there on uses words that were on the stack before. Callers of a
subroutine differ in their return addresses, and a common exit that reverts undoes everything:
neither is reported. Where one of the ways leads to a stack underflow, only that is (STK001).

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

from nvm_lsp.analysis.control_flow import STACK_LIMIT, Block, ControlFlow, State
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.paths import ends_otherwise
from nvm_lsp.lint.rule import LintContext, rule


@rule("STK003", "unbalanced-join", Severity.WARNING)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    flow = context.analysis.flow
    if not context.analysis.is_certain:
        return
    pairs = {
        block.start: pair
        for block in context.analysis.blocks()
        if (pair := _unbalanced(flow, block)) is not None
    }
    if not pairs:
        return
    lowest, fine = _lowest(flow), _ending_well(flow)
    for start, pair in pairs.items():
        # What follows from a place that is unbalanced already is not said again.
        if all(state.came_from is None or state.came_from.start in pairs for state in pair):
            continue
        frame = _frame(flow, *pair)
        used = any(lowest.get(state, STACK_LIMIT) < len(state.words) - frame for state in pair)
        if not used or fine.isdisjoint(pair):
            continue
        low, high = sorted(pair, key=lambda state: len(state.words))
        # Where the lower way takes more than is there, that is the fault, and is said there.
        if lowest.get(low, 0) < 0:
            continue
        related = [
            place
            for state in (low, high)
            if state.came_from is not None
            for place in context.place(
                flow.blocks[state.came_from.start].last,
                f"from here with {len(state.words)} word{'s' * (len(state.words) != 1)}",
            )
        ]
        yield from context.at(
            RULE.kind, start,
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
        if len(other.words) != len(state.words) and not _part_again(other, state):
            return other, state
    return None


def _frame(flow: ControlFlow, one: State, other: State) -> int:
    """How many words at the top are a subroutine's own, its return address with them, in both ways.

    Callers that go on at the same place may leave other heights below: if nothing there is looked
    at, as where execution ends soon, all is well.
    """
    for depth, (word, same) in enumerate(
        zip(reversed(one.words), reversed(other.words), strict=False), 1
    ):
        if word == same and type(word) is int and flow.code[word : word + 1] == b"\x5b":
            return depth if word in flow.blocks else 0
    return 0


def _part_again(one: State, other: State) -> bool:
    """Whether a jump on what the two ways pushed tells them apart, as try and catch are told."""
    nexts = [{after.start for after in state.leads_to} for state in (one, other)]
    return all(nexts) and nexts[0].isdisjoint(nexts[1])


def _ending_well(flow: ControlFlow) -> set[State]:
    """The states from which some way leads to another end than a REVERT."""
    before: dict[State, list[State]] = {}
    work: list[State] = []
    for block in flow.blocks.values():
        ends_well = ends_otherwise(block)
        for state in block.states:
            if not state.leads_to and ends_well:
                work.append(state)
            for after in state.leads_to:
                before.setdefault(after, []).append(state)
    found = set(work)
    while work:
        for earlier in before.get(work.pop(), ()):
            if earlier not in found:
                found.add(earlier)
                work.append(earlier)
    return found


def _lowest(flow: ControlFlow) -> dict[State, int]:
    """By state, how far down the stack is looked at from there on: words below that are not."""
    lowest: dict[State, int] = {}
    before: dict[State, list[State]] = {}
    for block in flow.blocks.values():
        need = block.summary.need if block.summary is not None else 0
        for state in block.states:
            if state.exact:
                lowest[state] = len(state.words) - need
            for after in state.leads_to:
                before.setdefault(after, []).append(state)
    # The lowest first: what it is passed on to needs no second look.
    work = sorted(lowest, key=lambda state: lowest[state], reverse=True)
    done: set[State] = set()
    while work:
        state = work.pop()
        if state in done:
            continue
        done.add(state)
        follow = [state]
        while follow:
            for earlier in before.get(follow.pop(), ()):
                if earlier not in done and earlier in lowest:
                    done.add(earlier)
                    lowest[earlier] = lowest[state]
                    follow.append(earlier)
    return lowest
