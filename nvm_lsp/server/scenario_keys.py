"""What the keys of a scenario mean, from the schema of its TOML form; texts for people."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from nvm_lsp.runner.scenario_reader import KEYS

__all__ = ["describe_key", "describe_value", "forms", "schema", "values_of"]

#: How a ``#@`` line is written where a key's text has more than one part.
_FORMS = {
    "kernel": "kernel table|threaded|verifier|debug|strict-jumpdest|delegatecall-only …",
    "storage": "storage [ADDRESS] SLOT = VALUE",
    "account": "account ADDRESS balance=… nonce=…",
    "deploy": "deploy ADDRESS PATH [balance=…]",
    "label": "label ADDRESS NAME",
    "rpc": "rpc URL block=N",
    "scenario": "scenario FILE.toml",
    "case": "case NAME",
    "abi": "abi PATH",
    "matches": "matches FILE",
    "calldata": "calldata 0x…",
    "fork": "fork NAME",
}

#: What the words mean that a key's text may be made of.
_MEANINGS = {
    "kernel": {
        "table": "profile that dispatches over a jump table in memory; the default",
        "threaded": "profile without a table, which costs less gas",
        "verifier": "shows each call and creation to a verifier contract, which must approve it",
        "debug": "emits each instruction to `console.log`, which local nodes show",
        "strict-jumpdest": "refuses jumps to a JUMPDEST byte inside of push data",
        "delegatecall-only": "refuses to run unless called by DELEGATECALL",
    },
    "target": {
        "nvm": "the program is a guest on the NestedVM",
        "evm": "the program is a plain contract on the EVM",
    },
    "mode": {
        "delegatecall": "a wallet delegates to the NestedVM, so the guest acts as the wallet",
        "call": "the NestedVM is called, so the guest acts as the NestedVM",
    },
}


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The JSON schema of a scenario file."""
    text = (files("nvm_lsp.runner") / "scenario.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def describe_key(key: str) -> str:
    """A key's meaning in Markdown, nothing if there is no such key."""
    if key not in KEYS:
        return ""
    found = _property(key)
    text = found.get("description") or "A case of its own, with the lines below it."
    choices = values_of(key)
    listed = f"\n\nOne of: {', '.join(f'`{word}`' for word in choices)}" if choices else ""
    default = f"\n\nDefault: `{found['default']}`" if "default" in found else ""
    return f"`#@ {forms(key)}`\n\n{text}{listed}{default}"


def describe_value(key: str, word: str) -> str:
    """What a word of a key's text means, in Markdown; nothing where the text is free."""
    meaning = _MEANINGS.get(key, {}).get(word)
    return "" if meaning is None else f"**{word}** {meaning}"


def forms(key: str) -> str:
    """The key with its text as people write it."""
    choices = values_of(key)
    return _FORMS.get(key) or f"{key} " + ("|".join(choices[:4]) if choices else "VALUE")


def values_of(key: str) -> tuple[str, ...]:
    """The words that a key's text may be made of, none where it is free."""
    found = _property(key)
    if "enum" in found:
        return tuple(found["enum"])
    for form in found.get("anyOf", ()):
        words = form.get("items", {}).get("enum")
        if words:
            return tuple(words)
    return ()


def _property(key: str) -> dict[str, Any]:
    top: dict[str, Any] = schema()["properties"]
    if key.startswith("block."):
        top, key = top["block"]["properties"], key[6:]
    found: dict[str, Any] = top.get(key, {})
    return found
