"""Every diagnostic of parser and assembler, with expectations inside the fixtures.

A fixture is a program with flaws; what is found in a line stands below it in the form that
tests/marked.py tells. A fixture must give exactly the
diagnostics that are written in it, so each is a test against cascades, too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import nvm_lsp.assembler  # noqa: F401 -- defines the kinds
from nvm_lsp.assembler import FileLoader, Limits, MemoryLoader, assemble, assemble_text
from nvm_lsp.diagnostics import KINDS, Severity
from nvm_lsp.source import split_lines
from nvm_lsp.syntax import parse, parse_lines
from tests.marked import cases, finding

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(FIXTURES.glob("*.easm"))


def check(path: Path) -> None:
    """Assembles a fixture and compares its diagnostics with those that are written in it."""
    (case,) = cases(split_lines(path.read_text()))
    assembly = assemble(parse_lines(str(path), split_lines(case.text)), loader=FileLoader())
    got = [
        replace(
            finding(d),
            message=d.message.replace(f"{FIXTURES}/", "").replace(str(FIXTURES), "FIXTURES"),
        )
        for d in assembly.diagnostics
        if d.location.path == str(path)
    ]
    assert got == sorted(case.expected), path.name
    assert all(d.hint or d.kind.code in ("ASM009", "ASM019", "ASM025", "ASM013", "ASM005", "ASM027")
               for d in assembly.diagnostics), "every diagnostic tells a way out"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_fixture(path):
    check(path)


def test_every_kind_has_a_fixture():
    written = {
        found.code
        for path in FILES
        for case in cases(split_lines(path.read_text()))
        for found in case.expected
    }
    known = {code for code in KINDS if code.startswith(("SYN", "ASM"))}
    assert known - written == set()


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if k.code.startswith(("SYN", "ASM"))], ids=lambda k: k.code
)
def test_pages_have_their_headings_and_an_example_that_shows_the_flaw(kind):
    for heading in ("## What it means", "## Example", "## What to do"):
        assert heading in kind.page, f"{kind.code} lacks {heading!r}"
    example = re.search(r"## Example\n```easm\n(.*?)```", kind.page, re.DOTALL)
    if example is None:
        assert kind.code == "ASM008", "only a cycle needs more than one text"
        return
    found = assemble_text(example[1]).diagnostics
    assert [d.code for d in found] == [kind.code]
    assert all(d.severity is Severity.ERROR for d in found)


@pytest.mark.parametrize("body", ["# nothing", "ADD"])
def test_macros_that_multiply_end_with_one_error_each_use(body):
    text = f"%macro m0()\n{body}\n%end\n" + "".join(
        f"%macro m{n}()\n%m{n - 1}()\n%m{n - 1}()\n%end\n" for n in range(1, 60)
    )
    assembly = assemble(parse(text + "%m59()\nSTOP\n%m59()\n", "-"), limits=Limits(expansion=5_000))
    found = [(d.code, d.location.span.start.line) for d in assembly.diagnostics]
    assert found[-2:] == [("ASM027", 239), ("ASM027", 241)]
    assert len(found) == 2


@pytest.mark.parametrize("argument", ["0", "end"])
def test_arguments_of_arguments_are_computed_once(argument):
    # Otherwise the innermost one is computed 2^60 times.
    text = "%macro m0(a)\nPUSH a\n%end\n" + "".join(
        f"%macro m{n}(a)\n%m{n - 1}(a * 1 + a * 0)\n%end\n" for n in range(1, 60)
    )
    assembly = assemble_text(f"{text}%m59({argument})\nend:\nSTOP\n")
    assert assembly.bytecode.hex() == {"0": "5f5b00", "end": "60025b00"}[argument]


def test_files_that_include_each_other_over_and_over_end_with_one_error():
    files = {f"{n}.easm": f'%include "{n + 1}.easm"\n' * 10 for n in range(20)}
    tree = parse(files["0.easm"], "0.easm")
    loader = MemoryLoader({**files, "20.easm": "STOP\n"})
    assembly = assemble(tree, loader=loader, limits=Limits(expansion=5_000))
    assert [d.code for d in assembly.diagnostics] == ["ASM027"]
    # Often is not without end.
    once = parse('%include "20.easm"\n' * 50, "0.easm")
    assert assemble(once, loader=loader, limits=Limits(expansion=5_000)).bytecode == bytes(50)


def test_output_past_a_limit_is_an_error():
    assembly = assemble(parse("PUSH end\n%org 0x2000\nend:\n", "-"), limits=Limits(output=4096))
    assert [d.code for d in assembly.diagnostics if d.severity.rank == 0] == ["ASM027"]


@pytest.mark.parametrize("number", ["0xg", "0x0SWAP1", "0x_", "0x1_g"])
def test_digits_that_are_none_are_one_error(number):
    for line in (f'%bytes "a", {number}', f"PUSH {number}", f"PUSH1 {number}"):
        found = [d.message for d in assemble_text(line).diagnostics]
        assert found == [f"{number} is no number"], line
