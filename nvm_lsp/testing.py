"""Tests of lint rules: a program with its expectations inside, checked by `RuleTester`.

A line `#! ^^^^ CODE message` has its carets under the marked columns of the last line that is
none of these; the message is the whole one. Further forms:

- `#! at COLUMN..COLUMN CODE message`: the same where the marked text begins in the first columns
  (one-based, the end exclusive);
- `#! fix safe: Title => line | line`, below a diagnostic: the fix, and the lines that it changes as
  they are afterwards, stripped; nothing after `=>` where lines only go away;
- `#! case title`: begins another program of the same fixture.

It knows no test framework: what is wrong is an AssertionError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from nvm_lsp.assembler import MemoryLoader, assemble_text
from nvm_lsp.diagnostics import Applicability, Diagnostic, Fix, Severity
from nvm_lsp.lint.linter import flaw_of
from nvm_lsp.lint.rule import LintContext, Rule
from nvm_lsp.source import split_lines

__all__ = ["Case", "Finding", "RuleTester", "applied", "cases", "finding", "written"]

_PATH = "test.easm"


class RuleTester:
    """Checks rules against programs that say what is found in them.

    ``RuleTester(RULE).check(text)``. ``files`` are the programs' includes; ``target`` is ``nvm`` or
    ``evm``; ``fork`` that of the programs which do not name one.
    """

    def __init__(
        self, *rules: Rule, target: str = "nvm", fork: str | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.rules = rules
        self.target = target
        self.fork = fork
        self.files = dict[str, str | bytes](files or {})

    def check(self, text: str) -> None:
        """Compares what the rules find with what the text expects, in each of its cases.

        A fix that calls itself safe is applied, and must leave a program without that finding.

        Raises:
            AssertionError: the two differ; the message has the lines that would expect what was
                found.
        """
        for case in cases(split_lines(text)):
            found = self.find(case.text)
            has_fixes = any(expected.fixes for expected in case.expected)
            findings = [finding(d, case.text if has_fixes else "") for d in found]
            if sorted(findings) != sorted(case.expected):
                raise AssertionError(_difference(case, findings))
            for diagnostic in found:
                self._check_safe_fixes(diagnostic, case.text)

    def find(self, text: str) -> list[Diagnostic]:
        """What the rules find in a program, in the order of the text.

        Raises:
            AssertionError: the program does not assemble, or a rule gives what cannot be shown.
        """
        assembly = assemble_text(
            text, path=_PATH, fork=self.fork, loader=MemoryLoader(dict(self.files))
        )
        errors = [d for d in assembly.diagnostics if d.severity is Severity.ERROR]
        if errors:
            raise AssertionError("the program has errors:\n" + "\n".join(errors[0].lines()))
        context = LintContext(assembly, self.target)
        found = []
        for rule in self.rules:
            given = list(rule.check(context))
            problem = flaw_of(rule, context, given)
            if problem:
                raise AssertionError(problem)
            found += given
        return sorted(found, key=lambda diagnostic: diagnostic.sort_key)

    def _check_safe_fixes(self, diagnostic: Diagnostic, text: str) -> None:
        for fix in diagnostic.fixes:
            if fix.applicability is Applicability.SAFE:
                after = self.find(applied(fix, text))
                before = self.find(text)
                if _count(after, diagnostic) >= _count(before, diagnostic):
                    raise AssertionError(
                        f"the fix {fix.title!r} does not mend: {diagnostic.message}"
                    )


def _count(found: list[Diagnostic], wanted: Diagnostic) -> int:
    return sum(d.code == wanted.code and d.message == wanted.message for d in found)


def _difference(case: Case, findings: list[Finding]) -> str:
    lines = [f"in {case.title}:"]
    for missing in sorted(set(case.expected) - set(findings)):
        lines += [f"line {missing.line}: not found", *written(missing)]
    for extra in sorted(set(findings) - set(case.expected)):
        lines += [f"line {extra.line}: found, and not expected", *written(extra)]
    return "\n".join(lines)


_CARETS = re.compile(r"#!(?P<pad> *)(?P<carets>\^+) (?P<code>[A-Z]+\d+) (?P<message>.*)")
_AT = re.compile(r"#! at (?P<start>\d+)\.\.(?P<end>\d+) (?P<code>[A-Z]+\d+) (?P<message>.*)")
_FIX = re.compile(r"#! fix (?P<safety>\w+): (?P<title>.*?) =>(?: (?P<lines>.*))?")
_CASE = re.compile(r"#! case (?P<title>.*)")


@dataclass(frozen=True, order=True)
class Finding:
    """What is said about a stretch of a line; numbers count from one, the end is exclusive."""

    line: int
    start: int
    end: int
    code: str
    message: str
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A program and what must be found in it. Its lines stand where they do in the fixture."""

    title: str
    text: str
    expected: list[Finding] = field(default_factory=list)


