"""A plugin's opcodes: those that fail, hang or are no opcodes cost their own run alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CHAIN = '''\
from nvm_lsp.api import ForkEntry, Halt, Opcode, OpcodeEntry, Precompile, hookimpl, pure

def raises(machine):
    1 / 0

def loops(*_):
    while True:
        pass

def halts(machine):
    raise Halt("on purpose")

def entry(code, name, execute, **more):
    return OpcodeEntry(Opcode(code, name, (), (), 5, "acmechain", "x"), execute, **more)

@hookimpl
def nvm_lsp_forks():
    return [
        ForkEntry("acmechain", "prague", 2025, "x",
                  precompiles=(Precompile(bytes(18) + b"\\x0a\\x0b", "LOOPS", loops, loops),)),
        ForkEntry("orphan", "nowhere", 2025, "x"), "no fork",
    ]

@hookimpl
def nvm_lsp_opcodes():
    return [
        entry(0x0C, "RAISES", raises), entry(0x0D, "LOOPS", loops), entry(0x0E, "ODD", 7),
        entry(0x0F, "HALTS", halts), entry(0x01, "ADDS", halts), entry(0x1F, "ADD", halts),
        # Names of the kernel's own that are no mnemonics otherwise.
        entry(0x21, "TEXT", pure(lambda: 5), on_kernel=True), entry(0x22, "POINTER", halts), 7,
    ]
'''


@pytest.fixture
def run(installed, tmp_path):
    env = installed({"acme": CHAIN}) | {"NVM_LSP_PLUGIN_SECONDS": "1"}

    def nvm(program, *arguments):
        (tmp_path / "a.easm").write_text(program)
        return subprocess.run(
            [sys.executable, "-m", "nvm_lsp", "run", *arguments, "a.easm"], cwd=tmp_path, env=env,
            capture_output=True, text=True, timeout=120, check=False,
        )

    return nvm


@pytest.mark.parametrize(
    ("name", "word"),
    [("RAISES", "ZeroDivisionError"), ("LOOPS", "longer than 1 s"), ("ODD", "not callable")],
)
def test_an_opcode_that_fails_ends_its_run_and_is_named(run, name, word):
    done = run(f"#@ target evm\n%fork acmechain\n{name}\nSTOP\n")
    assert done.returncode == 2
    assert f"plugin acme (acme 1.5) failed in opcode {name}" in done.stderr
    assert word in done.stderr
    assert "This is a bug" not in done.stderr


def test_a_precompile_without_end_is_stopped(run):
    done = run(
        "#@ target evm\n%fork acmechain\n"
        "PUSH 0\nPUSH 0\nPUSH 0\nPUSH 0\nPUSH 0x0a0b\nGAS\nSTATICCALL\nSTOP\n"
    )
    assert done.returncode == 2
    assert "precompile LOOPS failed" in done.stderr
    assert "longer than 1 s" in done.stderr


def test_what_cannot_be_registered_is_named_and_the_rest_is_there(run):
    done = run("#@ target evm\n%fork acmechain\nHALTS\n", "--json")
    for problem in (
        "fork 'orphan' extends 'nowhere'", "'no fork' is no ForkEntry", "7 is no OpcodeEntry",
        "opcode 0x01 is ADD already", "mnemonic ADD is defined already",
    ):
        assert problem in done.stderr
    assert json.loads(done.stdout)["outcome"] == "halt"


def test_new_mnemonics_break_no_names_not_even_the_kernels(run):
    text = "%fork acmechain\n%def text = 3\npointer:\nPUSH text\nTEXT\nADD\nPUSH 0\nMSTORE\n"
    done = run(text + "PUSH 32\nPUSH 0\nRETURN\n", "--json")
    assert done.returncode == 0, done.stderr
    assert int(json.loads(done.stdout)["return_data"], 16) == 8
