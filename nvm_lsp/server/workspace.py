"""The programs of a workspace with their trees and assemblies; an edit costs what it changed.

Files that are open in the editor are as they are there; others are as they are on disk, looked at
again whenever they are asked for. It knows nothing of the protocol.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field, replace

from nvm_lsp.analysis.analyzer import forget
from nvm_lsp.assembler import Assembly, FileLoader, Limits, Unreadable, assemble
from nvm_lsp.assembler.loader import decode_source
from nvm_lsp.configuration import Configurations, FileSettings, Layer
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.linter import check
from nvm_lsp.opcodes import find_fork
from nvm_lsp.server.parts import Includers, includes_in, is_lack, lacks_names, said_of
from nvm_lsp.server.paths import (
    Boundary,
    Stamp,
    is_scenario_file,
    path_of,
    stamp_of,
    uri_of,
)
from nvm_lsp.server.settings import Settings
from nvm_lsp.source import Document, Span, changed_lines
from nvm_lsp.syntax import SyntaxTree, edit, parse_lines

__all__ = ["OpenDocument", "Workspace"]

SUFFIX = ".easm"
#: Folders that hold no programs of the user's own, beside those whose names begin with a dot.
_PASSED_OVER = {"node_modules", "__pycache__", "site-packages"}
#: Unopened programs that are kept assembled.
_MAX_KEPT = 500


@dataclass(slots=True)
class OpenDocument:
    """A document as the editor has it. ``assembly`` and ``diagnostics`` are None when outdated.

    ``read`` are the paths that its last assembly asked for, there or not. Of a document that is
    ``too_large`` the tree is empty. ``former`` are assemblies that can be forgotten once nobody is
    at work on them.
    """

    uri: str
    document: Document
    tree: SyntaxTree
    limit: int = 1 << 62
    size: int = 0
    assembly: Assembly | None = None
    diagnostics: tuple[Diagnostic, ...] | None = None
    read: frozenset[str] = frozenset()
    former: list[Assembly] = field(default_factory=list)

    @property
    def version(self) -> int:
        return self.document.version

    @property
    def too_large(self) -> bool:
        return self.size > self.limit

    @property
    def includes(self) -> tuple[str, ...]:
        """The paths that it includes, as they are written."""
        return includes_in(self.tree)

    def change(self, span: Span, text: str, version: int) -> tuple[int, int, int]:
        """Applies an edit. The first line that it replaced, how many of them, and by how many."""
        before, was_too_large = self.document.lines, self.too_large
        self.document, first, removed, count = self.document.replace(span, text, version)
        added = self.document.lines[first : first + count]
        self.size += sum(map(len, added)) - sum(map(len, before[first : first + removed]))
        if was_too_large or self.too_large:
            self._parse()
        else:
            self.tree = edit(self.tree, first, removed, added)
        self.outdate()
        return first, removed, count

    def set_text(self, text: str, version: int) -> tuple[int, int, int]:
        """Replaces the whole text. What differs, as `change` tells it."""
        before = self.document.lines
        self.document = Document.from_text(self.document.path, text, version)
        self.size = len(text)
        self._parse()
        self.outdate()
        return changed_lines(before, self.document.lines)

    def set_limit(self, limit: int) -> None:
        was_too_large = self.too_large
        self.limit = limit
        if was_too_large is not self.too_large:
            self._parse()
            self.outdate()

    def outdate(self) -> None:
        """Says that the assembly is not of the text, or not of the files, that there are now."""
        if self.assembly is not None:
            self.former.append(self.assembly)
        self.assembly = self.diagnostics = None

    def bury(self) -> None:
        """Forgets what is known of former texts."""
        while self.former:
            forget(self.former.pop())

    def _parse(self) -> None:
        lines = () if self.too_large else self.document.lines
        self.tree = parse_lines(self.document.path, lines)


@dataclass(slots=True)
class Workspace:
    """Open documents by URI, and what lies in the ``folders`` (absolute paths).

    ``trusted`` is None where nobody has said.
    """

    documents: dict[str, OpenDocument] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    trusted: bool | None = None
    configurations: Configurations = field(default_factory=Configurations)
    _includers: Includers = field(default_factory=Includers)
    _spelled: dict[str, str] = field(default_factory=dict)
    _files: dict[str, tuple[Stamp | None, SyntaxTree | Unreadable]] = field(default_factory=dict)
    _stamps: dict[str, Stamp | None] = field(default_factory=dict)
    _closed: OrderedDict[str, _Closed] = field(default_factory=OrderedDict)

    # Open documents ------------------------------------------------------------------------------

    def open(self, uri: str, text: str, version: int) -> OpenDocument:
        path = path_of(uri)
        opened = OpenDocument(
            uri, Document(path, ()), parse_lines(path, ()), self.settings.limits.file_size
        )
        opened.set_text(text, version)
        self.documents[uri] = opened
        self._spelled[path] = uri
        self._closed.pop(path, None)
        self._outdate_readers(path)
        return opened

    def close(self, uri: str) -> None:
        opened = self.documents.pop(uri, None)
        if opened is not None:
            path = opened.document.path
            if self._spelled.get(path) == uri:
                del self._spelled[path]
            self._outdate_readers(path)

    def configure(
        self, settings: Settings, trusted: bool | None, folders: tuple[str, ...]
    ) -> None:
        """Takes over what was set, and makes everything outdated."""
        self.settings, self.trusted, self.folders = settings, trusted, folders
        for opened in self.documents.values():
            opened.set_limit(settings.limits.file_size)
        self.invalidate()

    def invalidate(self) -> None:
        """Makes everything outdated: the configuration, or a file anywhere, has changed."""
        self._includers.changed()
        self.configurations = Configurations(follows=self._allows)
        self._closed.clear()
        for document in self.documents.values():
            document.outdate()

    def includers(self, path: str) -> list[OpenDocument]:
        """The other open documents that have asked for a file."""
        return [
            document
            for document in self.documents.values()
            if document.document.path != path and path in document.read
        ]

    def has_scenarios(self) -> bool:
        """Whether a scenario in TOML is open."""
        return any(map(is_scenario_file, self.documents))

    def scenarios(self) -> list[OpenDocument]:
        """The open scenarios in TOML; what is said of them hangs on whether a program names them.

        They are outdated.
        """
        found = [opened for uri, opened in self.documents.items() if is_scenario_file(uri)]
        for opened in found:
            opened.outdate()
        return found

    def _outdate_readers(self, path: str) -> None:
        for opened in self.includers(path):
            opened.outdate()

    def refresh_from_disk(self, told: Collection[str] = ()) -> list[OpenDocument]:
        """The open documents that a file has changed for since it was read; now outdated.

        Of the files that somebody has ``told`` of, that is taken for granted: two changes within
        a tick of the file system's clock may leave the same stamp.
        """
        changed = {
            path for path, stamp in self._stamps.items()
            if stamp_of(path) != stamp or (path in told and uri_of(path) not in self.documents)
        }
        found = [d for d in self.documents.values() if d.read & changed]
        for path in changed:
            del self._stamps[path]
            self._files.pop(path, None)
        for path, closed in tuple(self._closed.items()):
            if path in changed or closed.program.read & changed:
                del self._closed[path]
        for opened in found:
            opened.outdate()
        return found

    def open_at(self, path: str) -> OpenDocument | None:
        """The open document of a path, however the editor spells its URI."""
        uri = self._spelled.get(path)
        return self.documents.get(uri) if uri is not None else None

    def uri_of(self, path: str) -> str:
        """A path's URI, as the editor spells it if it is open there."""
        opened = self.open_at(path)
        return opened.uri if opened is not None else uri_of(path)

    # What they mean ------------------------------------------------------------------------------

    def assembly(self, opened: OpenDocument) -> Assembly:
        """The document's assembly, made anew if the text has changed."""
        if opened.assembly is None:
            opened.assembly, opened.read = self.assembled(opened, opened.tree)
        return opened.assembly

    def assembled(
        self, opened: OpenDocument, tree: SyntaxTree
    ) -> tuple[Assembly, frozenset[str]]:
        """The assembly of a text in place of a document's, and the files that were read for it."""
        loader = self.loader(opened)
        assembly = assemble(
            tree, loader=loader, default_fork=self._fork(opened),
            limits=Limits(self.settings.limits.expansion, self.settings.limits.output),
        )
        return assembly, frozenset(loader.read)

    def judging(self, opened: OpenDocument) -> tuple[OpenDocument, ...] | None:
        """The programs that judge a file which lacks names; None if it judges itself.

        They may be none, if their conditions leave the file out.
        """
        if opened.too_large or not lacks_names(self.assembly(opened)):
            return None
        path = opened.document.path
        paths = self._includers.programs_with(self, path)
        found: list[OpenDocument] = []
        for name in paths:
            program = self.open_at(name) or self.closed(name)
            if program is not None:
                contexts = self.assembly(program).program.contexts
                opened.read |= {name} | program.read
                if any(context.path == path for context in contexts):
                    found.append(program)
        return tuple(found) if paths else None

    def said_of_part(
        self, opened: OpenDocument, said: list[tuple[Diagnostic, ...]]
    ) -> tuple[Diagnostic, ...]:
        """What counts of a file that lacks names, by what its programs say."""
        if not said:
            return tuple(d for d in self.assembly(opened).diagnostics if not is_lack(d))
        return said_of(opened.document.path, said)

    def parts(self) -> list[OpenDocument]:
        """The open documents that lack names: what is said of them hangs on who includes them."""
        self._includers.changed()
        return [
            opened for opened in self.documents.values()
            if opened.assembly is not None and lacks_names(opened.assembly)
        ]

    def diagnostics(self, opened: OpenDocument) -> tuple[Diagnostic, ...]:
        """All that is wrong with a document, in all files that it is made of."""
        if opened.diagnostics is None:
            opened.diagnostics = check(self.assembly(opened), settings=self.lint_settings(opened))
        return opened.diagnostics

    def lint_settings(self, opened: OpenDocument) -> FileSettings:
        """What counts for linting: the project's files, and on top of them the editor's."""
        lint = self.settings.lint
        found = self.file_settings(opened)
        return replace(
            found,
            layers=(*found.layers, Layer(lint.select or None, (), lint.ignore)),
            levels=(*found.levels, *lint.severity.items()),
            target=found.target if lint.target == "project" else lint.target,
        )

    def file_settings(self, opened: OpenDocument) -> FileSettings:
        """What the project's configuration files say of a document."""
        path = opened.document.path
        if not os.path.isabs(path):
            if not self.folders:
                return FileSettings()
            path = os.path.join(self.folders[0], "untitled" + SUFFIX)
        return self.configurations.of(path).for_file(path)

    def _fork(self, opened: OpenDocument) -> str | None:
        for name in (self.settings.fork, self.file_settings(opened).fork):
            if name and find_fork(name) is not None:
                return name
        return None

    def text_of(self, path: str) -> Document | None:
        """The text of a file that is open or was read for one that is."""
        opened = self.open_at(path)
        if opened is not None:
            return opened.document
        read = self._files.get(path)
        if read is None or not isinstance(read[1], SyntaxTree):
            return None
        return Document(path, tuple(line.text for line in read[1].lines()))

    # Files ---------------------------------------------------------------------------------------

    def loader(
        self, opened: OpenDocument | None = None, *, instead: SyntaxTree | None = None
    ) -> OverlayLoader:
        """Reads files for a document, those open in the editor as they are there.

        One may be read as it is not: ``instead`` of its text.
        """
        trees = {d.document.path: d.tree for d in self.documents.values()}
        if instead is not None:
            trees[instead.path] = instead
        return OverlayLoader(trees, self.boundary(opened), self)

    def boundary(self, opened: OpenDocument | None = None) -> Boundary:
        """The files that may be read for a document, or for any one that is open.

        They are those of the workspace's folders, and of the document's own if it is in none.
        """
        folders = list(self.folders)
        inside = Boundary(folders)
        for document in [opened] if opened is not None else self.documents.values():
            path = document.document.path
            if os.path.isabs(path) and not inside.allows(path):
                folders.append(os.path.dirname(path))
        everything = self.settings.includes.allow_outside and self.trusted is not False
        return Boundary(folders, everything=everything)

    def _allows(self, path: str) -> bool:
        return self.boundary().allows(path)

    def base_of(self, path: str) -> str:
        """What relative paths in a file are relative to; of an unsaved one, the first folder."""
        if os.path.isabs(path) or not self.folders:
            return path
        return os.path.join(self.folders[0], "untitled" + SUFFIX)

    def source(self, path: str) -> SyntaxTree | Unreadable:
        """The tree of a file on disk, as it is there now."""
        stamp, known = stamp_of(path), self._files.get(path)
        self._stamps[path] = stamp
        if known is not None and known[0] == stamp:
            return known[1]
        if stamp is not None and stamp[1] > self.settings.limits.file_size:
            tree: SyntaxTree | Unreadable = _too_large(path, self.settings.limits.file_size)
        else:
            data = _read_file(path, stamp)
            text = data if isinstance(data, Unreadable) else decode_source(data, path)
            tree = text if isinstance(text, Unreadable) else _parsed(path, text)
        self._files[path] = (stamp, tree)
        return tree

    def data(self, path: str) -> bytes | Unreadable:
        """The bytes of a file on disk."""
        self._stamps[path] = stamp = stamp_of(path)
        return _read_file(path, stamp)

    def files(self) -> Iterator[str | None]:
        """The programs' paths in the folders, at most as many as are looked at.

        None stands for a folder that was looked through, so that others may have their turn.
        """
        left = self.settings.limits.workspace_files
        seen: set[str] = set()
        for root in self.folders:
            for folder, folders, names in os.walk(root):
                yield None
                configuration = self.configurations.of(folder)
                folders[:] = sorted(
                    name for name in folders
                    if not name.startswith(".") and name not in _PASSED_OVER
                    and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
                    and not configuration.excludes(os.path.join(folder, name))
                )
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    if not name.endswith(SUFFIX) or path in seen or configuration.excludes(path):
                        continue
                    seen.add(path)
                    yield path
                    left -= 1
                    if left <= 0:
                        return

    async def programs(self) -> AsyncIterator[OpenDocument]:
        """Every program of the workspace: the open ones, then the others in the folders.

        Others have their turn after each, so that whoever waits for this can be cancelled. Those
        that are not open must not be changed.
        """
        for opened in tuple(self.documents.values()):
            await asyncio.sleep(0)
            if opened.uri in self.documents:
                yield opened
        boundary = self.boundary()
        for path in self.files():
            await asyncio.sleep(0)
            if path is None or self.open_at(path) is not None or not boundary.allows(path):
                continue
            found = self.closed(path)
            if found is not None:
                yield found

    def looked_at(self) -> tuple[OpenDocument, ...]:
        """Programs that are not open, as they were when somebody last asked for them."""
        return tuple(known.program for known in self._closed.values())

    def closed(self, path: str) -> OpenDocument | None:
        """A program that is not open, as it is on disk; None where it cannot be read."""
        stamp, known = stamp_of(path), self._closed.get(path)
        if known is not None and known.stamp == stamp and known.is_fresh(self):
            self._closed.move_to_end(path)
            return known.program
        tree = self.source(path)
        if isinstance(tree, Unreadable):
            self._closed.pop(path, None)
            return None
        document = Document(path, tuple(line.text for line in tree.lines()))
        program = OpenDocument(uri_of(path), document, tree)
        self.assembly(program)
        stamps = {name: self._state(name) for name in program.read}
        self._closed[path] = _Closed(stamp, program, stamps)
        if len(self._closed) > _MAX_KEPT:
            self._closed.popitem(last=False)
        return program

    def _state(self, path: str) -> object:
        """What tells whether a file is still the one that was read."""
        opened = self.open_at(path)
        return opened.document if opened is not None else stamp_of(path)


