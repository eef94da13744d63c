"""One thing that completion offers, and its JSON (LSP 3.17, CompletionItem)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nvm_lsp.editor_hooks import Completion
from nvm_lsp.editor_hooks import CompletionKind as Kind
from nvm_lsp.server.markup import markup

__all__ = ["Item", "Kind", "to_json"]

_SNIPPET = 2  # LSP 3.17, InsertTextFormat
_DEPRECATED = 1  # LSP 3.17, CompletionItemTag


@dataclass(frozen=True, slots=True)
class Item(Completion):
    """A completion of nvm-lsp's own, whose documentation is made when somebody looks at it.

    ``about`` and ``name`` (the label if empty) tell resolve what to say of it.
    """

    about: str = ""
    name: str = ""


def to_json(
    item: Completion, place: dict[str, Any], uri: str, snippets: bool,
    formats: Sequence[Any] | None,
) -> dict[str, Any]:
    """The item as JSON; it replaces ``place``. ``formats`` are those of `markup`."""
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
    if item.documentation:
        answer["documentation"] = markup(item.documentation, formats)
    if isinstance(item, Item) and item.about:
        answer["data"] = {"about": item.about, "name": item.name or item.label, "uri": uri}
    return answer
