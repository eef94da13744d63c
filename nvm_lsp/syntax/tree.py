"""The lossless syntax tree: lines of a text, each with its statement, comment and problems.

Nodes know columns only, never their line, so that one node serves every line of the same text.
They know nothing of what names mean.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from nvm_lsp.diagnostics import Problem

__all__ = [
    "STRUCTURAL",
    "Align",
    "Alternative",
    "Assertion",
    "Binary",
    "ByteItem",
    "Bytes",
    "Call",
    "Chunk",
    "Comment",
    "Condition",
    "ConstantDefinition",
    "End",
    "Expression",
    "ForkDirective",
    "Group",
    "Incbin",
    "Include",
    "Instruction",
    "Label",
    "Line",
    "MacroDefinition",
    "MacroUse",
    "Malformed",
    "Name",
    "Number",
    "Org",
    "PositionLabel",
    "Quantity",
    "Statement",
    "String",
    "SyntaxTree",
    "Table",
    "Unary",
    "Word",
    "names_in",
    "parts_of",
]


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """An identifier and the columns it takes."""

    start: int
    end: int
    text: str


# Expressions ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number of any base. ``value`` is 0 where the digits made no number."""

    start: int
    end: int
    value: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """A number with a unit: ``1 ether``, ``3 days``."""

    start: int
    end: int
    value: int
    unit: Word


@dataclass(frozen=True, slots=True, eq=False)
class String:
    """A string; ``value`` is its UTF-8 bytes with the escapes resolved."""

    start: int
    end: int
    value: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A use of a name; ``at`` tells that it was written ``@name``, so it must be a label.

    The columns are the name's own, without the ``@``.
    """

    start: int
    end: int
    text: str
    at: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
    start: int
    end: int
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    start: int
    end: int
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A built-in function of expressions: ``selector("f()")``, ``len(table)``."""

    start: int
    end: int
    function: Word
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A parenthesised expression."""

    start: int
    end: int
    inner: Expression


Expression: TypeAlias = Number | Quantity | String | Name | Unary | Binary | Call | Group


# Statements -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """A mnemonic and perhaps its operand. ``mnemonic`` is upper case, the alias not resolved."""

    start: int
    end: int
    mnemonic: str
    operand: Expression | None

    @property
    def mnemonic_end(self) -> int:
        return self.start + len(self.mnemonic)


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """``name:``, which emits a JUMPDEST."""

    start: int
    end: int
    name: Word


@dataclass(frozen=True, slots=True, eq=False)
class PositionLabel:
    """``.name:``, which emits nothing. The name's columns do not include the dot."""

    start: int
    end: int
    name: Word


@dataclass(frozen=True, slots=True, eq=False)
class ConstantDefinition:
    start: int
    end: int
    name: Word
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class MacroDefinition:
    """The head of a macro; ``takes`` and ``returns`` are words of the stack, None if not stated."""

    start: int
    end: int
    name: Word
    parameters: tuple[Word, ...]
    takes: int | None
    returns: int | None


@dataclass(frozen=True, slots=True, eq=False)
class MacroUse:
    """``%name(x, y)``. The name's columns do not include the percent sign."""

    start: int
    end: int
    name: Word
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Include:
    start: int
    end: int
    path: String


@dataclass(frozen=True, slots=True, eq=False)
class Incbin:
    start: int
    end: int
    path: String


