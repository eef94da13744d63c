"""``nvm-lsp disasm``: bytecode to easm that assembles to the same bytes."""

from __future__ import annotations

import argparse
import sys

from nvm_lsp.assembler import Unreadable, disassemble
from nvm_lsp.cli.source_files import complain, fork_argument, read_bytecode
from nvm_lsp.opcodes import DEFAULT_FORK

NAME = "disasm"
HELP = "disassemble bytecode to easm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", metavar="FILE|0xHEX|-",
        help="hexadecimal digits, a file of them or of raw bytes, or - for stdin",
    )
    parser.add_argument(
        "--fork", type=fork_argument, default=DEFAULT_FORK,
        help="fork whose opcodes count as instructions (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    code = read_bytecode(arguments.code)
    if isinstance(code, Unreadable):
        return complain(code.message, code.hint)
    assert code.bytecode is not None
    sys.stdout.write(disassemble(code.bytecode, fork=arguments.fork))
    return 0
