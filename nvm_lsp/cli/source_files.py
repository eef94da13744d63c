"""Reading what a command was given: a file, hexadecimal digits, or standard input."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass

from nvm_lsp.assembler.loader import (
    MAX_FILE_BYTES,
    FileLoader,
    Unreadable,
    decode_source,
    parse_hex_file,
    read_bytes,
)
from nvm_lsp.cli.walk import STDIN
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.source import split_lines
from nvm_lsp.syntax import SyntaxTree, parse_lines

__all__ = [
    "Input",
    "print_diagnostics",
    "read_bytecode",
    "read_input",
    "read_source",
]

@dataclass(frozen=True, slots=True)
class Input:
    """A program as it was given: bytecode, or the tree of a source with its loader.

    ``mark`` is the byte order mark that the source began with, if it did.
    """

    name: str
    bytecode: bytes | None = None
    tree: SyntaxTree | None = None
    loader: FileLoader | None = None
    mark: bytes = b""


def read_source(argument: str, stdin_name: str = STDIN) -> Input | Unreadable:
    """The source of a file or of standard input (``-``)."""
    data = _read(argument)
    if isinstance(data, Unreadable):
        return data
    name = stdin_name if argument == STDIN else argument
    text = decode_source(data, name)
    if isinstance(text, Unreadable):
        return text
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    return Input(name, tree=parse_lines(name, split_lines(text)), loader=FileLoader(), mark=mark)


def read_bytecode(argument: str) -> Input | Unreadable:
    """The bytecode of ``0x…``, of a file of hexadecimal digits or raw bytes, or of stdin."""
    if argument[:2] in ("0x", "0X"):
        return _hex_argument(argument)
    data = _read(argument)
    if isinstance(data, Unreadable):
        return data
    decoded = parse_hex_file(data)
    if decoded is None and data.strip()[:2] in (b"0x", b"0X") and len(data) < MAX_FILE_BYTES:
        found = _hex_argument(data.strip().decode("ascii", "replace"))
        if isinstance(found, Unreadable):
            return Unreadable(f"{argument}: {found.message}", found.hint)
    return Input(argument, bytecode=data if decoded is None else decoded)


def read_input(argument: str) -> Input | Unreadable:
    """A program in any form: ``0x…``, an easm file, a file of hexadecimal digits, or stdin."""
    if argument[:2] in ("0x", "0X"):
        return _hex_argument(argument)
    data = _read(argument)
    if isinstance(data, Unreadable):
        return data
    decoded = parse_hex_file(data)
    prefixed = data.strip()[:2] in (b"0x", b"0X")
    if decoded is not None and (prefixed or not argument.endswith("easm")):
        return Input(argument, bytecode=decoded)
    text = decode_source(data, argument)
    if isinstance(text, Unreadable):
        return text
    return Input(argument, tree=parse_lines(argument, split_lines(text)), loader=FileLoader())


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> int:
    """Prints diagnostics on stderr; how many of them are errors."""
    errors = 0
    for diagnostic in diagnostics:
        errors += diagnostic.severity is Severity.ERROR
        print("\n".join(diagnostic.lines()), file=sys.stderr)
    return errors


def _read(argument: str) -> bytes | Unreadable:
    if argument != STDIN:
        return read_bytes(argument)
    data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        return Unreadable(f"standard input is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return data


def _hex_argument(argument: str) -> Input | Unreadable:
    digits = "".join(argument[2:].split()).replace("_", "")
    for position, digit in enumerate(digits):
        if digit not in "0123456789abcdefABCDEF":
            return Unreadable(
                f"digit {position + 1} of the bytecode is {digit!r}, which is not hexadecimal"
            )
    if len(digits) % 2:
        return Unreadable(
            f"the bytecode has an odd number of digits ({len(digits)})",
            "every byte takes two; is the first or the last digit missing?",
        )
    return Input("<bytecode>", bytecode=bytes.fromhex(digits))
