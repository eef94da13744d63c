"""Halts are told in the guest's terms, whoever executes it."""

from __future__ import annotations

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.scenario import Scenario

WAYS = [("nvm", "table"), ("nvm", "threaded"), ("evm", "table")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("source", "error", "detail", "pc"),
    [
        ("PUSH1 3\nJUMP\nSTOP\n", "bad jump destination", "0x3 holds 0x00, not JUMPDEST", 2),
        ("PUSH1 1\nPUSH2 0x999\nJUMPI\n", "bad jump destination",
         "0x999 lies behind the code, which has 0x6 bytes", 5),
        ("PUSH 1\nPOP\n%bytes 0x0c", "invalid instruction",
         "opcode 0x0c is not defined in prague", 3),
        ("PUSH1 x\nJUMP\nx:\n%bytes 0x2f", "invalid instruction",
         "opcode 0x2f is not defined in prague", 4),
        ("INVALID\n", "invalid instruction", "INVALID halts on purpose (EIP-141)", 0),
        ("PUSH 1\nADD\n", "stack underflow", "ADD takes 2 words, there is 1", 2),
        ("DUP3\n", "stack underflow", "DUP3 takes 3 words, there are none", 0),
        ("PUSH 1\nPUSH 1 << 200\nMLOAD\n", "out of gas",
         "MLOAD at pc 0x001d costs more gas than was left", 29),
    ],
)
def test_causes(way: tuple[str, str], source: str, error: str, detail: str, pc: int) -> None:
    assembly = assemble_text(source)
    assert assembly.ok, assembly.diagnostics
    target, profile = way
    result = run(Request(assembly.bytecode, Scenario(target=target, profile=profile)))
    assert (result.outcome, result.error, result.detail) == ("halt", error, detail)
    assert result.last is not None
    assert result.last.pc == pc


def test_a_destination_in_push_data_is_bad_where_the_build_is_strict() -> None:
    code = assemble_text("PUSH1 4\nJUMP\nPUSH2 0x5b00\n").bytecode
    assert run(Request(code)).outcome == "stop"
    for scenario in (Scenario(options=frozenset({"strict_jumpdest"})), Scenario(target="evm")):
        result = run(Request(code, scenario))
        assert (result.error, result.detail) == (
            "bad jump destination", "the JUMPDEST at 0x4 is data of a push"
        )


def test_a_full_stack_is_said() -> None:
    result = run(Request(bytes([0x5F] * 1100)))
    assert result.error == "stack overflow"
    assert "words of at most 1024" in result.detail
