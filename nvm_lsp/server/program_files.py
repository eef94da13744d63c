"""Which easm files there are, in the editor and on disk, and which of them make programs together.

Judged by `%include` lines alone, whatever their conditions, so that files with errors count. Trees
of files on disk are kept until the file changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nvm_lsp.assembler import Unreadable
from nvm_lsp.assembler.references import Occurrence, Target, occurrences
from nvm_lsp.server.workspace import path_of, uri_of
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = [
    "Found",
    "files_of_programs",
    "folders",
    "includes_of",
    "is_editable",
    "location_json",
    "occurrences_everywhere",
    "range_json",
    "tree_of",
    "uri_of_file",
    "workspace_files",
]

SUFFIX = ".easm"
#: Bounds of what is looked at unopened: files, entries of folders, levels, bytes of all files.
MAX_FILES = 2_000
_MAX_ENTRIES = 50_000
_MAX_DEPTH = 16
_MAX_BYTES = 32 * 2**20
_SKIPPED = {"node_modules", "__pycache__", "venv", "target", "site-packages"}


class Found(NamedTuple):
    """An occurrence and the file that it is in."""

    path: str
    tree: SyntaxTree
    occurrence: Occurrence


# Files -------------------------------------------------------------------------------------------


def folders(server: NvmServer) -> tuple[str, ...]:
    """The paths of the workspace's folders."""
    try:
        workspace = server.workspace
    except RuntimeError:  # before initialize
        return ()
    paths = [path_of(uri) for uri in workspace.folders]
    if not paths and workspace.root_uri:
        paths = [path_of(workspace.root_uri)]
    return tuple(dict.fromkeys(paths))


def workspace_files(server: NvmServer) -> list[str]:
    """Paths of the easm files in the workspace's folders and of all open documents."""
    found = {opened.document.path: None for opened in server.documents.documents.values()}
    entries = size = files = 0
    for folder in folders(server):
        for root, below, names in os.walk(folder):
            depth = root[len(folder) :].count(os.sep)
            below[:] = sorted(
                name for name in below
                if depth < _MAX_DEPTH and name[0] != "." and name not in _SKIPPED
            )
            entries += len(below) + len(names)
            for name in sorted(names):
                path = os.path.join(root, name)
                if not name.endswith(SUFFIX) or path in found:
                    continue
                try:
                    size += os.path.getsize(path)
                except OSError:
                    continue
                files += 1
                if files > MAX_FILES or size > _MAX_BYTES:
                    return list(found)
                found[path] = None
            if entries > _MAX_ENTRIES:
                return list(found)
    return list(found)


#: Trees of files on disk, with the time of change and the size that they had when they were read.
_on_disk: dict[str, tuple[tuple[int, int], SyntaxTree]] = {}


def tree_of(server: NvmServer, path: str) -> SyntaxTree | None:
    """The tree of a file as it is in the editor, else on disk; None if it cannot be read."""
    opened = server.documents.documents.get(uri_of(path))
    if opened is not None:
        return opened.tree
    for document in server.documents.documents.values():
        if document.document.path == path:
            return document.tree
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        _on_disk.pop(path, None)
        return None
    stamp = (status.st_mtime_ns, status.st_size)
    known = _on_disk.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    tree = server.documents.loader().source(path)
    if isinstance(tree, Unreadable):
        return None
    if len(_on_disk) > 2 * MAX_FILES:
        _on_disk.clear()
    _on_disk[path] = (stamp, tree)
    return tree


def uri_of_file(server: NvmServer, path: str) -> str:
    """A file's URI, spelled as the editor spells it if it is open."""
    for opened in server.documents.documents.values():
        if opened.document.path == path:
            return opened.uri
    return uri_of(path)


def is_editable(server: NvmServer, path: str) -> bool:
    """Whether a file is open or lies in the workspace, links resolved."""
    if any(opened.document.path == path for opened in server.documents.documents.values()):
        return True
    real = os.path.realpath(path)
    return any(
        real.startswith(os.path.join(os.path.realpath(folder), "")) for folder in folders(server)
    )


# Programs ----------------------------------------------------------------------------------------


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


def files_of_programs(
    server: NvmServer, path: str, target: Target, *, every: bool = False
) -> list[str]:
    """The files that share a name with a file: all programs that it belongs to, and so on.

    Only files in which the name occurs lead on to further programs: two programs that include one
    library do not share a name that the library does not know. With ``every``, the other files of
    these programs are told, too.
    """
    includes = _include_graph(server, path)
    included_by: dict[str, set[str]] = {}
    for file, inner in includes.items():
        for other in inner:
            included_by.setdefault(other, set()).add(file)
    found: dict[str, None] = {path: None}
    others: dict[str, None] = {}
    work, seen = [path], set()
    while work:
        above = _reachable(work.pop(), included_by)
        roots = [file for file in above if not included_by.get(file)] or list(above)
        for root in roots:
            if root in seen:
                continue
            seen.add(root)
            for file in _reachable(root, includes):
                if file in found:
                    continue
                others[file] = None
                tree = tree_of(server, file)
                if tree is not None and next(occurrences(tree, target), None) is not None:
                    found[file] = None
                    work.append(file)
    return list({**found, **others} if every else found)


def occurrences_everywhere(
    server: NvmServer, path: str, tree: SyntaxTree, target: Target
) -> Iterator[Found]:
    """All places that mean a target of a file, in it and in the programs that it belongs to."""
    files: Iterable[str] = (path,)
    if target.scope is None:
        files = files_of_programs(server, path, target)
    for file in files:
        here = tree if file == path else tree_of(server, file)
        if here is not None:
            for occurrence in occurrences(here, target):
                yield Found(file, here, occurrence)


def _include_graph(server: NvmServer, path: str) -> dict[str, set[str]]:
    """The files that each file includes, from those of the workspace on."""
    graph: dict[str, set[str]] = {}
    work = [path, *workspace_files(server)]
    loader = server.documents.loader()
    while work and len(graph) <= 2 * MAX_FILES:
        file = work.pop()
        if file in graph:
            continue
        tree = tree_of(server, file)
        graph[file] = set() if tree is None else {
            loader.resolve(statement.path.value.decode("utf-8", "replace"), file)
            for _, statement in includes_of(tree)
            if isinstance(statement, t.Include)
        }
        work += graph[file]
    return graph


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


# JSON --------------------------------------------------------------------------------------------


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


def location_json(server: NvmServer, found: Found) -> dict[str, Any]:
    """An occurrence as an LSP location."""
    occurrence = found.occurrence
    return {
        "uri": uri_of_file(server, found.path),
        "range": range_json(
            server, found.tree, occurrence.line, occurrence.start, occurrence.end
        ),
    }
