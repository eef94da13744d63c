"""A client that does things at random: edits, asks, uses what it is given, and changes its mind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.server.fuzzing import moves
from tests.server.fuzzing.answers import edits_by_uri
from tests.server.fuzzing.client import Client
from tests.server.fuzzing.comparison import capabilities, check_against_fresh, initialize
from tests.server.fuzzing.parameters import COMMANDS, PARAMETERS
from tests.server.fuzzing.programs import (
    CONFIGURATIONS,
    SCENARIOS,
    SETTINGS,
    TYPED,
    library,
    program,
    some_lines,
    statements,
)
from tests.server.fuzzing.text import Json, Text

__all__ = ["Session"]

#: Paths below the session's folder; there are two roots.
PROGRAMS = (
    "one/program.easm", "one/library.easm", "one/other.easm", "one/sub/inner.easm",
    "two/shared.easm",
)
NAMES = (*PROGRAMS, "one/cases.toml", "one/new é.easm", "untitled:Untitled-1")
MOST_LINES = 300


class Session:
    """What a client of a seed does. A seed says, too, what the client can do."""

    def __init__(self, client: Client, seed: int | str, *, pulls: bool | None = None) -> None:
        self.client, self.folder = client, client.folder
        self.pick = random.Random(str(seed))
        self.encoding = self.pick.choice(("utf-8", "utf-16", "utf-32"))
        self.pulls = self.pick.random() < 0.5
        if pulls is not None:
            self.pulls = pulls
        self.capabilities = capabilities(
            self.encoding, pulls=self.pulls, asks=self.pick.random() < 0.5
        )
        #: Whether versions start again when a document is opened again, as in some editors.
        self.restarts = self.pick.random() < 0.5
        self.waiting: dict[int, str] = {}
        self.tokens: dict[str, Json] = {}
        self.reports: dict[str, Json] = {}
        self.steps = 0
        self._versions: dict[str, int] = {}

    # Names and texts -----------------------------------------------------------------------------

    def uri(self, name: str) -> str:
        return name if ":" in name else (self.folder / name).as_uri()

    def name_of(self, uri: str) -> str:
        return str(Path(unquote(urlsplit(uri).path)).relative_to(self.folder))

    @property
    def texts(self) -> dict[str, Text]:
        return self.client.open_texts

    def document(self) -> tuple[str, Text]:
        """A document that mostly is open."""
        uri = self.pick.choice([*self.texts, *self.texts, self.uri(self.pick.choice(NAMES))])
        return uri, self.texts.get(uri, Text("STOP\n", None, self.encoding))

    def place(self, text: Text) -> Json:
        return text.position(self.pick.randint(0, len(text.text)))

    # Life ----------------------------------------------------------------------------------------

    async def begin(self) -> None:
        for name in PROGRAMS:
            self.write(name, (library if "lib" in name or "/s" in name else program)(self.pick))
        self.write("one/cases.toml", self.pick.choice(SCENARIOS))
        self.write("one/code.hex", "0x6001")
        folders = [self.uri("one")] + [self.uri("two")] * (self.pick.random() < 0.3)
        self.client.perform_now({"settings": self.some_settings()})
        options = {"nvm-lsp": self.client.settings}
        await initialize(self.client, self.capabilities, folders, options)
        self.open(self.uri("one/program.easm"))

    async def step(self) -> None:
        """Does one thing."""
        self.steps += 1
        move = self.pick.choices(_MOVES, _WEIGHTS)[0]
        done = move(self)
        if done is not None:
            await done
        if len(self.waiting) > 8 or self.pick.random() < 0.2:
            await self.settle()
        elif self.pick.random() < 0.1:
            await asyncio.sleep(self.pick.choice((0, 0.001, 0.02)))
        self.client.check()

    async def settle(self) -> None:
        """Waits for the answers to all requests."""
        waiting, self.waiting = self.waiting, {}
        for number in waiting:
            await self.client.answer(number)
        self.client.check()

    async def compare(self) -> None:
        """
        Raises:
            Flaw: the server does not know what a fresh one does.
        """
        await self.settle()
        self.client.check_progress_ended()
        await check_against_fresh(self.client, self.pick, pulls=self.pulls)

    async def ask(self, method: str, params: Json) -> Any:
        """What is answered, None if that is an error that may be."""
        number = self.client.request(method, params)
        answer = await self.client.answer(number)
        self.client.check()
        return answer.get("result")

    # What it does --------------------------------------------------------------------------------

    def edit(self) -> None:
        if not self.texts:
            return
        uri = self.pick.choice(list(self.texts))
        if len(self.texts[uri].lines) > MOST_LINES or self.pick.random() < 0.05:
            self.change(uri, [{"text": self._whole(uri)}])
            return
        text, changes = self.texts[uri], []
        for _ in range(self.pick.choice((1, 1, 1, 2, 3))):
            changes.append(self._change(text))
            text = text.change(changes[-1], text.version or 0)
        self.change(uri, changes)

    def change(self, uri: str, changes: list[Json]) -> None:
        version = (self.texts[uri].version or 0) + self.pick.choice((1, 1, 1, 5))
        self.client.notify("textDocument/didChange", {
            "textDocument": {"uri": uri, "version": version}, "contentChanges": changes,
        })

    def _whole(self, uri: str) -> str:
        if uri.endswith(".toml"):
            return self.pick.choice(SCENARIOS)
        way = self.pick.random()
        if way < 0.3 and uri.endswith(("library.easm", "inner.easm", "shared.easm")):
            return library(self.pick)
        if way < 0.85:
            return program(self.pick)
        return some_lines(self.pick, self.pick.randint(0, 150))

    def _change(self, text: Text) -> Json:
        pick = self.pick
        if pick.random() < 0.4:  # something sound, as a line
            line = {"line": pick.randrange(len(text.lines)), "character": 0}
            return {"range": {"start": line, "end": line}, "text": statements(pick)}
        start = end = pick.randint(0, len(text.text))
        if pick.random() < 0.4:
            end = min(start + int(pick.expovariate(1 / 20)), len(text.text))
        new = pick.choice(("", pick.choice(TYPED), pick.choice(TYPED), some_lines(pick, 1),
                           some_lines(pick, 3, pick.choice(("\n", "\r\n", "\r")))))
        range_ = {"start": text.position(start), "end": text.position(end)}
        if pick.random() < 0.05:  # to the end of a line, or of the text, as some editors say it
            range_["end"] = {"line": range_["end"]["line"], "character": 2**31 - 1}
        elif pick.random() < 0.03:
            range_["end"] = {"line": pick.choice((len(text.lines), 2**31 - 1)), "character": 0}
        change = {"range": range_, "text": new}
        if pick.random() < 0.3:
            change["rangeLength"] = end - start
        return change

    def ask_something(self) -> None:
        method = self.pick.choice(list(PARAMETERS))
        self.waiting[self.client.request(method, PARAMETERS[method](self))] = method

    def command(self) -> None:
        name = self.pick.choice(list(COMMANDS))
        params: Json = {"command": name, "arguments": COMMANDS[name](self)}
        if self.pick.random() < 0.3:
            params["workDoneToken"] = f"token {self.client.number}"
        self.waiting[self.client.request("workspace/executeCommand", params)] = name
        if self.pick.random() < 0.1 and "workDoneToken" in params:
            self.client.notify(
                "window/workDoneProgress/cancel", {"token": params["workDoneToken"]}
            )

    def cancel(self) -> None:
        if self.waiting:
            number = self.pick.choice([*self.waiting, 10**6])
            self.client.notify("$/cancelRequest", {"id": number})

    async def close_or_open(self) -> None:
        uri = self.uri(self.pick.choice(NAMES))
        if uri in self.texts:
            await self.close(uri)
        else:
            self.open(uri)

    async def close(self, uri: str) -> None:
        self._versions[uri] = self.texts[uri].version or 0
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        self.tokens.pop(uri, None)
        self.reports.pop(uri, None)
        if self.restarts:  # what is on its way for the old version 2 is not for the new one
            await self.ask("workspace/symbol", {"query": "nothing of the sort"})

    def open(self, uri: str) -> None:
        known = self.client.text_of(uri)
        text = known.text if known is not None else ""
        before = self._versions.get(uri, 0)
        version = self.pick.choice((0, 1, 1, 7)) if self.restarts or not before else before + 1
        self.client.notify("textDocument/didOpen", {"textDocument": {
            "uri": uri, "languageId": "easm", "version": version, "text": text,
        }})

    def save(self) -> None:
        for uri in [self.pick.choice(list(self.texts))] if self.texts else []:
            if not uri.startswith("untitled:"):
                self.write(self.name_of(uri), self.texts[uri].text)
                self.told([uri])
            self.client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})

    def disk(self) -> None:
        name = self.pick.choice(NAMES[:-1])
        uri = self.uri(name)
        if self.pick.random() < 0.2:
            self.client.perform_now({"delete": name})
            self.told([uri], 3)
        else:
            self.write(name, self._whole(uri))
            self.told([uri], 2)

    def write(self, name: str, text: str) -> None:
        self.client.perform_now({"write": name, "text": text})

    def told(self, uris: list[str], kind: int = 2) -> None:
        self.client.notify(
            "workspace/didChangeWatchedFiles",
            {"changes": [{"uri": uri, "type": kind} for uri in uris]},
        )

    def configure(self) -> None:
        settings = self.some_settings()
        if self.capabilities["workspace"]["configuration"]:
            self.client.perform_now({"settings": settings})
            self.client.notify("workspace/didChangeConfiguration", {"settings": None})
        else:
            self.client.notify(
                "workspace/didChangeConfiguration", {"settings": {"nvm-lsp": settings}}
            )

    def some_settings(self) -> Json:
        chosen: Json = {"inlayHints": {"results": False}, **self.pick.choice(SETTINGS)}
        chosen["run"] = {"seconds": 0.3, **chosen.get("run", {})}
        return chosen

    def configuration_file(self) -> None:
        name = self.pick.choice(("one/nvm-lsp.toml", "one/sub/nvm-lsp.toml"))
        if self.pick.random() < 0.4:
            self.client.perform_now({"delete": name})
        else:
            self.write(name, self.pick.choice(CONFIGURATIONS))
        self.told([self.uri(name)])

    def trust(self) -> None:
        self.client.notify("nvm/didChangeTrust", {"trusted": self.pick.random() < 0.5})

    def change_folders(self) -> None:
        uri = self.uri("two") if self.pick.random() < 0.9 else self.uri("one")
        folder = [{"uri": uri, "name": "a folder"}]
        is_there = uri in self.client.folders
        self.client.notify("workspace/didChangeWorkspaceFolders", {"event": {
            "added": [] if is_there else folder, "removed": folder if is_there else [],
        }})

    def apply(self, edit: Json, what: str) -> None:
        """Applies a workspace edit to texts and files, as an editor does.

        Raises:
            Flaw: it cannot be.
        """
        texts = {}
        for uri, edits in edits_by_uri(edit, lambda uri: (
            self.texts[uri].version if uri in self.texts else None
        )).items():
            text = self.client.text_of(uri)
            assert text is not None  # see answers.py
            texts[uri] = text.edited(edits, what)
        for uri, new in texts.items():
            if uri in self.texts:
                self.apply_edits(uri, edit_list(edit, uri), what)
            else:
                self.write(self.name_of(uri), new)
                self.told([uri])

    def apply_edits(self, uri: str, edits: list[Json], what: str) -> None:
        """Applies edits of one open text, and tells the server so in one way or another."""
        text = self.texts[uri]
        new = text.edited(edits, what)
        # From the last one on, so that each leaves the places of the others as they are.
        ordered = sorted(
            enumerate(edits), key=lambda item: (text.offset(item[1]["range"]["start"]), item[0])
        )
        changes = [
            {"range": edit["range"], "text": edit["newText"]} for _, edit in reversed(ordered)
        ]
        for change in changes:
            text = text.change(change, text.version or 0)
        # Where a line end is torn apart, they do not.
        if self.pick.random() < 0.3 or text.text != new:
            changes = [{"text": new}]
        self.change(uri, changes)


def edit_list(edit: Json, uri: str) -> list[Json]:
    """The edits of one document in a workspace edit."""
    if "changes" in edit:
        changes: list[Json] = edit["changes"][uri]
        return changes
    return next(
        change["edits"] for change in edit["documentChanges"]
        if change["textDocument"]["uri"] == uri
    )


_WEIGHTED: dict[Callable[[Session], Any], float] = {
    Session.edit: 30,
    Session.ask_something: 25,
    Session.cancel: 4,
    Session.close_or_open: 4,
    Session.disk: 2,
    Session.command: 1.5,
    Session.save: 1.5,
    Session.configure: 0.4,
    Session.configuration_file: 0.5,
    Session.trust: 0.3,
    Session.change_folders: 0.4,
    moves.format_document: 1.5,
    moves.type_newline: 1.5,
    moves.rename: 2,
    moves.act: 3,
    moves.complete: 3,
    moves.follow_tokens: 3,
    moves.follow_reports: 2,
    moves.follow_calls: 1,
    moves.look_at_lenses: 1,
    moves.move_file: 0.7,
    moves.trace: 0.5,
    moves.entangle: 0.5,
}
_MOVES, _WEIGHTS = tuple(_WEIGHTED), tuple(_WEIGHTED.values())
