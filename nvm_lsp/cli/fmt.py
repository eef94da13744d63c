"""``nvm-lsp fmt``: easm in one style."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from nvm_lsp.assembler import Unreadable
from nvm_lsp.cli.asm import write_file
from nvm_lsp.cli.source_files import STDIN, complain, print_diagnostics, read_source
from nvm_lsp.formatter import MNEMONIC_CASES, Style, format_tree
from nvm_lsp.syntax import SyntaxTree

NAME = "fmt"
HELP = "format easm source"

_KEYS = {"mnemonic-case": "mnemonic_case", "comment-column": "comment_column"}


class ConfigurationError(Exception):
    """A configuration file that cannot be read or says something unknown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="files, folders of *.easm files, or - for stdin"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit with 1 if a file would change"
    )
    parser.add_argument(
        "--diff", action="store_true", help="change nothing; show what would change"
    )
    parser.add_argument(
        "--stdin-filename", metavar="F", default=STDIN,
        help="the name that standard input goes by, for messages and configuration",
    )


def run(arguments: argparse.Namespace) -> int:
    """Formats all files; 1 if --check or --diff found a difference, 2 if one cannot be parsed."""
    changed = failed = 0
    for path in _files(arguments.paths):
        source = read_source(path, arguments.stdin_filename)
        if isinstance(source, Unreadable):
            failed += 1
            complain(source.message, source.hint)
            continue
        assert source.tree is not None
        try:
            style = style_for(source.name)
        except ConfigurationError as error:
            return complain(str(error))
        text = format_tree(source.tree, style)
        if text is None:
            failed += 1
            print_diagnostics(problem.at(source.name, n) for n, problem in source.tree.problems())
            complain(f"{source.name} was left as it is, because it cannot be parsed")
            continue
        changed += _deal_with(arguments, path, source.name, source.tree, text)
    if arguments.check and changed:
        print(f"{changed} file{'s' * (changed > 1)} would change", file=sys.stderr)
    if failed:
        return 2
    return int(bool(changed) and (arguments.check or arguments.diff))


def _deal_with(
    arguments: argparse.Namespace, path: str, name: str, tree: SyntaxTree, text: str
) -> bool:
    """Writes, shows or only names one file; whether it is not in our style yet."""
    before = tree.text
    if arguments.diff:
        sys.stdout.writelines(
            difflib.unified_diff(
                before.splitlines(keepends=True), text.splitlines(keepends=True), name, name
            )
        )
    elif arguments.check:
        if text != before:
            print(name)
    elif path == STDIN:
        sys.stdout.write(text)
    elif text != before and write_file(text.encode(), path):
        raise SystemExit(2)
    return text != before


def _files(paths: list[str]) -> list[str]:
    out: list[str] = []
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            out += sorted(str(file) for file in Path(path).rglob("*.easm"))
        else:
            out.append(path)
    return out


def style_for(path: str) -> Style:
    """The style that the nearest ``pyproject.toml`` with ``[tool.nvm-lsp.format]`` asks for.

    Raises:
        ConfigurationError: it cannot be read, or has an unknown key or value.
    """
    for folder in Path(os.path.abspath(path)).parents:
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"{file}: {error}") from error
        section = tool_section(table, "format")
        if section is not None:
            return _style(file, section)
    return Style()


def tool_section(document: Any, name: str) -> Any:
    """``[tool.nvm-lsp.NAME]`` of a parsed pyproject.toml, None where there is none."""
    for key in ("tool", "nvm-lsp", name):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _style(file: Path, section: Any) -> Style:
    where = f"{file}: [tool.nvm-lsp.format]"
    if not isinstance(section, dict):
        raise ConfigurationError(f"{where} is no table")
    style = Style()
    for key, value in section.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(_KEYS)}"
            raise ConfigurationError(f"{where} has an unknown key {key!r}{hint}")
        if key == "mnemonic-case" and value not in MNEMONIC_CASES:
            raise ConfigurationError(f"{where} {key} is one of {', '.join(MNEMONIC_CASES)}")
        if key == "comment-column" and not (type(value) is int and 0 <= value <= 200):
            raise ConfigurationError(f"{where} {key} is a number from 0 to 200")
        style = replace(style, **{_KEYS[key]: value})
    return style
