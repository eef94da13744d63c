"""The opcode table against other tables of the same opcodes."""

from __future__ import annotations

import importlib

import pyevmasm
import pytest

from nvm_lsp.opcodes import FORKS, OPCODES, instruction_set, opcode_by_name
from nvm_lsp.runner import machine

_PY_EVM = {
    "frontier": "frontier", "homestead": "homestead", "tangerine": "tangerine_whistle",
    "spurious": "spurious_dragon", "byzantium": "byzantium", "constantinople": "petersburg",
    "istanbul": "istanbul", "berlin": "berlin", "london": "london", "paris": "paris",
    "shanghai": "shanghai", "cancun": "cancun", "prague": "prague",
}
# py-evm charges these wholly as it executes; the table gives the least that they can cost.
_CHARGED_LATE = {
    "BALANCE", "EXTCODESIZE", "EXTCODECOPY", "EXTCODEHASH", "SLOAD", "SSTORE", "CALL", "CALLCODE",
    "DELEGATECALL", "STATICCALL", "EXP", "LOG0", "LOG1", "LOG2", "LOG3", "LOG4", "SELFDESTRUCT",
}
_OTHER_NAMES = {"SHA3": "KECCAK256", "DIFFICULTY": "PREVRANDAO"}


def py_evm_table(fork: str) -> dict[int, tuple[str, int]]:
    machine.load()
    package = _PY_EVM[fork]
    module = importlib.import_module(f"eth.vm.forks.{package}.computation")
    kind = next(
        value for name, value in vars(module).items()
        if name.lower() == package.replace("_", "") + "computation"
    )
    table = {}
    for code, function in kind.opcodes.items():
        function = getattr(function, "__wrapped__", function)
        name = function.mnemonic
        table[code] = (_OTHER_NAMES.get(name, name), function.gas_cost)
    return table


@pytest.mark.parametrize("fork", _PY_EVM)
def test_codes_and_names_equal_py_evms(fork):
    theirs = {code: name for code, (name, _) in py_evm_table(fork).items()}
    ours = {code: row.name for code, row in instruction_set(fork).by_code.items()}
    ours.pop(0xFE)  # py-evm treats INVALID as any undefined opcode
    theirs.pop(0xFE, None)
    assert ours == theirs


@pytest.mark.parametrize("fork", ["paris", "shanghai", "cancun", "prague"])
def test_static_gas_equals_py_evms(fork):
    table = py_evm_table(fork)
    for code, row in instruction_set(fork).by_code.items():
        if row.name not in _CHARGED_LATE and code in table:
            assert row.gas == table[code][1], row.name


def test_table_equals_pyevmasms_where_it_knows_the_opcode():
    for theirs in pyevmasm.instruction_tables["istanbul"]:
        name = {"SHA3": "KECCAK256", "DIFFICULTY": "PREVRANDAO", "GETPC": "PC"}.get(
            theirs.name, theirs.name
        )
        row = opcode_by_name(name)
        if row is None:
            assert theirs.semantics in ("", None) or theirs.name == "INVALID", theirs.name
            continue
        assert row.code == theirs.opcode, name
        assert row.immediate_size == theirs.operand_size, name
        if name != "CREATE2":  # pyevmasm forgets its salt
            assert (len(row.inputs), len(row.outputs)) == (theirs.pops, theirs.pushes), name


def test_every_row_has_a_kernel_handler():
    from nvm_lsp.kernel.image import build

    for profile in ("table", "threaded"):
        handlers = set(build(profile=profile, fork=list(FORKS)[-1]).handlers.values())
        assert handlers == {row.code for row in OPCODES.values()}


def test_effects_read_as_pictures():
    assert OPCODES["SWAP2"].effect == "[a, b, c] -> [c, b, a]"
    assert OPCODES["MSTORE"].effect == "[offset, value] -> []"
