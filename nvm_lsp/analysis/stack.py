"""Symbolic execution of one basic block, whatever stack it is entered with.

Each word has an identity: a constant, a word that was there on entry, or what one instruction
made. It knows no other block, no source and no gas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeAlias

from nvm_lsp.opcodes import OPCODES, opcode_by_code

__all__ = [
    "WORD",
    "Entry",
    "Result",
    "Step",
    "Summary",
    "Value",
    "constants_of",
    "execute",
    "fold",
]

#: The greatest word.
WORD = (1 << 256) - 1
_PC, _JUMPDEST = 0x58, 0x5B
#: Operations deep that an expression is followed to find constants, and constants of one word.
_MAX_DEPTH = 8
_MAX_CONSTANTS = 16


class Entry:
    """The word that stood ``depth`` words below the top when the block was entered."""

    __slots__ = ("depth",)

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def __repr__(self) -> str:
        return f"Entry({self.depth})"


class Result:
    """What the instruction at ``offset`` of the block made of its inputs, top first."""

    __slots__ = ("code", "depth", "inputs", "offset")

    def __init__(self, offset: int, code: int, inputs: tuple[Value, ...]) -> None:
        self.offset = offset
        self.code = code
        self.inputs = inputs
        #: Operations until all is constants or entry words; 0 if that cannot be.
        self.depth = 0
        if code in _FOLDS:
            deepest = 0
            for value in inputs:
                if type(value) is Result:
                    if not value.depth:
                        return
                    deepest = max(deepest, value.depth)
            self.depth = deepest + 1 if deepest < _MAX_DEPTH else 0

    def __repr__(self) -> str:
        row = opcode_by_code(self.code)
        return f"Result({self.offset}, {row.name if row else hex(self.code)}, {self.inputs})"


#: A constant, a word of the entry stack, or the result of an instruction. Identity tells them
#: apart: two loads of the same place are two values.
Value: TypeAlias = int | Entry | Result


class Step(NamedTuple):
    """One instruction. ``inputs`` are top first: for DUPn the word copied, for SWAPn both words."""

    offset: int
    code: int
    inputs: tuple[Value, ...]
    output: Value | None


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What a block does to any stack.

    It takes ``need`` words off the entry stack and puts ``out`` (bottom first) in their place.
    ``reaches`` and ``rises`` say at which offset it first needs so many words, or holds so many
    more than on entry, each in rising order.
    """

    steps: tuple[Step, ...]
    need: int
    out: tuple[Value, ...]
    reaches: tuple[tuple[int, int], ...]
    rises: tuple[tuple[int, int], ...]
    ends: str  # "stop", "jump", "jumpi" or "fall"
    uses_pc: bool
    codes: frozenset[int]  # the opcodes that are in it
    target: Value | None  # where a jump at the end goes

    @property
    def rise(self) -> int:
        """By how much the stack grows at most beyond its height on entry."""
        return self.rises[-1][0] if self.rises else 0


def execute(code: bytes, start: int | None = None) -> Summary:
    """Executes the bytes of a block, which may be padded with zeros where push data is missing.

    ``start`` is the block's place if it is known: then PC gives a constant.
    """
    stack: list[Value] = []
    steps: list[Step] = []
    reaches: list[tuple[int, int]] = []
    rises: list[tuple[int, int]] = []
    need = rise = offset = 0
    uses_pc = False
    end = len(code)
    ends = "fall"
    append = steps.append
    output: Value | None
    taken: tuple[Value, ...]
    shapes = _shapes()
    while offset < end:
        op = code[offset]
        kind, inputs, outputs = shapes[op]
        if kind == _PUSH:
            width = op - 0x5F
            output = int.from_bytes(code[offset + 1 : offset + 1 + width], "big")
            if offset + 1 + width > end:
                output <<= 8 * (offset + 1 + width - end)
            stack.append(output)
            append(_step(Step, (offset, op, (), output)))
            if len(stack) - need > rise:
                rise = len(stack) - need
                rises.append((rise, offset))
            offset += 1 + width
            continue
        missing = inputs - len(stack)
        if missing > 0:
            stack[:0] = [_entry(depth) for depth in range(need + missing - 1, need - 1, -1)]
            need += missing
            reaches.append((need, offset))
        if kind == _DUP:
            output = stack[-inputs]
            stack.append(output)
            append(_step(Step, (offset, op, (output,), output)))
        elif kind == _SWAP:
            top, other = stack[-1], stack[-inputs]
            stack[-1], stack[-inputs] = other, top
            append(_step(Step, (offset, op, (top, other), None)))
        elif kind == _ENDS and inputs == 0:
            append(_step(Step, (offset, op, (), None)))
            ends = "stop"
            break
        else:
            if inputs == 0:
                taken = ()
            elif inputs == 1:
                taken = (stack.pop(),)
            elif inputs == 2:
                taken = (stack.pop(), stack.pop())
            else:
                taken = tuple(stack[: -inputs - 1 : -1])
                del stack[-inputs:]
            output = None
            if outputs:
                if op in _FOLDS and all(type(value) is int for value in taken):
                    output = _FOLDS[op](*taken)
                elif op == _PC:
                    uses_pc = True
                    output = Result(offset, op, ()) if start is None else start + offset
                else:
                    output = Result(offset, op, taken)
                stack.append(output)
                if outputs > 1:  # an opcode of a plugin
                    stack.extend(Result(offset, op, taken) for _ in range(outputs - 1))
            append(_step(Step, (offset, op, taken, output)))
            if kind != _PLAIN:
                ends = {_ENDS: "stop", _JUMP: "jump", _JUMPI: "jumpi"}[kind]
                break
        if len(stack) - need > rise:
            rise = len(stack) - need
            rises.append((rise, offset))
        offset += 1
    return Summary(
        tuple(steps), need, tuple(stack), tuple(reaches), tuple(rises), ends, uses_pc,
        frozenset([step[1] for step in steps]),
        steps[-1][2][0] if ends in ("jump", "jumpi") else None,
    )


