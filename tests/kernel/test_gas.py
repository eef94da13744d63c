"""The price of interpretation: within what was promised, and pinned exactly."""

from __future__ import annotations

import pytest

from benchmarks.kernel_gas import every_build, measure, overhead_of
from nvm_lsp.kernel.gas import CLASSES, EMPTY, build_key, overheads
from nvm_lsp.kernel.image import Build, build, image
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
    kernel = build(profile=profile)
    figures = overheads(kernel.build)
    for name, opcodes in CLASSES.items():
        for opcode in opcodes:
            assert overhead_of(name, opcode, kernel) == figures[name], opcode


def test_every_opcode_has_a_class() -> None:
    classed = {opcode for opcodes in CLASSES.values() for opcode in opcodes}
    unclassed = set(OPCODES) - classed
    assert unclassed == {"STOP", "INVALID", "CALLCODE", "SELFDESTRUCT"}
