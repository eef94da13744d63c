"""Probes and expectations: what they see, what they accept, what they say when they fail."""

from __future__ import annotations

import pytest

from nvm_lsp.assembler import Assembly, assemble_text
from nvm_lsp.runner.expectations import check, frozen_text, read_expectations
from nvm_lsp.runner.probes import ConstantNames, Plan, read_probes, show
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.scenario import Scenario


def program(text: str) -> Assembly:
    assembly = assemble_text(text)
    assert assembly.ok, [d.message for d in assembly.diagnostics]
    return assembly


def seen(text: str, **scenario: object) -> dict[str, str | None]:
    """What each probe of a program saw, on every target and profile alike."""
    assembly = program(text)
    probes, problems = read_probes(assembly)
    assert not problems, problems
    answers = []
    for target, profile in (("nvm", "table"), ("nvm", "threaded"), ("evm", "table")):
        plan = Plan(probes, ConstantNames.of(assembly))
        where = Scenario(target=target, profile=profile, **scenario)  # type: ignore[arg-type]
        result = run(Request(assembly.bytecode, where, plan=plan))
        answers.append(
            {
                probe.text: None if saw.value is None else show(saw.value)
                for (_, probe), saw in zip(probes, result.seen, strict=True)
            }
        )
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


def verdicts(text: str, **scenario: object) -> list[tuple[bool, str]]:
    """Whether each expectation holds, and what it got."""
    assembly = program(text)
    expectations, problems = read_expectations(assembly)
    assert not problems, problems
    indexes = [i for i, e in enumerate(expectations) if e.probe is not None]
    plan = Plan(
        tuple((e.place, e.probe) for e in expectations if e.probe is not None),
        ConstantNames.of(assembly),
    )
    result = run(Request(assembly.bytecode, Scenario(**scenario), plan=plan))  # type: ignore[arg-type]
    found = dict(zip(indexes, result.seen, strict=True))
    return [(f.passed, f.got) for f in check(result, expectations, found)]


def test_a_probe_sees_what_holds_after_its_line() -> None:
    assert seen(
        """
        %def SLOT = 2
        #? stack
        PUSH1 3
        PUSH1 4        #? stack[1] * 100 + stack[0]
        ADD            #? stack[0]
        PUSH1 SLOT
        SSTORE         #? storage[SLOT]
        PUSH1 9
        PUSH1 SLOT
        TSTORE         #? transient[2]
        PUSH2 0xabcd
        PUSH 0
        MSTORE         #? mem[30:32]
        #? mem[0]
        #? mem[0:2]
        MSIZE          #? msize
        PC             #? pc
        #? hits
        STOP
        """
    ) == {
        "stack": f"[{2 + 2 + 1 + 2 + 1 + 2 + 2 + 1 + 3 + 1 + 1 + 1}, 32]",
        "stack[1] * 100 + stack[0]": "304", "stack[0]": "7", "storage[SLOT]": "7",
        "transient[2]": "9", "mem[30:32]": "0xabcd", "mem[0]": "43981", "mem[0:2]": "0x0000",
        "msize": "32", "pc": "19", "hits": "1",
    }


def test_in_a_loop_a_probe_keeps_the_last_value_and_counts() -> None:
    assert seen(
        """
        PUSH1 5
        again:
        PUSH1 1
        SWAP1
        SUB            #? stack[0]
        DUP1           #? hits
        PUSH again
        JUMPI
        STOP
        """
    ) == {"stack[0]": "0", "hits": "5"}


def test_a_line_that_never_ran_shows_nothing_and_one_that_halted_neither() -> None:
    assert seen(
        """
        PUSH1 1
        PUSH over
        JUMPI
        PUSH1 2        #? stack[0]
        over:
        POP            #? stack
        """
    ) == {"stack[0]": None, "stack": None}


