"""``nvm-lsp fmt``: easm in one style."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence

from nvm_lsp.assembler import Unreadable
from nvm_lsp.cli.arguments import complain, complain_of_configuration
from nvm_lsp.cli.source_files import Input, print_diagnostics, read_source
from nvm_lsp.cli.walk import STDIN, files_of
from nvm_lsp.cli.write import write_file
from nvm_lsp.configuration import Configurations
from nvm_lsp.formatter import format_tree
from nvm_lsp.source import split_lines

NAME = "fmt"
HELP = "format easm source"


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
    parser.add_argument(
        "--force-exclude", action="store_true",
        help="leave out excluded files even where they are named",
    )


def run(arguments: argparse.Namespace) -> int:
    """Formats all files; 1 if --check or --diff found a difference, 2 if one cannot be parsed."""
    changed = failed = 0
    known = Configurations()
    for path in files_of(arguments.paths, known, force_exclude=arguments.force_exclude):
        source = read_source(path, arguments.stdin_filename)
        if isinstance(source, Unreadable):
            failed += 1
            complain(source.message, source.hint)
            continue
        assert source.tree is not None
        configuration = known.of(source.name)
        if configuration.flaws:
            return complain_of_configuration(known)
        text = format_tree(source.tree, configuration.for_file(source.name).format)
        if text is None:
            failed += 1
            print_diagnostics(problem.at(source.name, n) for n, problem in source.tree.problems())
            complain(f"{source.name} was left as it is, because it cannot be parsed")
            continue
        changed += _deal_with(arguments, path, source, text)
    if arguments.check and changed:
        print(f"{changed} file{'s' * (changed > 1)} would change", file=sys.stderr)
    if failed:
        return 2
    return int(bool(changed) and (arguments.check or arguments.diff))


def _deal_with(
    arguments: argparse.Namespace, path: str, source: Input, text: str
) -> bool:
    """Writes, shows or only names one file; whether it is not in our style yet."""
    assert source.tree is not None
    before = source.tree.text
    if arguments.diff:
        _show(split_lines(before), split_lines(text), source.name)
    elif arguments.check:
        if text != before:
            print(source.name)
    elif path == STDIN:
        _print(source.mark + text.encode())
    elif text != before and write_file(source.mark + text.encode(), path):
        raise SystemExit(2)
    return text != before


def _show(before: Sequence[str], after: Sequence[str], name: str) -> None:
    """Prints a difference for ``patch``, line ends as they are."""
    for line in difflib.unified_diff(before, after, name, name):
        ending = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
        _print((line + ending).encode("utf-8", "surrogateescape"))  # the name as it is


def _print(data: bytes) -> None:
    """Prints text whose line ends stay as they are, on every system."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
