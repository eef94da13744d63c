"""What a run did line by line, and where those lines are after later edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nvm_lsp.assembler import Assembly

__all__ = ["FileRun", "LineRun", "Moves", "by_file"]


@dataclass(slots=True)
class LineRun:
    """How often a line ran, the host gas that it took, the stack's top after its last time."""

    hits: int
    gas: int
    top: str | None


class _Move(NamedTuple):
    first: int
    removed: int
    added: int


def by_file(result: dict[str, Any], assembly: Assembly) -> dict[str, dict[int, LineRun]]:
    """Zero-based lines that ran, by file: of the program, of its includes and of macros' bodies.

    A line that uses a macro has the gas of its whole expansion, a line of a body that of all uses;
    so has the line of an `%include`.
    """
    root = assembly.program.root.path
    files: dict[str, dict[int, LineRun]] = {root: {}}
    for pc, hits, gas, top in result["profile"]:
        origin = assembly.source_map.origin(pc)
        if origin is None:
            continue
        own = (origin.location.path, origin.location.span.start.line)
        for path, line in {own, (root, origin.root_line)}:
            known = files.setdefault(path, {}).setdefault(line, LineRun(0, 0, None))
            inside = (path, line) != (root, origin.root_line)
            known.hits = known.hits + hits if inside else max(known.hits, hits)
            known.gas += gas
            known.top = top
    return files


class Moves:
    """Where lines of an older text are now."""

    def __init__(self) -> None:
        self._moves: list[_Move] = []

    def note(self, before: Sequence[str], after: Sequence[str]) -> None:
        """The text has changed so."""
        least = min(len(before), len(after))
        first = 0
        while first < least and before[first] is after[first]:
            first += 1
        last = 0
        while last < least - first and before[-1 - last] is after[-1 - last]:
            last += 1
        # Lines that are equal, but new, as after a change of the whole text.
        while first < least - last and before[first] == after[first]:
            first += 1
        while last < least - first and before[-1 - last] == after[-1 - last]:
            last += 1
        removed, added = len(before) - first - last, len(after) - first - last
        if removed or added:
            self._moves.append(_Move(first, removed, added))

    def now(self, line: int) -> int | None:
        """The line that it is now, None if it is gone."""
        for first, removed, added in self._moves:
            if line < first:
                continue
            if line >= first + removed:
                line += added - removed
            elif removed != added:
                return None
        return line


@dataclass(frozen=True, slots=True)
class FileRun:
    """What a run did in one file, which had that version; ``moves`` are the edits since."""

    version: int
    lines: dict[int, LineRun]
    moves: Moves = field(default_factory=Moves)
