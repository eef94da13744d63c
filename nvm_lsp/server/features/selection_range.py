"""textDocument/selectionRange: word, expression, operand, statement, line, section, file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import expressions_of, structure
from nvm_lsp.server.outline import outline
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "selections"]

_WORD = re.compile(r"[^\W\d][\w.]*|\w+")


def handle(server: NvmServer, params: lsp.SelectionRangeParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    answer = []
    for position in params.positions:
        place = server.converter.position(opened.document, position)
        chain: dict[str, Any] | None = None
        for span in reversed(selections(opened.tree, place)):
            here: dict[str, Any] = {"range": server.converter.range_json(opened.document, span)}
            if chain is not None:
                here["parent"] = chain
            chain = here
        assert chain is not None
        answer.append(chain)
    return answer


def selections(tree: SyntaxTree, position: Position) -> list[Span]:
    """Spans around a position, each within the next; the last is the whole file."""
    whole = Span(Position(0, 0), Position(tree.line_count, 0))
    if not 0 <= position.line < tree.line_count:
        return [whole]
    number = position.line
    end_of_line = len(tree.line(number).text.rstrip("\r\n"))
    position = Position(number, min(position.column, end_of_line))
    found = [
        Span.of_line(number, start, end) for start, end in _in_line(tree.line(number))
    ]
    found += [
        Span(Position(first, 0), Position(last, len(tree.line(last).text.rstrip("\r\n"))))
        for first, last in _blocks(tree, number)
    ]
    found.append(whole)
    nested: list[Span] = []
    for span in sorted((span for span in found if position in span), key=_size):
        if not nested or (nested[-1] != span and _encloses(span, nested[-1])):
            nested.append(span)
    return nested


def _size(span: Span) -> tuple[int, int]:
    lines = span.end.line - span.start.line
    return lines, span.end.column - span.start.column if not lines else -span.start.column


def _encloses(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _in_line(line: t.Line) -> Iterator[tuple[int, int]]:
    """Columns of what stands on a line: words, expressions, statement, comment, all of it."""
    text = line.text.rstrip("\r\n")
    for found in _WORD.finditer(text):
        yield found.span()
    statement, comment = line.statement, line.comment
    if statement is not None:
        yield statement.start, statement.end
        operands = list(expressions_of(statement))
        for operand in operands:
            yield from _expression(operand)
        if len(operands) > 1:
            yield operands[0].start, operands[-1].end
        if isinstance(statement, t.Include | t.Incbin):
            yield statement.path.start + 1, statement.path.end - 1
            yield statement.path.start, statement.path.end
    if comment is not None:
        yield comment.start, comment.end
        yield comment.body_start, comment.body_start + len(comment.body)
    yield len(text) - len(text.lstrip()), len(text.rstrip())
    yield 0, len(text)


def _expression(node: t.Expression) -> Iterator[tuple[int, int]]:
    """The columns of an expression and of its parts."""
    yield node.start, node.end
    match node:
        case t.String():
            yield node.start + 1, node.end - 1
        case t.Name(at=True):
            yield node.start - 1, node.end
        case t.Unary(operand=inner) | t.Group(inner=inner):
            yield from _expression(inner)
        case t.Binary(left=left, right=right):
            yield from _expression(left)
            yield from _expression(right)
        case t.Call(arguments=arguments):
            for argument in arguments:
                yield from _expression(argument)
            if arguments:
                yield arguments[0].start, arguments[-1].end
        case _:
            pass


def _blocks(tree: SyntaxTree, number: int) -> Iterator[tuple[int, int]]:
    """First and last lines of what a line stands in."""
    for block in structure(tree).blocks:
        if block.first <= number <= block.last:
            yield block.first, block.last
            yield from _branch(block.first, block.last, block.alternative, number)
    for entry in outline(tree):
        for part in (entry, *entry.children):
            if part.first <= number <= part.last:
                yield part.first, part.last
    first = last = number
    alone = tree.line(number)
    if alone.statement is None and alone.comment is not None:
        while first > 0 and _is_comment(tree.line(first - 1)):
            first -= 1
        while last + 1 < tree.line_count and _is_comment(tree.line(last + 1)):
            last += 1
        yield first, last


def _branch(
    first: int, last: int, alternative: int | None, number: int
) -> Iterator[tuple[int, int]]:
    """The lines of a branch of a block, without its head and end."""
    middle = last if alternative is None else alternative
    for begin, end in ((first, middle), (middle, last)):
        if begin < number < end:
            yield begin + 1, end - 1


def _is_comment(line: t.Line) -> bool:
    return line.statement is None and line.comment is not None
