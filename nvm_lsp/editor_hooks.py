"""What plugins may show in an editor, as data without a word of LSP; see `nvm_lsp.hookspecs`.

In a module of its own, because commands have no need of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from nvm_lsp.diagnostics import Edit
from nvm_lsp.source import Position, Span

if TYPE_CHECKING:
    from nvm_lsp.assembler import Assembly

__all__ = [
    "CodeLens",
    "CodeLensEntry",
    "CommandResult",
    "Completion",
    "CompletionEntry",
    "CompletionKind",
    "CompletionList",
    "Cursor",
    "Hover",
    "HoverEntry",
    "OpenProgram",
]


@dataclass(frozen=True, slots=True)
class OpenProgram:
    """A program that is open in the editor."""

    uri: str
    assembly: Assembly


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an open program, and the text of its line. Columns count code points from zero.

    ``trigger`` is the character whose typing asks for completion, if that is what asks.
    """

    program: OpenProgram
    position: Position
    line: str
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown, and the stretch that it is about."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class HoverEntry:
    """Tells what is under the cursor. What several entries tell is shown one below the other."""

    name: str
    hover: Callable[[Cursor], Hover | None]


class CompletionKind(IntEnum):
    """What a word stands for, which editors show as a picture (LSP 3.17, CompletionItemKind)."""

    TEXT = 1
    FUNCTION = 3
    VARIABLE = 6
    PROPERTY = 10
    UNIT = 11
    VALUE = 12
    KEYWORD = 14
    SNIPPET = 15
    FILE = 17
    REFERENCE = 18
    FOLDER = 19
    ENUM_MEMBER = 20
    CONSTANT = 21


@dataclass(frozen=True, slots=True)
class Completion:
    """What is shown, and what is written if it is chosen.

    ``insert`` is written instead of the label, ``snippet`` (in LSP's syntax) instead of both where
    the client can. ``rank`` sorts, low ones first; ``filter`` is what is compared with the word
    that was typed; ``documentation`` is Markdown.
    """

    label: str
    kind: CompletionKind = CompletionKind.TEXT
    detail: str = ""
    insert: str | None = None
    snippet: str | None = None
    rank: int = 1
    filter: str = ""
    deprecated: bool = False
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class CompletionList:
    """Words that may stand at the cursor.

    They replace the text from the column ``start`` on; None means the word before the cursor.
    """

    items: Iterable[Completion]
    start: int | None = None


@dataclass(frozen=True, slots=True)
class CompletionEntry:
    """Offers words at the cursor, or None where it knows none."""

    name: str
    complete: Callable[[Cursor], CompletionList | None]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a lens's command gives: a message for the user, edits to apply, data for the client."""

    message: str = ""
    edits: tuple[Edit, ...] = ()
    data: Any = None


@dataclass(frozen=True, slots=True)
class CodeLens:
    """A command above a line (from zero), or a mere text where ``command`` is empty.

    ``command`` is one of the entry's own, of the server's or of the client's; ``arguments`` are
    JSON, and stand behind the program's URI. A lens without a title gets it from the entry's
    ``resolve`` when it comes into view.
    """

    line: int
    title: str = ""
    command: str = ""
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeLensEntry:
    """Lenses of a program, and the commands that they name.

    A command takes the program and the lens's arguments; it runs on a thread beside the server.
    ``resolve`` gives lenses without a title one; it may also give another command.
    """

    name: str
    lenses: Callable[[OpenProgram], Iterable[CodeLens]]
    commands: Mapping[str, Callable[..., CommandResult | None]] = field(default_factory=dict)
    resolve: Callable[[OpenProgram, CodeLens], CodeLens] | None = None
