"""Makes one report out of many files' results: what several of them say is said once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.fixes import errors_of_assembly
from nvm_lsp.lint.report import FileReport
from nvm_lsp.lint.result import FileResult

__all__ = ["merged", "takes_all_files"]

_UNUSED_SUPPRESSION = "SUP001"
#: How the codes of findings begin that come from single lines.
_OF_LINES = ("SUP", "SYN")
#: Those that say that a name is never used.
_OF_NAMES = ("UNU", "LBL001")
_OF_PROGRAMS = (*_OF_NAMES, _UNUSED_SUPPRESSION)


def merged(
    results: Sequence[FileResult], line_of: Callable[[str, int], str]
) -> tuple[FileReport, ...]:
    """The reports of files, without what another one says already.

    A flaw of a file that several programs include is found with each of them; it is left to the
    file itself, if that was linted and has it, else to the first. A suppression is not idle if it
    silenced something in a program that includes its file. A file that others include need not
    assemble by itself, nor use all its names: what it lacks is what they say it lacks.
    """
    parts = {
        os.path.abspath(name)
        for result in results for name, _ in result.dependencies if name != result.path
    }
    results = [
        _as_part(result) if os.path.abspath(result.path) in parts else result
        for result in results
    ]
    used = {
        (os.path.abspath(path), line, code)
        for result in results for path, line, code in result.used
    }
    said: set[tuple[object, ...]] = set()
    for result in results:
        here = os.path.abspath(result.path)
        said.update(
            _name(found) for found in result.diagnostics
            if os.path.abspath(found.location.path) == here
        )
    return tuple(
        _without(result, list(_new(result, said, used, line_of))) for result in results
    )


def takes_all_files(code: str) -> bool:
    """Whether only those who see all files can tell that such a finding is one."""
    return code.startswith(_OF_PROGRAMS)


def _as_part(result: FileResult) -> FileResult:
    """The findings that hold whatever program a file is part of."""
    broken = errors_of_assembly(result.diagnostics) > 0
    kept = [
        (found, name)
        for found, name in zip(result.diagnostics, result.fingerprints, strict=True)
        if (found.code.startswith(_OF_LINES) if broken else not found.code.startswith(_OF_NAMES))
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
    line_of: Callable[[str, int], str],
) -> Iterable[int]:
    """Indices of the diagnostics that are to be said here."""
    here = os.path.abspath(result.path)
    for index, found in enumerate(result.diagnostics):
        path, span = os.path.abspath(found.location.path), found.location.span
        if found.code == _UNUSED_SUPPRESSION and used:
            text = line_of(found.location.path, span.start.line)
            if (path, span.start.line, text[span.start.column : span.end.column]) in used:
                continue
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
