"""textDocument/documentHighlight: the places of the name under the cursor in this file.

On `%if`, `%else`, `%macro` and `%end` it is the words of the block that light up; elsewhere a
mnemonic does with its like, and a signature that is hashed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nvm_lsp.assembler.references import occurrence_at, occurrences, structure, target_of
from nvm_lsp.server.hashed_texts import hashed_text_at, hashed_texts
from nvm_lsp.server.program_files import range_json
from nvm_lsp.source import Position
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Highlight", "handle", "highlights"]

_LINES_AROUND = 500
_TEXT, _READ, _WRITE = 1, 2, 3  # LSP 3.17, DocumentHighlightKind


class Highlight(NamedTuple):
    """Columns of a line; ``kind`` is LSP's."""

    line: int
    start: int
    end: int
    kind: int


def handle(server: NvmServer, params: lsp.DocumentHighlightParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    position = server.converter.position(opened.document, params.position)
    return [
        {"range": range_json(server, opened.tree, place.line, place.start, place.end),
         "kind": place.kind}
        for place in highlights(opened.tree, position)
    ]


def highlights(tree: SyntaxTree, position: Position) -> Iterator[Highlight]:
    """What belongs to the word at a position."""
    occurrence = occurrence_at(tree, position)
    if occurrence is not None:
        for found in occurrences(tree, target_of(tree, occurrence), pictures=True):
            kind = _WRITE if found.is_definition else _READ
            yield Highlight(found.line, found.start, found.end, kind)
        return
    hashed = hashed_text_at(tree, position)
    if hashed is not None:
        for same in hashed_texts(tree, hashed.function, hashed.text):
            yield Highlight(same.line, same.start, same.end, _TEXT)
        return
    if not 0 <= position.line < tree.line_count:
        return
    statement = tree.line(position.line).statement
    match statement:
        case t.Condition() | t.Alternative() | t.End() | t.MacroDefinition():
            end = statement.start + _head_length(statement)
            if statement.start <= position.column <= end:
                yield from _block(tree, position.line)
        case t.Instruction() if (
            statement.start <= position.column <= statement.mnemonic_end
        ):
            yield from _same_mnemonic(tree, statement.mnemonic, position.line)
        case _:
            pass


def _head_length(statement: t.Statement) -> int:
    match statement:
        case t.MacroDefinition():
            return len("%macro")
        case t.Condition():
            return len("%if")
        case t.Alternative():
            return len("%else")
        case _:
            return len("%end")


def _block(tree: SyntaxTree, line: int) -> Iterator[Highlight]:
    """The head, the `%else` and the `%end` of the block that a line is one of."""
    for block in structure(tree).blocks:
        lines = {block.first, block.alternative, block.last if block.closed else None} - {None}
        if line not in lines:
            continue
        for number in sorted(number for number in lines if number is not None):
            statement = tree.line(number).statement
            if statement is not None:
                start = statement.start
                yield Highlight(number, start, start + _head_length(statement), _TEXT)


def _same_mnemonic(tree: SyntaxTree, mnemonic: str, line: int) -> Iterator[Highlight]:
    """The mnemonic in the lines around; nobody sees all of a long file at once."""
    first = max(line - _LINES_AROUND, 0)
    for number in range(first, min(line + _LINES_AROUND, tree.line_count)):
        statement = tree.line(number).statement
        if isinstance(statement, t.Instruction) and statement.mnemonic == mnemonic:
            yield Highlight(number, statement.start, statement.mnemonic_end, _TEXT)
