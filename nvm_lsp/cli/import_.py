"""``nvm-lsp import``: programs of other assemblers as easm."""

from __future__ import annotations

import argparse
import sys

from nvm_lsp.assembler import Unreadable
from nvm_lsp.cli.arguments import complain
from nvm_lsp.cli.source_files import print_diagnostics, read_source
from nvm_lsp.cli.write import write_file
from nvm_lsp.formatter import format_tree
from nvm_lsp.importer import dialects, translate
from nvm_lsp.syntax import parse

NAME = "import"
HELP = "translate a program of another assembler to easm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a program, or - for stdin")
    parser.add_argument(
        "--from", dest="dialect", choices=tuple(dialects()), required=True, help="its assembler"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="write to this file, not to stdout")


def run(arguments: argparse.Namespace) -> int:
    """Translates one file; 1 if some of it was only marked."""
    source = read_source(arguments.file)
    if isinstance(source, Unreadable):
        return complain(source.message, source.hint)
    assert source.tree is not None
    imported = translate(source.tree.text, arguments.dialect, source.name)
    text = format_tree(parse(imported.text)) or imported.text
    print_diagnostics(imported.diagnostics)
    if arguments.output is None:
        sys.stdout.write(text)
    elif write_file(text.encode(), arguments.output):
        return 2
    return int(bool(imported.diagnostics))
