"""Positions of an editor and positions of ours, in the negotiated encoding (LSP 3.17, Position).

The only module that knows of code units.
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types as lsp

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.source import Document, Position, Span

__all__ = ["Converter"]

_SEVERITIES = {
    Severity.ERROR: 1,
    Severity.WARNING: 2,
    Severity.INFO: 3,
    Severity.HINT: 4,
}


class Converter:
    """Converts positions; ``encoding`` is what was negotiated in initialize."""

    def __init__(self, encoding: str = "utf-16") -> None:
        self.encoding = encoding

    def units(self, line: str, column: int) -> int:
        """Code units before a column of a line."""
        if self.encoding == "utf-32" or line.isascii():
            return min(column, len(line))
        if self.encoding == "utf-8":
            return len(line[:column].encode("utf-8", "surrogatepass"))
        return len(line[:column].encode("utf-16-le", "surrogatepass")) // 2

    def column(self, line: str, units: int) -> int:
        """The column that so many code units make; inside a character, its start."""
        if self.encoding == "utf-32" or line.isascii():
            return min(units, len(line))
        passed = 0
        for column, character in enumerate(line):
            if self.encoding == "utf-8":
                width = len(character.encode("utf-8", "surrogatepass"))
            else:
                width = 2 if ord(character) > 0xFFFF else 1
            if passed + width > units:
                return column
            passed += width
        return len(line)

    def position(self, document: Document, position: lsp.Position) -> Position:
        """An editor's position as ours."""
        return self._position(document, position.line, position.character)

    def _position(self, document: Document, number: int, units: int) -> Position:
        if number >= len(document.lines):
            return Position(len(document.lines), 0)
        if number < 0 or units < 0:
            return Position(max(number, 0), 0)
        return Position(number, self.column(document.lines[number], units))

    def span(self, document: Document, range_: lsp.Range) -> Span:
        return Span(self.position(document, range_.start), self.position(document, range_.end))

    def span_of_json(self, document: Document, range_: dict[str, Any]) -> Span:
        """A range as plain JSON as a span of ours."""
        return Span(
            self._position(document, range_["start"]["line"], range_["start"]["character"]),
            self._position(document, range_["end"]["line"], range_["end"]["character"]),
        )

    def range_json(self, document: Document | None, span: Span) -> dict[str, Any]:
        """A span as an LSP range, as plain JSON; without a document columns are taken as units."""
        return {
            "start": self._position_json(document, span.start),
            "end": self._position_json(document, span.end),
        }

    def _position_json(self, document: Document | None, position: Position) -> dict[str, int]:
        character = position.column
        if document is not None and position.line < len(document.lines):
            line = document.lines[position.line].rstrip("\r\n")
            character = self.units(line, position.column)
        return {"line": position.line, "character": character}

    def _visible(self, document: Document, span: Span) -> Span:
        """A span of something to be seen: what is missing at a line's end is seen just before."""
        if span.start.line != span.end.line or span.start.line >= len(document.lines):
            return span
        last = len(document.lines[span.start.line].rstrip("\r\n"))
        start = min(span.start.column, max(last - 1, 0))
        return Span.of_line(span.start.line, start, max(min(span.end.column, last), start))

    def diagnostic_json(
        self, document: Document, diagnostic: Diagnostic, uri_of: Any, documents: Any
    ) -> dict[str, Any]:
        """A diagnostic of ``document``; ``uri_of`` gives a path's URI, ``documents`` its text."""
        message = diagnostic.message
        if diagnostic.hint:
            message += f"\n{diagnostic.hint}"
        answer: dict[str, Any] = {
            "range": self.range_json(document, self._visible(document, diagnostic.location.span)),
            "severity": _SEVERITIES.get(diagnostic.severity, 3),
            "code": diagnostic.code,
            "source": "nvm-lsp",
            "message": message,
        }
        if diagnostic.related:
            answer["relatedInformation"] = [
                {
                    "location": {
                        "uri": uri_of(other.location.path),
                        "range": self.range_json(
                            documents(other.location.path), other.location.span
                        ),
                    },
                    "message": other.message,
                }
                for other in diagnostic.related
            ]
        return answer
