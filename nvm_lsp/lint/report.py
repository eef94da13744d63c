"""What a lint run found, as reporters get it; it does not know how any format looks.

A reporter is one module of `nvm_lsp.lint.reporters`, or a plugin's, and comes through the hook
``nvm_lsp_reporters``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from nvm_lsp.diagnostics import Diagnostic, Kind

__all__ = ["Failure", "FileReport", "Report", "Reporter", "Style"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be linted, or not wholly.

    ``internal`` is set where the fault is nvm-lsp's or a plugin's, not the file's.
    """

    message: str
    hint: str = ""
    internal: bool = False


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found by linting one file.

    ``path`` is the file as the user named it. ``diagnostics`` are sorted; one may lie in a file
    that ``path`` includes. ``fingerprints`` go with them, one by one: a fingerprint stays equal
    when the finding's line moves, and no two of a file are equal.
    """

    path: str
    diagnostics: tuple[Diagnostic, ...] = ()
    fingerprints: tuple[str, ...] = ()
    errors: tuple[Failure, ...] = ()

    def findings(self) -> Iterator[tuple[Diagnostic, str]]:
        """Each diagnostic with its fingerprint."""
        yield from zip(self.diagnostics, self.fingerprints, strict=True)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. ``rules`` are the kinds that the run could have reported, by code.

    ``source`` gives the lines of a file, without line ends, by the path in a diagnostic's location;
    an empty sequence where they are not to be had.
    """

    files: tuple[FileReport, ...]
    version: str
    rules: tuple[Kind, ...]
    source: Callable[[str], Sequence[str]]

    def line(self, path: str, number: int) -> str:
        """A line's text without its end, empty where there is none. ``number`` is from zero."""
        lines = self.source(path)
        return lines[number] if number < len(lines) else ""


@dataclass(frozen=True, slots=True)
class Style:
    """How a report may look: ``color`` is asked for; ``width`` of a line in columns."""

    color: bool = False
    width: int = 100


@dataclass(frozen=True, slots=True)
class Reporter:
    """An output format: the name that ``--format`` takes, and what writes it."""

    name: str
    summary: str
    write: Callable[[Report, TextIO, Style], None]
