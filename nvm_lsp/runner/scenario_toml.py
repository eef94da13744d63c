"""A scenario's TOML document as keys and texts of ``#@`` lines; it knows none of their meanings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["entries"]


def entries(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The keys of a table as those of ``#@`` lines: key, text, and a word to find its line by.

    The key ``?`` stands for what cannot be read, with the reason as its text.
    """
    for key, value in document.items():
        match key, value:
            case "case", list():
                continue  # last, because what stands outside them is common to all
            case "block", dict():
                for name, inner in value.items():
                    yield f"block.{name}", _text(inner), name
            case "storage", dict():
                for slot, inner in value.items():
                    yield "storage", f"{slot} = {_text(inner)}", slot
            case "accounts", dict():
                for address, inner in value.items():
                    yield from _account_entries(address, inner)
            case "labels", dict():
                for address, inner in value.items():
                    yield "label", f"{address} {_text(inner)}", address
            case "rpc", dict():
                yield "rpc", f"{value.get('url', '')} block={_text(value.get('block', ''))}", "rpc"
            case ("kernel" | "abi" | "expect"), list():
                if key == "kernel":
                    yield key, " ".join(_text(item) for item in value), key
                else:
                    yield from ((key, _text(item), key) for item in value)
            case _, (str() | int()) if not isinstance(value, bool):
                yield key, _text(value), key
            case _:
                yield "?", f"{key} cannot be a {type(value).__name__}", key
    for case in document.get("case", ()) if isinstance(document.get("case"), list) else ():
        if not isinstance(case, dict):
            yield "?", "a case is a table: [[case]]", "case"
            continue
        rest = {key: value for key, value in case.items() if key not in ("name", "case")}
        name = _text(case.get("name", ""))
        yield "case", name, name or "case"
        yield from entries(rest)


def _account_entries(address: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, dict):
        yield "?", f"the account {address} must be a table", address
        return
    fields = " ".join(f"{k}={_text(value[k])}" for k in ("balance", "nonce") if k in value)
    if "code" in value:
        yield "deploy", f'{address} "{_text(value["code"])}" {fields}', address
    else:
        yield "account", f"{address} {fields}", address
    if "label" in value:
        yield "label", f"{address} {_text(value['label'])}", address
    storage = value.get("storage", {})
    for slot, word in storage.items() if isinstance(storage, dict) else ():
        yield "storage", f"{address} {slot} = {_text(word)}", slot
    known = ("balance", "nonce", "code", "label", "storage")
    for key in sorted(value.keys() - set(known)):
        yield "?", f"unknown {key!r} of an account; known are {', '.join(known)}", key


def _text(value: Any) -> str:
    return str(value)
