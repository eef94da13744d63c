"""Where names are defined and used, file by file, with the scope that each belongs to.

Made from syntax trees alone, so that it holds in files with errors and in branches of `%if` that do
not count. What a chunk contains is kept in the chunk; an edit costs what it changed. It does not
know which files make a program.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from nvm_lsp.assembler.comment_names import names_in_comment, words_of_picture
from nvm_lsp.assembler.environment import predefined
from nvm_lsp.opcodes import is_reserved
from nvm_lsp.source import Position
from nvm_lsp.syntax import tree as t
from nvm_lsp.syntax.parser import directives, terminals

__all__ = [
    "DEFINITIONS",
    "Block",
    "MacroScope",
    "Occurrence",
    "Structure",
    "Target",
    "definitions",
    "expressions_of",
    "is_built_in",
    "occurrence_at",
    "occurrences",
    "occurrences_between",
    "occurrences_of_chunk",
    "structure",
    "target_of",
    "uses_in",
]

#: Kinds of occurrences that define a name.
DEFINITIONS = ("label", "position", "table", "constant", "macro", "parameter")


class Occurrence(NamedTuple):
    """A name in a text; the columns are the name's own.

    ``kind`` is one of `DEFINITIONS`, or ``use``, ``macro use``, or ``comment`` for a use in a
    comment that is read when the program runs. ``line`` counts from the start of the file.
    """

    line: int
    start: int
    end: int
    name: str
    kind: str

    @property
    def is_definition(self) -> bool:
        return self.kind in DEFINITIONS

    @property
    def names_macro(self) -> bool:
        """Macros have names of their own, beside those of labels and constants."""
        return self.kind in ("macro", "macro use")


class Target(NamedTuple):
    """What an occurrence means: a name of the program, or of one macro alone.

    ``scope`` is the line of the head of the macro that a parameter or local label belongs to.
    """

    name: str
    is_macro: bool
    scope: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """A `%macro` or `%if` with the lines of its head, its `%else` and its `%end`.

    ``last`` is the last line that belongs to it, with or without an `%end`.
    """

    kind: str  # "macro" or "if"
    first: int
    last: int
    alternative: int | None
    closed: bool


@dataclass(frozen=True, slots=True)
class MacroScope:
    """A macro's lines, and the names that mean something of its own inside."""

    name: str | None
    first: int
    last: int
    parameters: frozenset[str]
    labels: frozenset[str]

    def owns(self, name: str) -> bool:
        return name in self.parameters or name in self.labels


@dataclass(frozen=True, slots=True)
class Structure:
    """The blocks of a file in the order of their heads, and its macros."""

    blocks: tuple[Block, ...]
    macros: tuple[MacroScope, ...]
    _firsts: tuple[int, ...]

    def macro_at(self, line: int) -> MacroScope | None:
        """The macro that a line belongs to, its head and `%end` included."""
        index = bisect_right(self._firsts, line) - 1
        if index >= 0 and line <= self.macros[index].last:
            return self.macros[index]
        return None

    def macros_between(self, first: int, stop: int) -> tuple[MacroScope, ...]:
        """The macros of which a line is one of ``first`` to ``stop``, the latter excluded."""
        low = bisect_right(self._firsts, first) - 1
        if low < 0 or self.macros[low].last < first:
            low += 1
        return self.macros[low : bisect_left(self._firsts, stop)]


# Asking ------------------------------------------------------------------------------------------


def occurrence_at(tree: t.SyntaxTree, position: Position) -> Occurrence | None:
    """The name at a position; its marker (``@``, ``%``, ``.``) and its end count as the name.

    In a stack comment it is a word of it, of kind ``picture``, whether or not that names anything.
    """
    line, column = position.line, position.column
    if not 0 <= line < tree.line_count:
        return None
    text = tree.line(line).text
    best: Occurrence | None = None
    for occurrence in occurrences_between(tree, line, line + 1):
        start = occurrence.start
        if start > 0 and text[start - 1] in "@%.":
            start -= 1
        if start <= column < occurrence.end:
            return occurrence
        if column == occurrence.end:
            best = occurrence
    return best or _picture_at(tree, line, column)


