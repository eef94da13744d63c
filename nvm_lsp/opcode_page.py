"""The page of an opcode, in Markdown: for hovers, `explain` and the documentation."""

from __future__ import annotations

from nvm_lsp.opcodes import Opcode

__all__ = ["opcode_page", "opcode_url"]


def opcode_url(row: Opcode, fork: str) -> str:
    """Where the web tells more of an opcode, as it is in a fork."""
    return f"https://www.evm.codes/?fork={fork}#{row.code:02x}"


def opcode_page(row: Opcode) -> str:
    """Stack picture, gas, fork and what differs on the NestedVM, as made from the table."""
    gas = f"{row.gas}" + (f", {row.gas_note}" if row.gas_note else "")
    lines = [
        f"**{row.name}** `0x{row.code:02x}` · {row.group}",
        "",
        row.summary,
        "",
        f"- stack: `{row.effect}`, top first",
        f"- gas: {gas}",
        f"- since: {row.since}",
    ]
    if row.immediate_size:
        size = row.immediate_size
        lines.insert(5, f"- {size} byte{'s' * (size != 1)} of push data follow{'s' * (size == 1)}")
    lines.append(f"- on the NestedVM: {row.nvm or 'as in the EVM; interpretation costs extra gas'}")
    return "\n".join(lines)
