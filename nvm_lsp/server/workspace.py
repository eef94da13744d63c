"""The open documents with their trees and assemblies; an edit costs what it changed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from nvm_lsp.assembler import Assembly, FileLoader, Unreadable, assemble
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.linter import check
from nvm_lsp.source import Document, Span
from nvm_lsp.syntax import SyntaxTree, edit, parse_lines

__all__ = ["OpenDocument", "Workspace", "path_of", "uri_of"]


def path_of(uri: str) -> str:
    """The path of a file URI; another URI as it is."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return uri
    return os.path.normpath(url2pathname(unquote(parts.path)))


def uri_of(path: str) -> str:
    """The URI of a path; what is a URI already stays one."""
    return Path(path).as_uri() if os.path.isabs(path) else path


@dataclass(slots=True)
class OpenDocument:
    """A document as the editor has it. ``assembly`` and ``diagnostics`` are None when outdated."""

    uri: str
    document: Document
    tree: SyntaxTree
    assembly: Assembly | None = None
    diagnostics: tuple[Diagnostic, ...] | None = None

    @property
    def version(self) -> int:
        return self.document.version

    def change(self, span: Span, text: str, version: int) -> None:
        """Applies an edit."""
        self.document, first, removed, count = self.document.replace(span, text, version)
        self.tree = edit(self.tree, first, removed, self.document.lines[first : first + count])
        self.assembly = self.diagnostics = None

    def set_text(self, text: str, version: int) -> None:
        """Replaces the whole text."""
        self.document = Document.from_text(self.document.path, text, version)
        self.tree = parse_lines(self.document.path, self.document.lines)
        self.assembly = self.diagnostics = None


@dataclass(slots=True)
class Workspace:
    """All open documents, by URI."""

    documents: dict[str, OpenDocument] = field(default_factory=dict)

    def open(self, uri: str, text: str, version: int) -> OpenDocument:
        path = path_of(uri)
        document = Document.from_text(path, text, version)
        opened = OpenDocument(uri, document, parse_lines(path, document.lines))
        self.documents[uri] = opened
        self.invalidate()
        return opened

    def close(self, uri: str) -> None:
        self.documents.pop(uri, None)
        self.invalidate()

    def invalidate(self) -> None:
        """Makes all assemblies outdated: a file that they may include has changed."""
        for document in self.documents.values():
            document.assembly = document.diagnostics = None

    def includers(self, path: str) -> list[OpenDocument]:
        """The open documents that include a file, judged by their last assembly."""
        return [
            document
            for document in self.documents.values()
            if document.document.path != path
            and document.assembly is not None
            and any(context.path == path for context in document.assembly.program.contexts)
        ]

    def assembly(self, opened: OpenDocument) -> Assembly:
        """The document's assembly, made anew if the text has changed."""
        if opened.assembly is None:
            opened.assembly = assemble(opened.tree, loader=self.loader())
        return opened.assembly

    def diagnostics(self, opened: OpenDocument) -> tuple[Diagnostic, ...]:
        """All that is wrong with a document, in all files that it is made of."""
        if opened.diagnostics is None:
            opened.diagnostics = check(self.assembly(opened))
        return opened.diagnostics

    def loader(self) -> OverlayLoader:
        """Reads included files, those open in the editor as they are there."""
        return OverlayLoader({d.document.path: d.tree for d in self.documents.values()})

    def text_of(self, path: str) -> Document | None:
        """The text of an open file."""
        opened = self.documents.get(uri_of(path))
        return opened.document if opened is not None else None


class OverlayLoader(FileLoader):
    """Files from disk, except those that are open in the editor."""

    def __init__(self, trees: dict[str, SyntaxTree]) -> None:
        super().__init__()
        self._open = trees

    def source(self, path: str) -> SyntaxTree | Unreadable:
        opened = self._open.get(path)
        return opened if opened is not None else super().source(path)
