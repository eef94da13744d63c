"""The schema of scenario files against what reads them: same keys, same verdicts."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.loader import FileLoader
from nvm_lsp.opcodes import FORKS
from nvm_lsp.runner.scenario_reader import KEYS, read_cases

SCHEMA: dict[str, Any] = json.loads(
    files("nvm_lsp.runner").joinpath("scenario.schema.json").read_text("utf-8")
)
ADDRESS = "0x" + "ab" * 20
GOOD = f"""
target = "nvm"
fork = "cancun"
kernel = ["threaded", "debug"]
mode = "call"
caller = "{ADDRESS}"
wallet = "{ADDRESS}"
verifier = "1"
value = "1 gwei"
gas = 100000
balance = "2 ether + 5"
calldata = "0x01_02"
abi = ["abi.json"]
[storage]
0 = 5
"1 + 1" = "0xff"
[block]
number = 7
timestamp = 1700000000
prevrandao = 3
gas_limit = 30000000
base_fee = 7
excess_blob_gas = 0
slot_number = 9
chain_id = 1
coinbase = "{ADDRESS}"
[accounts.{ADDRESS}]
balance = "1 ether"
nonce = 3
code = "token.easm"
label = "token"
storage = {{ 0 = 1 }}
[labels]
"0x{"cd" * 20}" = "friend"
[rpc]
url = "http://127.0.0.1:8545"
block = 12
[[case]]
name = "first"
expect = ["stop", "gas <= 5000"]
[[case]]
name = "second"
kernel = "verifier"
[case.storage]
0 = 6
"""
BAD = [
    'gaz = 1', 'target = "jvm"', 'fork = "atlantis"', 'kernel = ["fast"]', 'kernel = "fast"',
    'mode = "jump"', "gas = true", "gas = 1.5", "value = -1", "caller = []", 'calldata = "0xzz"',
    "[storage]\n0 = true", "[block]\nnumbr = 1", "[block]\nnumber = true",
    f"[accounts.{ADDRESS}]\nballance = 1", 'accounts = {"0x01" = 5}', 'expect = ["stop"]',
    '[rpc]\nurl = "node"\nblock = 1', '[rpc]\nurl = "http://x"', "[[case]]\ngas = 1",
    '[[case]]\nname = "x"\ngaz = 1', "case = [3]", '[labels]\n"0x01" = ""',
]


def verdicts(folder: Path, text: str) -> tuple[list[str], list[str]]:
    """What the schema and what the reader have against a file."""
    (folder / "token.easm").write_text("STOP\n")
    (folder / "abi.json").write_text("[]")
    (folder / "s.toml").write_text(text)
    assembly = assemble_text("#@ scenario s.toml\nSTOP\n", path=str(folder / "p.easm"))
    assert assembly.ok
    _, problems = read_cases(assembly, FileLoader())
    errors = Draft202012Validator(SCHEMA).iter_errors(tomllib.loads(text))
    return [error.message for error in errors], [problem.message for problem in problems]


def test_the_schema_is_one_and_knows_the_readers_keys() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    properties = SCHEMA["properties"]
    block = {f"block.{key}" for key in properties["block"]["properties"]}
    tables = {"accounts", "labels", "block"}
    assert {*properties, *block} - tables == set(KEYS), "scenario.schema.json lags behind KEYS"
    assert properties["fork"]["enum"] == list(FORKS)
    inner = set(SCHEMA["properties"]["case"]["items"]["properties"])
    assert inner == {*properties, "name", "expect"} - {"case"}
    for name, value in properties.items():
        assert value.get("description"), f"{name}: editors show the description"


def test_a_file_with_every_key_is_good_to_both(tmp_path: Path) -> None:
    assert verdicts(tmp_path, GOOD) == ([], [])
    document = tomllib.loads(GOOD)
    as_lines = {"account", "deploy", "label", "matches", "scenario"}
    assert set(document) == set(SCHEMA["properties"]) - as_lines, "GOOD shows every key"


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_wrong_to_both(tmp_path: Path, text: str) -> None:
    schema, reader = verdicts(tmp_path, text + "\n")
    assert schema, "the schema lets it pass"
    assert reader, "the reader lets it pass"
