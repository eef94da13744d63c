"""Macros as lines, with the same bytecode.

Pure functions of an assembly and a line, and of the files around.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.analysis.pictures import Picture
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Macro
from nvm_lsp.assembler.references import Target, expressions_of, structure
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.server.actions.constant_refactoring import substitute
from nvm_lsp.server.actions.macro_refactoring import merges_jumpdest
from nvm_lsp.server.actions.refactoring import (
    Refused,
    edit_of,
    indent_of,
    insertion,
    statement_near,
    whole_lines,
)
from nvm_lsp.server.actions.stack_comment_edits import picture_text
from nvm_lsp.server.actions.surroundings import Surroundings
from nvm_lsp.syntax import tree as t

__all__ = ["inline_all", "inline_macro", "macro_at"]

#: Uses that are looked at before anybody has chosen to inline them.
_MOST_SKETCHED = 20
_LABEL = re.compile(r"\s*\.?[A-Za-z_][\w.]*:")


@dataclass(frozen=True, slots=True)
class _Use:
    """A use of a macro in a file; ``labels`` are the new names of the macro's own."""

    path: str
    tree: t.SyntaxTree
    line: int
    statement: t.MacroUse
    labels: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.tree.line(self.line).text


class _CannotError(Exception):
    """Why a use cannot be inlined."""


def macro_at(assembly: Assembly, line: int) -> Macro | None:
    """The macro that a line of the root file uses or begins."""
    tree = assembly.program.root.tree
    statement = tree.line(line).statement if line < tree.line_count else None
    if not isinstance(statement, t.MacroUse | t.MacroDefinition):
        return None
    return assembly.program.macros.get(statement.name.text)


def inline_macro(assembly: Assembly, line: int, around: Surroundings) -> Fix | Refused | None:
    """The expansion of a macro in place of its use in a line of the root file."""
    macro = macro_at(assembly, line)
    tree = assembly.program.root.tree
    if macro is None or not isinstance(tree.line(line).statement, t.MacroUse):
        return None
    name = macro.definition.name.text
    title = f"Inline %{name} here"
    try:
        (use,) = _named(macro, [(assembly.program.root.path, tree, line)], around)
        edits = _inlined(assembly, macro, use)
    except _CannotError as reason:
        return Refused(title, str(reason))
    return Fix(title, edits, Applicability.MANUAL)


def inline_all(assembly: Assembly, line: int, around: Surroundings) -> Fix | Refused | None:
    """All uses of the macro that a line uses or begins replaced, and the macro gone."""
    macro = macro_at(assembly, line)
    if macro is None:
        return None
    name = macro.definition.name.text
    title = f"Inline %{name} everywhere and remove it"
    places = list(around.places(Target(name, True, None)))
    definitions = sum(place.occurrence.is_definition for place in places)
    found = [
        (place.path, place.tree, place.occurrence.line)
        for place in places if not place.occurrence.is_definition
    ]
    if not found:
        return Refused(title, f"nothing uses %{name}")
    try:
        if definitions != 1:
            raise _CannotError(f"%{name} is defined {definitions} times")
        edits: list[Edit] = []
        if around.is_sketch:
            found = found[:_MOST_SKETCHED]
        for use in _named(macro, found, around):
            edits += _inlined(assembly, macro, use)
        if around.fixed & {macro.context.path, *(path for path, _, _ in found)}:
            raise _CannotError("it occurs in a file outside of the workspace")
    except _CannotError as reason:
        return Refused(title, str(reason))
    edits.append(_removal(macro))
    return Fix(title, tuple(edits), Applicability.MANUAL)


def _removal(macro: Macro) -> Edit:
    """Removes a macro with the comment above it, and one of the blank lines around."""
    tree = macro.context.tree
    first, stop = macro.line, macro.line + len(macro.body) + 2
    while first > 0 and _speaks_of_macro(tree.line(first - 1)):
        first -= 1
    if first == 0:  # what the file begins with speaks of the file
        first = macro.line
    while stop < tree.line_count and not tree.line(stop).text.strip():
        stop += 1
    return whole_lines(macro.context.path, first, min(stop, tree.line_count), "")


