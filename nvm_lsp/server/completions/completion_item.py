"""One thing that completion offers, and its JSON (LSP 3.17, CompletionItem)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nvm_lsp.editor_hooks import Completion
from nvm_lsp.editor_hooks import CompletionKind as Kind
from nvm_lsp.server.hovers.markup import markup

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


@dataclass(frozen=True, slots=True)
class Client:
    """What the client can show and do (LSP 3.17, CompletionClientCapabilities)."""

    snippets: bool = False
    #: Of documentation (LSP, MarkupKind); None where the client said nothing.
    formats: Sequence[Any] | None = None
    replaces: bool = False  # a range to insert at, and one to replace
    details: bool = False  # details of the label, shown beside each item
    takes_defaults: bool = False  # a range for all items


def to_json(
    item: Completion, uri: str, client: Client, score: int, place: dict[str, Any] | None,
    *, called: bool = False, marked: bool = True,
) -> dict[str, Any]:
    """The item as JSON.

    It replaces ``place``, a range or two, or what the list says if that is None. ``score`` tells
    how well the item matches, 0 being best. ``called`` says that a parenthesis follows already,
    ``marked`` that what was typed begins as the label does.
    """
    text, is_snippet = item.insert or item.label, False
    if client.snippets and item.snippet is not None:
        text, is_snippet = item.snippet, "$" in item.snippet
    if called and item.kind is Kind.FUNCTION:
        text, is_snippet = item.label, False
    answer: dict[str, Any] = {
        "label": item.label,
        "kind": int(item.kind),
        "sortText": f"{score}{min(max(item.rank, 0), 999):03}{item.label}",
    }
    if place is None:
        if text != item.label:
            answer["textEditText"] = text
    else:
        both = place if "insert" in place else {"range": place}
        answer["textEdit"] = {**both, "newText": text}
    if item.detail:
        answer["detail"] = item.detail
        if client.details:
            answer |= _label_details(item)
    if item.filter:
        answer["filterText"] = item.filter
    elif not marked and item.label.startswith(("%", "@")):
        answer["filterText"] = item.label[1:]
    if is_snippet:
        answer["insertTextFormat"] = _SNIPPET
    if item.deprecated:
        answer["tags"] = [_DEPRECATED]
    if item.documentation:
        answer["documentation"] = markup(item.documentation, client.formats)
    if isinstance(item, Item) and item.about:
        answer["data"] = {"about": item.about, "name": item.name or item.label, "uri": uri}
    return answer


def _label_details(item: Completion) -> dict[str, Any]:
    """What stands beside the label: parameters right behind it, the rest at the margin."""
    detail = item.detail.removeprefix(item.label).strip()
    parameters, closing, rest = detail.partition(")")
    details = {"description": detail}
    if detail.startswith("(") and closing:
        details = {"detail": parameters + closing, "description": rest.strip()}
    found = {name: text for name, text in details.items() if text}
    return {"labelDetails": found} if found else {}
