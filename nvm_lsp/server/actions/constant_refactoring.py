"""Expressions as constants, and constants as expressions, with the same bytecode.

Each is a pure function of an assembly and a place, and of the files around.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.comment_names import words_of_picture
from nvm_lsp.assembler.references import expressions_of, occurrence_at, structure, target_of
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import is_reserved
from nvm_lsp.server.actions.refactoring import (
    Introduction,
    Refused,
    definition_before,
    edit_of,
    whole_lines,
)
from nvm_lsp.server.actions.surroundings import Place, Surroundings
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import tree as t

__all__ = [
    "expressions_at",
    "extract_constant",
    "extract_constant_everywhere",
    "inline_constant",
    "substitute",
]


# Constants from expressions -----------------------------------------------------------------------


def extract_constant(
    assembly: Assembly, span: Span, around: Surroundings
) -> Fix | Refused | None:
    """A constant for the expression at a place."""
    found = _to_extract(assembly, span)
    if not isinstance(found, tuple):
        return found
    text, place, wish = found
    name = around.free_name(wish)
    path, tree = assembly.program.root.path, assembly.program.root.tree
    return Introduction(
        f"Extract to constant {name}",
        (_definition(path, tree, name, text), edit_of(path, place, name)),
        Applicability.MANUAL,
        name,
    )


def extract_constant_everywhere(
    assembly: Assembly, span: Span, around: Surroundings
) -> Fix | None:
    """A constant for the expression at a place and for all that are written alike."""
    found = _to_extract(assembly, span)
    if not isinstance(found, tuple):
        return None
    text, _, wish = found
    path, tree = assembly.program.root.path, assembly.program.root.tree
    alike = list(_alike(tree, text))
    if len(alike) < 2:
        return None
    name = around.free_name(wish)
    edits = tuple(edit_of(path, place, name) for place in alike)
    return Introduction(
        f"Extract all {len(alike)} of {text} to constant {name}",
        (_definition(path, tree, name, text), *edits),
        Applicability.MANUAL,
        name,
    )


def _definition(path: str, tree: t.SyntaxTree, name: str, text: str) -> Edit:
    return definition_before(path, tree, f"%def {name} = {text}\n")


def _to_extract(assembly: Assembly, span: Span) -> tuple[str, Span, str] | Refused | None:
    """The text of the expression at a place, where it stands, and a name for it."""
    tree = assembly.program.root.tree
    number = span.start.line
    if span.end.line != number or number >= tree.line_count:
        return None
    line = tree.line(number)
    expression = _expression_at(line, span.start.column, span.end.column)
    if expression is None or isinstance(expression, t.Name | t.String):
        return None
    local = _local_name(tree, number, expression)
    if local:
        return Refused(
            "Extract to constant",
            "pc is another number at every place" if local == "pc"
            else f"{local} means something in this macro only",
        )
    text = line.text[expression.start : expression.end].strip()
    place = Span.of_line(number, expression.start, expression.end)
    return text, place, _constant_name(text, line, expression)


def _expression_at(line: t.Line, start: int, end: int) -> t.Expression | None:
    """The smallest expression that holds columns; with nothing selected, the whole operand."""
    statement = line.statement
    if statement is None or (isinstance(statement, t.ConstantDefinition) and start == end):
        return None
    while start < end and line.text[start].isspace():
        start += 1
    while start < end and line.text[end - 1 : end].isspace():
        end -= 1
    for whole in _replaceable(statement):
        if whole.start <= start and end <= whole.end:
            if start == end:
                return whole
            return next(
                (part for part in t.parts_of(whole) if (part.start, part.end) == (start, end)), None
            )
    return None


def expressions_at(line: t.Line, start: int, end: int) -> Iterator[t.Expression]:
    """The expressions that hold columns and may be written otherwise, the smallest first."""
    statement = line.statement
    for whole in _replaceable(statement) if statement is not None else ():
        if whole.start <= start and end <= whole.end:
            parts = [p for p in t.parts_of(whole) if p.start <= start and end <= p.end]
            yield from reversed(parts)


def _replaceable(statement: t.Statement) -> Iterator[t.Expression]:
    """The expressions that may as well be names."""
    if isinstance(statement, t.Bytes):
        # Without a width the digits themselves say how many bytes there are.
        yield from (item.value for item in statement.items if item.width is not None)
    else:
        yield from expressions_of(statement)


def _local_name(tree: t.SyntaxTree, line: int, expression: t.Expression) -> str:
    """A name in an expression that means something else at another place; nothing if none does."""
    macro = structure(tree).macro_at(line)
    for name in t.names_in(expression):
        if name.text == "pc" or (macro is not None and macro.owns(name.text)):
            return name.text
    return ""


def _constant_name(text: str, line: t.Line, expression: t.Expression) -> str:
    """What the code around says that a value is, else what it looks like."""
    statement = line.statement
    if isinstance(statement, t.Instruction) and statement.operand is expression and line.comment:
        words = list(words_of_picture(line.comment))
        inside = line.comment.body.partition("[")[2]
        if words and inside.lstrip().startswith(words[0][2]):
            first = re.split(r"[,\]]", inside)[0].strip()
            if re.fullmatch(r"[A-Za-z_][\w .]*", first):
                name = _upper(re.sub(r"\W+", "_", first))
                if not is_reserved(name):
                    return name
    signature = re.match(r'(selector|topic|keccak256)\("(\w+)', text)
    if signature is not None:
        kind = {"selector": "SELECTOR", "topic": "TOPIC"}.get(signature[1], "HASH")
        return f"{_upper(signature[2])}_{kind}"
    length = re.fullmatch(r"len\((\w[\w.]*)\)", text)
    if length is not None:
        return f"{_upper(length[1].replace('.', '_'))}_SIZE"
    if re.fullmatch(r"0[xX][0-9a-fA-F]{40}|address\(.*\)", text):
        return "ADDRESS_1"
    if re.search(r"\b(?:ether|gwei|wei)$", text):
        return "AMOUNT"
    if re.search(r"\b(?:seconds|minutes|hours|days|weeks)$", text):
        return "PERIOD"
    return "VALUE"


def _upper(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def _alike(tree: t.SyntaxTree, text: str) -> Iterator[Span]:
    """The places of expressions that are written so, outside of definitions of constants."""
    for number, line in enumerate(tree.lines()):
        statement = line.statement
        if statement is None or text not in line.text or isinstance(
            statement, t.ConstantDefinition
        ):
            continue
        for whole in _replaceable(statement):
            end = -1
            for part in t.parts_of(whole):
                if part.start >= end and line.text[part.start : part.end].strip() == text:
                    if not _local_name(tree, number, part):
                        yield Span.of_line(number, part.start, part.end)
                    end = part.end


# Expressions from constants -----------------------------------------------------------------------


def inline_constant(
    assembly: Assembly, position: Position, around: Surroundings, *, everywhere: bool
) -> Fix | Refused | None:
    """A constant's expression in place of its name, here or in all places and the constant gone."""
    tree = assembly.program.root.tree
    found = occurrence_at(tree, position)
    if found is None or found.kind not in ("use", "constant"):
        return None
    target = target_of(tree, found)
    places = list(around.places(target)) if target.scope is None else []
    definitions = [place for place in places if place.occurrence.kind == "constant"]
    if not definitions or (not everywhere and found.is_definition):
        return None
    title = f"Inline constant {target.name} everywhere and remove it" if everywhere else (
        f"Inline constant {target.name} here"
    )
    defined = sum(place.occurrence.is_definition for place in places)
    if defined > 1:
        return Refused(title, f"{target.name} is defined {defined} times")
    wanted = [
        place for place in places
        if not place.occurrence.is_definition and (
            everywhere or (place.tree, place.occurrence) == (tree, found)
        )
    ]
    if not wanted:
        return Refused(title, f"nothing uses {target.name}") if everywhere else None
    home = definitions[0]
    line = home.tree.line(home.occurrence.line)
    if not isinstance(line.statement, t.ConstantDefinition):
        return None
    value = line.statement.value
    edits = []
    for place in wanted:
        problem = _hinders(place, value) or _is_fixed(place, around)
        if problem:
            return Refused(title, problem)
        text = line.text[value.start : value.end].strip()
        edits.append(_in_place_of(place, value, text))
    if everywhere:
        if _is_fixed(home, around):
            return Refused(title, _is_fixed(home, around))
        edits.append(whole_lines(home.path, home.occurrence.line, home.occurrence.line + 1, ""))
    return Fix(title, tuple(edits), Applicability.MANUAL)


