"""Forks and opcodes that are not in the table: what a chain of its own adds to Ethereum's rules.

A chain is data and plain functions on a small interface; neither py-evm nor any other backend is
named in it. The later forks of Ethereum itself are defined in the same way (`nvm_lsp.osaka`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from nvm_lsp import opcodes
from nvm_lsp.opcodes import FORK_STEP, Fork, Opcode

__all__ = [
    "Execute",
    "ForkEntry",
    "Halt",
    "Machine",
    "OpcodeEntry",
    "Precompile",
    "executes",
    "fork_entry",
    "precompiles",
    "pure",
    "register_fork",
    "register_opcode",
    "transaction_gas",
    "withdraw",
]


class Halt(Exception):  # noqa: N818 -- an end of execution that the EVM names so
    """Raised by an opcode or a precompile: an exceptional halt, which takes all gas."""


class Machine(Protocol):
    """The frame that an opcode runs in: words are integers, the top of the stack comes first.

    The opcode's static gas has been taken, and the program counter stands behind it. Whatever runs
    out of gas, underflows or overflows ends the opcode by itself.
    """

    @property
    def gas(self) -> int:
        """Gas that is left."""

    @property
    def address(self) -> bytes:
        """The account whose storage and balance are the frame's."""

    @property
    def caller(self) -> bytes: ...

    @property
    def origin(self) -> bytes: ...

    @property
    def value(self) -> int: ...

    @property
    def data(self) -> bytes:
        """The calldata."""

    @property
    def code(self) -> bytes: ...

    @property
    def is_static(self) -> bool:
        """Nothing may be written."""

    @property
    def block(self) -> Mapping[str, int | bytes]:
        """Number, timestamp, prevrandao, gas_limit, base_fee, chain_id, slot_number; coinbase as
        bytes.
        """

    def pop(self) -> int: ...

    def push(self, word: int) -> None: ...

    def use_gas(self, amount: int) -> None:
        """Takes gas beyond the static gas of the row."""

    def read(self, offset: int, size: int) -> bytes:
        """Memory, which grows to that and is paid for."""

    def write(self, offset: int, data: bytes) -> None:
        """Writes to memory, which grows to that and is paid for."""

    def load(self, slot: int) -> int:
        """A word of storage; what that costs, the opcode says."""

    def store(self, slot: int, word: int) -> None:
        """Writes a word of storage. In a static call it halts."""

    def balance(self, address: bytes) -> int: ...


#: What an opcode does.
Execute = Callable[[Machine], None]


@dataclass(frozen=True, slots=True)
class OpcodeEntry:
    """An opcode: its row, and what it does.

    ``row.since`` names the fork that brings it. ``on_kernel`` says that the NestedVM can serve a
    guest with the host's own opcode: that holds where it touches the stack, storage, balances or
    other accounts, but neither memory nor calldata, code or program counter, which are the guest's
    own. Without it the opcode is native only, and halts a guest.
    """

    row: Opcode
    execute: Execute
    on_kernel: bool = False


@dataclass(frozen=True, slots=True)
class Precompile:
    """A contract of the protocol: gas for an input, and output, None for failure, which takes all.

    ``gas`` is asked first and must be cheap whatever the input.
    """

    address: bytes
    name: str
    gas: Callable[[bytes], int]
    run: Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class ForkEntry:
    """A fork: the one that it extends, and what it changes besides the opcodes that name it.

    ``mainline`` says that it is Ethereum's own next fork, so that later ones have its rules, too.
    ``gas`` prices opcodes anew, by mnemonic: the static part. ``transaction_gas`` is the most that
    a transaction may take, None for no such limit.
    """

    name: str
    base: str
    year: int
    summary: str
    precompiles: tuple[Precompile, ...] = ()
    gas: Mapping[str, int] = field(default_factory=dict)
    mainline: bool = False
    transaction_gas: int | None = None


def pure(function: Callable[..., int | tuple[int, ...]]) -> Execute:
    """An opcode that makes words of words: takes them top first, gives what to push, last on top.

    Results are taken modulo 2^256.
    """
    count = function.__code__.co_argcount

    def execute(machine: Machine) -> None:
        result = function(*[machine.pop() for _ in range(count)])
        for word in result if isinstance(result, tuple) else (result,):
            machine.push(word % 2**256)

    return execute


# What is registered -------------------------------------------------------------------------------

_forks: dict[str, ForkEntry] = {}
_entries: dict[str, OpcodeEntry] = {}


def register_fork(entry: ForkEntry) -> None:
    """Adds a fork to the table of forks.

    Raises:
        ValueError: it is there already, or what it extends or prices is not.
    """
    base = opcodes.find_fork(entry.base)
    if base is None:
        raise ValueError(f"fork {entry.name!r} extends {entry.base!r}, which is not known")
    if entry.name != entry.name.lower() or not entry.name.isidentifier():
        raise ValueError(f"fork {entry.name!r} is no name in lower case")
    index = base.index + FORK_STEP if entry.mainline else base.index + 1
    taken = {fork.index for fork in opcodes.FORKS.values()}
    while index in taken:
        index += 1
    if index >= (base.index // FORK_STEP + 1 + entry.mainline) * FORK_STEP:
        raise ValueError(f"too many forks extend {entry.base!r}")
    opcodes.register_fork(
        Fork(entry.name, index, entry.year, entry.summary, base.name, tuple(entry.gas.items()))
    )
    _forks[entry.name] = entry


def register_opcode(entry: OpcodeEntry) -> None:
    """Adds an opcode to the table.

    Raises:
        ValueError: its name or code is taken, or its fork is not known.
    """
    if not 0 <= entry.row.code <= 0xFF:
        raise ValueError(f"opcode {entry.row.name} has code {entry.row.code:#x}, which is no byte")
    if entry.row.name != entry.row.name.upper() or not entry.row.name.isidentifier():
        raise ValueError(f"opcode {entry.row.name!r} is no mnemonic in upper case")
    row = entry.row
    if not entry.on_kernel and not row.nvm:
        row = replace(row, nvm="The NestedVM cannot serve it: a guest that uses it halts.")
    opcodes.register_opcode(row)
    _entries[row.name] = entry


def withdraw(fork: str | None = None, opcode: str | None = None) -> None:
    """Takes a fork or an opcode out again."""
    opcodes.withdraw([fork] if fork else (), [opcode] if opcode else ())
    _forks.pop(fork or "", None)
    _entries.pop(opcode or "", None)


def fork_entry(fork: str) -> ForkEntry | None:
    """How a fork was defined, None if it is in the table of its own."""
    return _forks.get(fork)


def executes(fork: str) -> Mapping[int, OpcodeEntry]:
    """The opcodes of a fork that are defined by entries, by code."""
    rows = opcodes.instruction_set(fork).by_code
    return {code: _entries[row.name] for code, row in rows.items() if row.name in _entries}


def precompiles(fork: str) -> Mapping[bytes, Precompile]:
    """The precompiles that entries add to a fork or put in another's place, by address."""
    found: dict[bytes, Precompile] = {}
    for name in reversed(opcodes.lineage(fork)):
        if name in _forks:
            found.update({each.address: each for each in _forks[name].precompiles})
    return found


def transaction_gas(fork: str) -> int | None:
    """The most gas that a transaction may take, None where there is no limit."""
    for name in opcodes.lineage(fork):
        entry = _forks.get(name)
        if entry is not None and entry.transaction_gas is not None:
            return entry.transaction_gas
    return None
