"""What the analysis says is what happens: random programs are run, and each step is compared."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.guest_programs import program
from nvm_lsp.analysis.analyzer import Analysis, analyze
from nvm_lsp.analysis.gas import instruction_gas, program_gas
from nvm_lsp.assembler import assemble_text, disassemble
from nvm_lsp.kernel.gas import overhead
from nvm_lsp.kernel.image import Build
from nvm_lsp.runner.guest_trace import Snapshot
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario import Scenario

_CALLS = frozenset({0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA})


def analysis_of(code: bytes) -> Analysis:
    return analyze(assemble_text(disassemble(code)), "evm")


def executed(code: bytes) -> Run:
    return run(Request(code, Scenario(target="evm"), snapshots="all", native=False))


def check(code: bytes) -> None:
    """Runs a program natively: every step must be one that the analysis foresaw."""
    analysis = analysis_of(code)
    result = executed(code)
    steps = result.snapshots
    for index, step in enumerate(steps):
        where = f"{code.hex()} at {step.pc:#x}"
        block = analysis.flow.block_of(step.pc)
        if block is None:
            assert step.pc >= len(code), where
            continue
        assert block.reachable, f"{where}: called unreachable"
        check_stack(analysis, step, where)
        following = steps[index + 1] if index + 1 < len(steps) else None
        if following is not None and step.opcode not in _CALLS:
            check_gas(analysis, step, following, where)


def check_stack(analysis: Analysis, step: Snapshot, where: str) -> None:
    """The stack is one of those that the block can have, and its constants are right."""
    block = analysis.flow.block_of(step.pc)
    assert block is not None
    picture = analysis.before(step.pc)
    if picture is None:
        assert block.underflows or block.overflows or not block.summary, f"{where}: no picture"
        return
    if picture.exact:
        assert len(picture.words) == len(step.stack), f"{where}: {picture}"
    else:
        assert len(picture.words) <= len(step.stack), f"{where}: {picture}"
    for word, real in zip(picture.words, step.stack, strict=False):
        assert word.value in (None, real), f"{where}: {picture} is {step.stack}"


def check_gas(analysis: Analysis, step: Snapshot, following: Snapshot, where: str) -> None:
    block = analysis.flow.block_of(step.pc)
    if block is None or block.summary is None:
        return
    symbolic = next((s for s in block.summary.steps if block.start + s.offset == step.pc), None)
    if symbolic is None:
        return
    gas = instruction_gas(symbolic, "prague")
    spent = step.gas - following.gas
    assert gas.least <= spent, f"{where}: {spent} is less than {gas}"
    assert gas.most is None or spent <= gas.most, f"{where}: {spent} is more than {gas}"


@pytest.mark.parametrize("seed", range(120))
def test_random_programs_do_what_the_analysis_says(seed: int) -> None:
    check(program(Random(f"analysis {seed}"), (0x1234, 2)))


def test_loops_and_subroutines_do_what_the_analysis_says() -> None:
    for source in (
        "PUSH 0\nPUSH 10\nl:\nDUP1\nSWAP2\nADD\nSWAP1\nPUSH 1\nSWAP1\nSUB\nDUP1\nPUSH l\nJUMPI\n"
        "STOP",
        "PUSH a\nPUSH 5\nPUSH f\nJUMP\na:\nPUSH b\nPUSH 7\nPUSH f\nJUMP\nb:\nSTOP\nf:\nDUP1\nMUL\n"
        "SWAP1\nJUMP",
        "PUSH 3\nl:\nCALLER\nSWAP1\nPUSH 1\nSWAP1\nSUB\nDUP1\nPUSH l\nJUMPI\nPOP\nPOP\nSTOP",
    ):
        assembly = assemble_text(source)
        assert assembly.ok
        check(assembly.bytecode)


@pytest.mark.parametrize("seed", range(40))
def test_a_run_without_loops_costs_what_was_estimated(seed: int) -> None:
    code = program(Random(f"gas {seed}"), (0x1234,))
    analysis = analysis_of(code)
    result = executed(code)
    if result.outcome in ("stop", "return"):
        gas = analysis.gas()
        assert gas.least <= result.gas_used
        assert gas.most is None or result.gas_used <= gas.most


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_gas_on_the_nestedvm_is_within_the_estimate(profile: str) -> None:
    assembly = assemble_text(
        "PUSH 3\nPUSH 4\nADD\nPUSH 0\nMSTORE\nCALLVALUE\nPUSH paid\nJUMPI\nPUSH 32\nPUSH 0\n"
        "RETURN\npaid:\nSTOP\n"
    )
    build = Build(profile)
    estimate = program_gas(analyze(assembly).flow, "prague", overhead(build))
    result = run(Request(assembly.bytecode, Scenario(profile=profile), native=False))
    assert estimate.most is not None
    assert estimate.least <= result.gas_used <= estimate.most
    assert estimate.most - estimate.least < 400


def test_a_conditional_way_has_a_least_and_a_most() -> None:
    assembly = assemble_text(
        "CALLVALUE\nPUSH1 p\nJUMPI\nSTOP\np:\nPUSH1 1\nPUSH1 0\nSSTORE\nSTOP\n"
    )
    gas = analyze(assembly, "evm").gas()
    assert (gas.least, gas.most) == (2 + 3 + 10, 2 + 3 + 10 + 1 + 3 + 3 + 22100)
    assert "cold slot" in gas.dynamic
    istanbul = assemble_text("PUSH1 0\nSLOAD\nPOP\nSTOP\n", fork="istanbul")
    assert str(analyze(istanbul, "evm").gas()) == "805"


def test_a_loop_has_no_most() -> None:
    gas = analyze(assemble_text("l:\nCALLVALUE\nPUSH l\nJUMPI\nSTOP\n"), "evm").gas()
    assert gas.most is None
    assert gas.dynamic == ("loops",)
    endless = analyze(assemble_text("l:\nPUSH l\nJUMP\n"), "evm").gas()
    assert (endless.most, endless.dynamic) == (None, ("loops",))
