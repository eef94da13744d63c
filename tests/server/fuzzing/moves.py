"""What a client does with what it was given: it applies edits, follows items, keeps results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.server.fuzzing.comparison import FORMAT
from tests.server.fuzzing.programs import library
from tests.server.fuzzing.text import Flaw, Json

if TYPE_CHECKING:
    from tests.server.fuzzing.session import Session

_MOST_FOLLOWED = 4


def _open_document(session: Session) -> str | None:
    return session.pick.choice(list(session.texts)) if session.texts else None


# Edits that the server gives ----------------------------------------------------------------------


async def format_document(session: Session) -> None:
    """Formats a document or a part; what is formatted stays as it is when formatted again."""
    uri = _open_document(session)
    if uri is None:
        return
    params: Json = {"textDocument": {"uri": uri}, **FORMAT}
    if session.pick.random() < 0.4:
        text = session.texts[uri]
        places = sorted(session.pick.randint(0, len(text.text)) for _ in "12")
        params["range"] = {
            name: text.position(place) for name, place in zip(("start", "end"), places, strict=True)
        }
        edits = await session.ask("textDocument/rangeFormatting", params)
        if edits:
            session.apply_edits(uri, edits, "rangeFormatting")
        return
    edits = await session.ask("textDocument/formatting", params)
    if not edits:
        return
    session.apply_edits(uri, edits, "formatting")
    again = await session.ask("textDocument/formatting", params)
    if again:
        raise Flaw(f"what was formatted is formatted again: {again}")


async def type_newline(session: Session) -> None:
    uri = _open_document(session)
    if uri is None:
        return
    text = session.texts[uri]
    offset, ch = session.pick.randint(0, len(text.text)), session.pick.choice("\n\n:")
    position = text.position(offset)
    here = {"start": position, "end": position}
    session.change(uri, [{"range": here, "text": ch}])
    after = session.texts[uri]
    behind = after.position(min(after.offset(position) + 1, len(after.text)))
    edits = await session.ask("textDocument/onTypeFormatting", {
        "textDocument": {"uri": uri}, "position": behind, "ch": ch, **FORMAT,
    })
    if edits:
        session.apply_edits(uri, edits, "onTypeFormatting")


def _place_of_word(session: Session, uri: str, words: str) -> Json:
    text = session.texts[uri]
    found = list(re.finditer(words, text.text))
    if not found:
        return session.place(text)
    word = session.pick.choice(found)
    return text.position(session.pick.randint(word.start(), word.end()))


async def rename(session: Session) -> None:
    uri = _open_document(session)
    if uri is None:
        return
    place = _place_of_word(session, uri, r"%?\b(start|again|twice|[ABx]|l\d+|shared|data)\b")
    params = {"textDocument": {"uri": uri}, "position": place}
    able = await session.ask("textDocument/prepareRename", params)
    new = session.pick.choice(("fresh", "again", "B", "A", "start", "x"))
    edit = await session.ask("textDocument/rename", {**params, "newName": new})
    if able is None and edit is not None:
        raise Flaw(f"{place} of {uri} can be renamed, but prepareRename does not say so")
    if edit is not None:
        session.apply(edit, "rename")


async def act(session: Session) -> None:
    """Takes an action that is offered."""
    uri = _open_document(session)
    if uri is None:
        return
    text = session.texts[uri]
    places = sorted(session.pick.randint(0, len(text.text)) for _ in "12")
    if session.pick.random() < 0.3:
        places[1] = places[0]
    start, end = map(text.position, places)
    actions = await session.ask("textDocument/codeAction", {
        "textDocument": {"uri": uri}, "range": {"start": start, "end": end},
        "context": {"diagnostics": session.client.published.get(uri, [])[:5]},
    })
    if not actions:
        return
    action = session.pick.choice(actions)
    if "edit" not in action and "data" in action:
        action = await session.ask("codeAction/resolve", action) or {}
    if action.get("edit"):
        session.apply(action["edit"], action["title"])


async def complete(session: Session) -> None:
    """Types the beginning of a word, and takes what is proposed."""
    uri = _open_document(session)
    if uri is None:
        return
    text = session.texts[uri]
    position = session.place(text)
    typed = session.pick.choice(
        ("", "P", "%", "%t", "PUSH ", "#@ ", "st", '%include "', "S", "#? ", "#= ", "# [")
    )
    session.change(uri, [{"range": {"start": position, "end": position}, "text": typed}])
    text = session.texts[uri]
    behind = text.position(text.offset(position) + len(typed))
    found = await session.ask(
        "textDocument/completion", {"textDocument": {"uri": uri}, "position": behind}
    )
    items = found["items"] if isinstance(found, dict) else found
    if not items:
        return
    item = session.pick.choice(items)
    resolved = await session.ask("completionItem/resolve", item)
    if resolved is None:
        return
    for name in ("label", "textEdit", "insertText", "sortText", "filterText"):
        if resolved.get(name) != item.get(name):
            raise Flaw(f"resolving changed {name} of {item} to {resolved}")
    new = item.get("textEdit") or {
        "range": {"start": behind, "end": behind}, "newText": item.get("insertText", item["label"])
    }
    plain = re.sub(r"\$\{\d+:([^}]*)\}|\$\d+", r"\1", new["newText"])
    edits = [{"range": new["range"], "newText": plain}]
    session.apply_edits(uri, edits + resolved.get("additionalTextEdits", []), "completion")


# Results that a client keeps ----------------------------------------------------------------------


async def follow_tokens(session: Session) -> None:
    """Changes applied to the tokens that are known are what asking for all of them gives."""
    uri = _open_document(session)
    if uri is None:
        return
    document = {"textDocument": {"uri": uri}}
    known = session.tokens.get(uri)
    if known is not None:
        delta = await session.ask(
            "textDocument/semanticTokens/full/delta",
            {**document, "previousResultId": known["resultId"]},
        )
        if delta is not None and "edits" in delta:
            data = list(known["data"])
            for edit in sorted(delta["edits"], key=lambda edit: -edit["start"]):
                end = edit["start"] + edit["deleteCount"]
                if end > len(data):
                    raise Flaw(f"{edit} of {len(data)} numbers")
                data[edit["start"] : end] = edit.get("data", [])
            delta = {"data": data, "resultId": delta["resultId"]}
        if delta is not None:
            full = await session.ask("textDocument/semanticTokens/full", document)
            if full["data"] != delta["data"]:
                raise Flaw(f"{uri}: tokens by changes {delta['data']}, at once {full['data']}")
            session.tokens[uri] = session.pick.choice((full, delta))
            return
    full = await session.ask("textDocument/semanticTokens/full", document)
    if full is not None:
        session.tokens[uri] = full


async def follow_reports(session: Session) -> None:
    """A report that is "unchanged" is what asking anew gives."""
    uri = _open_document(session)
    if uri is None or not session.pulls:
        return
    document = {"textDocument": {"uri": uri}}
    known = session.reports.get(uri)
    before = known["resultId"] if known else None
    report = await session.ask(
        "textDocument/diagnostic", {**document, "previousResultId": before}
    )
    full = await session.ask("textDocument/diagnostic", document)
    if report is None or full is None:
        return
    if report["kind"] == "unchanged" and known is not None and known["items"] != full["items"]:
        raise Flaw(f"{uri} is no longer {known['items']} but {full['items']}")
    session.reports[uri] = full
    ids = [{"uri": uri, "value": full["resultId"]}]
    found = await session.ask("workspace/diagnostic", {"previousResultIds": ids})
    for row in found["items"] if found else ():
        if row["uri"] == uri and row["kind"] == "full" and row["items"] != full["items"]:
            raise Flaw(f"{uri} of the workspace is {row}, alone {full}")


async def follow_calls(session: Session) -> None:
    uri = _open_document(session)
    if uri is None:
        return
    place = _place_of_word(session, uri, r"%?\b(start|again|twice|[ABx]|l\d+|shared|data)\b")
    items = await session.ask(
        "textDocument/prepareCallHierarchy", {"textDocument": {"uri": uri}, "position": place}
    )
    work = list(items or ())
    for _ in range(_MOST_FOLLOWED):
        if not work:
            break
        item = work.pop(session.pick.randrange(len(work)))
        for direction, end in (("incoming", "from"), ("outgoing", "to")):
            calls = await session.ask(f"callHierarchy/{direction}Calls", {"item": item})
            work += [call[end] for call in calls or ()]


async def look_at_lenses(session: Session) -> None:
    """Resolves lenses, and clicks at one."""
    uri = _open_document(session)
    if uri is None:
        return
    lenses = await session.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    for lens in session.pick.sample(lenses or [], min(len(lenses or []), _MOST_FOLLOWED)):
        found = lens if "command" in lens else await session.ask("codeLens/resolve", lens)
        if found is None:
            continue
        if found["range"] != lens["range"] or not found["command"]["title"]:
            raise Flaw(f"{lens} was resolved to {found}")
        command = found["command"]
        if command["command"].startswith("nvm.") and session.pick.random() < 0.2:
            await session.ask("workspace/executeCommand", {
                "command": command["command"], "arguments": command.get("arguments", []),
            })


async def trace(session: Session) -> None:
    """Reads a trace, chunk by chunk."""
    uri = _open_document(session)
    if uri is None:
        return
    found = await session.ask(
        "workspace/executeCommand", {"command": "nvm.trace", "arguments": [uri, {}]}
    )
    if found is None:
        return
    header, steps = found["header"], len(found["chunk"]["steps"])
    chunks = max(len(header["starts"]), 1)
    for number in range(1, min(chunks, _MOST_FOLLOWED)):
        chunk = await session.ask(
            "workspace/executeCommand",
            {"command": "nvm.trace", "arguments": [uri, {"chunk": number}]},
        )
        if chunk is None or chunk["header"] is not None:
            raise Flaw(f"chunk {number} of {chunks} is {chunk}")
        steps += len(chunk["chunk"]["steps"])
    if chunks <= _MOST_FOLLOWED and steps != header["kept"]:
        raise Flaw(f"{steps} steps in chunks, {header['kept']} said")


# Files --------------------------------------------------------------------------------------------


async def move_file(session: Session) -> None:
    """Renames a file or folder; what includes it follows."""
    old, new = session.pick.choice((
        ("one/library.easm", "one/new é.easm"), ("one/new é.easm", "one/library.easm"),
        ("one/sub", "one/deep"), ("one/deep", "one/sub"), ("two/shared.easm", "one/shared.easm"),
        ("one/shared.easm", "two/shared.easm"), ("one/cases.toml", "one/sub/cases.toml"),
        ("one/sub/cases.toml", "one/cases.toml"),
    ))
    if not (session.folder / old).exists() or (session.folder / new).exists():
        return
    before, after = session.uri(old), session.uri(new)
    edit = await session.ask(
        "workspace/willRenameFiles", {"files": [{"oldUri": before, "newUri": after}]}
    )
    if edit is not None:
        session.apply(edit, "willRenameFiles")
    inside = [uri for uri in session.texts if uri == before or uri.startswith(f"{before}/")]
    for uri in inside:
        session.write(session.name_of(uri), session.texts[uri].text)
        await session.close(uri)
    files = [
        path.relative_to(session.folder) for path in (session.folder / old).rglob("*")
        if path.is_file()
    ] or [old]
    session.client.perform_now({"move": [old, new]})
    session.client.notify("workspace/didChangeWatchedFiles", {"changes": [
        {"uri": session.uri(name), "type": kind}
        for file in files
        for name, kind in ((str(file), 3), (new + str(file)[len(old) :], 1))
    ]})
    for uri in inside:
        session.open(after + uri[len(before) :])


async def entangle(session: Session) -> None:
    """Has a program include a file that then changes: in the editor, on disk, or by closing."""
    name, library_name = session.uri("one/program.easm"), session.uri("one/library.easm")
    if name not in session.texts:
        session.open(name)
    text = '%include "library.easm"\n%assert A == 7\nPUSH1 A\n' + session.texts[name].text
    session.change(name, [{"text": text}])
    way = session.pick.choice(("edit", "disk", "close"))
    session.write("one/library.easm", "%def A = 7\n")
    session.told([library_name])
    if library_name in session.texts:
        await session.close(library_name)
    if way != "disk":
        session.open(library_name)
        if way == "close":
            session.change(library_name, [{"text": "%def A = 700\n"}])
    await session.ask("textDocument/diagnostic", {"textDocument": {"uri": name}})
    if way == "edit":
        session.change(library_name, [{"text": "%def A = 700\n"}])
    elif way == "close":
        await session.close(library_name)
    else:
        new = session.pick.choice(("%def A = 70000\n", library(session.pick)))
        session.write("one/library.easm", new)
        session.told([library_name])


