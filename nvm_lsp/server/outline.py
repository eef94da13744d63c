"""The shape of a file: what it defines, how far each definition reaches, what stands inside what.

A pure function of a syntax tree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from nvm_lsp.assembler.references import Occurrence, Structure, definitions, structure
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

__all__ = ["SYMBOL_KINDS", "Entry", "entry_at", "outline"]

#: LSP 3.17, SymbolKind: Method, Field, Array, Constant, Function.
SYMBOL_KINDS = {"label": 6, "position": 8, "table": 18, "constant": 14, "macro": 12}


@dataclass(frozen=True, slots=True)
class Entry:
    """A definition with the lines that belong to it, ``first`` to ``last``.

    A label reaches to the last statement before the next one, a macro to its `%end`.
    """

    definition: Occurrence
    first: int
    last: int
    detail: str
    children: tuple[Entry, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def kind(self) -> str:
        return self.definition.kind


_outlines: WeakKeyDictionary[SyntaxTree, tuple[Entry, ...]] = WeakKeyDictionary()


def outline(tree: SyntaxTree) -> tuple[Entry, ...]:
    """The file's definitions in the order of the text; macros have their labels as children."""
    known = _outlines.get(tree)
    if known is None:
        known = _outlines[tree] = _outline(tree)
    return known


def entry_at(tree: SyntaxTree, line: int) -> Entry | None:
    """The macro or table that a line belongs to, else the last label at or above it."""
    known = _by_line.get(tree)
    if known is None:
        entries = outline(tree)
        known = _by_line[tree] = (
            _Lines.of(entry for entry in entries if entry.kind in ("macro", "table")),
            _Lines.of(entry for entry in entries if entry.kind in ("label", "position")),
        )
    bounded, labels = known
    found = bounded.last_above(line)
    return found if found is not None and line <= found.last else labels.last_above(line)


class _Lines(NamedTuple):
    """Entries with their first lines, to find the last one above a line."""

    firsts: list[int]
    entries: list[Entry]

    @staticmethod
    def of(entries: Iterable[Entry]) -> _Lines:
        listed = list(entries)
        return _Lines([entry.first for entry in listed], listed)

    def last_above(self, line: int) -> Entry | None:
        index = bisect_right(self.firsts, line) - 1
        return self.entries[index] if index >= 0 else None


_by_line: WeakKeyDictionary[SyntaxTree, tuple[_Lines, _Lines]] = WeakKeyDictionary()


def _outline(tree: SyntaxTree) -> tuple[Entry, ...]:
    blocks = structure(tree)
    found = [place for place in definitions(tree) if place.kind != "parameter"]
    stops = _stops(tree, blocks, found)
    entries: list[Entry] = []
    inside: dict[int, list[Entry]] = {}
    for place in found:
        scope = blocks.macro_at(place.line)
        if place.kind == "macro":
            last = scope.last if scope is not None else place.line
            entries.append(Entry(place, place.line, last, _detail(tree, place)))
            continue
        last = _last_line(tree, place, stops)
        entry = Entry(place, place.line, last, _detail(tree, place))
        if scope is None or place.kind == "constant":
            entries.append(entry)
        else:
            inside.setdefault(scope.first, []).append(entry)
    return tuple(
        Entry(e.definition, e.first, e.last, e.detail, tuple(inside[e.first]))
        if e.kind == "macro" and e.first in inside else e
        for e in entries
    )


def _stops(tree: SyntaxTree, blocks: Structure, found: list[Occurrence]) -> list[int]:
    """Lines at which what a label began ends: the next label or macro, the end of a block.

    The end of an `%if` counts if a label stands inside it, else it lies within a label's lines.
    """
    lines = sorted(place.line for place in found if place.kind != "constant")
    stops = {*lines, tree.line_count}
    for block in blocks.blocks:
        index = bisect_left(lines, block.first)
        if block.kind == "macro" or (index < len(lines) and lines[index] <= block.last):
            stops.add(block.last if block.closed else block.last + 1)
            if block.kind == "macro":
                stops.add(block.first)
            elif block.alternative is not None:
                stops.add(block.alternative)
    return sorted(stops)


def _last_line(tree: SyntaxTree, place: Occurrence, stops: list[int]) -> int:
    if place.kind in ("constant", "table"):
        return place.line
    line = stops[bisect_left(stops, place.line + 1)] - 1
    while line > place.line and tree.line(line).statement is None:
        line -= 1
    return line


def _detail(tree: SyntaxTree, place: Occurrence) -> str:
    line = tree.line(place.line)
    match line.statement:
        case t.ConstantDefinition(value=value):
            return f"= {line.text[value.start : value.end]}"
        case t.MacroDefinition(parameters=parameters, takes=takes, returns=returns):
            head = f"({', '.join(word.text for word in parameters)})"
            effect = [f"takes {takes}"] * (takes is not None)
            effect += [f"returns {returns}"] * (returns is not None)
            return " ".join([head, *effect])
        case t.Table(entries=entries, width=width):
            count = len(entries)
            return f"{count} {'entry' if count == 1 else 'entries'} of {width.value} bytes"
        case _:
            return ""
