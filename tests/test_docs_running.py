"""docs/running.md: its programs are run by its commands, and print what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

BLOCK = re.compile(r"```(easm|toml|console)\n(.*?)```", re.DOTALL)
PAGE = (Path(__file__).parents[1] / "docs" / "running.md").read_text("utf-8")


def test_every_command_prints_what_the_page_shows(nvm, tmp_path):
    commands = 0
    for kind, text in BLOCK.findall(PAGE):
        if kind != "console":
            name = text.partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(text)
            continue
        printed = ""
        for line in text.splitlines():
            if line.startswith("$ "):
                commands += 1
                program, *arguments = shlex.split(line[2:])
                assert program == "nvm-lsp"
                out = re.sub(r"\(\d+\.\d s\)", "(0.1 s)", nvm(*arguments).stdout)
                printed += line + "\n" + re.sub(r" +$", "", out, flags=re.MULTILINE)
        assert printed == text, f"docs/running.md should show:\n{printed}"
    assert commands == 8


def test_the_pages_limits_are_the_runners():
    from nvm_lsp.runner.scenario_reader import KEYS
    from nvm_lsp.runner.world import Limits

    limits = Limits()
    said = " ".join(PAGE.split())
    for words in (
        f"{limits.seconds:.0f} seconds", f"{limits.memory >> 20} MiB of EVM memory",
        f"{limits.return_data >> 20} MiB of return data", f"{limits.logs:,} logs",
        f"{limits.log_data >> 20} MiB of data", f"{limits.calls:,} calls",
    ):
        assert words in said
    for key in KEYS:
        assert key in PAGE or key.startswith("block.") or key == "matches"