def _picture_at(tree: t.SyntaxTree, line: int, column: int) -> Occurrence | None:
    index = bisect_right(tree.starts, line) - 1
    start = tree.starts[index]
    for places in _index(tree.chunks[index]).pictures.values():
        for place in places:
            if start + place.line == line and place.start <= column <= place.end:
                return Occurrence(line, place.start, place.end, place.name, place.kind)
    return None


def target_of(tree: t.SyntaxTree, occurrence: Occurrence) -> Target:
    """What an occurrence in this file means."""
    scope = None
    if not occurrence.names_macro and occurrence.kind != "comment":
        macro = structure(tree).macro_at(occurrence.line)
        if macro is not None and macro.owns(occurrence.name):
            scope = macro.first
    return Target(occurrence.name, occurrence.names_macro, scope)


def occurrences(
    tree: t.SyntaxTree, target: Target, *, pictures: bool = False
) -> Iterator[Occurrence]:
    """All places of this file that mean a target, in the order of the text.

    With ``pictures``, then the words of stack comments, of kind ``picture``. These follow the names
    of values, and only where a value is a label or constant do they mean it.
    """
    yield from _occurrences(tree, target)
    if pictures and not target.is_macro:
        yield from _pictures(tree, target)


def _pictures(tree: t.SyntaxTree, target: Target) -> Iterator[Occurrence]:
    macros = structure(tree)
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        for found in _index(chunk).pictures.get(target.name, ()):
            line = start + found.line
            owner = macros.macro_at(line)
            scope = owner.first if owner is not None and owner.owns(target.name) else None
            if scope == target.scope:
                yield Occurrence(line, found.start, found.end, found.name, "picture")


def _occurrences(tree: t.SyntaxTree, target: Target) -> Iterator[Occurrence]:
    macros = structure(tree)
    if target.scope is not None:
        macro = macros.macro_at(target.scope)
        if macro is None:
            return
        for found in occurrences_between(tree, macro.first, macro.last + 1):
            if (
                found.name == target.name and found.kind != "comment"
                and found.names_macro == target.is_macro
            ):
                yield found
        return
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        for found in _index(chunk).by_name.get(target.name, ()):
            if found.names_macro != target.is_macro:
                continue
            line = start + found.line
            if not target.is_macro and found.kind != "comment":
                owner = macros.macro_at(line)
                if owner is not None and owner.owns(target.name):
                    continue
            yield Occurrence(line, found.start, found.end, found.name, found.kind)


def definitions(tree: t.SyntaxTree) -> Iterator[Occurrence]:
    """All definitions of a file, parameters among them, in the order of the text."""
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        for found in _index(chunk).definitions:
            yield Occurrence(start + found.line, found.start, found.end, found.name, found.kind)


def uses_in(chunk: t.Chunk) -> frozenset[tuple[bool, str]]:
    """The names that a chunk uses, in comments, too: whether it is a macro's, and the name."""
    known = chunk.cache.get(_USES)
    if not isinstance(known, frozenset):
        known = chunk.cache[_USES] = frozenset(
            (found.names_macro, found.name)
            for found in _index(chunk).all
            if not found.is_definition
        )
    return known


def occurrences_between(tree: t.SyntaxTree, first: int, stop: int) -> Iterator[Occurrence]:
    """All names in lines ``first`` to ``stop``, the latter excluded."""
    starts = tree.starts
    index = max(bisect_right(starts, first) - 1, 0)
    while index < len(tree.chunks) and starts[index] < stop:
        start = starts[index]
        for found in _index(tree.chunks[index]).all:
            line = start + found.line
            if first <= line < stop:
                yield Occurrence(line, found.start, found.end, found.name, found.kind)
        index += 1


def occurrences_of_chunk(chunk: t.Chunk) -> tuple[Occurrence, ...]:
    """All names of a chunk; their lines count from its start."""
    return _index(chunk).all


