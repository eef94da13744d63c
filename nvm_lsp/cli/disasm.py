"""``nvm-lsp disasm``: bytecode to easm that assembles to the same bytes."""

from __future__ import annotations

import argparse
import sys

from nvm_lsp.assembler import FileLoader, Unreadable, disassemble
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.cli.arguments import complain, fork_argument
from nvm_lsp.cli.source_files import read_bytecode
from nvm_lsp.opcodes import DEFAULT_FORK

NAME = "disasm"
HELP = "disassemble bytecode to easm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", metavar="FILE|0xHEX|-",
        help="hexadecimal digits, a file of them or of raw bytes, or - for stdin",
    )
    parser.add_argument(
        "--abi", metavar="FILE.json", action="append", default=[],
        help="name selectors and topics by this ABI, or artifact with one; may be repeated",
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
    names: dict[int, str] = {}
    for path in arguments.abi:
        found = _names(path)
        if isinstance(found, Unreadable):
            return complain(found.message, found.hint)
        names.update(found)
    sys.stdout.write(disassemble(code.bytecode, fork=arguments.fork, names=names))
    return 0


def _names(path: str) -> dict[int, str] | Unreadable:
    """Signatures by selector (functions, errors) and by topic (events)."""
    from nvm_lsp.runner.abi import Abi  # noqa: PLC0415 -- only with --abi
    from nvm_lsp.runner.artifacts import load_abi  # noqa: PLC0415

    loaded = load_abi(path, None, FileLoader())
    if isinstance(loaded, Unreadable):
        return loaded
    names = {}
    for entry in Abi.of(loaded[0]).entries:
        digest = keccak256(entry.signature.encode())
        size = 32 if entry.kind == "event" else 4
        names[int.from_bytes(digest[:size], "big")] = entry.signature
    return names
