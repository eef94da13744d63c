"""Sessions at random: edits, requests of every method, cancels, closes, files that change on disk.

At the end the server must know what a fresh server knows of the same texts. Used by test_fuzz.py
and by ``python -m benchmarks.fuzz``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nvm_lsp.server.features import FEATURES
from tests.server.wire import Wire, start

#: Errors that a request may be answered with; any other is a bug.
ALLOWED = {-32800, -32801, -32802, -32803, -32602}
CAPABILITIES = {
    "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}},
    "textDocument": {
        "diagnostic": {"relatedDocumentSupport": True},
        "semanticTokens": {
            "requests": {"full": {"delta": True}, "range": True}, "tokenTypes": [],
            "tokenModifiers": [], "formats": ["relative"],
        },
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
    },
}
OPTIONS = {"run": {"seconds": 0.3}, "inlayHints": {"results": False}}

LINES = [
    '%include "library.easm"', "  PUSH A + B", "STOP", "PUSH1 1",
    "PUSH2 0x1234  # [a]", "ADD", "ADDD", "PUSH start", "start:", "JUMP",
    "JUMPI", "DUP1", "SWAP1", "POP", "again:", "PUSH again", "  PUSH A + 2", "%def A = 3",
    "%def B = A * 2", "%macro twice(x)", "PUSH x", "%end", "%twice(4)", "%twice(", "%if A > 2",
    "%else", '%include "library.easm"', '%include "program.easm"', '%bytes "text 😀", 0x00',
    "%bytes table", "table:", "# a comment é 😀", "#@ calldata 0x01", "#@ blance 1", "#? stack",
    "#= return 7", "#= ", "MSTORE", "SSTORE", "RETURN", "%unknown(1)", "", "\t", "PUSH1 0x",
    "PUSH 1 +", '"unclosed', "%def C =", "# easm: ignore[STK001]", "%org 0x40", "%align 32",
    "CALLDATALOAD", "SELFDESTRUCT", "%fork london", "e\u0301: # combining", "%table t", "PUSH1 😀",
]
TYPED = [
    "P", "PUSH", "\n", " ", "%", ":", "#", "A", "0x", "😀", "é", "start", "(", "\r\n", "\r", '"',
]


class Text:
    """A text as an editor holds it."""

    def __init__(self, text: str, version: int = 1) -> None:
        self.text, self.version = text, version

    def lines(self) -> list[str]:
        return re.split(r"\r\n|\n|\r", self.text)

    def place(self, pick: random.Random) -> tuple[int, int]:
        """A line and a column in code points."""
        lines = self.lines()
        line = pick.randrange(len(lines))
        return line, pick.randint(0, len(lines[line]))

    def offset(self, line: int, column: int) -> int:
        at = 0
        for found in re.finditer(r"\r\n|\n|\r", self.text):
            if line == 0:
                break
            at, line = found.end(), line - 1
        return at + column


class Session:
    """A client that does things at random, and what it then has open."""

    def __init__(self, wire: Wire, folder: Path, seed: int | str) -> None:
        self.wire, self.folder = wire, folder
        self.pick = random.Random(seed)
        self.encoding = self.pick.choice(("utf-8", "utf-16", "utf-32"))
        self.open: dict[str, Text] = {}
        self.waiting: dict[int, str] = {}
        self.tokens: dict[str, str] = {}
        self.reports: dict[str, str] = {}
        self.steps = 0

    @property
    def names(self) -> tuple[str, ...]:
        return ("program.easm", "library.easm", "other.easm")

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    async def begin(self) -> None:
        for name in self.names:
            (self.folder / name).write_text(self._some_lines(20), encoding="utf-8")
        await initialize(self.wire, self.folder, self.encoding)
        self._open("program.easm")

    async def step(self) -> None:
        """Does one thing, and reads what has come."""
        self.steps += 1
        action = self.pick.choices(
            (self._edit, self._ask, self._cancel, self._close_or_open, self._disk, self._run),
            (10, 10, 2, 3, 1, 0.3),
        )[0]
        action()
        if len(self.waiting) > 8 or self.pick.random() < 0.2:
            await self.settle()

    async def settle(self) -> None:
        """Waits for the answers to all requests, and checks them."""
        for number, method in self.waiting.items():
            answer = await self.wire.answer(number)
            error = answer.get("error")
            if error is not None:
                assert error["code"] in ALLOWED, f"{method}: {error}"
            else:
                self._remember(method, answer["result"])
        self.waiting.clear()
        for message in self.wire.notifications:
            if message["method"] == "window/showMessage":
                raise AssertionError(message["params"]["message"])
        self.wire.notifications.clear()

    async def entangle(self) -> None:
        """Has a program include a file that then changes, in the editor, on disk, or by closing."""
        name, library = "program.easm", "library.easm"
        if name not in self.open:
            self._open(name)
        text = self.open[name]
        text.version += 1
        text.text = '%include "library.easm"\n%assert A == 7\nPUSH1 A\n' + text.text
        self.wire.set_text(self.uri(name), text.text, text.version)
        way = self.pick.choice(("edit", "disk", "close"))
        (self.folder / library).write_text("%def A = 7\n", encoding="utf-8")
        if library in self.open:
            self._close_or_open(library)
        else:
            self._told_of_disk(library)
        if way != "disk":
            self._open(library)
            if way == "close":
                self._define(library, 700)
        await self.wire.ask("textDocument/diagnostic", {"textDocument": {"uri": self.uri(name)}})
        if way == "edit":
            self._define(library, 700)
        elif way == "close":
            self._close_or_open(library)
        else:
            (self.folder / library).write_text("%def A = 70000\n", encoding="utf-8")
            self._told_of_disk(library)

    def _define(self, library: str, value: int) -> None:
        text = self.open[library]
        text.version += 1
        text.text = f"%def A = {value}\n"
        self.wire.set_text(self.uri(library), text.text, text.version)

    # What it does --------------------------------------------------------------------------------

    def _edit(self) -> None:
        if not self.open:
            return
        name = self.pick.choice(list(self.open))
        changes = [self._change(self.open[name]) for _ in range(self.pick.choice((1, 1, 1, 2, 3)))]
        text = self.open[name]
        text.version += 1
        self.wire.notify("textDocument/didChange", {
            "textDocument": {"uri": self.uri(name), "version": text.version},
            "contentChanges": changes,
        })

    def _change(self, text: Text) -> dict[str, Any]:
        if self.pick.random() < 0.03:
            text.text = self._some_lines(self.pick.randint(0, 150))
            return {"text": text.text}
        start = text.place(self.pick)
        end = start
        if self.pick.random() < 0.4:
            start, end = sorted((start, text.place(self.pick)))
            if end[0] - start[0] > 12 and self.pick.random() < 0.9:
                end = start
        new = self.pick.choice((
            "", self.pick.choice(TYPED), self.pick.choice(LINES) + "\n", self._some_lines(3),
        ))
        range_ = {"start": self._position(text, *start), "end": self._position(text, *end)}
        old = text.text
        text.text = old[: text.offset(*start)] + new + old[text.offset(*end) :]
        return {"range": range_, "text": new}

    def _ask(self) -> None:
        method = self.pick.choice(list(PARAMETERS))
        self.waiting[self.wire.request(method, PARAMETERS[method](self))] = method

    def _cancel(self) -> None:
        if self.waiting:
            number = self.pick.choice([*self.waiting, 10**6])
            self.wire.notify("$/cancelRequest", {"id": number})

    def _close_or_open(self, name: str = "") -> None:
        name = name or self.pick.choice(self.names)
        if name in self.open:
            del self.open[name]
            self.wire.notify("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})
        else:
            self._open(name)

    def _open(self, name: str) -> None:
        data = (self.folder / name).read_bytes().decode()
        self.open[name] = Text(data)
        self.wire.open(self.uri(name), data)

    def _disk(self) -> None:
        name = self.pick.choice(self.names)
        (self.folder / name).write_bytes(self._some_lines(self.pick.randint(0, 20)).encode())
        self._told_of_disk(name)

    def _told_of_disk(self, name: str) -> None:
        self.wire.notify(
            "workspace/didChangeWatchedFiles", {"changes": [{"uri": self.uri(name), "type": 2}]}
        )

    def _run(self) -> None:
        arguments = {"command": "nvm.run", "arguments": [self.uri(self.pick.choice(self.names))]}
        self.waiting[self.wire.request("workspace/executeCommand", arguments)] = "nvm.run"

    # Parts of parameters -------------------------------------------------------------------------

    def document(self) -> tuple[str, Text]:
        name = self.pick.choice([*self.open, self.pick.choice(self.names)])
        return name, self.open.get(name, Text("STOP\n"))

    def _position(self, text: Text, line: int, column: int) -> dict[str, int]:
        before = text.lines()[line][:column]
        if self.encoding == "utf-8":
            column = len(before.encode())
        elif self.encoding == "utf-16":
            column = len(before.encode("utf-16-le")) // 2
        return {"line": line, "character": column}

    def at(self, **more: Any) -> dict[str, Any]:
        name, text = self.document()
        position = self._position(text, *text.place(self.pick))
        if self.pick.random() < 0.1:  # of a text that the server does not have any more
            position = {"line": self.pick.randint(0, 500), "character": self.pick.randint(0, 99)}
        return {"textDocument": {"uri": self.uri(name)}, "position": position, **more}

    def over(self, **more: Any) -> dict[str, Any]:
        name, text = self.document()
        start, end = sorted((text.place(self.pick), text.place(self.pick)))
        range_ = {"start": self._position(text, *start), "end": self._position(text, *end)}
        return {"textDocument": {"uri": self.uri(name)}, "range": range_, **more}

    def of(self, **more: Any) -> dict[str, Any]:
        return {"textDocument": {"uri": self.uri(self.document()[0])}, **more}

    def _some_lines(self, count: int) -> str:
        return "".join(self.pick.choice(LINES) + "\n" for _ in range(count))

    def _remember(self, method: str, result: Any) -> None:
        if method.startswith("textDocument/semanticTokens/full") and result:
            self.tokens["last"] = result.get("resultId", "none")
        if method == "textDocument/diagnostic" and result:
            self.reports["last"] = result.get("resultId")


FORMAT = {"options": {"tabSize": 4, "insertSpaces": True}}
ITEM = {
    "name": "start", "kind": 12, "uri": "file:///nowhere.easm",
    "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}},
    "selectionRange": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}},
}


def _item(session: Session) -> dict[str, Any]:
    place = session.at()
    end = {"start": place["position"], "end": place["position"]}
    return {
        "item": {**ITEM, "uri": place["textDocument"]["uri"], "range": end, "selectionRange": end}
    }


#: What each method is asked with.
PARAMETERS: dict[str, Callable[[Session], Any]] = {
    **{
        f"textDocument/{name}": lambda s: s.at()
        for name in (
            "hover", "completion", "signatureHelp", "definition", "declaration",
            "documentHighlight", "prepareRename", "prepareCallHierarchy", "linkedEditingRange",
        )
    },
    **{
        f"textDocument/{name}": lambda s: s.of()
        for name in (
            "documentSymbol", "foldingRange", "codeLens", "documentLink", "semanticTokens/full",
        )
    },
    "textDocument/references": lambda s: s.at(context={"includeDeclaration": True}),
    "textDocument/rename": lambda s: s.at(newName=s.pick.choice(("fresh", "A", "not a name", ""))),
    "textDocument/selectionRange": lambda s: {
        "textDocument": (found := s.at())["textDocument"], "positions": [found["position"]]
    },
    "textDocument/diagnostic": lambda s: s.of(previousResultId=s.reports.get("last")),
    "textDocument/semanticTokens/full/delta": lambda s: s.of(
        previousResultId=s.tokens.get("last", "none")
    ),
    "textDocument/semanticTokens/range": lambda s: s.over(),
    "textDocument/inlayHint": lambda s: s.over(),
    "textDocument/codeAction": lambda s: s.over(context={"diagnostics": []}),
    "textDocument/formatting": lambda s: s.of(**FORMAT),
    "textDocument/rangeFormatting": lambda s: s.over(**FORMAT),
    "textDocument/onTypeFormatting": lambda s: s.at(ch=s.pick.choice("\n:"), **FORMAT),
    "callHierarchy/incomingCalls": _item,
    "callHierarchy/outgoingCalls": _item,
    "completionItem/resolve": lambda s: {"label": s.pick.choice(("ADD", "start", "nonsense"))},
    "codeLens/resolve": lambda s: {"range": s.over()["range"], "data": {"uri": "file:///none"}},
    "codeAction/resolve": lambda s: {"title": "nothing", "kind": "quickfix"},
    "workspace/willRenameFiles": lambda s: {"files": [
        {"oldUri": s.uri("library.easm"), "newUri": s.uri(s.pick.choice(("new.easm", "é/x.easm")))}
    ]},
    "workspace/symbol": lambda s: {"query": s.pick.choice(("", "st", "A", "😀"))},
    "workspace/diagnostic": lambda s: {"previousResultIds": []},
    "nvm/virtualDocument": lambda s: s.of(kind=s.pick.choice(("bytecode", "listing", "cfg"))),
    "workspace/textDocumentContent": lambda s: {"uri": "nvm-lsp:nonsense"},
}
UNKNOWN = {feature.method for feature in FEATURES} - PARAMETERS.keys()


async def initialize(wire: Wire, folder: Path, encoding: str) -> None:
    wire.replies["client/registerCapability"] = None
    await wire.initialize(
        {**CAPABILITIES, "general": {"positionEncodings": [encoding]}},
        rootUri=folder.as_uri(), initializationOptions=OPTIONS,
    )


async def state(wire: Wire, session: Session) -> dict[str, Any]:
    """What a server knows of the documents that are open."""
    found: dict[str, Any] = {}
    for name, text in sorted(session.open.items()):
        document = {"textDocument": {"uri": session.uri(name)}}
        everything = {"range": {"start": {"line": 0, "character": 0},
                                "end": {"line": len(text.lines()), "character": 0}}}
        for method, more in (
            ("textDocument/diagnostic", {}), ("textDocument/documentSymbol", {}),
            ("textDocument/semanticTokens/full", {}), ("textDocument/foldingRange", {}),
            ("textDocument/documentLink", {}), ("textDocument/inlayHint", everything),
            ("textDocument/formatting", FORMAT),
        ):
            result = await wire.ask(method, {**document, **more})
            if isinstance(result, dict):
                result.pop("resultId", None)
            found[f"{name} {method}"] = result
    return found


async def check_against_fresh(session: Session) -> None:
    """Compares what the session's server knows with what a fresh one does."""
    await session.settle()
    await session.entangle()
    fresh = await start()
    try:
        await initialize(fresh, session.folder, session.encoding)
        for name, text in session.open.items():
            fresh.open(session.uri(name), text.text, text.version)
        theirs, ours = await state(fresh, session), await state(session.wire, session)
        for key, wanted in theirs.items():
            assert ours[key] == wanted, f"{key}\n{ours[key]}\nfresh: {wanted}"
        await fresh.end()
    finally:
        if fresh.process.returncode is None:
            fresh.process.kill()
            await fresh.process.wait()
        fresh.process._transport.close()
