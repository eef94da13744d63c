"""What is said about a program: kinds of flaws with their pages, diagnostics and their fixes.

It knows neither what finds a flaw nor how a diagnostic is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from inspect import cleandoc
from types import MappingProxyType
from typing import Any

from nvm_lsp.source import Location, Span

__all__ = [
    "KINDS",
    "OWN_PREFIXES",
    "Applicability",
    "Diagnostic",
    "Edit",
    "Fix",
    "Kind",
    "KindTakenError",
    "Problem",
    "Related",
    "Severity",
    "define_kind",
    "diagnostic_json",
]


class Severity(Enum):
    """How bad it is; ``OFF`` silences a kind."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    HINT = "hint"
    OFF = "off"

    @property
    def rank(self) -> int:
        """0 for an error, rising as it matters less."""
        return list(Severity).index(self)


class Applicability(Enum):
    """Whether a fix keeps the program's meaning (SAFE), may change it (UNSAFE), or is a choice."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of flaw. ``page`` is Markdown: the text of explain, hover, docs and SARIF help."""

    code: str
    name: str
    severity: Severity
    page: str

    @property
    def summary(self) -> str:
        """The page's first paragraph, on one line."""
        return " ".join(self.page.split("\n\n", 1)[0].split())


_LONGEST_TEXT = 400

_KINDS: dict[str, Kind] = {}
#: Every kind that was defined, by code.
KINDS: Mapping[str, Kind] = MappingProxyType(_KINDS)

_OWN = "nvm_lsp"
#: Letters that begin the codes of nvm-lsp itself, defined yet or not; others' begin otherwise.
OWN_PREFIXES = frozenset({
    "ASM", "CAL", "CFG", "EXP", "FLW", "FMT", "GAS", "IMP", "JMP", "LBL", "LNT", "MAC", "MEM",
    "NVM", "OPC", "OPT", "PRB", "SCN", "SEC", "STK", "STY", "SUP", "SYN", "UNU", "VAL",
})
_prefix_owners: dict[str, str] = dict.fromkeys(OWN_PREFIXES, _OWN)


class KindTakenError(ValueError):
    """A code, its letters or a name belong to another kind. ``owner`` is that one's package."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


def define_kind(
    code: str, name: str, page: str, severity: Severity = Severity.ERROR, *, module: str = ""
) -> Kind:
    """Defines a kind of flaw once for all.

    ``module`` is the name of the module that defines it, the caller's unless given. The letters
    that a code begins with belong to the first package that uses them.

    Raises:
        KindTakenError: the code, its letters or the name are taken.
        ValueError: the code is not letters and digits, as in ABC001.
    """
    definer = (module or str(sys._getframe(1).f_globals.get("__name__"))).partition(".")[0]
    prefix = code.rstrip("0123456789")
    if not (prefix.isascii() and prefix.isalpha() and prefix.isupper() and prefix != code):
        raise ValueError(f"a code is capital letters and digits, as in ABC001, not {code!r}")
    owner = _prefix_owners.setdefault(prefix, definer)
    if owner != definer and not (definer == _OWN and prefix in OWN_PREFIXES):
        raise KindTakenError(f"codes that begin with {prefix} belong to {owner}", owner)
    if code in _KINDS:
        raise KindTakenError(f"diagnostic {code} is defined already", owner)
    twin = next((kind for kind in _KINDS.values() if kind.name == name), None)
    if twin is not None:
        owner = _prefix_owners[twin.code.rstrip("0123456789")]
        if definer != _OWN or owner == _OWN:
            raise KindTakenError(f"{twin.code} is named {name} already", owner)
        del _KINDS[twin.code]  # a plugin was loaded first, and cannot have that name
    _KINDS[code] = kind = Kind(code, name, severity, cleandoc(page))
    return kind


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of a stretch of a file; an insertion where the span is empty."""

    location: Location
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A way to mend a flaw: ``title`` is in the imperative."""

    title: str
    edits: tuple[Edit, ...]
    applicability: Applicability = Applicability.SAFE


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to a diagnostic, and what it has to do with it.

    ``is_step`` says that the place lies on a path of execution that leads to the diagnostic; steps
    stand in their order.
    """

    location: Location
    message: str
    is_step: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A flaw found in one line, before it is known where that line stands: columns only.

    ``replacement`` is the text that would mend the stretch, if one is known for sure enough.
    """

    kind: Kind
    start: int
    end: int
    message: str
    hint: str = ""
    replacement: str | None = None

    def at(
        self, path: str, line: int, related: tuple[Related, ...] = ()
    ) -> Diagnostic:
        """The problem as a diagnostic of a file's line."""
        location = Location(path, Span.of_line(line, self.start, self.end))
        fixes: tuple[Fix, ...] = ()
        if self.replacement is not None:
            fixes = (
                Fix(
                    f"Replace with {self.replacement}",
                    (Edit(location, self.replacement),),
                    Applicability.MANUAL,
                ),
            )
        return Diagnostic(self.kind, location, self.message, self.hint, related, fixes)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A flaw at a place. ``severity`` is the kind's, unless the configuration says otherwise."""

    kind: Kind
    location: Location
    message: str
    hint: str = ""
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()
    severity: Severity = field(default=Severity.OFF)

    def __post_init__(self) -> None:
        if self.severity is Severity.OFF:
            object.__setattr__(self, "severity", self.kind.severity)
        # What is quoted may be a line of megabytes.
        for name in ("message", "hint"):
            text = getattr(self, name)
            if len(text) > _LONGEST_TEXT:
                middle = f" … ({len(text):,} characters) … "
                half = _LONGEST_TEXT // 2
                object.__setattr__(self, name, text[:half] + middle + text[-half:])

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        start = self.location.span.start
        return (self.location.path, start.line, start.column, self.code, self.message)

    def lines(self) -> Iterator[str]:
        """The diagnostic as plain text lines: place, code, message; then hint and other places."""
        yield f"{self.location}: {self.severity.value}[{self.code}] {self.message}"
        for other in self.related:
            yield f"  {other.location}: {other.message}"
        if self.hint:
            yield f"  hint: {self.hint}"


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON; lines and columns count from one, the end is exclusive."""
    span = diagnostic.location.span
    return {
        "code": diagnostic.code,
        "name": diagnostic.kind.name,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "hint": diagnostic.hint or None,
        "file": diagnostic.location.path,
        "line": span.start.line + 1,
        "column": span.start.column + 1,
        "end_line": span.end.line + 1,
        "end_column": span.end.column + 1,
        "related": [
            {
                "file": other.location.path,
                "line": other.location.span.start.line + 1,
                "column": other.location.span.start.column + 1,
                "message": other.message,
            }
            for other in diagnostic.related
        ],
    }
