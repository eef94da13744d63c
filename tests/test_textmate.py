"""The TextMate grammar is the one that the opcode table gives; how it colours is tested by npm."""

from __future__ import annotations

import re

from nvm_lsp.opcodes import ALIASES, OPCODES
from nvm_lsp.textmate import PATH, grammar, grammar_text


def test_the_committed_grammar_is_the_generated_one():
    assert PATH.read_text(encoding="utf-8") == grammar_text(), "run: python -m nvm_lsp.textmate"


def test_every_mnemonic_is_coloured_whole():
    patterns = [
        # Oniguruma's flags stand anywhere, Python's at the front, where these are.
        re.compile(pattern["match"])
        for pattern in grammar()["repository"]["mnemonics"]["patterns"]
    ]
    for name in (*OPCODES, *ALIASES, "PUSH"):
        for text in (name, name.lower()):
            found = [match.group() for pattern in patterns if (match := pattern.search(text))]
            assert found == [text], text
    assert not any(pattern.search("PUSH33") for pattern in patterns)
