"""One thing that completion offers, and its JSON (LSP 3.17, CompletionItem)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

__all__ = ["Item", "Kind", "to_json"]

_SNIPPET = 2  # LSP 3.17, InsertTextFormat
_DEPRECATED = 1  # LSP 3.17, CompletionItemTag


class Kind(IntEnum):
    """LSP 3.17, CompletionItemKind: those that fit."""

    FUNCTION = 3
    VARIABLE = 6
    UNIT = 11
    VALUE = 12
    KEYWORD = 14
    FILE = 17
    REFERENCE = 18
    FOLDER = 19
    ENUM_MEMBER = 20
    PROPERTY = 10
    CONSTANT = 21


@dataclass(frozen=True, slots=True)
class Item:
    """What is shown, and what is written if it is chosen.

    ``insert`` is written instead of the label, ``snippet`` instead of both where the client can.
    ``rank`` sorts, low ones first. ``about`` and ``name`` (the label if empty) tell resolve what to
    say of it; ``filter`` is what is compared with the word that was typed.
    """

    label: str
    kind: Kind
    detail: str = ""
    insert: str | None = None
    snippet: str | None = None
    rank: int = 1
    about: str = ""
    name: str = ""
    filter: str = ""
    deprecated: bool = False


def to_json(item: Item, place: dict[str, Any], uri: str, snippets: bool) -> dict[str, Any]:
    """The item as JSON; it replaces ``place``."""
    text, is_snippet = item.insert or item.label, False
    if snippets and item.snippet is not None:
        text, is_snippet = item.snippet, True
    answer: dict[str, Any] = {
        "label": item.label,
        "kind": int(item.kind),
        "sortText": f"{item.rank}{item.label}",
        "textEdit": {"range": place, "newText": text},
    }
    if item.detail:
        answer["detail"] = item.detail
    if item.filter:
        answer["filterText"] = item.filter
    if is_snippet:
        answer["insertTextFormat"] = _SNIPPET
    if item.deprecated:
        answer["tags"] = [_DEPRECATED]
    if item.about:
        answer["data"] = {"about": item.about, "name": item.name or item.label, "uri": uri}
    return answer
