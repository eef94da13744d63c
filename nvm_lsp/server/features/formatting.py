"""textDocument/formatting, range(s)Formatting and onTypeFormatting, as the fewest edits.

Lines with syntax errors stay as they are; the others are formatted all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler.references import structure
from nvm_lsp.configuration import FormatStyle
from nvm_lsp.formatter import format_lines, line_end
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import SyntaxTree, parse_line
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["format_edits", "handle", "handle_on_type", "handle_range", "handle_ranges"]

_MARK = "\ufeff"


def handle(server: NvmServer, params: lsp.DocumentFormattingParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    return _answer(server, opened, 0, opened.tree.line_count)


def handle_range(
    server: NvmServer, params: lsp.DocumentRangeFormattingParams
) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    return _answer(server, opened, *_lines_of(params.range))


def handle_ranges(
    server: NvmServer, params: lsp.DocumentRangesFormattingParams
) -> list[dict[str, Any]]:
    """Several ranges at once (LSP 3.18), as when only changed lines are formatted on saving."""
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    answer: list[dict[str, Any]] = []
    done = 0
    for first, stop in sorted(_lines_of(range_) for range_ in params.ranges):
        answer += _answer(server, opened, max(first, done), stop)
        done = max(done, stop)
    return answer


def _lines_of(range_: lsp.Range) -> tuple[int, int]:
    """The lines of a selection, the second excluded; whole lines end where the next begins."""
    start, end = range_.start, range_.end
    stop = end.line if end.character == 0 and end.line > start.line else end.line + 1
    return start.line, stop


def handle_on_type(
    server: NvmServer, params: lsp.DocumentOnTypeFormattingParams
) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None or not server.documents.settings.format.on_type:
        return []
    position = server.converter.position(opened.document, params.position)
    line = position.line
    if params.ch == "\n":
        line -= 1
    if not 0 <= line < opened.tree.line_count:
        return []
    statement = opened.tree.line(line).statement
    if params.ch == ":" and not (
        isinstance(statement, t.Label | t.PositionLabel) and statement.end == position.column
    ):
        return []
    return _answer(server, opened, line, line + 1)


def _answer(
    server: NvmServer, opened: OpenDocument, first: int, stop: int
) -> list[dict[str, Any]]:
    workspace = server.documents
    if not workspace.settings.format.enable or opened.too_large:
        return []
    style = workspace.file_settings(opened).format
    return [
        {"range": server.converter.range_json(opened.document, span), "newText": text}
        for span, text in format_edits(opened.tree, style, first, stop)
    ]


def format_edits(
    tree: SyntaxTree, style: FormatStyle, first: int, stop: int
) -> list[tuple[Span, str]]:
    """Edits that format lines ``first`` to ``stop``, excluded; none where nothing changes."""
    first, stop = max(first, 0), min(stop, tree.line_count)
    if first >= stop:
        return []
    # Comments are aligned in lines that stand together, so their neighbours count.
    low, high = first, stop
    while low > 0 and tree.line(low - 1).statement is not None:
        low -= 1
    while high < tree.line_count and tree.line(high).statement is not None:
        high += 1
    lines = [_formattable(_line(tree, number)) for number in range(low, high)]
    new = format_lines(lines, style, _depth(tree, low)).split("\n")[:-1]
    end = line_end(tree)
    edits = _of_lines(lines, new, low, end)
    edits += _of_blanks(lines, low, end, keep_last=high < tree.line_count, at_start=low == 0)
    if high == tree.line_count and lines and not _is_blank(lines[-1]):
        edits += _final_line_end(tree)
    if tree.line(0).text.startswith(_MARK):
        edits = [(_behind_mark(span), text) for span, text in edits]
    return _joined([
        edit for edit in sorted(edits, key=lambda edit: edit[0])
        if first <= edit[0].start.line and (edit[0].end.line, edit[0].end.column) <= (stop, 0)
        and (edit[1] or edit[0].start != edit[0].end)  # of nothing but a mark nothing changes
    ])


def _joined(edits: list[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """The edits, those that touch as one, so that it does not matter in which order they come."""
    joined: list[tuple[Span, str]] = []
    for span, text in edits:
        if joined and joined[-1][0].end == span.start:
            before, start = joined.pop()
            joined.append((Span(before.start, span.end), start + text))
        else:
            joined.append((span, text))
    return joined


def _behind_mark(span: Span) -> Span:
    """A span in the text without its mark as one in the text with it."""
    start, end = (
        Position(0, place.column + 1) if place.line == 0 else place
        for place in (span.start, span.end)
    )
    return Span(start, end)


def _line(tree: SyntaxTree, number: int) -> t.Line:
    """A line, the first without the byte order mark that most editors keep to themselves."""
    line = tree.line(number)
    is_marked = number == 0 and line.text.startswith(_MARK)
    return parse_line(line.text[1:]) if is_marked else line


def _formattable(line: t.Line) -> t.Line:
    """The line, or, if something is wrong with it, one that the others do not align with."""
    node = line.statement
    if not line.problems or node is None:
        return line
    return t.Line(line.text, t.Malformed(node.start, node.end, "", None), None, line.problems)


def _depth(tree: SyntaxTree, line: int) -> int:
    """How many blocks a line stands in."""
    return sum(
        block.first < line <= block.last
        and not isinstance(tree.line(block.first).statement, t.Malformed)
        for block in structure(tree).blocks
    )


def _is_blank(line: t.Line) -> bool:
    return line.statement is None and line.comment is None


def _of_lines(
    lines: Sequence[t.Line], new: list[str], low: int, line_end: str
) -> list[tuple[Span, str]]:
    """Edits within lines. The formatter neither adds nor removes a line that is not blank."""
    edits: list[tuple[Span, str]] = []
    written = iter([text for text in new if text])
    for number, line in enumerate(lines, low):
        if _is_blank(line):
            continue
        before, after = line.text.rstrip("\r\n"), next(written)
        if line.problems:
            after = before
        start = _common(before, after)
        other = _other_line_end(line, line_end)
        if other:  # one edit, because clients differ about two that meet
            edits.append((Span(Position(number, start), Position(number + 1, 0)),
                          after[start:] + line_end))
        elif before != after:
            end = _common(before[start:][::-1], after[start:][::-1])
            span = Span.of_line(number, start, len(before) - end)
            edits.append((span, after[start : len(after) - end]))
    return edits


def _common(one: str, other: str) -> int:
    """Length of what two texts begin with alike."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


