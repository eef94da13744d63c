"""The editor's snippets are programs: each assembles as it is inserted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nvm_lsp.assembler import MemoryLoader, assemble
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.diagnostics import Severity

ROOT = Path(__file__).parents[1]
SNIPPETS = json.loads((ROOT / "editor-extension/snippets/easm.json").read_text(encoding="utf-8"))


def inserted(body: list[str]) -> str:
    """A snippet's text with its proposals accepted."""
    return re.sub(r"\$\{\d+:([^}]*)\}|\$\d+", lambda match: match[1] or "", "\n".join(body)) + "\n"


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_assembles(name):
    text = inserted(SNIPPETS[name]["body"])
    loader: Loader = MemoryLoader({"snippet.easm": text})
    assembly = assemble(loader.source("snippet.easm"), loader=loader)
    errors = [d for d in assembly.diagnostics if d.severity is Severity.ERROR]
    assert not errors, text
    assert assembly.bytecode or text.startswith(("%macro", "#@"))
