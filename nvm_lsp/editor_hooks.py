"""What plugins may show in an editor, as data without a word of LSP; see `nvm_lsp.hookspecs`.

In a module of its own, because commands have no need of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
    """A place in an open program, and the text of its line. Columns count code points from zero."""

    program: OpenProgram
    position: Position
    line: str


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


@dataclass(frozen=True, slots=True)
class Completion:
    """A word to insert. ``kind`` is one of LSP's CompletionItemKind in lower case.

    ``text`` replaces ``span``, or the word before the cursor; it is the label unless given.
    """

    label: str
    detail: str = ""
    documentation: str = ""
    text: str = ""
    kind: str = "text"
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class CompletionEntry:
    """Words that may stand at the cursor."""

    name: str
    complete: Callable[[Cursor], Iterable[Completion]]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a lens's command gives: a message for the user, edits to apply, data for the client."""

    message: str = ""
    edits: tuple[Edit, ...] = ()
    data: Any = None


@dataclass(frozen=True, slots=True)
class CodeLens:
    """A command above a line (from zero); ``arguments`` are JSON, behind the program's URI."""

    line: int
    title: str
    command: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeLensEntry:
    """Lenses of a program, and the commands that they name.

    A command takes the program and the lens's arguments; it runs beside the server.
    """

    name: str
    lenses: Callable[[OpenProgram], Iterable[CodeLens]]
    commands: Mapping[str, Callable[..., CommandResult | None]] = field(default_factory=dict)
