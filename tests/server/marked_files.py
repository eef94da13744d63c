"""A folder of files with marks in them, as an editor has it: `<|>` is the cursor, `⟦` and `⟧` bound
what the server must answer with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lsprotocol import types as lsp
from pytest_lsp import LanguageClient

_MARKS = re.compile(r"<\|>|⟦|⟧")


@dataclass(frozen=True, order=True)
class Mark:
    """A stretch of a file; columns are UTF-16 units."""

    file: str
    line: int
    start: int
    end: int


@dataclass
class Files:
    """Files of a session: some open, all on disk in ``root``."""

    client: LanguageClient
    root: Path
    cursor: lsp.TextDocumentPositionParams | None = None
    expected: list[Mark] | None = None
    texts: dict[str, str] | None = None

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def name(self, uri: str) -> str:
        """A file's name in the folder; another URI as it is."""
        prefix = self.root.as_uri() + "/"
        return unquote(uri.removeprefix(prefix))

    def write(self, files: dict[str, str], opened: Iterable[str] = ()) -> None:
        """Writes the files without their marks, and opens those with a cursor or named."""
        self.expected, self.texts = [], {}
        for name, marked in files.items():
            text, cursor, marks = unmarked(marked)
            self.texts[name] = text
            self.expected += [Mark(name, *mark) for mark in marks]
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            if cursor is not None:
                self.cursor = lsp.TextDocumentPositionParams(
                    lsp.TextDocumentIdentifier(self.uri(name)), lsp.Position(*cursor)
                )
        for name in files:
            if name in opened or (self.cursor and self.cursor.text_document.uri == self.uri(name)):
                self.open(name)

    def open(self, name: str) -> None:
        assert self.texts is not None
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(
                lsp.TextDocumentItem(self.uri(name), "easm", 1, self.texts[name])
            )
        )

    def edit(self, name: str, line: int, start: int, end: int, text: str, version: int) -> None:
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(uri=self.uri(name), version=version),
                [
                    lsp.TextDocumentContentChangePartial(
                        range=lsp.Range(lsp.Position(line, start), lsp.Position(line, end)),
                        text=text,
                    )
                ],
            )
        )

    async def ask(self, method: str, **more: Any) -> Any:
        """The answer to a request at the cursor."""
        assert self.cursor is not None, "mark the cursor with <|>"
        uri, position = self.cursor.text_document.uri, self.cursor.position
        params = {
            "textDocument": {"uri": uri},
            "position": {"line": position.line, "character": position.character},
            **more,
        }
        return await self.request(method, params)

    async def request(self, method: str, params: Any) -> Any:
        """The answer to a request whose parameters are JSON."""
        kind = lsp.METHOD_TO_TYPES[method][2]
        structured = self.client.protocol._converter.structure(params, kind)
        return await self.client.protocol.send_request_async(method, structured)

    def marks(self, locations: Any) -> list[Mark]:
        """Locations of an answer, sorted."""
        return sorted(
            Mark(self.name(place.uri), *_columns(place.range)) for place in locations or ()
        )

    def marks_here(self, ranges: Any) -> list[Mark]:
        """Ranges in the file of the cursor, sorted."""
        assert self.cursor is not None
        name = self.name(self.cursor.text_document.uri)
        return sorted(Mark(name, *_columns(place)) for place in ranges or ())

    async def close(self) -> None:
        for uri in [self.uri(name) for name in self.texts or ()]:
            self.client.text_document_did_close(
                lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
            )


def _columns(place: lsp.Range) -> tuple[int, int, int]:
    assert place.start.line == place.end.line, f"{place} spans lines"
    return place.start.line, place.start.character, place.end.character


def unmarked(
    marked: str,
) -> tuple[str, tuple[int, int] | None, list[tuple[int, int, int]]]:
    """The text, the cursor, and line, start and end of each marked stretch."""
    text, cursor = "", None
    marks: list[tuple[int, int, int]] = []
    begins: list[tuple[int, int]] = []
    last = 0
    for found in _MARKS.finditer(marked):
        text += marked[last : found.start()]
        last = found.end()
        line = text.count("\n")
        column = len(text.rsplit("\n", 1)[-1].encode("utf-16-le")) // 2
        if found[0] == "<|>":
            cursor = line, column
        elif found[0] == "⟦":
            begins.append((line, column))
        else:
            first, start = begins.pop()
            assert first == line, "a mark spans one line"
            marks.append((line, start, column))
    return text + marked[last:], cursor, marks
