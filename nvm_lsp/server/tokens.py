"""What each stretch of a text is, for colouring: kept per chunk, so that an edit costs a chunk.

A pure function of trees; the numbers are LSP's encoding (LSP 3.17, Semantic Tokens).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from nvm_lsp.assembler.comment_names import WORDS_OF_PROBES
from nvm_lsp.assembler.expressions import FUNCTIONS, UNITS
from nvm_lsp.assembler.references import (
    MacroScope,
    Occurrence,
    Structure,
    definitions,
    is_built_in,
    occurrences_of_chunk,
    structure,
)
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.token_legend import MODIFIERS, TYPES
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t
from nvm_lsp.syntax.parser import directives, terminals

__all__ = ["Piece", "data_of", "global_kinds", "pieces"]

_TYPE = {name: number for number, name in enumerate(TYPES)}
_MODIFIER = {name: 1 << number for number, name in enumerate(MODIFIERS)}
_LIBRARY = _MODIFIER["defaultLibrary"]
#: Modifiers of the opcode table's groups of mnemonics; control flow is keywords.
_GROUPS = {"push": "push", "duplicate and exchange": "stack", "calls and creation": "call"}
_DEPRECATED = ("SELFDESTRUCT", "CALLCODE")
#: Type and modifiers of a name by what it is.
_NAMES = {
    "label": (_TYPE["label"], 0),
    "position": (_TYPE["label"], 0),
    "table": (_TYPE["type"], 0),
    "constant": (_TYPE["variable"], _MODIFIER["readonly"]),
    "macro": (_TYPE["macro"], 0),
    "parameter": (_TYPE["parameter"], 0),
    "": (_TYPE["variable"], 0),
}

#: Code units before a column of a line.
Units = Callable[[str, int], int]


class Piece(NamedTuple):
    """The tokens of a chunk, five numbers each, the first one's line from the chunk's start.

    ``lead`` is to be added to that line: the lines since the last token before.
    """

    numbers: array[int]
    lead: int


def pieces(
    tree: SyntaxTree, units: Units, encoding: str, outer: Mapping[str, str],
    lines: tuple[int, int] | None = None,
) -> list[Piece]:
    """The tokens of a file, or of the chunks that hold lines from the first to the second.

    ``outer`` has the kinds of names that other files define.
    """
    kinds = {**outer, **global_kinds(tree)}
    blocks = structure(tree)
    found: list[Piece] = []
    lead = 0
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        if lines is not None and not (
            start <= lines[1] and lines[0] < start + len(chunk.lines)
        ):
            lead += len(chunk.lines)
            continue
        numbers, tail = _chunk(chunk, start, blocks, kinds, units, encoding)
        if numbers:
            found.append(Piece(numbers, lead))
            lead = tail
        else:
            lead += len(chunk.lines)
    return found


def data_of(found: list[Piece]) -> list[int]:
    """The numbers of all pieces as LSP has them."""
    data: list[int] = []
    for numbers, lead in found:
        at = len(data)
        data += numbers
        data[at] += lead
    return data


_kinds: WeakKeyDictionary[SyntaxTree, dict[str, str]] = WeakKeyDictionary()


def global_kinds(tree: SyntaxTree) -> Mapping[str, str]:
    """What the labels, tables and constants are that a file defines for its program."""
    known = _kinds.get(tree)
    if known is None:
        blocks = structure(tree)
        known = {
            found.name: found.kind
            for found in definitions(tree)
            if found.kind == "constant"
            or (
                found.kind not in ("macro", "parameter")
                and (not blocks.macros or blocks.macro_at(found.line) is None)
            )
        }
        _kinds[tree] = known
    return known


# Chunks ------------------------------------------------------------------------------------------


class _Lexed(NamedTuple):
    """A chunk's numbers, those of used names still without type, and lines from the last token on.

    ``uses`` are the names that are used: place in the numbers, line, name, whether in a comment.
    """

    numbers: array[int]
    tail: int
    uses: tuple[tuple[int, int, str, bool], ...]
    names: tuple[str, ...]


class _Encoded(NamedTuple):
    """A chunk's numbers and what they rest on."""

    numbers: array[int]
    basis: tuple[object, ...]


