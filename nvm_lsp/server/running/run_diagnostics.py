"""What runs and tests have found wrong, as diagnostics at the lines where it happened.

Clients that would not ask for inlay hints again after a run get as diagnostics, too, how it ended
and what its probes have shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nvm_lsp.source import Location, Position, Span

if TYPE_CHECKING:
    from nvm_lsp.server.running.runs import Result, TestRun
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["run_diagnostics"]

_ERROR, _INFORMATION = 1, 3  # LSP 3.17, DiagnosticSeverity
_UNNECESSARY = 1  # LSP 3.17, DiagnosticTag: shown faded
_FAILED = ("revert", "halt", "limit")
_MOST_CALLS = 5
_STALE = "(from before the last edits)"


def run_diagnostics(server: NvmServer, opened: OpenDocument) -> list[dict[str, Any]]:
    """The failure of the last run, and the expectations that the last tests found unmet.

    Once the text has changed they move with their lines, say so, and are shown faded.
    """
    found: list[dict[str, Any]] = []
    result = server.runs.results.get(opened.uri)
    if result is not None and result.json["outcome"] in _FAILED:
        found += _failure(server, opened, result)
    if result is not None and server.settings.inlay_hints.results and not _sees_hints(server):
        found += _shown(server, opened, result)
    tests = server.runs.tests.get(opened.uri)
    if tests is not None:
        found += _unmet(server, opened, tests)
    return found


def _sees_hints(server: NvmServer) -> bool:
    """Whether the client shows the inlay hints of a run as soon as it has ended."""
    workspace = server.client_capabilities.workspace
    hints = workspace.inlay_hint if workspace is not None else None
    return hints is not None and bool(hints.refresh_support)


def _shown(server: NvmServer, opened: OpenDocument, result: Result) -> Iterator[dict[str, Any]]:
    """What inlay hints would show of a run: its probes, and how it ended if it did not fail."""
    from nvm_lsp.server.features.inlay_hint import (  # noqa: PLC0415 -- only such clients need it
        probe_label,
        result_label,
    )

    place, stale = result.json["last"], result.version != opened.version
    rows = [
        (row["line"], "probe", f"{row['text'].strip()} {probe_label(row)}")
        for row in result.json["probes"]
        if row["file"] == opened.document.path
    ]
    if result.json["outcome"] not in _FAILED:
        end = place["line"] if place is not None and place["line"] is not None else 1
        rows.append((end, result.json["outcome"], result_label(result.json, stale=False)))
    for old, code, message in rows:
        line = result.moves.now(old - 1)
        if line is not None:
            yield _diagnostic(
                server, opened, line, stale, source="nvm-lsp run", code=code, message=message,
                severity=_INFORMATION, related=[],
            )


def _failure(
    server: NvmServer, opened: OpenDocument, result: Result
) -> Iterator[dict[str, Any]]:
    place = result.json["last"]
    old = place["line"] - 1 if place is not None and place["line"] is not None else 0
    line = result.moves.now(old)
    if line is None:
        return
    yield _diagnostic(
        server, opened, line, result.version != opened.version, source="nvm-lsp run",
        code=result.json["outcome"], message=_said(result.json), severity=_ERROR,
        related=_path(server, opened, result, line),
    )


def _said(json: dict[str, Any]) -> str:
    """Why a run failed, in a sentence."""
    decoded = json["decoded"]
    outcome = json["outcome"]
    if outcome == "revert":
        data = json["return_data"]
        reason = decoded["reason"] or ("" if data == "0x" else data[:74] + "…" * (len(data) > 74))
        return f"the run reverts here: {reason}" if reason else "the run reverts here without data"
    detail = f" ({decoded['detail']})" if decoded["detail"] else ""
    what = "halts here" if outcome == "halt" else "was stopped here"
    return f"the run {what}: {json['error']}{detail}"


def _path(
    server: NvmServer, opened: OpenDocument, result: Result, line: int
) -> list[dict[str, Any]]:
    """The uses of macros and includes that led to the line, and the calls that failed before."""
    related = []
    origin = result.origin
    if origin is not None:
        if origin.location.span.start.line != origin.root_line or (
            origin.location.path != opened.document.path
        ):
            related.append(_related(server, opened, result, origin.location, "it happened here"))
        related += [
            _related(server, opened, result, use.location, use.message) for use in origin.uses
        ]
    here = Location(opened.document.path, Span.of_line(line, 0, 0))
    failed = [call for call in result.json["calls"] if not call["success"]]
    for call in failed[-_MOST_CALLS:]:
        target = call["label"] or call["to"]
        what = call["name"] or f"{call['data'][:10]}…"
        reason = call["reason"] or call["error"] or "reverted"
        message = f"{call['kind']} {target} {what} failed: {reason}"
        related.append(_related(server, opened, None, here, message))
    return related


def _related(
    server: NvmServer, opened: OpenDocument, result: Result | None, place: Location, message: str
) -> dict[str, Any]:
    span = place.span
    if result is not None and place.path == opened.document.path:
        line = result.moves.now(span.start.line)
        if line is not None:
            span = Span.of_line(line, span.start.column, span.end.column)
    document = server.documents.text_of(place.path)
    return {
        "location": {
            "uri": server.documents.uri_of(place.path),
            "range": server.converter.range_json(document, span),
        },
        "message": message,
    }


def _unmet(
    server: NvmServer, opened: OpenDocument, tests: TestRun
) -> Iterator[dict[str, Any]]:
    stale = tests.version != opened.version
    for case in tests.cases:
        name = f"case {case['name']}: " if case["name"] is not None else ""
        for row in case["findings"]:
            if row["passed"] or row["file"] != opened.document.path:
                continue
            line = tests.moves.now(row["line"] - 1)
            if line is not None:
                message = f"{name}expected {row['expected']}, got {row['got']}"
                yield _diagnostic(
                    server, opened, line, stale, source="nvm-lsp test", code="expectation",
                    message="\n".join([message, *row["details"]]), severity=_ERROR, related=[],
                    columns=(row["start"], row["end"]),
                )


def _diagnostic(
    server: NvmServer, opened: OpenDocument, line: int, stale: bool, *, source: str, code: str,
    message: str, severity: int, related: list[dict[str, Any]],
    columns: tuple[int, int] | None = None,
) -> dict[str, Any]:
    lines = opened.document.lines
    text = lines[line].rstrip("\r\n") if line < len(lines) else ""
    statement = opened.tree.line(line).statement if line < opened.tree.line_count else None
    if columns is not None and columns[1] <= len(text):
        start, end = columns
    elif statement is not None:
        start, end = statement.start, statement.end
    else:
        start, end = 0, len(text)
    span = Span(Position(line, start), Position(line, end))
    answer: dict[str, Any] = {
        "range": server.converter.range_json(opened.document, span),
        "severity": _INFORMATION if stale else severity,
        "code": code,
        "source": source,
        "message": f"{message} {_STALE}" if stale else message,
    }
    if stale:
        answer["tags"] = [_UNNECESSARY]
    if related:
        answer["relatedInformation"] = related
    return answer