@dataclass(slots=True)
class _Closed:
    """A program that is not open, and the state of the files that it was made of."""

    stamp: Stamp | None
    program: OpenDocument
    states: dict[str, object]

    def is_fresh(self, workspace: Workspace) -> bool:
        for path in self.program.read - self.states.keys():  # scenarios' files, read later
            self.states[path] = workspace._stamps.get(path)
        return all(workspace._state(path) == state for path, state in self.states.items())


class OverlayLoader(FileLoader):
    """Files from disk inside of a boundary, except those that are open in the editor.

    ``read`` are the paths that were asked for.
    """

    def __init__(
        self, trees: dict[str, SyntaxTree], boundary: Boundary, workspace: Workspace
    ) -> None:
        super().__init__()
        self._open = trees
        self._boundary = boundary
        self._workspace = workspace
        self.read: set[str] = set()

    def resolve(self, path: str, base: str) -> str:
        return super().resolve(path, self._workspace.base_of(base))

    def source(self, path: str) -> SyntaxTree | Unreadable:
        self.read.add(path)
        opened = self._open.get(path)
        if opened is not None:
            return opened
        return self._refusal(path) or self._workspace.source(path)

    def data(self, path: str) -> bytes | Unreadable:
        self.read.add(path)
        return self._refusal(path) or self._workspace.data(path)

    def _refusal(self, path: str) -> Unreadable | None:
        if self._boundary.allows(path):
            return None
        if not os.path.isabs(path):
            return Unreadable(f"{path} is relative to no folder", "save the program first")
        return Unreadable(
            f"{path} lies outside the workspace",
            "open its folder in the workspace, too, or allow it: nvm-lsp.includes.allowOutside",
        )


def _parsed(path: str, text: str) -> SyntaxTree:
    return parse_lines(path, Document.from_text(path, text).lines)


def _read_file(path: str, stamp: Stamp | None) -> bytes | Unreadable:
    # What is no regular file, a pipe for instance, might never come to an end.
    if stamp is None and os.path.exists(path) and not os.path.isdir(path):
        return Unreadable(f"{path} is no regular file", "name a file")
    return FileLoader().data(path)


def _too_large(path: str, limit: int) -> Unreadable:
    return Unreadable(
        f"{path} is larger than {limit:,} bytes", "split it, or raise nvm-lsp.limits.fileSize"
    )
