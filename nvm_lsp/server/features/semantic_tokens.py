"""textDocument/semanticTokens: full, full/delta and range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from nvm_lsp.server.program_files import ProgramFiles
from nvm_lsp.server.tokens import Piece, data_of, global_kinds, pieces

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["handle", "handle_delta", "handle_range"]

#: The last answers of each server by URI, with their identifiers.
_answers: WeakKeyDictionary[NvmServer, dict[str, tuple[str, list[Piece]]]] = WeakKeyDictionary()
_numbers = count(1)


def handle(server: NvmServer, params: lsp.SemanticTokensParams) -> dict[str, Any]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return {"data": []}
    found = _pieces(server, opened)
    return {"resultId": _remember(server, opened.uri, found), "data": data_of(found)}


def handle_delta(server: NvmServer, params: lsp.SemanticTokensDeltaParams) -> dict[str, Any]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return {"data": []}
    found = _pieces(server, opened)
    known = _answers.get(server, {}).get(opened.uri)
    number = _remember(server, opened.uri, found)
    if known is None or known[0] != params.previous_result_id:
        return {"resultId": number, "data": data_of(found)}
    return {"resultId": number, "edits": list(_edits(known[1], found))}


def handle_range(server: NvmServer, params: lsp.SemanticTokensRangeParams) -> dict[str, Any]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return {"data": []}
    first = (params.range.start.line, params.range.start.character)
    last = (params.range.end.line, params.range.end.character)
    found = _pieces(server, opened, (first[0], last[0]))
    data: list[int] = []
    before, left = 0, 0
    for line, column, length, kind, modifiers in _absolute(found):
        if (line, column + length) > first and (line, column) < last:
            start = column - left if line == before else column
            data += [line - before, start, length, kind, modifiers]
            before, left = line, column
    return {"data": data}


def _pieces(
    server: NvmServer, opened: OpenDocument, lines: tuple[int, int] | None = None
) -> list[Piece]:
    converter = server.converter
    outer = _outer_kinds(server, opened)
    return pieces(opened.tree, converter.units, converter.encoding, outer, lines)


def _outer_kinds(server: NvmServer, opened: OpenDocument) -> Mapping[str, str]:
    """Kinds of the names that the other files of the program define."""
    files = ProgramFiles(server)
    path = opened.document.path
    kinds: dict[str, str] = {}
    for other in files.around(path):
        tree = files.tree(other)
        if other != path and tree is not None:
            kinds.update(global_kinds(tree))
    return kinds


def _remember(server: NvmServer, uri: str, found: list[Piece]) -> str:
    answers = _answers.setdefault(server, {})
    for gone in answers.keys() - server.documents.documents.keys():
        del answers[gone]
    number = str(next(_numbers))
    answers[uri] = number, found
    return number


def _edits(old: list[Piece], new: list[Piece]) -> Iterator[dict[str, Any]]:
    """The edit that makes the new numbers of the old ones, none if nothing has changed."""
    most = min(len(old), len(new))
    head = 0
    while head < most and _same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < most - head and _same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    start = sum(len(piece.numbers) for piece in old[:head])
    before = data_of(old[head : len(old) - tail])
    after = data_of(new[head : len(new) - tail])
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    end = 0
    while end < min(len(before), len(after)) - same and before[-1 - end] == after[-1 - end]:
        end += 1
    removed = len(before) - same - end
    data = after[same : len(after) - end]
    if removed or data:
        yield {"start": start + same, "deleteCount": removed, "data": data}


def _same(one: Piece, other: Piece) -> bool:
    return one.numbers is other.numbers and one.lead == other.lead


def _absolute(found: list[Piece]) -> Iterator[tuple[int, int, int, int, int]]:
    """Line, column, length, type and modifiers of each token."""
    line = column = 0
    data = data_of(found)
    for at in range(0, len(data), 5):
        lines, columns, length, kind, modifiers = data[at : at + 5]
        column = columns if lines else column + columns
        line += lines
        yield line, column, length, kind, modifiers
