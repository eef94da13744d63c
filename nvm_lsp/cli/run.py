"""``nvm-lsp run``: a program on the NestedVM, or natively, and what it did."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from nvm_lsp.assembler import Assembly, Unreadable, assemble
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.cli.arguments import complain, complain_of_configuration, fork_argument
from nvm_lsp.cli.progress import Progress
from nvm_lsp.cli.source_files import Input, print_diagnostics, read_input
from nvm_lsp.configuration import Configurations, FileSettings
from nvm_lsp.runner.prepare import prepare
from nvm_lsp.runner.probes import Plan
from nvm_lsp.runner.run import Request, Run
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.world import Limits

if TYPE_CHECKING:
    from rich.text import Text

NAME = "run"
HELP = "assemble a program, run it on the NestedVM, show result and memory"

_SUCCESS = ("return", "stop")
_SNAPSHOTS = ("all", "changes", "end")


_PROFILES = ("table", "threaded")
DEFAULT_BACKEND = "py-evm"


class _Profile(argparse.Action):
    """``--profile`` means two things in this field: how a kernel is built, and a flame graph.

    The names of the kernel's profiles say which; a file of such a name is written ``./table``.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, "kernel_profile" if values in _PROFILES else "profile", values)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "program", metavar="FILE|0xHEX|-", help="an easm file, bytecode, or - for stdin"
    )
    parser.add_argument(
        "--target", choices=("nvm", "evm"),
        help="nvm: on the NestedVM; evm: the same bytes natively (default: nvm)",
    )
    parser.add_argument("--backend", help="execution backend (default: py-evm)")
    parser.add_argument(
        "--steps", action="store_true",
        help="tell what the program did on the way, even if the backend is slow at it",
    )
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
        "--timeout", type=seconds, metavar="S",
        help="wall-clock limit in seconds (default: 10)",
    )
    parser.add_argument("--value", type=_count, metavar="WEI", help="ether sent with the call")
    parser.add_argument("--fork", type=fork_argument, help="fork of program and host")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--snapshots", default="end", metavar="all|changes|end|LINE,…",
        help="also keep stack, memory and storage before every instruction, after each change, or "
        "before the instructions of some lines",
    )
    parser.add_argument("--case", metavar="NAME", help="which of the program's cases to run")
    parser.add_argument(
        "--compare", metavar="WITH", nargs="?", const="native",
        help="run a second time and show where the runs part and what each line costs: native "
        "(default), or words for a kernel build or fork, as in threaded,verifier",
    )
    parser.add_argument(
        "--allow-rpc", action="store_true",
        help="let the scenario read state from the node it names",
    )
    _add_files(parser)
    add_build_arguments(parser)


