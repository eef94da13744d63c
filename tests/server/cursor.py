"""Positions written into texts: `|` is the cursor, two of them a selection."""

from __future__ import annotations

from itertools import pairwise

from lsprotocol import types as lsp


def at_cursor(marked: str, client: object = None) -> tuple[str, lsp.Position]:
    """The text without its mark, and where that stood."""
    before, mark, after = marked.partition("|")
    assert mark, "mark the cursor with |"
    return before + after, _position(before)


def selection(marked: str) -> tuple[str, lsp.Range]:
    """The text without its two marks, and the range between them."""
    before, inside, after = marked.split("|")
    return before + inside + after, lsp.Range(_position(before), _position(before + inside))


def _position(before: str) -> lsp.Position:
    line = before.count("\n")
    last = before.rsplit("\n", 1)[-1]
    return lsp.Position(line, len(last.encode("utf-16-le")) // 2)


def applied(text: str, edits: list[lsp.TextEdit]) -> str:
    """The text after edits of it, given in UTF-16 units as LSP orders them."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode("utf-16-le")))
    data = text.encode("utf-16-le")

    def offset(position: lsp.Position) -> int:
        if position.line >= len(lines):
            return len(data)
        return starts[position.line] + 2 * position.character

    places = [(offset(e.range.start), offset(e.range.end), e.new_text) for e in edits]
    for (_, end, _), (start, _, _) in pairwise(sorted(places, key=lambda place: place[:2])):
        assert end <= start, "edits overlap"
    # The last in the text first; of those at one place, the last in the list.
    ordered = sorted(enumerate(places), key=lambda item: (*item[1][:2], item[0]), reverse=True)
    for _, (start, end, new) in ordered:
        data = data[:start] + new.encode("utf-16-le") + data[end:]
    return data.decode("utf-16-le")
