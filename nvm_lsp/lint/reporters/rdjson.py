"""The format ``rdjson``: the Reviewdog Diagnostic Format, for review comments on any code host."""

from __future__ import annotations

import json
from typing import Any, TextIO

from nvm_lsp.diagnostics import Diagnostic, Fix, Severity
from nvm_lsp.lint.escaping import scalars
from nvm_lsp.lint.report import Report, Reporter, Style
from nvm_lsp.source import Position, Span

__all__ = ["REPORTER"]

_SEVERITIES = {
    Severity.ERROR: "ERROR", Severity.WARNING: "WARNING",
    Severity.INFO: "INFO", Severity.HINT: "INFO",
}


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    found: list[dict[str, Any]] = []
    for file in report.files:
        found += (
            {
                "message": scalars(failure.message),
                "location": {"path": scalars(file.path)},
                "severity": "ERROR",
            }
            for failure in file.errors
        )
        found += (_finding(report, diagnostic) for diagnostic in file.diagnostics)
    document = {"source": {"name": "nvm-lsp"}, "diagnostics": found}
    json.dump(document, stream, indent=2, ensure_ascii=False)
    stream.write("\n")


REPORTER = Reporter("rdjson", "Reviewdog Diagnostic Format", _write)


def _finding(report: Report, diagnostic: Diagnostic) -> dict[str, Any]:
    path, span = diagnostic.location.path, diagnostic.location.span
    hint = f"\nhint: {diagnostic.hint}" if diagnostic.hint else ""
    finding: dict[str, Any] = {
        "message": scalars(diagnostic.message + hint),
        "location": {"path": scalars(path), "range": _range(report, path, span)},
        "severity": _SEVERITIES[diagnostic.severity],
        "code": {"value": diagnostic.code},
        "original_output": scalars("\n".join(diagnostic.lines())),
    }
    suggestions = [s for fix in diagnostic.fixes if (s := _suggestion(report, path, fix))]
    if suggestions:
        finding["suggestions"] = suggestions
    if diagnostic.related:
        finding["related_locations"] = [
            {
                "message": scalars(other.message),
                "location": {
                    "path": scalars(other.location.path),
                    "range": _range(report, other.location.path, other.location.span),
                },
            }
            for other in diagnostic.related
        ]
    return finding


def _suggestion(report: Report, path: str, fix: Fix) -> dict[str, Any] | None:
    """A fix as the one replacement that a suggestion is, or None if it touches other files."""
    if not fix.edits or any(edit.location.path != path for edit in fix.edits):
        return None
    edits = sorted(fix.edits, key=lambda edit: edit.location.span)
    whole = Span(edits[0].location.span.start, edits[-1].location.span.end)
    text, last = "", whole.start
    for edit in edits:
        text += _between(report, path, last, edit.location.span.start) + edit.text
        last = edit.location.span.end
    return {"range": _range(report, path, whole), "text": scalars(text)}


def _between(report: Report, path: str, start: Position, end: Position) -> str:
    if start.line == end.line:
        return report.line(path, start.line)[start.column : end.column]
    lines = [report.line(path, start.line)[start.column :]]
    lines += (report.line(path, number) for number in range(start.line + 1, end.line))
    lines.append(report.line(path, end.line)[: end.column])
    return "\n".join(lines)


def _range(report: Report, path: str, span: Span) -> dict[str, Any]:
    return {
        "start": _position(report, path, span.start), "end": _position(report, path, span.end)
    }


def _position(report: Report, path: str, position: Position) -> dict[str, int]:
    """Columns count bytes of UTF-8 from one (reviewdog.proto, Position)."""
    before = report.line(path, position.line)[: position.column]
    return {"line": position.line + 1, "column": len(before.encode("utf-8", "replace")) + 1}
