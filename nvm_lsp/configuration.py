"""What a project may configure: every key once, with what reads it, documents it and checks it.

A project's configuration is ``[tool.nvm-lsp]`` of ``pyproject.toml``, or ``nvm-lsp.toml``; of the
folders from a file upwards the nearest one with either counts, alone. This module knows the keys,
but neither which codes there are nor what any key is good for.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from nvm_lsp.diagnostics import Severity
from nvm_lsp.opcodes import FORKS, find_fork
from nvm_lsp.shapes import (
    Choice,
    Flag,
    Flaw,
    ListOf,
    MapOf,
    Number,
    Shape,
    Text,
    near_miss,
)
from nvm_lsp.toml_text import read_toml

__all__ = [
    "CONFIGURATION_FILES", "LINE_ENDINGS", "MNEMONIC_CASES", "TARGETS", "BadKey", "Configuration",
    "Configurations", "FileSettings", "FormatStyle", "Layer", "Settings", "read",
    "read_table", "schema", "schema_text",
]

MNEMONIC_CASES = ("upper", "lower", "keep")
LINE_ENDINGS = ("auto", "lf", "crlf")
TARGETS = ("nvm", "evm")
_LEVELS = tuple(severity.value for severity in Severity)
#: Stars in one name of a pattern, and `**` in all of it, at most.
_MOST_STARS = 3
#: A configuration file has at most so many bytes.
_MOST_BYTES = 2**20
#: The names that a configuration file may have; of two in a folder the first counts.
CONFIGURATION_FILES = ("nvm-lsp.toml", "pyproject.toml")


class _Fork:
    """The name of a fork, in any case; plugins may have brought some."""

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> str | None:
        name = Text().read(value, key, flaws)
        if name is None or find_fork(name) is not None:
            return name and name.lower()
        flaws.append(Flaw(key, f"names no fork: {name!r}", near_miss(name.lower(), FORKS)))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "anyOf": [{"enum": list(FORKS)}, {"pattern": "."}]}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with the keys of a dataclass; ``partial`` gives only those that are there."""

    kind: type
    partial: bool = False

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> Any:
        if not isinstance(value, Mapping):
            flaws.append(Flaw(key, f"is a table, as in [{key or 'nvm-lsp'}]"))
            return None
        keys = {_toml_name(f.name): f for f in fields(self.kind)}
        given: dict[str, Any] = {}
        for name, item in value.items():
            full = f"{key}.{name}" if key else name
            if name not in keys:
                flaws.append(Flaw(full, "is no known key", near_miss(name, keys)))
                continue
            read = keys[name].metadata["shape"].read(item, full, flaws)
            if read is not None:
                given[keys[name].name] = read
        missing = [name for name, f in keys.items() if _is_required(f) and name not in value]
        flaws += [Flaw(f"{key}.{name}", "is missing") for name in missing]
        if self.partial:
            return tuple(given.items())
        return None if any(_is_required(keys[n]) and keys[n].name not in given for n in keys) else (
            self.kind(**given)
        )

    def schema(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for f in fields(self.kind):
            entry = {**f.metadata["shape"].schema(), "description": f.metadata["text"]}
            default = _plain(f)
            if default is not None and not self.partial:
                entry["default"] = default
            properties[_toml_name(f.name)] = entry
        out: dict[str, Any] = {
            "type": "object", "additionalProperties": False, "properties": properties,
        }
        required = [_toml_name(f.name) for f in fields(self.kind) if _is_required(f)]
        return {**out, "required": required} if required else out


class _Pattern:
    """A pattern as in .gitignore, of which matching does not take for ever."""

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> str | None:
        pattern = Text().read(value, key, flaws)
        if pattern is None:
            return None
        # The time of a regular expression grows with the power of its stars.
        names = pattern.split("/")
        if names.count("**") > _MOST_STARS or any(name.count("*") > _MOST_STARS for name in names):
            flaws.append(Flaw(
                key, f"has too many stars: {pattern!r}",
                f"write at most {_MOST_STARS} in one name, and ** at most {_MOST_STARS} times",
            ))
            return None
        try:
            _spec((pattern,))
        except (ValueError, re.error):
            flaws.append(Flaw(key, f"is no pattern: {pattern!r}", "write it as in .gitignore"))
            return None
        return pattern

    def schema(self) -> dict[str, Any]:
        return Text().schema()


def _key(shape: Shape, text: str, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"shape": shape, "text": text})


