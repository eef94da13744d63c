"""The guest's steps, recovered from the kernel's, are those of the native EVM."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.compare import compare
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.run_json import to_json
from nvm_lsp.runner.scenario import KERNEL_ADDRESS, Scenario

SCHEMA = json.loads(files("nvm_lsp.runner").joinpath("run.schema.json").read_text())
STRICT = frozenset({"strict_jumpdest"})

_push = st.integers(0, 40).map(lambda value: bytes([0x60, value]))
_wide = st.binary(min_size=3, max_size=3).map(lambda data: b"\x62" + data)
# All but what sees the host's gas, refuses on the kernel by design, or leaves the account.
_plain = st.sampled_from(
    [*range(0x01, 0x0C), *range(0x10, 0x1E), 0x20, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x38, 0x3D,
     0x42, 0x43, 0x46, 0x47, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x58, 0x59, 0x5B, 0x5C, 0x5D, 0x5E,
     0x5F, *range(0x80, 0x84), *range(0x90, 0x93), 0xA0, 0xA1]
).map(lambda opcode: bytes([opcode]))
_end = st.sampled_from([0x00, 0x56, 0x57, 0xF3, 0xFD, 0xFE, 0x0C, 0x5B]).map(lambda op: bytes([op]))
# Jumps to an offset that often is a JUMPDEST: many are strewn in.
_jump = st.tuples(st.integers(0, 40), st.sampled_from([b"\x56", b"\x57"])).map(
    lambda pair: bytes([0x60, pair[0]]) + pair[1]
)
_programs = st.lists(
    st.one_of(_push, _push, _wide, _plain, _plain, _jump, st.just(b"\x5b"), _end), max_size=30
).map(b"".join)


@given(code=_programs, profile=st.sampled_from(["table", "threaded"]))
@settings(max_examples=100, deadline=None)
def test_steps_and_results_are_those_of_the_native_run(code: bytes, profile: str) -> None:
    # Little gas, because many of these programs loop for ever; the kernel takes some 30 times more.
    scenario = Scenario(profile=profile, options=STRICT, gas=200_000)
    found = compare(Request(code, scenario))
    errors = (found.left.error, found.right.error)
    if "out of gas" not in errors and "stack overflow" not in errors:
        assert found.same, (found.divergence, found.differences)
        assert found.left.detail == found.right.detail
        return
    shorter = min(len(found.left.steps), len(found.right.steps))
    pairs = zip(found.left.steps[:shorter], found.right.steps[:shorter], strict=True)
    assert all((a.pc, a.opcode, a.depth, a.top) == (b.pc, b.opcode, b.depth, b.top)
               for a, b in pairs)


@given(code=_programs, snapshots=st.sampled_from(["all", "changes", "end"]))
@settings(max_examples=25, deadline=None)
def test_every_result_fits_its_schema(code: bytes, snapshots: str) -> None:
    result = run(Request(code, Scenario(gas=20_000), snapshots=snapshots))
    document = json.loads(json.dumps(to_json(result)))
    jsonschema.validate(document, SCHEMA)
    if snapshots == "all":
        assert len(document["snapshots"]) == document["steps"] or document["truncated"]


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_what_wrote_a_word_is_known(profile: str) -> None:
    source = """
        PUSH 1
        PUSH 0
        MSTORE
        PUSH 2
        PUSH 63
        MSTORE8
        PUSH 40
        PUSH 0
        PUSH 64
        CODECOPY
        PUSH 0
        PUSH 0
        PUSH 0
        CODECOPY
        PUSH 5
        PUSH 9
        SSTORE
    """
    assembly = assemble_text(source)
    result = run(Request(assembly.bytecode, Scenario(profile=profile)))
    lines = {
        word: assembly.source_map.origin(pc).root_line for word, pc in result.writers.items()
    }
    assert lines == {0: 3, 1: 6, 2: 10, 3: 10}
    assert {slot: assembly.source_map.origin(pc).root_line
            for (_, slot), pc in result.slot_writers.items()} == {9: 17}


def test_only_what_a_call_gave_back_counts_as_written() -> None:
    # The identity precompile gives 4 bytes, though 64 are asked for.
    source = "PUSH 64\nPUSH 32\nPUSH 4\nPUSH 0\nPUSH 0\nPUSH 4\nGAS\nCALL\nSTOP\n"
    result = run(Request(assemble_text(source).bytecode))
    assert set(result.writers) == {1}


@pytest.mark.parametrize("profile", ["table", "threaded"])
@pytest.mark.parametrize("mode", ["delegatecall", "call"])
def test_a_guest_can_run_a_guest_on_the_same_kernel(profile: str, mode: str) -> None:
    # The inner guest is 3 + 4; only the outer one's steps are told.
    source = f"""
        PUSH13 0x600360040160005260206000f3
        PUSH 0
        MSTORE
        PUSH 32
        PUSH 0
        PUSH 13
        PUSH 19
        PUSH20 0x{KERNEL_ADDRESS.hex()}
        GAS
        DELEGATECALL
        PUSH 0
        MLOAD
    """
    code = assemble_text(source).bytecode
    result = run(Request(code, Scenario(profile=profile, mode=mode)))
    assert (result.outcome, result.stack, result.step_count) == ("stop", (7, 1), 13)