def test_a_probe_in_a_macros_body_and_at_its_use() -> None:
    assert seen(
        """
        %macro twice()
            DUP1       #? stack[1]
            ADD
        %end
        PUSH1 4
        %twice()       #? stack[0]
        %twice()
        """
    ) == {"stack[1]": "8", "stack[0]": "8"}


def test_return_data_of_an_inner_call_can_be_probed() -> None:
    assert seen(
        """
        PUSH4 0xdeadbeef
        PUSH 0
        MSTORE
        PUSH 0
        PUSH 0
        PUSH 4
        PUSH 28
        PUSH 0
        PUSH1 4
        GAS
        CALL           #? returndata
        #? returndata[1:3]
        STOP
        """
    ) == {"returndata": "0xdeadbeef", "returndata[1:3]": "0xadbe"}


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("STOP #? stak[0]", 12, "unexpected '['"),
        ("STOP #?", 7, "nothing is asked for"),
        ("STOP #? stack[0", 13, "the bracket is not closed"),
        ("STOP #? mem[1,2]", 12, "mem takes no ',' here"),
        ("STOP #? stack + 1", 8, "stack needs an index in an expression"),
        ("STOP #? mem[]", 12, "an index is missing"),
    ],
)
def test_a_probe_that_means_nothing_is_said_where_it_stands(
    text: str, column: int, message: str
) -> None:
    _, (problem,) = read_probes(program(text))
    assert (problem.location.span.start.column, problem.message) == (column, message)


RETURN_7 = "PUSH1 7\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"
ERROR_NO = (
    "PUSH4 0x08c379a0\nPUSH 0\nMSTORE\nPUSH1 32\nPUSH 32\nMSTORE\nPUSH1 2\nPUSH 64\nMSTORE\n"
    "PUSH32 0x6e6f << 240\nPUSH 96\nMSTORE\nPUSH1 100\nPUSH1 28\nREVERT\n"
)


@pytest.mark.parametrize(
    ("source", "expectation", "passes"),
    [
        (RETURN_7, "return", True),
        (RETURN_7, "return 7", True),
        (RETURN_7, "return 0x07", True),
        (RETURN_7, "return 3 + 4", True),
        (RETURN_7, "return 8", False),
        (RETURN_7, f"return 0x{7:064x}", True),
        (RETURN_7, f"return 0x{7 << 256:0128x}", False),
        (RETURN_7, "return 0x0000…", True),
        (RETURN_7, "return 0x01..", False),
        (RETURN_7, "stop", False),
        (RETURN_7, "revert", False),
        ("STOP", "stop", True),
        (ERROR_NO, "revert", True),
        (ERROR_NO, 'revert "no"', True),
        (ERROR_NO, 'revert "Error(string)"', True),
        (ERROR_NO, 'revert "Error(string)…"', True),
        (ERROR_NO, 'revert "n…"', True),
        (ERROR_NO, 'revert "yes"', False),
        (ERROR_NO, "revert 0x08c379a0..", True),
        (ERROR_NO, "return", False),
        ("POP", "halt", True),
        ("POP", 'halt "stack underflow"', True),
        ("POP", 'halt "out of gas"', False),
        ("INVALID", "halt", True),
        (RETURN_7, "gas <= 2000", True),
        (RETURN_7, "gas <= 20", False),
        (RETURN_7, "gas > 20", True),
        (RETURN_7, "stack []", True),
        (RETURN_7, "mem[0:32] 7", True),
        (RETURN_7, "mem[31:32] 0x07", True),
        (RETURN_7, "mem[0:32] != 7", False),
        ('PUSH5 "hello"\nPUSH 0\nMSTORE\n', 'mem[27:32] "hello"', True),
        ("PUSH 1\nPUSH 2\nSSTORE\nPUSH 3\nPUSH 4\n", "stack [4, 3]", True),
        ("PUSH 3\nPUSH 4\n", "stack [4, ..]", True),
        ("PUSH 3\nPUSH 4\n", "stack [3, ..]", False),
        ("PUSH 3\nPUSH 4\n", "stack [4]", False),
        ("PUSH 1\nPUSH 2\nSSTORE\n", "storage[2] 1", True),
        ("PUSH 1\nPUSH 2\nSSTORE\n", "storage[1 + 1] == 2 - 1", True),
        ("PUSH 5\nPUSH 0\nMSTORE\nPUSH 9\nPUSH 32\nPUSH 0\nLOG1\n", "log 9 data 5", True),
        ("PUSH 9\nPUSH 0\nPUSH 0\nLOG1\n", "log _", True),
        ("PUSH 9\nPUSH 0\nPUSH 0\nLOG1\n", "log", False),
        ("PUSH 9\nPUSH 0\nPUSH 0\nLOG1\n", "log ..", True),
        (
            'PUSH32 topic("Paid(uint256)")\nPUSH 0\nPUSH 0\nLOG1\n',
            'log topic("Paid(uint256)")', True,
        ),
        ("PUSH 9\nPUSH 0\nPUSH 0\nLOG1\n", "log 8", False),
    ],
)
def test_expectations(source: str, expectation: str, passes: bool) -> None:
    source = source.replace('PUSH5 "hello"', "PUSH5 0x68656c6c6f")
    # Behind all code, so that it belongs to the last line.
    ((passed, got),) = verdicts(f"{source}\n#= {expectation}")
    assert passed is passes, got


