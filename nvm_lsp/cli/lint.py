"""``nvm-lsp lint``: what is wrong with programs.

A run is: find the files, take results from the cache or lint, fix, merge, filter, report. What is
slow to import, parser and rules above all, is imported only where the cache does not hold a result.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nvm_lsp import __version__
from nvm_lsp.cli.arguments import (
    UsageError,
    complain,
    complain_of_configuration,
    configurations,
)
from nvm_lsp.cli.lint_arguments import add_arguments, own_layer, wrong_usage
from nvm_lsp.cli.lint_output import (
    Output,
    Sources,
    outputs,
    statistics,
    summary,
    write,
)
from nvm_lsp.cli.lint_progress import LintProgress
from nvm_lsp.cli.walk import STDIN, files_of
from nvm_lsp.configuration import Configurations, Layer
from nvm_lsp.diagnostics import Diagnostic, Kind, Severity
from nvm_lsp.lint.baseline import Baseline, BaselineError, load, within
from nvm_lsp.lint.cache import FOLDER, Cache, open_cache
from nvm_lsp.lint.jobs import lint_all
from nvm_lsp.lint.merge import lacks_names, merged, takes_all_files
from nvm_lsp.lint.report import FileReport, Report
from nvm_lsp.lint.result import MAX_FILE_BYTES, FileResult, Request
from nvm_lsp.lint.selection import level_of, unknown_codes

if TYPE_CHECKING:
    from nvm_lsp.lint.changed import Changes

__all__ = ["add_arguments", "run"]

NAME = "lint"
HELP = "check programs for flaws"


def run(arguments: argparse.Namespace) -> int:
    """Lints; 1 if anything was found, 2 for wrong usage or configuration, 3 for faults of ours."""
    wrong = wrong_usage(arguments)
    if wrong:
        return complain(*wrong)
    if arguments.watch:
        from nvm_lsp.cli.lint_watch import watch  # noqa: PLC0415 -- seldom wanted

        return watch(lambda: _once(arguments))
    return _once(arguments).code


@dataclass(slots=True)
class Ran:
    """How a run ended, and which files it depended on."""

    code: int
    files: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Run:
    """A run under way."""

    arguments: argparse.Namespace
    known: Configurations
    requests: list[Request]
    asked: list[Output]
    sources: Sources
    kinds: tuple[Kind, ...]
    baseline: Baseline | None = None
    changes: Changes | None = None
    around: list[Request] = field(default_factory=list)
    _found: dict[str, Request] = field(default_factory=dict)

    def is_new(self, found: Diagnostic, fingerprint: str) -> bool:
        """Whether a finding is neither in the baseline nor in a line that did not change."""
        path, span = found.location.path, found.location.span
        if self.changes is not None and not self.changes.touches(
            path, span.start.line, span.end.line
        ):
            return False
        known = self.baseline.findings if self.baseline is not None else {}
        return not known or (
            self.baseline is not None
            and fingerprint not in known.get(self.baseline.name_of(path), {})
        )

    def looked_for(self, name: str, code: str) -> bool:
        """Whether a file of the baseline was searched for a code, in this run, in all its lines."""
        assert self.baseline is not None
        if not self._found:
            self._found = {self.baseline.name_of(r.path): r for r in self.requests}
        request = self._found.get(name)
        if request is None or self.changes is not None:
            return False
        kind = next((kind for kind in self.kinds if kind.code == code), None)
        return kind is None or level_of(kind, request.settings) is not Severity.OFF


def _once(arguments: argparse.Namespace) -> Ran:
    try:
        known = configurations(arguments.config)
        asked = outputs(
            arguments.format, arguments.output,
            github=os.environ.get("GITHUB_ACTIONS") == "true" and not arguments.diff,
        )
        baseline = load(arguments.baseline) if arguments.baseline else None
        changes = _changes(arguments.since) if arguments.since else None
    except UsageError as error:
        return Ran(complain(str(error), error.hint))
    except BaselineError as error:
        return Ran(complain(str(error)))
    if arguments.baseline and baseline is None:
        if not arguments.update_baseline:
            hint = "write it with --update-baseline"
            return Ran(complain(f"no such file: {arguments.baseline}", hint))
        baseline = Baseline(arguments.baseline, {})
    sources = Sources()
    try:
        requests = _requests(arguments, known, sources)
    except UsageError as error:
        return Ran(complain(str(error)))
    watched = {request.path for request in requests}
    watched.update(found.path for found in known.read() if found.path is not None)
    if complain_of_configuration(known):
        return Ran(2, watched)
    cache = None if arguments.no_cache else open_cache(_cache_folder(known))
    kinds = _kinds(cache)
    if _complain_of_codes(arguments, known, kinds):
        return Ran(2, watched)
    going = _Run(arguments, known, requests, asked, sources, kinds, baseline, changes)
    if arguments.show_settings:
        _show_settings(going)
        return Ran(0, watched)
    results = _lint(going, cache)
    watched.update(name for result in results for name, _ in result.dependencies)
    if arguments.fix or arguments.diff:
        code, results = _fix(going, results, cache)
        if arguments.diff or code == 2:
            return Ran(code, watched)
    if cache is not None:
        cache.save()
    return Ran(_report(going, results), watched)


def _changes(revision: str) -> Changes:
    from nvm_lsp.lint.changed import GitError, changes_since  # noqa: PLC0415 -- seldom wanted

    try:
        return changes_since(revision)
    except GitError as error:
        raise UsageError(str(error)) from None


def _requests(
    arguments: argparse.Namespace, known: Configurations, sources: Sources
) -> list[Request]:
    out: list[Request] = []
    for path in files_of(
        arguments.paths or ["."], known, force_exclude=arguments.force_exclude
    ):
        data = None
        if path == STDIN:
            path = arguments.stdin_filename
            sources.given[path] = data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
            if len(data) > MAX_FILE_BYTES:
                raise UsageError(f"standard input is larger than {MAX_FILE_BYTES // 2**20} MiB")
        out.append(_request(arguments, known, path, data))
    return out


def _request(
    arguments: argparse.Namespace, known: Configurations, path: str, data: bytes | None = None
) -> Request:
    own = own_layer(arguments)
    settings = known.of(path).for_file(path)
    if own is not None:
        settings = replace(settings, layers=(*settings.layers, own))
    return Request(path, settings, arguments.fork, arguments.target, data)


def _cache_folder(known: Configurations) -> str:
    """The cache of the configuration that counts where the command runs."""
    found = known.of(os.getcwd())
    if found.settings.cache_dir is not None:
        return os.path.join(found.folder, found.settings.cache_dir)
    return os.path.join(found.folder or os.getcwd(), FOLDER)


def _kinds(cache: Cache | None) -> tuple[Kind, ...]:
    if cache is not None and cache.kinds:
        return tuple(cache.kinds.values())
    from nvm_lsp.lint.linter import kinds  # noqa: PLC0415 -- imports the parser and all rules

    return kinds()


def _complain_of_codes(
    arguments: argparse.Namespace, known: Configurations, kinds: tuple[Kind, ...]
) -> int:
    """Says which selected codes do not exist; 2 if any does not."""
    code = 0
    own = own_layer(arguments)
    for key, word, hint in unknown_codes([own] if own else [], (), kinds):
        code = complain(f"--{key}: there is no code {word!r}", hint)
    for found in known.read():
        s = found.settings
        layers = [Layer(s.select, s.extend_select, s.ignore)]
        layers += (Layer(o.select, o.extend_select, o.ignore) for o in s.overrides)
        levels = [*s.levels, *(level for o in s.overrides for level in o.levels)]
        for key, word, hint in unknown_codes(layers, levels, kinds):
            code = complain(f"{found.path}: {key}: there is no code {word!r}", hint)
    return code


def _show_settings(going: _Run) -> None:
    document = []
    for request in going.requests:
        settings = request.settings
        document.append({
            "file": request.path,
            "configuration": going.known.of(request.path).path,
            "fork": request.fork or settings.fork,
            "target": request.target or settings.target,
            "levels": {kind.code: level_of(kind, settings).value for kind in going.kinds},
        })
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _lint(going: _Run, cache: Cache | None) -> list[FileResult]:
    """The results of what was asked for, then of programs around it, whose parts lack names."""
    with LintProgress(len(going.requests)) as progress:
        results = lint_all(going.requests, cache, going.arguments.jobs, progress.show)
    if not any(map(lacks_names, results)):
        return results
    from nvm_lsp.cli.lint_parts import programs_around  # noqa: PLC0415 -- seldom wanted

    overlay = tuple((os.path.abspath(path), data) for path, data in going.sources.given.items())
    going.around, around = programs_around(
        results, going.known,
        lambda path: replace(_request(going.arguments, going.known, path), overlay=overlay),
        lambda requests: lint_all(requests, cache, going.arguments.jobs),
    )
    return [*results, *around]


def _fix(
    going: _Run, results: list[FileResult], cache: Cache | None
) -> tuple[int, list[FileResult]]:
    """Fixes files, or shows how; the exit code so far, and the results after it."""
    from nvm_lsp.cli.lint_fix import fix_files, show_diff, write_fixed  # noqa: PLC0415 -- as above

    arguments = going.arguments
    reports = [_filtered(going, report) for report in merged(results, going.sources.line)]
    shared = any(len(result.dependencies) > 1 for result in results)
    shown = {name for report in reports for name in report.fingerprints}

    def wanted(found: Diagnostic, fingerprint: str) -> bool:
        if shared and takes_all_files(found.code) and fingerprint not in shown:
            return False
        return going.is_new(found, fingerprint)

    fixed = fix_files(
        [*going.requests, *going.around], results, reports, wanted,
        unsafe=arguments.unsafe_fixes, once=going.changes is not None,
    )
    if arguments.diff:
        _say_fixed(fixed.summary("would fix"), *fixed.left_out)
        show_diff(fixed)
        failed = max((_code_of_failures(report) for report in reports), default=0)
        return max(failed, int(bool(fixed.contents) and not arguments.exit_zero)), results
    if going.requests and going.requests[0].data is not None:
        request = going.requests[0]
        data = fixed.contents.get(request.path, request.data or b"")
        going.sources.given[request.path] = data
        going.requests[0] = replace(request, data=data)
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        # The text has stdout; what is left of the findings goes where it does not harm.
        going.asked = [replace(o, target="") if o.target == STDIN else o for o in going.asked]
    elif write_fixed(fixed):
        _say_fixed(*fixed.left_out)
        return 2, results
    _say_fixed(fixed.summary("fixed"), *fixed.left_out)
    if not fixed.contents:
        return 0, results
    if cache is not None:
        cache.refresh()
    going.sources.refresh()
    return 0, _lint(going, cache)


def _say_fixed(*texts: str) -> None:
    for text in filter(None, texts):
        print(text, file=sys.stderr)


def _filtered(going: _Run, report: FileReport) -> FileReport:
    kept = [pair for pair in report.findings() if going.is_new(*pair)]
    return replace(
        report,
        diagnostics=tuple(found for found, _ in kept),
        fingerprints=tuple(name for _, name in kept),
    )


def _report(going: _Run, results: list[FileResult]) -> int:
    """Writes the report in all formats; the exit code."""
    arguments = going.arguments
    reports: Iterable[FileReport] = merged(results, going.sources.line)
    if going.baseline is not None:
        outcome, fresh = within(going.baseline, reports, going.looked_for)
        if arguments.update_baseline:
            return _update_baseline(going.baseline, fresh, results)
        reports = outcome.files
        if outcome.stale:
            count = len(outcome.stale)
            print(
                f"{arguments.baseline}: {count} {'entries are' if count > 1 else 'entry is'} found "
                "no more; --update-baseline drops them", file=sys.stderr,
            )
    reports = tuple(_filtered(going, report) for report in reports)
    report = Report(reports, __version__, going.kinds, going.sources)
    asked = going.asked
    if arguments.statistics:
        main, *asked = asked
        stream = sys.stdout if main.target == STDIN else sys.stderr
        stream.write(statistics(reports, as_json=arguments.format == "json"))
    code = max(write(report, asked), *(_code_of_failures(r) for r in reports), 0)
    for failure in (failure for file in reports for failure in file.errors):
        complain(failure.message, failure.hint)
    if any(file.diagnostics for file in reports) or not code:
        text = summary(reports, unsafe=arguments.unsafe_fixes)
        print(text if reports else "no easm files found", file=sys.stderr)
    if any(map(lacks_names, results)):
        from nvm_lsp.cli.lint_parts import judged_by  # noqa: PLC0415 -- as above

        for text in judged_by(results):
            print(text, file=sys.stderr)
    return max(code, 0 if arguments.exit_zero else int(_is_failure(going, reports)))


def _is_failure(going: _Run, reports: Iterable[FileReport]) -> bool:
    """Whether any finding is as bad as ``--fail-on``, or the file's configuration, says."""
    for report in reports:
        word = going.arguments.fail_on or going.known.of(report.path).settings.fail_on
        limit = Severity(word).rank
        if any(found.severity.rank <= limit for found in report.diagnostics):
            return True
    return False


def _code_of_failures(report: FileReport) -> int:
    return max((3 if failure.internal else 2 for failure in report.errors), default=0)


def _update_baseline(before: Baseline, fresh: Baseline, results: list[FileResult]) -> int:
    """Writes the baseline; the exit code."""
    failures = [failure for result in results for failure in result.failures]
    for failure in failures:
        complain(failure.message, failure.hint)
    if failures:
        complain(f"{before.path} is left as it is, because not all files could be linted")
        return 3 if any(failure.internal for failure in failures) else 2
    old, new = (
        {(name, entry) for name, found in baseline.findings.items() for entry in found}
        for baseline in (before, fresh)
    )
    try:
        fresh.save()
    except BaselineError as error:
        return complain(str(error))
    print(
        f"{fresh.path}: {len(new - old)} added, {len(old - new)} dropped, {len(new)} in all",
        file=sys.stderr,
    )
    return 0