def is_built_in(name: str) -> bool:
    """Whether a name means something in every program, like ``fork.cancun``, or is a mnemonic."""
    return name == "pc" or predefined(name, 0) is not None or is_reserved(name)


# Blocks ------------------------------------------------------------------------------------------

_structures: WeakKeyDictionary[t.SyntaxTree, Structure] = WeakKeyDictionary()


def structure(tree: t.SyntaxTree) -> Structure:
    """The blocks and macros of a file.

    Blocks pair as they do in the assembler, but a macro that is not closed ends where the next one
    begins, so that those below keep their names while one is being written.
    """
    known = _structures.get(tree)
    if known is None:
        known = _structures[tree] = _structure(tree)
    return known


def _structure(tree: t.SyntaxTree) -> Structure:
    blocks: list[Block] = []
    opened: list[tuple[str, int, int | None]] = []  # kind, head, %else

    def close(line: int, closed: bool) -> None:
        kind, first, alternative = opened.pop()
        blocks.append(Block(kind, first, line, alternative, closed))

    heads: dict[int, t.Statement] = {}
    for line, statement in _structural(tree):
        match statement:
            case t.MacroDefinition() | t.Malformed(head="%macro"):
                while any(kind == "macro" for kind, _, _ in opened):
                    close(line - 1, False)
                opened.append(("macro", line, None))
                heads[line] = statement
            case t.Condition() | t.Malformed():
                opened.append(("if", line, None))
            case t.Alternative() if opened and opened[-1][0] == "if" and opened[-1][2] is None:
                opened[-1] = ("if", opened[-1][1], line)
            case t.End() if opened:
                close(line, True)
            case _:
                pass
    while opened:
        close(tree.line_count - 1, False)
    blocks.sort(key=lambda block: block.first)
    bodies = [block for block in blocks if block.kind == "macro"]
    labels: dict[int, set[str]] = {block.first: set() for block in bodies}
    firsts = tuple(block.first for block in bodies)
    for found in definitions(tree) if bodies else ():
        index = bisect_right(firsts, found.line) - 1
        if index >= 0 and found.kind in ("label", "position", "table") and (
            found.line <= bodies[index].last
        ):
            labels[bodies[index].first].add(found.name)
    macros = tuple(_scope(block, heads[block.first], labels[block.first]) for block in bodies)
    return Structure(tuple(blocks), macros, firsts)


def _scope(block: Block, head: t.Statement, labels: set[str]) -> MacroScope:
    name, parameters = None, frozenset[str]()
    if isinstance(head, t.MacroDefinition):
        name = head.name.text
        parameters = frozenset(word.text for word in head.parameters)
    elif isinstance(head, t.Malformed):
        name = head.declares
    return MacroScope(name, block.first, block.last, parameters, frozenset(labels))


def _structural(tree: t.SyntaxTree) -> Iterator[tuple[int, t.Statement]]:
    """The statements that open, divide or close a block, with their lines."""
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        if chunk.has_structure:
            for offset, statement in _index(chunk).structural:
                yield start + offset, statement


# Chunks ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Index:
    """The names of a chunk; lines count from its start."""

    all: tuple[Occurrence, ...]
    by_name: dict[str, list[Occurrence]]
    pictures: dict[str, list[Occurrence]]
    definitions: tuple[Occurrence, ...]
    structural: tuple[tuple[int, t.Statement], ...]


_KEY, _USES = "references", "names used"


def _index(chunk: t.Chunk) -> _Index:
    known = chunk.cache.get(_KEY)
    if not isinstance(known, _Index):
        known = chunk.cache[_KEY] = _make_index(chunk)
    return known


