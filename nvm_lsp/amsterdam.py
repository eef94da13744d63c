"""Amsterdam as far as it is certain, for those who ask for it: SLOTNUM (EIP-7843).

It is experimental: there only where the environment says ``NVM_LSP_EXPERIMENTAL=1``, and not whole.
DUPN, SWAPN and EXCHANGE (EIP-8024) are left out, as how they encode their operands has changed
while the proposal was in review; so are all changes of gas.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from nvm_lsp.chain import ForkEntry, Machine, OpcodeEntry
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.opcodes import Opcode

__all__ = ["nvm_lsp_forks", "nvm_lsp_opcodes"]


@hookimpl
def nvm_lsp_forks() -> Iterable[ForkEntry]:
    if not _is_wanted():
        return []
    summary = "Experimental and not whole: SLOTNUM (EIP-7843) only."
    return [ForkEntry("amsterdam", "osaka", 2026, summary, mainline=True)]


@hookimpl
def nvm_lsp_opcodes() -> Iterable[OpcodeEntry]:
    if not _is_wanted():
        return []
    row = Opcode(
        0x4B, "SLOTNUM", (), ("slot",), 2, "amsterdam",
        "Number of the block's slot on the beacon chain (EIP-7843). Experimental.", group="block",
    )
    return [OpcodeEntry(row, _slot_number, on_kernel=True)]


def _slot_number(machine: Machine) -> None:
    number = machine.block["slot_number"]
    assert isinstance(number, int)
    machine.push(number)


def _is_wanted() -> bool:
    return os.environ.get("NVM_LSP_EXPERIMENTAL", "0") not in ("", "0")
