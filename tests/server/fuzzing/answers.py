"""What any answer of the server must be, whatever the program: places in the text, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.server.fuzzing.text import Flaw, Json, Text, start_and_end

__all__ = ["check_answer", "check_diagnostics", "edits_by_uri"]

#: The text of a URI at the time of the request, None where nobody knows.
TextOf = Callable[[str], Text | None]


def check_answer(
    method: str, params: Any, result: Any, text_of: TextOf, opened: Mapping[str, Text]
) -> None:
    """``opened`` are the texts of the editor by URI, others are on disk.

    Raises:
        Flaw: the answer is not well formed.
    """
    check = _CHECKS.get(method)
    if check is None or result is None:
        return
    uri = (params.get("textDocument") or {}).get("uri", "") if isinstance(params, dict) else ""
    text = opened.get(uri)
    if text is None and method not in _WITHOUT_TEXT:
        return
    try:
        check(text, params, result, text_of)
    except Flaw as flaw:
        raise Flaw(f"{method}: {flaw}") from flaw


def check_diagnostics(uri: str, items: list[Json], text_of: TextOf) -> None:
    text = text_of(uri)
    for item in items:
        if text is not None:
            text.check_range(item["range"], f"diagnostic {item['code']} {item['message']!r}")
        for related in item.get("relatedInformation", ()):
            _check_location(related["location"], text_of)


def edits_by_uri(edit: Json, version_of: Callable[[str], int | None]) -> dict[str, list[Json]]:
    """
    Raises:
        Flaw: the edit is about other versions than there are.
    """
    if "documentChanges" not in edit:
        changes: dict[str, list[Json]] = edit["changes"]
        return changes
    found = {}
    for change in edit["documentChanges"]:
        uri, version = change["textDocument"]["uri"], change["textDocument"]["version"]
        if version != version_of(uri):
            raise Flaw(f"an edit of version {version} of {uri}, which is at {version_of(uri)}")
        if uri in found:
            raise Flaw(f"two changes of {uri} in one edit")
        found[uri] = change["edits"]
    return found


def _check_location(location: Json, text_of: TextOf) -> None:
    text = text_of(location["uri"])
    if text is not None:
        text.check_range(location["range"], f"location {location}")


def _contains(outer: Json, inner: Json) -> bool:
    (first, last), (start, end) = start_and_end(outer), start_and_end(inner)
    return first <= start and end <= last


def _at(params: Json, range_: Json, what: str) -> None:
    place = params["position"]
    if not _contains(range_, {"start": place, "end": place}):
        raise Flaw(f"{what} {range_} is not at {place}")


# One a method: of the text, the parameters, the result and other texts ----------------------------


def _hover(text: Text, params: Json, result: Json, text_of: TextOf) -> None:
    if not result["contents"]["value"].strip():
        raise Flaw("an empty hover")
    if "range" in result:
        text.check_range(result["range"], "hover")
        if _is_in(text, params):
            _at(params, result["range"], "hover")


def _is_in(text: Text, params: Json) -> bool:
    return text.position(text.offset(params["position"])) == params["position"]


def _completion(text: Text, params: Json, result: Any, text_of: TextOf) -> None:
    items = result["items"] if isinstance(result, dict) else result
    for item in items:
        edit = item.get("textEdit")
        if edit is None:
            continue
        for range_ in filter(None, (edit.get("range"), edit.get("insert"), edit.get("replace"))):
            text.check_range(range_, f"completion {item['label']}")
            if range_["start"]["line"] != range_["end"]["line"]:
                raise Flaw(f"completion {item['label']} edits several lines")
            if _is_in(text, params):
                _at(params, range_, f"completion {item['label']}")


def _locations(text: Text, params: Json, result: Any, text_of: TextOf) -> None:
    for found in result if isinstance(result, list) else [result]:
        if "targetUri" in found:
            for name in ("targetRange", "targetSelectionRange"):
                _check_location({"uri": found["targetUri"], "range": found[name]}, text_of)
            if not _contains(found["targetRange"], found["targetSelectionRange"]):
                raise Flaw(f"{found} selects more than it is")
        else:
            _check_location(found.get("location", found), text_of)


def _ranges(text: Text, params: Json, result: Any, text_of: TextOf) -> None:
    for found in result:
        text.check_range(found["range"], str(found)[:200])


def _disjoint(text: Text, params: Json, result: Any, text_of: TextOf) -> None:
    text.edited([{"range": found["range"], "newText": ""} for found in result], "ranges")


def _folds(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    for fold in result:
        if not 0 <= fold["startLine"] < fold["endLine"] < len(text.lines):
            raise Flaw(f"{fold} in {len(text.lines)} lines")


def _symbols(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    for symbol in result:
        text.check_range(symbol["range"], symbol["name"])
        text.check_range(symbol["selectionRange"], symbol["name"])
        if not symbol["name"].strip() or not _contains(symbol["range"], symbol["selectionRange"]):
            raise Flaw(f"{symbol} selects more than it is, or has no name")
        children = symbol.get("children") or []
        _symbols(text, params, children, text_of)
        if not all(_contains(symbol["range"], child["range"]) for child in children):
            raise Flaw(f"{symbol} has children outside of it")


def _selections(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    if len(result) != len(params["positions"]):
        raise Flaw(f"{len(result)} ranges for {len(params['positions'])} positions")
    for found, place in zip(result, params["positions"], strict=True):
        here: Json | None = found
        inner = {"start": place, "end": place}
        if not _is_in(text, {"position": place}):
            inner = found["range"]
        while here is not None:
            text.check_range(here["range"], "selection")
            if not _contains(here["range"], inner):
                raise Flaw(f"{here['range']} does not contain {inner}")
            inner, here = here["range"], here.get("parent")


def _tokens(text: Text, params: Json, result: Json, text_of: TextOf) -> None:
    line = character = 0
    data = result.get("data", [])
    if len(data) % 5:
        raise Flaw("tokens are five numbers each")
    end = (0, 0)
    for at in range(0, len(data), 5):
        down, right, length, kind, _ = data[at : at + 5]
        line, character = line + down, right + (character if not down else 0)
        if down < 0 or right < 0 or length <= 0 or kind < 0 or (line, character) < end:
            raise Flaw(f"token {data[at : at + 5]} at {line}:{character} behind {end}")
        end = (line, character + length)
        places = ({"line": line, "character": units} for units in (character, end[1]))
        for place in places:
            text.check_position(place, "token")


def _edits(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    text.edited(result, "edits")


def _workspace_edit(text: Text, params: Json, result: Json, text_of: TextOf) -> None:
    def version_of(uri: str) -> int | None:
        found = text_of(uri)
        return found.version if found is not None else None

    for uri, edits in edits_by_uri(result, version_of).items():
        if not edits:
            raise Flaw(f"an edit of {uri} that edits nothing")
        there = text_of(uri)
        if there is None:
            raise Flaw(f"edits of {uri}, which there is not")
        there.edited(edits, f"edits of {uri}")


def _actions(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    for action in result:
        if not action["title"].strip() or "kind" not in action:
            raise Flaw(f"an action without title or kind: {action}")
        if "edit" in action:
            _workspace_edit(text, params, action["edit"], text_of)
    seen = [(action["title"], str(action.get("edit"))) for action in result]
    if len(set(seen)) != len(seen):
        raise Flaw(f"an action twice: {seen}")


def _hints(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    for hint in result:
        text.check_position(hint["position"], f"hint {hint['label']}")


def _lenses(text: Text, params: Json, result: list[Json], text_of: TextOf) -> None:
    for lens in result:
        text.check_range(lens["range"], "lens")
        if "command" not in lens and "data" not in lens:
            raise Flaw(f"a lens that cannot be resolved: {lens}")


def _rename_range(text: Text, params: Json, result: Json, text_of: TextOf) -> None:
    text.check_range(result["range"], "rename")
    if result["range"]["start"]["line"] != params["position"]["line"] and _is_in(text, params):
        raise Flaw(f"rename {result['range']} is not at {params['position']}")  # % may come before
    if text.between(result["range"]) != result["placeholder"]:
        raise Flaw(f"{text.between(result['range'])} is offered as {result['placeholder']}")


def _linked(text: Text, params: Json, result: Json, text_of: TextOf) -> None:
    words = {text.between(range_) for range_ in result["ranges"]}
    if len(words) != 1:
        raise Flaw(f"linked are {words}")
    _disjoint(text, params, [{"range": range_} for range_ in result["ranges"]], text_of)


def _report(text: Text, params: Json, result: Json, text_of: TextOf) -> None:
    check_diagnostics(params["textDocument"]["uri"], result.get("items", []), text_of)
    for uri, report in result.get("relatedDocuments", {}).items():
        check_diagnostics(uri, report["items"], text_of)


def _workspace_report(text: Text | None, params: Json, result: Json, text_of: TextOf) -> None:
    uris = [report["uri"] for report in result["items"]]
    if len(set(uris)) != len(uris):
        raise Flaw(f"a document twice: {uris}")
    for report in result["items"]:
        check_diagnostics(report["uri"], report.get("items", []), text_of)


def _hierarchy(text: Text | None, params: Json, result: list[Json], text_of: TextOf) -> None:
    for found in result:
        for item in _items(found):
            _check_location(item, text_of)
            _check_location({"uri": item["uri"], "range": item["selectionRange"]}, text_of)
            if not _contains(item["range"], item["selectionRange"]):
                raise Flaw(f"{item} selects more than it is")
        if "fromRanges" in found:
            uri = found["from"]["uri"] if "from" in found else params["item"]["uri"]
            for range_ in found["fromRanges"]:
                _check_location({"uri": uri, "range": range_}, text_of)


def _items(found: Json) -> Iterator[Json]:
    if "selectionRange" in found:
        yield found
    for name in ("from", "to"):
        if name in found:
            yield found[name]


#: Those whose parameters name no document, or may name one that is not open.
_WITHOUT_TEXT = {
    "workspace/diagnostic", "workspace/symbol", "callHierarchy/incomingCalls",
    "callHierarchy/outgoingCalls", "workspace/willRenameFiles",
}
_CHECKS: dict[str, Callable[[Any, Any, Any, TextOf], None]] = {
    "textDocument/hover": _hover,
    "textDocument/completion": _completion,
    "textDocument/definition": _locations,
    "textDocument/declaration": _locations,
    "textDocument/references": _locations,
    "workspace/symbol": _locations,
    "textDocument/documentHighlight": _disjoint,
    "textDocument/documentLink": _disjoint,
    "textDocument/foldingRange": _folds,
    "textDocument/documentSymbol": _symbols,
    "textDocument/selectionRange": _selections,
    "textDocument/semanticTokens/full": _tokens,
    "textDocument/semanticTokens/full/delta": _tokens,
    "textDocument/semanticTokens/range": _tokens,
    "textDocument/formatting": _edits,
    "textDocument/rangeFormatting": _edits,
    "textDocument/rangesFormatting": _edits,
    "textDocument/onTypeFormatting": _edits,
    "textDocument/rename": _workspace_edit,
    "workspace/willRenameFiles": _workspace_edit,
    "textDocument/codeAction": _actions,
    "textDocument/inlayHint": _hints,
    "textDocument/codeLens": _lenses,
    "textDocument/prepareRename": _rename_range,
    "textDocument/linkedEditingRange": _linked,
    "textDocument/diagnostic": _report,
    "workspace/diagnostic": _workspace_report,
    "textDocument/prepareCallHierarchy": _hierarchy,
    "callHierarchy/incomingCalls": _hierarchy,
    "callHierarchy/outgoingCalls": _hierarchy,
}
