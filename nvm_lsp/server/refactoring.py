"""Changes of a program's text that keep its bytecode: extracting constants, widths of pushes.

Each is a pure function of an assembly and a place, and gives None where it cannot be done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import (
    definitions,
    expressions_of,
    structure,
)
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import opcode_by_code, opcode_by_name
from nvm_lsp.server.names import distinct_contexts
from nvm_lsp.source import Location, Position, Span
from nvm_lsp.syntax import tree as t

__all__ = [
    "edit_of",
    "extract_constant",
    "free_name",
    "header_end",
    "insertion",
    "push_conversions",
]

_HEADER = (t.ConstantDefinition, t.Include, t.ForkDirective)


def edit_of(path: str, span: Span, text: str) -> Edit:
    """A replacement in a file."""
    return Edit(Location(path, span), text)


def insertion(path: str, line: int, text: str) -> Edit:
    """An insertion before a line of a file."""
    place = Position(line, 0)
    return Edit(Location(path, Span(place, place)), text)


# Constants ----------------------------------------------------------------------------------------


def extract_constant(assembly: Assembly, span: Span) -> Iterator[Fix]:
    """A constant for the expression at a place, for it alone and for all that are written alike."""
    tree, path = assembly.program.root.tree, assembly.program.root.path
    line = span.start.line
    if span.end.line != line or line >= tree.line_count:
        return
    expression = _expression_at(tree.line(line), span.start.column, span.end.column)
    if expression is None or isinstance(expression, t.Name):
        return
    if _is_local(assembly, line, expression):
        return
    text = tree.line(line).text[expression.start : expression.end].strip()
    name = free_name(assembly, _constant_name(text))
    definition = insertion(path, header_end(tree), f"%def {name} = {text}\n")
    here = edit_of(path, Span.of_line(line, expression.start, expression.end), name)
    yield Fix(f"Extract to constant {name}", (definition, here), Applicability.MANUAL)
    alike = list(_alike(tree, text))
    if len(alike) > 1:
        everywhere = tuple(edit_of(path, place, name) for place in alike)
        yield Fix(
            f"Extract all {len(alike)} of {text} to constant {name}", (definition, *everywhere),
            Applicability.MANUAL,
        )


def _expression_at(line: t.Line, start: int, end: int) -> t.Expression | None:
    """The smallest expression that holds columns; with nothing selected, the whole operand."""
    statement = line.statement
    if statement is None or isinstance(statement, t.ConstantDefinition):
        return None
    for whole in _replaceable(statement):
        if whole.start <= start and end <= whole.end:
            if start == end:
                return whole
            return next(
                (part for part in t.parts_of(whole) if (part.start, part.end) == (start, end)), None
            )
    return None


def _replaceable(statement: t.Statement) -> Iterator[t.Expression]:
    """The expressions that may as well be names."""
    if isinstance(statement, t.Bytes):
        # Without a width the digits themselves say how many bytes there are.
        yield from (item.value for item in statement.items if item.width is not None)
    else:
        yield from expressions_of(statement)


def _is_local(assembly: Assembly, line: int, expression: t.Expression) -> bool:
    """Whether an expression means something else at another place, or is no number."""
    if isinstance(expression, t.String):
        return True
    macro = structure(assembly.program.root.tree).macro_at(line)
    return any(
        name.text == "pc" or (macro is not None and macro.owns(name.text))
        for name in t.names_in(expression)
    )


def _constant_name(text: str) -> str:
    signature = re.match(r'(selector|topic)\("(\w+)', text)
    if signature is not None:
        kind = "SELECTOR" if signature[1] == "selector" else "TOPIC"
        return f"{_upper(signature[2])}_{kind}"
    if re.fullmatch(r"0[xX][0-9a-fA-F]{40}|address\(.*\)", text):
        return "ADDRESS_1"
    if re.search(r"\b(?:ether|gwei|wei)$", text):
        return "AMOUNT"
    if re.search(r"\b(?:seconds|minutes|hours|days|weeks)$", text):
        return "PERIOD"
    return "VALUE"


def _upper(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def free_name(assembly: Assembly, wish: str) -> str:
    """A name that nothing in the program has: the wish, or with a number."""
    taken = {
        found.name for context in distinct_contexts(assembly) for found in definitions(context.tree)
    }
    taken |= assembly.program.constants.keys() | assembly.layout.sites.keys()
    taken |= assembly.program.macros.keys()
    if opcode_by_name(wish) is None and wish not in taken:
        return wish
    stem = re.sub(r"_\d+$", "", wish)
    number = 2
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def header_end(tree: t.SyntaxTree) -> int:
    """The line before which a definition goes: behind those at the head, before all code."""
    after_header = first_code = None
    for number, line in enumerate(tree.lines()):
        if isinstance(line.statement, _HEADER):
            after_header = number + 1
        elif line.statement is not None:
            first_code = number
            break
    if after_header is not None:
        return after_header
    return first_code if first_code is not None else tree.line_count


def _alike(tree: t.SyntaxTree, text: str) -> Iterator[Span]:
    """The places of expressions that are written so, outside of definitions of constants."""
    for number, line in enumerate(tree.lines()):
        statement = line.statement
        if statement is None or text not in line.text or isinstance(
            statement, t.ConstantDefinition
        ):
            continue
        for whole in _replaceable(statement):
            for part in t.parts_of(whole):
                if line.text[part.start : part.end].strip() == text:
                    yield Span.of_line(number, part.start, part.end)
                    break


# Pushes -------------------------------------------------------------------------------------------


def push_conversions(assembly: Assembly, first: int, last: int) -> Iterator[Fix]:
    """``PUSHn`` as ``PUSH`` in lines, and back."""
    tree, path = assembly.program.root.tree, assembly.program.root.path
    sized: list[Edit] = []
    fixed: list[Edit] = []
    names: list[str] = []
    for number in range(first, min(last, tree.line_count - 1) + 1):
        statement = tree.line(number).statement
        if not isinstance(statement, t.Instruction) or statement.operand is None:
            continue
        span = Span.of_line(number, statement.start, statement.mnemonic_end)
        written = tree.line(number).text[statement.start : statement.mnemonic_end]
        row = opcode_by_name(statement.mnemonic)
        if row is not None and row.immediate_size:
            sized.append(edit_of(path, span, _cased("PUSH", written)))
        elif statement.mnemonic == "PUSH":
            emitted = _emitted(assembly, path, number)
            if emitted is None:
                continue
            if emitted == "PUSH0":
                span = Span.of_line(number, statement.start, statement.operand.end)
            names.append(emitted)
            fixed.append(edit_of(path, span, _cased(emitted, written)))
    if sized:
        what = "PUSH" if len(sized) == 1 else f"{len(sized)} pushes"
        yield Fix(
            f"Let {what} size {'itself' if len(sized) == 1 else 'themselves'}", tuple(sized),
            Applicability.MANUAL,
        )
    if fixed:
        what = f"as {names[0]}" if len(fixed) == 1 else f"the widths of {len(fixed)} pushes"
        yield Fix(f"Write {what}", tuple(fixed), Applicability.MANUAL)


def _cased(name: str, like: str) -> str:
    return name.lower() if like.islower() else name


def _emitted(assembly: Assembly, path: str, line: int) -> str | None:
    for pc, _, is_data in assembly.source_map.line_items(path, line):
        if not is_data and pc < len(assembly.bytecode):
            row = opcode_by_code(assembly.bytecode[pc])
            return row.name if row is not None else None
    return None
