"""The price of interpretation: within what was promised, and pinned exactly."""

from __future__ import annotations

import re

import pytest

from benchmarks.kernel_gas import every_build, measure, overhead_of
from nvm_lsp.kernel.gas import CLASSES, EMPTY, build_key, overheads
from nvm_lsp.kernel.image import Build, build, image, sources
from nvm_lsp.opcodes import OPCODES

#: At most this for the table profile and for the threaded one.
_PROMISED = {
    "arithmetic, comparison, bits": (57, 43),
    "environment, block": (57, 43),
    "POP, DUP, SWAP": (57, 43),
    "SLOAD, TLOAD, TSTORE": (57, 43),
    "SSTORE": (57, 43),
    "PUSH1": (67, 56),
    "PUSH2 to PUSH31": (67, 56),
    "PUSH32": (69, 58),
    "MLOAD, MSTORE, MSTORE8": (71, 57),
    "JUMP and its JUMPDEST": (66, 52),
    "JUMPI taken and its JUMPDEST": (81, 68),
    "JUMPI not taken": (65, 52),
    "CALL": (105, 91),
    "DELEGATECALL": (105, 91),
    "STATICCALL": (105, 91),
    EMPTY: (226, 120),
}
_HEADING = re.compile(
    r"^# (?P<name>[A-Z0-9]+(?: to [A-Z0-9]+)?)\n#   stack .*\n"
    r"#   gas +(?P<native>\d+) \+ (?P<table>\d+), threaded (?P<again>\d+) \+ (?P<threaded>\d+)",
    re.MULTILINE,
)
_PINNED = [
    *(Build(profile) for profile in ("table", "threaded")),
    *(Build(profile, "paris") for profile in ("table", "threaded")),
    Build("table", verifier=True),
    Build("table", debug=True),
    Build("table", strict_jumpdest=True),
    Build("table", delegatecall_only=True),
    Build("threaded", "shanghai", True, True, True, True),
]


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_promised_figures(profile: str) -> None:
    measured = measure(build(profile=profile))
    for name, limits in _PROMISED.items():
        limit = limits[profile == "threaded"]
        assert measured[name] <= limit, f"{name} takes {measured[name]} gas more, over {limit}"


@pytest.mark.parametrize("chosen", _PINNED, ids=build_key)
def test_figures_are_those_in_the_package(chosen: Build) -> None:
    assert measure(image(chosen)) == overheads(chosen), (
        "the kernel's gas has changed: run python -m benchmarks.kernel_gas --write and look at "
        "what became dearer"
    )


def test_every_build_has_figures() -> None:
    for chosen in every_build():
        assert overheads(chosen)


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_every_opcode_costs_what_its_class_does(profile: str) -> None:
    kernel = build(profile=profile, fork="osaka")
    figures = overheads(kernel.build)
    for name, opcodes in CLASSES.items():
        for opcode in opcodes:
            assert overhead_of(name, opcode, kernel) == figures[name], opcode


def test_every_opcode_has_a_class() -> None:
    classed = {opcode for opcodes in CLASSES.values() for opcode in opcodes}
    unclassed = set(OPCODES) - classed
    assert unclassed == {"STOP", "INVALID", "CALLCODE", "SELFDESTRUCT"}


def test_headings_of_the_handlers_say_the_gas() -> None:
    """`#   gas  3 + 57, threaded 3 + 42` under a handler's name, in the kernel's source."""
    names = {opcode: name for name, opcodes in CLASSES.items() for opcode in opcodes}
    names |= {"JUMP": "JUMP and its JUMPDEST", "JUMPI": "JUMPI taken and its JUMPDEST"}
    table, threaded = (overheads(Build(profile)) for profile in ("table", "threaded"))
    seen = set()
    for text in sources().values():
        for found in _HEADING.finditer(text):
            opcode = found["name"].split()[0]
            figures = int(found["table"]), int(found["threaded"])
            assert figures == (table[names[opcode]], threaded[names[opcode]]), opcode
            native = OPCODES[opcode].gas + (opcode in ("JUMP", "JUMPI"))
            assert {int(found["native"]), int(found["again"])} == {native}, opcode
            seen.add(opcode)
    numbered = {"PUSH", "DUP", "SWAP"}
    missing = {name for name in names if name.rstrip("0123456789") not in numbered} - seen
    assert missing == {"RETURN", "REVERT"}
