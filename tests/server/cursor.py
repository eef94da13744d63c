"""Positions written into texts: `|` is the cursor, two of them a selection."""

from __future__ import annotations

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
