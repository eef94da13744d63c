"""Call hierarchy over macros, labels and tables: a macro's use is a call, and so is pushing or
tabling a label.

The caller is the macro, the table, or the stretch of code from one label to the next, or the file's
beginning. Where nothing names a label so, the jumps count that the analysis finds to lead there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nvm_lsp.assembler.references import (
    Occurrence,
    Target,
    occurrence_at,
    occurrences_between,
    structure,
    target_of,
)
from nvm_lsp.server.features.definition import in_force
from nvm_lsp.server.jumps import Jump, jumps
from nvm_lsp.server.outline import SYMBOL_KINDS, Entry, entry_at, outline
from nvm_lsp.server.paths import path_of
from nvm_lsp.server.program_files import (
    Found,
    ProgramFiles,
    lines_json,
    range_json,
    read_workspace,
)
from nvm_lsp.source import Location
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.assembler import Assembly
    from nvm_lsp.server.server import NvmServer

__all__ = ["incoming", "outgoing", "prepare"]

_FILE = 1  # LSP 3.17, SymbolKind.File
#: Kinds of definitions that can be called.
_CALLABLE = ("macro", "label", "position", "table")
#: Programs that include a file, of which the jumps are looked at.
_MOST_PROGRAMS = 8


class _Code(NamedTuple):
    """A macro, a label with what follows, or, with no entry, the beginning of a file."""

    path: str
    tree: SyntaxTree
    entry: Entry | None


async def prepare(
    server: NvmServer, params: lsp.CallHierarchyPrepareParams
) -> list[dict[str, Any]] | None:
    await read_workspace(server, params.text_document.uri)
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    occurrence = occurrence_at(opened.tree, position)
    if occurrence is None:
        return None
    path = opened.document.path
    files = ProgramFiles(server)
    if occurrence.kind in _CALLABLE:
        found = [_Code(path, opened.tree, _entry(opened.tree, occurrence.line))]
    else:
        found = list(_definitions(files, path, target_of(opened.tree, occurrence)))
    return [_item(files, code) for code in found] or None


async def incoming(
    server: NvmServer, params: lsp.CallHierarchyIncomingCallsParams
) -> list[dict[str, Any]]:
    await read_workspace(server)
    files = ProgramFiles(server)
    code = _code(files, params.item)
    if code is None or code.entry is None:
        return []
    target = target_of(code.tree, code.entry.definition)
    callers: dict[tuple[str, int], tuple[_Code, list[dict[str, Any]]]] = {}
    calls = list(_calls_of(files, code.path, target)) or _jumps_to(files, code)
    for place in calls:
        entry = entry_at(place.tree, place.occurrence.line)
        caller = _Code(place.path, place.tree, entry)
        key = (place.path, entry.first if entry is not None else -1)
        callers.setdefault(key, (caller, []))[1].append(files.range_json(place))
    return [
        {"from": _item(files, caller), "fromRanges": ranges}
        for caller, ranges in callers.values()
    ]


async def outgoing(
    server: NvmServer, params: lsp.CallHierarchyOutgoingCallsParams
) -> list[dict[str, Any]]:
    await read_workspace(server)
    files = ProgramFiles(server)
    code = _code(files, params.item)
    if code is None:
        return []
    called: dict[Target, list[dict[str, Any]]] = {}
    for occurrence in _calls_from(code):
        target = target_of(code.tree, occurrence)
        if code.entry is not None and code.entry.kind == "macro" and target.scope is not None:
            continue  # its own labels and parameters
        place = Found(code.path, code.tree, occurrence)
        called.setdefault(target, []).append(files.range_json(place))
    answer = []
    for target, ranges in called.items():
        found = next(iter(_definitions(files, code.path, target)), None)
        if found is not None:
            answer.append({"to": _item(files, found), "fromRanges": ranges})
    return [*answer, *_jumps_from(files, code)]


def _definitions(files: ProgramFiles, path: str, target: Target) -> Iterator[_Code]:
    """The code that a target stands for, that which the program goes by if it has several."""
    found = files.definitions(path, target)
    if len(found) > 1:
        for assembly in _programs(files, path):
            found = in_force(assembly, target, found)
    for place in found:
        if place.occurrence.kind in _CALLABLE:
            entry = _entry(place.tree, place.occurrence.line)
            if entry is not None:
                yield _Code(place.path, place.tree, entry)


def _entry(tree: SyntaxTree, line: int) -> Entry | None:
    """The definition of a line."""
    for entry in outline(tree):
        for part in (entry, *entry.children):
            if part.first == line and part.kind in _CALLABLE:
                return part
    return None


def _calls_of(files: ProgramFiles, path: str, target: Target) -> Iterator[Found]:
    """The places that call a target by its name."""
    for place in files.occurrences(path, target):
        if _is_call(place.tree, place.occurrence):
            yield place


def _is_call(tree: SyntaxTree, occurrence: Occurrence) -> bool:
    """Whether a use leads there when the program runs: lengths and assertions do not."""
    if occurrence.kind == "macro use":
        return True
    if occurrence.kind != "use":
        return False
    statement = tree.line(occurrence.line).statement
    match statement:
        case t.Instruction(operand=operand) if operand is not None:
            return _is_offset(operand, occurrence)
        case t.MacroUse(arguments=expressions) | t.Table(entries=expressions):
            return any(_is_offset(expression, occurrence) for expression in expressions)
        case t.Bytes(items=items):
            return any(_is_offset(item.value, occurrence) for item in items)
        case _:
            return False


def _is_offset(expression: t.Expression, occurrence: Occurrence) -> bool:
    """Whether an expression is the name alone; what is computed from it is no call."""
    while isinstance(expression, t.Group):
        expression = expression.inner
    return isinstance(expression, t.Name) and expression.start == occurrence.start


def _calls_from(code: _Code) -> Iterator[Occurrence]:
    first, stop = _lines(code)
    for occurrence in occurrences_between(code.tree, first, stop):
        if _is_call(code.tree, occurrence) and _belongs(code, occurrence.line):
            yield occurrence


def _lines(code: _Code) -> tuple[int, int]:
    """The lines in which the code lies, for a label up to the next one."""
    entry = code.entry
    if entry is not None and _is_bounded(code.tree, entry):
        return entry.first, entry.last + 1
    first = entry.first if entry is not None else -1
    labels = (part.first for part in outline(code.tree) if part.kind == "label")
    stop = min((line for line in labels if line > first), default=code.tree.line_count)
    return max(first, 0), stop


def _belongs(code: _Code, line: int) -> bool:
    """Whether a line is the code's own, not that of a macro defined in between."""
    entry = code.entry
    if entry is not None and _is_bounded(code.tree, entry):
        return True
    return entry_at(code.tree, line) is entry