def _chunk(
    chunk: t.Chunk, start: int, blocks: Structure, kinds: Mapping[str, str], units: Units,
    encoding: str,
) -> tuple[array[int], int]:
    """The numbers of a chunk, the same object as long as they are the same, and its tail."""
    lexed = _lexed(chunk, units, encoding)
    if not lexed.uses:
        return lexed.numbers, lexed.tail
    macros = [
        (macro.first - start, macro.last - start, macro)
        for macro in blocks.macros_between(start, start + len(chunk.lines))
    ]
    basis: tuple[object, ...] = (
        *(kinds.get(name) for name in lexed.names),
        *((first, last, macro.parameters, macro.labels) for first, last, macro in macros),
    )
    key = ("tokens", encoding)
    known = chunk.cache.get(key)
    if not isinstance(known, _Encoded) or known.basis != basis:
        numbers = array("I", lexed.numbers)
        for at, line, name, in_comment in lexed.uses:
            kind = "" if in_comment else _own_kind(name, line, macros)
            type_, modifiers = _NAMES[kind or kinds.get(name, "")]
            numbers[at + 3] = type_
            numbers[at + 4] |= modifiers
        known = chunk.cache[key] = _Encoded(numbers, basis)
    return known.numbers, lexed.tail


def _own_kind(name: str, line: int, macros: list[tuple[int, int, MacroScope]]) -> str:
    """What a name is in the macro around it, empty if it is the program's."""
    for first, last, macro in macros:
        if first <= line <= last:
            if name in macro.parameters:
                return "parameter"
            if name in macro.labels:
                return "label"
    return ""


def _lexed(chunk: t.Chunk, units: Units, encoding: str) -> _Lexed:
    """A chunk's tokens in the order of the text."""
    key = ("lexed", encoding)
    known = chunk.cache.get(key)
    if isinstance(known, _Lexed):
        return known
    names: dict[int, dict[int, Occurrence]] = {}
    for occurrence in occurrences_of_chunk(chunk):
        names.setdefault(occurrence.line, {})[occurrence.start] = occurrence
    numbers = array("I")
    uses: list[tuple[int, int, str, bool]] = []
    before = 0
    for number, line in enumerate(chunk.lines):
        plain, column = line.text.isascii(), 0
        for start, end, type_, modifiers, name in _line(line, names.get(number, {})):
            first, last = start, end
            if not plain:
                first, last = units(line.text, start), units(line.text, end)
            if name:
                uses.append((len(numbers), number, name, type_ == _TYPE["comment"]))
            numbers.extend((number - before, first - column, last - first, type_, modifiers))
            before, column = number, first
    distinct = tuple(dict.fromkeys(name for _, _, name, _ in uses))
    lexed = _Lexed(numbers, len(chunk.lines) - before, tuple(uses), distinct)
    chunk.cache[key] = lexed
    return lexed


# Lines -------------------------------------------------------------------------------------------

_Stretch = tuple[int, int, int, int, str]


def _line(line: t.Line, names: Mapping[int, Occurrence]) -> Iterator[_Stretch]:
    """Start, end, type, modifiers and name of each token of a line."""
    statement, comment = line.statement, line.comment
    if isinstance(statement, t.Instruction):
        yield from _mnemonic(statement.start, statement.mnemonic_end, statement.mnemonic)
        if statement.operand is not None:
            end = comment.start if comment is not None else len(line.text)
            yield from _code(line.text, statement.mnemonic_end, end, statement, names)
    elif statement is not None:
        end = comment.start if comment is not None else len(line.text)
        yield from _code(line.text, statement.start, end, statement, names)
    if comment is not None:
        yield from _comment(comment, line.text, names)


def _mnemonic(start: int, end: int, mnemonic: str) -> Iterator[_Stretch]:
    row = opcode_by_name(mnemonic)
    if row is None and mnemonic.upper() != "PUSH":
        return
    group = "push" if row is None else row.group
    modifiers = 0
    if row is not None and row.name in _DEPRECATED:
        modifiers = _MODIFIER["deprecated"]
    if group == "control":
        yield start, end, _TYPE["keyword"], modifiers | _MODIFIER["controlFlow"], ""
        return
    if group in _GROUPS:
        modifiers |= _MODIFIER[_GROUPS[group]]
    yield start, end, _TYPE["function"], modifiers | _LIBRARY, ""


def _code(
    text: str, start: int, end: int, statement: t.Statement, names: Mapping[int, Occurrence]
) -> Iterator[_Stretch]:
    after_number = False
    for found in _lexemes().finditer(text, start, end):
        kind = found.lastgroup
        begin, stop = found.span()
        if kind == "word":
            begin = found.start("word")
            name = names.get(begin)
            if name is not None:
                yield _name(name)
            else:
                yield from _word(found, text, statement, after_number)
        elif kind is not None:
            yield begin, stop, _TYPE[kind], 0, ""
        after_number = kind == "number"


def _name(name: Occurrence) -> _Stretch:
    if name.is_definition:
        type_, modifiers = _NAMES[name.kind]
        return name.start, name.end, type_, modifiers | _MODIFIER["declaration"], ""
    if name.kind == "macro use":
        return name.start, name.end, _TYPE["macro"], 0, ""
    # A comment's names are the program's own, never a macro's.
    type_ = _TYPE["comment"] if name.kind == "comment" else 0
    return name.start, name.end, type_, 0, name.name


