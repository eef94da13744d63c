"""Control flow of bytecode: blocks, the jumps between them, and the stacks they are entered with.

Destinations are found by following constants through the stack; a jump whose destination is not
known is marked, never guessed. A block is followed once for each stack that matters (its height
and the return addresses in it), so that a subroutine returns to the caller it was called by. The
work is bounded. It knows no source and no gas.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from nvm_lsp.analysis.stack import Entry, Result, Summary, Value, constants_of, execute
from nvm_lsp.opcodes import OPCODES

__all__ = [
    "STACK_LIMIT", "Block", "ControlFlow", "Fault", "State", "control_flow", "place_of_unknown",
    "summary_of",
]

_JUMPDEST, _ISZERO, _EQ = 0x5B, 0x15, 0x14
#: Words of the EVM's stack (Yellow Paper, 9.1).
STACK_LIMIT = 1024
#: States that a block is followed with, and heights with the same return addresses in the stack;
#: what comes after is joined into one state.
_MAX_STATES = 64
_MAX_HEIGHTS = 12
_MAX_CONSTANTS = 16  # of one word; a word that may be more is unknown

#: A word of a state: a constant, several that it may be, or an identity: a negative number that
#: stands for the instruction that made it, or for a word of unknown origin.
Word = int | frozenset[int]


@dataclass(slots=True, eq=False)
class State:
    """A stack that a block is entered with. ``words`` has the top last.

    If not ``exact``, unknown words may lie below them. ``came_from`` is one way here: the state of
    the block before. ``leads_to`` are the states that blocks after this one are entered with, as
    keys: a way along them returns from each subroutine to where it was called.
    """

    start: int
    words: tuple[Word, ...]
    exact: bool
    came_from: State | None
    leads_to: dict[State, None] = field(default_factory=dict)

    def path(self) -> tuple[int, ...]:
        """Starts of the blocks on one way here, from the entry on."""
        blocks: list[int] = []
        state: State | None = self
        while state is not None and len(blocks) < STACK_LIMIT:
            blocks.append(state.start)
            state = state.came_from
        return tuple(reversed(blocks))


@dataclass(frozen=True, slots=True)
class Fault:
    """A stack fault: at ``pc`` on the way that ``state`` came. ``height`` is that before it."""

    pc: int
    state: State
    height: int


@dataclass(slots=True, eq=False)
class Block:
    """Instructions from ``start`` up to ``end`` (exclusive), entered only at ``start``."""

    start: int
    end: int
    summary: Summary | None  # None if nothing enters it
    states: tuple[State, ...]
    successors: tuple[int, ...]
    reachable: bool
    unresolved: bool  # ends in a jump whose destination is not known
    bad_targets: tuple[int, ...]  # constant destinations that hold no JUMPDEST
    underflows: tuple[Fault, ...]
    overflows: tuple[Fault, ...]

    @property
    def last(self) -> int:
        """The pc of the instruction that it ends with; its start if nothing enters it."""
        return self.start + (self.summary.steps[-1].offset if self.summary is not None else 0)

    @property
    def underflow(self) -> int | None:
        """The pc of an instruction that takes more than is there on every way, if there is one."""
        return self.underflows[0].pc if len(self.underflows) == len(self.states) > 0 else None

    @property
    def overflow(self) -> int | None:
        """The pc of an instruction that exceeds the stack on some way."""
        return self.overflows[0].pc if self.overflows else None


@dataclass(frozen=True, eq=False)
class ControlFlow:
    """Blocks by start. If not ``complete``, the work was bounded: then all count as reachable."""

    code: bytes
    blocks: dict[int, Block]
    complete: bool
    #: Blocks that were entered with one height after the other: a loop grows the stack.
    growing: frozenset[int] = frozenset()

    @cached_property
    def unresolved(self) -> tuple[int, ...]:
        """Starts of the reachable blocks that end in a jump to an unknown destination."""
        return tuple(start for start, block in self.blocks.items() if block.unresolved)

    @cached_property
    def predecessors(self) -> dict[int, tuple[int, ...]]:
        """Starts of the blocks from which a known edge enters a block."""
        found: dict[int, list[int]] = {}
        for start, block in self.blocks.items():
            for successor in block.successors:
                found.setdefault(successor, []).append(start)
        return {start: tuple(blocks) for start, blocks in found.items()}

    def unreachable(self) -> Iterator[Block]:
        """Blocks that no execution can enter."""
        return (block for block in self.blocks.values() if not block.reachable)

    def merge_points(self) -> tuple[int, ...]:
        """Starts of blocks that more than one known edge enters."""
        return tuple(
            sorted(start for start, before in self.predecessors.items() if len(before) > 1)
        )

    def leading_to(self, ends: Iterable[int]) -> frozenset[int]:
        """Starts of the blocks from which one of ``ends`` can be reached, themselves included."""
        found = set(ends)
        work = list(found)
        while work:
            for before in self.predecessors.get(work.pop(), ()):
                if before not in found:
                    found.add(before)
                    work.append(before)
        return frozenset(found)

    def loops(self) -> tuple[tuple[int, frozenset[int]], ...]:
        """The strongly connected parts with a cycle: first block entered, and all their blocks."""
        return tuple(_loops(self.blocks))

    def block_of(self, pc: int) -> Block | None:
        """The block that a byte of code belongs to."""
        starts = self._starts
        low, high = 0, len(starts)
        while low < high:
            middle = (low + high) // 2
            if starts[middle] <= pc:
                low = middle + 1
            else:
                high = middle
        block = self.blocks[starts[low - 1]] if low else None
        return block if block is not None and pc < block.end else None

    @cached_property
    def _starts(self) -> list[int]:
        return list(self.blocks)


def control_flow(
    code: bytes, *, budget: int = 2_500_000, limit: int = STACK_LIMIT
) -> ControlFlow:
    """Follows all ways from pc 0.

    ``budget`` bounds the work, in instructions and stack words looked at; ``limit`` is the height
    the stack may have. If a reachable jump's destination is unknown, every JUMPDEST counts as
    reachable.
    """
    return _Follower(code, budget, limit).follow()


class _Follower:
    """The work of one call of `control_flow`."""

    def __init__(self, code: bytes, budget: int, limit: int) -> None:
        self.code = code
        self.budget = budget
        self.limit = limit
        self.spans = _split(code)
        self.jumpdests = frozenset(start for start in self.spans if code[start] == _JUMPDEST)
        self.states: dict[int, dict[object, State]] = {}
        self.callers: dict[int, dict[object, int]] = {}
        self.growing: set[int] = set()
        self.pending: deque[tuple[int, object]] = deque()
        self.waiting: set[tuple[int, object]] = set()  # the same, to ask
        self.targets: defaultdict[int, set[int]] = defaultdict(set)
        self.bad: dict[int, set[int]] = {}
        self.unresolved: set[int] = set()
        self.underflows: dict[int, dict[object, Fault]] = {}
        self.overflows: dict[int, dict[object, Fault]] = {}
        self.summaries: dict[int, Summary] = {}

    def follow(self) -> ControlFlow:
        if self.code:
            self._enter(0, (), True, None)
        self._work()
        if self.unresolved and not self.pending:
            for start in sorted(self.jumpdests):
                if start not in self.states:
                    self._enter(start, (), False, None)
            self._work()
        complete = not self.pending
        return ControlFlow(
            self.code, {start: self._block(start, complete) for start in self.spans}, complete,
            frozenset(self.growing),
        )

    def _work(self) -> None:
        pending, waiting = self.pending, self.waiting
        while pending and self.budget > 0:
            start, key = entry = pending.popleft()
            waiting.remove(entry)
            self._run(start, key, self.states[start][key])

    def _enter(self, start: int, words: tuple[Word, ...], exact: bool, via: State | None) -> None:
        self.budget -= len(words) // 8 + 1
        states = self.states.setdefault(start, {})
        jumpdests = self.jumpdests
        addresses = tuple([word for word in words if word in jumpdests]) if words else ()
        key: object = (len(words) if exact else -1, addresses)
        if key not in states:
            callers = self.callers.setdefault(start, {})
            if len(states) >= _MAX_STATES:
                key = None
            else:
                callers[addresses] = callers.get(addresses, 0) + 1
                if callers[addresses] > _MAX_HEIGHTS:
                    key = None
                    self.growing.add(start)
            if key not in states:
                new = states[key] = State(start, words, exact, via)
                if via is not None:
                    via.leads_to[new] = None
                self._wait(start, key)
                return
        old = states[key]
        if via is not None:
            via.leads_to[old] = None
        if old.words == words and old.exact == exact:
            return
        self.budget -= 2 * len(words)
        joined, same = _join(old, words, exact, start)
        if not same:
            old.words, old.exact = joined
            self._wait(start, key)

    def _wait(self, start: int, key: object) -> None:
        entry = (start, key)
        if entry not in self.waiting:
            self.waiting.add(entry)
            self.pending.append(entry)

    def _run(self, start: int, key: object, state: State) -> None:
        end = self.spans[start]
        summary = self.summaries.get(start)
        if summary is None:
            summary = self.summaries[start] = summary_of(self.code[start:end], start)
        words, exact = state.words, state.exact
        height = len(words)
        self.budget -= len(summary.steps) + height // 4 + 1
        if summary.need > height:
            if exact:
                pc = start + next(o for need, o in summary.reaches if need > height)
                self.underflows.setdefault(start, {})[key] = Fault(pc, state, height)
                return
            words = (
                *(_unknown(start, depth) for depth in range(summary.need, height, -1)), *words
            )
            height = summary.need
        if start in self.underflows:  # found before this state was joined with another
            self.underflows[start].pop(key, None)
        if height + summary.rise > self.limit:
            pc = start + next(o for rise, o in summary.rises if height + rise > self.limit)
            self.overflows.setdefault(start, {})[key] = Fault(pc, state, height)
            return
        ends = summary.ends
        if ends == "stop":
            return
        out = words[: height - summary.need] + tuple(
            [
                value if type(value) is int
                else words[-1 - value.depth] if type(value) is Entry
                else self._made(value, words, start)  # type: ignore[arg-type]
                for value in summary.out
            ]
        )
        taken = fallen = out
        may_jump, may_fall = ends != "fall", ends != "jump"
        if ends == "jumpi":
            branch = _branch_of(summary)
            if branch.condition is not None:
                known = self._constants(branch.condition, words)
                may_jump = known != 0
                may_fall = known is None or 0 in ({known} if isinstance(known, int) else known)
            taken, fallen = _with(out, branch.if_taken), _with(out, branch.if_not)
        if may_jump:
            target = summary.target
            if type(target) is not int:
                self._jump(start, self._constants(target, words), taken, exact, state)
            elif target in self.jumpdests:
                self.targets[start].add(target)
                self._enter(target, taken, exact, state)
            else:
                self.bad.setdefault(start, set()).add(target)
        if may_fall and end in self.spans:
            self.targets[start].add(end)
            self._enter(end, fallen, exact, state)

    def _made(self, value: Result, words: tuple[Word, ...], start: int) -> Word:
        """What a result is outside of its block: constants, or the identity of its instruction."""
        known = self._constants(value, words) if value.depth else None
        return -2 * (start + value.offset) - 1 if known is None else known

    def _constants(self, value: Value | None, words: tuple[Word, ...]) -> Word | None:
        def entry(depth: int) -> Word | None:
            word = words[-1 - depth]
            return word if type(word) is not int or word >= 0 else None

        return None if value is None else constants_of(value, entry)

    def _jump(
        self, start: int, known: Word | None, out: tuple[Word, ...], exact: bool, state: State
    ) -> None:
        if known is None:
            self.unresolved.add(start)
            return
        destinations = {known} if isinstance(known, int) else known
        good = sorted(destinations & self.jumpdests)
        for destination in good:
            self.targets[start].add(destination)
            self._enter(destination, out, exact, state)
        # Where ways were joined, words of one may stand where another has a return address.
        if not good and exact:
            self.bad.setdefault(start, set()).update(destinations)

    def _block(self, start: int, complete: bool) -> Block:
        states = tuple(self.states.get(start, _NO_STATES).values())
        targets, bad = self.targets.get(start, ()), self.bad.get(start, ())
        under, over = self.underflows.get(start), self.overflows.get(start)
        return Block(
            start, self.spans[start], self.summaries.get(start), states,
            tuple(sorted(targets) if len(targets) > 1 else targets),
            bool(states) or not complete, start in self.unresolved, tuple(sorted(bad)),
            tuple(under.values()) if under else (), tuple(over.values()) if over else (),
        )


_NO_STATES: dict[object, State] = {}

#: Words of a stack, counted from its top, and the constants that they are.
_Facts = tuple[tuple[int, int], ...]


class _Branch(NamedTuple):
    """A JUMPI: its condition if that may be known, and what follows from how it went.

    Compilers join the ways of a success and of a failure and tell them apart again by a word that
    one of them has tested and the other has pushed; without this, ways would be followed that no
    execution can go.
    """

    condition: Value | None
    if_taken: _Facts
    if_not: _Facts


@lru_cache(maxsize=16_384)
def _branch_of(summary: Summary) -> _Branch:
    condition = summary.steps[-1].inputs[1]
    may_be_known = type(condition) is not Result or condition.depth > 0
    taken, fallen = (
        tuple(
            (index, constant)
            for index, word in enumerate(reversed(summary.out), 1)
            for value, constant in _implied(condition, truth)
            if word is value
            or (type(word) is Entry and type(value) is Entry and word.depth == value.depth)
        )
        for truth in (True, False)
    )
    return _Branch(condition if may_be_known else None, taken, fallen)


def _implied(condition: Value, truth: bool) -> Iterator[tuple[Value, int]]:
    """The values that are known once it is known whether a condition is other than 0."""
    if not truth:
        yield condition, 0
    if type(condition) is Result:
        if condition.code == _ISZERO:
            if truth:
                yield condition, 1
            yield from _implied(condition.inputs[0], not truth)
        elif condition.code == _EQ and truth:
            a, b = condition.inputs
            if type(a) is int:
                a, b = b, a
            if type(b) is int and type(a) is not int:
                yield a, b


def _with(words: tuple[Word, ...], facts: _Facts) -> tuple[Word, ...]:
    """A stack about whose words more is known."""
    if not facts:
        return words
    changed = list(words)
    for index, constant in facts:
        changed[-index] = constant
    return tuple(changed)


_summaries: dict[bytes | tuple[bytes, int], Summary] = {}
_MAX_SUMMARIES = 50_000


def summary_of(code: bytes, start: int) -> Summary:
    """What a block does; remembered by its bytes, so that an edit costs the blocks it changed."""
    summary = _summaries.get(code)
    if summary is None:
        if len(_summaries) > _MAX_SUMMARIES:
            _summaries.clear()
        summary = _summaries[code] = execute(code)
    if summary.uses_pc:
        return _summaries.setdefault((code, start), execute(code, start))
    return summary


def _unknown(start: int, depth: int) -> int:
    """The identity of a word that was there on entry of a block, and of which no more is known."""
    return -2 * (start * (STACK_LIMIT + 1) + depth) - 2


def place_of_unknown(word: int) -> tuple[int, int]:
    """The block that such an identity belongs to, and how deep the word stood, 1 being the top."""
    return divmod((-word - 2) // 2, STACK_LIMIT + 1)


def _join(
    old: State, words: tuple[Word, ...], exact: bool, start: int
) -> tuple[tuple[tuple[Word, ...], bool], bool]:
    """What holds on both ways: words are aligned at the top, deeper ones are forgotten."""
    height = min(len(old.words), len(words))
    joined_exact = old.exact and exact and len(old.words) == len(words)
    mine, theirs = old.words[len(old.words) - height :], words[len(words) - height :]
    joined = tuple(
        [
            a if a == b else _either(a, b, start, height - i)
            for i, (a, b) in enumerate(zip(mine, theirs, strict=True))
        ]
    )
    return (joined, joined_exact), joined == old.words and joined_exact == old.exact


def _either(a: Word, b: Word, start: int, depth: int) -> Word:
    unknown = _unknown(start, depth)
    if a == unknown:
        return a
    x = frozenset((a,)) if isinstance(a, int) else a
    y = frozenset((b,)) if isinstance(b, int) else b
    both = x | y
    if len(both) > _MAX_CONSTANTS or min(both) < 0:
        return unknown
    return both


def _split(code: bytes) -> dict[int, int]:
    """Start and end of blocks. Push data is skipped from offset 0 on, as the EVM does."""
    pattern = _block_pattern(tuple(OPCODES))
    size = len(code)
    # Push data past the end of the code reads as zeros.
    ends = [found.end() for found in pattern.finditer(code + b"\0" * 33)]
    spans: dict[int, int] = {}
    start = 0
    for end in ends:
        if start >= size:
            break
        spans[start] = min(end, size)
        start = end
    return spans


@lru_cache(maxsize=2)
def _block_pattern(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """A block as a regular expression: matching is far faster than going byte by byte."""
    defined = {OPCODES[name].code for name in names}
    ends = {OPCODES[name].code for name in names if OPCODES[name].ends_execution} | {0x56, 0x57}
    pushes = set(range(0x60, 0x80))
    plain = defined - ends - pushes - {_JUMPDEST}
    last = set(range(256)) - plain - pushes - {_JUMPDEST}

    def any_of(codes: set[int]) -> bytes:
        return b"[" + b"".join(b"\\x%02x" % code for code in sorted(codes)) + b"]"

    push = b"|".join(b"\\x%02x.{%d}" % (code, code - 0x5F) for code in sorted(pushes))
    return re.compile(
        b"\\x5b(?:" + any_of(plain) + b"|" + push + b")*+" + any_of(last) + b"?"
        b"|(?:" + any_of(plain) + b"|" + push + b")++" + any_of(last) + b"?"
        b"|" + any_of(last), re.DOTALL,
    )


def _loops(blocks: dict[int, Block]) -> Iterator[tuple[int, frozenset[int]]]:
    """Strongly connected components by Tarjan, without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in blocks:
        if root in index or not blocks[root].reachable:
            continue
        work = [(root, iter(blocks[root].successors))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, successors = work[-1]
            for following in successors:
                if following not in index:
                    index[following] = low[following] = len(index)
                    stack.append(following)
                    on_stack.add(following)
                    work.append((following, iter(blocks[following].successors)))
                    break
                if following in on_stack:
                    low[node] = min(low[node], index[following])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.add(member)
                        if member == node:
                            break
                    if len(members) > 1 or node in blocks[node].successors:
                        yield node, frozenset(members)
