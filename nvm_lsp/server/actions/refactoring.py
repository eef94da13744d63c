"""What changes of a program's text are made of, and the changes of pushes.

All are pure functions of an assembly and a place; they know nothing of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import opcode_by_code, opcode_by_name
from nvm_lsp.source import Location, Position, Span
from nvm_lsp.syntax import tree as t

__all__ = [
    "Introduction",
    "Refused",
    "definition_before",
    "edit_of",
    "indent_of",
    "insertion",
    "push_conversions",
    "statement_near",
    "whole_lines",
]

_HEADER = (t.ConstantDefinition, t.Include, t.ForkDirective)


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that was asked for and cannot be made, and why not."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Introduction(Fix):
    """A change that brings a new name, which its author may want to change at once."""

    name: str = ""


def edit_of(path: str, span: Span, text: str) -> Edit:
    """A replacement in a file."""
    return Edit(Location(path, span), text)


def insertion(path: str, line: int, text: str) -> Edit:
    """An insertion before a line of a file."""
    return whole_lines(path, line, line, text)


def whole_lines(path: str, first: int, stop: int, text: str) -> Edit:
    """Other lines in place of ``first`` to ``stop``, the latter excluded."""
    return edit_of(path, Span(Position(first, 0), Position(stop, 0)), text)


def indent_of(text: str) -> str:
    """The blanks that a line begins with."""
    return text[: len(text) - len(text.lstrip(" \t"))]


def statement_near(tree: t.SyntaxTree, line: int, step: int) -> t.Statement | None:
    """The next statement above (``step`` -1) or below (1) a line, None at the file's end."""
    line += step
    while 0 <= line < tree.line_count:
        statement = tree.line(line).statement
        if statement is not None:
            return statement
        line += step
    return None


def definition_before(path: str, tree: t.SyntaxTree, text: str, *, apart: bool = False) -> Edit:
    """Inserts a definition behind those at the head of a file, before all code.

    Comments that speak of the code below stay with it. ``apart`` definitions have a blank line on
    either side.
    """
    line, is_behind = _header_end(tree)
    above = tree.line(line - 1).text if line else ""
    below = tree.line(line).text if line < tree.line_count else ""
    if above.strip() and (apart or not is_behind):
        text = "\n" + text
    if above and not above.endswith(("\n", "\r")):
        text = "\n" + text
    if below.strip() and (apart or not is_behind):
        text += "\n"
    return insertion(path, line, text)


def _header_end(tree: t.SyntaxTree) -> tuple[int, bool]:
    """The line before which a definition goes, and whether that is right behind another."""
    after_header = first_code = None
    for number, line in enumerate(tree.lines()):
        if isinstance(line.statement, _HEADER):
            after_header = number + 1
        elif line.statement is not None:
            first_code = number
            break
    if after_header is not None:
        return after_header, True
    if first_code is None:
        return tree.line_count, False
    first = first_code
    while first > 0 and _speaks_of_code(tree.line(first - 1)):
        first -= 1
    # A comment that the file begins with speaks of the file.
    return (first if first else first_code), False


def _speaks_of_code(line: t.Line) -> bool:
    return line.comment is not None and line.comment.kind == "plain"


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
            # Where something is wrong, what a name stands for may not be what it will be.
            certain = assembly.ok or not any(t.names_in(statement.operand))
            if emitted is None or not certain:
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
    """The push that a line emits; None where it emits none, or one here and another there."""
    names = set()
    for pc, _, is_data in assembly.source_map.line_items(path, line):
        row = opcode_by_code(assembly.bytecode[pc]) if pc < len(assembly.bytecode) else None
        if is_data or row is None:
            return None
        names.add(row.name)
    return names.pop() if len(names) == 1 else None
