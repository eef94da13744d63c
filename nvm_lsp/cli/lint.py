"""``nvm-lsp lint``: what is wrong with programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from nvm_lsp.assembler import FileLoader, Unreadable, assemble
from nvm_lsp.cli.arguments import complain, fork_argument
from nvm_lsp.cli.source_files import read_source
from nvm_lsp.cli.walk import STDIN
from nvm_lsp.diagnostics import Diagnostic, diagnostic_json
from nvm_lsp.lint.linter import check

NAME = "lint"
HELP = "check programs for flaws"

#: Characters of a source line that are shown at most.
_SHOWN = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="files, folders of *.easm files, or - for stdin"
    )
    parser.add_argument("--fork", type=fork_argument, help="fork to target, over the file's %%fork")
    parser.add_argument(
        "--format", choices=("concise", "full", "json"), default="full", help="(default: full)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Checks all files; 1 if anything was found, 2 if a path cannot be read."""
    found: list[tuple[Diagnostic, str]] = []
    unreadable = False
    for path in _files(arguments.paths):
        source = read_source(path)
        if isinstance(source, Unreadable):
            complain(source.message, source.hint)
            unreadable = True
            continue
        assert source.tree is not None
        loader = source.loader or FileLoader()
        assembly = assemble(source.tree, loader=loader, fork=arguments.fork)
        texts = {context.path: context.tree for context in assembly.program.contexts}
        for diagnostic in check(assembly):
            tree = texts.get(diagnostic.location.path)
            line = diagnostic.location.span.start.line
            text = tree.line(line).text.rstrip("\r\n") if tree and line < tree.line_count else ""
            found.append((diagnostic, text))
    if arguments.format == "json":
        json.dump([diagnostic_json(d) for d, _ in found], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for diagnostic, text in found:
            print("\n".join(_lines(diagnostic, text, arguments.format == "full")))
        if not found and not unreadable:
            print("no findings", file=sys.stderr)
    return 2 if unreadable else int(bool(found))


def _files(paths: list[str]) -> Iterator[str]:
    """The files that paths name; folders give the easm files below them."""
    for path in paths:
        if path != STDIN and Path(path).is_dir():
            yield from sorted(str(file) for file in Path(path).rglob("*.easm"))
        else:
            yield path


def _lines(diagnostic: Diagnostic, text: str, full: bool) -> Iterator[str]:
    first, *rest = diagnostic.lines()
    yield first
    if not full:
        return
    span = diagnostic.location.span
    if text:
        number = str(span.start.line + 1)
        width = span.end.column - span.start.column if span.end.line == span.start.line else 1
        # Of a line far too long for a terminal, the part that matters.
        begin = max(0, span.start.column - _SHOWN // 2) if len(text) > _SHOWN else 0
        shown = text[begin : begin + _SHOWN]
        column = span.start.column - begin
        blank = "".join("\t" if c == "\t" else " " for c in shown[:column])
        width = min(width, max(len(shown) - column, 1))
        yield f"{number} | {shown}"
        yield f"{' ' * len(number)} | {blank}{'^' * max(width, 1)}"
    yield from rest
