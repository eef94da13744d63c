"""Its results are those of py-evm, on the NestedVM and natively; what it cannot run, it says."""

from __future__ import annotations

import random

import pytest
from nvm_lsp.api import OPCODES, Request, Scenario, assemble_text, run
from tiny_evm.machine import _ACTIONS

PROGRAMS = {
    "arithmetic": "PUSH 3\nPUSH 4\nMUL\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n",
    "loop": "PUSH 9\nagain:\nPUSH 1\nSWAP1\nSUB\nDUP1\nPUSH again\nJUMPI\nSTOP\n",
    "revert": "PUSH 7\nPUSH 0\nMSTORE\nPUSH 4\nPUSH 28\nREVERT\n",
    "hash": "PUSH 99\nPUSH 40\nMSTORE8\nPUSH 41\nPUSH 3\nKECCAK256\nPUSH 0\nMSTORE\nMSIZE\n"
            "PUSH 0\nRETURN\n",
    "underflow": "ADD\n",
    "bad jump": "PUSH 1\nJUMP\n",
    "out of gas": "PUSH 2 ** 40\nMLOAD\n",
    "falls off the end": "PUSH 1\n",
}


def results(code, target, backend):
    done = run(Request(code, Scenario(target=target, calldata=b"call"), backend=backend))
    return (
        done.outcome, done.output, done.gas_used, done.host_steps, done.steps, done.stack,
        done.memory,
    )


@pytest.mark.parametrize("target", ["nvm", "evm"])
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_it_equals_py_evm(program, target):
    code = assemble_text(program).bytecode
    assert results(code, target, "tiny") == results(code, target, "py-evm")


@pytest.mark.parametrize("seed", range(10))
def test_random_words_make_the_same(seed):
    chance = random.Random(seed)
    names = [n for n in _ACTIONS if 1 <= len(OPCODES[n].inputs) <= 3 and OPCODES[n].outputs
             and n not in ("KECCAK256", "MLOAD", "CALLDATALOAD")]
    lines = []
    for _ in range(12):
        name = chance.choice(names)
        words = (chance.choice([chance.getrandbits(256), chance.randrange(64)])
                 for _ in OPCODES[name].inputs)
        lines += [*(f"PUSH {word}" for word in words), name]
    code = assemble_text("\n".join([*lines, "STOP", ""])).bytecode
    assert results(code, "evm", "tiny") == results(code, "evm", "py-evm")


def test_what_it_cannot_run_it_says():
    code = assemble_text("PUSH 1\nSLOAD\n").bytecode
    with pytest.raises(ValueError, match="tiny has no SLOAD"):
        run(Request(code, Scenario(target="evm"), backend="tiny"))