def _make_index(chunk: t.Chunk) -> _Index:
    found: list[Occurrence] = []
    structural: list[tuple[int, t.Statement]] = []
    pictures: dict[str, list[Occurrence]] = {}
    for offset, line in enumerate(chunk.lines):
        statement = line.statement
        if isinstance(statement, t.Instruction):
            if statement.operand is not None and not isinstance(statement.operand, t.Number):
                _uses(statement.operand, offset, found)
        elif statement is not None:
            _of_statement(statement, line.text, offset, found)
            if isinstance(
                statement, t.MacroDefinition | t.Condition | t.Alternative | t.End
            ) or (isinstance(statement, t.Malformed) and statement.head in ("%macro", "%if")):
                structural.append((offset, statement))
        if line.comment is not None:
            for start, end, name in words_of_picture(line.comment):
                found_there = Occurrence(offset, start, end, name, "picture")
                pictures.setdefault(name, []).append(found_there)
            for start, end, name in names_in_comment(line.comment):
                if not is_built_in(name):
                    found.append(Occurrence(offset, start, end, name, "comment"))
    by_name: dict[str, list[Occurrence]] = {}
    for occurrence in found:
        by_name.setdefault(occurrence.name, []).append(occurrence)
    return _Index(
        tuple(found), by_name, pictures,
        tuple(o for o in found if o.is_definition), tuple(structural),
    )


def _of_statement(
    statement: t.Statement, text: str, line: int, found: list[Occurrence]
) -> None:
    def define(word: t.Word, kind: str) -> None:
        found.append(Occurrence(line, word.start, word.end, word.text, kind))

    match statement:
        case t.Label(name=word):
            define(word, "label")
        case t.PositionLabel(name=word):
            define(word, "position")
        case t.Table(name=word):
            define(word, "table")
        case t.ConstantDefinition(name=word):
            define(word, "constant")
        case t.MacroDefinition(name=word, parameters=parameters):
            define(word, "macro")
            for parameter in parameters:
                define(parameter, "parameter")
        case t.MacroUse(name=word):
            define(word, "macro use")
        case t.Malformed():
            found += _of_malformed(statement, text, line)
        case _:
            pass
    for expression in expressions_of(statement):
        _uses(expression, line, found)


def _uses(expression: t.Expression, line: int, found: list[Occurrence]) -> None:
    found += [
        Occurrence(line, name.start, name.end, name.text, "use")
        for name in t.names_in(expression)
        if name.at or not is_built_in(name.text)
    ]


def expressions_of(statement: t.Statement) -> Iterator[t.Expression]:
    """The expressions of a statement, from left to right."""
    match statement:
        case t.Instruction(operand=operand):
            if operand is not None:
                yield operand
        case t.ConstantDefinition(value=value):
            yield value
        case t.MacroUse(arguments=arguments):
            yield from arguments
        case t.Bytes(items=items):
            for item in items:
                yield item.value
        case t.Table(entries=entries):
            yield from entries
        case t.Org(target=first, fill=fill) | t.Align(unit=first, fill=fill):
            yield first
            if fill is not None:
                yield fill
        case t.Assertion(condition=condition) | t.Condition(condition=condition):
            yield condition
        case _:
            pass


_KINDS = {"%def": "constant", "%macro": "macro", "%table": "table"}


def _of_malformed(node: t.Malformed, text: str, line: int) -> Iterator[Occurrence]:
    """Names of a line that no rule fits: what it seems to define, else uses."""
    declares = node.declares
    for found in _words().finditer(text, node.start, node.end):
        if found["word"] is None:
            continue
        word, mark = found["word"], found["mark"]
        start, end = found.span("word")
        if mark == "%":
            if mark + word not in directives():
                yield Occurrence(line, start, end, word, "macro use")
        elif word == declares:
            yield Occurrence(line, start, end, word, _KINDS.get(node.head, "label"))
            declares = None
        elif not is_built_in(word) and text[end : end + 1] != "(":
            yield Occurrence(line, start, end, word, "use")


@lru_cache(maxsize=1)
def _words() -> re.Pattern[str]:
    known = terminals()
    return re.compile(
        rf"{known['STRING']}|{known['NUMBER']}|(?P<mark>[%@.]?)(?P<word>{known['WORD']})"
    )
