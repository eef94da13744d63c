"""The documentation's examples, executed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nvm_lsp.assembler import MemoryLoader, assemble_text

README = Path(__file__).parents[1] / "README.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
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


@pytest.mark.parametrize("block", CONSOLE.findall(README.read_text("utf-8")), ids=range(3))
def test_a_command_of_the_readme_shows_what_it_says(block, tmp_path):
    files: list[str] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        program, *words = command.split()
        if program == "cat":
            (tmp_path / words[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")
            files += words
            continue
        assert program == "nvm-lsp"
        folder = tmp_path if set(words) & set(files) else README.parent
        done = subprocess.run(
            [sys.executable, "-m", "nvm_lsp", *words], cwd=folder, check=False, text=True,
            capture_output=True, encoding="utf-8", env={**os.environ, "NO_COLOR": "1"},
        )
        shown = done.stdout.splitlines()
        for line in lines:
            head, cut = line.removesuffix("…"), line.endswith("…")
            assert any(got.startswith(head) if cut else got == line for got in shown), line
