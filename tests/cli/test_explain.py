"""``nvm-lsp explain``: a page for every code and every opcode, and a list of all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nvm_lsp.pages import FAMILIES, kinds

ROOT = Path(__file__).parents[2]


def test_every_code_that_is_defined_is_explained():
    defined = set()
    for file in (ROOT / "nvm_lsp").rglob("*.py"):
        defined |= set(re.findall(r'(?:define_kind|@rule)\(\s*"([A-Z]+\d+)"', file.read_text()))
    assert len(defined) > 30
    assert defined - set(kinds()) == set()


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.code)
def test_a_page_tells_what_it_is_and_what_to_do(kind):
    assert "## What to do" in kind.page or "## What it does" in kind.page
    assert "## Example" in kind.page


@pytest.mark.parametrize(
    ("what", "part"),
    [("asm006", "undefined-name"), ("stack-underflow", "STK001"), ("sha3", "KECCAK256"),
     ("IMP001", "not-translated"), ("SCN001", "bad-scenario"), ("Unused_Label", "LBL001")],
)
def test_codes_names_and_mnemonics_are_found(nvm, what, part):
    done = nvm("explain", what)
    assert (done.returncode, part in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("MSTOR", "did you mean MSTORE "), ("STK01", "did you mean STK001"),
        ("stack-undeflow", "did you mean stack-underflow"), ("unused", "unused-label"),
        ("qqqqqq", "`nvm-lsp explain` lists all"), ("x" * 100_000, "lists all"),
    ],
    ids=["mnemonic", "code", "name", "part", "nothing", "long"],
)
def test_an_unknown_word_gets_a_suggestion(nvm, what, hint):
    done = nvm("explain", what)
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr


def test_without_a_word_all_are_listed(nvm):
    lines = nvm("explain").stdout.splitlines()
    assert [line for line in lines if line.startswith("STK001 ")]
    assert [line for line in lines if "KECCAK256" in line]
    listed = json.loads(nvm("explain", "--format", "json").stdout)
    assert len(listed) == len(lines)
    assert {"diagnostic", "opcode"} == {row["kind"] for row in listed}


def test_json_holds_the_page_and_its_parts(nvm):
    found = json.loads(nvm("explain", "sha3", "--format", "json").stdout)
    assert (found["name"], found["code"]) == ("KECCAK256", "0x20")
    assert found["inputs"] == ["offset", "size"]
    found = json.loads(nvm("explain", "STK001", "--format", "json").stdout)
    assert (found["name"], found["level"]) == ("stack-underflow", "error")
    assert "## Example" in found["page"]


def test_own_codes_belong_to_a_family():
    assert {code.rstrip("0123456789") for code in kinds()} <= {*FAMILIES, "TST"}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_gets_the_page_laid_out():
    import pty

    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "nvm_lsp", "explain", "STK001"], stdout=follower, env=environment,
    ) as process:
        os.close(follower)
        text = b""
        try:
            while part := os.read(leader, 4096):
                text += part
        except OSError:  # Linux says so when the other side is closed
            pass
    os.close(leader)
    assert process.returncode == 0
    assert b"\x1b[" in text
    assert b"## " not in text
