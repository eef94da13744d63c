"""The command line: finds the command's module, runs it, and turns what goes wrong into words.

Exit codes: 0 success; 1 the command's own negative answer; 2 usage or source errors; 3 an error
in nvm-lsp itself.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from nvm_lsp import __version__

__all__ = ["COMMANDS", "main"]

#: The commands in the order of the help; each is the module of that name in this package.
COMMANDS = {
    "run": "assemble a program, run it on the NestedVM, show result and memory",
    "test": "run programs and check what they expect",
    "asm": "assemble easm to bytecode",
    "disasm": "disassemble bytecode to easm",
    "lint": "check programs for flaws",
    "fmt": "format easm source",
    "verify": "check that programs equal the bytecode written elsewhere",
    "import": "translate a program of another assembler to easm",
    "explain": "explain a diagnostic's code or an opcode",
    "kernel": "print the NestedVM contract: code, layout, source",
    "serve": "start the language server",
}
_TRACEBACK = "NVM_LSP_TRACEBACK"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Trees and programs hold no cycles to speak of; collecting often only costs time that grows
    # with the size of the program.
    gc.set_threshold(200_000, 20, 50)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("nvm-lsp: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone, as in `nvm-lsp disasm … | head`. Nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _internal_error(error, arguments)


def _run(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    module = _load(name) if name in COMMANDS else None
    parser = _parser(name, module)
    namespace = parser.parse_args(arguments)
    if module is None:
        parser.print_help(sys.stderr)
        return 2
    code: int = module.run(namespace)
    if not sys.stdout.closed:  # the server closes it when its client leaves
        sys.stdout.flush()
    return code


def _load(name: str) -> ModuleType:
    # `import` is a word of Python's, so its module bears an underscore.
    return importlib.import_module(f"nvm_lsp.cli.{name}{'_' if name == 'import' else ''}")


def _parser(name: str | None, module: ModuleType | None) -> argparse.ArgumentParser:
    """The parser; only the command that was named brings its arguments, so that start is quick."""
    parser = argparse.ArgumentParser(
        prog="nvm-lsp",
        description="Tools for easm guest programs of the NestedVM.",
        epilog="Exit codes: 0 success, 1 revert or findings, 2 usage or source errors, "
        "3 internal error.",
    )
    parser.add_argument("--version", action="version", version=f"nvm-lsp {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for command, text in COMMANDS.items():
        sub = commands.add_parser(
            command, help=text, description=text[0].upper() + text[1:] + ".",
        )
        if command == name and module is not None:
            module.add_arguments(sub)
    return parser


def _internal_error(error: Exception, arguments: list[str]) -> int:
    import platform  # noqa: PLC0415 -- only when things went wrong
    import traceback  # noqa: PLC0415

    print(f"nvm-lsp: internal error: {type(error).__name__}: {error}", file=sys.stderr)
    if os.environ.get(_TRACEBACK):
        traceback.print_exc()
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(f"  in {frame.name}, {os.path.basename(frame.filename)}:{frame.lineno}",
              file=sys.stderr)
    print(
        f"  This is a bug. Please report it with the program and this line:\n"
        f"  nvm-lsp {__version__}, Python {platform.python_version()}, "
        f"arguments: {' '.join(arguments)}\n"
        f"  {_TRACEBACK}=1 shows where it happened.",
        file=sys.stderr,
    )
    return 3


if __name__ == "__main__":
    sys.exit(main())
