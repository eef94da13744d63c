"""A text as an editor holds it: places in code units, edits, and whether those are well formed."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

__all__ = ["Flaw", "Json", "Text", "start_and_end"]

Json = dict[str, Any]
_LINE_END = re.compile(r"\r\n|\n|\r")


class Flaw(AssertionError):  # noqa: N818 -- the server's, not ours
    """The server has said something that it must not say."""


def start_and_end(range_: Json) -> tuple[tuple[int, int], tuple[int, int]]:
    start, end = range_["start"], range_["end"]
    return (start["line"], start["character"]), (end["line"], end["character"])


@dataclass(frozen=True)
class Text:
    """One version of a text, None on disk; ``encoding`` is what its positions count in."""

    text: str
    version: int | None = 1
    encoding: str = "utf-16"

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends; there is always one."""
        return _LINE_END.split(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _LINE_END.finditer(self.text))]

    def units(self, text: str) -> int:
        if self.encoding == "utf-8":
            return len(text.encode())
        return len(text) if self.encoding == "utf-32" else len(text.encode("utf-16-le")) // 2

    def position(self, offset: int) -> Json:
        """The position of a code point."""
        line = bisect_right(self._starts, offset) - 1
        column = min(offset - self._starts[line], len(self.lines[line]))
        return {"line": line, "character": self.units(self.lines[line][:column])}

    def offset(self, position: Json) -> int:
        """The code point at a position; past a line its end, past the text the text's (LSP)."""
        line, character = position["line"], position["character"]
        if line >= len(self.lines):
            return len(self.text)
        passed = 0
        for column, point in enumerate(self.lines[line]):
            width = self.units(point)
            if passed + width > character:
                return self._starts[line] + column
            passed += width
        return self._starts[line] + len(self.lines[line])

    def check_position(self, position: Json, what: str) -> None:
        """
        Raises:
            Flaw: it lies outside of the text or inside of a character.
        """
        exact = self.position(self.offset(position))
        # The end of a text may be told as the start of the line behind it.
        if position != exact and position != {"line": len(self.lines), "character": 0}:
            raise Flaw(f"{what}: {position} is no place of the text, at best {exact}")

    def check_range(self, range_: Json, what: str) -> None:
        start, end = start_and_end(range_)
        if start > end:
            raise Flaw(f"{what}: {range_} ends before it starts")
        for place in ("start", "end"):
            self.check_position(range_[place], what)

    def between(self, range_: Json) -> str:
        return self.text[self.offset(range_["start"]) : self.offset(range_["end"])]

    def change(self, change: Json, version: int) -> Text:
        """After one content change of a didChange."""
        if change.get("range") is None:
            return replace(self, text=change["text"], version=version)
        start, end = (self.offset(change["range"][place]) for place in ("start", "end"))
        text = self.text[:start] + change["text"] + self.text[max(start, end) :]
        return replace(self, text=text, version=version)

    def edited(self, edits: list[Json], what: str) -> str:
        """The text after edits that all are about this one.

        Raises:
            Flaw: one lies outside of the text, or two overlap.
        """
        text, last = [], 0
        for edit in sorted(edits, key=lambda edit: start_and_end(edit["range"])[0]):
            self.check_range(edit["range"], what)
            start, end = (self.offset(edit["range"][place]) for place in ("start", "end"))
            if start < last:
                raise Flaw(f"{what}: edits overlap: {edits}")
            text += [self.text[last:start], edit["newText"]]
            last = end
        return "".join([*text, self.text[last:]])
