"""Scenarios in TOML as an editor shows them: what may be written, and what is wrong.

Keys and their meaning come from the schema; whether a text is understood, from the reader that a
run uses.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import Unreadable, assemble_text
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.opcodes import FORKS
from nvm_lsp.runner.scenario_reader import BAD_SCENARIO, read_cases
from nvm_lsp.server.completions.completion_item import Item, Kind
from nvm_lsp.server.completions.path_completion import PATH_KEYS, Files, paths
from nvm_lsp.server.paths import is_scenario_file
from nvm_lsp.server.scenario_keys import schema
from nvm_lsp.source import Location, Position, Span
from nvm_lsp.toml_text import read_toml

if TYPE_CHECKING:
    from nvm_lsp.server.workspace import OpenDocument, Workspace

__all__ = [
    "in_toml",
    "is_named",
    "is_scenario_file",
    "scenario_diagnostics",
    "toml_diagnostics",
    "toml_hover",
]

_MOST_PROGRAMS = 200

_TABLE = re.compile(r"\s*(?P<array>\[\[?)\s*(?P<name>[^\]]*?)\s*\]")
_KEY = re.compile(r"\s*(?P<word>[\w.\-]*)$")
_VALUE = re.compile(r"\s*(?P<key>[\w.\-\"']+)\s*=\s*(?P<text>.*)$")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)|at end of document")


# Completion ---------------------------------------------------------------------------------------


def in_toml(
    lines: Sequence[str], position: Position, files: Files | None = None
) -> tuple[Iterator[Item], int]:
    """What may stand at a position, and where the word there begins."""
    line = lines[position.line].rstrip("\r\n") if position.line < len(lines) else ""
    before = line[: position.column]
    heading = re.fullmatch(r"\s*\[\[?(?P<word>[\w.]*)", before)
    if heading is not None:
        return _tables(before.count("[") == 2), heading.start("word")
    properties = _properties(_table_at(lines, position.line))
    value = _VALUE.match(before)
    if value is not None:
        key, quoted = value["key"].strip("\"'"), before.count('"') % 2 == 1
        if files is not None and quoted and key in PATH_KEYS and key in properties:
            path = before.rpartition('"')[2]
            return paths(path, files, PATH_KEYS[key]), len(before) - len(path)
        start = len(before) - len(re.search(r"[\w.\-]*$", before)[0])  # type: ignore[index]
        return _values(properties.get(key, {}), before), start
    key = _KEY.fullmatch(before)
    if key is None:
        return iter(()), len(before)
    return _keys(properties), key.start("word")


def _table_at(lines: Sequence[str], line: int) -> str:
    """The name of the table that a line belongs to, nothing above the first one."""
    for number in range(min(line, len(lines) - 1), -1, -1):
        found = _TABLE.match(lines[number])
        if found is not None:
            return found["name"]
    return ""


def _properties(table: str) -> Mapping[str, Any]:
    """The schema's properties of a table, by its name as written."""
    found: dict[str, Any] = schema()
    for part in _parts(table):
        found = _resolved(found)
        inner = found.get("properties", {}).get(part)
        if inner is None:
            inner = found.get("additionalProperties")
        if not isinstance(inner, dict):
            return {}
        found = _resolved(inner)
        if found.get("type") == "array":
            found = _resolved(found.get("items", {}))
        found = next(
            (form for form in found.get("anyOf", ()) if form.get("type") == "object"), found
        )
    properties: Mapping[str, Any] = _resolved(found).get("properties", {})
    return properties


def _parts(name: str) -> list[str]:
    return [part.strip("\"' ") for part in re.findall(r'"[^"]*"|[^.]+', name) if part.strip()]


def _resolved(found: dict[str, Any]) -> dict[str, Any]:
    """What a reference of the schema stands for."""
    while "$ref" in found:
        target: Any = schema()
        for part in found["$ref"].lstrip("#/").split("/"):
            target = target[part]
        found = {**target, **{k: v for k, v in found.items() if k != "$ref"}}
    return found


def _keys(properties: Mapping[str, Any]) -> Iterator[Item]:
    for key, value in properties.items():
        found = _resolved(value)
        if found.get("type") == "object":
            continue  # a table of its own
        yield Item(
            key, Kind.PROPERTY, insert=f"{key} = ",
            snippet=f'{key} = "$1"' if _is_text(found) else f"{key} = $1",
            documentation=found.get("description", "") + _facts(found),
        )


def _is_text(found: dict[str, Any]) -> bool:
    return found.get("type") == "string" or "enum" in found


def _tables(is_array: bool) -> Iterator[Item]:
    for key, value in schema()["properties"].items():
        found = _resolved(value)
        text = found.get("description", "")
        if is_array:
            if found.get("type") == "array":
                yield Item(key, Kind.PROPERTY, documentation=text)
        elif found.get("type") == "object" or any(
            form.get("type") == "object" for form in found.get("anyOf", ())
        ):
            yield Item(key, Kind.PROPERTY, documentation=text)


