"""Runs one frame of the EVM: what it does to stack and memory, and what it costs.

Whatever touches an account beside the running code (storage, calls, logs, creation) is refused
with a ValueError, which nvm-lsp shows as the reason why this backend cannot run the program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from eth_hash.auto import keccak
from nvm_lsp.api import FORKS, OPCODES, Execution, Limits, Message, Watcher, World

__all__ = ["execute"]

_WORD = 2**256
_SIGN = 2**255
_STACK_LIMIT = 1024
#: Steps between looks at the clock.
_CLOCK = 1024


class _End(Exception):  # noqa: N818 -- an end is no error
    """The frame ends: ``success``, ``revert``, ``halt`` or ``limit``.

    ``name`` tells a success by RETURN from one by STOP.
    """

    def __init__(
        self, outcome: str, output: bytes = b"", error: str | None = None, name: str = ""
    ) -> None:
        super().__init__(error)
        self.name = name
        self.outcome = outcome
        self.output = output
        self.error = error


@dataclass
class _Frame:
    """The running frame; what the watcher of a run may look at."""

    world: World
    message: Message
    limits: Limits
    gas: int
    pc: int = 0
    steps: int = 0
    stack: list[int | bytes] = field(default_factory=list)
    memory: bytearray = field(default_factory=bytearray)
    return_data: bytes = b""

    def storage(self, slot: int, address: bytes | None = None) -> int:
        return self.world.storage(address or self.message.to, slot)

    def transient(self, slot: int) -> int:
        return 0

    # What instructions do ------------------------------------------------------------------------

    def pop(self) -> int:
        if not self.stack:
            raise _End("halt", error="stack underflow")
        word = self.stack.pop()
        return word if isinstance(word, int) else int.from_bytes(word, "big")

    def drop(self) -> None:
        self.pop()

    def push(self, word: int) -> None:
        if len(self.stack) >= _STACK_LIMIT:
            raise _End("halt", error="stack overflow")
        self.stack.append(word % _WORD)

    def pay(self, gas: int) -> None:
        if gas > self.gas:
            raise _End("halt", error="out of gas")
        self.gas -= gas

    def grow(self, offset: int, size: int) -> None:
        """Makes memory reach to there, and pays for it."""
        if size == 0:
            return
        before, after = len(self.memory) // 32, (offset + size + 31) // 32
        if after > before:
            # More words than gas could ever pay for are not counted out.
            self.pay(_memory_gas(min(after, 2**32)) - _memory_gas(before))
            if after * 32 > self.limits.memory:
                raise _End("limit", error="memory")
            self.memory.extend(bytes(32 * (after - before)))

    def read(self, offset: int, size: int) -> bytes:
        self.grow(offset, size)
        return bytes(self.memory[offset : offset + size]) if size else b""

    def copy(self, source: bytes) -> None:
        """CALLDATACOPY, CODECOPY: to memory, from an offset of the source, so many bytes."""
        to, start, size = self.pop(), self.pop(), self.pop()
        self.pay(3 * ((size + 31) // 32))
        self.grow(to, size)
        if size:
            self.memory[to : to + size] = _padded(source, start, size)

    def jump(self, target: int, valid: frozenset[int]) -> None:
        if target not in valid:
            raise _End("halt", error="invalid jump destination")
        self.pc = target


def execute(
    world: World,
    message: Message,
    *,
    fork: str,
    limits: Limits | None = None,
    watcher: Watcher | None = None,
) -> Execution:
    """What the message does; the same as other backends say, as far as this one goes."""
    limits = limits or Limits()
    if message.is_create or len(message.data) > 2**24:
        raise ValueError("tiny runs calls of at most 16 MiB, and no creations")
    frame = _Frame(world, message, limits, message.gas)
    if watcher is not None:
        watcher.attach(frame)
    end = _run(frame, fork, watcher)
    if end.outcome == "halt":
        frame.gas = 0
    return Execution(
        outcome=end.outcome, error=end.error, output=end.output, gas_used=message.gas - frame.gas,
        refund=0, steps=frame.steps, inner_steps=0, ended=end.name,
        stack=tuple(frame.pop() for _ in range(len(frame.stack))), memory=bytes(frame.memory),
        logs=(), storage=(), transient=(), balances=(), created=(), codes={}, calls=(),
    )


def _run(frame: _Frame, fork: str, watcher: Watcher | None) -> _End:
    """Runs the frame to its end."""
    code = frame.message.code
    table = _table(fork)
    targets = _jump_targets(code)
    began = time.monotonic()
    while True:
        opcode = code[frame.pc] if frame.pc < len(code) else 0
        if watcher is not None and (watcher.pcs is None or frame.pc in watcher.pcs):
            watcher.step(frame.pc, opcode, frame.gas, frame.stack, frame.memory)
        frame.steps += 1
        if frame.steps % _CLOCK == 0 and time.monotonic() - began > frame.limits.seconds:
            return _End("limit", error=f"it took longer than {frame.limits.seconds:g} s")
        name, gas, action = table.get(opcode, ("", 0, None))
        try:
            if not name:
                return _End("halt", error=f"invalid opcode {opcode:#04x}")
            frame.pay(gas)
            frame.pc += 1
            if 0x60 <= opcode <= 0x7F:
                size = opcode - 0x5F
                frame.push(int.from_bytes(_padded(code, frame.pc, size), "big"))
                frame.pc += size
            elif name in ("JUMP", "JUMPI"):
                target = frame.pop()
                if name == "JUMP" or frame.pop():
                    frame.jump(target, targets)
            elif action is None:
                raise ValueError(f"the backend tiny has no {name}")
            else:
                action(frame)
        except _End as end:
            return end


# The table ----------------------------------------------------------------------------------------

_Action = Callable[[_Frame], None]


def _words(count: int, function: Callable[..., int]) -> _Action:
    """An instruction that makes one word of others."""

    def action(frame: _Frame) -> None:
        frame.push(function(*[frame.pop() for _ in range(count)]))

    return action


def _signed(word: int) -> int:
    return word - _WORD if word >= _SIGN else word


def _sdiv(a: int, b: int) -> int:
    a, b = _signed(a), _signed(b)
    return (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1) if b else 0


def _smod(a: int, b: int) -> int:
    a, b = _signed(a), _signed(b)
    return (abs(a) % abs(b)) * (-1 if a < 0 else 1) if b else 0


def _signextend(size: int, word: int) -> int:
    if size > 30:
        return word
    bits = 8 * size + 8
    word &= (1 << bits) - 1
    return word | (_WORD - (1 << bits)) if word >> (bits - 1) else word


def _exp(frame: _Frame) -> None:
    base, exponent = frame.pop(), frame.pop()
    frame.pay(50 * ((exponent.bit_length() + 7) // 8))
    frame.push(pow(base, exponent, _WORD))


def _keccak(frame: _Frame) -> None:
    offset, size = frame.pop(), frame.pop()
    frame.pay(6 * ((size + 31) // 32))
    frame.push(int.from_bytes(keccak(frame.read(offset, size)), "big"))


def _mload(frame: _Frame) -> None:
    frame.push(int.from_bytes(frame.read(frame.pop(), 32), "big"))


def _store(size: int) -> _Action:
    def action(frame: _Frame) -> None:
        offset, word = frame.pop(), frame.pop()
        frame.grow(offset, size)
        frame.memory[offset : offset + size] = (word % 256**size).to_bytes(size, "big")

    return action


def _mcopy(frame: _Frame) -> None:
    to, start, size = frame.pop(), frame.pop(), frame.pop()
    frame.pay(3 * ((size + 31) // 32))
    frame.grow(max(to, start), size)
    if size:
        frame.memory[to : to + size] = frame.memory[start : start + size]


def _returndatacopy(frame: _Frame) -> None:
    to, start, size = frame.pop(), frame.pop(), frame.pop()
    frame.pay(3 * ((size + 31) // 32))
    if start + size:
        raise _End("halt", error="out of bounds of the return data")
    frame.grow(to, size)


def _return(frame: _Frame) -> None:
    offset, size = frame.pop(), frame.pop()
    raise _End("success", frame.read(offset, size), name="return")


def _revert(frame: _Frame) -> None:
    offset, size = frame.pop(), frame.pop()
    raise _End("revert", frame.read(offset, size), "revert")


def _stop(frame: _Frame) -> None:
    raise _End("success", name="stop")


def _invalid(frame: _Frame) -> None:
    raise _End("halt", error="invalid opcode 0xfe")


def _dup(depth: int) -> _Action:
    def action(frame: _Frame) -> None:
        if len(frame.stack) < depth:
            raise _End("halt", error="stack underflow")
        word = frame.stack[-depth]
        frame.push(word if isinstance(word, int) else int.from_bytes(word, "big"))

    return action


def _swap(depth: int) -> _Action:
    def action(frame: _Frame) -> None:
        stack = frame.stack
        if len(stack) <= depth:
            raise _End("halt", error="stack underflow")
        stack[-1], stack[-1 - depth] = stack[-1 - depth], stack[-1]

    return action


def _get(function: Callable[[_Frame], int]) -> _Action:
    return lambda frame: frame.push(function(frame))


def _address(data: bytes) -> int:
    return int.from_bytes(data, "big")


_ACTIONS: dict[str, _Action] = {
    "STOP": _stop, "RETURN": _return, "REVERT": _revert, "INVALID": _invalid,
    "ADD": _words(2, lambda a, b: a + b), "MUL": _words(2, lambda a, b: a * b),
    "SUB": _words(2, lambda a, b: a - b), "DIV": _words(2, lambda a, b: a // b if b else 0),
    "SDIV": _words(2, _sdiv), "MOD": _words(2, lambda a, b: a % b if b else 0),
    "SMOD": _words(2, _smod), "ADDMOD": _words(3, lambda a, b, n: (a + b) % n if n else 0),
    "MULMOD": _words(3, lambda a, b, n: a * b % n if n else 0), "EXP": _exp,
    "SIGNEXTEND": _words(2, _signextend),
    "LT": _words(2, lambda a, b: a < b), "GT": _words(2, lambda a, b: a > b),
    "SLT": _words(2, lambda a, b: _signed(a) < _signed(b)),
    "SGT": _words(2, lambda a, b: _signed(a) > _signed(b)),
    "EQ": _words(2, lambda a, b: a == b), "ISZERO": _words(1, lambda a: a == 0),
    "AND": _words(2, lambda a, b: a & b), "OR": _words(2, lambda a, b: a | b),
    "XOR": _words(2, lambda a, b: a ^ b), "NOT": _words(1, lambda a: ~a),
    "BYTE": _words(2, lambda i, a: a >> (248 - 8 * i) & 0xFF if i < 32 else 0),
    "SHL": _words(2, lambda n, a: a << n if n < 256 else 0),
    "SHR": _words(2, lambda n, a: a >> n if n < 256 else 0),
    "SAR": _words(2, lambda n, a: _signed(a) >> min(n, 255)),
    "KECCAK256": _keccak,
    "ADDRESS": _get(lambda f: _address(f.message.to)),
    "CALLER": _get(lambda f: _address(f.message.sender)),
    "CALLVALUE": _get(lambda f: f.message.value),
    "CALLDATALOAD": lambda f: f.push(
        int.from_bytes(_padded(f.message.data, f.pop(), 32), "big")
    ),
    "CALLDATASIZE": _get(lambda f: len(f.message.data)),
    "CALLDATACOPY": lambda f: f.copy(f.message.data),
    "CODESIZE": _get(lambda f: len(f.message.code)),
    "CODECOPY": lambda f: f.copy(f.message.code),
    "GASPRICE": _get(lambda f: f.message.gas_price),
    "RETURNDATASIZE": _get(lambda f: 0), "RETURNDATACOPY": _returndatacopy,
    "COINBASE": _get(lambda f: _address(f.world.block.coinbase)),
    "TIMESTAMP": _get(lambda f: f.world.block.timestamp),
    "NUMBER": _get(lambda f: f.world.block.number),
    "PREVRANDAO": _get(lambda f: f.world.block.prevrandao),
    "GASLIMIT": _get(lambda f: f.world.block.gas_limit),
    "CHAINID": _get(lambda f: f.world.block.chain_id),
    "BASEFEE": _get(lambda f: f.world.block.base_fee),
    "POP": _Frame.drop, "MLOAD": _mload, "MSTORE": _store(32), "MSTORE8": _store(1),
    "MCOPY": _mcopy, "PC": _get(lambda f: f.pc - 1), "MSIZE": _get(lambda f: len(f.memory)),
    "GAS": _get(lambda f: f.gas), "JUMPDEST": lambda f: None, "PUSH0": _get(lambda f: 0),
    **{f"DUP{n}": _dup(n) for n in range(1, 17)},
    **{f"SWAP{n}": _swap(n) for n in range(1, 17)},
}


def _table(fork: str) -> dict[int, tuple[str, int, _Action | None]]:
    """By opcode of the fork: name, static gas, and what it does, None if that is not known here."""
    newest = FORKS[fork].index
    return {
        row.code: (row.name, row.gas, _ACTIONS.get(row.name))
        for row in OPCODES.values()
        if FORKS[row.since].index <= newest
    }


def _jump_targets(code: bytes) -> frozenset[int]:
    """The offsets of JUMPDESTs that are no data of a push."""
    found, offset = set(), 0
    while offset < len(code):
        opcode = code[offset]
        if opcode == 0x5B:
            found.add(offset)
        offset += opcode - 0x5E if 0x60 <= opcode <= 0x7F else 1
    return frozenset(found)


def _memory_gas(words: int) -> int:
    return 3 * words + words * words // 512


def _padded(data: bytes, start: int, size: int) -> bytes:
    """A stretch of data, with zeros where it has none."""
    return data[start : start + size].ljust(size, b"\0")
