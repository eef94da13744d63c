"""What stands in a program's comments, read at once for the command line and for editors."""

from __future__ import annotations

import pytest

from nvm_lsp.assembler import MemoryLoader, assemble_text
from nvm_lsp.runner.prepare import comment_diagnostics, prepare
from nvm_lsp.runner.run import run

PROGRAM = """\
#@ case one
#@ value 1
#@ case two
#@ value 2
    CALLVALUE   #? stack[0]
    STOP
"""


@pytest.mark.parametrize(("case", "value"), [(None, 1), ("one", 1), ("two", 2)])
def test_the_case_that_is_named_is_run(case: str | None, value: int) -> None:
    prepared = prepare(assemble_text(PROGRAM), MemoryLoader({}), case)
    assert not prepared.diagnostics
    assert [known.name for known in prepared.cases] == ["one", "two"]
    assert [seen.value for seen in run(prepared.request).seen] == [value]


def test_a_case_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        prepare(assemble_text(PROGRAM), MemoryLoader({}), "three")


def test_diagnostics_of_all_kinds_of_lines() -> None:
    text = "#@ gaz 1\nSTOP #? stack[\nSTOP #= stopp\nSTOP #= stop #? no\n"
    found = comment_diagnostics(assemble_text(text), MemoryLoader({}))
    assert [(d.code, d.location.span.start.line) for d in found] == [
        ("SCN001", 0), ("PRB001", 1), ("EXP001", 2), ("EXP001", 3)
    ]


def test_natively_a_program_runs_on_its_own_fork(nvm) -> None:
    # EXTCODEHASH of an empty account cost 400 in Constantinople, 2600 since Berlin.
    source = "%fork constantinople\nPUSH1 0x77\nEXTCODEHASH\nSTOP\n"
    for arguments, text in ((("--target", "evm"), source), ((), "#@ target evm\n" + source)):
        done = nvm("run", "-", *arguments, stdin=text)
        assert "gas           403" in done.stdout, done.stdout
    both = nvm("run", "-", "--target", "evm", "--fork", "berlin", stdin=source)
    assert "gas           2,603" in both.stdout, both.stdout


def test_cases_on_the_command_line(nvm) -> None:
    assert "stack[0] = 2" in nvm("run", "-", "--case", "two", stdin=PROGRAM).stdout
    wrong = nvm("run", "-", "--case", "three", stdin=PROGRAM)
    assert wrong.returncode == 2
    assert "there is no case three; there are: one, two" in wrong.stderr