def _add_files(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files for other tools")
    group.add_argument(
        "--trace", metavar="FILE", help="write every step as JSON lines (EIP-3155); - for stdout"
    )
    group.add_argument(
        "--trace-kernel", action="store_true", help="with --trace, write the kernel's steps too"
    )
    group.add_argument(
        "--profile", metavar="table|threaded|FILE", action=_Profile,
        help="table or threaded choose the kernel's profile; any other word is the file that a "
        "flame graph of gas and steps is written to, for speedscope",
    )
    group.add_argument("--coverage", metavar="FILE", help="write which lines ran, for lcov")


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the kernel's build."""
    group = parser.add_argument_group("kernel build")
    group.add_argument(
        "--kernel-profile", choices=_PROFILES, help="(default: table)"
    )
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
    known = Configurations()
    settings = known.of(program.name).for_file(program.name)
    if complain_of_configuration(known):
        return 2
    assembly: Assembly | None = None
    scenario, plan = Scenario(target=settings.target), Plan()
    if program.tree is not None:
        found = _from_source(program, arguments, settings)
        if isinstance(found, int):
            return found
        assembly, scenario, plan = found
        code = assembly.bytecode
    else:
        assert program.bytecode is not None
        code = program.bytecode
        if arguments.case or arguments.coverage:
            option = "--case" if arguments.case else "--coverage"
            return complain(f"{option} needs a source; this is bytecode")
    scenario = overridden(scenario, arguments)
    snapshots = _snapshots(arguments.snapshots, assembly)
    if isinstance(snapshots, str) and snapshots not in _SNAPSHOTS:
        return complain(snapshots)
    request = Request(
        code, scenario, backend_name(arguments.backend, settings),
        limits(arguments.timeout, settings), snapshots,
        plan=plan, trust_rpc=arguments.allow_rpc,
        steps=_needs_steps(arguments),
    )
    try:
        if arguments.compare is not None:
            return _compare(arguments, request, assembly)
        return _execute(arguments, request, assembly, program.loader)
    except ValueError as error:  # unknown backend, fork without a kernel, a node that is away
        return complain(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        return complain(f"cannot write {error.filename}: {error.strerror}")


def _needs_steps(arguments: argparse.Namespace) -> bool:
    return bool(
        arguments.steps or arguments.compare or arguments.profile or arguments.coverage
    )


def _execute(
    arguments: argparse.Namespace, request: Request, assembly: Assembly | None,
    loader: Loader | None,
) -> int:
    from nvm_lsp.runner.run import run as run_guest  # noqa: PLC0415 -- the input is known good
    from nvm_lsp.runner.run_json import to_json  # noqa: PLC0415

    if arguments.trace is None:
        with Progress() as progress:
            result = run_guest(request, begun=progress.begun)
    else:
        result = _traced(arguments, request, assembly, loader)
    _write_files(arguments, result, assembly)
    if arguments.json:
        json.dump(to_json(result, assembly), sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif arguments.trace != "-":
        _print(result, assembly)
    return 0 if result.outcome in _SUCCESS else 1


def _traced(
    arguments: argparse.Namespace, request: Request, assembly: Assembly | None,
    loader: Loader | None,
) -> Run:
    """Runs and writes the trace meanwhile, so that its length costs no memory."""
    from nvm_lsp.runner.run import run as run_guest  # noqa: PLC0415
    from nvm_lsp.runner.trace_formats import TraceWriter, lines_of_code  # noqa: PLC0415

    with _opened(arguments.trace) as file:
        writer = TraceWriter(file, lines_of_code(request, assembly, loader))
        with Progress() as progress:
            result = run_guest(
                request, writer, trace_kernel=arguments.trace_kernel, begun=progress.begun
            )
        writer.close(result)
    return result


def _write_files(
    arguments: argparse.Namespace, result: Run, assembly: Assembly | None
) -> None:
    if arguments.profile is None and arguments.coverage is None:
        return
    from nvm_lsp.runner.trace_formats import lcov, speedscope  # noqa: PLC0415

    if arguments.profile is not None:
        with _opened(arguments.profile) as file:
            json.dump(speedscope(result, assembly), file)
    if arguments.coverage is not None:
        assert assembly is not None
        with _opened(arguments.coverage) as file:
            file.write(lcov(result, assembly))


def _opened(path: str) -> AbstractContextManager[TextIO]:
    if path == "-":
        return nullcontext(sys.stdout)
    return open(path, "w", encoding="utf-8", newline="\n")


def _compare(
    arguments: argparse.Namespace, request: Request, assembly: Assembly | None
) -> int:
    """Exit code 0 if the two runs do the same, or differ only where they are meant to."""
    from nvm_lsp.runner.compare import compare, to_json  # noqa: PLC0415
    from nvm_lsp.runner.run_json import line_of  # noqa: PLC0415

    where = line_of(assembly)
    comparison = compare(request, arguments.compare, where)
    if arguments.json:
        json.dump(to_json(comparison, where), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        from nvm_lsp.runner.render import render_comparison  # noqa: PLC0415

        _print_lines(render_comparison(comparison, assembly))
    return 0 if comparison.same or comparison.by_design is not None else 1


def _print(result: Run, assembly: Assembly | None) -> None:
    from nvm_lsp.runner.render import render  # noqa: PLC0415

    _print_lines(render(result, assembly))


def _print_lines(lines: Iterable[Text]) -> None:
    from rich.console import Console  # noqa: PLC0415

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would end with the exit code of a revert

    console = Output(soft_wrap=True, highlight=False)
    for line in lines:
        console.print(line)


def _from_source(
    program: Input, arguments: argparse.Namespace, settings: FileSettings
) -> tuple[Assembly, Scenario, Plan] | int:
    assert program.tree is not None
    assert program.loader is not None
    assembly = assemble(
        program.tree, loader=program.loader, fork=arguments.fork, default_fork=settings.fork
    )
    if print_diagnostics(assembly.diagnostics):
        return 2
    try:
        prepared = prepare(assembly, program.loader, arguments.case, settings)
    except KeyError:
        cases = prepare(assembly, program.loader).cases
        known = ", ".join(case.name for case in cases if case.name) or "none"
        return complain(f"there is no case {arguments.case}; there are: {known}")
    if print_diagnostics(prepared.diagnostics):
        return 2
    scenario = prepared.request.scenario
    if arguments.target == "evm" and scenario.target != "evm" and arguments.fork is None:
        # As for `#@ target evm`: natively, a program runs on its own fork, however old.
        scenario = replace(scenario, fork=assembly.fork)
    return assembly, scenario, prepared.request.plan


def overridden(scenario: Scenario, arguments: argparse.Namespace) -> Scenario:
    """The scenario with what the command line says on top."""
    changes: dict[str, Any] = {
        key: getattr(arguments, key)
        for key in ("target", "mode", "gas", "value", "fork")
        if getattr(arguments, key) is not None
    }
    if arguments.kernel_profile is not None:
        changes["profile"] = arguments.kernel_profile
    return replace(scenario, options=scenario.options | build_options(arguments), **changes)


def backend_name(given: str | None, settings: FileSettings) -> str:
    """The backend that an option names, or the configuration, or the usual one."""
    return given or settings.run.backend or DEFAULT_BACKEND


def limits(seconds: float | None, settings: FileSettings) -> Limits:
    """The limits of a run, with the time that an option says, or the configuration."""
    given = settings.run.timeout if seconds is None else seconds
    return Limits() if given is None else Limits(seconds=float(given))


def build_options(arguments: argparse.Namespace) -> frozenset[str]:
    """The options of the kernel's build that were switched on."""
    return frozenset(
        name
        for name in ("verifier", "debug", "strict_jumpdest", "delegatecall_only")
        if getattr(arguments, name)
    )


def _snapshots(text: str, assembly: Assembly | None) -> frozenset[int] | str:
    """Offsets of the lines that were asked for, or a word; any other text is an error."""
    if text in _SNAPSHOTS:
        return text
    if assembly is None:
        return "snapshots at lines need a source; bytecode takes all, changes or end"
    pcs: set[int] = set()
    for word in text.split(","):
        if not word.strip().isdecimal():
            return f"--snapshots takes all, changes, end or line numbers with commas, not {text!r}"
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
