"""Traces, profiles, coverage and comparisons, as their files are read by others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.compare import compare
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.scenario import Scenario

LOOP = """\
%macro count_down()
    PUSH1 1
    SWAP1
    SUB
%end
    PUSH1 3
again:
    %count_down()
    DUP1
    PUSH again
    JUMPI
    PUSH 0
    MSTORE
    STOP
never:
    POP
"""


def traced(nvm: Any, folder: Path, *arguments: str, source: str = LOOP) -> list[dict[str, Any]]:
    (folder / "p.easm").write_text(source)
    nvm("run", "p.easm", "--trace", "out.jsonl", *arguments)
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


def test_the_trace_of_a_guest_is_that_of_its_native_run(nvm: Any, tmp_path: Path) -> None:
    """EIP-3155: the same steps with the same stacks, whoever executes them; the gas differs."""
    guest, native = traced(nvm, tmp_path), traced(nvm, tmp_path, "--target", "evm")
    keys = ("pc", "op", "opName", "stack", "depth", "line", "file")
    assert [[step.get(key) for key in keys] for step in guest] == [
        [step.get(key) for key in keys] for step in native
    ]
    assert native[0] == {
        "pc": 0, "op": 0x60, "gas": hex(30_000_000), "gasCost": "0x3", "memSize": 0, "stack": [],
        "depth": 1, "refund": 0, "opName": "PUSH1", "file": "p.easm", "line": 6,
    }
    for steps in (guest, native):
        costs = sum(int(step["gasCost"], 16) for step in steps[:-1])
        start = int(steps[0]["gas"], 16)
        assert start - costs == 30_000_000 - int(steps[-1]["gasUsed"], 16)
        assert steps[-1]["pass"] is True


def test_the_kernels_own_steps_come_on_request(nvm: Any, tmp_path: Path) -> None:
    steps = traced(nvm, tmp_path, "--trace-kernel")
    kernel = [step for step in steps if step.get("kernel")]
    guest = [step for step in steps if "kernel" not in step]
    assert len(guest) == len(traced(nvm, tmp_path))
    assert len(kernel) > 10 * len(guest)
    used = int(steps[-1]["gasUsed"], 16)
    assert sum(int(step["gasCost"], 16) for step in kernel) == used


CALLER = """\
#@ deploy 0x7a0170000000000000000000000000000000000a callee.easm
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH20 0x7a0170000000000000000000000000000000000a
    PUSH 10_000
    CALL
