"""The texts that programs hash, as in `selector("f(uint256)")`, with the places where they stand.

A pure function of syntax trees: signatures are no names, but one looks for them as for names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nvm_lsp.analysis.signatures import calls_in
from nvm_lsp.assembler.references import expressions_of
from nvm_lsp.source import Position
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

__all__ = ["HashedText", "hashed_text_at", "hashed_texts"]

_HASHES = ("selector", "topic", "keccak256")
_KEY = "hashed texts"


class HashedText(NamedTuple):
    """A text between quotes, which the columns leave out, and the function that hashes it."""

    line: int
    start: int
    end: int
    function: str
    text: bytes


def hashed_text_at(tree: SyntaxTree, position: Position) -> HashedText | None:
    """The text at a position, quotes and function's name included."""
    if not 0 <= position.line < tree.line_count:
        return None
    for found, start, end in _of_line(tree.line(position.line), position.line):
        if start <= position.column <= end:
            return found
    return None


def hashed_texts(tree: SyntaxTree, function: str, text: bytes) -> Iterator[HashedText]:
    """The places of a file at which a function hashes a text, from its beginning on."""
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        known = chunk.cache.get(_KEY)
        if not isinstance(known, tuple):
            known = tuple(
                found
                for offset, line in enumerate(chunk.lines)
                for found, _, _ in _of_line(line, offset)
            )
            chunk.cache[_KEY] = known
        for found in known:
            if (found.function, found.text) == (function, text):
                yield found._replace(line=start + found.line)


def _of_line(line: t.Line, number: int) -> Iterator[tuple[HashedText, int, int]]:
    """The texts of a line, with the columns from the function's name to the closing quote."""
    if line.statement is None or '"' not in line.text:
        return
    for expression in expressions_of(line.statement):
        for call in calls_in(expression):
            function, text = call.function.text, next(iter(call.arguments), None)
            if function in _HASHES and isinstance(text, t.String):
                found = HashedText(number, text.start + 1, text.end - 1, function, text.value)
                yield found, call.start, text.end
