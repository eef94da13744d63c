"""The format ``junit``: a test suite a file, a test a finding, for CI that knows tests.

Errors and warnings are failed tests; infos and hints pass, and stand in the test's output.
"""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from nvm_lsp.diagnostics import Severity
from nvm_lsp.lint.escaping import visible
from nvm_lsp.lint.report import FileReport, Report, Reporter, Style

__all__ = ["REPORTER"]

_FAILURES = frozenset({Severity.ERROR, Severity.WARNING})


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    from xml.etree import ElementTree  # noqa: PLC0415 -- only this format needs it

    suites = [_counts(file) for file in report.files]
    counts = {key: sum(suite[key] for suite in suites) for key in ("tests", "failures", "errors")}
    root = ElementTree.Element(
        "testsuites", {"name": "nvm-lsp lint", **_strings(counts), "time": "0"}
    )
    for file in report.files:
        suite = ElementTree.SubElement(root, "testsuite", _suite(file))
        for failure in file.errors:
            case = ElementTree.SubElement(suite, "testcase", _case(file.path, "lint"))
            error = ElementTree.SubElement(case, "error", {
                "message": _text(failure.message),
                "type": "internal error" if failure.internal else "unreadable",
            })
            error.text = _text(f"{failure.message}\n{failure.hint}".rstrip())
        seen: Counter[str] = Counter()
        for diagnostic in file.diagnostics:
            name = f"{diagnostic.code} {diagnostic.kind.name}"
            seen[name] += 1
            if seen[name] > 1:  # two tests of a name would count as one
                name += f" #{seen[name]}"
            case = ElementTree.SubElement(suite, "testcase", {
                **_case(diagnostic.location.path, name),
                "line": str(diagnostic.location.span.start.line + 1),
            })
            if diagnostic.severity in _FAILURES:
                found = ElementTree.SubElement(case, "failure", {
                    "message": _text(diagnostic.message), "type": diagnostic.severity.value,
                })
            else:
                found = ElementTree.SubElement(case, "system-out")
            found.text = _text("\n".join(diagnostic.lines()))
        if not file.diagnostics and not file.errors:
            ElementTree.SubElement(suite, "testcase", _case(file.path, "lint"))
    ElementTree.indent(root)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(ElementTree.tostring(root, encoding="unicode") + "\n")


REPORTER = Reporter("junit", "test results in the XML of JUnit", _write)


def _counts(file: FileReport) -> dict[str, int]:
    failures = sum(d.severity in _FAILURES for d in file.diagnostics)
    tests = len(file.diagnostics) + len(file.errors)
    return {"tests": max(tests, 1), "failures": failures, "errors": len(file.errors)}


def _suite(file: FileReport) -> dict[str, str]:
    return {"name": _text(file.path), **_strings(_counts(file)), "skipped": "0", "time": "0"}


def _case(path: str, name: str) -> dict[str, str]:
    return {"classname": _text(path), "name": name, "file": _text(path), "time": "0"}


def _strings(counts: dict[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}


def _text(text: str) -> str:
    return visible(text, keep="\n\t")
