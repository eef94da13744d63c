"""The format ``sarif``: SARIF 2.1.0, as code scanning and editors read it.

Section numbers are those of the standard, "Static Analysis Results Interchange Format (SARIF)
Version 2.1.0 Plus Errata 01", OASIS, 2023.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any, TextIO

from nvm_lsp.diagnostics import Diagnostic, Fix, Kind, Related, Severity
from nvm_lsp.lint.escaping import (
    file_uri,
    relative_to_root,
    relative_uri,
    repository_root,
    scalars,
)
from nvm_lsp.lint.report import Failure, Report, Reporter, Style
from nvm_lsp.source import Location, Span

__all__ = ["REPORTER"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_BASE = "SRCROOT"
_LEVELS = {
    Severity.ERROR: "error", Severity.WARNING: "warning",
    Severity.INFO: "note", Severity.HINT: "note", Severity.OFF: "none",
}
_FENCE = re.compile(r"^```.*\n?", re.MULTILINE)


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_Run(report).as_json()]}
    json.dump(document, stream, indent=2, ensure_ascii=False)
    stream.write("\n")


REPORTER = Reporter("sarif", "SARIF 2.1.0, for code scanning", _write)


class _Run:
    """What a run object (3.14) refers to by index: its rules and artifacts."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._root = repository_root()
        self._rules: dict[str, int] = {}
        self._kinds: list[Kind] = []
        self._artifacts: dict[str, int] = {}
        for kind in report.rules:
            self._rule(kind)
        for file in report.files:
            self._artifact(file.path)

    def as_json(self) -> dict[str, Any]:
        results = list(self._results())
        internal = any(e.internal for file in self._report.files for e in file.errors)
        invocation: dict[str, Any] = {
            "executionSuccessful": not internal,
            "workingDirectory": {"uri": file_uri(os.getcwd()) + "/"},
            "toolExecutionNotifications": [
                self._notification(failure, file.path)
                for file in self._report.files
                for failure in file.errors
            ],
        }
        return {
            "tool": {
                "driver": {
                    "name": "nvm-lsp",
                    "version": self._report.version,
                    "semanticVersion": self._report.version,
                    "rules": [_rule(kind) for kind in self._kinds],
                }
            },
            "invocations": [invocation],
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {_BASE: {"uri": file_uri(self._root) + "/"}},
            "artifacts": [
                {"location": self._location_of(path, index=False), "sourceLanguage": "easm"}
                for path in self._artifacts
            ],
            "results": results,
        }

    def _results(self) -> Iterator[dict[str, Any]]:
        for file in self._report.files:
            for diagnostic, fingerprint in file.findings():
                yield self._result(diagnostic, fingerprint)

    def _result(self, diagnostic: Diagnostic, fingerprint: str) -> dict[str, Any]:
        hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
        result: dict[str, Any] = {
            "ruleId": diagnostic.code,
            "ruleIndex": self._rule(diagnostic.kind),
            "level": _LEVELS[diagnostic.severity],
            "message": {"text": _message(diagnostic.message + hint)},
            "locations": [self._location(diagnostic.location)],
            "partialFingerprints": {"nvmLspFinding/v1": fingerprint},
        }
        path = [other for other in diagnostic.related if other.is_step]
        others = [other for other in diagnostic.related if not other.is_step]
        if others:
            result["relatedLocations"] = [
                {"id": number, **self._location(other.location, other.message)}
                for number, other in enumerate(others, 1)
            ]
        if path:
            path.append(Related(diagnostic.location, diagnostic.message))
            flow = [{"location": self._location(s.location, s.message)} for s in path]
            result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
        if diagnostic.fixes:
            result["fixes"] = [self._fix(fix) for fix in diagnostic.fixes if fix.edits]
        return result

    def _fix(self, fix: Fix) -> dict[str, Any]:
        changes: dict[str, list[dict[str, Any]]] = {}
        for edit in fix.edits:
            changes.setdefault(edit.location.path, []).append(
                {
                    "deletedRegion": _region(edit.location.span),
                    "insertedContent": {"text": scalars(edit.text)},
                }
            )
        return {
            "description": {"text": scalars(fix.title)},
            "artifactChanges": [
                {"artifactLocation": self._location_of(path), "replacements": replacements}
                for path, replacements in changes.items()
            ],
            "properties": {"applicability": fix.applicability.value},
        }

    def _notification(self, failure: Failure, path: str) -> dict[str, Any]:
        hint = f"\n{failure.hint}" if failure.hint else ""
        return {
            "level": "error",
            "message": {"text": _message(failure.message + hint)},
            "locations": [{"physicalLocation": {"artifactLocation": self._location_of(path)}}],
        }

    def _location(self, location: Location, message: str = "") -> dict[str, Any]:
        line = self._report.line(location.path, location.span.start.line)
        region = _region(location.span)
        # A line of megabytes is no snippet.
        if line and location.span.start.line == location.span.end.line and len(line) < 1000:
            marked = line[location.span.start.column : location.span.end.column]
            if marked:
                region["snippet"] = {"text": scalars(marked)}
        found: dict[str, Any] = {
            "physicalLocation": {
                "artifactLocation": self._location_of(location.path), "region": region
            }
        }
        return found | ({"message": {"text": _message(message)}} if message else {})

    def _location_of(self, path: str, *, index: bool = True) -> dict[str, Any]:
        """An artifactLocation (3.4): from the repository's root where the file lies below it."""
        relative = "stdin" if path == "-" else relative_to_root(path, self._root)
        location: dict[str, Any]
        if relative is None:
            location = {"uri": file_uri(path)}
        else:
            location = {"uri": relative_uri(relative), "uriBaseId": _BASE}
        return location | ({"index": self._artifact(path)} if index else {})

    def _artifact(self, path: str) -> int:
        return self._artifacts.setdefault(path, len(self._artifacts))

    def _rule(self, kind: Kind) -> int:
        if kind.code not in self._rules:
            self._rules[kind.code] = len(self._kinds)
            self._kinds.append(kind)
        return self._rules[kind.code]


