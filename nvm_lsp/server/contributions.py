"""What is shown under the cursor, offered there and put above lines, by nvm-lsp and by plugins.

The one place that calls the editor's hooks. An entry that fails, hangs or gives rubbish costs its
own contribution alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from nvm_lsp.diagnostics import Edit
from nvm_lsp.editor_hooks import (
    CodeLens,
    CodeLensEntry,
    CommandResult,
    Completion,
    CompletionEntry,
    CompletionList,
    Cursor,
    Hover,
    HoverEntry,
    OpenProgram,
)
from nvm_lsp.plugins import Found, ask, each
from nvm_lsp.source import Position, Span

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = [
    "ServedProgram",
    "code_lenses",
    "command",
    "command_flaw",
    "completions",
    "cursor_at",
    "hovers",
    "program_of",
    "resolved",
]

E = TypeVar("E")
_HOVERS, _COMPLETIONS, _LENSES = "nvm_lsp_hovers", "nvm_lsp_completions", "nvm_lsp_code_lenses"
#: Seconds that somebody who types waits for a plugin, once.
_SECONDS = 2.0
#: More lenses of an entry are passed over: nobody looks at them all.
_MOST_LENSES = 20_000


@dataclass(frozen=True, slots=True)
class ServedProgram(OpenProgram):
    """A program with the server that has it, for what is built in; plugins know neither."""

    server: NvmServer
    opened: OpenDocument


def program_of(server: NvmServer, opened: OpenDocument) -> ServedProgram:
    return ServedProgram(opened.uri, server.documents.assembly(opened), server, opened)


def cursor_at(
    server: NvmServer, opened: OpenDocument, position: Position, trigger: str = ""
) -> Cursor:
    lines = opened.document.lines
    line = lines[position.line].rstrip("\r\n") if position.line < len(lines) else ""
    return Cursor(program_of(server, opened), position, line, trigger)


def hovers(cursor: Cursor) -> list[Hover]:
    """What all entries tell of the cursor."""
    found = []
    for entry in each(_HOVERS, HoverEntry):
        told = _ask(entry, _HOVERS, lambda e: e.hover(cursor), _hover_flaw)
        if told is not None:
            found.append(told)
    return found


def completions(cursor: Cursor) -> Iterator[tuple[int | None, list[Completion]]]:
    """What all entries offer at the cursor, each with the column where the replaced text begins."""
    for entry in each(_COMPLETIONS, CompletionEntry):
        offered = _ask(
            entry, _COMPLETIONS, lambda e: _listed(e.complete(cursor)), _completion_flaw(cursor)
        )
        if offered is not None:
            yield offered


def code_lenses(program: OpenProgram) -> Iterator[tuple[CodeLensEntry, CodeLens]]:
    """The lenses of all entries."""
    lines = program.assembly.program.root.tree.line_count
    for found in each(_LENSES, CodeLensEntry):
        lenses = _ask(
            found, _LENSES, lambda e: list(islice(e.lenses(program), _MOST_LENSES)),
            partial(_lens_flaw, lines),
        )
        for lens in lenses or ():
            yield found.entry, lens


def resolved(
    entry_name: str, program: OpenProgram, lens: CodeLens
) -> tuple[CodeLensEntry, CodeLens] | None:
    """A lens with its title, None where its entry is gone or fails."""
    lines = program.assembly.program.root.tree.line_count
    entries = each(_LENSES, CodeLensEntry)
    found = next((found for found in entries if found.entry.name == entry_name), None)
    resolve = found.entry.resolve if found is not None else None
    if found is None or resolve is None:
        return None
    made = _ask(found, _LENSES, lambda _: [resolve(program, lens)], partial(_lens_flaw, lines))
    return (found.entry, made[0]) if made else None


def command(entry_name: str, name: str) -> tuple[str, Callable[..., Any]] | None:
    """The command of a lens's entry, and the plugin that it belongs to; None if there is none."""
    for found in each(_LENSES, CodeLensEntry):
        if found.entry.name == entry_name:
            function = found.entry.commands.get(name)
            return (found.plugin, function) if callable(function) else None
    return None


def command_flaw(result: Any) -> str:
    """What is wrong with the result of a command, nothing if it is right."""
    if result is None:
        return ""
    if not isinstance(result, CommandResult) or not isinstance(result.message, str):
        return f"a command gives a CommandResult or None, not {type(result).__name__}"
    edits: tuple[Any, ...] = result.edits
    for edit in edits:
        if not isinstance(edit, Edit) or not isinstance(edit.text, str):
            return "the edits of a CommandResult are Edits"
        problem = _span_flaw(edit.location.span)
        if problem:
            return problem
    return "" if _is_json(result.data) else "the data of a CommandResult must be JSON"


def _ask(
    found: Found[E], hook: str, question: Callable[[E], Any], flaw: Callable[[Any], str]
) -> Any:
    """An entry's answer, None where it has none or fails."""
    answer: Any = None
    return ask(
        found.plugin, hook, lambda: question(found.entry), answer,
        flaw=lambda given: "" if given is None else flaw(given), seconds=_SECONDS,
    )


def _hover_flaw(given: Any) -> str:
    if not isinstance(given, Hover) or not isinstance(given.text, str):
        return f"a hover is a Hover with a text, not {type(given).__name__}"
    return _span_flaw(given.span)


def _span_flaw(span: Any) -> str:
    try:
        right = isinstance(span, Span) and (0, 0) <= (
            span.start.line, span.start.column
        ) <= (span.end.line, span.end.column)
    except (AttributeError, TypeError):
        right = False
    return "" if right else "a span has two positions, the first one not behind the second"


def _listed(given: CompletionList | None) -> Any:
    if given is None:
        return None
    if not isinstance(given, CompletionList):
        raise TypeError(f"complete gives a CompletionList or None, not {type(given).__name__}")
    return given.start, list(given.items)


def _completion_flaw(cursor: Cursor) -> Callable[[Any], str]:
    def flaw(given: Any) -> str:
        start, items = given
        if start is not None and not (
            isinstance(start, int) and 0 <= start <= cursor.position.column
        ):
            return f"completions begin at a column before the cursor, not at {start!r}"
        for item in items:
            texts = (getattr(item, name, None) for name in ("label", "detail", "documentation"))
            if not isinstance(item, Completion) or not all(isinstance(t, str) for t in texts):
                return "what is offered is a Completion made of texts"
        return ""

    return flaw


def _lens_flaw(lines: int, given: list[Any]) -> str:
    for lens in given:
        if not isinstance(lens, CodeLens) or not isinstance(lens.title, str):
            return f"a lens is a CodeLens with a title, not {type(lens).__name__}"
        if not isinstance(lens.line, int) or not 0 <= lens.line < lines:
            return f"a lens stands at line {lens.line!r}, which is not there"
        if not _is_json(lens.arguments):
            return "the arguments of a lens must be JSON"
    return ""


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
