"""Contracts and names from the files of other tools, and scenarios that use them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nvm_lsp.assembler import MemoryLoader, Unreadable, assemble_text
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.runner.abi import EMPTY_ABI, Abi, decode_console
from nvm_lsp.runner.artifacts import load_abi, load_contract
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.run_json import to_json
from nvm_lsp.runner.scenario_reader import read_cases, read_scenario

CODE = "602a60005260206000f3"
ABI: list[dict[str, Any]] = [
    {"type": "function", "name": "answer", "inputs": [], "outputs": [{"type": "uint256"}]},
    {
        "type": "error", "name": "TooSmall",
        "inputs": [{"name": "got", "type": "uint256"}, {"name": "who", "type": "address"}],
    },
    {
        "type": "event", "name": "Moved",
        "inputs": [
            {"name": "id", "type": "uint256", "indexed": True},
            {"name": "note", "type": "string", "indexed": False},
            {
                "name": "pair", "type": "tuple", "indexed": False,
                "components": [{"name": "a", "type": "uint8"}, {"name": "b", "type": "bool"}],
            },
        ],
    },
]
LAYOUT = {"storage": [{"label": "owner", "slot": "0", "offset": 0, "type": "t_address"}]}

FOUNDRY = {
    "abi": ABI, "bytecode": {"object": "0x6001"}, "deployedBytecode": {"object": "0x" + CODE},
    "storageLayout": LAYOUT,
}
HARDHAT = {
    "_format": "hh-sol-artifact-1", "contractName": "Answer", "abi": ABI, "bytecode": "0x6001",
    "deployedBytecode": "0x" + CODE,
}
SOLC = {
    "contracts": {
        "a.sol": {
            "IAnswer": {"abi": ABI, "evm": {"deployedBytecode": {"object": ""}}},
            "Answer": {"abi": ABI, "evm": {"deployedBytecode": {"object": CODE}}},
        }
    }
}
SOLC_COMBINED = {"contracts": {"a.sol:Answer": {"abi": json.dumps(ABI), "bin-runtime": CODE}}}
VYPER = {"a.vy": {"abi": ABI, "bytecode": "0x6001", "bytecode_runtime": "0x" + CODE},
         "version": "0.4.0"}


@pytest.mark.parametrize("document", [FOUNDRY, HARDHAT, SOLC, SOLC_COMBINED, VYPER])
def test_the_runtime_code_of_every_tool_is_found(document: dict[str, Any]) -> None:
    contract = load_contract("a.json", None, MemoryLoader({"a.json": json.dumps(document)}))
    assert not isinstance(contract, Unreadable), contract
    assert contract.code.hex() == CODE
    assert [entry["name"] for entry in contract.abi] == ["answer", "TooSmall", "Moved"]


@pytest.mark.parametrize(
    ("document", "name", "message"),
    [
        ("{", None, "this is no JSON"),
        ("[]", None, "holds no contract"),
        ({"abi": ABI}, None, "has no runtime code"),
        ({"abi": [], "deployedBytecode": "0x60__$abcdef$__00"}, None, "is not linked"),
        ({"abi": [], "deployedBytecode": "0xzz"}, None, "is not hexadecimal"),
        (SOLC, "Question", "holds no contract Question; there are IAnswer, Answer"),
        ({"contracts": {"f": {n: {"abi": [], "bin-runtime": "00"} for n in "AB"}}}, None,
         "holds several contracts: A, B"),
    ],
)
def test_what_is_wrong_with_an_artifact_is_said(
    document: object, name: str | None, message: str
) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    found = load_contract("a.json", name, MemoryLoader({"a.json": text}))
    assert isinstance(found, Unreadable)
    assert message in found.message


def test_a_bare_abi_file_gives_names() -> None:
    found = load_abi("a.json", None, MemoryLoader({"a.json": json.dumps(ABI)}))
    assert not isinstance(found, Unreadable)
    abi = Abi.of(*found)
    assert abi.describe_call(keccak256(b"answer()")[:4]) == "answer()"
    data = keccak256(b"TooSmall(uint256,address)")[:4] + bytes(31) + b"\7" + bytes(31) + b"\1"
    assert abi.describe_error(data) == (
        "TooSmall(got: 7, who: 0x0000000000000000000000000000000000000001)"
    )
    import eth_abi

    body = eth_abi.encode(["string", "(uint8,bool)"], ['a "b"', (3, True)])
    topic = int.from_bytes(keccak256(b"Moved(uint256,string,(uint8,bool))"), "big")
    assert abi.describe_log([topic, 9], body) == 'Moved(id: 9, note: "a \\"b\\"", pair: [3, true])'
    assert abi.describe_log([topic, 9], body[:20]) is None, "too short to be one"
    assert EMPTY_ABI.describe_error(b"\1\2\3") is None


@pytest.mark.parametrize(
    ("signature", "types", "values", "shown"),
    [
        ("log()", [], [], ""),
        ("log(string)", ["string"], ["hello"], "hello"),
        ("log(uint256)", ["uint256"], [7], "7"),
        ("log(uint)", ["uint256"], [7], "7"),
        ("log(int256)", ["int256"], [-7], "-7"),
        ("log(bool)", ["bool"], [True], "true"),
        ("log(bytes4)", ["bytes4"], [b"abcd"], "0x61626364"),
        ("log(string,uint256)", ["string", "uint256"], ["x is %d!", 5], "x is 5!"),
        ("log(string,string,bool)", ["string", "string", "bool"], ["a", "b", False], "a b false"),
    ],
)
def test_console_calls_are_read(
    signature: str, types: list[str], values: list[object], shown: str
) -> None:
    import eth_abi

    data = keccak256(signature.encode())[:4] + eth_abi.encode(types, values)
    assert decode_console(data) == shown


def test_known_console_selectors() -> None:
    word = (7).to_bytes(32, "big")
    assert decode_console(bytes.fromhex("f82c50f1") + word) == "7"
    assert decode_console(bytes.fromhex("f5b1bba9") + word) == "7"
    assert decode_console(b"\1\2\3\4\5") == "0x0102030405"


def test_a_scenario_deploys_an_artifact_and_its_names_show_in_the_run() -> None:
    address = "0x" + "c0" * 20
    source = f"""
        #@ deploy {address} out/Answer.json:Answer balance=3
        #@ label {address} oracle
        #@ abi out/layout.json
        PUSH4 selector("answer()")
        PUSH 0
        MSTORE
        PUSH 32
        PUSH 0
        PUSH 4
        PUSH 28
        PUSH20 {address}
        GAS
        STATICCALL
        POP
        PUSH 0
        MLOAD
        PUSH 0
        SSTORE
    """
    loader = MemoryLoader(
        {"dir/out/Answer.json": json.dumps(SOLC), "dir/out/layout.json": json.dumps(FOUNDRY)}
    )
    assembly = assemble_text(source, "dir/p.easm", loader=loader)
    assert assembly.ok
    scenario, problems = read_scenario(assembly, loader)
    assert not problems, problems
    document = to_json(run(Request(assembly.bytecode, scenario)), assembly)
    (call,) = document["calls"]
    assert (call["name"], call["label"], call["kind"]) == ("answer()", "oracle", "STATICCALL")
    assert int(call["output"], 16) == 42
    assert document["decoded"]["storage"] == [{"name": "owner", "pc": 41, "line": 19}]
    assert document["storage"][0]["after"] == "0x2a"


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("blance 1", 3, "unknown 'blance' in a scenario"),
        ("gas", 5, "a value is missing"),
        ("storage 1", 11, "storage needs SLOT = VALUE"),
        ("deploy 0x1 none.easm", 14, "no such file: none.easm"),
        ("deploy 0x1", 10, "deploy needs ADDRESS PATH"),
        ("caller 1 << 161", 10, "an address has 20 bytes"),
        ("kernel fast", 10, "unknown 'fast' in a scenario"),
        ("rpc http://127.0.0.1:8545", 7, "a forked state needs a pinned block, or no two runs "
         "are the same"),
        ("rpc node block=1", 7, "rpc needs the URL of a node and a block"),
        ("rpc ftp://x block=1", 7, "nothing is known of the state behind ftp:"),
        ("block.nonsense 1", 3, "unknown 'block.nonsense' in a scenario"),
        ("case", 6, "a case needs a name"),
        ("label 0x1", 9, "label needs ADDRESS NAME"),
        ("scenario p.toml", 12, "no such file: p.toml"),
        ("calldata 0x1", 12, "this is no run of hexadecimal bytes"),
    ],
)
def test_a_wrong_scenario_line_is_said_where_it_stands(
    line: str, column: int, message: str
) -> None:
    assembly = assemble_text(f"#@ {line}\nSTOP\n", loader=MemoryLoader({}))
    _, (problem,) = read_cases(assembly, MemoryLoader({}))
    start = problem.location.span.start
    assert (start.line, start.column, problem.message) == (0, column, message)


def test_cases_share_what_stands_above_them_and_keep_their_own() -> None:
    assembly = assemble_text(
        "%def K = 2\n#@ storage 0 = K\n#@ case one\n#@ value 1 gwei\n#@ case two\n"
        "#@ storage 0 = 3\n#@ block.number 5\nSTOP\n"
    )
    (one, two), problems = read_cases(assembly, MemoryLoader({}))
    assert not problems
    assert (one.name, one.lines, one.scenario.value, one.scenario.storage) == (
        "one", (2, 4), 10**9, {0: 2}
    )
    assert (two.name, two.lines, two.scenario.value, two.scenario.storage) == (
        "two", (4, 7), 0, {0: 3}
    )
    assert (one.scenario.block.number, two.scenario.block.number) == (20_000_000, 5)
