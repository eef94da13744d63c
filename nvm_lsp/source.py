"""Source text as lines, and positions in it; it knows nothing of easm and does no input or output.

Lines and columns count from zero; columns count code points. Conversion to the code units of an
editor happens in the server, conversion to one-based numbers where text is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Document", "Location", "Position", "Span", "changed_lines", "split_lines"]

# str.splitlines also splits at these, which no editor counts as line ends.
_EXOTIC_SEPARATOR = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters of a text."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a text; the end is exclusive."""

    start: Position
    end: Position

    @staticmethod
    def of_line(line: int, start: int, end: int) -> Span:
        """The span of columns ``start`` to ``end`` in one line."""
        return Span(Position(line, start), Position(line, end))

    def __contains__(self, position: Position) -> bool:
        return self.start <= position <= self.end


@dataclass(frozen=True, slots=True)
class Location:
    """A span in a named file. ``path`` is what the file was opened as: a path, a URI or ``-``."""

    path: str
    span: Span

    def __str__(self) -> str:
        return f"{self.path}:{self.span.start.line + 1}:{self.span.start.column + 1}"


@dataclass(frozen=True, slots=True)
class Document:
    """An immutable text: its lines, each with its line end, so that joining them gives the text."""

    path: str
    lines: tuple[str, ...]
    version: int = 0

    @staticmethod
    def from_text(path: str, text: str, version: int = 0) -> Document:
        return Document(path, split_lines(text), version)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def replace(self, span: Span, text: str, version: int) -> tuple[Document, int, int, int]:
        """The document with ``span`` replaced, and what changed: first line, lines out, lines in.

        Positions past the end of a line or of the document mean that end (LSP 3.17, Position).
        """
        lines = self.lines
        first, start = self._clamp(span.start)
        last, end = self._clamp(span.end)
        if (last, end) < (first, start):
            last, end = first, start
        head = lines[first][:start] if first < len(lines) else ""
        tail = lines[last][end:] if last < len(lines) else ""
        stop = min(last + 1, len(lines))
        # A line end may be put together, or torn apart, across the edge of the edit.
        if first > 0 and not head and lines[first - 1][-1:] in ("\r", ""):
            first -= 1
            head = lines[first]
        if first == len(lines) and first > 0 and not lines[first - 1].endswith(("\n", "\r")):
            first -= 1
            head = lines[first]
        middle = head + text + tail
        while stop < len(lines) and not (
            middle.endswith("\n") or (middle.endswith("\r") and lines[stop] != "\n")
        ):
            middle += lines[stop]
            stop += 1
        new = split_lines(middle)
        first = min(first, len(lines))
        return (
            Document(self.path, lines[:first] + new + lines[stop:], version),
            first,
            stop - first,
            len(new),
        )

    def _clamp(self, position: Position) -> tuple[int, int]:
        if position.line >= len(self.lines):
            return len(self.lines), 0
        line = self.lines[position.line]
        return position.line, min(position.column, len(line.rstrip("\r\n")))


def changed_lines(before: Sequence[str], after: Sequence[str]) -> tuple[int, int, int]:
    """What differs between lines: the first that does, how many there were, how many there are."""
    shorter = min(len(before), len(after))
    first = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    same = next(
        (i for i in range(shorter - first) if before[-1 - i] != after[-1 - i]), shorter - first
    )
    return first, len(before) - same - first, len(after) - same - first


def split_lines(text: str) -> tuple[str, ...]:
    r"""The lines of a text with their ends, at ``\n``, ``\r\n`` and ``\r`` only (LSP 3.17, EOL)."""
    if _EXOTIC_SEPARATOR.search(text) is None:
        return tuple(text.splitlines(keepends=True))
    return tuple(_LINE.findall(text))
