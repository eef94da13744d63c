"""``nvm-lsp cfg``: the control flow of a program, with stack heights and gas."""

from __future__ import annotations

import argparse
import sys

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.analysis.graph import FORMATS, graph
from nvm_lsp.assembler import FileLoader, Unreadable, assemble, assemble_text, disassemble
from nvm_lsp.cli.arguments import complain, complain_of_configuration, fork_argument
from nvm_lsp.cli.source_files import print_diagnostics, read_input
from nvm_lsp.configuration import Configurations
from nvm_lsp.kernel.gas import overhead
from nvm_lsp.kernel.image import Build
from nvm_lsp.lint.linter import declared_target
from nvm_lsp.opcodes import DEFAULT_FORK

NAME = "cfg"
HELP = "show a program's control flow, with stack heights and gas"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "program", metavar="FILE|0xHEX|-", help="an easm file, bytecode, or - for stdin"
    )
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="text",
        help="text, dot (Graphviz), mermaid or json (default: text)",
    )
    parser.add_argument(
        "--gas", choices=("native", "table", "threaded"), default="native",
        help="gas of the EVM, or on the NestedVM with a kernel of this profile (default: native)",
    )
    parser.add_argument("--fork", type=fork_argument, help="fork to target, over the file's %%fork")


def run(arguments: argparse.Namespace) -> int:
    """Prints the graph; 2 if the program cannot be read or has errors."""
    source = read_input(arguments.program)
    if isinstance(source, Unreadable):
        return complain(source.message, source.hint)
    if source.bytecode is not None:
        fork = arguments.fork or DEFAULT_FORK
        assembly = assemble_text(disassemble(source.bytecode, fork=fork), source.name, fork=fork)
        target = "evm"
    else:
        assert source.tree is not None
        known = Configurations()
        settings = known.of(source.name).for_file(source.name)
        if complain_of_configuration(known):
            return 2
        assembly = assemble(
            source.tree, loader=source.loader or FileLoader(), fork=arguments.fork,
            default_fork=settings.fork,
        )
        target = declared_target(source.tree) or settings.target
    if not assembly.ok:
        print_diagnostics(assembly.diagnostics)
        return 2
    extra = overhead(Build(profile=arguments.gas)) if arguments.gas != "native" else None
    sys.stdout.write(graph(analyze(assembly, target), arguments.format, extra))
    return 0
