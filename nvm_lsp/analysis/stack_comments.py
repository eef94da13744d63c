"""Stack comments: what ``# [a, b, ..]`` after an instruction says, and which instruction it is at.

It does not know whether a comment is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Fragment, Macro, Piece
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

__all__ = ["Said", "Scope", "StackComment", "Term", "parse_stack_comment", "stack_comments"]

#: The expansion of a macro that a line belongs to: lines of the uses, from the outermost on.
#: Empty outside of macros.
Scope = tuple[object, ...]

_SAID = "stack comments"
_SPOTS = "instructions with stack comments"
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*")
_ANY = frozenset({"_", "?", ""})


class Term(NamedTuple):
    """A word of a comment: its text, its value if it is a number, whether any word will do."""

    text: str
    number: int | None
    is_any: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A comment wherever its line is: words, top first; if not ``exact``, it ended with ``..``.

    ``columns`` are start and end of each word, ``start`` and ``end`` those of the comment.
    """

    terms: tuple[Term, ...]
    exact: bool
    columns: tuple[tuple[int, int], ...]
    start: int
    end: int


class StackComment(NamedTuple):
    """A comment in a file, in one expansion if it stands in a macro."""

    said: Said
    path: str
    line: int
    scope: Scope = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What it says, top first."""
        return tuple(term.text for term in self.said.terms)

    @property
    def location(self) -> Location:
        """The comment with its marker."""
        return Location(self.path, Span.of_line(self.line, self.said.start, self.said.end))


def parse_stack_comment(comment: t.Comment) -> Said | None:
    """The words of a stack comment, split at the commas outside of brackets; None for another."""
    if comment.kind != "stack" or "]" not in comment.body:
        return None
    body = comment.body
    inside = body[1 : body.rindex("]")]
    start = comment.body_start + 1
    words: list[str] = []
    columns: list[tuple[int, int]] = []
    depth = begin = 0
    for position, character in enumerate(f"{inside},"):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth <= 0:
            word = inside[begin:position]
            if word.strip() or position < len(inside) or words:
                left = begin + len(word) - len(word.lstrip())
                words.append(word.strip())
                columns.append((start + left, start + left + len(word.strip())))
            begin = position + 1
    exact = words[-1:] not in (["..",], ["..."], ["…"])
    if not exact:
        del words[-1], columns[-1]
    terms = tuple(Term(word, _number(word), word in _ANY) for word in words)
    return Said(terms, exact, tuple(columns), comment.start, comment.end)


def _number(word: str) -> int | None:
    if not _NUMBER.fullmatch(word):
        return None
    try:
        return int(word.replace("_", ""), 0)
    except ValueError:  # 007, or 0x without digits
        digits = word.replace("_", "")
        return int(digits) if digits.isdecimal() else None


def stack_comments(assembly: Assembly) -> dict[int, list[StackComment]]:
    """By the pc of an instruction, the comments that speak of the stack after it, inner first.

    A comment on a line that uses a macro speaks of the stack after the whole expansion; one in a
    macro's body is there once for each expansion.
    """
    found: dict[int, list[StackComment]] = {}
    program = assembly.program
    of_macros: dict[tuple[str, int], Said | None] = {}
    for index, (piece, fragment) in enumerate(
        zip(program.pieces, program.fragments, strict=True)
    ):
        spots = _spots(piece, fragment)
        if not spots:
            continue
        offsets = assembly.source_map.offsets(index)
        path, base = piece.context.path, piece.line
        for item, line, said, inner in spots:
            if inner is None:
                if said is not None:
                    found.setdefault(offsets[item], []).append(
                        StackComment(said, path, base + line)
                    )
                continue
            name, body_line, scope = inner
            macro = program.macros[name]
            if inner[:2] not in of_macros:
                of_macros[inner[:2]] = _of_macro(macro, body_line)
            said = of_macros[inner[:2]]
            if said is not None:
                path_of_macro, line_of_macro = macro.context.path, macro.line + 1 + body_line
                found.setdefault(offsets[item], []).append(
                    StackComment(said, path_of_macro, line_of_macro, (id(piece), *scope))
                )
    return found


#: The last item of what a line emits: the item, the line, what its comment says; or, for a line of
#: a macro's body, the macro, the line in it and the way there.
_Spot = tuple[int, int, Said | None, tuple[str, int, Scope] | None]


def _spots(piece: Piece, fragment: Fragment) -> tuple[_Spot, ...]:
    """Where a piece's comments belong. Found once for a fragment: it is the same after most edits.

    What comments of macros say is not part of it, for it is no part of the fragment either.
    """
    cache = piece.chunk.cache
    key = (_SPOTS, piece.low, piece.high)
    known = cache.get(key)
    if isinstance(known, tuple) and known[0] is fragment:
        spots: tuple[_Spot, ...] = known[1]
        return spots
    spots = tuple(_ends(fragment, _commented(piece.chunk)))
    cache[key] = (fragment, spots)
    return spots


def _ends(fragment: Fragment, said: dict[int, Said]) -> Iterator[_Spot]:
    if not said and not fragment.trails:
        return
    count = len(fragment.lines)
    for item in range(count):
        if item in fragment.data:
            continue
        line = fragment.lines[item]
        trail = fragment.trails.get(item, ())
        if not trail and line not in said:
            continue
        following: tuple[object, ...] = ()
        if item + 1 < count:
            following = (fragment.lines[item + 1], *fragment.trails.get(item + 1, ()))
        here = (line, *trail)
        for depth in range(len(here) - 1, -1, -1):
            if following[: depth + 1] == here[: depth + 1]:
                # Two uses of one macro can follow each other on one line only in theory.
                break
            if depth == 0:
                if line in said:
                    yield item, line, said[line], None
            else:
                yield item, line, None, (*trail[depth - 1], here[:depth])


def _is_stack(line: t.Line) -> bool:
    return line.comment is not None and line.statement is not None and line.comment.kind == "stack"


def _commented(chunk: t.Chunk) -> dict[int, Said]:
    """The stack comments of a chunk by line."""
    known = chunk.cache.get(_SAID)
    if isinstance(known, dict):
        return known
    found = {
        number: said
        for number, line in enumerate(chunk.lines)
        if line.comment is not None and _is_stack(line)
        and (said := parse_stack_comment(line.comment)) is not None
    }
    chunk.cache[_SAID] = found
    return found


def _of_macro(macro: Macro, body_line: int) -> Said | None:
    line = macro.body[body_line]
    return parse_stack_comment(line.comment) if line.comment and _is_stack(line) else None