def _toml_name(name: str) -> str:
    return name.replace("_", "-")


def _is_required(f: Any) -> bool:
    return f.default is MISSING


def _plain(f: Any) -> Any:
    """A default as JSON has it; None for what needs no mention."""
    if isinstance(f.default, (str, int, float, bool)):
        return f.default
    return list(f.default) if isinstance(f.default, tuple) and f.default else None


_CODES = ListOf(Text())
_SELECT = "Codes of what to look for, or how codes begin; `ALL` means all. Replaces the default."
_EXTEND = "Codes, or how codes begin, to look for in addition."
_IGNORE = "Codes, or how codes begin, to pass over. Of several that fit, the longest counts."
_LEVEL = "How bad a finding of a code is; `off` silences it. A key is a code or how codes begin."
_FORK = "The fork to assemble for, where a file has no `%fork`."
_TARGET = "Where programs run: `nvm`, as guests of the NestedVM, or `evm`, natively."


@dataclass(frozen=True, slots=True)
class FormatStyle:
    """The style of the formatter; ``comment_column`` counts from zero.

    Comments behind code begin in that column, further right only where the code reaches past it.
    """

    mnemonic_case: str = _key(Choice(MNEMONIC_CASES), "How mnemonics are written.", "upper")
    comment_column: int = _key(
        Number(0, 200), "Where comments behind code begin, in columns from zero.", 24
    )
    line_ending: str = _key(
        Choice(LINE_ENDINGS),
        "How lines end: all as the file's first one does (`auto`), or as said. In an editor it is "
        "the editor that decides.",
        "auto",
    )


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What `run`, `test` and the editor do where neither a scenario nor an option says so."""

    backend: str | None = _key(Text(), "The execution backend.", None)
    gas: int | None = _key(Number(0), "Gas limit of a run.", None)
    timeout: float | None = _key(
        Number(0, 86_400, whole=False), "Wall-clock limit of a run in seconds.", None
    )
    kernel_profile: str | None = _key(
        Choice(("table", "threaded")), "How the kernel is built.", None
    )


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """Which plugins take part."""

    disabled: tuple[str, ...] = _key(
        ListOf(Text()), "Names of plugins, or of their packages, whose rules take no part.", ()
    )


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """What a project is allowed to; only the user may say so, never the project itself."""

    rpc: bool = _key(Flag(), "Scenarios may read state from the node that they name.", False)
    outside: bool = _key(Flag(), "Files outside the workspace may be included.", False)


@dataclass(frozen=True, slots=True)
class VerifyEntry:
    """A program and the file that holds its bytecode as a hexadecimal literal."""

    program: str = _key(Text(), "The program, from the configuration's folder.")
    file: str = _key(Text(), "The file that holds the bytecode, from the same folder.")
    starts: str = _key(Text(), "How the literal begins, where the file has several.", "0x")


@dataclass(frozen=True, slots=True)
class Override:
    """Settings of some files only."""

    files: tuple[str, ...] = _key(
        ListOf(_Pattern()), "Patterns as in .gitignore, from the configuration's folder."
    )
    select: tuple[str, ...] | None = _key(_CODES, _SELECT, None)
    extend_select: tuple[str, ...] = _key(_CODES, _EXTEND, ())
    ignore: tuple[str, ...] = _key(_CODES, _IGNORE, ())
    levels: tuple[tuple[str, str], ...] = _key(MapOf(Choice(_LEVELS)), _LEVEL, ())
    fork: str | None = _key(_Fork(), _FORK, None)
    target: str | None = _key(Choice(TARGETS), _TARGET, None)
    format: tuple[tuple[str, Any], ...] = _key(
        _Table(FormatStyle, partial=True), "Style of the formatter.", ()
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured."""

    select: tuple[str, ...] | None = _key(_CODES, _SELECT, None)
    extend_select: tuple[str, ...] = _key(_CODES, _EXTEND, ())
    ignore: tuple[str, ...] = _key(_CODES, _IGNORE, ())
    levels: tuple[tuple[str, str], ...] = _key(MapOf(Choice(_LEVELS)), _LEVEL, ())
    fail_on: str = _key(
        Choice(_LEVELS[:-1]), "The least bad level at which `lint` exits with 1.", "warning"
    )
    fork: str | None = _key(_Fork(), _FORK, None)
    target: str = _key(Choice(TARGETS), _TARGET, "nvm")
    exclude: tuple[str, ...] = _key(
        ListOf(_Pattern()), "Files that are passed over in folders: patterns as in .gitignore, "
        "from the configuration's folder.", ()
    )
    cache_dir: str | None = _key(
        Text(), "Folder of lint's cache, from the configuration's folder; by default "
        "`.nvm-lsp-cache` there.", None
    )
    format: FormatStyle = _key(_Table(FormatStyle), "Style of the formatter.", FormatStyle())
    run: RunSettings = _key(_Table(RunSettings), "Defaults of `run` and `test`.", RunSettings())
    plugins: PluginSettings = _key(
        _Table(PluginSettings), "Which plugins take part.", PluginSettings()
    )
    trust: TrustSettings = _key(
        _Table(TrustSettings), "What the project is allowed to; said by the user, never by the "
        "project's own file.", TrustSettings()
    )
    verify: tuple[VerifyEntry, ...] = _key(
        ListOf(_Table(VerifyEntry)), "Programs that must equal bytecode written elsewhere.", ()
    )
    overrides: tuple[Override, ...] = _key(
        ListOf(_Table(Override)), "Settings of some files; later ones outweigh earlier ones.", ()
    )