def _speaks_of_macro(line: t.Line) -> bool:
    return line.statement is None and line.comment is not None and line.comment.kind == "plain"


def _named(
    macro: Macro, places: Sequence[tuple[str, t.SyntaxTree, int]], around: Surroundings
) -> list[_Use]:
    """Uses with a name for each label of the macro, of which no two are alike."""
    head = macro.definition.name.text
    labels = [
        line.statement.name.text for line in macro.body if isinstance(line.statement, t.Label)
    ]
    if len(set(labels)) != len(labels):
        raise _CannotError("two of its labels have one name")
    given: set[str] = set()
    uses = []
    for path, tree, line in places:
        statement = tree.line(line).statement
        if not isinstance(statement, t.MacroUse):
            raise _CannotError("one of its uses cannot be read")
        names = {}
        for label in labels:
            name, number = around.free_name(f"{head}_{label}"), 2
            while name in given:
                name = around.free_name(f"{head}_{label}_{number}")
                number += 1
            given.add(name)
            names[label] = name
        uses.append(_Use(path, tree, line, statement, names))
    return uses


def _inlined(assembly: Assembly, macro: Macro, use: _Use) -> tuple[Edit, ...]:
    """The edits that put a macro's lines in place of a use.

    Raises:
        _CannotError: the program would be another.
    """
    head, arguments = macro.definition, use.statement.arguments
    _check(assembly, macro, use)
    given = {
        word.text: (argument, use.text[argument.start : argument.end].strip())
        for word, argument in zip(head.parameters, arguments, strict=True)
    }
    pictures = _pictures(assembly, macro, use)
    comment = use.tree.line(use.line).comment
    last = _last_line(macro) if comment is not None and comment.kind == "stack" else None
    body = []
    for number, line in enumerate(macro.body):
        said = line.comment if line.comment is not None and line.comment.kind == "stack" else None
        text = _substituted(line, given, use.labels)
        if number == last and comment is not None:  # the caller's words for the same stack
            text = _with_comment(text, said, comment.text.rstrip())
            comment = None
        elif said is not None:
            text = _with_comment(text, said, pictures.get(number) or _opened(said))
        body.append(text)
    indent, shared = indent_of(use.text), _shared_indent(body)
    ending = use.text[len(use.text.rstrip("\r\n")) :]
    text = "".join(
        (
            indent + line[len(shared) :] if line.startswith(shared) and line.strip()
            else line.lstrip()
        ).rstrip() + "\n"
        for line in body
    )
    if not ending:
        text = text.removesuffix("\n")
    edit = whole_lines(use.path, use.line, use.line + 1, text)
    if comment is None:
        return (edit,)
    above = insertion(use.path, use.line, f"{indent}{comment.text.rstrip()}\n")
    return (edit_of(use.path, edit.location.span, above.text + text),)


def _check(assembly: Assembly, macro: Macro, use: _Use) -> None:
    """Raises what hinders a macro from being inlined at a use."""
    head, arguments = macro.definition, use.statement.arguments
    if len(head.parameters) != len(arguments):
        raise _CannotError(f"a use has {len(arguments)} arguments, not {len(head.parameters)}")
    if use.path == macro.context.path and (
        macro.line <= use.line <= macro.line + len(macro.body) + 1
    ):
        raise _CannotError("it uses itself")
    forks = {
        context.path: context.instructions.fork for context in assembly.program.contexts
    }
    if forks.get(use.path, macro.context.instructions.fork) != macro.context.instructions.fork:
        raise _CannotError("it is written for another fork than the file that uses it")
    owned = {word.text for word in head.parameters} | set(use.labels)
    if len(owned) != len(head.parameters) + len(use.labels):
        raise _CannotError("a label and a parameter of it have one name")
    for argument in arguments:
        if any(name.text == "pc" for name in t.names_in(argument)):
            raise _CannotError("pc is another number in every line")
    outer = structure(use.tree).macro_at(use.line)
    for line in macro.body:
        statement = line.statement
        if line.problems:
            raise _CannotError("it has an error")
        if isinstance(statement, t.PositionLabel | t.Table):
            # Outside of the macro these would end what len() of others counts.
            raise _CannotError("it has data with a name of its own")
        if isinstance(statement, t.Incbin) and use.path != macro.context.path:
            raise _CannotError("the path of %incbin leads elsewhere from another file")
        for expression in expressions_of(statement) if statement is not None else ():
            for name in t.names_in(expression):
                if outer is not None and name.text not in owned and outer.owns(name.text):
                    raise _CannotError(f"{name.text} means something else in %{outer.name}")
    above, below = statement_near(use.tree, use.line, -1), statement_near(use.tree, use.line, 1)
    if merges_jumpdest(macro.body, above, below):
        raise _CannotError("a label and the JUMPDEST behind it would become one")