@dataclass(frozen=True, slots=True, eq=False)
class ByteItem:
    """One item of ``%bytes``; ``width`` is in bytes, None where the item itself tells it."""

    start: int
    end: int
    value: Expression
    width: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Bytes:
    start: int
    end: int
    items: tuple[ByteItem, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """``%table name [a, b] width n``; ``width`` is in bytes."""

    start: int
    end: int
    name: Word
    entries: tuple[Expression, ...]
    width: Number


@dataclass(frozen=True, slots=True, eq=False)
class Org:
    start: int
    end: int
    target: Expression
    fill: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Align:
    start: int
    end: int
    unit: Expression
    fill: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Assertion:
    start: int
    end: int
    condition: Expression
    message: String | None


@dataclass(frozen=True, slots=True, eq=False)
class ForkDirective:
    start: int
    end: int
    name: Word


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """``%if``."""

    start: int
    end: int
    condition: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """``%else``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """``%end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Malformed:
    """A statement that no rule fits.

    ``head`` is its first word, with the percent sign of a directive. ``declares`` is the name it
    seems to define, so that one slip is not followed by an error at each use of that name.
    """

    start: int
    end: int
    head: str
    declares: str | None


Statement: TypeAlias = (
    Instruction
    | Label
    | PositionLabel
    | ConstantDefinition
    | MacroDefinition
    | MacroUse
    | Include
    | Incbin
    | Bytes
    | Table
    | Org
    | Align
    | Assertion
    | ForkDirective
    | Condition
    | Alternative
    | End
    | Malformed
)


#: Statements that do more than emit code by themselves: they define, include or bound a block.
STRUCTURAL = (
    ConstantDefinition,
    MacroDefinition,
    Include,
    ForkDirective,
    Condition,
    Alternative,
    End,
    Malformed,
)


# Lines ------------------------------------------------------------------------------------------

_COMMENT_KIND = re.compile(
    r"(?P<scenario>#@)|(?P<probe>#\?)|(?P<expectation>#=)"
    r"|(?:#|;|//)\s*(?:(?P<stack>\[)|(?P<suppression>easm:))"
)
_MARKER = re.compile(r"#[@?=]|#|;|//")


@dataclass(frozen=True, slots=True, eq=False)
class Comment:
    """A comment with its marker, up to the line's end."""

    start: int
    end: int
    text: str

    @property
    def kind(self) -> str:
        """``scenario``, ``probe``, ``expectation``, ``stack``, ``suppression`` or ``plain``."""
        found = _COMMENT_KIND.match(self.text)
        return (found.lastgroup if found else None) or "plain"

    @property
    def body(self) -> str:
        """The text without its marker (``#``, ``;``, ``//``, ``#@``, ``#?``, ``#=``) and blanks."""
        marker = _MARKER.match(self.text)
        return self.text[marker.end() if marker else 0 :].strip()

    @property
    def body_start(self) -> int:
        """The column at which `body` begins."""
        marker = _MARKER.match(self.text)
        offset = marker.end() if marker else 0
        return self.start + offset + len(self.text[offset:]) - len(self.text[offset:].lstrip())


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line: its text with its line end, what stands on it, and what is wrong in it alone."""

    text: str
    statement: Statement | None
    comment: Comment | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A run of lines that later stages cache their results on.

    An edit replaces the chunks it touches; the others live on, and with them all that was computed
    from them. ``has_structure`` tells that a line does more than emit code by itself: it defines,
    includes or opens a block. ``cache`` belongs to later stages, each under keys of its own.
    """

    lines: tuple[Line, ...]
    has_structure: bool
    has_problems: bool
    cache: dict[object, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class SyntaxTree:
    """A file's lines in chunks. ``path`` is what the file was opened as."""

    path: str
    chunks: tuple[Chunk, ...]

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first line of each chunk, and the number of lines at the end."""
        starts = [0]
        for chunk in self.chunks:
            starts.append(starts[-1] + len(chunk.lines))
        return tuple(starts)

    @cached_property
    def line_count(self) -> int:
        return self.starts[-1]

    @property
    def text(self) -> str:
        return "".join(line.text for line in self.lines())

    def lines(self) -> Iterator[Line]:
        for chunk in self.chunks:
            yield from chunk.lines

    def line(self, number: int) -> Line:
        """The line of that zero-based number.

        Raises:
            IndexError: there is no such line.
        """
        if not 0 <= number < self.line_count:
            raise IndexError(number)
        index = bisect_right(self.starts, number) - 1
        return self.chunks[index].lines[number - self.starts[index]]

    def problems(self) -> Iterator[tuple[int, Problem]]:
        """What parsing found, as line number and problem, in the order of the text."""
        for start, chunk in zip(self.starts, self.chunks, strict=False):
            if chunk.has_problems:
                for offset, line in enumerate(chunk.lines):
                    for problem in line.problems:
                        yield start + offset, problem


def parts_of(expression: Expression) -> Iterator[Expression]:
    """An expression and all that it is made of, outer parts first, from left to right."""
    yield expression
    match expression:
        case Unary(operand=inner) | Group(inner=inner):
            yield from parts_of(inner)
        case Binary(left=left, right=right):
            yield from parts_of(left)
            yield from parts_of(right)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from parts_of(argument)
        case _:
            pass


def names_in(expression: Expression) -> Iterator[Name]:
    """The names that an expression uses, from left to right."""
    return (part for part in parts_of(expression) if isinstance(part, Name))
