"""A lens above a program: its size, and on a click how the bytes are shared out."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.api import CodeLens, CommandResult, OpenProgram

__all__ = ["lenses", "size"]


def lenses(program: OpenProgram) -> Iterator[CodeLens]:
    if program.assembly.bytecode:
        yield CodeLens(0, f"{len(program.assembly.bytecode):,} bytes", "size")


def size(program: OpenProgram) -> CommandResult:
    operations = list(program.assembly.iter_operations())
    operands = sum(operation.size - 1 for operation in operations)
    counts = {"instructions": len(operations), "operands": operands}
    return CommandResult(
        f"{len(operations):,} instructions, {operands:,} bytes of operands", data=counts
    )
