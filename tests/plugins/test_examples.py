"""The examples are installed into a fresh environment, and used there in shell and editor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plugins.conftest import settings

EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"
NAMES = ("house-rules", "tiny-evm", "toy-chain")
URI = "file:///work/program.easm"
MULDIV = """\
%fork toychain
%def SLOT = 3
    PUSH 7
    PUSH2 300
    PUSH2 300
    MULDIV
    PUSH 0
    MSTORE
    PUSH 32
    PUSH 0
    RETURN
"""


@pytest.fixture(scope="module")
def environment(new_environment, tmp_path_factory):
    made = new_environment()
    made.install(*(EXAMPLES / name for name in NAMES))
    return made


@pytest.fixture
def nvm(environment, tmp_path):
    def run(*arguments, text=MULDIV):
        (tmp_path / "a.easm").write_text(text)
        return environment.run("-m", "nvm_lsp", *arguments, cwd=tmp_path)

    return run


def test_the_examples_are_all_tried():
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml")) == sorted(NAMES)


def test_their_own_tests_pass(environment, tmp_path):
    done = environment.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib",
        *(str(EXAMPLES / name / "tests") for name in NAMES), cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout


def test_the_doctor_finds_nothing_wrong(nvm):
    done = nvm("plugins", "doctor")
    assert done.returncode == 0, done.stdout
    for name in NAMES:
        assert f"{name} (nvm-lsp-{name} 1.0.0): fine" in done.stdout


def test_the_rules_in_the_shell(nvm):
    done = nvm("lint", "--format", "concise", "a.easm")
    assert "a.easm:5:5: hint[HSE001] 0x12c is on top of the stack already" in done.stdout
    assert done.stderr.count("plugin") == 0, done.stderr
    page = nvm("explain", "HSE001").stdout
    assert "DUP1 costs the same gas" in page


def test_the_backend_and_the_chain_in_the_shell(nvm):
    own = nvm("run", "--json", "a.easm")
    assert own.returncode == 0, own.stderr
    assert int(json.loads(own.stdout)["return_data"], 16) == 300 * 300 // 7
    assert "MULDIV" in nvm("explain", "muldiv").stdout
    mine = nvm("run", "--json", "--backend", "tiny", "a.easm", text="PUSH 3\nPUSH 4\nADD\nSTOP\n")
    theirs = nvm("run", "--json", "a.easm", text="PUSH 3\nPUSH 4\nADD\nSTOP\n")
    assert json.loads(mine.stdout)["stack"] == json.loads(theirs.stdout)["stack"]
    assert json.loads(mine.stdout)["gas"] == json.loads(theirs.stdout)["gas"]
    refused = nvm("run", "--backend", "tiny", "a.easm", text="#@ target evm\nPUSH 1\nSLOAD\nSTOP\n")
    assert refused.returncode == 2
    assert "the backend tiny has no SLOAD" in refused.stderr


def test_all_of_them_in_the_editor(environment, serve, tmp_path):
    server = serve(settings(tmp_path), command=[environment.python, "-m", "nvm_lsp", "serve"])
    server.open(URI, MULDIV)
    found = server.wait_for("textDocument/publishDiagnostics", "HSE001")["diagnostics"]
    assert any(d["code"] == "HSE001" and d["range"]["start"]["line"] == 4 for d in found)
    at = {"textDocument": {"uri": URI}, "position": {"line": 5, "character": 6}}
    hover = server.ask("textDocument/hover", at)["contents"]["value"]
    assert "where the product has 512 bits" in hover
    lenses = server.ask("textDocument/codeLens", {"textDocument": {"uri": URI}})
    commands = [lens["command"] for lens in lenses if "command" in lens]
    size = next(command for command in commands if "bytes" in command["title"])
    done = server.ask(
        "workspace/executeCommand", {"command": size["command"], "arguments": size["arguments"]}
    )
    assert done == {"instructions": 9, "operands": 6}
    result = server.ask("workspace/executeCommand", {"command": "nvm.run", "arguments": [URI]})
    assert int(result["return_data"], 16) == 300 * 300 // 7
