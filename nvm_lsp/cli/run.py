"""``nvm-lsp run``: a program on the NestedVM, or natively, and what it did."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

from nvm_lsp.assembler import Assembly, Unreadable, assemble
from nvm_lsp.cli.source_files import (
    Input,
    complain,
    fork_argument,
    print_diagnostics,
    read_input,
)
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.scenario_reader import read_scenario

NAME = "run"
HELP = "assemble a program, run it on the NestedVM, show result and memory"

_SUCCESS = ("return", "stop")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "program", metavar="FILE|0xHEX|-", help="an easm file, bytecode, or - for stdin"
    )
    parser.add_argument(
        "--target", choices=("nvm", "evm"),
        help="nvm: on the NestedVM; evm: the same bytes natively (default: nvm)",
    )
    parser.add_argument("--backend", default="py-evm", help="execution backend (default: py-evm)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--call", dest="mode", action="store_const", const="call",
        help="call the NestedVM, so that the guest acts as it",
    )
    mode.add_argument(
        "--delegatecall", dest="mode", action="store_const", const="delegatecall",
        help="delegatecall it from a wallet, so that the guest acts as the wallet (default)",
    )
    parser.add_argument("--gas", type=_count, metavar="N", help="gas limit (default: 30000000)")
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="S",
        help="wall-clock limit in seconds (default: 10)",
    )
    parser.add_argument("--value", type=_count, metavar="WEI", help="ether sent with the call")
    parser.add_argument("--fork", type=fork_argument, help="fork of program and host")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--snapshots", default="end", metavar="all|end|LINE,…",
        help="also keep stack and memory before every instruction, or those of some lines",
    )
    add_build_arguments(parser)


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the kernel's build, which `kernel` has, too."""
    group = parser.add_argument_group("kernel build")
    group.add_argument("--profile", choices=("table", "threaded"), help="(default: table)")
    for name, text in (
        ("verifier", "every call must be approved by a verifier contract"),
        ("debug", "log with console.log"),
        ("strict-jumpdest", "a JUMPDEST byte in push data is no destination"),
        ("delegatecall-only", "refuse to run as itself"),
    ):
        group.add_argument(f"--{name}", action="store_true", help=text)


def run(arguments: argparse.Namespace) -> int:
    program = read_input(arguments.program)
    if isinstance(program, Unreadable):
        return complain(program.message, program.hint)
    assembly: Assembly | None = None
    scenario = Scenario()
    if program.tree is not None:
        found = _from_source(program, arguments.fork)
        if isinstance(found, int):
            return found
        assembly, scenario = found
        code = assembly.bytecode
    else:
        assert program.bytecode is not None
        code = program.bytecode
    scenario = _overridden(scenario, arguments)
    snapshots = _snapshots(arguments.snapshots, assembly)
    if isinstance(snapshots, str) and snapshots not in ("all", "end"):
        return complain(snapshots)
    return _execute(arguments, code, scenario, snapshots, assembly)


def _execute(
    arguments: argparse.Namespace, code: bytes, scenario: Scenario,
    snapshots: frozenset[int] | str, assembly: Assembly | None,
) -> int:
    from nvm_lsp.runner.machine import Limits  # noqa: PLC0415 -- after the input is known good
    from nvm_lsp.runner.run import (  # noqa: PLC0415
        Request,
        UnknownBackendError,
        to_json,
    )
    from nvm_lsp.runner.run import run as run_guest  # noqa: PLC0415

    limits = Limits(seconds=arguments.timeout)
    request = Request(code, scenario, arguments.backend, limits, snapshots)
    try:
        result = run_guest(request)
    except (UnknownBackendError, ValueError) as error:
        return complain(str(error))
    if arguments.json:
        json.dump(to_json(result, assembly), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(result, assembly)
    return 0 if result.outcome in _SUCCESS else 1


def _print(result: Any, assembly: Assembly | None) -> None:
    from rich.console import Console  # noqa: PLC0415

    from nvm_lsp.runner.render import render  # noqa: PLC0415

    console = Console(soft_wrap=True, highlight=False)
    for line in render(result, assembly):
        console.print(line)


def _from_source(program: Input, fork: str | None) -> tuple[Assembly, Scenario] | int:
    assert program.tree is not None
    assert program.loader is not None
    assembly = assemble(program.tree, loader=program.loader, fork=fork)
    if print_diagnostics(assembly.diagnostics):
        return 2
    scenario, problems = read_scenario(assembly, program.loader)
    if print_diagnostics(problems):
        return 2
    return assembly, scenario


def _overridden(scenario: Scenario, arguments: argparse.Namespace) -> Scenario:
    """The scenario with what the command line says on top."""
    changes: dict[str, Any] = {
        key: getattr(arguments, key)
        for key in ("target", "mode", "gas", "value", "fork", "profile")
        if getattr(arguments, key) is not None
    }
    return replace(scenario, options=scenario.options | build_options(arguments), **changes)


def build_options(arguments: argparse.Namespace) -> frozenset[str]:
    """The options of the kernel's build that were switched on."""
    return frozenset(
        name
        for name in ("verifier", "debug", "strict_jumpdest", "delegatecall_only")
        if getattr(arguments, name)
    )


def _snapshots(text: str, assembly: Assembly | None) -> frozenset[int] | str:
    """Offsets of the lines that were asked for, ``all`` or ``end``; anything else is an error."""
    if text in ("all", "end"):
        return text
    if assembly is None:
        return "snapshots at lines need a source; bytecode takes all or end"
    pcs: set[int] = set()
    for word in text.split(","):
        if not word.strip().isdecimal():
            return f"--snapshots takes all, end or line numbers with commas, not {text!r}"
        line = int(word) - 1
        found = assembly.source_map.pcs(assembly.program.root.path, line)
        if not found:
            return f"line {line + 1} holds no instruction, so there is nothing to take there"
        pcs.update(found)
    return frozenset(pcs)


def _count(text: str) -> int:
    try:
        value = int(text.replace("_", ""), 0)
    except ValueError:
        value = -1
    if not 0 <= value < 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 2^64 - 1")
    return value


def seconds(text: str) -> float:
    """An argparse type: a time limit."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value
