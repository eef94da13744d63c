"""The documentation's examples, executed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nvm_lsp.assembler import MemoryLoader, assemble_text

DOCS = Path(__file__).parents[1] / "docs"
# The files that the page speaks of.
FILES = MemoryLoader(
    {"lib/double.easm": "%macro double()\nDUP1\nADD\n%end\n", "code.hex": "0x6001\n"}
)
EXAMPLE = re.compile(r"```easm\n(.*?)```\n\n`([0-9a-f]*)`\n", re.DOTALL)
EXAMPLES = EXAMPLE.findall((DOCS / "language.md").read_text())


def test_there_are_examples():
    text = (DOCS / "language.md").read_text()
    assert len(EXAMPLES) == text.count("```easm")


@pytest.mark.parametrize(("source", "code"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_language_assembles_to_what_it_says(source, code):
    assembly = assemble_text(source, loader=FILES)
    assert assembly.ok, assembly.diagnostics
    assert assembly.bytecode.hex() == code
