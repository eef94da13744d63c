"""The command line: finds the command, runs it, and turns what goes wrong into words.

Exit codes: 0 success; 1 the command's own negative answer; 2 usage or source errors; 3 an error
in nvm-lsp itself.
"""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import io
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial

from nvm_lsp import __version__, plugins
from nvm_lsp.hookspecs import CommandEntry, CommandModule, hookimpl

__all__ = ["COMMANDS", "main", "nvm_lsp_commands"]

#: The commands in the order of the help; each is the module of that name in this package.
COMMANDS = {
    "run": "assemble a program, run it on the NestedVM, show result and memory",
    "test": "run programs and check what they expect",
    "asm": "assemble easm to bytecode",
    "disasm": "disassemble bytecode to easm",
    "lint": "check programs for flaws",
    "fmt": "format easm source",
    "cfg": "show a program's control flow, with stack heights and gas",
    "verify": "check that programs equal the bytecode written elsewhere",
    "import": "translate a program of another assembler to easm",
    "explain": "explain a diagnostic's code or an opcode",
    "kernel": "print the NestedVM contract: code, layout, source",
    "plugins": "list plugins, find out what ails them, switch them off and on, begin a new one",
    "serve": "start the language server",
}
_HOOK = "nvm_lsp_commands"
_TRACEBACK = "NVM_LSP_TRACEBACK"
#: Errors of writing that are the machine's, whatever is written.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code."""
    _prepare_streams()
    if _is_nowhere():
        from nvm_lsp.cli.arguments import complain  # noqa: PLC0415 -- only when things went wrong

        return complain("the folder that this was called in is gone", "go to one that is there")
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Trees and programs hold no cycles to speak of; collecting often only costs time that grows
    # with the size of the program.
    gc.set_threshold(200_000, 20, 50)
    name = next((word for word in arguments if not word.startswith("-")), None)
    plugins.listen(partial(_tell, name))
    try:
        return _run(arguments)
    except plugins.ClashError as error:
        print(f"nvm-lsp: {error}", file=sys.stderr)
        return 2
    except plugins.PluginError as error:
        print(f"nvm-lsp: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("nvm-lsp: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone, as in `nvm-lsp disasm … | head`. Nothing more can be said.
        _drop_output()
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            return _internal_error(error, arguments)
        from nvm_lsp.cli.arguments import complain  # noqa: PLC0415 -- only when things went wrong

        _drop_output()
        return complain(f"cannot write {error.filename or 'the output'}: {error.strerror}")
    except Exception as error:
        return _internal_error(error, arguments)


def _prepare_streams() -> None:
    """Opens the standard streams that were closed (`>&-`) on nothing, and lets them take all text.

    Python has None for a closed one, and the next file that is opened would take its place. What
    the encoding of an output lacks is escaped: sources and names of files may hold anything.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The lowest number that is free, and so this one.
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_nowhere() -> bool:
    """Whether the current folder was removed, so that no path can be told from it."""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _drop_output() -> None:
    """Lets what is still buffered for the standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@hookimpl
def nvm_lsp_commands() -> Iterable[CommandEntry]:
    return [CommandEntry(name, text, partial(_load, name)) for name, text in COMMANDS.items()]


def _load(name: str) -> CommandModule:
    # `import` is a word of Python's, so its module bears an underscore.
    module: CommandModule = importlib.import_module(
        f"nvm_lsp.cli.{name}{'_' if name == 'import' else ''}"
    )
    return module


def _run(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    found = plugins.find(_HOOK, CommandEntry, name) if name is not None else None
    if found is None:
        parser = _parser()
        # Showing the version is no reason to load anything.
        entries = plugins.each(_HOOK, CommandEntry) if "--version" not in arguments else ()
        commands = parser.add_subparsers(metavar="COMMAND", dest="command")
        names = [command.entry.name for command in entries if _add(commands, command.entry)]
        if name is not None and names and arguments[0] not in ("-h", "--help"):
            return _no_command(name, names, arguments)
        parser.parse_args(arguments)
        parser.print_help(sys.stderr)
        return 2
    module = found.entry.load()
    parser = _parser()
    sub = _add(parser.add_subparsers(metavar="COMMAND", dest="command"), found.entry)
    if not plugins.is_built_in(found.plugin):
        return _run_foreign(found, module, parser, sub, arguments)
    module.add_arguments(sub)
    code = module.run(_parsed(parser, sub, arguments))
    if not sys.stdout.closed:  # the server closes it when its client leaves
        sys.stdout.flush()
    return code


def _parsed(
    parser: argparse.ArgumentParser, sub: argparse.ArgumentParser, arguments: list[str]
) -> argparse.Namespace:
    """A command's arguments; what is too much is said with the command's usage, not with ours."""
    known, rest = parser.parse_known_args(arguments)
    if rest:
        sub.error(f"unrecognized arguments: {' '.join(rest)}")
    return known


def _no_command(name: str, names: list[str], arguments: list[str]) -> int:
    from difflib import get_close_matches  # noqa: PLC0415 -- only on errors

    from nvm_lsp.cli.arguments import complain  # noqa: PLC0415

    near = get_close_matches(name, names, n=1)
    behind = [word for word in arguments if word in names]
    if behind:
        hint = f"the command stands first: nvm-lsp {behind[0]} …"
    elif os.path.exists(name):
        hint = f"to run a program: nvm-lsp run {name}"
    elif near:
        hint = f"did you mean {near[0]}?"
    else:
        hint = f"there are {', '.join(names)}"
    return complain(f"there is no command {name}", hint)


def _run_foreign(
    found: plugins.Found[CommandEntry],
    module: CommandModule,
    parser: argparse.ArgumentParser,
    sub: argparse.ArgumentParser,
    arguments: list[str],
) -> int:
    """Runs a plugin's command; what it raises is said to be the plugin's."""
    try:
        module.add_arguments(sub)
        code: object = module.run(_parsed(parser, sub, arguments))
        sys.stdout.flush()
        if not isinstance(code, int):
            raise TypeError(f"a command gives its exit code, not {type(code).__name__}")
        return code
    except BrokenPipeError:
        raise
    except Exception as error:
        plugins.failed(found.plugin, f"command {found.entry.name}", error)
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nvm-lsp",
        description="Tools for easm guest programs of the NestedVM.",
        epilog="Exit codes: 0 success, 1 revert or findings, 2 usage or source errors, "
        "3 internal error.",
    )
    parser.add_argument("--version", action="version", version=f"nvm-lsp {__version__}")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], entry: CommandEntry
) -> argparse.ArgumentParser:
    # Of all commands only the one that was named brings its arguments, so that start is quick.
    text = str(entry.summary).replace("%", "%%")
    return commands.add_parser(
        entry.name, help=text, description=text[:1].upper() + text[1:] + "."
    )


def _tell(command: str | None, failure: plugins.PluginFailure) -> None:
    """Says that a plugin failed, where no answer of a command is spoilt by it."""
    if command == "lint" and failure.hook.startswith("rule "):
        return  # lint says it with the file that the rule failed on
    from nvm_lsp.plugin_settings import log_file  # noqa: PLC0415 -- only when things went wrong

    print(f"nvm-lsp: {failure.text}", file=sys.stderr)
    if len(plugins.failures()) == 1:
        print(
            f"  hint: the traceback is in {log_file()}; try nvm-lsp plugins doctor",
            file=sys.stderr,
        )


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