def cases(lines: Iterable[str]) -> Iterator[Case]:
    """The programs of a fixture, one without `#! case`."""
    title = "the whole file"
    program: list[str] = []
    expected: list[Finding] = []
    flawed = begin = 0
    for number, line in enumerate(lines, 1):
        stripped = line.rstrip("\r\n")
        if not stripped.startswith("#!"):
            program.append(line)
            flawed = number
            continue
        program.append("#\n")
        if (found := _CASE.fullmatch(stripped)) is not None:
            if any(text.strip("#\n ") for text in program[begin:]):
                yield Case(title, "".join(program), expected)
            # Blank lines instead of the programs before keep the line numbers.
            title, program, expected = found["title"], ["\n"] * number, []
            begin = number
        elif (found := _CARETS.fullmatch(stripped)) is not None:
            start, end = found.start("carets") + 1, found.end("carets") + 1
            expected.append(Finding(flawed, start, end, found["code"], found["message"]))
        elif (found := _AT.fullmatch(stripped)) is not None:
            start, end = int(found["start"]), int(found["end"])
            expected.append(Finding(flawed, start, end, found["code"], found["message"]))
        elif (found := _FIX.fullmatch(stripped)) is not None and expected:
            last = expected.pop()
            fixes = (*last.fixes, stripped.removeprefix("#! fix ").rstrip())
            expected.append(
                Finding(last.line, last.start, last.end, last.code, last.message, fixes)
            )
        else:
            raise ValueError(f"line {number} is no expectation: {line}")
    yield Case(title, "".join(program), expected)


def finding(diagnostic: Diagnostic, text: str = "") -> Finding:
    """A diagnostic as it is written in fixtures; with the fixes if the program's text is given."""
    span = diagnostic.location.span
    return Finding(
        span.start.line + 1,
        span.start.column + 1,
        max(span.end.column, span.start.column + 1) + 1,
        diagnostic.code,
        diagnostic.message,
        tuple(_described(fix, text) for fix in diagnostic.fixes) if text else (),
    )


def applied(fix: Fix, text: str) -> str:
    """The text after a fix of it.

    Raises:
        ValueError: edits overlap.
    """
    lines = split_lines(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    edits = sorted(
        (
            starts[edit.location.span.start.line] + edit.location.span.start.column,
            starts[edit.location.span.end.line] + edit.location.span.end.column,
            edit.text,
        )
        for edit in fix.edits
    )
    for (_, end, _), (start, _, _) in pairwise(edits):
        if start < end:
            raise ValueError(f"edits of the fix {fix.title!r} overlap")
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    return text


def written(found: Finding) -> list[str]:
    """The `#!` lines that expect this: what a failing test proposes."""
    width = found.end - found.start
    if found.start > 2 and "\n" not in found.message:
        first = f"#!{' ' * (found.start - 3)}{'^' * width} {found.code} {found.message}"
    else:
        first = f"#! at {found.start}..{found.end} {found.code} {found.message}"
    return [first, *(f"#! fix {fix}" for fix in found.fixes)]


def _described(fix: Fix, text: str) -> str:
    before, after = text.splitlines(), applied(fix, text).splitlines()
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    lines = " | ".join(line.strip() for line in after if line.strip("# \t"))
    return f"{fix.applicability.value}: {fix.title} => {lines}".rstrip()
