"""The results of tests in words and as reports: text, JSON, JUnit, lcov. It runs nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nvm_lsp.runner.expectations import Expectation
    from nvm_lsp.runner.testing import Result

__all__ = ["coverage", "junit", "place_of", "result_json", "show", "summary"]


def show(result: Result, name: str, quiet: bool) -> None:
    """Prints how a test ended, and what it got where it failed."""
    if result.passed:
        if not quiet:
            print(f"ok    {name}")
        return
    print(f"FAIL  {name}")
    if result.problem:
        print(f"  {result.problem}")
        return
    for finding in result.findings:
        if finding.passed:
            continue
        expectation = finding.expectation
        print(f"  {place_of(expectation)}: #= {finding.expected}")
        print(f"    expected  {finding.expected}")
        print(f"    got       {finding.got}")
        for line in finding.details:
            print(f"      {line}")
    print(f"  the run: {result.outcome}")


def result_json(test: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """A result as ``--json`` prints it behind what names the test; lines and columns from one."""
    return {
        **test,
        "passed": result.passed,
        "problem": result.problem or None,
        "outcome": result.outcome,
        "gas": {"used": result.gas_used, "native": result.native},
        "findings": [
            {
                "path": finding.expectation.place.path,
                "line": finding.expectation.place.line + 1,
                "column": finding.expectation.start + 1,
                "passed": finding.passed,
                "expected": finding.expected,
                "got": finding.got,
                "details": list(finding.details),
            }
            for finding in result.findings
        ],
    }


def coverage(results: Sequence[Result]) -> str:
    """Which lines were run, for lcov."""
    from nvm_lsp.runner.trace_formats import lcov_text, merged  # noqa: PLC0415

    return lcov_text(merged(r.covered for r in results if r.covered is not None))


def place_of(expectation: Expectation) -> str:
    """Where an expectation stands, as it is printed."""
    place = expectation.place
    return f"{place.path}:{place.line + 1}:{expectation.start + 1}"


def summary(results: Sequence[Result], elapsed: float) -> None:
    """Prints how many tests there were and how they ended; ``elapsed`` is in seconds."""
    failures = sum(not result.passed for result in results)
    checks = sum(len(result.findings) for result in results)
    counted = (
        f"{len(results)} test{'s' * (len(results) != 1)}, "
        f"{checks} expectation{'s' * (checks != 1)}"
    )
    verdict = f"{failures} failed" if failures else "all passed"
    print(f"{counted}: {verdict} ({elapsed:.1f} s)")


def junit(results: Sequence[Result], elapsed: float) -> str:
    """The results as a JUnit report; ``elapsed`` is in seconds."""
    from xml.etree import ElementTree  # noqa: PLC0415 -- only for this report

    failures = sum(not result.passed for result in results)
    suite = ElementTree.Element(
        "testsuite", name="nvm-lsp", tests=str(len(results)), failures=str(failures),
        errors="0", time=f"{elapsed:.3f}",
    )
    for result in results:
        name = result.test_id.rpartition("::")[2] if "::" in result.test_id else result.path
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.path, name=name, file=result.path
        )
        lines = [result.problem] if result.problem else []
        for finding in result.findings:
            if not finding.passed:
                place = place_of(finding.expectation)
                lines += [
                    f"{place}: expected {finding.expected}, got {finding.got}", *finding.details
                ]
        if lines:
            failure = ElementTree.SubElement(case, "failure", message=_xml_text(lines[0]))
            failure.text = _xml_text("\n".join([*lines, f"the run: {result.outcome}"]))
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _xml_text(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
