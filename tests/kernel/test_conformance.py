"""Guests on the kernel do what the same code does natively: opcode by opcode, and at random."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.conformance import ACCOUNTS, WALLET, compare, world
from benchmarks.guest_programs import BORDERS, program
from nvm_lsp.kernel.image import build
from nvm_lsp.opcodes import FORKS, OPCODES, Opcode
from nvm_lsp.runner.machine import Message, execute

_BUILDS = [
    {"profile": "table"},
    {"profile": "threaded"},
    {"profile": "table", "fork": "paris"},
    {"profile": "threaded", "fork": "shanghai", "strict_jumpdest": True},
    {"profile": "table", "verifier": True, "strict_jumpdest": True},
    {"profile": "threaded", "verifier": True, "debug": True, "fork": "osaka"},
    {"profile": "table", "fork": "paris", "verifier": True, "delegatecall_only": True},
]
#: Opcode by opcode on the newest fork, at random on others, too.
_MAIN = [{"profile": profile, "fork": "osaka"} for profile in ("table", "threaded")]
_WORDS = (0, 1, 2, 31, 32, 255, 256, 2**128, 2**255 - 1, 2**255, 2**256 - 2, 2**256 - 1)
#: Opcodes that jump or end, or that two by design treat otherwise.
_NOT_HERE = {"JUMP", "JUMPI", "GAS", "CALLCODE", "SELFDESTRUCT"}


def check(code: bytes, **options: object) -> None:
    """The build must run ``code`` as the native EVM of its fork does."""
    differences = compare(code, build(**options))  # type: ignore[arg-type]
    assert not differences, f"{code.hex()} on {options}:\n" + "\n".join(differences)


def push(value: int) -> bytes:
    return b"\x7f" + value.to_bytes(32, "big")


def pushes(*values: int) -> bytes:
    """Pushes, so that the first value is on top."""
    return b"".join(push(value) for value in reversed(values))


def is_memory_word(word: str) -> bool:
    return "offset" in word or word == "size"


PURE = [
    row for row in OPCODES.values()
    if 1 <= len(row.inputs) <= 3 and row.outputs and not any(map(is_memory_word, row.inputs))
    and row.name not in _NOT_HERE and not row.is_dup and not row.is_swap and row.code < 0xF0
]
MEMORY = [
    row for row in OPCODES.values()
    if any(map(is_memory_word, row.inputs)) and row.name not in _NOT_HERE
]


@pytest.mark.parametrize("options", _MAIN, ids=str)
@pytest.mark.parametrize("row", PURE, ids=lambda row: row.name)
def test_results_of_border_operands(row: Opcode, options: dict[str, str]) -> None:
    words = _WORDS if len(row.inputs) < 3 else _WORDS[::3]
    code = bytearray()
    for operands in product(words, repeat=len(row.inputs)):
        code += pushes(*operands) + bytes([row.code])
    check(bytes(code), **options)


@pytest.mark.parametrize("options", _MAIN, ids=str)
@pytest.mark.parametrize(
    "row", [row for row in OPCODES.values() if row.name not in {"CALLCODE", "SELFDESTRUCT", "GAS"}],
    ids=lambda row: row.name,
)
def test_every_opcode_with_enough_and_too_few_operands(
    row: Opcode, options: dict[str, str]
) -> None:
    data = b"\x01" * row.immediate_size
    needed = max(len(row.inputs), row.code - 0x7F if row.is_dup else 0)
    for given_words in {needed, max(needed - 1, 0), 0}:
        # A jump goes behind itself.
        words = range(1, given_words + 1)
        code = b"".join(b"\x60" + bytes([word]) for word in words)
        if row.name in ("JUMP", "JUMPI") and given_words:
            code = code[:-1] + bytes([len(code) + 1])
        check(code + bytes([row.code]) + data + b"\x5b\x5a\x50", **options)


@pytest.mark.parametrize("options", _MAIN, ids=str)
@pytest.mark.parametrize("row", MEMORY, ids=lambda row: row.name)
def test_memory_is_safe_at_every_border(row: Opcode, options: dict[str, str]) -> None:
    """Never below the base, and out of gas exactly where the EVM is."""
    offsets = [0, 1, 33, *BORDERS[::2], 2**256 - 1]
    sizes = [0, 1, 33, 2**32, 2**160, 2**256 - 1]
    places = [index for index, word in enumerate(row.inputs) if is_memory_word(word)]
    before = pushes(0, 0x1122334455667788) + b"\x52"  # memory is not all zeros
    for place in places:
        values = sizes if row.inputs[place] == "size" else offsets
        for value, size in product(values, (0, 7)):
            operands = []
            for index, word in enumerate(row.inputs):
                if index == place:
                    operands.append(value)
                elif "size" in word:
                    operands.append(size)
                else:
                    operands.append(0)
            if row.name == "RETURNDATACOPY" and size:
                continue
            check(before + pushes(*operands) + bytes([row.code]) + b"\x59", **options)


_NEAR_BORDERS = st.one_of(
    st.sampled_from(BORDERS), st.integers(0, 100), st.integers(2**256 - 0x500, 2**256 - 1),
    st.integers(2**32, 2**256 - 1),
)


@pytest.mark.parametrize("options", [*_MAIN, {"verifier": True}], ids=str)
@given(
    row=st.sampled_from(MEMORY),
    words=st.lists(_NEAR_BORDERS, min_size=7, max_size=7),
    no_size=st.booleans(),
)
def test_memory_is_safe_for_all_operands_at_once(
    options: dict[str, str], row: Opcode, words: list[int], no_size: bool
) -> None:
    """As the EVM, and the jump table still whole."""
    operands = [
        (0 if no_size and "size" in name else word) if is_memory_word(name) or "size" in name
        else word % 5
        for name, word in zip(row.inputs, words, strict=False)
    ]
    code = pushes(*operands) + bytes([row.code]) + b"\x59"
    check(code, **options)
    kernel = build(**options)  # type: ignore[arg-type]
    untouched, after = (
        execute(
            world("prague", verifier=kernel.build.verifier),
            Message(to=WALLET, code=kernel.runtime, code_address=kernel.address, data=data),
        ).memory[0x20:0x220].ljust(0x200, b"\0")
        for data in (b"", code)
    )
    assert after == untouched


@pytest.mark.parametrize("options", _MAIN, ids=str)
def test_undefined_opcodes_halt(options: dict[str, str]) -> None:
    defined = {row.code for row in OPCODES.values()}
    for code in set(range(256)) - defined:
        check(bytes([code]), **options)
        # Neither does what a bad jump leads to depend on the byte that it hits or the next one.
        check(bytes([0x60, 3, 0x56, code, 0x5B]), **options)


@pytest.mark.parametrize("options", _BUILDS, ids=str)
def test_bad_jumps_halt(options: dict[str, str]) -> None:
    """Whatever bytes stand at the destination, and wherever it is."""
    for byte in set(range(256)) - {0x5B}:
        check(bytes([0x60, 4, 0x56, 0, byte, 0x00]), **options)
        check(bytes([0x60, 4, 0x56, 0, byte, 0x5B, 0x5B]), **options)
    for destination in (5, 6, 2**16, 2**32, 2**64, 2**255, 2**256 - 1):
        check(push(destination) + b"\x56", **options)


@pytest.mark.parametrize("fork", ["paris", "shanghai", "cancun", "prague"])
@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_opcodes_that_the_host_lacks_halt(fork: str, profile: str) -> None:
    for row in OPCODES.values():
        if FORKS[row.since].index > FORKS[fork].index:
            code = pushes(*([0] * len(row.inputs))) + bytes([row.code])
            check(code.replace(push(0), b"\x60\x00"), profile=profile, fork=fork)


@pytest.mark.parametrize("options", _BUILDS, ids=str)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_random_programs(options: dict[str, object], seed: int) -> None:
    kernel = build(**options)  # type: ignore[arg-type]
    strict = kernel.build.strict_jumpdest
    code = program(Random(seed), ACCOUNTS, kernel.build.fork, strict=strict)
    differences = compare(code, kernel)
    assert not differences, f"{code.hex()} on {options}:\n" + "\n".join(differences)


@pytest.mark.parametrize("options", _MAIN, ids=str)
def test_static_calls_forbid_the_same(options: dict[str, str]) -> None:
    kernel = build(**options)
    for row in OPCODES.values():
        if row.name in _NOT_HERE or row.is_push:
            continue
        code = b"\x60\x00" * max(len(row.inputs), 17) + bytes([row.code])
        differences = compare(code, kernel, is_static=True, value=0)
        assert not differences, f"{row.name}: {differences}"
