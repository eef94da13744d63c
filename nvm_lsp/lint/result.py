"""What is asked of linting one file and what it gave, as values that go between processes.

Nothing here imports the parser or the rules, so that a result from the cache costs neither.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nvm_lsp.configuration import FileSettings
from nvm_lsp.diagnostics import (
    Applicability,
    Diagnostic,
    Edit,
    Fix,
    Kind,
    Related,
    Severity,
)
from nvm_lsp.lint.report import Failure
from nvm_lsp.source import Location, Position, Span

__all__ = [
    "BYTECODE", "MAX_FILE_BYTES", "FileResult", "Request", "content", "digest", "fingerprints",
    "kind_json", "kind_of", "of_json", "to_json",
]


#: Largest file that is linted, in bytes: that of `nvm_lsp.assembler.loader`.
MAX_FILE_BYTES = 16 * 1024 * 1024
#: How names of files with bytecode end: raw bytes, or hexadecimal digits.
BYTECODE = (".bin", ".hex")


@dataclass(frozen=True, slots=True)
class Request:
    """A file to lint. ``fork`` and ``target`` outweigh what file and settings say.

    ``data`` is the content of what cannot be read from disk; ``overlay`` are the contents of other
    such files, by absolute path.
    """

    path: str
    settings: FileSettings
    fork: str | None = None
    target: str | None = None
    data: bytes | None = None
    overlay: tuple[tuple[str, bytes], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """All that the result depends on but for the contents of files."""
        return (self.settings, self.fork, self.target)


@dataclass(frozen=True, slots=True)
class FileResult:
    """What was found in a file.

    ``dependencies`` are the files that were read, the file itself among them, with a digest of each
    (None where it could not be read). ``used`` are suppressions of included files that silenced
    something: path, line from zero, code. ``is_whole`` says that no plugin was out of order.
    ``parts`` are the files whose text became part of the program. ``only`` is set where nobody
    asked for the file, but for others (by absolute path) that are parts of it.
    """

    path: str
    diagnostics: tuple[Diagnostic, ...] = ()
    fingerprints: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    dependencies: tuple[tuple[str, str | None], ...] = ()
    used: tuple[tuple[str, int, str], ...] = ()
    is_whole: bool = True
    parts: tuple[str, ...] = ()
    only: frozenset[str] | None = None


def digest(data: bytes) -> str:
    """What stands for a content: equal only for equal contents."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def content(path: str) -> bytes | None:
    """What a file holds; None if it cannot be read, or only once, or is too large for a source."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return None
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES)
    except (OSError, ValueError):
        return None  # whoever lints it says why


def fingerprints(
    diagnostics: Sequence[Diagnostic], line_of: Callable[[str, int], str]
) -> tuple[str, ...]:
    """A name for each finding that stays when its line moves.

    It is made of the code, of the line's text without the blanks around it, and, where several
    findings have the same, of which of them it is.
    """
    seen: Counter[str] = Counter()
    out: list[str] = []
    for found in diagnostics:
        text = line_of(found.location.path, found.location.span.start.line).strip()
        base = f"{found.code}\0{text}"
        out.append(digest(f"{base}\0{seen[base]}".encode())[:20])
        seen[base] += 1
    return tuple(out)


# As JSON: lists instead of objects, as a cache may hold many thousands ---------------------------


def to_json(result: FileResult) -> list[Any]:
    """The result as JSON; failures are not kept."""
    return [
        [
            [
                d.code, d.severity.value, _place(d.location), d.message, d.hint,
                [[_place(r.location), r.message, r.is_step] for r in d.related],
                [
                    [
                        fix.title, fix.applicability.value,
                        [[_place(edit.location), edit.text] for edit in fix.edits],
                    ]
                    for fix in d.fixes
                ],
            ]
            for d in result.diagnostics
        ],
        result.fingerprints,
        result.dependencies,
        result.used,
        result.parts,
    ]


def of_json(path: str, document: Any, kinds: Mapping[str, Kind]) -> FileResult:
    """The result that `to_json` wrote down.

    Raises:
        KeyError, TypeError, ValueError, IndexError: the document is none of ours.
    """
    diagnostics, names, dependencies, used, parts = document
    return FileResult(
        path,
        tuple(_diagnostic(row, kinds) for row in diagnostics),
        tuple(names),
        (),
        tuple((name, known) for name, known in dependencies),
        tuple((name, line, code) for name, line, code in used),
        parts=tuple(parts),
    )


def kind_json(kind: Kind) -> list[str]:
    return [kind.code, kind.name, kind.severity.value, kind.page]


def kind_of(row: Any) -> Kind:
    """The kind that `kind_json` wrote down."""
    code, name, severity, page = row
    return Kind(code, name, Severity(severity), page)


def _diagnostic(row: Any, kinds: Mapping[str, Kind]) -> Diagnostic:
    code, severity, place, message, hint, related, fixes = row
    return Diagnostic(
        kinds[code],
        _location(place),
        message,
        hint,
        tuple(Related(_location(at), text, step) for at, text, step in related),
        tuple(
            Fix(title, tuple(Edit(_location(at), text) for at, text in edits), Applicability(how))
            for title, how, edits in fixes
        ),
        Severity(severity),
    )


def _place(location: Location) -> list[Any]:
    start, end = location.span.start, location.span.end
    return [location.path, start.line, start.column, end.line, end.column]


def _location(row: Iterable[Any]) -> Location:
    path, a, b, c, d = row
    return Location(path, Span(Position(a, b), Position(c, d)))
