"""The format ``gitlab``: a Code Quality report, which GitLab shows in merge requests."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, TextIO

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.escaping import relative_to_root, repository_root, scalars
from nvm_lsp.lint.report import Failure, Report, Reporter, Style

__all__ = ["REPORTER"]

_SEVERITIES = {
    Severity.ERROR: "critical", Severity.WARNING: "major",
    Severity.INFO: "minor", Severity.HINT: "info",
}


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    root = repository_root()
    issues: dict[str, dict[str, Any]] = {}  # GitLab takes no fingerprint twice
    for file in report.files:
        for failure in file.errors:
            issue = _failure(failure, _path(file.path, root))
            issues.setdefault(issue["fingerprint"], issue)
        for diagnostic, fingerprint in file.findings():
            issue = _finding(diagnostic, fingerprint, _path(diagnostic.location.path, root))
            issues.setdefault(issue["fingerprint"], issue)
    json.dump(list(issues.values()), stream, indent=2, ensure_ascii=False)
    stream.write("\n")


REPORTER = Reporter("gitlab", "GitLab Code Quality report", _write)


def _finding(diagnostic: Diagnostic, fingerprint: str, path: str) -> dict[str, Any]:
    start, end = diagnostic.location.span.start, diagnostic.location.span.end
    return {
        "description": scalars(f"{diagnostic.code} {diagnostic.message}"),
        "check_name": diagnostic.code,
        "fingerprint": _digest(path, fingerprint),
        "severity": _SEVERITIES[diagnostic.severity],
        "location": {
            "path": path,
            "positions": {
                "begin": {"line": start.line + 1, "column": start.column + 1},
                "end": {"line": end.line + 1, "column": end.column + 1},
            },
            "lines": {"begin": start.line + 1, "end": end.line + 1},
        },
    }


def _failure(failure: Failure, path: str) -> dict[str, Any]:
    return {
        "description": scalars(failure.message),
        "check_name": "internal-error" if failure.internal else "unreadable",
        "fingerprint": _digest(path, failure.message),
        "severity": "blocker",
        "location": {"path": path, "lines": {"begin": 1, "end": 1}},
    }


def _path(path: str, root: str) -> str:
    return scalars("stdin" if path == "-" else relative_to_root(path, root) or path)


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
