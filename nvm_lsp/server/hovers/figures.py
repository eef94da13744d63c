"""Sizes, gas and counts of uses of programs, macros and blocks, in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import Target, definitions, occurrences, structure
from nvm_lsp.opcodes import instruction_set, opcode_by_code
from nvm_lsp.server.hovers.stack_hover import program_cost
from nvm_lsp.server.names import distinct_contexts, macro_uses, uses
from nvm_lsp.syntax import tree as t

__all__ = ["Subject", "effect_of", "figures", "subjects", "uses_of_macro"]

_SIZE_LIMIT = 24_576  # EIP-170


@dataclass(frozen=True, slots=True)
class Subject:
    """What figures are about: ``kind`` is program, macro or label; ``column`` is the name's."""

    kind: str
    line: int
    name: str
    column: int = 0


def subjects(assembly: Assembly, first_line: int | None) -> Iterator[Subject]:
    """What of the root file has figures; the program's stand at ``first_line``."""
    if first_line is not None:
        yield Subject("program", first_line, "")
    tree = assembly.program.root.tree
    macros = structure(tree)
    for found in definitions(tree):
        if found.kind == "macro" and found.name in assembly.program.macros:
            yield Subject("macro", found.line, found.name, found.start)
        elif found.kind == "label" and macros.macro_at(found.line) is None:
            yield Subject("label", found.line, found.name, found.start)


def figures(
    assembly: Assembly, subject: Subject, *, gas: bool = True, references: bool = True
) -> str:
    """The figures of a subject; nothing where there are none."""
    parts: list[str] = []
    match subject.kind:
        case "program" if gas and assembly.ok:
            parts = _of_program(assembly)
        case "macro":
            if references:
                parts.append(_count(macro_uses(assembly, subject.name), "use"))
            if gas and assembly.ok:
                parts += _of_macro(assembly, subject.name)
        case "label":
            if references:
                parts.append(_count(uses(assembly, subject.name), "reference"))
            if gas and assembly.ok:
                parts += _of_block(assembly, subject.name)
        case _:
            pass
    return " · ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _of_program(assembly: Assembly) -> list[str]:
    size = len(assembly.bytecode)
    limit = f" of {_SIZE_LIMIT:,}" if size > _SIZE_LIMIT * 3 // 4 else ""
    if not size:
        return []
    return [f"{size:,}{limit} bytes", f"{program_cost(assembly)} gas natively"]


def _of_macro(assembly: Assembly, name: str) -> list[str]:
    """Bytes and gas of a macro's first use outside of macros, where there is one."""
    rows = instruction_set(assembly.fork).by_code
    for path, line, _ in uses_of_macro(assembly, name):
        items = list(assembly.source_map.line_items(path, line))
        if not items:
            continue
        size = sum(length for _, length, _ in items)
        gas, more = 0, False
        for pc, length, is_data in items:
            row = rows.get(assembly.bytecode[pc]) if length and not is_data else None
            if row is not None:
                gas += row.gas
                more = more or bool(row.gas_note)
        return [_count(size, "byte"), f"{gas:,}{'+' * more} gas"]
    return []


def uses_of_macro(assembly: Assembly, name: str) -> Iterator[tuple[str, int, t.MacroUse]]:
    """The lines that use a macro: path, line, statement."""
    for context in distinct_contexts(assembly):
        for found in occurrences(context.tree, Target(name, True, None)):
            statement = context.tree.line(found.line).statement
            if isinstance(statement, t.MacroUse):
                yield context.path, found.line, statement


def effect_of(
    assembly: Assembly, items: Iterable[tuple[int, int, bool]]
) -> tuple[int, int] | None:
    """The words that straight code takes from the stack and leaves there, None where it may jump.

    ``items`` are offset, size, and whether it is data.
    """
    lowest = height = 0
    for pc, _, is_data in items:
        row = opcode_by_code(assembly.bytecode[pc]) if pc < len(assembly.bytecode) else None
        if is_data or row is None or row.ends_execution or row.name in ("JUMP", "JUMPI"):
            return None
        lowest = min(lowest, height - len(row.inputs))
        height += len(row.outputs) - len(row.inputs)
    return -lowest, height - lowest


def _of_block(assembly: Assembly, name: str) -> list[str]:
    offset = assembly.layout.labels.get(name)
    if offset is None:
        return []
    analysis = analyze(assembly)
    block = analysis.flow.blocks.get(offset)
    if block is None:
        return []
    if not block.states:
        return ["never reached"] if analysis.is_certain else []
    return [_count(block.end - block.start, "byte"), f"{analysis.block_gas(block)} gas"]