def _last_line(macro: Macro) -> int | None:
    """The last line of a body if it is sure to be the last that is executed."""
    for number in range(len(macro.body) - 1, -1, -1):
        statement = macro.body[number].statement
        if isinstance(statement, t.Instruction | t.MacroUse):
            return number
        if statement is not None:
            return None
    return None


def _pictures(assembly: Assembly, macro: Macro, use: _Use) -> dict[int, str]:
    """Stack comments for the lines of a body, in the words of those around the use."""
    if not assembly.ok or use.path != assembly.program.root.path:
        return {}
    if structure(use.tree).macro_at(use.line) is not None:
        return {}
    analysis = analyze(assembly)
    if not {"flow", "comments"} <= analysis.__dict__.keys() and len(assembly.bytecode) > 1_024:
        return {}  # it would take long
    out = {}
    for pc, size, is_data in assembly.source_map.line_items(use.path, use.line):
        origin = assembly.source_map.origin(pc)
        picture = analysis.after(pc)
        if not size or is_data or origin is None or picture is None:
            continue
        below = origin.location  # the line of the macro that leads there
        for outer in origin.uses:
            place = outer.location
            if (place.path, place.span.start.line) == (use.path, use.line):
                break
            below = place
        picture = Picture(picture.words, picture.exact)
        out[below.span.start.line - macro.line - 1] = f"# {picture_text(picture)}"
    return out


def _opened(comment: t.Comment) -> str:
    """A stack comment of a macro, where more may lie below than the macro knew of."""
    text = comment.text.rstrip()
    head, bracket, tail = text.rpartition("]")
    if not bracket or head.rstrip().endswith(".."):
        return text
    separator = "" if head.rstrip().endswith("[") else ", "
    return f"{head.rstrip()}{separator}..]{tail}"


def _with_comment(text: str, old: t.Comment | None, new: str) -> str:
    """A line with another comment; one that is replaced keeps its column."""
    if old is None:
        return f"{text.rstrip()}  {new}"
    at = text.rfind(old.text.rstrip())
    return f"{text[:at]}{new}" if at >= 0 else text


def _substituted(
    line: t.Line, given: Mapping[str, tuple[t.Expression, str]], labels: Mapping[str, str]
) -> str:
    """A line of a body with its parameters and labels replaced."""
    statement, text = line.statement, line.text.rstrip("\r\n")
    if statement is None:
        return text
    places: list[tuple[int, int, str]] = []
    for expression in expressions_of(statement):
        for name in t.names_in(expression):
            if name.text in given:
                value, written = given[name.text]
                new = substitute(expression, name, value, written)
                places.append((name.start - name.at, name.end, new))
            elif name.text in labels:
                places.append((name.start, name.end, labels[name.text]))
    if isinstance(statement, t.Label):
        word = statement.name
        places.append((word.start, word.end, labels[word.text]))
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _shared_indent(lines: list[str]) -> str:
    """The blanks that all lines but labels and empty ones begin with."""
    shared: str | None = None
    for line in lines:
        if not line.strip() or _LABEL.match(line):
            continue
        indent = indent_of(line)
        shared = indent if shared is None or len(indent) < len(shared) else shared
    return shared or ""
