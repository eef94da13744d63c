"""A client whose every step is a record of JSON, so that a session can be written and replayed.

It holds what an editor would: texts, settings, folders, and the diagnostics that it was sent; and
it notices what no server may say.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.server.fuzzing.answers import check_answer, check_diagnostics
from tests.server.fuzzing.text import Flaw, Json, Text
from tests.server.wire import Wire, spawn

__all__ = ["CAPABILITIES", "Client", "Record", "memory_of"]

#: What the client did: ``send`` a message, ``wait`` for an answer, ``write``, ``delete`` or
#: ``move`` a file (paths below the folder), or have ``settings`` for when it is asked.
Record = dict[str, Any]

#: Errors that a request may be answered with; any other is a bug.
ALLOWED = {-32800, -32801, -32802, -32803, -32602}
CAPABILITIES: Json = {
    "workspace": {
        "workspaceFolders": True,
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "workspaceEdit": {"documentChanges": True},
        "diagnostics": {"refreshSupport": True},
        "textDocumentContent": {},
    },
    "window": {"workDoneProgress": True},
    "textDocument": {
        "semanticTokens": {
            "requests": {"full": {"delta": True}, "range": True}, "tokenTypes": [],
            "tokenModifiers": [], "formats": ["relative"],
        },
        "completion": {"completionItem": {"snippetSupport": True}},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
    },
}
#: Seconds after which a server that says nothing counts as stuck.
_PATIENCE = 40.0
_FOLDER = "@FOLDER@"
#: Versions of a text that are remembered, for diagnostics that are still on their way.
_KEPT = 100
_ERROR = 1  # LSP 3.17, MessageType


class Client(Wire):
    """One conversation in a folder of its own."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, stderr: Any) -> None:
        assert process.stdout is not None
        super().__init__(process.stdout, process.stdin, process)
        self.folder, self.stderr = folder, stderr
        self.records: list[Record] = []
        self.flaws: list[str] = []
        self.encoding = "utf-16"
        self.open_texts: dict[str, Text] = {}
        self.settings: Json = {}
        self.trusted: bool | None = None
        self.folders: list[str] = []
        self.published: dict[str, list[Json]] = {}
        self.took: dict[str, list[float]] = defaultdict(list)
        self._disk = 0
        self._sent: dict[int, tuple[str, Any, Any, float]] = {}
        self._past: dict[str, dict[int | None, Text]] = {}
        self._last: dict[str, int] = {}
        self._progress: dict[Any, str] = {}
        self._came = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())
        for method in ("client/registerCapability", "window/workDoneProgress/create"):
            self.replies[method] = None
        self.replies["workspace/configuration"] = lambda _: [self.settings]
        self.replies["workspace/applyEdit"] = {"applied": True}

    @staticmethod
    async def start(folder: Path) -> Client:
        stderr = TemporaryFile()  # noqa: SIM115 -- closed in `leave`
        return Client(await spawn(stderr=stderr), folder, stderr)

    # Records -------------------------------------------------------------------------------------

    async def perform(self, record: Record, *, noted: bool = True) -> None:
        """Does what a record says; what makes no sense (any more) is passed over."""
        if noted:
            self.records.append(json.loads(json.dumps(record)))
        if "send" in record:
            if self._note(record["send"]):
                self.send(record["send"])
        elif "wait" in record:
            if record["wait"] in self._sent or record["wait"] in self.answers:
                await self.answer(record["wait"])
        elif "settings" in record:
            self.settings = record["settings"]
        else:
            self._change_disk(record)

    def _change_disk(self, record: Record) -> None:
        self._disk += 1
        if "write" in record:
            path = self.folder / record["write"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(record["text"].encode())
        elif "delete" in record:
            (self.folder / record["delete"]).unlink(missing_ok=True)
        elif "move" in record:
            old, new = (self.folder / name for name in record["move"])
            new.parent.mkdir(parents=True, exist_ok=True)
            if old.exists():
                shutil.move(old, new)

    def _everything(self) -> Any:
        """What answers hang on."""
        return self._disk, tuple(self.folders), dict(self.open_texts)

    def perform_now(self, record: Record) -> None:
        """Like `perform`, of what there is nothing to wait for."""
        assert "wait" not in record
        with contextlib.suppress(StopIteration):
            self.perform(record).send(None)

    def notify(self, method: str, params: Any = None) -> None:
        self.perform_now({"send": {"method": method, "params": params}})

    def request(self, method: str, params: Any = None) -> int:
        self.number += 1
        self.perform_now({"send": {"id": self.number, "method": method, "params": params}})
        return self.number

    async def answer(self, number: Any) -> Json:
        """The answer to a request; that it was waited for is noted, too."""
        self.records.append({"wait": number})
        deadline = time.monotonic() + _PATIENCE
        while number not in self.answers:
            if self._reading.done():
                raise Flaw(f"the server has gone; {self.said_on_stderr()}")
            if time.monotonic() > deadline:
                raise Flaw(f"no answer to {self._sent[number][0]} in {_PATIENCE:.0f} s")
            await self.something(1.0)
        return self.answers.pop(number)

    async def something(self, seconds: float) -> None:
        """Waits until a message has come, but not for long."""
        self._came.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), seconds)

    def _note(self, message: Json) -> bool:
        """Keeps what an editor knows up to date; whether the message makes sense now."""
        method, params = message["method"], message.get("params")
        if "id" in message:
            number = message["id"]
            self.number = max(self.number, number)
            self._sent[number] = (method, params, self._everything(), time.monotonic())
        if method == "initialize":
            self.encoding = params["capabilities"]["general"]["positionEncodings"][0]
            self.folders = [folder["uri"] for folder in params["workspaceFolders"]]
            options = params["initializationOptions"]
            self.settings, self.trusted = options["nvm-lsp"], options.get("trusted")
        elif method == "textDocument/didOpen":
            item = params["textDocument"]
            if item["uri"] in self.open_texts:
                return False
            self._now(item["uri"], Text(item["text"], item["version"], self.encoding))
            self._last.pop(item["uri"], None)
        elif method == "textDocument/didClose":
            uri = params["textDocument"]["uri"]
            self._past.pop(uri, None)
            return self.open_texts.pop(uri, None) is not None
        elif method == "textDocument/didChange":
            uri, version = params["textDocument"]["uri"], params["textDocument"]["version"]
            if uri not in self.open_texts:
                return False
            for change in params["contentChanges"]:
                self._now(uri, self.open_texts[uri].change(change, version))
        elif method == "textDocument/didSave":
            return params["textDocument"]["uri"] in self.open_texts
        elif method == "workspace/didChangeConfiguration":
            if params["settings"]:
                self.settings = params["settings"]["nvm-lsp"]
        elif method == "nvm/didChangeTrust":
            self.trusted = params["trusted"]
        elif method == "workspace/didChangeWorkspaceFolders":
            event = params["event"]
            gone = [folder["uri"] for folder in event["removed"]]
            self.folders = [uri for uri in self.folders if uri not in gone]
            self.folders += [folder["uri"] for folder in event["added"]]
        elif method == "$/cancelRequest":
            return params["id"] in self._sent or params["id"] == 10**6
        return True

    def _now(self, uri: str, text: Text) -> None:
        self.open_texts[uri] = text
        past = self._past.setdefault(uri, {})
        past[text.version] = text
        if len(past) > _KEPT:
            del past[next(iter(past))]

    # Files of records ----------------------------------------------------------------------------

    def written(self, records: list[Record]) -> str:
        """Records as lines of JSON that hold in any folder."""
        lines = [json.dumps(record) for record in records]
        return "".join(f"{line}\n" for line in lines).replace(str(self.folder), _FOLDER)

    @staticmethod
    def read(text: str, folder: Path) -> list[Record]:
        lines = text.replace(_FOLDER, str(folder)).split("\n")
        return [json.loads(line) for line in lines if line.strip()]

    def checkpoint(self) -> None:
        """Forgets how the present state came about: files, texts and settings are kept."""
        first = self.records[: 1 + next(
            i for i, record in enumerate(self.records)
            if record.get("send", {}).get("method") == "initialized"
        )]
        initialize = next(
            record["send"]["params"] for record in first
            if record.get("send", {}).get("method") == "initialize"
        )
        initialize["workspaceFolders"] = [{"uri": uri, "name": uri} for uri in self.folders]
        initialize["initializationOptions"] = self.options()
        files = [
            {"write": str(path.relative_to(self.folder)), "text": path.read_bytes().decode()}
            for path in sorted(self.folder.rglob("*")) if path.is_file()
        ]
        opened = [
            {"send": {"method": "textDocument/didOpen", "params": {"textDocument": {
                "uri": uri, "languageId": "easm", "version": text.version, "text": text.text,
            }}}}
            for uri, text in self.open_texts.items()
        ]
        first = [record for record in first if "write" not in record]
        self.records = json.loads(json.dumps([*files, *first, *opened]))

    def options(self) -> Json:
        """What another client would have to say first, to be where this one is."""
        known = {} if self.trusted is None else {"trusted": self.trusted}
        return {"nvm-lsp": self.settings, **known}

    # What comes ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split()[0])
                message = json.loads(await self.reader.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            try:
                self.take(message)
                self._check(message)
            except Flaw as flaw:
                self.flaws.append(str(flaw))
            except Exception as error:
                self.flaws.append(f"{error!r} of {str(message)[:2000]}")
            self.notifications.clear()
            self.requests.clear()
            self._came.set()
        self._came.set()

    def _check(self, message: Json) -> None:
        params = message.get("params")
        if "method" not in message:
            self._check_answer(message)
        elif message["method"] == "textDocument/publishDiagnostics":
            self._check_published(params)
        elif message["method"] in ("window/showMessage", "window/logMessage"):
            if params["type"] == _ERROR:
                raise Flaw(params["message"])
        elif message["method"] == "$/progress":
            self._check_progress(params["token"], params["value"])

    def _check_answer(self, message: Json) -> None:
        method, params, before, began = self._sent.pop(message["id"])
        name = params["command"] if method == "workspace/executeCommand" else method
        self.took[name].append(time.monotonic() - began)
        error = message.get("error")
        if error is not None:
            if error["code"] not in ALLOWED or not error["message"]:
                raise Flaw(f"{name}: {error}")
        elif before == self._everything():  # else it may be about what has been typed since
            check_answer(
                method, params, message["result"], self.text_of, self.open_texts
            )

    def text_of(self, uri: str) -> Text | None:
        """A text as it is in the editor, or on disk."""
        if uri in self.open_texts:
            return self.open_texts[uri]
        if not uri.startswith(self.folder.as_uri() + "/"):
            return None
        try:
            data = Path(unquote(urlsplit(uri).path)).read_bytes()
            return Text(data.decode(), None, self.encoding)
        except (OSError, UnicodeDecodeError):
            return None

    def _check_published(self, params: Json) -> None:
        uri, version = params["uri"], params.get("version")
        self.published[uri] = params["diagnostics"]
        opened = self.open_texts.get(uri)
        if version is None or opened is None or opened.version is None:
            return
        if version > opened.version:
            raise Flaw(f"diagnostics of version {version} of {uri}, which is at {opened.version}")
        if version < self._last.get(uri, version):
            raise Flaw(f"stale: version {version} of {uri} after {self._last[uri]}")
        self._last[uri] = version
        text = self._past[uri].get(version)
        if text is not None:
            check_diagnostics(
                uri, params["diagnostics"], lambda name: text if name == uri else None
            )

    def _check_progress(self, token: Any, value: Json) -> None:
        kind = value.get("kind")
        before = self._progress.get(token)
        if kind is None:
            return  # a part of a result
        if (kind == "begin") is not (before is None or before == "end"):
            raise Flaw(f"progress {token}: {kind} after {before}")
        self._progress[token] = kind

    def pushed_version(self, uri: str) -> int | None:
        """The version that diagnostics of an open document last came for."""
        return self._last.get(uri)

    def check(self) -> None:
        """
        Raises:
            Flaw: something has come that must not.
        """
        if self.flaws:
            raise Flaw("\n".join(self.flaws))

    def check_progress_ended(self) -> None:
        left = {token: kind for token, kind in self._progress.items() if kind != "end"}
        if left:
            raise Flaw(f"progress that has no end: {left}")
        self._progress.clear()

    def said_on_stderr(self) -> str:
        self.stderr.seek(0)
        text: str = self.stderr.read().decode("utf-8", "replace")
        return text

    async def leave(self) -> None:
        """Ends the conversation as one should.

        Raises:
            Flaw: the server does not, or has left a traceback.
        """
        await self.ask("shutdown")
        self.notify("exit")
        code = await asyncio.wait_for(self.process.wait(), _PATIENCE)
        if code:
            raise Flaw(f"the server left with {code}; {self.said_on_stderr()}")
        if "Traceback" in self.said_on_stderr() or "never" in self.said_on_stderr():
            raise Flaw(f"on stderr: {self.said_on_stderr()}")
        self.check()

    async def end_now(self) -> None:
        """Whatever has happened: no process and no pipe is left."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self._reading.cancel()
        self.process._transport.close()
        self.stderr.close()


def memory_of(process: int) -> float:
    """Resident megabytes of a process, as Linux tells them; 0 elsewhere."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20
