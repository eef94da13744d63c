"""Live probes, ``#? stack[0]``: what of a running guest to look at, and what was seen there.

A probe on a line with code shows what holds after that line ran, the last time it did. On a line of
its own it belongs to the nearest line of code above; above all code, to the end of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.errors import BAD_ARGUMENT
from nvm_lsp.assembler.expressions import EvaluationError, evaluate
from nvm_lsp.diagnostics import Diagnostic, Problem, define_kind
from nvm_lsp.runner.world import Frame
from nvm_lsp.syntax import parse_expression
from nvm_lsp.syntax import tree as t

__all__ = [
    "BAD_PROBE",
    "ConstantNames",
    "Observer",
    "Place",
    "Plan",
    "Probe",
    "Seen",
    "Value",
    "comments_of",
    "find_places",
    "parse_probe",
    "read_probes",
    "show",
]

BAD_PROBE = define_kind(
    "PRB001",
    "bad-probe",
    """
    A `#?` comment asks for nothing that can be shown.

    ## What it means
    A probe is one of `stack`, `stack[0]` (the top), `mem[0:64]` (bytes), `mem[0]` (the word at 0),
    `storage[slot]`, `storage[address, slot]`, `transient[slot]`, `returndata`, `returndata[0:4]`,
    `gas` (used so far), `gas_left`, `msize`, `pc`, `hits` (how often the line ran), or an
    expression of these, of numbers and of the file's constants.

    ## Example
    ```easm
    ADD #? stak[0]
    ```

    ## What to do
    Write one of the forms above. A comment that is no probe starts with `#` and a blank.
    """,
)

#: Whole number, bytes, or the words of a stack, top first.
Value: TypeAlias = int | bytes | tuple[int, ...]

_INDEXED = ("stack", "mem", "memory", "storage", "transient", "returndata")
_PLAIN = ("gas", "gas_left", "msize", "pc", "hits", "depth")
_ATOM = re.compile(rf"(?<![\w.])(?:({'|'.join(_INDEXED)})\b(\[)?)")
#: Longest run of bytes that a probe shows.
_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _Atom:
    """``name[first:second]``; for storage ``name[first, second]`` with the address first."""

    name: str
    first: t.Expression | None = None
    second: t.Expression | None = None
    separator: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A question, as read from a text. ``whole`` is set if it is one atom and no expression."""

    text: str
    expression: t.Expression | None
    atoms: Mapping[str, _Atom]
    whole: _Atom | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comment asks: zero-based line of a file, and the offsets whose end it looks at.

    No offsets mean the end of the run.
    """

    path: str
    line: int
    pcs: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The probes of a run with their places, and what names in them mean."""

    probes: tuple[tuple[Place, Probe], ...] = ()
    names: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe saw: the last value, None if never reached; ``hits`` counts how often it ran.

    ``error`` says why there is no value where the place was reached.
    """

    value: Value | None
    hits: int
    error: str | None = None


def read_probes(
    assembly: Assembly, *, located: bool = True
) -> tuple[tuple[tuple[Place, Probe], ...], list[Diagnostic]]:
    """The ``#?`` comments of a program and its includes, and what is wrong with them.

    Not ``located``, the places have no offsets, which is quicker and will do for diagnostics.
    """
    found: list[tuple[Place, Probe]] = []
    diagnostics: list[Diagnostic] = []
    for place, comment in find_places(assembly, "probe", located=located):
        probe, problems = parse_probe(comment.body, comment.body_start)
        diagnostics += [problem.at(place.path, place.line) for problem in problems]
        if probe is not None:
            found.append((place, probe))
    return tuple(found), diagnostics


def find_places(
    assembly: Assembly, kind: str, *, located: bool = True
) -> Iterator[tuple[Place, t.Comment]]:
    """The comments of that kind in a program and its includes, each with the place it asks at."""
    seen: set[str] = set()
    for context in assembly.program.contexts:
        path, tree = context.path, context.tree
        if path in seen:
            continue
        seen.add(path)
        for number, comment in comments_of(tree, kind):
            above: tuple[int, ...] = ()
            line = number if located else -1
            while line >= 0 and not above:
                if tree.line(line).statement is not None:
                    above = assembly.source_map.pcs(path, line)
                line -= 1
            yield Place(path, number, above), comment


def comments_of(tree: t.SyntaxTree, kind: str) -> Iterator[tuple[int, t.Comment]]:
    """The comments of that kind with their lines; an edit costs only the chunks that it touches."""
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        found = chunk.cache.get(("comments", kind))
        if not isinstance(found, tuple):
            found = tuple(
                (offset, line.comment)
                for offset, line in enumerate(chunk.lines)
                if line.comment is not None and line.comment.kind == kind
            )
            chunk.cache["comments", kind] = found
        for offset, comment in found:
            yield start + offset, comment


# Reading ------------------------------------------------------------------------------------------


def parse_probe(text: str, column: int = 0) -> tuple[Probe | None, tuple[Problem, ...]]:
    """A probe from its text, which begins at ``column`` of its line."""
    if not text.strip():
        return None, (_problem(column, column + 1, "nothing is asked for"),)
    try:
        plain, atoms, whole = _extract(text, column)
        if whole is not None:
            return Probe(text, None, atoms, whole), ()
        expression, problems = parse_expression(plain, column)
        if expression is None or problems:
            return None, tuple(problems) or (
                _problem(column, column + len(text), "this is no expression"),
            )
        for name in t.names_in(expression):
            if name.text in _INDEXED:
                raise _BadError(
                    _problem(name.start, name.end, f"{name.text} needs an index in an expression")
                )
        return Probe(text, expression, atoms), ()
    except _BadError as bad:
        return None, (bad.problem,)


class _BadError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _problem(start: int, end: int, message: str) -> Problem:
    return Problem(
        BAD_PROBE, start, max(end, start + 1), message,
        "probes are stack[0], mem[0:64], storage[0], transient[0], returndata, gas, hits, …",
    )


def _extract(text: str, column: int) -> tuple[str, dict[str, _Atom], _Atom | None]:
    """The text with each indexed atom replaced by a name of the same length, and the atoms."""
    atoms: dict[str, _Atom] = {}
    plain = ""
    position = 0
    while found := _ATOM.search(text, position):
        plain += text[position : found.start()]
        if found[2] is None:
            if text.strip() == found[1] and found[1] in ("stack", "mem", "memory", "returndata"):
                return text, {}, _Atom(found[1])
            plain += found[0]
            position = found.end()
            continue
        end = _closing(text, found.end(), column)
        atom = _index(found[1], text[found.end() : end], column + found.end())
        if text.strip() == text[found.start() : end + 1]:
            return text, {}, atom
        name = f"_{len(atoms)}".ljust(end + 1 - found.start(), "_")
        atoms[name] = atom
        plain += name
        position = end + 1
    return plain + text[position:], atoms, None


def _closing(text: str, start: int, column: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise _BadError(_problem(column + start - 1, column + len(text), "the bracket is not closed"))


def _index(name: str, text: str, column: int) -> _Atom:
    separator = next((mark for mark in ":," if mark in text), "")
    wanted = {"storage": ("", ","), "mem": ("", ":"), "memory": ("", ":"),
              "returndata": ("", ":")}.get(name, ("",))
    if separator not in wanted:
        raise _BadError(_problem(column, column + len(text), f"{name} takes no {separator!r} here"))
    left, _, right = text.partition(separator) if separator else (text, "", "")
    first = _part(left, column)
    second = _part(right, column + len(left) + 1) if separator else None
    return _Atom("mem" if name == "memory" else name, first, second, separator)


def _part(text: str, column: int) -> t.Expression:
    lead = len(text) - len(text.lstrip())
    if not text.strip():
        raise _BadError(_problem(column, column + 1, "an index is missing"))
    expression, problems = parse_expression(text.strip(), column + lead)
    if expression is None or problems:
        raise _BadError(
            problems[0] if problems else _problem(column, column + len(text), "this is no index")
        )
    return expression


# Evaluating ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConstantNames:
    """Names that mean the same at any time: labels and constants of an assembled program."""

    values: Mapping[str, int]

    @staticmethod
    def of(assembly: Assembly) -> dict[str, int]:
        symbols = assembly.symbols
        return {**symbols.constants, **symbols.labels}

    def name(self, name: t.Name) -> int:
        if name.text in self.values:
            return self.values[name.text]
        raise EvaluationError(
            Problem(BAD_ARGUMENT, name.start, name.end, f"nothing is called {name.text}")
        )

    def length(self, name: t.Name) -> int:
        raise EvaluationError(
            Problem(BAD_ARGUMENT, name.start, name.end, "len() is not known in a run")
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """The guest between two steps. ``base`` is where its memory begins in the host's."""

    frame: Frame
    stack: Sequence[int | bytes]
    memory: bytearray | bytes
    base: int
    gas_limit: int
    pc: int
    hits: int

    def plain(self, name: str) -> int:
        match name:
            case "gas":
                return self.gas_limit - self.frame.gas
            case "gas_left":
                return self.frame.gas
            case "msize":
                return max(len(self.memory) - self.base, 0)
            case "pc":
                return self.pc
            case "hits":
                return self.hits
            case _:
                return len(self.stack)

    def read(self, atom: _Atom, names: _Names) -> Value:
        if atom.first is None:
            return self._whole(atom.name)
        first = evaluate(atom.first, names)
        match atom.name:
            case "stack":
                if first >= len(self.stack):
                    raise EvaluationError(
                        _problem(0, 1, f"the stack has only {len(self.stack)} words")
                    )
                return _word(self.stack[-1 - first])
            case "storage":
                if atom.second is None:
                    return self.frame.storage(first)
                slot = evaluate(atom.second, names)
                return self.frame.storage(slot, (first % 2**160).to_bytes(20, "big"))
            case "transient":
                return self.frame.transient(first)
            case _:
                end = first + 32 if atom.second is None else evaluate(atom.second, names)
                if end - first > _MAX_BYTES or end < first:
                    raise EvaluationError(
                        _problem(0, 1, f"from {first} to {end} are not 0 to {_MAX_BYTES:,} bytes")
                    )
                data = self._bytes(atom.name)[first:end].ljust(end - first, b"\0")
                return int.from_bytes(data, "big") if atom.second is None else data

    def _whole(self, name: str) -> Value:
        if name == "stack":
            return tuple(_word(value) for value in reversed(self.stack))
        return self._bytes(name)[:_MAX_BYTES]

    def _bytes(self, name: str) -> bytes:
        if name == "returndata":
            return self.frame.return_data
        return bytes(self.memory[self.base :])


