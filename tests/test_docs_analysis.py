"""docs/analysis.md: its programs are looked at by its commands, and print what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

BLOCK = re.compile(r"```(easm|console)\n(.*?)```", re.DOTALL)
PATH = Path(__file__).parents[1] / "docs" / "analysis.md"


def test_every_command_prints_what_the_page_shows(nvm, tmp_path):
    shown = PATH.read_text("utf-8")
    commands = 0
    for kind, text in BLOCK.findall(shown):
        if kind == "easm":
            (tmp_path / text.partition("\n")[0].removeprefix("# ")).write_text(text)
            continue
        first = text.partition("\n")[0]
        program, *arguments = shlex.split(first.removeprefix("$ "))
        assert program == "nvm-lsp"
        done = nvm(*arguments)
        out = re.sub(r" +$", "", done.stdout, flags=re.MULTILINE).rstrip("\n")
        commands += 1
        assert text == f"{first}\n{out}\n", f"docs/analysis.md should show:\n{out}"
    assert commands == 2
