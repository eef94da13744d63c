"""Stack comments: what ``# [a, b, ..]`` after an instruction says, and which instruction it is at.

It does not know whether a comment is right.
"""

from __future__ import annotations

from dataclasses import dataclass

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Macro
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

__all__ = ["Scope", "StackComment", "parse_stack_comment", "stack_comments"]

#: The expansion of a macro that a line belongs to: lines of the uses, from the outermost on.
#: Empty outside of macros.
Scope = tuple[object, ...]

_KEY = "stack comments"


@dataclass(frozen=True, slots=True)
class StackComment:
    """The words of a comment, top first; if not ``exact``, it ended with ``..``.

    ``columns`` are start and end of each word in its line.
    """

    words: tuple[str, ...]
    exact: bool
    columns: tuple[tuple[int, int], ...]
    location: Location
    scope: Scope = ()


def parse_stack_comment(comment: t.Comment, location: Location) -> StackComment | None:
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
    return StackComment(tuple(words), exact, tuple(columns), location)


def stack_comments(assembly: Assembly) -> dict[int, list[StackComment]]:
    """By the pc of an instruction, the comments that speak of the stack after it, inner first.

    A comment on a line that uses a macro speaks of the stack after the whole expansion; one in a
    macro's body is there once for each expansion.
    """
    found: dict[int, list[StackComment]] = {}
    program = assembly.program
    macros = {name for name, macro in program.macros.items() if any(map(_is_stack, macro.body))}
    offsets: list[int]
    for index, (piece, fragment) in enumerate(
        zip(program.pieces, program.fragments, strict=True)
    ):
        lines = _commented(piece.chunk)
        uses = fragment.macros_used & macros
        if not uses and not any(piece.low <= line < piece.high for line in lines):
            continue
        offsets = assembly.source_map.offsets(index)
        count = len(offsets)
        for item in range(count):
            if item in fragment.data:
                continue
            line = fragment.lines[item]
            trail = fragment.trails.get(item, ())
            following = (
                (fragment.lines[item + 1], *fragment.trails.get(item + 1, ()))
                if item + 1 < count
                else ()
            )
            here = (line, *trail)
            if here == following and not trail:
                continue
            pc = offsets[item]
            for depth in range(len(here) - 1, -1, -1):
                if following[: depth + 1] == here[: depth + 1]:
                    # Two uses of one macro can follow each other on one line only in theory.
                    break
                if depth == 0:
                    if line in lines:
                        found.setdefault(pc, []).append(
                            _moved(lines[line], piece.context.path, piece.line + line, ())
                        )
                else:
                    name, body_line = trail[depth - 1]
                    macro = program.macros[name]
                    comment = _of_macro(macro, body_line)
                    if comment is not None:
                        scope = (id(piece), *here[:depth])
                        found.setdefault(pc, []).append(
                            StackComment(
                                comment.words, comment.exact, comment.columns, comment.location,
                                scope,
                            )
                        )
    return found


def _is_stack(line: t.Line) -> bool:
    return line.comment is not None and line.statement is not None and line.comment.kind == "stack"


def _commented(chunk: t.Chunk) -> dict[int, StackComment]:
    """The stack comments of a chunk by line, placed as if it were the first one of its file."""
    known = chunk.cache.get(_KEY)
    if isinstance(known, dict):
        return known
    found = {
        number: parsed
        for number, line in enumerate(chunk.lines)
        if line.comment is not None and _is_stack(line)
        and (parsed := parse_stack_comment(line.comment, _place("", number, line.comment)))
    }
    chunk.cache[_KEY] = found
    return found


def _of_macro(macro: Macro, body_line: int) -> StackComment | None:
    line = macro.body[body_line]
    if line.comment is None or not _is_stack(line):
        return None
    return parse_stack_comment(
        line.comment, macro.location(body_line, line.comment.start, line.comment.end)
    )


def _place(path: str, line: int, comment: t.Comment) -> Location:
    return Location(path, Span.of_line(line, comment.start, comment.end))


def _moved(comment: StackComment, path: str, line: int, scope: Scope) -> StackComment:
    span = comment.location.span
    place = Location(path, Span.of_line(line, span.start.column, span.end.column))
    return StackComment(comment.words, comment.exact, comment.columns, place, scope)

