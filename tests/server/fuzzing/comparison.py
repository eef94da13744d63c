"""What a server knows of a session's texts, compared with what a fresh one does."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

from tests.server.fuzzing.client import CAPABILITIES, Client
from tests.server.fuzzing.text import Flaw, Json

__all__ = ["capabilities", "check_against_fresh", "initialize"]

FORMAT = {"options": {"tabSize": 4, "insertSpaces": True}}
_PATIENCE = 15.0
#: What runs and tests have found is of the session's past, which a fresh server knows nothing of.
_OF_RUNS = {"nvm-lsp run", "nvm-lsp test"}
_PLACES = 3


def capabilities(encoding: str, *, pulls: bool, **more: bool) -> Json:
    """``more``: ``watches`` files, ``asks`` for its settings."""
    found: Json = json.loads(json.dumps(CAPABILITIES))
    found["general"] = {"positionEncodings": [encoding]}
    if pulls:
        found["textDocument"]["diagnostic"] = {"relatedDocumentSupport": True}
    if not more.get("watches", True):
        del found["workspace"]["didChangeWatchedFiles"]
    found["workspace"]["configuration"] = more.get("asks", False)
    return found


async def initialize(client: Client, capabilities: Json, folders: list[str], options: Json) -> None:
    await client.ask("initialize", {
        "processId": None, "rootUri": None, "capabilities": capabilities,
        "workspaceFolders": [{"uri": uri, "name": uri} for uri in folders],
        "initializationOptions": options,
    })
    client.notify("initialized", {})


async def check_against_fresh(
    client: Client, pick: random.Random, *, pulls: bool, patience: float = _PATIENCE
) -> None:
    """``patience`` are the seconds until diagnostics that are pushed must have settled.

    Raises:
        Flaw: the client's server knows something else than a fresh one of the same texts.
    """
    if not pulls and client.settings.get("lint", {}) != {}:
        # Rules that only wait for a file to be saved have not looked at the last edits.
        for uri in client.open_texts:
            client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
    noted = len(client.records)
    fresh = await Client.start(client.folder)
    try:
        known = capabilities(client.encoding, pulls=True)
        await initialize(fresh, known, client.folders, client.options())
        for uri, text in client.open_texts.items():
            fresh.open(uri, text.text, text.version or 0)
        questions = _questions(client, pick, pulls=pulls)
        if pulls:
            questions["diagnostics"] = ("workspace/diagnostic", {"previousResultIds": []})
        else:
            await _check_published(client, fresh, patience)
        flaws = []
        for name, (method, params) in questions.items():
            theirs, ours = [
                _comparable(method, await server.answer(server.request(method, params)))
                for server in (fresh, client)
            ]
            if ours != theirs and not _is_of_a_run(method, ours):
                only = _only_where_they_differ(ours, theirs)
                flaws.append(f"{name} {method} {params}\n  is    {only[0]}\n  fresh {only[1]}")
        fresh.check()
        if flaws:
            raise Flaw("\n".join(flaws))
        await fresh.leave()
        client.check()
    finally:
        await fresh.end_now()
        del client.records[noted:]


def _questions(
    client: Client, pick: random.Random, *, pulls: bool
) -> dict[str, tuple[str, Json]]:
    """What both are asked, by a name of its own."""
    found: dict[str, tuple[str, Json]] = {}
    for uri, text in client.open_texts.items():
        document = {"textDocument": {"uri": uri}}
        everything = {"range": {"start": {"line": 0, "character": 0},
                                "end": {"line": len(text.lines), "character": 0}}}
        for method, more in (
            ("diagnostic", {}), ("documentSymbol", {}), ("semanticTokens/full", {}),
            ("foldingRange", {}), ("documentLink", {}), ("inlayHint", everything),
            ("formatting", FORMAT), ("codeLens", {}), ("semanticTokens/range", everything),
            ("codeAction", {**everything, "context": {"diagnostics": []}}),
        ):
            found[f"{uri} {method}"] = (f"textDocument/{method}", {**document, **more})
        for number in range(_PLACES):
            words = list(re.finditer(r"%?\w+", text.text))
            place = pick.choice(words).start() if words else len(text.text)
            position = text.position(place + pick.choice((0, 1, 1, 2)))
            here = {"start": position, "end": position}
            for method, more in (
                ("hover", {}), ("completion", {}), ("signatureHelp", {}), ("definition", {}),
                ("references", {"context": {"includeDeclaration": True}}),
                ("documentHighlight", {}), ("prepareCallHierarchy", {}),
                ("linkedEditingRange", {}), ("rename", {"newName": "an_other"}),
                ("codeAction", {"range": here, "context": {"diagnostics": []}}),
            ):
                asked = {**document, "position": position, **more}
                found[f"{uri} {method} {number}"] = (f"textDocument/{method}", asked)
        for kind in ("listing", "cfg"):
            found[f"{uri} {kind}"] = ("nvm/virtualDocument", {"uri": uri, "kind": kind})
    for query in ("", "a"):
        found[f"symbols {query}"] = ("workspace/symbol", {"query": query})
    return {
        name: asked for name, asked in found.items()
        if not (asked[0] == "textDocument/inlayHint" and _shows_results(client))
        and (pulls or asked[0] != "textDocument/diagnostic")
    }


def _shows_results(client: Client) -> bool:
    hints = client.settings.get("inlayHints", {})
    return bool(hints.get("results", True)) if isinstance(hints, dict) else True


def _comparable(method: str, answer: Json) -> Any:
    """What must be the same of an answer; errors must be, too."""
    if "error" in answer:
        return answer["error"]
    result = answer["result"]
    if result is None:
        return None
    if method == "textDocument/diagnostic":
        related = result.get("relatedDocuments", {})
        return [
            _without_runs(result["items"]),
            {uri: report["items"] for uri, report in related.items()},
        ]
    if method == "workspace/diagnostic":
        return {
            report["uri"]: [report["version"], _without_runs(report["items"])]
            for report in result["items"]
        }
    if method == "textDocument/codeAction":
        return [action for action in result if not action["title"].startswith(_TITLES_OF_RUNS)]
    if method == "textDocument/completion":
        items = result["items"] if isinstance(result, dict) else result
        return [item for item in items if not item["label"].startswith(_SEEN)]
    if isinstance(result, dict):
        return {name: value for name, value in result.items() if name != "resultId"}
    return result


def _only_where_they_differ(one: Any, other: Any) -> tuple[Any, Any]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        parts = {key: _only_where_they_differ(one.get(key), other.get(key)) for key in keys}
        return {key: a for key, (a, _) in parts.items()}, {key: b for key, (_, b) in parts.items()}
    if isinstance(one, list) and isinstance(other, list) and sorted(map(str, one)) != sorted(
        map(str, other)
    ):
        return [item for item in one if item not in other], [
            item for item in other if item not in one
        ]
    return one, other


#: How proposals begin that have been seen in the workspace, if it has been looked at.
_SEEN = "selector("
#: How actions begin that a run or a test has made possible.
_TITLES_OF_RUNS = ("Freeze to expectation", "Expect what", "Expect this outcome")


def _is_of_a_run(method: str, result: Any) -> bool:
    return method == "textDocument/hover" and "in the last run" in str(result)


def _without_runs(items: list[Json]) -> list[Json]:
    return [item for item in items if item["source"] not in _OF_RUNS]


async def _check_published(client: Client, fresh: Client, patience: float) -> None:
    """Waits until the diagnostics that were pushed are those that a fresh server is asked for."""
    wanted: Said = {}
    for uri in client.open_texts:
        report = await fresh.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        _add(wanted, uri, report["items"])
        for other, inner in report.get("relatedDocuments", {}).items():
            _add(wanted, other, inner["items"])
    for uri, items in fresh.published.items():  # flaws of configuration files, pushed to everybody
        _add(wanted, uri, items)
    until = time.monotonic() + patience
    while (different := _different(client, wanted)) and time.monotonic() < until:
        await client.something(0.1)
        client.check()
    if different:
        raise Flaw(f"what was pushed is not what there is\n{different}")


#: By URI the items without the places that they name, and these places.
Said = dict[str, dict[str, set[str]]]


def _add(wanted: Said, uri: str, items: list[Json]) -> None:
    """Adds what one program says of a file; what several say is said once, with all places."""
    known = wanted.setdefault(uri, {})
    for item in items:
        places = known.setdefault(json.dumps({**item, "relatedInformation": None}), set())
        places.update(json.dumps(place) for place in item.get("relatedInformation", ()))


def _different(client: Client, wanted: Said) -> str:
    said = []
    for uri in {**client.published, **wanted}:
        pushed: Said = {}
        _add(pushed, uri, _without_runs(client.published.get(uri, [])))
        ours, theirs = pushed[uri], wanted.get(uri, {})
        if uri.endswith("nvm-lsp.toml") and not theirs:
            continue  # it was read for a document that has been closed since, or in passing
        if uri in client.open_texts and uri not in client.published:
            said.append(f"{uri}: nothing was pushed")
        elif uri in client.open_texts and client.pushed_version(uri) != (
            client.open_texts[uri].version
        ):
            said.append(f"{uri}: version {client.pushed_version(uri)} was pushed last")
        if ours != theirs:
            only = [
                {key: places for key, places in these.items() if those.get(key) != places}
                for these, those in ((ours, theirs), (theirs, ours))
            ]
            said.append(f"{uri}\n  pushed {only[0]}\n  fresh  {only[1]}")
    return "\n".join(said)