@dataclass(frozen=True, slots=True)
class _Names:
    """Names in a probe: its atoms, what a moment has, then the program's."""

    moment: _Moment
    atoms: Mapping[str, _Atom]
    fixed: ConstantNames

    def name(self, name: t.Name) -> int:
        atom = self.atoms.get(name.text)
        if atom is not None:
            value = self.moment.read(atom, self)
            if isinstance(value, bytes):
                if len(value) > 32:
                    raise EvaluationError(_problem(0, 1, "more than 32 bytes are no number"))
                return int.from_bytes(value, "big")
            assert isinstance(value, int)
            return value
        if name.text in _PLAIN:
            return self.moment.plain(name.text)
        return self.fixed.name(name)

    def length(self, name: t.Name) -> int:
        return self.fixed.length(name)


def _word(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")


class Observer:
    """Evaluates the probes of a plan while a guest runs."""

    def __init__(self, plan: Plan, base: int, gas_limit: int) -> None:
        self._plan = plan
        self._fixed = ConstantNames(plan.names)
        self._base = base
        self._gas_limit = gas_limit
        self._at: dict[int, list[int]] = {}
        self._seen: dict[int, Seen] = {}
        for index, (place, _) in enumerate(plan.probes):
            for pc in place.pcs:
                self._at.setdefault(pc, []).append(index)

    @property
    def pcs(self) -> Iterable[int]:
        """The offsets after which it wants to be called."""
        return self._at.keys()

    def after(
        self, pc: int, frame: Frame, stack: Sequence[int | bytes], memory: bytearray | bytes
    ) -> None:
        """The guest has executed the instruction at ``pc``."""
        for index in self._at.get(pc, ()):
            place, probe = self._plan.probes[index]
            before = self._seen.get(index)
            hits = (before.hits if before else 0) + (pc == place.pcs[0] or before is None)
            moment = _Moment(
                frame, stack, memory, self._base, self._gas_limit, pc, hits
            )
            self._seen[index] = self._ask(probe, moment, hits)

    def end(self, frame: Frame, stack: Sequence[int | bytes], memory: bytearray | bytes) -> None:
        """The guest has ended: probes that belong to no line look now."""
        for index, (place, probe) in enumerate(self._plan.probes):
            if not place.pcs:
                moment = _Moment(frame, stack, memory, self._base, self._gas_limit, 0, 1)
                self._seen[index] = self._ask(probe, moment, 1)

    def seen(self) -> tuple[Seen, ...]:
        """What each probe of the plan saw, in its order."""
        return tuple(
            self._seen.get(index, Seen(None, 0)) for index in range(len(self._plan.probes))
        )

    def _ask(self, probe: Probe, moment: _Moment, hits: int) -> Seen:
        names = _Names(moment, probe.atoms, self._fixed)
        try:
            if probe.whole is not None:
                return Seen(moment.read(probe.whole, names), hits)
            assert probe.expression is not None
            return Seen(evaluate(probe.expression, names), hits)
        except EvaluationError as error:
            return Seen(None, hits, error.problem.message)


def show(value: Value) -> str:
    """A value as it is written in a program."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return "[" + ", ".join(show(word) for word in value) + "]"
    return str(value) if value < 1_000_000 else f"{value:#x}"