def _is_bounded(tree: SyntaxTree, entry: Entry) -> bool:
    """Whether code ends with its last line: a macro's does, and that of a label in a macro."""
    return structure(tree).macro_at(entry.first) is not None


# Jumps -------------------------------------------------------------------------------------------


def _jumps_to(files: ProgramFiles, code: _Code) -> list[Found]:
    """The jumps that lead to a label which nothing calls by its name."""
    if code.entry is None:
        return []
    return _distinct(
        found
        for jump in _jumps(files, code.path)
        if _is_at(jump.label, code.path, code.entry.first)
        and (found := _jump_instruction(files, jump)) is not None
    )


def _jumps_from(files: ProgramFiles, code: _Code) -> Iterator[dict[str, Any]]:
    """The calls of labels that nothing calls by their names."""
    called: dict[tuple[str, int], list[Found]] = {}
    for jump in _jumps(files, code.path):
        if jump.path == code.path and _has_line(code, jump.line):
            found = _jump_instruction(files, jump)
            if found is not None:
                called.setdefault((jump.label.path, jump.label.span.start.line), []).append(found)
    for (path, line), places in called.items():
        tree = files.tree(path)
        entry = _entry(tree, line) if tree is not None else None
        if tree is None or entry is None:
            continue
        target = target_of(tree, entry.definition)
        if next(_calls_of(files, path, target), None) is None:
            ranges = [files.range_json(place) for place in _distinct(places)]
            yield {"to": _item(files, _Code(path, tree, entry)), "fromRanges": ranges}


def _jumps(files: ProgramFiles, path: str) -> Iterator[Jump]:
    return (jump for assembly in _programs(files, path) for jump in jumps(assembly))


def _programs(files: ProgramFiles, path: str) -> Iterator[Assembly]:
    """The programs that a file belongs to, of those that nothing includes."""
    for root in (files.programs_with(path) or [path])[:_MOST_PROGRAMS]:
        opened = files.workspace.open_at(root) or files.workspace.closed(root)
        if opened is not None:
            yield files.workspace.assembly(opened)


def _jump_instruction(files: ProgramFiles, jump: Jump) -> Found | None:
    """The mnemonic of a jump, as the place of a call."""
    tree = files.tree(jump.path)
    statement = tree.line(jump.line).statement if tree is not None else None
    if tree is None or not isinstance(statement, t.Instruction):
        return None
    start, end = statement.start, statement.mnemonic_end
    return Found(jump.path, tree, Occurrence(jump.line, start, end, statement.mnemonic, "use"))


def _has_line(code: _Code, line: int) -> bool:
    first, stop = _lines(code)
    return first <= line < stop and _belongs(code, line)


def _distinct(places: Iterable[Found]) -> list[Found]:
    """Places without those that several programs share."""
    return list({(place.path, place.occurrence): place for place in places}.values())


def _is_at(location: Location, path: str, line: int) -> bool:
    return (location.path, location.span.start.line) == (path, line)


# Items -------------------------------------------------------------------------------------------


def _code(files: ProgramFiles, item: lsp.CallHierarchyItem) -> _Code | None:
    """What an item of ours stands for, if the text still has it."""
    path = path_of(item.uri)
    tree = files.tree(path)
    if tree is None:
        return None
    if item.kind == _FILE:
        return _Code(path, tree, None)
    entry = _entry(tree, item.selection_range.start.line)
    if entry is None or entry.name != item.name:
        parts = (part for outer in outline(tree) for part in (outer, *outer.children))
        entry = next((p for p in parts if p.name == item.name and p.kind in _CALLABLE), None)
    return _Code(path, tree, entry) if entry is not None else None


def _item(files: ProgramFiles, code: _Code) -> dict[str, Any]:
    entry, tree = code.entry, code.tree
    uri = files.uri(code.path)
    base = os.path.basename(code.path)
    if entry is None:
        start = {"line": 0, "character": 0}
        empty = {"start": start, "end": start}
        return {"name": base, "kind": _FILE, "uri": uri, "range": empty, "selectionRange": empty}
    place = entry.definition
    return {
        "name": entry.name,
        "kind": SYMBOL_KINDS[entry.kind],
        "detail": f"{entry.detail} {base}".strip(),
        "uri": uri,
        "range": lines_json(files.server, tree, entry.first, entry.last),
        "selectionRange": range_json(files.server, tree, place.line, place.start, place.end),
    }
