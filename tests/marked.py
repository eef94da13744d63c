"""Expectations written inside a program: `#!` lines below a line say what is found in it.

A line `#! ^^^^ CODE message` has its carets under the marked columns of the last line that is
none of these; the message is the whole one. Further forms:

- `#! at COLUMN..COLUMN CODE message`: the same where the marked text begins in the first columns
  (one-based, the end exclusive);
- `#! fix safe: Title => line | line`, below a diagnostic: the fix, and the lines that it changes as
  they are afterwards, stripped; nothing after `=>` where lines only go away;
- `#! case title`: begins another program of the same fixture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from nvm_lsp.diagnostics import Diagnostic, Fix
from nvm_lsp.source import split_lines

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
    title, program, expected = "the whole file", [], []
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
            raise ValueError(f"line {number} is no expectation that tests/marked.py knows: {line}")
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
