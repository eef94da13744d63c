"""The listing of an assembled program: offset, bytes and source side by side."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.assembler.assembler import Assembly

__all__ = ["listing"]


def listing(assembly: Assembly) -> Iterator[str]:
    """Offset, bytes and source of the root file's lines, expansions below the line that uses."""
    code = assembly.bytecode
    entries: dict[int, list[tuple[int, int]]] = {}
    for pc, size, _, origin in assembly.source_map.entries():
        if size:
            entries.setdefault(origin.root_line, []).append((pc, size))
    for number, line in enumerate(assembly.program.root.tree.lines()):
        text = line.text.rstrip("\r\n")
        emitted = entries.get(number, [])
        if not emitted:
            yield f"{'':6}  {'':16}  {text}".rstrip() + "\n"
            continue
        rows = [
            (start, code[start : min(start + 8, pc + size)])
            for pc, size in emitted
            for start in range(pc, pc + size, 8)
        ]
        for index, (pc, data) in enumerate(rows):
            tail = f"  {text}" if index == 0 else ""
            yield f"{pc:06x}  {data.hex():16}{tail}".rstrip() + "\n"