def _hinders(place: Place, value: t.Expression) -> str:
    """Why an expression cannot stand at a place, nothing if it can."""
    line = place.occurrence.line
    if place.occurrence.kind == "comment" and not isinstance(value, t.Number | t.Name):
        return f"the comment in line {line + 1} takes no expression"
    macro = structure(place.tree).macro_at(line)
    for name in t.names_in(value):
        if name.text == "pc":
            return "pc is another number at every place"
        if macro is not None and macro.owns(name.text):
            return f"{name.text} means something else in %{macro.name}"
    return ""


def _is_fixed(place: Place, around: Surroundings) -> str:
    if place.path in around.fixed:
        return f"it also stands in {place.path}, which is outside of the workspace"
    return ""


def _in_place_of(place: Place, value: t.Expression, text: str) -> Edit:
    """The edit that puts an expression where a name stands."""
    line, found = place.tree.line(place.occurrence.line), place.occurrence
    start = found.start
    if found.kind != "comment" and line.statement is not None:
        for whole in expressions_of(line.statement):
            for name in t.names_in(whole):
                if name.start == found.start:
                    start -= name.at
                    text = substitute(whole, name, value, text)
    return edit_of(place.path, Span.of_line(found.line, start, found.end), text)


def substitute(whole: t.Expression, name: t.Name, value: t.Expression, text: str) -> str:
    """How a value is written in place of a name in an expression, in parentheses if it must be."""
    if whole is name or isinstance(value, t.Name | t.Number | t.String | t.Call | t.Group):
        return text
    for part in t.parts_of(whole):
        inside = part.arguments if isinstance(part, t.Call) else (
            (part.inner,) if isinstance(part, t.Group) else ()
        )
        if any(argument is name for argument in inside):
            return text
    return f"({text})"
