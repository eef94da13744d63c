"""What an editor's user can set, as frozen values; it knows neither files nor the protocol.

Names in JSON are those of the fields in camel case below ``nvm-lsp``: ``nvm-lsp.inlayHints.stack``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from nvm_lsp.diagnostics import Severity
from nvm_lsp.opcodes import FORKS, find_fork

__all__ = [
    "CHOICES",
    "CodeLensSettings",
    "CompletionSettings",
    "DocumentLinkSettings",
    "FormatSettings",
    "IncludeSettings",
    "InlayHintSettings",
    "LimitSettings",
    "LintSettings",
    "RunSettings",
    "Settings",
    "default_settings",
    "read_settings",
    "setting_name",
]


@dataclass(frozen=True, slots=True)
class InlayHintSettings:
    """``nvm-lsp.inlayHints``: hints inside the text; each kind can be turned off."""

    enable: bool = True
    stack: bool = True
    gas: bool = True
    offsets: bool = True
    results: bool = True


@dataclass(frozen=True, slots=True)
class CodeLensSettings:
    """``nvm-lsp.codeLens``: the lines of actions and figures above code."""

    enable: bool = True
    run: bool = True
    compare: bool = True
    test: bool = True
    gas: bool = True
    references: bool = True


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """``nvm-lsp.completion``: ``snippets`` fills in the parameters of macros."""

    snippets: bool = True


@dataclass(frozen=True, slots=True)
class DocumentLinkSettings:
    """``nvm-lsp.documentLinks``: ``opcodes`` makes each mnemonic a link, beside the paths."""

    opcodes: bool = False


@dataclass(frozen=True, slots=True)
class FormatSettings:
    """``nvm-lsp.format``: ``on_type`` formats a line that Enter has ended."""

    enable: bool = True
    on_type: bool = True


@dataclass(frozen=True, slots=True)
class RunSettings:
    """``nvm-lsp.run``: ``target`` is nvm, evm, or ``scenario``: what the program itself says.

    ``seconds`` is the longest that a run may take, whatever the project says; ``backend`` what
    executes it, "" for what the project says.
    """

    on_save: bool = False
    target: str = "scenario"
    seconds: float = 10.0
    backend: str = ""


@dataclass(frozen=True, slots=True)
class LintSettings:
    """``nvm-lsp.lint``: the rules beside the assembler's own errors.

    ``run`` is onType or onSave. ``select``, ``ignore`` and ``severity`` (a level by code) come
    before what the project's files say. ``target`` is nvm, evm, or what the ``project`` says.
    """

    enable: bool = True
    run: str = "onType"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    target: str = "project"


@dataclass(frozen=True, slots=True)
class IncludeSettings:
    """``nvm-lsp.includes``: whether files outside of the workspace's folders may be read."""

    allow_outside: bool = False


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """``nvm-lsp.limits``: sizes past which a file is not analysed.

    ``file_size`` in bytes; ``expansion`` in lines of macros that are expanded; ``output`` in bytes
    of code; ``workspace_files`` in files that are looked at unopened; ``diagnostics`` of one file.
    """

    file_size: int = 4 * 2**20
    expansion: int = 100_000
    output: int = 2**20
    workspace_files: int = 5_000
    diagnostics: int = 500


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. ``fork`` is the one that files without `%fork` are for, "" for the default."""

    inlay_hints: InlayHintSettings = field(default_factory=InlayHintSettings)
    code_lens: CodeLensSettings = field(default_factory=CodeLensSettings)
    completion: CompletionSettings = field(default_factory=CompletionSettings)
    document_links: DocumentLinkSettings = field(default_factory=DocumentLinkSettings)
    format: FormatSettings = field(default_factory=FormatSettings)
    run: RunSettings = field(default_factory=RunSettings)
    lint: LintSettings = field(default_factory=LintSettings)
    includes: IncludeSettings = field(default_factory=IncludeSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    fork: str = ""


_LEVELS = tuple(severity.value for severity in Severity)
#: No number need be larger; this one every reader of JSON has whole.
_MOST = 2**53
#: What settings of a few words may be, by name.
CHOICES = {
    "run.target": ("scenario", "nvm", "evm"),
    "lint.target": ("project", "nvm", "evm"),
    "lint.run": ("onType", "onSave"),
}
#: Names that clients send along and that are theirs, or are read elsewhere.
_FOREIGN = {"trace", "server", "editor", "path", "trusted", "telemetry"}


def default_settings() -> Settings:
    return Settings()


def read_settings(json: Any, complain: Callable[[str], None]) -> Settings:
    """The settings that a client has sent; what is wrong is said and left at its default.

    Names may also be written with dots: ``{"inlayHints.stack": false}``.
    """
    if json is None:
        return Settings()
    if not isinstance(json, Mapping):
        complain(f"nvm-lsp settings are an object, not {_shown(json)}")
        return Settings()
    found: Settings = _read(Settings, _nested(json), "", complain)
    return found


def setting_name(field_name: str) -> str:
    """The name in JSON of a field: ``on_save`` is ``onSave``."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), field_name)


def _nested(json: Mapping[str, Any]) -> dict[str, Any]:
    """The object with dotted names unfolded."""
    out: dict[str, Any] = {}
    for name, value in json.items():
        *outer, last = str(name).split(".")
        here = out
        for word in outer:
            inner = here.setdefault(word, {})
            if not isinstance(inner, dict):
                inner = here[word] = {}
            here = inner
        if isinstance(value, Mapping) and last != "severity":
            value = {**here.get(last, {}), **_nested(value)}
        here[last] = value
    return out


def _read(kind: Any, json: Any, prefix: str, complain: Callable[[str], None]) -> Any:
    default = kind()
    if not isinstance(json, Mapping):
        complain(f"nvm-lsp.{prefix.rstrip('.')} is an object, not {_shown(json)}")
        return default
    known = {setting_name(item.name): item.name for item in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in json.items():
        full = prefix + name
        if name not in known:
            if prefix or name not in _FOREIGN:
                complain(f"there is no setting nvm-lsp.{full}")
        elif value is not None:  # null means "as it is by default"
            now = getattr(default, known[name])
            if is_dataclass(now):
                values[known[name]] = _read(type(now), value, full + ".", complain)
            else:
                values[known[name]] = _value(now, value, full, complain)
    return kind(**values)


def _value(default: Any, value: Any, name: str, complain: Callable[[str], None]) -> Any:
    """The value if it is of the default's type and among the choices, else the default."""
    wanted = ""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        wanted = "true or false"
    elif isinstance(default, int | float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 < value <= _MOST and type(default)(value) > 0:
            return type(default)(value)
        wanted = "a number above zero"
    elif isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        wanted = "a list of texts"
    elif isinstance(default, Mapping):
        if isinstance(value, Mapping) and all(item in _LEVELS for item in value.values()):
            return dict(value)
        wanted = f"an object of levels ({', '.join(_LEVELS)})"
    else:
        choices = CHOICES.get(name)
        if name == "fork" and isinstance(value, str) and value and find_fork(value) is None:
            choices = tuple(FORKS)
        if isinstance(value, str) and (choices is None or value in choices):
            return value
        wanted = f"one of {', '.join(choices)}" if choices else "a text"
    complain(f"nvm-lsp.{name} is {wanted}, not {_shown(value)}")
    return default


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
