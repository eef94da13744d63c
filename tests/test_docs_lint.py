"""What docs/lint.md says, against the command and the configuration."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

from nvm_lsp.assembler import assemble_text
from nvm_lsp.cli import lint
from nvm_lsp.configuration import read_table
from nvm_lsp.lint.linter import check, kinds
from nvm_lsp.lint.selection import unknown_codes

TEXT = (Path(__file__).parents[1] / "docs" / "lint.md").read_text("utf-8")
#: Said elsewhere: in the language's and in the CI page, and by --help.
ELSEWHERE = {"--help", "--fork", "--target", "--config"}


def test_every_option_is_told_and_exists():
    parser = argparse.ArgumentParser()
    lint.add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings}
    long = {option for option in options if option.startswith("--")}
    told = set(re.findall(r"--[a-z][a-z-]+", TEXT))
    assert told <= long, "docs/lint.md tells of options that do not exist"
    assert long - {"--jobs"} <= told | ELSEWHERE, "docs/lint.md lacks options"


def test_the_configuration_shown_is_right():
    for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL):
        settings, flaws = read_table(tomllib.loads(block)["tool"]["nvm-lsp"])
        assert flaws == ()
        assert list(unknown_codes([settings], settings.levels, kinds())) == []


def test_the_suppression_shown_suppresses():
    (block,) = re.findall(r"```easm\n(.*?)```", TEXT, re.DOTALL)
    codes = {"STK001", "SUP001", "SUP002", "SUP003", "SUP004"}
    assert not codes & {found.code for found in check(assemble_text(block))}
    bare = block.replace("# easm:", "# ")
    assert codes & {found.code for found in check(assemble_text(bare))} == {"STK001"}
