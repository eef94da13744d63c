"""``nvm-lsp explain``: a page for every code and every opcode."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nvm_lsp.cli.explain import _kinds

ROOT = Path(__file__).parents[2]


def test_every_code_that_is_defined_is_explained():
    defined = set()
    for file in (ROOT / "nvm_lsp").rglob("*.py"):
        defined |= set(re.findall(r'(?:define_kind|@rule)\(\s*"([A-Z]+\d+)"', file.read_text()))
    assert len(defined) > 30
    assert defined - set(_kinds()) == set()


@pytest.mark.parametrize("kind", _kinds().values(), ids=lambda kind: kind.code)
def test_a_page_tells_what_it_is_and_what_to_do(kind):
    assert "## What to do" in kind.page or "## What it does" in kind.page
    assert "## Example" in kind.page


@pytest.mark.parametrize(
    ("what", "part"),
    [("asm006", "undefined-name"), ("stack-underflow", "STK001"), ("sha3", "KECCAK256"),
     ("IMP001", "not-translated"), ("SCN001", "bad-scenario")],
)
def test_codes_names_and_mnemonics_are_found(nvm, what, part):
    done = nvm("explain", what)
    assert (done.returncode, part in done.stdout) == (0, True)


def test_an_unknown_word_gets_a_suggestion(nvm):
    done = nvm("explain", "MSTOR")
    assert (done.returncode, "did you mean MSTORE?" in done.stderr) == (2, True)
