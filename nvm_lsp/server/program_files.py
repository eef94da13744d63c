"""Which files make programs together, and where a name occurs in all of them.

Judged by `%include` lines alone, whatever their conditions, so that files with errors count.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pygls.exceptions import JsonRpcException

from nvm_lsp.assembler import Unreadable
from nvm_lsp.assembler.references import (
    Occurrence,
    Target,
    definitions,
    occurrences,
    structure,
)
from nvm_lsp.server.paths import Boundary
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["Found", "ProgramFiles", "includes_of", "lines_json", "range_json", "read_workspace"]

_CONTENT_MODIFIED = -32801  # LSP 3.17, ErrorCodes.ContentModified
#: Seconds after which reading lets others have their turn.
_TURN = 0.01

#: Files of programs that are followed, those in the folders and what they include.
_MAX_FILES = 10_000


class Found(NamedTuple):
    """An occurrence and the file that it is in."""

    path: str
    tree: SyntaxTree
    occurrence: Occurrence


async def read_workspace(server: NvmServer, uri: str | None = None) -> None:
    """Reads the files of the workspace, so that a `ProgramFiles` made next finds them read.

    The first time takes long where they are many: others have their turn, and it can be cancelled.

    Raises:
        JsonRpcException: the document of that URI has changed meanwhile.
    """
    documents = server.documents.documents
    before = documents[uri].version if uri in documents else None
    files = ProgramFiles(server)
    loop = asyncio.get_running_loop()
    turn = loop.time() + _TURN
    for path in server.documents.files():
        if path is not None:
            files.tree(path)
        if loop.time() > turn:
            await asyncio.sleep(0)
            turn = loop.time() + _TURN
    if uri in documents and documents[uri].version != before:
        raise JsonRpcException("the text has changed, so this is asked in vain", _CONTENT_MODIFIED)


class ProgramFiles:
    """The workspace's files as they are now, for one request.

    Files open in the editor are as they are there. What lies outside of the workspace is not read
    unless that is allowed.
    """

    def __init__(self, server: NvmServer) -> None:
        self.server = server
        self.workspace = server.documents
        self.loader = self.workspace.loader()
        self._open: dict[str, OpenDocument] = {
            opened.document.path: opened for opened in self.workspace.documents.values()
        }
        self._trees: dict[str, SyntaxTree | None] = {
            path: opened.tree for path, opened in self._open.items()
        }

    def all(self) -> list[str]:
        """Paths of all open documents, then of the easm files in the folders."""
        files = (path for path in self.workspace.files() if path is not None)
        return list(dict.fromkeys((*self._open, *files)))

    def tree(self, path: str) -> SyntaxTree | None:
        """A file's tree, None if it cannot be read."""
        if path not in self._trees:
            tree = self.loader.source(path)
            self._trees[path] = None if isinstance(tree, Unreadable) else tree
        return self._trees[path]

    def uri(self, path: str) -> str:
        """A file's URI, spelled as the editor spells it if it is open."""
        return self.workspace.uri_of(path)

    def exists(self, path: str) -> bool:
        """Whether there is such a file among those that may be read."""
        return path in self._open or (self._readable.allows(path) and os.path.isfile(path))

    def is_editable(self, path: str) -> bool:
        """Whether a file is open or lies in the workspace's folders, links resolved."""
        return path in self._open or self._folders.allows(path)

    @cached_property
    def _readable(self) -> Boundary:
        return self.workspace.boundary()

    @cached_property
    def _folders(self) -> Boundary:
        return Boundary(self.workspace.folders)

    # Programs ------------------------------------------------------------------------------------

    def sharing(self, path: str, target: Target, *, every: bool = False) -> list[str]:
        """The files that share a name with a file: all programs that it belongs to, and so on.

        Only files in which the name occurs lead on to further programs: two programs that include
        one library do not share a name that the library does not know. With ``every``, the other
        files of these programs are told, too.
        """
        found: dict[str, None] = {path: None}
        others: dict[str, None] = {}
        work, seen = [path], set()
        while work:
            above = _reachable(work.pop(), self._included_by)
            roots = [file for file in above if not self._included_by.get(file)] or list(above)
            for root in roots:
                if root in seen:
                    continue
                seen.add(root)
                for file in _reachable(root, self._includes):
                    if file in found:
                        continue
                    others[file] = None
                    tree = self.tree(file)
                    if tree is not None and next(occurrences(tree, target), None) is not None:
                        found[file] = None
                        work.append(file)
        return list({**found, **others} if every else found)

    def programs_with(self, path: str) -> list[str]:
        """The files that include a file, directly or not, and are included by none."""
        above = _reachable(path, self._included_by)
        return [file for file in above if file != path and not self._included_by.get(file)]

    def defining(self, name: str, is_macro: bool) -> list[str]:
        """The files of the workspace that define a label, constant or table, or a macro."""
        kinds = ("macro",) if is_macro else ("label", "position", "table", "constant")
        found = []
        for path in self.all():
            tree = self.tree(path)
            if tree is not None and any(
                place.name == name and place.kind in kinds and (
                    is_macro or structure(tree).macro_at(place.line) is None
                )
                for place in definitions(tree)
            ):
                found.append(path)
        return found

    def occurrences(
        self, path: str, target: Target, *, pictures: bool = False
    ) -> Iterator[Found]:
        """All places that mean a target of a file, in it and in the programs it belongs to.

        With ``pictures`` the words of stack comments, too.
        """
        files = [path] if target.scope is not None else self.sharing(path, target)
        yield from self._in(files, target, pictures=pictures)

    def definitions(self, path: str, target: Target, *, near: bool = False) -> list[Found]:
        """The definitions of a target; those ``near`` by are all that open files tell of.

        For them the workspace need not be read.
        """
        if near and target.scope is None:
            places = self._in(dict.fromkeys((path, *self.around(path))), target)
        else:
            places = self.occurrences(path, target)
        return [place for place in places if place.occurrence.is_definition]

    def _in(
        self, files: Iterable[str], target: Target, *, pictures: bool = False
    ) -> Iterator[Found]:
        for file in files:
            tree = self.tree(file)
            if tree is not None:
                for occurrence in occurrences(tree, target, pictures=pictures):
                    yield Found(file, tree, occurrence)

    def around(self, path: str) -> dict[str, None]:
        """The files that make programs with a file, judged by it and by the open ones alone."""
        found: dict[str, None] = {}
        for start in (path, *self._open):
            files = self.closure(start)
            if path in files:
                found.update(files)
        return found

    def closure(self, path: str) -> dict[str, None]:
        """A file and all that it includes."""
        found: dict[str, None] = {path: None}
        work = [path]
        while work and len(found) < _MAX_FILES:
            here = work.pop()
            tree = self.tree(here)
            for other in self.included(here, tree) if tree is not None else ():
                if other not in found:
                    found[other] = None
                    work.append(other)
        return found

    def included(self, path: str, tree: SyntaxTree) -> Iterator[str]:
        """The files that a file includes, directly."""
        for _, statement in includes_of(tree):
            if isinstance(statement, t.Include):
                yield self.loader.resolve(statement.path.value.decode("utf-8", "replace"), path)

    @cached_property
    def _includes(self) -> dict[str, set[str]]:
        """The files that each file includes, from the open ones and those in the folders on."""
        graph: dict[str, set[str]] = {}
        work = self.all()
        while work and len(graph) < _MAX_FILES:
            file = work.pop()
            if file not in graph:
                tree = self.tree(file)
                graph[file] = set() if tree is None else set(self.included(file, tree))
                work += graph[file]
        return graph

    @cached_property
    def _included_by(self) -> dict[str, set[str]]:
        graph: dict[str, set[str]] = {}
        for file, inner in self._includes.items():
            for other in inner:
                graph.setdefault(other, set()).add(file)
        return graph

    # JSON ----------------------------------------------------------------------------------------

    def location_json(self, found: Found) -> dict[str, Any]:
        """An occurrence as an LSP location."""
        return {"uri": self.uri(found.path), "range": self.range_json(found)}

    def range_json(self, found: Found) -> dict[str, Any]:
        """An occurrence as an LSP range."""
        place = found.occurrence
        return range_json(self.server, found.tree, place.line, place.start, place.end)


