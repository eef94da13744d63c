"""``nvm-lsp asm``: easm to bytecode."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from nvm_lsp.assembler import Assembly, Unreadable, assemble
from nvm_lsp.assembler.listing import listing
from nvm_lsp.cli.arguments import complain, complain_of_configuration, fork_argument
from nvm_lsp.cli.source_files import print_diagnostics, read_source
from nvm_lsp.cli.write import write_file
from nvm_lsp.configuration import Configurations
from nvm_lsp.diagnostics import diagnostic_json

NAME = "asm"
HELP = "assemble easm to bytecode"
#: What becomes of the bytes of a file's name that are no text.
_ESCAPED = "backslashreplace"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="an easm file, or - for stdin")
    parser.add_argument("-o", "--output", metavar="OUT", help="write to this file, not to stdout")
    parser.add_argument(
        "--format", choices=("hex", "bin", "json", "listing"), default="hex",
        help="hex: one line 0x…; bin: raw bytes; json: bytecode, symbols, source map, diagnostics; "
        "listing: offset, bytes and source, line by line (default: hex)",
    )
    parser.add_argument("--fork", type=fork_argument, help="fork to target, over the file's %%fork")
    parser.add_argument(
        "-D", "--define", metavar="NAME=VALUE", action="append", default=[], type=_definition,
        help="set a constant, over its %%def; may be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    """Assembles every file; nothing is written unless all of them assemble."""
    if arguments.format == "bin" and len(arguments.files) > 1:
        return complain("--format bin takes one file", "assemble them one by one")
    options = dict(arguments.define)
    known = Configurations()
    assemblies: list[Assembly] = []
    failed = False
    for name in arguments.files:
        source = read_source(name)
        if isinstance(source, Unreadable):
            complain(source.message, source.hint)
            failed = True
            continue
        assert source.tree is not None
        default_fork = known.of(source.name).for_file(source.name).fork
        if complain_of_configuration(known):
            return 2
        assembly = assemble(
            source.tree, loader=source.loader, fork=arguments.fork, default_fork=default_fork,
            options=options,
        )
        failed |= bool(print_diagnostics(assembly.diagnostics))
        assemblies.append(assembly)
    if failed and arguments.format != "json":
        return 2
    if failed and len(assemblies) < len(arguments.files):
        return 2
    written = _write(_render(assemblies, arguments.format), arguments.output)
    return 2 if failed else written


def _render(assemblies: list[Assembly], form: str) -> bytes:
    if form == "bin":
        return assemblies[0].bytecode
    if form == "hex":
        return "".join(f"0x{a.bytecode.hex()}\n" for a in assemblies).encode()
    if form == "listing":
        return "\n".join("".join(listing(a)) for a in assemblies).encode("utf-8", _ESCAPED)
    documents = [assembly_json(a) for a in assemblies]
    document: Any = documents[0] if len(documents) == 1 else documents
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", _ESCAPED)


def assembly_json(assembly: Assembly) -> dict[str, Any]:
    """What ``--format json`` prints of a program; lines and columns count from one."""
    symbols = assembly.symbols
    return {
        "schema": 1,
        "file": assembly.program.root.path,
        "fork": assembly.fork,
        "bytecode": "0x" + assembly.bytecode.hex() if assembly.ok else None,
        "symbols": [
            {
                "name": symbol.name,
                "kind": symbol.kind,
                "value": None if symbol.value is None else hex(symbol.value),
                "location": None
                if symbol.location is None
                else {
                    "file": symbol.location.path,
                    "line": symbol.location.span.start.line + 1,
                    "column": symbol.location.span.start.column + 1,
                },
            }
            for symbol in symbols.all
        ],
        "source_map": list(_source_map(assembly)) if assembly.ok else [],
        "diagnostics": [diagnostic_json(d) for d in assembly.diagnostics],
    }


def _source_map(assembly: Assembly) -> Iterator[dict[str, Any]]:
    for pc, size, is_data, origin in assembly.source_map.entries():
        if size:
            span = origin.location.span
            yield {
                "pc": pc,
                "size": size,
                "data": is_data,
                "file": origin.location.path,
                "line": span.start.line + 1,
                "column": span.start.column + 1,
                "uses": [
                    {"file": use.location.path, "line": use.location.span.start.line + 1}
                    for use in origin.uses
                ],
            }


def _write(data: bytes, output: str | None) -> int:
    """Writes to stdout or to a file."""
    if output is None or output == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    return write_file(data, output)


def _definition(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    try:
        number = int(value or "1", 0)
    except ValueError:
        number = -1
    if not name.replace(".", "_").isidentifier() or not 0 <= number < 2**256:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no definition; write NAME=VALUE with a number from 0 to 2^256 - 1"
        )
    return name, number
