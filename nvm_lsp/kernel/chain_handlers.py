"""Handlers for the opcodes that plugins add: the kernel's source with them put in.

An opcode that touches nothing of the guest's own but its stack is served by the host's, so its
handler is two lines, which stand where the handler of an opcode of its code belongs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nvm_lsp.chain import executes
from nvm_lsp.opcodes import Opcode

__all__ = ["with_chain_handlers"]

_SLOT = re.compile(r"^ *%slot\((0x[0-9a-f]{2})\)$", re.MULTILINE)
_NEXT_ROW = re.compile(r"\n *[#.]")
_ROOT = "nestedvm.easm"


def with_chain_handlers(texts: Mapping[str, str], fork: str) -> dict[str, str]:
    """The kernel's files, by name, with a handler for each opcode of the fork that lacks one."""
    served = {int(code, 16) for text in texts.values() for code in _SLOT.findall(text)}
    found = dict(texts)
    for code, entry in sorted(executes(fork).items()):
        if entry.on_kernel and code not in served:
            _add_handler(found, entry.row)
            found[_ROOT] = _with_table_entry(found[_ROOT], entry.row)
    return found


def _add_handler(texts: dict[str, str], row: Opcode) -> None:
    """Puts a handler before that of the next greater code, behind all others of its file if none.

    The threaded profile places handlers one behind the other, in the order of their codes.
    """
    slots = sorted(
        (int(found[1], 16), name, found.start())
        for name, text in texts.items()
        for found in _SLOT.finditer(text)
    )
    name = next(file for code, file, _ in reversed(slots) if code < row.code)
    inside = [start for code, file, start in slots if file == name and code > row.code]
    text = texts[name]
    place = _begin_of_heading(text, min(inside)) if inside else len(text)
    texts[name] = f"{text[:place].rstrip()}\n\n{_handler(row)}\n{text[place:]}"


def _begin_of_heading(text: str, place: int) -> int:
    """Where the comment lines and the condition before a slot begin."""
    lines = text[:place].splitlines(keepends=True)
    while lines and lines[-1].startswith(("#", "%if")):
        place -= len(lines.pop())
    return place


def _handler(row: Opcode) -> str:
    return (
        f"# {row.name}\n#   operation  {row.summary}\n%slot({row.code:#04x})\n"
        f"op.{row.name}:\n    {row.name}\n    %next()\n"
    )


def _with_table_entry(root: str, row: Opcode) -> str:
    """The source with the opcode's entry in the table of handlers."""
    start = root.index(f"    # {row.code & 0xF0:#04x}\n")
    end = _NEXT_ROW.search(root, start + len("    # 0x00"))
    assert end is not None
    entries = re.findall(r"[\w.]+:2", root[start : end.start()])
    entries[row.code & 0x0F] = f"op.{row.name}:2"
    lines = [f"    # {row.code & 0xF0:#04x}"]
    lines += [f"    %bytes {', '.join(entries[i : i + 4])}" for i in range(0, 16, 4)]
    return root[:start] + "\n".join(lines) + root[end.start() :]
