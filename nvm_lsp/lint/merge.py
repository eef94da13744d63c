"""Makes one report out of many files' results: what several of them say is said once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.fixes import errors_of_assembly
from nvm_lsp.lint.including import LACKS
from nvm_lsp.lint.report import FileReport
from nvm_lsp.lint.result import FileResult, fingerprints
from nvm_lsp.source import Location

__all__ = ["judges_of_parts", "lacks_names", "merged", "report_of_part", "takes_all_files"]

_UNUSED_SUPPRESSION = "SUP001"
#: How the codes of findings begin that come from single lines.
_OF_LINES = ("SUP", "SYN")
#: Those that say that a name is never used.
_OF_NAMES = ("UNU", "LBL001")
_OF_PROGRAMS = (*_OF_NAMES, _UNUSED_SUPPRESSION)

_LineOf = Callable[[str, int], str]


def merged(results: Sequence[FileResult], line_of: _LineOf) -> tuple[FileReport, ...]:
    """The reports of the files that were asked for, without what another one says already.

    A flaw of a file that several programs include is found with each of them; it is left to the
    file itself, if that was linted and has it, else to the first. A suppression is not idle if it
    silenced something in a program that includes its file. A file that others include need not
    assemble by itself, nor use all its names: what it lacks is what they say it lacks. The order
    of the results decides nothing but the order of the reports.
    """
    judges = judges_of_parts(results)
    asked = [result for result in results if result.only is None]
    parts = {os.path.abspath(name) for result in asked for name in result.parts}
    used = {
        (os.path.abspath(path), line, code)
        for result in results for path, line, code in result.used
        if result.only is None or os.path.abspath(path) in result.only
    }
    said: set[tuple[object, ...]] = set()
    own: list[FileResult] = []
    for result in asked:
        here = os.path.abspath(result.path)
        result = _without_names(result) if here in parts else result
        own.append(result)
        said.update(
            _name(found) for found in result.diagnostics
            if os.path.abspath(found.location.path) == here
        )
    reports: dict[int, FileReport] = {}
    for index in sorted(range(len(own)), key=lambda index: os.path.abspath(own[index].path)):
        result = own[index]
        judging = judges.get(os.path.abspath(result.path))
        if judging is not None:
            reports[index] = report_of_part(result, judging, line_of)
        else:
            reports[index] = _without(result, list(_new(result, said, used, judges, line_of)))
    return tuple(reports[index] for index in range(len(own)))


def takes_all_files(code: str) -> bool:
    """Whether only those who see all files can tell that such a finding is one."""
    return code.startswith(_OF_PROGRAMS)


def lacks_names(result: FileResult) -> bool:
    """Whether a file does not assemble by itself for want of names."""
    return any(d.severity is Severity.ERROR and d.code in LACKS for d in result.diagnostics)


def judges_of_parts(results: Sequence[FileResult]) -> dict[str, list[FileResult]]:
    """The files that are not judged by themselves, by absolute path, and what judges them.

    They do not assemble by themselves, and are parts of programs that are judged. Of files that
    include one another all are judged.
    """
    broken: dict[str, FileResult] = {}
    judging: list[FileResult] = []
    for result in results:
        if result.only is None and errors_of_assembly(result.diagnostics):
            broken[os.path.abspath(result.path)] = result
        else:
            judging.append(result)
    out: dict[str, list[FileResult]] = {}
    while True:
        for judge in judging:
            inside = {os.path.abspath(name) for name in judge.parts}
            for path in inside if judge.only is None else inside & judge.only:
                if path in broken or path in out:
                    broken.pop(path, None)
                    out.setdefault(path, []).append(judge)
        if not broken:
            break
        inside = {os.path.abspath(name) for result in broken.values() for name in result.parts}
        tops = {path: result for path, result in broken.items() if path not in inside} or broken
        judging = list(tops.values())
        broken = {path: result for path, result in broken.items() if path not in tops}
    for found in out.values():
        found.sort(key=lambda judge: os.path.abspath(judge.path))
    return out


def report_of_part(
    result: FileResult, judges: Sequence[FileResult], line_of: _LineOf
) -> FileReport:
    """What is said of a file: by itself of its single lines, all else by the programs it is in."""
    here = os.path.abspath(result.path)
    kept = [found for found in result.diagnostics if found.code.startswith(_OF_LINES)]
    by_programs = [
        _spelled(found, here, result.path)
        for judge in judges for found in judge.diagnostics
        if os.path.abspath(found.location.path) == here
    ]
    # Where programs say the same, but not as loud, the loudest counts.
    by_programs.sort(key=lambda found: found.severity.rank)
    once: dict[object, Diagnostic] = {}
    for found in (*kept, *by_programs):
        once.setdefault(_name(found), found)
    diagnostics = tuple(sorted(once.values(), key=lambda found: found.sort_key))
    # What went wrong in a program that nobody asked for is said once, by the first of its parts.
    failures = tuple(
        failure
        for judge in judges if judge.only is not None and here == min(judge.only)
        for failure in judge.failures
    )
    return FileReport(
        result.path, diagnostics, fingerprints(diagnostics, line_of), result.failures + failures
    )


def _spelled(found: Diagnostic, here: str, path: str) -> Diagnostic:
    """A finding with a file's path as it was asked for, however a program spells it."""

    def at(location: Location) -> Location:
        is_here = location.path != path and os.path.abspath(location.path) == here
        return replace(location, path=path) if is_here else location

    return replace(
        found,
        location=at(found.location),
        related=tuple(replace(other, location=at(other.location)) for other in found.related),
        fixes=tuple(
            replace(fix, edits=tuple(
                replace(edit, location=at(edit.location)) for edit in fix.edits
            ))
            for fix in found.fixes
        ),
    )


def _without_names(result: FileResult) -> FileResult:
    """The findings that hold whatever program a file is part of."""
    kept = [
        (found, name)
        for found, name in zip(result.diagnostics, result.fingerprints, strict=True)
        if not found.code.startswith(_OF_NAMES)
    ]
    return replace(
        result,
        diagnostics=tuple(found for found, _ in kept),
        fingerprints=tuple(name for _, name in kept),
    )


def _new(
    result: FileResult,
    said: set[tuple[object, ...]],
    used: set[tuple[str, int, str]],
    judged: Mapping[str, object],
    line_of: _LineOf,
) -> Iterable[int]:
    """Indices of the diagnostics that are to be said here."""
    here = os.path.abspath(result.path)
    for index, found in enumerate(result.diagnostics):
        path, span = os.path.abspath(found.location.path), found.location.span
        if found.code == _UNUSED_SUPPRESSION and used:
            text = line_of(found.location.path, span.start.line)
            if (path, span.start.line, text[span.start.column : span.end.column]) in used:
                continue
        if path in judged:
            continue  # its own report says it
        if path != here:
            name = _name(found)
            if name in said:
                continue
            said.add(name)
        yield index


def _without(result: FileResult, kept: list[int]) -> FileReport:
    return FileReport(
        result.path,
        tuple(result.diagnostics[index] for index in kept),
        tuple(result.fingerprints[index] for index in kept),
        result.failures,
    )


def _name(found: Diagnostic) -> tuple[object, ...]:
    return (os.path.abspath(found.location.path), found.location.span, found.code, found.message)
