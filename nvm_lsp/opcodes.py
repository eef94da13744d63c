"""The opcode table, one row an opcode, and the forks that brought them; it knows no syntax.

The rows here are those of Ethereum to Prague. Later forks and other chains are added by plugins,
built in or not, when the table is first looked at.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from threading import Lock
from types import MappingProxyType
from typing import TypeVar

__all__ = [
    "ALIASES",
    "DEFAULT_FORK",
    "FORKS",
    "FORK_STEP",
    "OPCODES",
    "Fork",
    "InstructionSet",
    "Opcode",
    "find_fork",
    "instruction_set",
    "is_reserved",
    "lineage",
    "nearest_mnemonics",
    "opcode_by_code",
    "opcode_by_name",
    "register_fork",
    "register_opcode",
    "withdraw",
]


@dataclass(frozen=True, slots=True)
class Opcode:
    """One row: what an opcode is called, takes, gives and costs.

    ``inputs`` and ``outputs`` name stack words, top first. ``gas`` is the part of the cost that
    does not depend on operands or on the state, in gas, under the rules of Paris and later;
    ``gas_note`` goes on from it: what comes on top, or instead. ``nvm`` says what differs for a
    guest of the NestedVM, and is empty where nothing does.
    """

    code: int
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gas: int
    since: str
    summary: str
    gas_note: str = ""
    nvm: str = ""
    group: str = "arithmetic"

    @property
    def immediate_size(self) -> int:
        """Bytes of push data that follow the opcode: n for PUSHn, else 0."""
        return self.code - 0x5F if 0x60 <= self.code <= 0x7F else 0

    @property
    def is_push(self) -> bool:
        return 0x5F <= self.code <= 0x7F

    @property
    def is_dup(self) -> bool:
        return 0x80 <= self.code <= 0x8F

    @property
    def is_swap(self) -> bool:
        return 0x90 <= self.code <= 0x9F

    @property
    def ends_execution(self) -> bool:
        """No instruction after it is reached by falling through, and it is no jump."""
        return self.code in _TERMINATORS

    @property
    def effect(self) -> str:
        """The stack picture, for instance ``[a, b] -> [a + b]``."""
        return f"[{', '.join(self.inputs)}] -> [{', '.join(self.outputs)}]"


@dataclass(frozen=True, slots=True)
class Fork:
    """A set of rules of the execution layer.

    ``index`` orders forks: one that is greater or equal has the other's rules, where one comes from
    the other at all. ``base`` is the fork whose rules it extends, nothing for the first. ``gas``
    holds the static gas of the opcodes that it prices anew, by mnemonic.
    """

    name: str
    index: int
    year: int
    summary: str
    base: str = ""
    gas: tuple[tuple[str, int], ...] = ()


#: What the indexes of Ethereum's forks differ by: between two there is room for other chains, which
#: have the rules of the older one, but not those of the newer.
FORK_STEP = 100
# Comparing names is quadratic; what is longer than this is no misspelled mnemonic.
_LONGEST_GUESS = 24
_TERMINATORS = frozenset({0x00, 0xF3, 0xFD, 0xFE, 0xFF})
_EMPTY_CALLDATA = "A guest's own code is the calldata, so it sees empty calldata: "


def _forks() -> dict[str, Fork]:
    rows = [
        ("frontier", 2015, "The first release."),
        ("homestead", 2016, "DELEGATECALL."),
        ("tangerine", 2016, "Gas of state access repriced (EIP-150)."),
        ("spurious", 2016, "State clearing and the code size limit (EIP-161, EIP-170)."),
        ("byzantium", 2017, "REVERT, STATICCALL, RETURNDATASIZE, RETURNDATACOPY."),
        ("constantinople", 2019, "SHL, SHR, SAR, CREATE2, EXTCODEHASH."),
        ("istanbul", 2019, "CHAINID, SELFBALANCE; state access repriced (EIP-1884)."),
        ("berlin", 2021, "Access lists, cold and warm access (EIP-2929)."),
        ("london", 2021, "BASEFEE (EIP-3198); refunds reduced (EIP-3529)."),
        ("paris", 2022, "Proof of stake: DIFFICULTY becomes PREVRANDAO (EIP-4399)."),
        ("shanghai", 2023, "PUSH0 (EIP-3855), warm coinbase, init code limit (EIP-3860)."),
        ("cancun", 2024, "TLOAD, TSTORE, MCOPY, BLOBHASH, BLOBBASEFEE."),
        ("prague", 2025, "Set-code transactions (EIP-7702), BLS12-381 precompiles."),
    ]
    bases = ["", *(name for name, _, _ in rows)]
    return {
        name: Fork(name, i * FORK_STEP, year, text, bases[i])
        for i, (name, year, text) in enumerate(rows)
    }


_Row = tuple[int, str, str, str, int, str, str, str, str]


def _rows() -> Iterable[tuple[str, Iterable[_Row]]]:
    """Groups of rows: code, name, inputs, outputs, gas, since, summary, gas note, NestedVM note."""
    f, b, c = "frontier", "byzantium", "constantinople"
    mem = "memory expansion"
    words = "3 more a word, memory expansion"
    account = "2600 instead for a cold account"
    yield (
        "control",
        [
            (0x00, "STOP", "", "", 0, f, "Ends execution with success and no return data.", "", ""),
            (0x56, "JUMP", "destination", "", 8, f,
             "Sets the program counter to destination, which must hold a JUMPDEST.", "",
             "A JUMPDEST byte inside push data is accepted, unless the kernel was built with "
             "strict-jumpdest."),
            (0x57, "JUMPI", "destination, condition", "", 10, f,
             "Jumps to destination if condition is not zero.", "",
             "A JUMPDEST byte inside push data is accepted, unless the kernel was built with "
             "strict-jumpdest."),
            (0x58, "PC", "", "pc", 2, f, "Offset of this instruction in the code.", "", ""),
            (0x5A, "GAS", "", "gas", 2, f, "Gas left after this instruction.", "",
             "The host's gas: interpretation costs gas too, so less is left than natively."),
            (0x5B, "JUMPDEST", "", "", 1, f, "Marks a valid destination of a jump.", "", ""),
            (0xF3, "RETURN", "offset, size", "", 0, f,
             "Ends execution with success; memory[offset:offset+size] is the return data.", mem,
             ""),
            (0xFD, "REVERT", "offset, size", "", 0, b,
             "Ends execution, undoes its state changes, keeps the remaining gas; "
             "memory[offset:offset+size] is the return data.", mem, ""),
            (0xFE, "INVALID", "", "", 0, f,
             "Designated invalid instruction (EIP-141): halts and takes all gas.", "", ""),
            (0xFF, "SELFDESTRUCT", "beneficiary", "", 5000, f,
             "Sends the balance to beneficiary and ends execution; deletes the account only in "
             "the transaction that created it (EIP-6780).",
             "2600 more for a cold beneficiary, 25000 more for a new one",
             "Reverts: a guest must not destroy the wallet it acts for."),
        ],
    )
    yield (
        "arithmetic",
        [
            (0x01, "ADD", "a, b", "a + b", 3, f, "Sum modulo 2^256.", "", ""),
            (0x02, "MUL", "a, b", "a * b", 5, f, "Product modulo 2^256.", "", ""),
            (0x03, "SUB", "a, b", "a - b", 3, f, "Difference modulo 2^256.", "", ""),
            (0x04, "DIV", "a, b", "a // b", 5, f, "Unsigned quotient; 0 if b is 0.", "", ""),
            (0x05, "SDIV", "a, b", "a // b", 5, f,
             "Signed quotient, truncated towards zero; 0 if b is 0.", "", ""),
            (0x06, "MOD", "a, b", "a % b", 5, f, "Unsigned remainder; 0 if b is 0.", "", ""),
            (0x07, "SMOD", "a, b", "a % b", 5, f,
             "Signed remainder with the sign of a; 0 if b is 0.", "", ""),
            (0x08, "ADDMOD", "a, b, n", "(a + b) % n", 8, f,
             "Sum in unbounded integers, then modulo n; 0 if n is 0.", "", ""),
            (0x09, "MULMOD", "a, b, n", "(a * b) % n", 8, f,
             "Product in unbounded integers, then modulo n; 0 if n is 0.", "", ""),
            (0x0A, "EXP", "a, exponent", "a ** exponent", 10, f, "Power modulo 2^256.",
             "50 more a byte of the exponent", ""),
            (0x0B, "SIGNEXTEND", "b, x", "y", 5, f,
             "Extends the sign of x from byte b (0 is the least significant).", "", ""),
        ],
    )
    yield (
        "comparison and bits",
        [
            (0x10, "LT", "a, b", "a < b", 3, f, "1 if a is less than b, unsigned.", "", ""),
            (0x11, "GT", "a, b", "a > b", 3, f, "1 if a is greater than b, unsigned.", "", ""),
            (0x12, "SLT", "a, b", "a < b", 3, f, "1 if a is less than b, signed.", "", ""),
            (0x13, "SGT", "a, b", "a > b", 3, f, "1 if a is greater than b, signed.", "", ""),
            (0x14, "EQ", "a, b", "a == b", 3, f, "1 if a equals b.", "", ""),
            (0x15, "ISZERO", "a", "a == 0", 3, f, "1 if a is 0.", "", ""),
            (0x16, "AND", "a, b", "a & b", 3, f, "Bitwise and.", "", ""),
            (0x17, "OR", "a, b", "a | b", 3, f, "Bitwise or.", "", ""),
            (0x18, "XOR", "a, b", "a ^ b", 3, f, "Bitwise exclusive or.", "", ""),
            (0x19, "NOT", "a", "~a", 3, f, "Bitwise complement.", "", ""),
            (0x1A, "BYTE", "i, x", "y", 3, f,
             "Byte i of x, 0 being the most significant; 0 if i is over 31.", "", ""),
            (0x1B, "SHL", "shift, value", "value << shift", 3, c, "Left shift.", "", ""),
            (0x1C, "SHR", "shift, value", "value >> shift", 3, c, "Logical right shift.", "", ""),
            (0x1D, "SAR", "shift, value", "value >> shift", 3, c, "Arithmetic right shift.", "",
             ""),
        ],
    )
    yield (
        "hashing",
        [
            (0x20, "KECCAK256", "offset, size", "hash", 30, f,
             "Keccak-256 of memory[offset:offset+size].", "6 more a word, memory expansion", ""),
        ],
    )
    yield (
        "environment",
        [
            (0x30, "ADDRESS", "", "address", 2, f, "Address of the executing account.", "",
             "The wallet's address under DELEGATECALL, the NestedVM's under CALL."),
            (0x31, "BALANCE", "address", "balance", 100, f, "Balance of an account, in wei.",
             account, ""),
            (0x32, "ORIGIN", "", "address", 2, f, "Sender of the transaction.", "", ""),
            (0x33, "CALLER", "", "address", 2, f, "Account that made this call.", "",
             "The caller of the wallet under DELEGATECALL."),
            (0x34, "CALLVALUE", "", "value", 2, f, "Value sent with this call, in wei.", "", ""),
            (0x35, "CALLDATALOAD", "i", "data[i:i+32]", 3, f,
             "Word of the calldata at byte i, zero-filled past its end.", "",
             _EMPTY_CALLDATA + "0."),
            (0x36, "CALLDATASIZE", "", "size", 2, f, "Size of the calldata, in bytes.", "",
             _EMPTY_CALLDATA + "0."),
            (0x37, "CALLDATACOPY", "dest_offset, offset, size", "", 3, f,
             "Copies calldata to memory, zero-filled past its end.", words,
             _EMPTY_CALLDATA + "zero fill."),
            (0x38, "CODESIZE", "", "size", 2, f, "Size of the executing code, in bytes.", "",
             "The size of the guest's code."),
            (0x39, "CODECOPY", "dest_offset, offset, size", "", 3, f,
             "Copies the executing code to memory, zero-filled past its end.", words,
             "Copies from the guest's code."),
            (0x3A, "GASPRICE", "", "price", 2, f, "Effective gas price, in wei.", "", ""),
            (0x3B, "EXTCODESIZE", "address", "size", 100, f, "Size of an account's code.",
             account, "For ADDRESS it is the code of the wallet, not the guest's."),
            (0x3C, "EXTCODECOPY", "address, dest_offset, offset, size", "", 100, f,
             "Copies an account's code to memory, zero-filled past its end.",
             account + ", " + words, "For ADDRESS it is the code of the wallet, not the guest's."),
            (0x3D, "RETURNDATASIZE", "", "size", 2, b, "Size of the last call's return data.", "",
             ""),
            (0x3E, "RETURNDATACOPY", "dest_offset, offset, size", "", 3, b,
             "Copies return data to memory; reading past its end halts.", words, ""),
            (0x3F, "EXTCODEHASH", "address", "hash", 100, c,
             "Keccak-256 of an account's code; 0 if the account is empty.", account,
             "For ADDRESS it is the code of the wallet, not the guest's."),
        ],
    )
    yield (
        "block",
        [
            (0x40, "BLOCKHASH", "number", "hash", 20, f,
             "Hash of one of the last 256 blocks, else 0.", "", ""),
            (0x41, "COINBASE", "", "address", 2, f, "Fee recipient of the block.", "", ""),
            (0x42, "TIMESTAMP", "", "timestamp", 2, f, "Unix time of the block, in seconds.", "",
             ""),
            (0x43, "NUMBER", "", "number", 2, f, "Number of the block.", "", ""),
            (0x44, "PREVRANDAO", "", "randao", 2, f,
             "Randomness of the previous block; before Paris DIFFICULTY.", "", ""),
            (0x45, "GASLIMIT", "", "limit", 2, f, "Gas limit of the block.", "", ""),
            (0x46, "CHAINID", "", "id", 2, "istanbul", "Chain id (EIP-1344).", "", ""),
            (0x47, "SELFBALANCE", "", "balance", 5, "istanbul",
             "Balance of the executing account, in wei.", "", ""),
            (0x48, "BASEFEE", "", "fee", 2, "london", "Base fee of the block, in wei.", "", ""),
            (0x49, "BLOBHASH", "index", "hash", 3, "cancun",
             "Versioned hash of the transaction's blob at index, else 0 (EIP-4844).", "", ""),
            (0x4A, "BLOBBASEFEE", "", "fee", 2, "cancun",
             "Blob base fee of the block, in wei (EIP-7516).", "", ""),
        ],
    )
    yield (
        "stack, memory, storage",
        [
            (0x50, "POP", "a", "", 2, f, "Drops the top of the stack.", "", ""),
            (0x51, "MLOAD", "offset", "value", 3, f, "Word of memory at offset.", mem, ""),
            (0x52, "MSTORE", "offset, value", "", 3, f, "Writes a word to memory.", mem, ""),
            (0x53, "MSTORE8", "offset, value", "", 3, f,
             "Writes the least significant byte of value to memory.", mem, ""),
            (0x54, "SLOAD", "key", "value", 100, f, "Word of storage at key.",
             "2100 instead for a cold slot", "Reads the wallet's storage."),
            (0x55, "SSTORE", "key, value", "", 100, f, "Writes a word to storage.",
             "up to 20000 by original and current value, 2100 more for a cold slot, refunds",
             "Writes the wallet's storage. With the verifier build, its slots are guarded."),
            (0x59, "MSIZE", "", "size", 2, f,
             "Size of the memory touched so far, in bytes, a multiple of 32.", "",
             "The guest's memory, without the kernel's area."),
            (0x5C, "TLOAD", "key", "value", 100, "cancun",
             "Word of transient storage at key (EIP-1153).", "", ""),
            (0x5D, "TSTORE", "key, value", "", 100, "cancun",
             "Writes a word to transient storage (EIP-1153).", "", ""),
            (0x5E, "MCOPY", "dest_offset, offset, size", "", 3, "cancun",
             "Copies memory to memory; the ranges may overlap (EIP-5656).", words, ""),
        ],
    )
    yield (
        "calls and creation",
        [
            (0xF0, "CREATE", "value, offset, size", "address", 32000, f,
             "Creates a contract from init code in memory; 0 on failure.",
             "2 more a word of init code, memory expansion, the deployment's own cost",
             "With the verifier build it must be approved first."),
            (0xF1, "CALL", "gas, address, value, args_offset, args_size, ret_offset, ret_size",
             "success", 100, f, "Calls an account.",
             account + ", 9000 more with value, 25000 more for a new account, memory expansion",
             "With the verifier build it must be approved first."),
            (0xF2, "CALLCODE", "gas, address, value, args_offset, args_size, ret_offset, ret_size",
             "success", 100, f, "Runs another account's code in this one's context. Deprecated.",
             account + ", 9000 more with value, memory expansion", "Reverts."),
            (0xF4, "DELEGATECALL", "gas, address, args_offset, args_size, ret_offset, ret_size",
             "success", 100, "homestead",
             "Runs another account's code in this one's context, keeping caller and value.",
             account + ", memory expansion", "With the verifier build it must be approved first."),
            (0xF5, "CREATE2", "value, offset, size, salt", "address", 32000, c,
             "Creates a contract at an address derived from salt and init code; 0 on failure.",
             "8 more a word of init code, memory expansion, the deployment's own cost",
             "With the verifier build it must be approved first."),
            (0xFA, "STATICCALL", "gas, address, args_offset, args_size, ret_offset, ret_size",
             "success", 100, b, "Calls an account, which cannot change the state.",
             account + ", memory expansion", "With the verifier build it must be approved first."),
        ],
    )
    yield (
        "push",
        [(0x5F, "PUSH0", "", "0", 2, "shanghai", "Pushes 0 (EIP-3855).", "", "")]
        + [
            (0x5F + n, f"PUSH{n}", "", "value", 3, f,
             f"Pushes the {n} byte{'s' if n > 1 else ''} that follow{'' if n > 1 else 's'}.", "",
             "")
            for n in range(1, 33)
        ],
    )
    yield (
        "duplicate and exchange",
        [
            (0x7F + n, f"DUP{n}", ", ".join(_LETTERS[:n]),
             ", ".join((_LETTERS[n - 1], *_LETTERS[:n])), 3, f,
             f"Copies the {_ordinal(n)} word of the stack to its top.", "", "")
            for n in range(1, 17)
        ]
        + [
            (0x8F + n, f"SWAP{n}", ", ".join(_LETTERS[: n + 1]),
             ", ".join((_LETTERS[n], *_LETTERS[1:n], _LETTERS[0])), 3, f,
             f"Exchanges the top of the stack with the {_ordinal(n + 1)} word.", "", "")
            for n in range(1, 17)
        ],
    )
    yield (
        "logging",
        [
            (0xA0 + n, f"LOG{n}",
             ", ".join(["offset", "size", *(f"topic{i + 1}" for i in range(n))]), "",
             375 * (n + 1), f,
             f"Logs memory[offset:offset+size] with {n} topic{'' if n == 1 else 's'}.",
             "8 more a byte, memory expansion", "")
            for n in range(5)
        ],
    )


_LETTERS = tuple("abcdefghijklmnopq")


def _ordinal(n: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(n, f"{n}th")


def _table() -> dict[str, Opcode]:
    table: dict[str, Opcode] = {}
    for group, rows in _rows():
        for code, name, inputs, outputs, gas, since, summary, gas_note, nvm in rows:
            table[name] = Opcode(
                code, name, _names(inputs), _names(outputs), gas, since, summary, gas_note, nvm,
                group,
            )
    return dict(sorted(table.items(), key=lambda item: item[1].code))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", ")) if text else ()


_Value = TypeVar("_Value")


class _Extended(Mapping[str, _Value]):
    """A table as it is when plugins have added to it."""

    def __init__(self, rows: dict[str, _Value]) -> None:
        self._rows = rows

    def __getitem__(self, key: str) -> _Value:
        if not _extended:
            _extend()
        return self._rows[key]

    def __iter__(self) -> Iterator[str]:
        if not _extended:
            _extend()
        return iter(self._rows)

    def __len__(self) -> int:
        if not _extended:
            _extend()
        return len(self._rows)


_FORKS = _forks()
_OPCODES = _table()
_RESERVED = frozenset(_OPCODES)
_once = Lock()
_extended = False


def _extend() -> None:
    """Lets plugins add forks and opcodes, once a process.

    Whoever looks something up meanwhile, in this thread or another, sees what is there so far: to
    wait would be to wait for a plugin that may ask, too.
    """
    global _extended
    with _once:
        first, _extended = not _extended, True
    if first:
        # By name, because it stands above this module and is needed only here.
        importlib.import_module("nvm_lsp.plugins").add_chains()


#: Forks by name, oldest first.
FORKS: Mapping[str, Fork] = _Extended(_FORKS)
#: Opcodes by canonical name, in the order of their codes.
OPCODES: Mapping[str, Opcode] = _Extended(_OPCODES)
#: Other spellings of a mnemonic.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "SHA3": "KECCAK256",
        "DIFFICULTY": "PREVRANDAO",
        "RANDOM": "PREVRANDAO",
        "SUICIDE": "SELFDESTRUCT",
    }
)
#: The newest fork that py-evm itself knows.
DEFAULT_FORK = "prague"


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """The opcodes of one fork, by canonical or alias name in upper case and by code."""

    fork: Fork
    by_name: Mapping[str, Opcode]
    by_code: Mapping[int, Opcode]

    @property
    def has_push0(self) -> bool:
        return 0x5F in self.by_code


def find_fork(name: str) -> Fork | None:
    """The fork of that name in any case, or None."""
    return FORKS.get(name.lower())


def lineage(fork: str) -> tuple[str, ...]:
    """A fork and those whose rules it extends, the newest first.

    Raises:
        KeyError: there is no such fork; test with `find_fork` first.
    """
    found = [FORKS[fork]]
    while found[-1].base:
        found.append(_FORKS[found[-1].base])
    return tuple(each.name for each in found)


@lru_cache(maxsize=32)
def instruction_set(fork: str) -> InstructionSet:
    """The opcodes that ``fork`` has.

    Raises:
        KeyError: there is no such fork; test with `find_fork` first.
    """
    names = lineage(fork)
    gas: dict[str, int] = {}
    for name in reversed(names):
        gas.update(_FORKS[name].gas)
    rows = [
        replace(row, gas=gas[row.name]) if row.name in gas else row
        for row in _OPCODES.values()
        if row.since in names
    ]
    by_name = {row.name: row for row in rows}
    by_name.update({alias: by_name[name] for alias, name in ALIASES.items() if name in by_name})
    return InstructionSet(
        _FORKS[fork], MappingProxyType(by_name), MappingProxyType({row.code: row for row in rows})
    )


def opcode_by_name(name: str) -> Opcode | None:
    """The row of a mnemonic in any case, aliases included, of whatever fork, or None."""
    upper = name.upper()
    return OPCODES.get(ALIASES.get(upper, upper))


def is_reserved(name: str) -> bool:
    """Whether a name is a mnemonic of the table itself, which nothing else may be called.

    What plugins add is not: installing one must not break programs, the kernel's least of all.
    """
    upper = name.upper()
    return upper == "PUSH" or ALIASES.get(upper, upper) in _RESERVED


@lru_cache(maxsize=1)
def _by_code() -> Mapping[int, Opcode]:
    return MappingProxyType({row.code: row for row in OPCODES.values()})


def opcode_by_code(code: int) -> Opcode | None:
    """The row of an opcode byte, of whatever fork, or None if it is undefined."""
    return _by_code().get(code)


@lru_cache(maxsize=4096)  # an editor asks again for each line with a slip, at every key
def nearest_mnemonics(name: str, fork: str = DEFAULT_FORK) -> tuple[str, ...]:
    """Up to three mnemonics of ``fork`` that look like ``name``, best first."""
    if len(name) > _LONGEST_GUESS:
        return ()
    return tuple(get_close_matches(name.upper(), instruction_set(fork).by_name, n=3, cutoff=0.7))


def register_fork(fork: Fork, opcodes: Iterable[Opcode] = ()) -> None:
    """Adds a fork and the opcodes it brings, as a plugin does; all later look-ups see them.

    Raises:
        ValueError: the fork, or a name or code of its opcodes, is taken already, or the fork that
            it extends or an opcode that it prices is not known.
    """
    if fork.name in _FORKS:
        raise ValueError(f"fork {fork.name!r} is defined already")
    if fork.base not in _FORKS:
        raise ValueError(f"fork {fork.name!r} extends {fork.base!r}, which is not known")
    for name, _ in fork.gas:
        if name not in _OPCODES:
            raise ValueError(f"fork {fork.name!r} prices {name}, which is not known")
    new = list(opcodes)
    for row in new:
        _refuse_taken(row)
    _FORKS[fork.name] = fork
    _put_in_order(_FORKS, lambda each: each.index)
    for row in new:
        register_opcode(row)
    _forget()


def register_opcode(row: Opcode) -> None:
    """Adds an opcode to the fork ``row.since``, which is known, and to those that extend it.

    Raises:
        ValueError: its name or code is taken already, or the fork is not known.
    """
    _refuse_taken(row)
    if row.since not in _FORKS:
        raise ValueError(f"opcode {row.name} is of fork {row.since!r}, which is not known")
    _OPCODES[row.name] = row
    _put_in_order(_OPCODES, lambda each: each.code)
    _forget()


def withdraw(forks: Iterable[str] = (), opcodes: Iterable[str] = ()) -> None:
    """Takes forks and opcodes out again, by name: a plugin was switched off."""
    for name in forks:
        _FORKS.pop(name, None)
    for name in opcodes:
        _OPCODES.pop(name, None)
    _forget()


def _refuse_taken(row: Opcode) -> None:
    if row.name in _OPCODES or row.name in ALIASES:
        raise ValueError(f"mnemonic {row.name} is defined already")
    for known in _OPCODES.values():
        if known.code == row.code:
            raise ValueError(f"opcode {row.code:#04x} is {known.name} already")


def _put_in_order(rows: dict[str, _Value], key: Callable[[_Value], int]) -> None:
    ordered = sorted(rows.items(), key=lambda item: key(item[1]))
    rows.clear()
    rows.update(ordered)


def _forget() -> None:
    instruction_set.cache_clear()
    _by_code.cache_clear()
    nearest_mnemonics.cache_clear()
