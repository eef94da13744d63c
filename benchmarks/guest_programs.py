"""Random guest programs: mostly valid ones, with loops, calls and creations, and some broken ones.

It knows opcodes and stack heights; not kernels, nor how programs are run. All randomness comes
from the `random.Random` it is given, so a seed names a program.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from nvm_lsp.opcodes import FORKS, OPCODES, Opcode

__all__ = ["BORDERS", "Writer", "program"]

#: Offsets and sizes at the borders of what a kernel could get wrong. Those between 8 KiB and 2^32
#: are left out: the gas limit decides there, and interpretation takes more gas.
BORDERS = tuple(
    value % 2**256
    for middle in (2**32, 2**64, 2**160, 2**255, 2**256 - 0x340, 2**256 - 0x460, 2**256)
    for value in (middle - 33, middle - 32, middle - 31, middle - 1, middle, middle + 1)
    if value >= 2**32
)
_VALUES = (0, 1, 2, 3, 7, 8, 31, 32, 33, 127, 128, 255, 256, 257, 2**31, 2**128 - 1, 2**255 - 1,
           2**255, 2**256 - 2, 2**256 - 1)
_MAX_HEIGHT = 900

_MEMORY = {"MLOAD", "MSTORE", "MSTORE8", "KECCAK256", "CALLDATACOPY", "CODECOPY", "EXTCODECOPY",
           "RETURNDATACOPY", "MCOPY", "LOG0", "LOG1", "LOG2", "LOG3", "LOG4"}
_CALLS = {"CALL": True, "DELEGATECALL": False, "STATICCALL": False}
# Ends, jumps and calls have writers of their own; two revert on the kernel by design; GAS differs.
_NOT_PLAIN = {"STOP", "RETURN", "REVERT", "INVALID", "JUMP", "JUMPI", "JUMPDEST", "CALL", "GAS",
              "CALLCODE", "DELEGATECALL", "STATICCALL", "CREATE", "CREATE2", "SELFDESTRUCT"}


def program(
    random: Random, accounts: tuple[int, ...], fork: str = "prague", *, strict: bool = False,
    avoid: frozenset[str] = frozenset(),
) -> bytes:
    """A program for a fork that calls ``accounts``, some of its own making and precompiles.

    With ``strict`` some jump into push data, which only a strict-jumpdest build refuses. Opcodes
    that ``avoid`` names are left out.
    """
    if random.random() < 0.1:
        return _rubbish(random, fork, avoid)
    writer = Writer(random, accounts, fork, strict=strict, avoid=avoid)
    for _ in range(random.choice((2, 4, 8, 12, 20))):
        writer.piece()
    writer.ending()
    return bytes(writer.code)


def _rubbish(random: Random, fork: str, avoid: frozenset[str]) -> bytes:
    """Bytes at random, opcodes more often than chance; jumps would be to nowhere."""
    known = [row.code for row in _rows(fork)
             if not row.immediate_size
             and row.name not in {"CALLCODE", "SELFDESTRUCT", "GAS", "JUMP", "JUMPI", *avoid}]
    out = bytearray()
    for _ in range(random.randrange(1, 60)):
        draw = random.random()
        if draw < 0.5:
            size = random.choice((1, 1, 1, 2, 4, 20, 32))
            out.append(0x5F + size)
            out += random.randbytes(size) if random.random() < 0.3 else bytes(size - 1) + bytes(
                [random.randrange(96)])
        elif draw < 0.98:
            out.append(random.choice(known))
        else:
            byte = random.randrange(256)
            out.append(byte if byte not in (0x56, 0x57, 0x5A, 0xF2, 0xFF) else 0xFE)
    return bytes(out)


def _rows(fork: str) -> list[Opcode]:
    limit = FORKS[fork].index
    return [row for row in OPCODES.values() if FORKS[row.since].index <= limit]


class Writer:
    """Writes a program piece by piece and keeps count of the stack's height."""

    def __init__(
        self, random: Random, accounts: tuple[int, ...], fork: str, *, strict: bool = False,
        avoid: frozenset[str] = frozenset(),
    ) -> None:
        self.random = random
        self.accounts = accounts
        self.strict = strict
        self.code = bytearray()
        self.height = 0
        self.nesting = 0
        self.names = {row.name: row for row in _rows(fork) if row.name not in avoid}
        self.plain = [row for name, row in self.names.items() if name not in _NOT_PLAIN]

    # Words --------------------------------------------------------------------------------------

    def push(self, value: int) -> None:
        """Pushes a value, sometimes wider than it must."""
        size = max(1, (value.bit_length() + 7) // 8)
        if value == 0 and "PUSH0" in self.names and self.random.random() < 0.5:
            self.code.append(0x5F)
        else:
            if self.random.random() < 0.1:
                size = self.random.randrange(size, 33)
            self.code.append(0x5F + size)
            self.code += value.to_bytes(size, "big")
        self.height += 1

    def op(self, name: str) -> None:
        row = self.names[name]
        self.code.append(row.code)
        self.height += len(row.outputs) - len(row.inputs)

    def value(self) -> int:
        draw = self.random.random()
        if draw < 0.5:
            return self.random.choice(_VALUES)
        if draw < 0.7:
            return self.random.randrange(256)
        if draw < 0.8:
            return self.random.choice(self.accounts)
        return self.random.getrandbits(self.random.choice((16, 64, 160, 256)))

    def offset(self) -> int:
        if self.random.random() < 0.02:
            return self.random.choice(BORDERS)
        return self.random.choice((0, 1, 31, 32, 33, 64, 100, self.random.randrange(1000)))

    def size(self) -> int:
        if self.random.random() < 0.01:
            return self.random.choice(BORDERS)
        return self.random.choice((0, 0, 1, 31, 32, 33, 64, self.random.randrange(200)))

    def label(self) -> int:
        self.code.append(0x5B)
        return len(self.code) - 1

    def forward(self) -> int:
        """A push of a destination that `land` fills in."""
        self.code += b"\x61\0\0"
        self.height += 1
        return len(self.code) - 2

    def land(self, hole: int) -> None:
        self.code[hole : hole + 2] = self.label().to_bytes(2, "big")

    # Pieces -------------------------------------------------------------------------------------

    def piece(self) -> None:
        pieces: list[tuple[int, Callable[[], None]]] = [
            (50, self.plain_op), (16, self.memory_op), (8, self.call), (3, self.create),
            (5, self.loop), (6, self.branch), (3, self.skip), (2, self.return_data),
            (1, self.deep), (1, self.gas), (2, self.dup_swap), (5, self.state),
        ]
        if self.nesting >= 2:
            pieces = pieces[:2]
        weights = [weight for weight, _ in pieces]
        self.random.choices([write for _, write in pieces], weights)[0]()
        if self.random.random() < 0.004:
            self.random.choice((self.broken_jump, self.undefined, self.underflow))()
        if self.strict and self.random.random() < 0.004:
            self.jump_into_data()

    def plain_op(self) -> None:
        row = self.random.choice(self.plain)
        if row.name in _MEMORY:
            self.memory_op(row.name)
            return
        if row.is_push and row.name != "PUSH0":
            size = row.immediate_size
            self.code.append(row.code)
            self.code += self.random.randbytes(size)
            self.height += 1
            return
        if row.is_dup or row.is_swap:
            self.dup_swap()
            return
        while self.height < len(row.inputs) or (
            row.inputs and self.random.random() < 0.4 and self.height < _MAX_HEIGHT
        ):
            self.push(self.value())
        if self.height >= _MAX_HEIGHT:
            self.op("POP")
            return
        if row.name == "EXP" or row.name == "BLOCKHASH":
            self.push(self.value() % 300)
            if row.name == "EXP":
                self.push(self.value())
        self.op(row.name)

    def dup_swap(self) -> None:
        n = self.random.randrange(1, 17)
        swap = self.random.random() < 0.5
        while self.height < n + swap:
            self.push(self.value())
        self.code.append((0x8F if swap else 0x7F) + n)
        self.height += not swap

    def memory_op(self, name: str | None = None) -> None:
        name = name or self.random.choice(sorted(_MEMORY & set(self.names)))
        row = self.names[name]
        for word in reversed(row.inputs):
            if word in ("size",):
                self.push(self.size())
            elif "offset" in word:
                self.push(self.offset())
            elif word == "address":
                self.push(self.random.choice(self.accounts))
            else:
                self.push(self.value())
        if name == "RETURNDATACOPY" and self.random.random() < 0.9:
            # In bounds, so that not every program ends here.
            for _ in range(3):
                self.op("POP")
            self.op("RETURNDATASIZE")
            self.push(0)
            self.push(self.offset())
        self.op(name)

    def call(self) -> None:
        name = self.random.choice(sorted(_CALLS))
        self.push(self.size())
        self.push(self.offset())
        self.push(self.size())
        self.push(self.offset())
        if _CALLS[name]:
            self.push(self.random.choice((0, 0, 1, 1000, 2**200)))
        target = self.random.choice((*self.accounts, *self.accounts, 1, 2, 4, 0xDEAD))
        dirty = self.random.getrandbits(96) << 160 if self.random.random() < 0.1 else 0
        self.push(target | dirty)
        self.push(self.random.choice((0, 30_000, 60_000)))
        self.op(name)

    def create(self) -> None:
        if "CREATE" not in self.names:
            return
        # Init code that returns itself, stores, reverts or halts.
        init = self.random.choice((
            bytes.fromhex("600a600052600a6016f3"), bytes.fromhex("60015f55385f5f39385ff3"),
            bytes.fromhex("385f5f39385ffd"), b"\xfe", b"", bytes.fromhex("60ef60005360016000f3"),
        ))
        self.push(int.from_bytes(init.ljust(32, b"\0"), "big"))
        place = self.random.randrange(200)
        self.push(place)
        self.op("MSTORE")
        if self.random.random() < 0.5:
            self.push(self.random.choice((0, 1, self.random.getrandbits(256))))
        name = "CREATE2" if self.random.random() < 0.5 else "CREATE"
        if name == "CREATE2":
            self.push(self.random.choice((0, 1, self.random.getrandbits(256))))
        odd = self.random.random() < 0.05
        self.push(self.size() if odd else len(init))
        self.push(self.offset() if odd else place)
        self.push(self.random.choice((0, 0, 0, 5, 2**100)))
        self.op(name)

    def state(self) -> None:
        """Storage and transient storage, few keys, so that they meet again."""
        for _ in range(self.random.randrange(1, 4)):
            names = {"SLOAD", "SSTORE", "TLOAD", "TSTORE"} & set(self.names)
            name = self.random.choice(sorted(names))
            if name in ("SSTORE", "TSTORE"):
                self.push(self.random.choice((0, 1, self.value())))
            self.push(self.random.choice((0, 1, 2, 5, 2**256 - 1)))
            self.op(name)

    def return_data(self) -> None:
        self.op("RETURNDATASIZE")
        if self.random.random() < 0.5:
            self.push(self.random.choice((0, 1)))
            self.push(self.offset())
            if self.random.random() < 0.2:
                self.op("RETURNDATACOPY")
            else:
                self.op("POP")
                self.op("POP")
                self.op("POP")

    def loop(self) -> None:
        self.nesting += 1
        # The counter stands in memory, out of reach of what the body does to the stack.
        counter = 0x1000 + 32 * self.nesting
        self.push(self.random.randrange(1, 6))
        self.push(counter)
        self.op("MSTORE")
        top = self.label()
        before = self.height
        for _ in range(self.random.randrange(1, 5)):
            self.piece()
        self.level(before)
        self.push(1)
        self.push(counter)
        self.op("MLOAD")
        self.op("SUB")
        self.code.append(0x80)
        self.height += 1
        self.push(counter)
        self.op("MSTORE")
        self.push(top)
        self.op("JUMPI")
        self.nesting -= 1

    def branch(self) -> None:
        self.nesting += 1
        self.push(self.random.choice((0, 1, self.value())))
        hole = self.forward()
        self.op("JUMPI")
        before = self.height
        for _ in range(self.random.randrange(1, 4)):
            self.piece()
        self.level(before)
        self.land(hole)
        self.nesting -= 1

    def skip(self) -> None:
        """A jump over data, some of which looks like push data or like JUMPDEST."""
        hole = self.forward()
        self.op("JUMP")
        data = bytearray(self.random.randbytes(self.random.randrange(0, 40)))
        if data and self.random.random() < 0.5:
            data[-1] = self.random.choice((0x5B, 0x60, 0x7F))
        # Whole instructions only, so that the destination is none of their data.
        at = 0
        while at < len(data):
            at += 1 + (data[at] - 0x5F if 0x60 <= data[at] <= 0x7F else 0)
        self.code += data + bytes(at - len(data))
        self.land(hole)

    def deep(self) -> None:
        """Fills the stack to some 880 words and drops most of them again."""
        if self.nesting or self.height > 16:
            return
        self.push(self.value())
        count = self.random.randrange(16, 850)
        self.code += b"\x80" * count
        self.height += count
        self.dup_swap()
        drop = self.random.randrange(0, self.height)
        self.code += b"\x50" * drop
        self.height -= drop

    def gas(self) -> None:
        self.code += b"\x5a\x50"

    def level(self, height: int) -> None:
        while self.height > height:
            self.op("POP")
        while self.height < height:
            self.push(0)

    # Faults and ends ----------------------------------------------------------------------------

    def broken_jump(self) -> None:
        self.push(self.random.choice((len(self.code) + 5, 0xFFFF, 2**256 - 1, 2**255)))
        self.op("JUMP")

    def jump_into_data(self) -> None:
        size = self.random.randrange(1, 33)
        place = self.random.randrange(size)
        self.code.append(0x5F + size)
        data = bytearray(self.random.randbytes(size))
        data[place] = 0x5B
        self.code += data
        self.push(len(self.code) - size + place)
        self.op("JUMP")

    def undefined(self) -> None:
        self.code.append(self.random.choice((0x0C, 0x1F, 0x21, 0x4F, 0xA5, 0xE0, 0xF6, 0xFC, 0xFE)))

    def underflow(self) -> None:
        if self.height < 100:
            self.code += b"\x50" * (self.height + 1)
            self.height = 0

    def ending(self) -> None:
        draw = self.random.random()
        if draw < 0.1:
            return
        if draw < 0.2:
            self.op("STOP")
            return
        if draw < 0.7:
            # What is on the stack goes to memory, and memory is the result.
            for place in range(min(self.height, 6)):
                self.push(0x1100 + 32 * place)
                self.op("MSTORE")
            self.op("MSIZE")
            self.push(0)
        else:
            self.push(self.size())
            self.push(self.offset())
        self.op("REVERT" if self.random.random() < 0.2 else "RETURN")
