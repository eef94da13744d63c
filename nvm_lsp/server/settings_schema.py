"""The server's settings as a JSON schema, the way VS Code's manifest wants them.

``python -m nvm_lsp.server.settings_schema`` writes them into ``editor-extension/package.json``,
beside the settings that are the extension's own. A setting is documented here, once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from nvm_lsp.opcodes import FORKS
from nvm_lsp.server.settings import CHOICES, Settings, setting_name

__all__ = ["MANIFEST", "manifest_text", "sections"]

MANIFEST = Path(__file__).parents[2] / "editor-extension" / "package.json"

#: Sections of the settings page: the names of settings begin so, without ``nvm-lsp.``.
_SECTIONS = {
    "Run": ("run.",),
    "Checks": ("lint.", "fork", "includes."),
    "Hints and Lenses": ("inlayHints.", "codeLens."),
    "Writing": ("completion.", "format.", "documentLinks."),
    "Limits": ("limits.",),
}
#: What each setting does, in Markdown.
_TEXTS = {
    "inlayHints.enable": "Show hints inside the text.",
    "inlayHints.stack": "Show the stack behind each instruction.",
    "inlayHints.gas": "Show the gas of each block at its first line.",
    "inlayHints.offsets": "Show the offset of each label.",
    "inlayHints.results": "After a run, show values, hits and gas behind the lines.",
    "codeLens.enable": "Show actions and figures above code.",
    "codeLens.run": "Show *Run on NestedVM* and *Run natively* above a program.",
    "codeLens.compare": "Show *Compare* above a program.",
    "codeLens.test": "Show *Test* above a program that says what it must do.",
    "codeLens.gas": "Show gas and size above macros and blocks.",
    "codeLens.references": "Show how often labels, constants and macros are used.",
    "completion.snippets": "Complete macros with their parameters to fill in.",
    "documentLinks.opcodes": "Make each mnemonic a link to its page on evm.codes; hovers have "
    "these links in any case.",
    "format.enable": "Format documents and selections.",
    "format.onType": "Format a line when Enter ends it (where `editor.formatOnType` is on).",
    "run.onSave": "Run a program whenever it is saved. Only in a trusted workspace.",
    "run.target": "What a program runs on, unless a command says: what its `#@ target` says, else "
    "the NestedVM (`scenario`); always the NestedVM (`nvm`); or natively (`evm`).",
    "run.backend": "What executes a run: `py-evm`, `pyrevm` where it is installed, or a plugin's "
    "backend. Empty: what the project says, or `py-evm`.",
    "run.seconds": "The longest that a run may take, in seconds, whatever the project says.",
    "lint.enable": "Check programs by rules, beside the assembler's own errors.",
    "lint.run": "When programs are checked: as you type, or when they are saved.",
    "lint.select": "Rules to check by, as codes or their beginnings (`STK`); empty for what the "
    "project's configuration says.",
    "lint.ignore": "Rules to leave out, as codes or their beginnings.",
    "lint.severity": "Levels by code: `{\"GAS001\": \"hint\"}`; the levels are `error`, `warning`, "
    "`info`, `hint` and `off`.",
    "lint.target": "What programs are checked for: what the project says, the NestedVM (`nvm`) or "
    "plain contracts (`evm`).",
    "includes.allowOutside": "Let `%include` read files outside of the workspace's folders.",
    "limits.fileSize": "Largest file that is analysed, in bytes.",
    "limits.expansion": "Most lines that a program's macros, and files included more "
    "than once, may expand to.",
    "limits.output": "Most bytes of code that a program may assemble to.",
    "limits.workspaceFiles": "Most files of the workspace that are looked at unopened.",
    "limits.diagnostics": "Most findings that are shown of a file.",
    "fork": "Fork that programs without `%fork` are for. Empty: `prague`.",
}
#: Settings about the machine's safety: an untrusted workspace cannot change them.
_RESTRICTED = ("includes.allowOutside", "run.onSave")


def sections() -> list[dict[str, Any]]:
    """The sections of the settings page, with a schema of each setting."""
    flat = dict(_flat(Settings()))
    out = []
    for title, prefixes in _SECTIONS.items():
        names = [name for name in flat if name.startswith(prefixes)]
        out.append(
            {
                "title": title,
                "properties": {f"nvm-lsp.{name}": _property(name, flat[name]) for name in names},
            }
        )
    left = set(flat) - {
        name.removeprefix("nvm-lsp.") for section in out for name in section["properties"]
    }
    if left:
        raise ValueError(f"settings of no section: {', '.join(sorted(left))}")
    return out


def manifest_text() -> str:
    """The extension's manifest with the server's settings in it."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    capabilities = manifest["capabilities"]["untrustedWorkspaces"]
    own = [
        section for section in manifest["contributes"]["configuration"]
        if section["title"] not in _SECTIONS
    ]
    manifest["contributes"]["configuration"] = [*own, *sections()]
    restricted = [f"nvm-lsp.{name}" for name in _RESTRICTED]
    capabilities["restrictedConfigurations"] = [
        *(n for n in capabilities["restrictedConfigurations"] if n not in restricted), *restricted
    ]
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _flat(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for item in fields(settings):
        name = prefix + setting_name(item.name)
        value = getattr(settings, item.name)
        if is_dataclass(value):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _property(name: str, default: Any) -> dict[str, Any]:
    # The server asks for them once, not by folder: what differs there, its own files say.
    found: dict[str, Any] = {"markdownDescription": _TEXTS[name], "scope": "window"}
    if isinstance(default, bool):
        return {"type": "boolean", "default": default, **found}
    if isinstance(default, int | float):
        kind = "integer" if isinstance(default, int) else "number"
        plain = int(default) if default == int(default) else default  # as JSON's writers have it
        return {"type": kind, "default": plain, "exclusiveMinimum": 0, **found}
    if isinstance(default, tuple):
        return {"type": "array", "items": {"type": "string"}, "default": list(default), **found}
    if isinstance(default, Mapping):
        levels = {"type": "string", "enum": ["error", "warning", "info", "hint", "off"]}
        return {
            "type": "object", "additionalProperties": levels, "default": dict(default), **found,
        }
    choices = ("", *FORKS) if name == "fork" else CHOICES.get(name)
    enum = {"enum": list(choices)} if choices else {}
    return {"type": "string", **enum, "default": default, **found}


if __name__ == "__main__":
    MANIFEST.write_text(manifest_text(), encoding="utf-8")
    print(f"wrote {MANIFEST}", file=sys.stderr)
