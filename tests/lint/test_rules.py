"""Every rule: its page, the example on it, and a fixture with expectations inside the source.

`tests/lint/<name of the flaw>.easm` holds programs, each after a line `#! case title`, with what
the rule finds written below the lines (tests/marked.py tells the forms) and clean ones with
nothing. Only findings of the fixture's own rule and of codes that the case names are compared; the
target is nvm unless the case says `#@ target evm`. Safe fixes are applied and must mend.

To write a fixture, write the programs without expectations and run
`PYTHONPATH=. python tests/lint/test_rules.py NAME`, which prints it with what the rule finds.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nvm_lsp.assembler import FileLoader, assemble
from nvm_lsp.diagnostics import Applicability, Diagnostic, Severity
from nvm_lsp.lint import suppressions
from nvm_lsp.lint.linter import examine, rules
from nvm_lsp.source import split_lines
from nvm_lsp.syntax import parse_lines
from tests.marked import Case, applied, cases, finding, written

FIXTURES = Path(__file__).parent
RULES = {
    **{rule.kind.name: rule for rule in rules() if rule.check.__module__.startswith("nvm_lsp.")},
    **{kind.name: SimpleNamespace(kind=kind) for kind in suppressions.KINDS},
}
HEADINGS = ["## What it does", "## Why it is bad", "## Example", "## What to do"]
TARGET = re.compile(r"^\s*#@ +target +(nvm|evm)\s*$", re.MULTILINE)


def found_in(text: str, path: str) -> list[Diagnostic]:
    """What lint finds in a program; a fixture's errors are its author's, so they are said."""
    target = TARGET.search(text)
    assembly = assemble(parse_lines(path, split_lines(text)), loader=FileLoader())
    found = examine(assembly, target[1] if target else "nvm")
    assert not found.failures, found.failures
    return [
        replace(d, message=d.message.replace(f"{FIXTURES}/", ""))
        for d in found.diagnostics
        if d.location.path == path
    ]


def relevant(case: Case, path: Path) -> list[Diagnostic]:
    """The findings of the fixture's rule, of the codes that the case names, and faults."""
    own = {RULES[path.stem].kind.code} | {found.code for found in case.expected}
    return [d for d in found_in(case.text, str(path)) if d.code in own or is_fault(d)]


def is_fault(diagnostic: Diagnostic) -> bool:
    """The program does not assemble, so that no rule looked at it."""
    return diagnostic.code.startswith(("SYN", "ASM")) and diagnostic.severity is Severity.ERROR


def check(path: Path) -> None:
    """Compares what is found in a fixture's programs with what is written there."""
    for case in cases(split_lines(path.read_text())):
        expected = sorted(case.expected)
        found = relevant(case, path)
        # Fixes are compared where the case writes any: then all of that diagnostic's.
        with_fixes = {(f.line, f.start, f.code) for f in expected if f.fixes}
        got = []
        for diagnostic in found:
            plain = finding(diagnostic)
            wanted = (plain.line, plain.start, plain.code) in with_fixes
            got.append(finding(diagnostic, case.text) if wanted else plain)
        assert sorted(got) == expected, (
            f"{path.name}, case {case.title!r}; if what is found is right, write\n"
            + "\n".join(f"{f.line:4} {line}" for f in sorted(got) for line in written(f))
        )
        for diagnostic in found:
            check_safe_fixes(diagnostic, case, path)


def check_safe_fixes(diagnostic: Diagnostic, case: Case, path: Path) -> None:
    """After a safe fix the program assembles, and the flaw is gone."""
    for fix in diagnostic.fixes:
        if fix.applicability is not Applicability.SAFE:
            continue
        if any(edit.location.path != str(path) for edit in fix.edits):
            continue
        before = [d for d in found_in(case.text, str(path)) if d.code == diagnostic.code]
        after = found_in(applied(fix, case.text), str(path))
        assert not [d for d in after if is_fault(d)], (
            f"{path.name}, case {case.title!r}: the program no longer assembles after {fix.title!r}"
        )
        assert len([d for d in after if d.code == diagnostic.code]) < len(before), (
            f"{path.name}, case {case.title!r}: {fix.title!r} does not mend {diagnostic.message!r}"
        )


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.easm")), ids=lambda path: path.stem)
def test_fixture(path):
    assert path.stem in RULES, f"{path.name} must bear the name of a rule"
    check(path)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_fixture_with_a_flawed_and_a_clean_case(name):
    path = FIXTURES / f"{name}.easm"
    assert path.exists(), f"write tests/lint/{path.name}; see the docstring of this file"
    code = RULES[name].kind.code
    found = cases(split_lines(path.read_text()))
    flawed = [code in {f.code for f in case.expected} for case in found]
    assert True in flawed, f"{path.name} needs a case in which {code} is found"
    assert False in flawed, f"{path.name} needs a case in which {code} is not found"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.kind.code)
def test_a_page_has_its_headings_and_an_example_that_shows_the_flaw(rule):
    page = rule.kind.page
    assert [line for line in page.splitlines() if line.startswith("## ")] == HEADINGS
    assert len(rule.kind.summary) <= 100, "the first paragraph is the summary in lists"
    example = re.search(r"## Example\n(?:[^#]*?\n)?```easm\n(.*?)```", page, re.DOTALL)
    assert example is not None, "an example is a block that begins with ```easm"
    # Includes in examples are from the root of the repository.
    found = found_in(example[1], str(FIXTURES.parents[1] / "example.easm"))
    codes = [d.code for d in found]
    assert rule.kind.code in codes, f"the example gives {codes}, not {rule.kind.code}"
    assert not [d for d in found if is_fault(d)], "the example must assemble"


def test_names_and_codes_are_of_one_form():
    for rule in RULES.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.kind.name)
        assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.kind.code)
        assert rule.kind.severity is not Severity.OFF


def propose(name: str) -> None:
    """Prints a fixture with what is found in it now, for its author to judge."""
    path = FIXTURES / f"{name}.easm"
    lines = split_lines(path.read_text())
    proposed: dict[int, list[str]] = {}
    for case in cases(lines):
        for diagnostic in relevant(case, path):
            found = finding(diagnostic, case.text)
            proposed.setdefault(found.line, []).extend(written(found))
    for number, line in enumerate(lines, 1):
        if not line.startswith("#!") or line.startswith("#! case "):
            print(line, end="")
            print("".join(f"{text}\n" for text in proposed.get(number, [])), end="")


if __name__ == "__main__":
    propose(sys.argv[1])
