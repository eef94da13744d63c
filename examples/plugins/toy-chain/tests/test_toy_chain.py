"""The chain's opcodes are assembled, explained and run."""

from __future__ import annotations

import hashlib

import pytest
from nvm_lsp.api import FORKS, OPCODES, Request, Scenario, assemble_text, run

RETURN = "\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"


def value(program, **scenario):
    assembly = assemble_text("%fork toychain\n" + program + RETURN)
    assert assembly.ok, assembly.diagnostics
    done = run(Request(assembly.bytecode, Scenario(fork="toychain", **scenario)))
    return done, int.from_bytes(done.output, "big")


def test_it_is_known():
    assert "toychain" in FORKS, "install the package: pip install -e ."
    assert OPCODES["MULDIV"].since == "toychain"


@pytest.mark.parametrize("target", ["evm", "nvm"])
def test_muldiv(target):
    big = 2**256 - 1
    done, result = value(f"PUSH 3\nPUSH {big:#x}\nPUSH {big - 2:#x}\nMULDIV", target=target)
    assert done.outcome == "return"
    assert result == big * (big - 2) // 3 % 2**256
    assert value("PUSH 0\nPUSH 5\nPUSH 5\nMULDIV", target=target)[1] == 0


def test_sha256_is_native():
    _, result = value("PUSH 5\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nSHA256", target="evm")
    assert result.to_bytes(32, "big") == hashlib.sha256((5).to_bytes(32, "big")).digest()


def test_sha256_halts_a_guest():
    assert value("PUSH 0\nPUSH 0\nSHA256", target="nvm")[0].outcome == "halt"


def test_the_other_forks_do_not_have_it():
    assert not assemble_text("%fork prague\nMULDIV\n").ok
