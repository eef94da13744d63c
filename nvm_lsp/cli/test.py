"""``nvm-lsp test``: runs programs and checks what their ``#=`` comments expect."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nvm_lsp.cli.arguments import complain, complain_of_configuration, fork_argument
from nvm_lsp.cli.expectation_update import update
from nvm_lsp.cli.gas_snapshot import compare_gas
from nvm_lsp.cli.results import coverage, junit, result_json, show, summary
from nvm_lsp.cli.run import add_build_arguments, backend_name, build_options, limits, seconds
from nvm_lsp.cli.source_files import print_diagnostics
from nvm_lsp.cli.walk import files_of
from nvm_lsp.cli.write import write_file
from nvm_lsp.configuration import Configurations, FileSettings

if TYPE_CHECKING:
    from nvm_lsp.runner.testing import Program, Result, Settings

NAME = "test"
HELP = "run programs and check what they expect"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", default=["."],
        help="files, or folders to look for .easm files with expectations (default: .)",
    )
    parser.add_argument(
        "-k", dest="select", metavar="EXPR", type=_selection, default=None,
        help="only tests whose name fits: words with and, or, not and parentheses",
    )
    parser.add_argument(
        "--only", metavar="ID", action="append", default=[],
        help="only the test of this name, as it is printed; may be repeated",
    )
    parser.add_argument(
        "-j", dest="jobs", metavar="N", type=_positive, default=1,
        help="run N tests at a time (default: 1)",
    )
    parser.add_argument(
        "--shard", metavar="I/N", type=_shard, default=(1, 1),
        help="only the I-th of N equal parts, for parallel jobs in CI",
    )
    parser.add_argument("--junit", metavar="FILE", help="also write a JUnit report")
    parser.add_argument(
        "--coverage", metavar="FILE", help="also write which lines the tests ran, for lcov"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true",
        help="print a line of JSON for each test when it is over, for editors and scripts",
    )
    form.add_argument(
        "--collect-only", action="store_true",
        help="print a line of JSON for each test that there is; run none",
    )
    parser.add_argument(
        "--update", action="store_true",
        help="write what was got into the expectations that failed, and into the gas snapshot",
    )
    parser.add_argument(
        "--gas-snapshot", metavar="FILE",
        help="compare gas with this file; write it if it is not there",
    )
    parser.add_argument(
        "--gas-tolerance", metavar="PERCENT", type=_percent, default=0.0,
        help="how far gas may rise above the snapshot (default: 0)",
    )
    parser.add_argument(
        "--timeout", type=seconds, metavar="S",
        help="wall-clock limit of each run in seconds (default: 10)",
    )
    parser.add_argument("--backend", help="execution backend (default: py-evm)")
    parser.add_argument("--fork", type=fork_argument, help="fork of the host, over the programs'")
    parser.add_argument("-q", "--quiet", action="store_true", help="show failures only")
    parser.add_argument(
        "--allow-rpc", action="store_true", help="let scenarios read state from the nodes they name"
    )
    add_build_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    begin = time.monotonic()
    known = Configurations()
    files = [path for path in files_of(arguments.paths, known) if _is_test(path, arguments.paths)]
    settings = {path: known.of(path).for_file(path) for path in files}
    if complain_of_configuration(known):
        return 2
    jobs, failed = _collect(settings)
    jobs = [job for job in jobs if arguments.select is None or arguments.select(job.test_id)]
    if arguments.only:
        jobs = [job for job in jobs if job.test_id in arguments.only]
    part, parts = arguments.shard
    jobs = jobs[part - 1 :: parts]
    if arguments.collect_only:
        for job in jobs:
            print(json.dumps(_job_json(job)))
        return 2 if failed else 0
    if not jobs:
        return 2 if failed else complain(
            "no expectations found", "state what a program must do in comments: #= return 0x07"
        )
    results: list[Result] = []
    for job, result in _results(jobs, partial(_settings, arguments), arguments.jobs):
        results.append(result)
        if arguments.json:
            print(json.dumps(result_json(_job_json(job), result)), flush=True)
        else:
            show(result, job.test_id, arguments.quiet)
    ok = all(result.passed for result in results)
    if arguments.update and not ok:
        ok = update(results)
    elapsed = time.monotonic() - begin
    if arguments.junit and write_file(junit(results, elapsed).encode(), arguments.junit):
        return 2
    if arguments.gas_snapshot:
        compared = compare_gas(
            arguments.gas_snapshot, results,
            update=arguments.update, tolerance=arguments.gas_tolerance,
        )
        if compared is None:
            return 2
        ok &= compared
    if arguments.coverage and write_file(coverage(results).encode(), arguments.coverage):
        return 2
    if not arguments.json:
        summary(results, time.monotonic() - begin)
    return 2 if failed else 0 if ok else 1


# Collecting and running ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    """A case to run, so small that another process can be told of it."""

    path: str
    index: int
    test_id: str
    settings: FileSettings
    line: int = 0


def _is_test(path: str, named: Sequence[str]) -> bool:
    """Whether a file was named, or, found in a folder, may have expectations."""
    if path in named or any(os.path.normpath(name) == path for name in named):
        return True
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return True  # why it cannot be read is said when it is
    return b"#=" in data or b"#@ scenario" in data


def _collect(files: Mapping[str, FileSettings]) -> tuple[list[_Job], bool]:
    """The cases with expectations, and whether some program could not be read."""
    from nvm_lsp.runner.testing import Verdict, load_program  # noqa: PLC0415

    jobs: list[_Job] = []
    failed = False
    for path, settings in files.items():
        program = load_program(path, settings)
        if isinstance(program, Verdict):
            failed = True
            if program.unreadable is not None:
                complain(program.unreadable.message, program.unreadable.hint)
            print_diagnostics(program.diagnostics)
            continue
        jobs += [
            _Job(
                path, index, program.test_id(case), settings,
                # Where it stands: what is expected first, or else where its case begins.
                min((e.place.line for e in expectations if e.place.path == path),
                    default=max(case.lines[0], 0)),
            )
            for index, (case, expectations) in enumerate(program.cases)
            if expectations
        ]
    return jobs, failed


def _settings(arguments: argparse.Namespace, file: FileSettings) -> Settings:
    """What holds for the tests of a file."""
    from nvm_lsp.runner.testing import Settings  # noqa: PLC0415

    given = {"fork": arguments.fork, "profile": arguments.kernel_profile}
    changes = {key: value for key, value in given.items() if value is not None}
    return Settings(
        backend_name(arguments.backend, file), limits(arguments.timeout, file),
        bool(arguments.gas_snapshot),
        tuple(changes.items()), build_options(arguments), arguments.allow_rpc,
        coverage=bool(arguments.coverage),
    )


def _results(
    jobs: Sequence[_Job], settings: Callable[[FileSettings], Settings], workers: int
) -> Iterator[tuple[_Job, Result]]:
    """The results in the order of the jobs, whatever the number of processes."""
    if workers == 1:
        for job in jobs:
            yield job, _run_job(job, settings(job.settings))
        return
    with ProcessPoolExecutor(min(workers, len(jobs))) as pool:
        try:
            pending = [pool.submit(_run_job, job, settings(job.settings)) for job in jobs]
            for job, future in zip(jobs, pending, strict=True):
                yield job, future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_loaded: dict[str, Program] = {}


def _run_job(job: _Job, settings: Settings) -> Result:
    from nvm_lsp.runner.testing import Program, load_program, run_case  # noqa: PLC0415

    if job.path not in _loaded:
        _loaded.clear()  # cases of one program follow one another
        program = load_program(job.path, job.settings)
        assert isinstance(program, Program), "it could be read a moment ago"
        _loaded[job.path] = program
    program = _loaded[job.path]
    case, expectations = program.cases[job.index]
    return run_case(program, case, expectations, settings)


def _job_json(job: _Job) -> dict[str, Any]:
    """A test as ``--collect-only`` prints it; lines count from one."""
    _, _, case = job.test_id.rpartition("::") if "::" in job.test_id else ("", "", None)
    return {"id": job.test_id, "path": job.path, "case": case, "line": job.line + 1}


# Arguments ----------------------------------------------------------------------------------------


def _selection(text: str) -> Callable[[str], bool]:
    """A test of names from words with and, or, not and parentheses."""
    words = re.findall(r"[()]|[^\s()]+", text)
    operators = {"and", "or", "not", "(", ")"}

    def fits(name: str) -> bool:
        terms = [
            word if word in operators else str(word.lower() in name.lower()) for word in words
        ]
        # Nothing but True, False and the operators can stand here.
        return bool(eval(" ".join(terms), {"__builtins__": {}}))

    try:
        fits("")
    except SyntaxError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no expression of words, and, or, not and parentheses"
        ) from None
    return fits


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part <= parts:
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; write I/N with I from 1 to N")
    return part, parts


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 256")
    return int(text)


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage")
    return value

