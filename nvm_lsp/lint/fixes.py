"""Applies fixes to a file's text, pass by pass, and keeps only what leaves the program assembling.

It reads and writes no files: what a text is like is asked of a function.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from nvm_lsp.source import Position, split_lines

__all__ = ["Mended", "Trial", "apply_edits", "errors_of_assembly", "fix_of", "mend"]

#: Passes over a text at most; each may make a place for the next.
PASSES = 20
#: Texts that are tried at most in search of fixes that break something; the rest is left out.
TRIALS = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """What a text is like: its findings that may be fixed, and how many errors of assembling it
    causes, in its own program and in those that include it."""

    diagnostics: tuple[Diagnostic, ...]
    broken: int


@dataclass(slots=True)
class Mended:
    """A text after fixing, how many fixes of each code are in it, and which would have broken it.

    ``settled`` is false where there was still something to fix after the last pass.
    """

    text: str
    applied: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[Diagnostic, Fix]] = field(default_factory=list)
    settled: bool = True


def mend(
    path: str,
    text: str,
    look: Callable[[str], Trial],
    *,
    unsafe: bool = False,
    passes: int = PASSES,
) -> Mended:
    """Fixes what can be fixed in a file's text.

    A fix is left out if the text after it causes more errors of assembling than before, or if it
    edits other files as well; the search for such fixes is bounded. Of fixes that overlap, the
    first is applied; the others have their turn in the next pass. A text that was there before
    ends it, too.
    """
    out = Mended(text)
    trial = look(text)
    tried = 0

    def breaks(picked: list[_Picked]) -> bool:
        nonlocal tried
        tried += 1
        return tried > TRIALS or look(apply_edits(out.text, _edits(picked))).broken > trial.broken

    seen = {text}
    banned: set[tuple[object, ...]] = set()
    for _ in range(passes):
        candidates = _fixes(trial.diagnostics, path, unsafe, out.text, banned)
        picked = _without_overlap(candidates, out.text)
        if not picked:
            return out
        good, bad = _accepted([], picked, breaks)
        source = _Source(out.text)
        banned.update(_name(diagnostic, fix, source) for diagnostic, fix in bad)
        out.left_out += bad
        if not good:
            continue
        fixed = apply_edits(out.text, _edits(good))
        if fixed in seen:  # fixes that undo each other
            out.settled = False
            return out
        seen.add(fixed)
        out.text, trial = fixed, look(fixed)
        out.applied.update(diagnostic.code for diagnostic, _ in good)
    out.settled = not _fixes(trial.diagnostics, path, unsafe, out.text, banned)
    return out


def fix_of(diagnostic: Diagnostic, path: str, unsafe: bool) -> Fix | None:
    """The fix that may be applied without asking, if there is one that edits this file alone."""
    allowed = {Applicability.SAFE, Applicability.UNSAFE} if unsafe else {Applicability.SAFE}
    for fix in diagnostic.fixes:
        inside = all(edit.location.path == path for edit in fix.edits)
        if fix.applicability in allowed and fix.edits and inside:
            return fix
    return None


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after edits of it that do not overlap; new lines end as the text's first line does.

    Positions past the end of a line or of the text mean that end.
    """
    source = _Source(text)
    ending = "\r\n" if source.lines and source.lines[0].endswith("\r\n") else "\n"
    out: list[str] = []
    last = 0
    for start, end, new in sorted((*source.range(edit), edit.text) for edit in edits):
        out += (text[last:start], new.replace("\r\n", "\n").replace("\n", ending))
        last = end
    return "".join([*out, text[last:]])


class _Source:
    """A text with its lines, for finding places in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = split_lines(text)
        self._starts = [0, *accumulate(map(len, self.lines))]

    def range(self, edit: Edit) -> tuple[int, int]:
        """Where an edit begins and ends in the text, in characters."""
        return self._offset(edit.location.span.start), self._offset(edit.location.span.end)

    def line(self, number: int) -> str:
        """A line without the blanks around it, empty where there is none."""
        return self.lines[number].strip() if number < len(self.lines) else ""

    def is_changed_by(self, fix: Fix) -> bool:
        return any(self.text[slice(*self.range(edit))] != edit.text for edit in fix.edits)

    def _offset(self, position: Position) -> int:
        if position.line >= len(self.lines):
            return len(self.text)
        return self._starts[position.line] + min(
            position.column, len(self.lines[position.line])
        )


def errors_of_assembly(diagnostics: Sequence[Diagnostic]) -> int:
    """How many of the findings keep a program from assembling."""
    return sum(
        d.kind.severity is Severity.ERROR and d.code.startswith(("ASM", "SYN"))
        for d in diagnostics
    )


_Picked = tuple[Diagnostic, Fix]


def _fixes(
    diagnostics: Sequence[Diagnostic],
    path: str,
    unsafe: bool,
    text: str,
    banned: set[tuple[object, ...]],
) -> list[_Picked]:
    source = _Source(text)
    return [
        (diagnostic, fix)
        for diagnostic in diagnostics
        if (fix := fix_of(diagnostic, path, unsafe)) is not None
        and source.is_changed_by(fix)
        and (not banned or _name(diagnostic, fix, source) not in banned)
    ]


def _without_overlap(fixes: list[_Picked], text: str) -> list[_Picked]:
    """Fixes of which no two edit the same place, those first in the text preferred."""
    source = _Source(text)
    places_of = [sorted(source.range(edit) for edit in fix.edits) for _, fix in fixes]
    order = sorted(range(len(fixes)), key=places_of.__getitem__)
    taken: list[tuple[int, int]] = []  # sorted; no two overlap
    out: list[_Picked] = []
    for index in order:
        places = places_of[index]
        if any(_is_taken(place, taken) for place in places) or any(
            second[0] < first[1] for first, second in pairwise(places)
        ):
            continue
        for place in places:
            insort(taken, place)
        out.append(fixes[index])
    return out


def _is_taken(place: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    start, end = place
    after = bisect_left(taken, (start,))
    return (after > 0 and taken[after - 1][1] > start) or (
        after < len(taken) and (taken[after][0] < end or taken[after][0] == start)
    )


def _accepted(
    kept: list[_Picked], candidates: list[_Picked], breaks: Callable[[list[_Picked]], bool]
) -> tuple[list[_Picked], list[_Picked]]:
    """Which candidates may be applied together with those kept, and which may not.

    Halves are tried where the whole breaks something, so that a bad one costs a logarithm.
    """
    if not breaks([*kept, *candidates]):
        return candidates, []
    if len(candidates) == 1:
        return [], candidates
    half = len(candidates) // 2
    good, bad = _accepted(kept, candidates[:half], breaks)
    more, worse = _accepted([*kept, *good], candidates[half:], breaks)
    return good + more, bad + worse


def _edits(picked: Sequence[_Picked]) -> list[Edit]:
    return [edit for _, fix in picked for edit in fix.edits]


def _name(diagnostic: Diagnostic, fix: Fix, source: _Source) -> tuple[object, ...]:
    """What tells a fix from others, and stays when its line moves."""
    return (
        diagnostic.code,
        fix.title,
        source.line(diagnostic.location.span.start.line),
        tuple(edit.text for edit in fix.edits),
    )