def _of_blanks(
    lines: Sequence[t.Line], low: int, line_end: str, *, keep_last: bool, at_start: bool
) -> Iterator[tuple[Span, str]]:
    """Of blank lines that stand together one is kept, and none at the ends of the file."""
    begin = 0
    while begin < len(lines):
        if not _is_blank(lines[begin]):
            begin += 1
            continue
        end = begin
        while end < len(lines) and _is_blank(lines[end]):
            end += 1
        kept = (begin > 0 or not at_start) and (end < len(lines) or keep_last)
        first = begin + 1 if kept else begin
        content = lines[begin].text.rstrip("\r\n")
        if kept and _other_line_end(lines[begin], line_end):
            yield Span(Position(low + begin, 0), Position(low + begin + 1, 0)), line_end
        elif kept and content:
            yield Span.of_line(low + begin, 0, len(content)), ""
        if first < end:
            last = lines[end - 1].text
            stop = Position(low + end, 0)
            if not last.endswith(("\n", "\r")):
                stop = Position(low + end - 1, len(last))
            yield Span(Position(low + first, 0), stop), ""
        begin = end


def _other_line_end(line: t.Line, end: str) -> bool:
    """Whether a line ends in another way than the first one does; all are to end as that one.

    What a file's lines end in at all is the editor's to say.
    """
    return line.text[len(line.text.rstrip("\r\n")) :] not in ("", end)


def _final_line_end(tree: SyntaxTree) -> Iterator[tuple[Span, str]]:
    """Ends the last line as the first one ends."""
    last = tree.line(tree.line_count - 1).text
    if not last.endswith(("\n", "\r")):
        yield Span.of_line(tree.line_count - 1, len(last), len(last)), line_end(tree)
