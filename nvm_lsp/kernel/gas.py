"""What interpretation costs, class by class, as measured for each build; it measures nothing.

`benchmarks/kernel_gas.py` writes the figures; a test holds them against the kernel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import cast

from nvm_lsp.analysis.gas import Overhead
from nvm_lsp.kernel.image import Build, image
from nvm_lsp.opcodes import lineage, opcode_by_name

__all__ = ["CLASSES", "EMPTY", "PREDECESSOR", "build_key", "overhead", "overheads"]

#: The gas of a run of no code at all, nothing taken off.
EMPTY = "empty guest, total"


def _numbered(name: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{name}{n}" for n in range(first, last + 1))


#: Classes of opcodes whose overhead is the same, with their opcodes. Where a figure is for more
#: than one opcode in a row, as for a jump and its JUMPDEST, the class names one opcode only.
CLASSES: Mapping[str, tuple[str, ...]] = {
    "arithmetic, comparison, bits": (
        "ADD", "MUL", "SUB", "DIV", "SDIV", "MOD", "SMOD", "ADDMOD", "MULMOD", "EXP", "SIGNEXTEND",
        "LT", "GT", "SLT", "SGT", "EQ", "ISZERO", "AND", "OR", "XOR", "NOT", "BYTE", "SHL", "SHR",
        "SAR", "CLZ",
    ),
    "environment, block": (
        "ADDRESS", "BALANCE", "ORIGIN", "CALLER", "CALLVALUE", "CODESIZE", "GASPRICE",
        "EXTCODESIZE", "RETURNDATASIZE", "EXTCODEHASH", "BLOCKHASH", "COINBASE", "TIMESTAMP",
        "NUMBER", "PREVRANDAO", "GASLIMIT", "CHAINID", "SELFBALANCE", "BASEFEE", "BLOBHASH",
        "BLOBBASEFEE", "GAS",
    ),
    "CALLDATASIZE": ("CALLDATASIZE",),
    "CALLDATALOAD": ("CALLDATALOAD",),
    "POP, DUP, SWAP": ("POP", *_numbered("DUP", 1, 16), *_numbered("SWAP", 1, 16)),
    "SLOAD, TLOAD, TSTORE": ("SLOAD", "TLOAD", "TSTORE"),
    "SSTORE": ("SSTORE",),
    "PUSH0": ("PUSH0",),
    "PUSH1": ("PUSH1",),
    "PUSH2 to PUSH31": _numbered("PUSH", 2, 31),
    "PUSH32": ("PUSH32",),
    "MLOAD, MSTORE, MSTORE8": ("MLOAD", "MSTORE", "MSTORE8"),
    "KECCAK256, LOG0 to LOG4": ("KECCAK256", *_numbered("LOG", 0, 4)),
    "CODECOPY, RETURNDATACOPY": ("CODECOPY", "RETURNDATACOPY"),
    "CALLDATACOPY": ("CALLDATACOPY",),
    "EXTCODECOPY": ("EXTCODECOPY",),
    "MCOPY": ("MCOPY",),
    "PC": ("PC",),
    "MSIZE": ("MSIZE",),
    "JUMP and its JUMPDEST": ("JUMP",),
    "JUMPI taken and its JUMPDEST": ("JUMPI",),
    "JUMPI not taken": ("JUMPI",),
    "JUMPDEST run into": ("JUMPDEST",),
    "CALL": ("CALL",),
    "DELEGATECALL": ("DELEGATECALL",),
    "STATICCALL": ("STATICCALL",),
    "CREATE, CREATE2": ("CREATE", "CREATE2"),
    "RETURN instead of STOP": ("RETURN",),
    "REVERT instead of STOP": ("REVERT",),
    EMPTY: (),
}

#: The predecessor's figures, as far as they are known, for comparison.
PREDECESSOR: Mapping[str, int] = {
    "arithmetic, comparison, bits": 65,
    "environment, block": 65,
    "CALLDATASIZE": 65,
    "CALLDATALOAD": 65,
    "POP, DUP, SWAP": 65,
    "SLOAD, TLOAD, TSTORE": 65,
    "SSTORE": 65,
    "PUSH1": 109,
    "PUSH2 to PUSH31": 109,
    "PUSH32": 109,
    "MLOAD, MSTORE, MSTORE8": 77,
    "JUMP and its JUMPDEST": 105,
    "JUMPI taken and its JUMPDEST": 120,
    "JUMPI not taken": 73,
    "CALL": 101,
    "DELEGATECALL": 101,
    "STATICCALL": 101,
    EMPTY: 269,
}


def build_key(build: Build) -> str:
    """A build in a word, such as ``threaded+verifier paris``."""
    options = [
        name for name in ("verifier", "debug", "strict_jumpdest", "delegatecall_only")
        if getattr(build, name)
    ]
    return f"{'+'.join([build.profile, *options]).replace('_', '-')} {build.fork}"


def overheads(build: Build) -> Mapping[str, int]:
    """By class, the gas an opcode takes through the kernel beyond what it takes natively.

    For `EMPTY` it is the whole gas. A class that the build's fork has no opcode of is absent. A
    fork of a plugin has the figures of the one that it extends.
    """
    figures = _figures()
    keys = (build_key(replace(build, fork=fork)) for fork in lineage(build.fork))
    return next(figures[key] for key in keys if key in figures)


@lru_cache(maxsize=16)
def overhead(build: Build) -> Overhead:
    """What interpretation adds, for a static estimate.

    A jump's figure holds its JUMPDEST's, which then adds nothing; so a JUMPDEST adds nothing or,
    where code runs into it, its own.
    """
    ranges: dict[int, tuple[int, int]] = {}
    for name, gas in overheads(build).items():
        for opcode in CLASSES.get(name, ()):
            row = opcode_by_name(opcode)
            if row is not None:
                least, most = ranges.get(row.code, (gas, gas))
                ranges[row.code] = (min(least, gas), max(most, gas))
    jumpdest = opcode_by_name("JUMPDEST")
    if jumpdest is not None and jumpdest.code in ranges:
        ranges[jumpdest.code] = (0, ranges[jumpdest.code][1])
    return Overhead(ranges, overheads(build)[EMPTY], image(build).layout.base)


@lru_cache(maxsize=1)
def _figures() -> Mapping[str, Mapping[str, int]]:
    text = files("nvm_lsp.kernel").joinpath("gas.json").read_text(encoding="utf-8")
    return cast(Mapping[str, Mapping[str, int]], json.loads(text))
