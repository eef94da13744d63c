"""``nvm-lsp verify``: programs against the bytecode that stands elsewhere in a repository.

A contract's test often holds a program as a hexadecimal literal. A line in the program,
``#@ matches test/Wallet.t.sol "0x6003…"``, or an entry of ``[[tool.nvm-lsp.verify]]`` in
the configuration with ``program``, ``file`` and ``starts``, binds the two; this command fails when
they part.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from nvm_lsp.assembler import FileLoader, Unreadable, assemble, disassemble
from nvm_lsp.assembler.loader import read_bytes
from nvm_lsp.cli.arguments import complain, complain_of_configuration
from nvm_lsp.cli.source_files import print_diagnostics, read_source
from nvm_lsp.cli.walk import files_of
from nvm_lsp.configuration import Configuration, Configurations

NAME = "verify"
HELP = "check that programs equal the bytecode written elsewhere"

_LITERAL = re.compile(r"(?:0[xX]|hex[\"'])(?P<digits>[0-9a-fA-F](?:_?[0-9a-fA-F])*)")
_MATCHES = re.compile(
    r"matches\s+(?P<file>\"[^\"]+\"|\S+)(?:\s+\"?(?P<starts>0[xX][0-9a-fA-F]*)(?:…|\.\.\.)?\"?)?\s*"
)


@dataclass(frozen=True, slots=True)
class _Binding:
    """A program, the file that holds its bytecode, and how the literal there begins."""

    where: str
    program: str
    file: str
    starts: str


class _BadLineError(Exception):
    """A line of a program that binds it to nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", default=["."],
        help="programs, or folders with programs and their configuration (default: here)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Checks all bindings; 1 if a program and its bytecode differ, 2 if one cannot be read."""
    bindings: list[_Binding] = []
    code = 0
    known = Configurations()
    for path in arguments.paths:
        if not os.path.lexists(path):
            return complain(f"no such file: {path}")
        try:
            for found in _bindings(path, known):
                if isinstance(found, Unreadable):
                    code = complain(found.message, found.hint)
                else:
                    bindings.append(found)
        except _BadLineError as error:
            return complain(str(error))
    if complain_of_configuration(known):
        return 2
    if not bindings and not code:
        print("nothing to verify: no program has a #@ matches line", file=sys.stderr)
        return 0
    for binding in bindings:
        settings = known.of(binding.program).for_file(binding.program)
        code = max(code, _verify(binding, settings.fork))
    return code


def _bindings(path: str, known: Configurations) -> Iterator[_Binding | Unreadable]:
    for file in files_of([path], known):
        yield from _of_program(file)
    if os.path.isdir(path):
        yield from _of_manifest(path, known.of(path))


def _of_program(program: str) -> Iterator[_Binding | Unreadable]:
    source = read_source(program)
    if isinstance(source, Unreadable):
        yield source
        return
    assert source.tree is not None
    for number, line in enumerate(source.tree.lines()):
        comment = line.comment
        if comment is None or comment.kind != "scenario" or not comment.body.startswith("matches"):
            continue
        found = _MATCHES.fullmatch(comment.body)
        if found is None:
            raise _BadLineError(
                f'{program}:{number + 1}: a line reads #@ matches path "0x6003…", not '
                f"{comment.text!r}"
            )
        file = os.path.join(os.path.dirname(program), found["file"].strip('"'))
        yield _Binding(f"{program}:{number + 1}", program, file, found["starts"] or "0x")


def _of_manifest(folder: str, configuration: Configuration) -> Iterator[_Binding]:
    """The entries of ``[[tool.nvm-lsp.verify]]``, if the configuration is this folder's own."""
    if configuration.path is None or not os.path.samefile(folder, configuration.folder):
        return
    for entry in configuration.settings.verify:
        yield _Binding(
            os.path.join(folder, os.path.basename(configuration.path)),
            os.path.join(folder, entry.program),
            os.path.join(folder, entry.file),
            entry.starts.rstrip("….") or "0x",
        )


def _verify(binding: _Binding, default_fork: str | None) -> int:
    source = read_source(binding.program)
    if isinstance(source, Unreadable):
        return complain(f"{binding.where}: {source.message}", source.hint)
    assert source.tree is not None
    assembly = assemble(source.tree, loader=FileLoader(), default_fork=default_fork)
    if print_diagnostics(assembly.diagnostics):
        return 2
    data = read_bytes(binding.file)
    if isinstance(data, Unreadable):
        return complain(f"{binding.where}: {data.message}", data.hint)
    candidates = list(_literals(data.decode("utf-8", "replace"), binding.starts))
    if not candidates:
        return complain(
            f"{binding.where}: {binding.file} holds no literal that starts with {binding.starts}",
            "name its first digits",
        )
    if assembly.bytecode in [code for _, code in candidates]:
        return 0
    line, nearest = max(
        candidates,
        key=lambda candidate: _equal_bytes(candidate[1], assembly.bytecode),
    )
    place = f"{binding.file}:{line}"
    print(f"{binding.program} does not equal the bytecode in {place}")
    sys.stdout.writelines(
        difflib.unified_diff(
            disassemble(nearest).splitlines(keepends=True),
            disassemble(assembly.bytecode).splitlines(keepends=True),
            place, binding.program,
        )
    )
    return 1


def _equal_bytes(a: bytes, b: bytes) -> int:
    """How many bytes two codes have in common from their beginning."""
    differing = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differing, min(len(a), len(b)))


def _literals(text: str, starts: str) -> Iterator[tuple[int, bytes]]:
    """The literals of a file that begin so, with their lines."""
    prefix = starts[2:].lower()
    for found in _LITERAL.finditer(text):
        digits = found["digits"].replace("_", "").lower()
        if digits.startswith(prefix) and len(digits) % 2 == 0:
            yield text.count("\n", 0, found.start()) + 1, bytes.fromhex(digits)
