"""Memory as far as it is constant: what stands where when an instruction is reached.

It follows one line of instructions, whose operands are given; it knows no blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from nvm_lsp.opcodes import opcode_by_code, opcode_by_name

__all__ = ["KnownMemory", "memory_opcodes", "ranges_read", "ranges_written"]

_LARGEST = 16_384
_WORD = 32

#: By name, inputs that are offset and size of what an opcode reads; a size below zero is minus a
#: constant size.
_READS: dict[str, tuple[tuple[int, int], ...]] = {
    "MLOAD": ((0, -_WORD),), "KECCAK256": ((0, 1),), "RETURN": ((0, 1),), "REVERT": ((0, 1),),
    "LOG0": ((0, 1),), "LOG1": ((0, 1),), "LOG2": ((0, 1),), "LOG3": ((0, 1),), "LOG4": ((0, 1),),
    "MCOPY": ((1, 2),), "CREATE": ((1, 2),), "CREATE2": ((1, 2),), "CALL": ((3, 4),),
    "CALLCODE": ((3, 4),), "DELEGATECALL": ((2, 3),), "STATICCALL": ((2, 3),),
}
_WRITES: dict[str, tuple[int, int]] = {
    "MSTORE": (0, -_WORD), "MSTORE8": (0, -1), "CALLDATACOPY": (0, 2), "CODECOPY": (0, 2),
    "RETURNDATACOPY": (0, 2), "EXTCODECOPY": (1, 3), "MCOPY": (0, 2), "CALL": (5, 6),
    "CALLCODE": (5, 6), "DELEGATECALL": (4, 5), "STATICCALL": (4, 5),
}
_CODECOPY, _MSTORE, _MSTORE8, _MCOPY = 0x39, 0x52, 0x53, 0x5E

#: Offset and size in bytes, each None if not known.
Range = tuple[int | None, int | None]


@cache
def memory_opcodes() -> frozenset[int]:
    """The opcodes that read or write memory."""
    rows = (opcode_by_name(name) for name in {*_READS, *_WRITES})
    return frozenset(row.code for row in rows if row is not None)


def ranges_read(code: int, inputs: Sequence[int | None]) -> tuple[Range, ...]:
    """The ranges of memory that an opcode reads, given its inputs as far as they are constant."""
    row = opcode_by_code(code)
    return tuple(_range(inputs, *where) for where in _READS.get(row.name if row else "", ()))


def ranges_written(code: int, inputs: Sequence[int | None]) -> tuple[Range, ...]:
    """The range of memory that an opcode writes; there is one at most."""
    row = opcode_by_code(code)
    where = _WRITES.get(row.name if row else "")
    return () if where is None else (_range(inputs, *where),)


def _range(inputs: Sequence[int | None], offset: int, size: int) -> Range:
    def at(index: int) -> int | None:
        return inputs[index] if index < len(inputs) else None

    return at(offset), -size if size < 0 else at(size)


@dataclass(slots=True)
class KnownMemory:
    """Bytes that are known, by offset. ``zero`` tells that all others are 0.

    ``words`` tells which instruction wrote a whole word at an offset, if none has written over it.
    """

    zero: bool
    bytes_: dict[int, int | None] = field(default_factory=dict)
    words: dict[int, int] = field(default_factory=dict)

    def read(self, offset: int, size: int) -> bytes | None:
        """The bytes of a range, None if one of them is not known."""
        if size > _LARGEST:
            return None
        out = bytearray()
        for place in range(offset, offset + size):
            byte = self.bytes_.get(place, 0 if self.zero else None)
            if byte is None:
                return None
            out.append(byte)
        return bytes(out)

    def step(self, pc: int, opcode: int, inputs: Sequence[int | None], code: bytes) -> None:
        """Takes an instruction into account; ``code`` is the executing code."""
        for offset, size in ranges_written(opcode, inputs):
            if size == 0:
                continue
            if offset is None or size is None or size > _LARGEST:
                self._forget()
                continue
            self._write(offset, self._data(opcode, inputs, size, code), size)
            if opcode == _MSTORE:
                self.words[offset] = pc

    def _data(
        self, opcode: int, inputs: Sequence[int | None], size: int, code: bytes
    ) -> bytes | None:
        source = inputs[1] if len(inputs) > 1 else None
        if source is None:
            return None
        if opcode == _MSTORE:
            return source.to_bytes(_WORD, "big")
        if opcode == _MSTORE8:
            return bytes((source & 0xFF,))
        if opcode == _CODECOPY:
            return code[source : source + size].ljust(size, b"\0")
        return self.read(source, size) if opcode == _MCOPY else None

    def _write(self, offset: int, data: bytes | None, size: int) -> None:
        for place in range(size):
            self.bytes_[offset + place] = None if data is None else data[place]
        for word in [w for w in self.words if offset - _WORD < w < offset + size]:
            del self.words[word]

    def _forget(self) -> None:
        self.zero = False
        self.bytes_.clear()
        self.words.clear()
