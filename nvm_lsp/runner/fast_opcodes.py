"""The opcodes that a kernel is made of, as short functions that stand in for py-evm's own.

Each does exactly what py-evm does, on the same computation object, in a quarter of the time: most
of what the host executes for a guest are these. Tests hold them against py-evm, opcode by opcode.
Values pushed here are whole numbers; values found on the stack may be bytes, as py-evm allows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

__all__ = ["fast_opcodes", "jump_destinations"]

Operation = Callable[[Any], None]

_WORD = 2**256 - 1
_STACK_LIMIT = 1024
_JUMPDEST = 0x5B
_number = int.from_bytes


def fast_opcodes(exceptions: Any) -> dict[int, Operation]:
    """Functions by opcode. ``exceptions`` is py-evm's module of that name.

    They are the same for all forks; a fork that lacks an opcode must leave its function out.
    """
    table: dict[int, Operation] = {}
    for opcode, cost, operate in _BINARY:
        table[opcode] = _binary(exceptions, cost, operate)
    table[0x15] = _unary(exceptions, lambda a: 1 if a == 0 else 0)
    table[0x19] = _unary(exceptions, lambda a: a ^ _WORD)
    table[0x35] = _calldataload(exceptions)
    table[0x50] = _pop(exceptions)
    table[0x51] = _mload(exceptions)
    table[0x52] = _mstore(exceptions)
    table[0x56] = _jump(exceptions)
    table[0x57] = _jumpi(exceptions)
    table[0x58] = _constant(exceptions, lambda c: c.code.program_counter - 1)
    table[0x59] = _constant(exceptions, lambda c: len(c._memory._bytes))
    table[0x5A] = _constant(exceptions, lambda c: c._gas_meter.gas_remaining)
    table[0x5B] = _jumpdest(exceptions)
    table[0x5F] = _constant(exceptions, lambda c: 0)
    for size in range(1, 33):
        table[0x5F + size] = _push(exceptions, size)
    for position in range(1, 17):
        table[0x7F + position] = _dup(exceptions, position)
        table[0x8F + position] = _swap(exceptions, position)
    return table


@lru_cache(maxsize=256)
def jump_destinations(code: bytes) -> frozenset[int]:
    """Offsets of the JUMPDESTs that are no push data."""
    found = []
    pc, size = 0, len(code)
    while pc < size:
        opcode = code[pc]
        if opcode == _JUMPDEST:
            found.append(pc)
        pc += opcode - 0x5E if 0x60 <= opcode <= 0x7F else 1
    return frozenset(found)


def _byte(index: int, word: int) -> int:
    return word >> (248 - 8 * index) & 0xFF if index < 32 else 0


def _shl(shift: int, word: int) -> int:
    return word << shift & _WORD if shift < 256 else 0


def _shr(shift: int, word: int) -> int:
    return word >> shift if shift < 256 else 0


#: Opcode, gas, and the result of the word on top and the one below it.
_BINARY: tuple[tuple[int, int, Callable[[int, int], int]], ...] = (
    (0x01, 3, lambda a, b: (a + b) & _WORD),
    (0x02, 5, lambda a, b: a * b & _WORD),
    (0x03, 3, lambda a, b: (a - b) & _WORD),
    (0x04, 5, lambda a, b: a // b if b else 0),
    (0x06, 5, lambda a, b: a % b if b else 0),
    (0x10, 3, lambda a, b: 1 if a < b else 0),
    (0x11, 3, lambda a, b: 1 if a > b else 0),
    (0x14, 3, lambda a, b: 1 if a == b else 0),
    (0x16, 3, operator.and_),
    (0x17, 3, operator.or_),
    (0x18, 3, operator.xor),
    (0x1A, 3, _byte),
    (0x1B, 3, _shl),
    (0x1C, 3, _shr),
)


def _binary(exceptions: Any, cost: int, operate: Callable[[int, int], int]) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - cost
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if len(stack) < 2:
            raise insufficient
        first = stack.pop()
        second = stack[-1]
        if isinstance(first, bytes):
            first = _number(first, "big")
        if isinstance(second, bytes):
            second = _number(second, "big")
        stack[-1] = operate(first, second)

    return run


def _unary(exceptions: Any, operate: Callable[[int], int]) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if not stack:
            raise insufficient
        word = stack[-1]
        stack[-1] = operate(_number(word, "big") if isinstance(word, bytes) else word)

    return run


def _constant(exceptions: Any, value: Callable[[Any], int]) -> Operation:
    out_of_gas, full = exceptions.OutOfGas, exceptions.FullStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 2
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if len(stack) >= _STACK_LIMIT:
            raise full
        stack.append(value(computation))

    return run


def _push(exceptions: Any, size: int) -> Operation:
    out_of_gas, full = exceptions.OutOfGas, exceptions.FullStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if len(stack) >= _STACK_LIMIT:
            raise full
        stream = computation.code
        start = stream.program_counter
        stream.program_counter = end = start + size
        data = computation.msg.code[start:end]
        if len(data) < size:
            data = data.ljust(size, b"\0")
        stack.append(_number(data, "big"))

    return run


def _dup(exceptions: Any, position: int) -> Operation:
    out_of_gas, full = exceptions.OutOfGas, exceptions.FullStack
    insufficient = exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        depth = len(stack)
        if depth >= _STACK_LIMIT:
            raise full
        if depth < position:
            raise insufficient
        stack.append(stack[-position])

    return run


def _swap(exceptions: Any, position: int) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack
    other = -1 - position

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if len(stack) <= position:
            raise insufficient
        stack[-1], stack[other] = stack[other], stack[-1]

    return run


def _pop(exceptions: Any) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 2
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if not stack:
            raise insufficient
        stack.pop()

    return run


def _calldataload(exceptions: Any) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if not stack:
            raise insufficient
        offset = stack[-1]
        if isinstance(offset, bytes):
            offset = _number(offset, "big")
        data = computation.msg.data[offset : offset + 32]
        size = len(data)
        stack[-1] = _number(data, "big") << 8 * (32 - size) if size else 0

    return run


def _mload(exceptions: Any) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if not stack:
            raise insufficient
        offset = stack[-1]
        if isinstance(offset, bytes):
            offset = _number(offset, "big")
        memory = computation._memory
        if offset + 32 > len(memory._bytes):
            computation.extend_memory(offset, 32)
        stack[-1] = _number(memory._bytes[offset : offset + 32], "big")

    return run


def _mstore(exceptions: Any) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 3
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if len(stack) < 2:
            raise insufficient
        offset = stack.pop()
        word = stack.pop()
        if isinstance(offset, bytes):
            offset = _number(offset, "big")
        memory = computation._memory
        if offset + 32 > len(memory._bytes):
            computation.extend_memory(offset, 32)
        memory._bytes[offset : offset + 32] = (
            word.rjust(32, b"\0") if isinstance(word, bytes) else word.to_bytes(32, "big")
        )

    return run


def _jump(exceptions: Any) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack
    bad_jump = exceptions.InvalidJumpDestination

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 8
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if not stack:
            raise insufficient
        destination = stack.pop()
        if isinstance(destination, bytes):
            destination = _number(destination, "big")
        if destination not in jump_destinations(computation.msg.code):
            raise bad_jump
        computation.code.program_counter = destination

    return run


def _jumpi(exceptions: Any) -> Operation:
    out_of_gas, insufficient = exceptions.OutOfGas, exceptions.InsufficientStack
    bad_jump = exceptions.InvalidJumpDestination

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 10
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left
        stack = computation._stack.values
        if len(stack) < 2:
            raise insufficient
        destination = stack.pop()
        condition = stack.pop()
        if isinstance(condition, bytes):
            condition = _number(condition, "big")
        if not condition:
            return
        if isinstance(destination, bytes):
            destination = _number(destination, "big")
        if destination not in jump_destinations(computation.msg.code):
            raise bad_jump
        computation.code.program_counter = destination

    return run


def _jumpdest(exceptions: Any) -> Operation:
    out_of_gas = exceptions.OutOfGas

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - 1
        if left < 0:
            raise out_of_gas
        meter.gas_remaining = left

    return run
