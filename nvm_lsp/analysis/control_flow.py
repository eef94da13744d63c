"""Control flow of bytecode: blocks and the jumps between them; it knows no source and no gas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from nvm_lsp.opcodes import opcode_by_code

__all__ = ["Block", "ControlFlow", "control_flow"]

_ADD, _SUB, _AND, _JUMP, _JUMPI, _PC, _JUMPDEST = 0x01, 0x03, 0x16, 0x56, 0x57, 0x58, 0x5B
_WORD = (1 << 256) - 1
_STACK_LIMIT = 1024
_MOST_CONSTANTS = 16  # of one word; a word that may be more is unknown

#: The constants that a word may be, or None where it is not known.
Word: TypeAlias = "frozenset[int] | None"


@dataclass(frozen=True, slots=True)
class Block:
    """Instructions from ``start`` up to ``end`` (exclusive), entered only at ``start``."""

    start: int
    end: int
    successors: tuple[int, ...]
    reachable: bool
    unresolved: bool  # ends in a jump whose destination is not known
    bad_targets: tuple[int, ...]  # constant destinations that hold no JUMPDEST
    underflow: int | None  # pc of an instruction that takes more than is there
    overflow: int | None  # pc of an instruction that exceeds 1024 words


@dataclass(frozen=True, slots=True)
class ControlFlow:
    """Blocks by start. If not ``complete``, the work was bounded: then all count as reachable."""

    blocks: dict[int, Block]
    complete: bool

    def unreachable(self) -> Iterator[Block]:
        """Blocks that no execution can enter."""
        return (block for block in self.blocks.values() if not block.reachable)

    def merge_points(self) -> tuple[int, ...]:
        """Starts of blocks that more than one known edge enters."""
        entered: dict[int, int] = {}
        for block in self.blocks.values():
            for successor in block.successors:
                entered[successor] = entered.get(successor, 0) + 1
        return tuple(sorted(start for start, count in entered.items() if count > 1))


def control_flow(code: bytes, *, budget: int = 2_000_000) -> ControlFlow:
    """Follows constants through the stack from pc 0.

    ``budget`` bounds the work, in instructions and stack words looked at. A jump to an unknown
    destination is marked, not guessed; every JUMPDEST then counts as reachable.
    """
    spans = _split(code)
    states: dict[int, _State] = {}
    ends: dict[int, _End] = {}
    pending: list[int] = []

    def enter(start: int, state: _State) -> None:
        old = states.get(start)
        joined = state if old is None else _join(old, state)
        if joined != old:
            states[start] = joined
            pending.append(start)

    if code:
        enter(0, _State((), True))
    anywhere = False
    while pending and budget > 0:
        start = pending.pop()
        end = ends[start] = _execute(code, start, spans[start], states[start])
        budget -= spans[start] - start + len(end.state.words) + 1
        targets = [target for target in end.targets if _is_jumpdest(code, spans, target)]
        for target in (*targets, *end.falls):
            if target in spans:
                enter(target, end.state)
        if end.unresolved and not anywhere:
            anywhere = True
            for target in spans:
                if _is_jumpdest(code, spans, target):
                    enter(target, _State((), False))
    complete = not pending
    return ControlFlow(
        {s: _block(code, spans, s, ends.get(s), complete) for s in spans}, complete
    )


@dataclass(frozen=True, slots=True)
class _State:
    """Words of the stack, top last; if not ``exact``, unknown words may lie below them."""

    words: tuple[Word, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class _End:
    state: _State
    targets: tuple[int, ...] = ()
    falls: tuple[int, ...] = ()
    unresolved: bool = False
    underflow: int | None = None
    overflow: int | None = None


def _block(
    code: bytes, spans: dict[int, int], start: int, end: _End | None, complete: bool
) -> Block:
    if end is None:
        return Block(start, spans[start], (), not complete, False, (), None, None)
    good = [target for target in end.targets if _is_jumpdest(code, spans, target)]
    after = [target for target in end.falls if target in spans]
    return Block(
        start, spans[start], tuple(sorted({*good, *after})), True, end.unresolved,
        tuple(target for target in end.targets if target not in good), end.underflow, end.overflow,
    )


def _is_jumpdest(code: bytes, spans: dict[int, int], pc: int) -> bool:
    return pc in spans and code[pc] == _JUMPDEST


def _split(code: bytes) -> dict[int, int]:
    """Start and end of blocks. Push data is skipped from offset 0 on, as the EVM does."""
    spans: dict[int, int] = {}
    start = pc = 0
    while pc < len(code):
        if code[pc] == _JUMPDEST and pc > start:
            spans[start] = pc
            start = pc
        row = opcode_by_code(code[pc])
        size = 1 + (row.immediate_size if row else 0)
        if row is None or row.ends_execution or code[pc] in (_JUMP, _JUMPI):
            spans[start] = min(pc + size, len(code))
            start = pc + size
        pc += size
    if start < len(code):
        spans[start] = len(code)
    return spans


def _join(a: _State, b: _State) -> _State:
    """What holds on both ways: words are aligned at the top, deeper ones are forgotten."""
    height = min(len(a.words), len(b.words))
    exact = a.exact and b.exact and len(a.words) == len(b.words)
    pairs = zip(a.words[len(a.words) - height :], b.words[len(b.words) - height :], strict=True)
    return _State(tuple(_either(x, y) for x, y in pairs), exact)


def _either(a: Word, b: Word) -> Word:
    return None if a is None or b is None else _bounded(a | b)


def _bounded(constants: frozenset[int]) -> Word:
    return constants if len(constants) <= _MOST_CONSTANTS else None


def _execute(code: bytes, start: int, end: int, state: _State) -> _End:
    """The state after a block, and where it goes."""
    words, exact = list(state.words), state.exact
    pc = start
    while pc < end:
        row = opcode_by_code(code[pc])
        if row is None:
            return _End(_State(tuple(words), exact))
        missing = len(row.inputs) - len(words)
        if missing > 0:
            if exact:
                return _End(_State(tuple(words), exact), underflow=pc)
            words[:0] = [None] * missing
        if code[pc] in (_JUMP, _JUMPI):
            target = words.pop()
            if code[pc] == _JUMPI:
                words.pop()
            return _End(
                _State(tuple(words), exact), tuple(sorted(target or ())),
                (pc + 1,) if code[pc] == _JUMPI else (), target is None,
            )
        if row.is_push:
            data = code[pc + 1 : pc + 1 + row.immediate_size]
            # Push data past the end of the code reads as zeros.
            words.append(frozenset({int.from_bytes(data.ljust(row.immediate_size, b"\0"), "big")}))
        elif row.is_dup:
            words.append(words[-(code[pc] - 0x7F)])
        elif row.is_swap:
            depth = code[pc] - 0x8E
            words[-1], words[-depth] = words[-depth], words[-1]
        else:
            taken = [words.pop() for _ in row.inputs]
            words += [_result(code[pc], pc, taken)] * len(row.outputs)
        if len(words) > _STACK_LIMIT:
            return _End(_State(tuple(words[-_STACK_LIMIT:]), exact), overflow=pc)
        if row.ends_execution:
            return _End(_State(tuple(words), exact))
        pc += 1 + row.immediate_size
    return _End(_State(tuple(words), exact), falls=(end,))


def _result(opcode: int, pc: int, taken: list[Word]) -> Word:
    if opcode == _PC:
        return frozenset({pc})
    if opcode not in (_ADD, _SUB, _AND):
        return None
    a, b = taken
    if a is None or b is None:
        return None
    return _bounded(frozenset(_fold(opcode, x, y) for x, y in product(a, b)))


def _fold(opcode: int, a: int, b: int) -> int:
    if opcode == _ADD:
        return (a + b) & _WORD
    return (a - b) & _WORD if opcode == _SUB else a & b