def test_logs_are_expected_in_their_order() -> None:
    source = "PUSH 1\nPUSH 0\nPUSH 0\nLOG1\nPUSH 2\nPUSH 0\nPUSH 0\nLOG1\n"
    assert [p for p, _ in verdicts(source + "#= log 1\n#= log 2")] == [True, True]
    assert [p for p, _ in verdicts(source + "#= log 2\n#= log 1")] == [True, False]


def test_an_expectation_of_a_line_that_was_not_reached_fails_and_says_so() -> None:
    (found,) = verdicts("STOP\nPUSH 1 #= stack[0] 1")
    assert found == (False, "line 2 was not reached")
    (found,) = verdicts("ADD #= stack[0] 1")
    assert found == (False, 'the run ended in this line: halt "stack underflow"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#= retrun 1", "'retrun' is no outcome and no probe"),
        ("#=", "nothing is expected"),
        ("#= stop 1", "a stop gives no data"),
        ("#= stack[0]", "the value is missing"),
        ("#= stack 7", "a stack is written [top, next, …]"),
        ("#= return foo", "nothing is called foo"),
        ("#= halt 1", "a halt has a cause: write it in quotes"),
        ("#= mem[0:2] < 0x0102..", "< compares numbers only"),
    ],
)
def test_an_expectation_that_means_nothing_is_said(text: str, message: str) -> None:
    _, (problem,) = read_expectations(program("STOP " + text))
    assert problem.message == message


@pytest.mark.parametrize(
    ("source", "expectation", "frozen"),
    [
        (RETURN_7, "return 8", "return 7"),
        (RETURN_7, "stop", "return 7"),
        (ERROR_NO, "return", 'revert "no"'),
        ("POP", "stop", 'halt "stack underflow"'),
        (RETURN_7, "mem[30:32] 1", "mem[30:32] 0x0007"),
        ("PUSH 3\nPUSH 4", "stack [1]", "stack [4, 3]"),
    ],
)
def test_what_was_got_can_be_written_back_and_holds(
    source: str, expectation: str, frozen: str
) -> None:
    assembly = program(f"{source}\n#= {expectation}")
    (found,), _ = read_expectations(assembly)
    probes = () if found.probe is None else ((found.place, found.probe),)
    result = run(Request(assembly.bytecode, plan=Plan(probes)))
    (finding,) = check(result, (found,), dict(enumerate(result.seen)))
    assert not finding.passed
    assert frozen_text(finding) == frozen
    assert verdicts(f"{source}\n#= {frozen}")[0][0]
