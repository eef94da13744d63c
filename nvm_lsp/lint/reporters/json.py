"""The format ``json``: one array of all findings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from nvm_lsp.diagnostics import Fix, diagnostic_json
from nvm_lsp.lint.report import Report, Reporter, Style

__all__ = ["REPORTER", "findings"]


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    # All in ASCII, so that whatever a path holds comes back as it was.
    json.dump(list(findings(report)), stream, indent=2)
    stream.write("\n")


REPORTER = Reporter("json", "an array of findings", _write)


def findings(report: Report) -> Iterator[dict[str, Any]]:
    """Each finding as JSON: that of its diagnostic, with the fixes and the fingerprint."""
    for file in report.files:
        for diagnostic, fingerprint in file.findings():
            yield {
                **diagnostic_json(diagnostic),
                "fixes": [_fix(fix) for fix in diagnostic.fixes],
                "fingerprint": fingerprint,
            }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "applicability": fix.applicability.value,
        "edits": [
            {
                "file": edit.location.path,
                "line": edit.location.span.start.line + 1,
                "column": edit.location.span.start.column + 1,
                "end_line": edit.location.span.end.line + 1,
                "end_column": edit.location.span.end.column + 1,
                "text": edit.text,
            }
            for edit in fix.edits
        ],
    }