def _rule(kind: Kind) -> dict[str, Any]:
    """A reportingDescriptor (3.49). Its help is the rule's page."""
    page = kind.page.strip() or f"{kind.name}."  # a plugin's may have none
    paragraphs = [p for p in page.split("\n\n") if p.strip()]
    described = next((p for p in paragraphs[1:] if not p.startswith("```")), paragraphs[0])
    described = " ".join(described.partition("\n")[2].split() or described.split()) \
        if described.startswith("#") else " ".join(described.split())
    return {
        "id": kind.code,
        "name": "".join(word.capitalize() for word in kind.name.split("-")),
        "shortDescription": {"text": kind.summary or kind.name},
        "fullDescription": {"text": described or kind.summary or kind.name},
        "help": {"text": _FENCE.sub("", page), "markdown": page},
        "defaultConfiguration": {
            "enabled": kind.severity is not Severity.OFF, "level": _LEVELS[kind.severity]
        },
        "properties": {"tags": [kind.name], "problem.severity": _problem_severity(kind.severity)},
    }


def _problem_severity(severity: Severity) -> str:
    """What GitHub's code scanning sorts results without a security level by."""
    return {Severity.ERROR: "error", Severity.WARNING: "warning"}.get(severity, "recommendation")


def _region(span: Span) -> dict[str, Any]:
    """A region (3.30): from one, the end column exclusive."""
    return {
        "startLine": span.start.line + 1,
        "startColumn": span.start.column + 1,
        "endLine": span.end.line + 1,
        "endColumn": span.end.column + 1,
    }


def _message(text: str) -> str:
    """A plain text message (3.11.5), in which brackets would make links and braces placeholders."""
    return re.sub(r"([\\\[\]])", r"\\\1", scalars(text)).replace("{", "{{").replace("}", "}}")