def fold(opcode: int, *inputs: int) -> int | None:
    """The result of an opcode on constants, top first; None for one that is not computed here."""
    folder = _FOLDS.get(opcode)
    return folder(*inputs) if folder is not None else None


def constants_of(
    value: Value, entry: Callable[[int], int | frozenset[int] | None]
) -> int | frozenset[int] | None:
    """The constants that a value may be, given those of entry words by depth; None if unknown."""
    if type(value) is int:
        return value
    if type(value) is Entry:
        known = entry(value.depth)
        return known if known is not None else None
    assert isinstance(value, Result)
    if not value.depth:
        return None
    inputs: list[int | frozenset[int]] = []
    several = False
    for word in value.inputs:
        # Most inputs are leaves, and this is called for every value of every visit to a block.
        if type(word) is int:
            inputs.append(word)
            continue
        found = entry(word.depth) if type(word) is Entry else constants_of(word, entry)
        if found is None:
            return None
        several = several or type(found) is not int
        inputs.append(found)
    folder = _FOLDS[value.code]
    if not several:
        return folder(*inputs)
    sets = [(word,) if isinstance(word, int) else tuple(word) for word in inputs]
    size = 1
    for words in sets:
        size *= len(words)
    if size > _MAX_CONSTANTS:
        return None
    results = frozenset(folder(*words) for words in product(*sets))
    return next(iter(results)) if len(results) == 1 else results


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def _sdiv(a: int, b: int) -> int:
    if b == 0:
        return 0
    x, y = _signed(a), _signed(b)
    return (abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)) & WORD


def _smod(a: int, b: int) -> int:
    if b == 0:
        return 0
    x, y = _signed(a), _signed(b)
    return (abs(x) % abs(y) * (-1 if x < 0 else 1)) & WORD


def _signextend(b: int, x: int) -> int:
    if b >= 31:
        return x
    bits = 8 * (b + 1)
    low = x & ((1 << bits) - 1)
    return low if not low >> (bits - 1) else low | (WORD ^ ((1 << bits) - 1))


#: Opcodes whose result is known once their inputs are (Yellow Paper, appendix H).
_FOLDS: dict[int, Callable[..., int]] = {
    0x01: lambda a, b: (a + b) & WORD,
    0x02: lambda a, b: (a * b) & WORD,
    0x03: lambda a, b: (a - b) & WORD,
    0x04: lambda a, b: a // b if b else 0,
    0x05: _sdiv,
    0x06: lambda a, b: a % b if b else 0,
    0x07: _smod,
    0x08: lambda a, b, n: (a + b) % n if n else 0,
    0x09: lambda a, b, n: (a * b) % n if n else 0,
    0x0A: lambda a, b: pow(a, b, 1 << 256),
    0x0B: _signextend,
    0x10: lambda a, b: int(a < b),
    0x11: lambda a, b: int(a > b),
    0x12: lambda a, b: int(_signed(a) < _signed(b)),
    0x13: lambda a, b: int(_signed(a) > _signed(b)),
    0x14: lambda a, b: int(a == b),
    0x15: lambda a: int(a == 0),
    0x16: lambda a, b: a & b,
    0x17: lambda a, b: a | b,
    0x18: lambda a, b: a ^ b,
    0x19: lambda a: a ^ WORD,
    0x1A: lambda i, x: (x >> (8 * (31 - i))) & 0xFF if i < 32 else 0,
    0x1B: lambda shift, value: (value << shift) & WORD if shift < 256 else 0,
    0x1C: lambda shift, value: value >> shift if shift < 256 else 0,
    0x1D: lambda shift, value: (_signed(value) >> min(shift, 256)) & WORD,
}

_PLAIN, _PUSH, _DUP, _SWAP, _ENDS, _JUMP, _JUMPI = range(7)
_step = tuple.__new__
_entries: list[Entry] = [Entry(depth) for depth in range(64)]


def _entry(depth: int) -> Entry:
    while depth >= len(_entries):
        _entries.append(Entry(len(_entries)))
    return _entries[depth]


@lru_cache(maxsize=1)
def _shapes() -> list[tuple[int, int, int]]:
    """By opcode: kind, words taken, words given. What is undefined ends execution.

    Not made at import: whoever looks at the opcodes has plugins loaded, which import this, too.
    """
    shapes = [(_ENDS, 0, 0)] * 256
    for row in OPCODES.values():
        kind = _PLAIN
        if 0x60 <= row.code <= 0x7F:
            kind = _PUSH
        elif row.is_dup:
            kind = _DUP
        elif row.is_swap:
            kind = _SWAP
        elif row.ends_execution:
            kind = _ENDS
        elif row.code in (0x56, 0x57):
            kind = _JUMP if row.code == 0x56 else _JUMPI
        shapes[row.code] = (kind, len(row.inputs), len(row.outputs))
    shapes[0x5F] = (_PLAIN, 0, 1)
    return shapes


_FOLDS[0x5F] = lambda: 0