@dataclass(frozen=True, slots=True)
class BadKey:
    """A flaw of a configuration: where, and what to do. ``line`` is zero-based, None if unknown."""

    path: str
    line: int | None
    message: str
    hint: str = ""

    @property
    def place(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line + 1}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Layer:
    """One say in what is looked for; a later layer outweighs an earlier one."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What counts for one file. Of ``levels``, a later entry outweighs an earlier one."""

    layers: tuple[Layer, ...] = ()
    levels: tuple[tuple[str, str], ...] = ()
    fork: str | None = None
    target: str = "nvm"
    format: FormatStyle = FormatStyle()
    run: RunSettings = RunSettings()
    disabled: tuple[str, ...] = ()  # plugins


@dataclass(frozen=True, slots=True)
class Configuration:
    """A project's configuration. ``path`` is None where there is no file; ``folder`` is absolute.

    With ``flaws``, ``settings`` hold what could be read.
    """

    path: str | None = None
    folder: str = ""
    settings: Settings = Settings()
    flaws: tuple[BadKey, ...] = ()

    def for_file(self, path: str) -> FileSettings:
        """The settings of a file, overrides applied."""
        s = self.settings
        out = FileSettings(
            (Layer(s.select, s.extend_select, s.ignore),), s.levels, s.fork, s.target, s.format,
            s.run, s.plugins.disabled,
        )
        for override in s.overrides:
            if not self._matches(override.files, path):
                continue
            layer = Layer(override.select, override.extend_select, override.ignore)
            out = replace(
                out,
                layers=(*out.layers, layer),
                levels=out.levels + override.levels,
                fork=override.fork or out.fork,
                target=override.target or out.target,
                format=replace(out.format, **dict(override.format)),
            )
        return out

    def excludes(self, path: str) -> bool:
        """Whether a walk through folders passes over a file or folder."""
        return self._matches(self.settings.exclude, path)

    def _matches(self, patterns: tuple[str, ...], path: str) -> bool:
        if not patterns:
            return False
        relative = os.path.relpath(os.path.abspath(path), self.folder or os.getcwd())
        if relative.startswith(os.pardir) or os.path.isabs(relative):
            return False
        return bool(_spec(patterns).match_file(relative.replace(os.sep, "/")))


@dataclass(slots=True)
class Configurations:
    """The configurations of files, each read once. ``fixed``, if set, counts for every file.

    A file that is a link is only followed if ``follows``, where there is such, says so.
    """

    fixed: Configuration | None = None
    follows: Callable[[str], bool] | None = None
    _by_folder: dict[str, Configuration] = field(default_factory=dict)
    #: The files as they were when they were read, or when there were none.
    _states: dict[str, tuple[int, ...] | None] = field(default_factory=dict)

    def of(self, path: str) -> Configuration:
        """The configuration of a file, or of a folder itself if ``path`` is one."""
        if self.fixed is not None:
            return self.fixed
        path = os.path.abspath(path)
        return self._of_folder(path if os.path.isdir(path) else os.path.dirname(path))

    def have_changed(self) -> bool:
        """Whether a configuration file has come, gone or changed since it was read."""
        return any(_state(path) != state for path, state in self._states.items())

    def read(self) -> Iterator[Configuration]:
        """Every configuration that was met, each once."""
        if self.fixed is not None:
            yield self.fixed
        seen: set[str | None] = set()
        for found in self._by_folder.values():
            if found.path not in seen:
                seen.add(found.path)
                yield found

    def _of_folder(self, folder: str) -> Configuration:
        found = self._by_folder.get(folder)
        if found is None:
            parent = os.path.dirname(folder)
            found = next(self._in_folder(folder), None) or (
                self._of_folder(parent) if parent != folder else Configuration()
            )
            self._by_folder[folder] = found
        return found

    def _in_folder(self, folder: str) -> Iterator[Configuration]:
        for name in CONFIGURATION_FILES:
            path = os.path.join(folder, name)
            self._states[path] = _state(path)
            if not os.path.isfile(path):
                continue
            if self.follows is not None and os.path.islink(path) and not self.follows(path):
                yield _unreadable(path, "is a link that leads outside of the workspace")
            elif (found := read(path)) is not None:
                yield found