def _word(
    found: re.Match[str], text: str, statement: t.Statement, after_number: bool
) -> Iterator[_Stretch]:
    """A word that is no name of the program."""
    start, end = found.span("word")
    word, mark = found["word"], found["mark"]
    if mark == "%":
        if mark + word in directives():
            yield start - 1, end, _TYPE["keyword"], 0, ""
    elif isinstance(statement, t.ForkDirective):
        yield start, end, _TYPE["enumMember"], 0, ""
    elif after_number and word in UNITS:
        yield start, end, _TYPE["type"], _LIBRARY, ""
    elif word in ("takes", "returns", "fill", "width"):
        yield start, end, _TYPE["keyword"], 0, ""
    elif word in FUNCTIONS and text[end:].lstrip().startswith("("):
        yield start, end, _TYPE["function"], _LIBRARY, ""
    elif start == statement.start and isinstance(statement, t.Malformed):
        yield from _mnemonic(start, end, word)
    elif is_built_in(word) and opcode_by_name(word) is None:
        yield start, end, _TYPE["variable"], _LIBRARY | _MODIFIER["readonly"], ""


def _comment(
    comment: t.Comment, text: str, names: Mapping[int, Occurrence]
) -> Iterator[_Stretch]:
    kind = comment.kind
    end = comment.start + len(comment.text.rstrip("\r\n"))
    if kind in ("plain", "stack", "suppression"):
        modifiers = 0 if kind == "plain" else _MODIFIER["documentation"]
        yield comment.start, end, _TYPE["comment"], modifiers, ""
        return
    yield from sorted(_read_by_a_run(comment, text, end, names))


def _read_by_a_run(
    comment: t.Comment, text: str, end: int, names: Mapping[int, Occurrence]
) -> Iterator[_Stretch]:
    """The parts of a scenario, probe or expectation, in no particular order."""
    kind = comment.kind
    yield comment.start, comment.start + 2, _TYPE["comment"], _MODIFIER["documentation"], ""
    key = _KEY.match(text, comment.body_start) if kind != "probe" else None
    start = comment.body_start
    word = ""
    if key is not None and start not in names:
        yield start, key.end(), _TYPE["property"], 0, ""
        start, word = key.end(), key[0]
    path = _PATHS[word].match(text, start) if kind == "scenario" and word in _PATHS else None
    span = path.span("path") if path is not None else (end, end)
    if path is not None:
        yield *span, _TYPE["string"], 0, ""
    after_number = False
    for found in _lexemes().finditer(text, start, end):
        if found.end() > span[0] and found.start() < span[1]:
            continue  # a part of the path
        if found.lastgroup in ("number", "string"):
            yield *found.span(), _TYPE[found.lastgroup], 0, ""
        elif found.lastgroup == "word":
            key_there = word if kind == "scenario" else ""
            yield from _word_of_comment(found, text, key_there, names, after_number)
        after_number = found.lastgroup == "number"


def _word_of_comment(
    found: re.Match[str], text: str, key: str, names: Mapping[int, Occurrence], after_number: bool
) -> Iterator[_Stretch]:
    """A word of a scenario with its key, or of a probe or an expectation if that is empty."""
    start, end = found.span("word")
    word = found["word"]
    if start in names:
        yield _name(names[start])
    elif after_number and word in UNITS:
        yield start, end, _TYPE["type"], _LIBRARY, ""
    elif key in _CHOICES:
        yield start, end, _TYPE["enumMember"], 0, ""
    elif word in WORDS_OF_PROBES if not key else text[end : end + 1] == "=":
        yield start, end, _TYPE["property"], 0, ""


_KEY = re.compile(r"[A-Za-z][\w.]*")
#: Keys of scenarios whose text is made of given words, and where others have a path.
_CHOICES = ("fork", "kernel", "target", "mode")
_REST = re.compile(r"[ \t]+(?P<path>\S(?:.*\S)?)")
_PATHS = {
    "scenario": _REST, "abi": _REST, "matches": _REST,
    "deploy": re.compile(r"[ \t]+\S+[ \t]+(?P<path>[^\s=]+)(?!\S)"),
}


@lru_cache(maxsize=1)
def _lexemes() -> re.Pattern[str]:
    """The tokens of code, of the grammar's own terminals; punctuation is none."""
    known = terminals()
    operators = "|".join(
        known[name]
        for name in (
            "AT", "OR", "AND", "SHIFT", "COMPARISON", "BIT_OR", "BIT_XOR", "BIT_AND", "PLUS",
            "MINUS", "TIMES", "DIVIDE", "COMPLEMENT", "NOT",
        )
    )
    return re.compile(
        rf"(?P<string>{known['STRING']})|(?P<number>{known['NUMBER']})"
        rf"|(?P<mark>[%.]?)(?P<word>{known['WORD']})|(?P<operator>{operators}|%)"
    )
