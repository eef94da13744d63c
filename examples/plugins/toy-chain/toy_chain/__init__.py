"""A chain that has Prague's rules and two opcodes more.

MULDIV takes words and gives a word, so the NestedVM can serve a guest with the host's own. SHA256
reads memory, which is the guest's and not the host's: it is for native programs alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from nvm_lsp.api import ForkEntry, Machine, Opcode, OpcodeEntry, hookimpl, pure

nvm_lsp_api = "1.0"

FORK = "toychain"


def _muldiv(a: int, b: int, divisor: int) -> int:
    return a * b // divisor if divisor else 0


def _sha256(machine: Machine) -> None:
    offset, size = machine.pop(), machine.pop()
    machine.use_gas(12 * ((size + 31) // 32))
    data = machine.read(offset, size)
    machine.push(int.from_bytes(hashlib.sha256(data).digest(), "big"))


@hookimpl
def nvm_lsp_forks() -> Iterable[ForkEntry]:
    return [
        ForkEntry(
            FORK, "prague", 2025, "A toy: MULDIV and SHA256.",
            gas={"SLOAD": 50},
        )
    ]


@hookimpl
def nvm_lsp_opcodes() -> Iterable[OpcodeEntry]:
    return [
        OpcodeEntry(
            Opcode(
                0x0C, "MULDIV", ("a", "b", "divisor"), ("a * b / divisor",), 8, FORK,
                "a * b / divisor, where the product has 512 bits; 0 if the divisor is 0.",
            ),
            pure(_muldiv),
            on_kernel=True,
        ),
        OpcodeEntry(
            Opcode(
                0x21, "SHA256", ("offset", "size"), ("hash",), 60, FORK,
                "SHA-256 of a stretch of memory.",
                "12 gas a word, and memory that grows", group="hashing",
            ),
            _sha256,
        ),
    ]