"""


@pytest.mark.parametrize("target", ["nvm", "evm"])
def test_steps_of_inner_frames_stand_behind_their_call(
    nvm: Any, tmp_path: Path, target: str
) -> None:
    (tmp_path / "callee.easm").write_text("    PUSH 2\n    PUSH 3\n    ADD\n    STOP\n")
    steps = traced(nvm, tmp_path, "--target", target, source=CALLER)
    call, *inner = steps[7:12]
    assert [call[key] for key in ("depth", "file", "line", "opName")] == [1, "p.easm", 9, "CALL"]
    assert [[step[key] for key in ("depth", "file", "line", "opName")] for step in inner] == [
        [2, "callee.easm", line, name]
        for line, name in enumerate(("PUSH1", "PUSH1", "ADD", "STOP"), 1)
    ]
    assert all(step["depth"] == 1 for step in steps[12:-1])
    # As geth has it, a call costs what it hands over, too.
    assert int(call["gasCost"], 16) >= 10_000 + 2_600
    assert [step["gas"] for step in inner] == [hex(10_000 - gone) for gone in (0, 3, 6, 9)]
    assert [step["gasCost"] for step in inner] == ["0x3", "0x3", "0x3", "0x0"]


def test_a_trace_says_how_a_run_failed(nvm: Any, tmp_path: Path) -> None:
    steps = traced(nvm, tmp_path, source="PUSH1 1\nADD\n")
    assert [step.get("opName") for step in steps] == ["PUSH1", "ADD", None]
    assert (steps[-1]["pass"], steps[-1]["error"]) == (False, "stack underflow")


def test_a_profile_adds_up_and_names_labels_macros_and_lines(nvm: Any, tmp_path: Path) -> None:
    (tmp_path / "p.easm").write_text(LOOP)
    done = nvm("run", "p.easm", "--profile", "out.json", "--json")
    document = json.loads((tmp_path / "out.json").read_text())
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    assert {"entry", "again", "p.easm:9"} <= set(frames)
    assert any("%count_down" in name for name in frames)
    gas, steps = document["profiles"]
    result = json.loads(done.stdout)
    assert sum(steps["weights"]) == steps["endValue"] == result["steps"]
    # What the kernel does before the first step belongs to no line.
    assert 0 < result["gas"]["used"] - gas["endValue"] < 250
    assert len(gas["samples"]) == len(gas["weights"])
    assert all(0 <= index < len(frames) for sample in gas["samples"] for index in sample)


def test_coverage_counts_lines_and_branches(nvm: Any, tmp_path: Path) -> None:
    (tmp_path / "p.easm").write_text(LOOP)
    nvm("run", "p.easm", "--coverage", "out.info")
    lines = (tmp_path / "out.info").read_text().splitlines()
    assert "SF:p.easm" in lines
    assert {"DA:6,1", "DA:4,3", "DA:9,3", "DA:14,1", "DA:16,0"} <= set(lines)
    assert {"BRDA:11,0,0,2", "BRDA:11,0,1,1", "BRF:2", "BRH:2"} <= set(lines)
    assert lines[-1] == "end_of_record"


def test_a_file_that_cannot_be_written_is_said(nvm: Any, tmp_path: Path) -> None:
    for option in ("--trace", "--profile", "--coverage"):
        done = nvm("run", "-", option, "no/such/folder", stdin="STOP\n")
        assert done.returncode == 2
        assert "cannot write no/such/folder" in done.stderr


def test_snapshots_at_changes_mark_what_changed(nvm: Any, tmp_path: Path) -> None:
    source = "PUSH 5\nPUSH 0\nMSTORE\nPUSH 6\nPUSH 1\nSSTORE\nPUSH 7\nPUSH 32\nMSTORE\nSTOP\n"
    document = json.loads(nvm("run", "-", "--snapshots", "changes", "--json", stdin=source).stdout)
    found = [(s["line"], s["memory"][64:66], s.get("storage")) for s in document["snapshots"]]
    assert found == [
        (4, "05", None), (7, "05", [{"slot": "0x1", "value": "0x6"}]),
        (10, "05", [{"slot": "0x1", "value": "0x6"}]),
    ]
    assert document["writers"] == [
        {"offset": 0, "pc": 3, "line": 3}, {"offset": 32, "pc": 13, "line": 9}
    ]
    text = nvm("run", "-", "--snapshots", "changes", stdin=source).stdout
    assert "* 0x0020  " in text, "the row that changed is marked"
    assert "* [0x1] = 0x6" in text


# Comparing ----------------------------------------------------------------------------------------


def compared(source: str, against: str = "native", **scenario: Any) -> Any:
    assembly = assemble_text(source)
    assert assembly.ok
    return compare(Request(assembly.bytecode, Scenario(**scenario)), against)


@pytest.mark.parametrize("against", ["native", "threaded", "strict-jumpdest", "cancun,verifier"])
def test_what_is_alike_compares_as_the_same(against: str) -> None:
    assert compared(LOOP, against).same


def test_a_divergence_is_found_at_its_step_with_both_states() -> None:
    refused = compared("CALLCODE\n")
    assert refused.divergence is None
    assert refused.differences[0] == "outcome differs: revert and halt"
    assert refused.by_design == "the NestedVM refuses CALLCODE"
    found = compared("PUSH 1\nGAS\nSWAP1\nPOP\nPOP\nSTOP\n")
    divergence = found.divergence
    assert (divergence.step, divergence.cause.opcode) == (2, 0x5A)
    assert found.by_design is not None
    assert "GAS" in found.by_design
    assert divergence.left.stack[1:] == divergence.right.stack[1:] == (1,)
    assert divergence.left.stack[0] < divergence.right.stack[0]


def test_a_build_that_is_stricter_parts_where_it_refuses() -> None:
    # Jumps into the data of a push, where a JUMPDEST byte stands.
    found = compared("PUSH1 4\nJUMP\nPUSH2 0x5b00\n", "strict-jumpdest")
    assert not found.same
    assert found.by_design is None
    assert found.left.outcome == "stop"
    assert found.right.outcome == "halt"
    assert "outcome differs: stop and halt" in found.differences


def test_the_cost_of_each_line_adds_up() -> None:
    found = compared(LOOP)
    right = sum(row.right for row in found.lines)
    assert right == found.right.gas_used
    assert all(row.left >= row.right for row in found.lines)


def test_compare_on_the_command_line(nvm: Any) -> None:
    done = nvm("run", "-", "--compare", stdin=LOOP)
    assert done.returncode == 0
    assert "same steps, same result" in done.stdout
    document = json.loads(nvm("run", "-", "--compare", "threaded", "--json", stdin=LOOP).stdout)
    assert document["same"] is True
    assert [r["name"] for r in document["runs"]] == ["table", "threaded"]
    wrong = nvm("run", "-", "--compare", "quick", stdin=LOOP)
    assert wrong.returncode == 2
    assert "cannot compare with 'quick'" in wrong.stderr
    differing = nvm("run", "-", "--compare", "strict-jumpdest",
                    stdin="PUSH1 4\nJUMP\nPUSH2 0x5b00\n")
    assert differing.returncode == 1
