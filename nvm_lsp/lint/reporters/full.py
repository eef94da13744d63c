"""The format ``full``: each finding with its source line, and all that is known about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from nvm_lsp.diagnostics import Applicability, Diagnostic, Severity
from nvm_lsp.lint.escaping import visible
from nvm_lsp.lint.report import Report, Reporter, Style
from nvm_lsp.source import Location

__all__ = ["REPORTER", "heading"]

#: Characters of a source line that are shown at most.
_SHOWN = 200
_COLORS = {
    Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "1;34", Severity.HINT: "1;36",
}
_BOLD, _DIM, _CYAN = "1", "2", "36"


def _write(report: Report, stream: TextIO, style: Style) -> None:
    for file in report.files:
        for diagnostic in file.diagnostics:
            stream.writelines(f"{line}\n" for line in _lines(report, diagnostic, style))


REPORTER = Reporter("full", "source line, marks, notes and fixes", _write)


def heading(diagnostic: Diagnostic, style: Style) -> str:
    """``path:line:column: severity[CODE] message`` on one line; numbers count from one."""
    severity = _paint(diagnostic.severity.value, _COLORS[diagnostic.severity], style)
    place = _paint(visible(str(diagnostic.location)), _BOLD, style)
    return f"{place}: {severity}[{diagnostic.code}] {visible(' '.join(_split(diagnostic.message)))}"


def _lines(report: Report, diagnostic: Diagnostic, style: Style) -> Iterator[str]:
    yield heading(diagnostic, style)
    color = _COLORS[diagnostic.severity]
    yield from _excerpt(report, diagnostic.location, style, color)
    for other in diagnostic.related:
        place = visible(str(other.location))
        yield f"  {_paint(place, _BOLD, style)}: {visible(' '.join(_split(other.message)))}"
    if diagnostic.hint:
        first, *more = _split(diagnostic.hint)
        yield f"  {_paint('hint', _CYAN, style)}: {visible(first)}"
        yield from (f"        {visible(line)}" for line in more)
    for fix in diagnostic.fixes:
        safety = "" if fix.applicability is Applicability.SAFE else f" ({fix.applicability.value})"
        yield f"  {_paint('fix', _CYAN, style)}{safety}: {visible(' '.join(_split(fix.title)))}"


def _excerpt(report: Report, location: Location, style: Style, color: str) -> Iterator[str]:
    """The line with marks below what is meant; nothing where the source is not to be had."""
    start, end = location.span.start, location.span.end
    text = report.line(location.path, start.line)
    if not text:
        return
    stop = end.column if end.line == start.line else len(text)
    # Of a line far too long for a terminal, the part that matters.
    begin = max(0, start.column - _SHOWN // 2) if len(text) > _SHOWN else 0
    shown = visible(text[begin : begin + _SHOWN], keep="\t")
    before, marked = shown[: start.column - begin], shown[start.column - begin : stop - begin]
    blank = "".join("\t" if c == "\t" else " " * _columns(c) for c in before)
    marks = "^" * max(_columns(marked), 1)
    number = str(start.line + 1)
    bar = _paint("|", _DIM, style)
    yield f"{_paint(number, _DIM, style)} {bar} {shown}"
    yield f"{' ' * len(number)} {bar} {blank}{_paint(marks, color, style)}"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 -- seldom needed, and not cheap to import

    return cell_len(text)


def _split(text: str) -> list[str]:
    return [line for line in text.splitlines() if line] or [""]


def _paint(text: str, color: str, style: Style) -> str:
    return f"\x1b[{color}m{text}\x1b[0m" if style.color else text