def range_json(
    server: NvmServer, tree: SyntaxTree, line: int, start: int, end: int
) -> dict[str, Any]:
    """Columns of one line as an LSP range."""
    text = tree.line(line).text if line < tree.line_count else ""
    units = server.converter.units
    return {
        "start": {"line": line, "character": units(text, start)},
        "end": {"line": line, "character": units(text, end)},
    }


def lines_json(server: NvmServer, tree: SyntaxTree, first: int, last: int) -> dict[str, Any]:
    """Whole lines as an LSP range, without the last line's end."""
    text = tree.line(last).text.rstrip("\r\n")
    return {
        "start": {"line": first, "character": 0},
        "end": {"line": last, "character": server.converter.units(text, len(text))},
    }


def includes_of(tree: SyntaxTree) -> Iterator[tuple[int, t.Include | t.Incbin]]:
    """The lines that name another file, in the order of the text."""
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        found = chunk.cache.get("includes")
        if not isinstance(found, tuple):
            found = tuple(
                (offset, line.statement)
                for offset, line in enumerate(chunk.lines)
                if isinstance(line.statement, t.Include | t.Incbin)
            )
            chunk.cache["includes"] = found
        for offset, statement in found:
            yield start + offset, statement


def _reachable(start: str, edges: dict[str, set[str]]) -> dict[str, None]:
    """All that edges lead to, the start first."""
    found: dict[str, None] = {start: None}
    work = [start]
    while work:
        for other in sorted(edges.get(work.pop(), ())):
            if other not in found:
                found[other] = None
                work.append(other)
    return found
