"""Comments that silence findings: where they stand, what they silence, and which are idle.

``# easm: ignore[STK003, LBL001] -- why`` silences findings of these codes on its line; before the
first statement of a file, on a line of its own, in the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Diagnostic, Edit, Fix, Kind, Severity, define_kind
from nvm_lsp.shapes import near_miss
from nvm_lsp.source import Location, Position, Span
from nvm_lsp.syntax import tree as t

__all__ = ["KINDS", "Mark", "Suppressions", "collect"]

UNUSED = define_kind(
    "SUP001",
    "unused-suppression",
    """
    A suppression silences nothing.

    ## What it does
    Finds codes in `# easm: ignore[…]` that the line, or the file, has no finding of.

    ## Why it is bad
    It may hide the next flaw that really is one, and tells readers of a flaw that is not there. A
    comment on a line of its own silences something only at the head of a file, before the first
    statement, and then for the whole file.

    ## Example
    ```easm
        STOP  # easm: ignore[STK001] -- the stack is never short here
    ```

    ## What to do
    Remove it, as the fix does; or write it behind the line that it is meant for.
    """,
    Severity.WARNING,
)
UNKNOWN = define_kind(
    "SUP002",
    "unknown-suppressed-code",
    """
    A suppression names a code that does not exist.

    ## What it does
    Finds codes in `# easm: ignore[…]` that neither nvm-lsp nor a plugin defines.

    ## Why it is bad
    It silences nothing; the finding that it was written for is still there, or was of another code.

    ## Example
    ```easm
        STOP  # easm: ignore[STK999] -- checked by hand
    ```

    ## What to do
    Write the code as the finding shows it, in brackets; or remove it, as the fix does.
    """,
    Severity.WARNING,
)
NO_REASON = define_kind(
    "SUP003",
    "suppression-without-reason",
    """
    A suppression does not say why.

    ## What it does
    Finds `# easm: ignore[…]` without `-- reason` behind it.

    ## Why it is bad
    Whoever changes the line later cannot tell whether the finding may still be passed over.

    ## Example
    ```easm
        STOP
    idle:  # easm: ignore[LBL001]
        STOP
    ```

    ## What to do
    Write the reason behind two dashes: `# easm: ignore[LBL001] -- kept for the debugger`.
    """,
    Severity.HINT,
)
MALFORMED = define_kind(
    "SUP004",
    "malformed-suppression",
    """
    A comment looks like a suppression, but is none.

    ## What it does
    Finds comments that begin with `easm: ignore`, or nearly so, and do not go on as
    `ignore[CODE, …]`, with or without `-- reason`.

    ## Why it is bad
    It silences nothing. To silence everything on a line is not possible, so that no new flaw hides.

    ## Example
    ```easm
        STOP  # easm: ignore STK001
    ```

    ## What to do
    Name the codes in brackets: `# easm: ignore[STK001] -- reason`.
    """,
    Severity.WARNING,
)
#: The kinds that this module itself reports.
KINDS = (UNUSED, UNKNOWN, NO_REASON, MALFORMED)

_MARK = re.compile(r"(?:#|;|//)[ \t]*easm:[ \t]*(?P<rest>[^\r\n]*)")
_RIGHT = re.compile(r"ignore\[(?P<codes>[^\]]*)\][ \t]*(?:--[ \t]*(?P<reason>.*))?")
_NEARLY = re.compile(r"(?i)(?:ignore|disable|noqa|allow|suppress)\b|\w+[ \t]*\[")
_CODE = re.compile(r"[^\s,]+")
#: A comment that names more codes than anybody would is none.
_MOST_CODES = 100
#: Of so many unknown codes it is said what was probably meant; comparing is slow.
_MOST_GUESSES = 100
#: Comments with a language of their own hold no suppressions.
_COMMENTS = ("suppression", "stack", "plain")
_KEY = "suppressions"


@dataclass(frozen=True, slots=True)
class Mark:
    """A suppressed code and where it is: what tells that a suppression was of use."""

    path: str
    line: int
    code: str


@dataclass(frozen=True, slots=True)
class _Comment:
    """A suppression as its line has it; columns count from zero. ``codes`` is None if malformed."""

    start: int
    end: int
    codes: tuple[tuple[str, int, int], ...] | None
    reason: str
    alone: bool


@dataclass(frozen=True, slots=True)
class _Placed:
    """A suppression in a file, for the whole file or for its line."""

    path: str
    line: int
    comment: _Comment
    whole_file: bool


@dataclass(slots=True)
class Suppressions:
    """The suppressions of all files of a program, and which of them were of use."""

    assembly: Assembly
    placed: tuple[_Placed, ...]
    used: set[Mark] = field(default_factory=set)
    _by_place: dict[tuple[str, int | None, str], Mark] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for found in self.placed:
            for code, _, _ in found.comment.codes or ():
                line = None if found.whole_file else found.line
                self._by_place.setdefault(
                    (found.path, line, code), Mark(found.path, found.line, code)
                )

    def keep(self, found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """The findings that nothing silences."""
        for diagnostic in found:
            path, line = diagnostic.location.path, diagnostic.location.span.start.line
            marks = [
                mark
                for at in (line, None)
                if (mark := self._by_place.get((path, at, diagnostic.code))) is not None
            ]
            self.used.update(marks)
            if not marks:
                yield diagnostic

    def findings(self, levels: Mapping[str, Severity], *, all_ran: bool) -> list[Diagnostic]:
        """What is wrong with the suppressions of the root file, once all others were `keep`-ed.

        ``levels`` are those of all kinds, by code; without ``all_ran`` none is called idle.
        """
        root = self.assembly.program.root
        own = [found for found in self.placed if found.path == root.path]
        idle_lines: frozenset[int] | None = None
        out: list[Diagnostic] = []
        guesses = 0
        for found in own:
            comment = found.comment
            if comment.codes is None:
                out.append(_at(
                    MALFORMED, found, comment.start, comment.end,
                    "this suppresses nothing", "write # easm: ignore[CODE] -- reason",
                ))
                continue
            unknown = [code for code in comment.codes if code[0] not in levels]
            for code, start, end in unknown:
                guesses += 1
                hint = near_miss(code, levels) if guesses <= _MOST_GUESSES else ""
                out.append(_at(
                    UNKNOWN, found, start, end, f"there is no code {code}", hint,
                    (_removal(root.tree, found, code),),
                ))
            idle: tuple[tuple[str, int, int], ...] = ()
            if all_ran and self.assembly.bytecode:
                if idle_lines is None:
                    idle_lines = _not_assembled(root.tree, self.assembly)
                idle = self._idle(found, levels, idle_lines)
            out += (_unused(root.tree, found, *code) for code in idle)
            if len(idle) + len(unknown) < len(comment.codes) and not comment.reason:
                out.append(_at(
                    NO_REASON, found, comment.start, comment.end, "this does not say why",
                    "write the reason behind it: -- reason",
                ))
        return list(self.keep(out))

    def _idle(
        self, found: _Placed, levels: Mapping[str, Severity], not_assembled: frozenset[int]
    ) -> tuple[tuple[str, int, int], ...]:
        if found.line in not_assembled:
            return ()
        return tuple(
            (code, start, end)
            for code, start, end in found.comment.codes or ()
            if levels.get(code, Severity.OFF) is not Severity.OFF
            and not code.startswith("SUP")
            and Mark(found.path, found.line, code) not in self.used
        )


def collect(assembly: Assembly) -> Suppressions:
    """The suppressions in all files of a program."""
    placed: dict[str, list[_Placed]] = {}
    for context in assembly.program.contexts:
        if context.path not in placed:
            placed[context.path] = list(_in_tree(context.tree))
    return Suppressions(assembly, tuple(found for file in placed.values() for found in file))


def _in_tree(tree: t.SyntaxTree) -> Iterator[_Placed]:
    head = True  # no statement yet
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        for offset, comment in _in_chunk(chunk):
            at_head = head and comment.alone and not any(
                line.statement is not None for line in chunk.lines[:offset]
            )
            yield _Placed(tree.path, start + offset, comment, at_head)
        head = head and not any(line.statement is not None for line in chunk.lines)


def _in_chunk(chunk: t.Chunk) -> tuple[tuple[int, _Comment], ...]:
    known = chunk.cache.get(_KEY)
    if not isinstance(known, tuple):
        known = tuple(
            (offset, found)
            for offset, line in enumerate(chunk.lines)
            if "easm:" in line.text and (found := _in_line(line)) is not None
        )
        chunk.cache[_KEY] = known
    return known


def _in_line(line: t.Line) -> _Comment | None:
    comment = line.comment
    if comment is None or comment.kind not in _COMMENTS:
        return None
    found = None
    for found in _MARK.finditer(comment.text):  # noqa: B007 -- the last one counts
        pass
    if found is None:
        return None
    rest = found["rest"].rstrip()
    start, end = comment.start + found.start(), comment.start + found.start("rest") + len(rest)
    alone = line.statement is None and not line.text[:start].strip()
    right = _RIGHT.fullmatch(rest)
    codes: tuple[tuple[str, int, int], ...] = ()
    if right is not None:
        first = comment.start + found.start("rest") + right.start("codes")
        codes = tuple(
            (code[0], first + code.start(), first + code.end())
            for code in _CODE.finditer(right["codes"])
        )
    if not codes or len(codes) > _MOST_CODES:
        return _Comment(start, end, None, "", alone) if _NEARLY.match(rest) else None
    assert right is not None
    return _Comment(start, end, codes, (right["reason"] or "").strip(), alone)


def _not_assembled(tree: t.SyntaxTree, assembly: Assembly) -> frozenset[int]:
    """Lines that this assembly need not have looked at: in conditions, in macros without use."""
    used = {name for fragment in assembly.program.fragments for name in fragment.macros_used}
    lines: set[int] = set()
    blocks: list[bool] = []
    for number, line in enumerate(tree.lines()):
        match line.statement:
            case t.Condition():
                blocks.append(True)
            case t.MacroDefinition(name=name):
                blocks.append(name.text not in used)
            case t.End():
                if blocks:
                    blocks.pop()
        if any(blocks):
            lines.add(number)
    return frozenset(lines)


def _unused(tree: t.SyntaxTree, found: _Placed, code: str, start: int, end: int) -> Diagnostic:
    where = "this file" if found.whole_file else "this line"
    hint = "remove it"
    if found.comment.alone and not found.whole_file:
        hint = "write it behind the line that it is meant for, or at the head of the file"
    return _at(
        UNUSED, found, start, end, f"{where} has no finding of {code}", hint,
        (_removal(tree, found, code),),
    )


def _removal(tree: t.SyntaxTree, found: _Placed, code: str) -> Fix:
    """A fix that removes a code from a suppression, and all of it if no code is left."""
    comment = found.comment
    left = [other for other, _, _ in comment.codes or () if other != code]
    text = tree.line(found.line).text
    body = text.rstrip("\r\n")
    if left:
        assert comment.codes is not None
        span = Span.of_line(found.line, comment.codes[0][1], comment.codes[-1][2])
        new = ", ".join(left)
    elif comment.alone:
        span = Span(Position(found.line, 0), Position(found.line + 1, 0))
        if body == text:  # the last line, without an end
            span = Span.of_line(found.line, 0, len(text))
        new = ""
    else:
        start = len(body[: comment.start].rstrip())
        span, new = Span.of_line(found.line, start, len(body)), ""
    title = "Remove the suppression" if not left else f"Remove {code}"
    return Fix(title, (Edit(Location(found.path, span), new),))


def _at(
    kind: Kind, found: _Placed, start: int, end: int, message: str, hint: str = "",
    fixes: tuple[Fix, ...] = (),
) -> Diagnostic:
    location = Location(found.path, Span.of_line(found.line, start, end))
    return Diagnostic(kind, location, message, hint, fixes=fixes)