def _state(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(path: str) -> Configuration | None:
    """The configuration in a file; None if it is a ``pyproject.toml`` without one."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            return _unreadable(path, "is larger than 1 MiB")
        text = data.decode().replace("\r\n", "\n")
        document = read_toml(text)
    except tomllib.TOMLDecodeError as error:
        if os.path.basename(path) == "pyproject.toml" and "nvm-lsp" not in text:
            return None  # somebody else's trouble
        return _unreadable(path, f"is no TOML: {error}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return _unreadable(path, f"cannot be read: {reason}")
    prefix = ""
    table: Any = document
    if os.path.basename(path) == "pyproject.toml":
        prefix = "tool.nvm-lsp"
        tool = document.get("tool")
        table = tool.get("nvm-lsp") if isinstance(tool, dict) else None
        if table is None:
            return None
    settings, flaws = read_table(table)
    if isinstance(table, Mapping) and "trust" in table:
        settings = replace(settings, trust=TrustSettings())
        flaws = (
            *flaws,
            Flaw("trust", "cannot be granted by a project's own file",
                 "set it in the editor's settings, or use the command's option"),
        )
    return Configuration(path, folder, settings, tuple(
        BadKey(path, _line_of(text, prefix, flaw.key),
               f"{prefix}{'.' if prefix and flaw.key else ''}{flaw.key} {flaw.message}", flaw.hint)
        for flaw in flaws
    ))


def _unreadable(path: str, message: str) -> Configuration:
    """A configuration that says nothing but what is wrong with its file."""
    folder = os.path.dirname(os.path.abspath(path))
    return Configuration(path, folder, flaws=(BadKey(path, None, message),))


def read_table(table: Any) -> tuple[Settings, tuple[Flaw, ...]]:
    """Settings out of parsed TOML, or of the JSON that an editor sends, and what is wrong there."""
    flaws: list[Flaw] = []
    settings = _Table(Settings).read(table, "", flaws)
    return settings if isinstance(settings, Settings) else Settings(), tuple(flaws)


def schema(*, of_project: bool = True) -> dict[str, Any]:
    """JSON Schema of ``nvm-lsp.toml`` and ``[tool.nvm-lsp]``, or of an editor's settings."""
    table = _Table(Settings).schema()
    if of_project:
        del table["properties"]["trust"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of nvm-lsp",
        "description": "nvm-lsp.toml, or [tool.nvm-lsp] of pyproject.toml",
        **table,
    }


def schema_text() -> str:
    """The file ``configuration.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


@lru_cache(maxsize=64)
def _spec(patterns: tuple[str, ...]) -> Any:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 -- few configurations have patterns

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a later Python may take a pattern for
        return GitIgnoreSpec.from_lines(patterns)


def _line_of(text: str, prefix: str, key: str) -> int | None:
    """The line where a key is set, as far as its usual spellings tell; zero-based.

    The parser of the standard library gives no places.
    """
    names = [re.sub(r"\[\d+\]$", "", name) for name in key.split(".")]
    path = [*(prefix.split(".") if prefix else []), *names]
    header: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines()):
        found = re.match(r"\s*\[\[?([^\]]*)\]", line)
        if found:
            header = _dotted(found[1])
            full = header
        elif set_key := re.match(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*'|[ .])+)=", line):
            full = header + _dotted(set_key[1])
        else:
            continue
        common = len(full) if full == path[: len(full)] else 0
        if common > (best[0] if best else max(0, len(path) - len(names))):
            best = (common, number)
    return best[1] if best else None


def _dotted(text: str) -> list[str]:
    return [name.strip().strip("\"'") for name in text.split(".")]