def _values(value: dict[str, Any], before: str) -> Iterator[Item]:
    quoted = before.count('"') % 2 == 1
    for form in (value, *(value.get("anyOf", ()))):
        found = _resolved(form)
        words = (*found.get("enum", ()), *found.get("items", {}).get("enum", ()))
        newest_first = reversed(words) if words and words[0] in FORKS else words
        for rank, word in enumerate(newest_first):
            yield Item(word, Kind.ENUM_MEMBER, insert=word if quoted else f'"{word}"', rank=rank)


# Hover --------------------------------------------------------------------------------------------


def toml_hover(lines: Sequence[str], position: Position) -> tuple[int, int, str] | None:
    """What the key or table under the cursor means: start, end and Markdown."""
    line = lines[position.line].rstrip("\r\n") if position.line < len(lines) else ""
    table = _TABLE.match(line)
    if table is not None:
        start, end = table.span("name")
        owner, _, key = table["name"].rpartition(".")
    else:
        value = _VALUE.match(line)
        if value is None:
            return None
        start, end = value.span("key")
        owner, key = _table_at(lines, position.line), value["key"]
    if not start <= position.column <= end:
        return None
    key = key.strip("\"'")
    # Those of a case mean what they mean outside, and say so there.
    known = {**schema()["properties"].get(key, {}), **_properties(owner).get(key, {})}
    found = _resolved(known if key in _properties(owner) else {})
    text = found.get("description", "")
    return (start, end, f"**{key}**\n\n{text}{_facts(found)}") if text else None


def _facts(found: Mapping[str, Any]) -> str:
    """The choices and the default of a key."""
    words = found.get("enum", ())
    listed = f"\n\nOne of: {', '.join(f'`{word}`' for word in words)}" if words else ""
    return listed + (f"\n\nDefault: `{found['default']}`" if "default" in found else "")


# Diagnostics --------------------------------------------------------------------------------------


def scenario_diagnostics(workspace: Workspace, opened: OpenDocument) -> list[Diagnostic]:
    """What is wrong with a TOML document; nothing if no program names it as its scenario."""
    if not is_named(workspace, opened.document.path):
        return []
    document = opened.document
    return toml_diagnostics(document.path, document.lines, workspace.loader(opened))


def is_named(workspace: Workspace, path: str) -> bool:
    """Whether a program that is open, or lies beside a file, names the file as its scenario."""
    name = os.path.basename(path)
    if any(
        _names(context.tree.text, name)
        for opened in workspace.documents.values() if not is_scenario_file(opened.uri)
        for context in workspace.assembly(opened).program.contexts[:1]
    ):
        return True
    boundary = workspace.boundary()
    for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        if not boundary.allows(folder):
            continue
        try:
            with os.scandir(folder) as entries:
                programs = [e.path for e in islice(entries, 2_000) if e.name.endswith(".easm")]
        except OSError:
            continue
        for program in programs[:_MOST_PROGRAMS]:
            tree = workspace.source(program)
            if not isinstance(tree, Unreadable) and _names(tree.text, name):
                return True
    return False


def _names(text: str, name: str) -> bool:
    return "#@" in text and re.search(rf"#@\s*scenario\s.*{re.escape(name)}", text) is not None


def toml_diagnostics(path: str, lines: Sequence[str], loader: Loader) -> list[Diagnostic]:
    """What is wrong with a scenario file: its TOML, its keys, its texts."""
    text = "".join(lines)
    try:
        read_toml(text)
    except tomllib.TOMLDecodeError as error:
        return [_bad_toml(path, lines, str(error))]
    # The reader reads it as a program that names it would: the same diagnostics at the same lines.
    program = assemble_text(f"#@ scenario {path}\n", path, loader=_Only(path, text, loader))
    found = read_cases(program, _Only(path, text, loader))[1]
    return [diagnostic for diagnostic in found if diagnostic.location.path == path]


def _bad_toml(path: str, lines: Sequence[str], message: str) -> Diagnostic:
    place = _AT.search(message)
    line = max(len(lines) - 1, 0) if place is None or place[1] is None else int(place[1]) - 1
    length = len(lines[line].rstrip("\r\n")) if line < len(lines) else 0
    column = min(int(place[2]) - 1, length) if place is not None and place[2] else 0
    span = Span.of_line(line, column, max(length, column))
    return Diagnostic(
        BAD_SCENARIO, Location(path, span), f"this is no TOML: {_AT.sub('', message).strip()}"
    )


class _Only:
    """A loader for which a file has the text that the editor shows."""

    def __init__(self, path: str, text: str, loader: Loader) -> None:
        self._path = path
        self._text = text
        self._loader = loader

    def resolve(self, path: str, base: str) -> str:
        return path if path == self._path else self._loader.resolve(path, base)

    def source(self, path: str) -> Any:
        return self._loader.source(path)

    def data(self, path: str) -> Any:
        return self._text.encode() if path == self._path else self._loader.data(path)
