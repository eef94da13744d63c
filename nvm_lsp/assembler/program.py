"""What a program is between syntax tree and bytecode: names, pieces of text, relocatable fragments.

Data only; how they come about is in `expander` and `fragment`, how they become bytes in `layout`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from nvm_lsp.diagnostics import Problem, Related
from nvm_lsp.opcodes import InstructionSet
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

__all__ = [
    "Constant",
    "Context",
    "Finding",
    "Fixup",
    "Fragment",
    "LabelSite",
    "Macro",
    "Piece",
    "Program",
    "Scope",
    "Trail",
    "Variable",
]

#: The way into macros: (macro's name, line of its body) from the outermost use to the innermost.
Trail: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """A file in the course of expansion: the root, or an include with the way that led to it."""

    path: str
    tree: t.SyntaxTree
    instructions: InstructionSet
    parent: Context | None = None
    line: int = 0  # of the %include in the parent
    span: tuple[int, int] = (0, 0)
    depth: int = 0

    def chain(self) -> Iterator[tuple[Context, int]]:
        """The including files with the line of each %include, innermost first."""
        context = self
        while context.parent is not None:
            yield context.parent, context.line
            context = context.parent

    def related(self) -> tuple[Related, ...]:
        """The chain of includes, as other places of a diagnostic."""
        places = []
        context = self
        while context.parent is not None:
            span = Span.of_line(context.line, *context.span)
            places.append(Related(Location(context.parent.path, span), "included from here"))
            context = context.parent
        return tuple(places)


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A `%def`, or a value from outside (a build option), which has no ``definition``."""

    name: str
    definition: t.ConstantDefinition | None
    value: int | None  # from outside
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Macro:
    """A macro's head and the lines of its body, and where its head stands."""

    definition: t.MacroDefinition
    body: tuple[t.Line, ...]
    context: Context
    line: int

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for two macros if they expand alike."""
        return (self.definition, self.context.instructions.fork.name, *self.body)

    def location(self, body_line: int, start: int, end: int) -> Location:
        return Location(
            self.context.path, Span.of_line(self.line + 1 + body_line, start, end)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Lines ``low`` to ``high`` of a chunk, all of which emit; ``line`` is that of the chunk."""

    context: Context
    chunk: t.Chunk
    low: int
    high: int
    line: int


@dataclass(slots=True, eq=False)
class Scope:
    """What names mean inside one expansion of a macro, beside the program's own names."""

    parameters: dict[str, tuple[t.Expression, Scope | None, int, Trail]]
    labels: dict[str, int]
    broken: set[str] = field(default_factory=set)
    #: What parameters are worth, as far as that does not hang on offsets. Arguments are made of
    #: arguments: without this a value would be computed as often as all uses together name it.
    values: dict[str, int | bytes] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Finding:
    """A problem in a fragment: line of the chunk, and the way into macros."""

    line: int
    trail: Trail
    problem: Problem


@dataclass(slots=True, eq=False)
class LabelSite:
    """A label in a fragment. ``local`` is its number if it belongs to one macro expansion."""

    word: t.Word
    local: int | None
    offset: int  # in the fragment's template
    variables: int  # how many variables stand before it
    line: int
    trail: Trail
    kind: str  # "label", "position" or "table"
    size: int | None = None  # bytes, of a table


@dataclass(slots=True, eq=False)
class Variable:
    """Something whose size the layout finds: a push of a label, or padding.

    ``kind`` is ``push``, ``org`` or ``align``; for padding ``amount`` is the target or unit, and
    ``fill`` the byte. It takes no bytes in the template.
    """

    kind: str
    item: int
    offset: int
    line: int
    trail: Trail
    expression: t.Expression
    scope: Scope | None = None
    amount: int = 0
    fill: int = 0


@dataclass(slots=True, eq=False)
class Fixup:
    """A field of fixed width in the template, or a condition to check, known after the layout."""

    kind: str  # "push", "bytes", "table" or "assert"
    item: int
    offset: int
    width: int
    line: int
    trail: Trail
    expression: t.Expression
    scope: Scope | None = None
    message: str = ""


@dataclass(slots=True, eq=False)
class Fragment:
    """The relocatable code of a piece.

    An item is an instruction or a run of data. Items are described by parallel lists: offset in the
    template ``code``, line in the chunk. ``dependencies`` are the names that were looked up, with
    what was found: the fragment can be used again as long as they still mean the same.
    """

    code: bytes = b""
    offsets: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    trails: dict[int, Trail] = field(default_factory=dict)
    data: set[int] = field(default_factory=set)
    variables: list[Variable] = field(default_factory=list)
    fixups: list[Fixup] = field(default_factory=list)
    labels: list[LabelSite] = field(default_factory=list)
    local_labels: int = 0
    findings: list[Finding] = field(default_factory=list)
    dependencies: dict[tuple[str, str], object] = field(default_factory=dict)
    macros_used: set[str] = field(default_factory=set)
    #: Names that the fragment defines in vain, so that uses of them are no errors of their own.
    excuses: set[str] = field(default_factory=set)
    ends_with_label: bool = False
    # The last emission: what it was made of, and the bytes.
    emitted: tuple[object, bytes] | None = None
    #: Lines of macros that were expanded for it.
    expanded: int = 0
    # The state of all definitions in which the names among the dependencies last held.
    held_in: object = None
    # What the layout has found once for all; see there.
    plain_pushes: tuple[str, ...] | None = None
    global_labels: tuple[tuple[str, int, int], ...] | None = None
    stretches: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Everything that is laid out, in order, with the names it uses."""

    root: Context
    contexts: tuple[Context, ...]
    pieces: tuple[Piece, ...]
    fragments: tuple[Fragment, ...]
    constants: dict[str, Constant]
    macros: dict[str, Macro]
    #: Names whose definition is there but broken; uses of them are no errors of their own.
    excused: frozenset[str]
    #: Constants that depend on labels.
    late: frozenset[str]
    #: Values of the definitions that are made of numbers only.
    values: dict[str, int | bytes]
    #: Bytes of code past which something must be wrong.
    max_bytes: int = 1 << 24
