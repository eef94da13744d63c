"""``nvm-lsp run`` as a user calls it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
VECTOR = "0x600360040160005260ff6000f3"
SCHEMA = json.loads(files("nvm_lsp.runner").joinpath("run.schema.json").read_text())


def result(nvm, *arguments, stdin="", code=0):
    """Runs with --json; the document, checked against the schema."""
    done = nvm("run", *arguments, "--json", stdin=stdin)
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    return document


@pytest.mark.parametrize("mode", ["--delegatecall", "--call"])
@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_the_specifications_vector(nvm, mode, profile):
    document = result(nvm, VECTOR, mode, "--profile", profile)
    assert document["build"]["profile"] == profile
    data = bytes.fromhex(document["return_data"][2:])
    assert (document["outcome"], len(data), int.from_bytes(data[:32], "big")) == ("return", 255, 7)
    assert document["gas"]["native"] == 45
    assert document["gas"]["used"] == 45 + document["gas"]["overhead"]
    assert document["steps"] == 8
    assert document["memory"] == "0x" + (7).to_bytes(32, "big").hex() + "00" * 224
    assert document["kernel"]["base"] == 0x340
    assert document["kernel"]["pointer"] == 13


def test_native_target_gives_the_same(nvm):
    ours, native = result(nvm, VECTOR), result(nvm, VECTOR, "--target", "evm")
    for key in ("outcome", "return_data", "memory", "stack", "steps", "last"):
        assert ours[key] == native[key], key
    assert native["kernel"] is None
    assert native["gas"]["used"] == 45


def test_human_output_shows_result_gas_and_memory(nvm):
    done = nvm("run", "-", stdin="PUSH1 3\nPUSH1 4\nADD\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n")
    assert done.returncode == 0
    for part in (
        "outcome       return  at pc 0x000a, -:8:1",
        "word 0: 0x7",
        "native ",
        "0x0000  0000000000000000 0000000000000000 0000000000000000 0000000000000007",
        "kernel words",
    ):
        assert part in done.stdout, done.stdout
    assert "\x1b" not in done.stdout, "no colours where the output is no terminal"


@pytest.mark.parametrize(
    ("source", "outcome", "error"),
    [
        ("PUSH 0\nPUSH 0\nREVERT\n", "revert", None),
        ("INVALID\n", "halt", "invalid instruction"),
        ("PUSH 5\nJUMP\n", "halt", None),
        ("ADD\n", "halt", "stack underflow"),
        ("loop:\nPUSH loop\nJUMP\n", "halt", "out of gas"),
    ],
)
def test_failures_exit_with_1(nvm, source, outcome, error):
    document = result(nvm, "-", "--gas", "200000", stdin=source, code=1)
    assert document["outcome"] == outcome
    if error is not None:
        assert document["error"] == error


def test_the_clock_stops_an_endless_guest(nvm):
    document = result(
        nvm, "-", "--timeout", "0.2", "--gas", "0xffffffffffffffff",
        stdin="loop:\nPUSH loop\nJUMP\n", code=1,
    )
    assert (document["outcome"], "time" in document["error"]) == ("limit", True)


def test_storage_logs_and_creations_are_listed(nvm):
    source = """
        PUSH 5
        PUSH 7
        SSTORE
        PUSH4 0xdeadbeef
        PUSH 0
        MSTORE
        PUSH 99
        PUSH 4
        PUSH 28
        LOG1
        PUSH 0
        PUSH 0
        PUSH 0
        CREATE
    """
    document = result(nvm, "-", stdin=source)
    assert document["storage"] == [
        {"address": document["storage"][0]["address"], "slot": "0x7", "before": "0x0",
         "after": "0x5"}
    ]
    (log,) = document["logs"]
    assert (log["data"], int(log["topics"][0], 16)) == ("0xdeadbeef", 99)


def test_snapshots_at_lines_show_the_state_before_them(nvm):
    source = "PUSH1 1\nPUSH1 2\nADD\nSTOP\n"
    document = result(nvm, "-", "--snapshots", "3,4", stdin=source)
    assert [(s["line"], s["pc"], s["op"], s["stack"]) for s in document["snapshots"]] == [
        (3, 4, "ADD", ["0x2", "0x1"]),
        (4, 5, "STOP", ["0x3"]),
    ]
    assert len(result(nvm, "-", "--snapshots", "all", stdin=source)["snapshots"]) == 4


def test_a_jump_shows_the_jumpdest_it_lands_on(nvm):
    document = result(nvm, "-", "--snapshots", "all", stdin="PUSH 4\nJUMP\nSTOP\nx:\nSTOP\n")
    assert [(s["pc"], s["op"]) for s in document["snapshots"]] == [
        (0, "PUSH1"), (2, "JUMP"), (4, "JUMPDEST"), (5, "STOP"),
    ]


@pytest.mark.parametrize("arguments", [["--snapshots", "x"], ["--snapshots", "99"],
                                       ["--backend", "nope"], ["--fork", "nope"],
                                       ["--gas", "-1"], ["--timeout", "0"]])
def test_bad_options_exit_with_2(nvm, arguments):
    done = nvm("run", "-", *arguments, stdin="STOP\n")
    assert done.returncode == 2
    assert done.stderr


def test_a_bad_scenario_line_is_an_error_with_its_place(nvm):
    done = nvm("run", "-", stdin="#@ blance 1 ether\nSTOP\n")
    assert done.returncode == 2
    assert "-:1:4: error[SCN001]" in done.stderr
    assert "did you mean balance?" in done.stderr


def test_value_reaches_the_guest(nvm):
    source = "CALLVALUE\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"
    assert int(result(nvm, "-", "--value", "12345", stdin=source)["return_data"], 16) == 12345


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("three-plus-four", [7]),
        ("loop", [5050]),
        ("approve-and-deposit", [250 * 10**18]),
        ("swap-two-assets", [19_920_139_620_798_064_329, 19_900_318_764_383_818_665]),
    ],
)
def test_examples_do_what_they_say(nvm, name, words):
    document = result(nvm, str(ROOT / "examples" / f"{name}.easm"))
    data = bytes.fromhex(document["return_data"][2:])
    found = [int.from_bytes(data[i : i + 32], "big") for i in range(0, 32 * len(words), 32)]
    assert found == words
    assert document["gas"]["overhead"] > 0
