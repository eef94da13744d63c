"""Files that are parts of programs: which programs include a file, and whether they must judge it.

A file that assembles by itself is judged by itself. One that lacks names, because they are defined
where it is included, would be red all over: what the programs say of it counts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.including import LACKS, included_paths, programs_above
from nvm_lsp.server.paths import Stamp, stamp_of

if TYPE_CHECKING:
    from nvm_lsp.server.workspace import Workspace
    from nvm_lsp.syntax import SyntaxTree

__all__ = ["Includers", "includes_in", "is_lack", "lacks_names", "said_of"]

#: Programs that are asked about one file, and files that are looked through for them.
_MOST_PROGRAMS = 4
_MOST_BYTES = 1 << 20


def is_lack(diagnostic: Diagnostic) -> bool:
    """Whether it says that a name is missing."""
    return diagnostic.code in LACKS


def lacks_names(assembly: Assembly) -> bool:
    """Whether a file does not assemble by itself for want of names."""
    return any(d.severity is Severity.ERROR and is_lack(d) for d in assembly.diagnostics)


def said_of(path: str, programs: list[tuple[Diagnostic, ...]]) -> tuple[Diagnostic, ...]:
    """What several programs say of one file, each thing once."""
    found: dict[object, Diagnostic] = {}
    for diagnostics in programs:
        for diagnostic in diagnostics:
            if diagnostic.location.path == path:
                key = (diagnostic.code, diagnostic.location, diagnostic.message)
                found.setdefault(key, diagnostic)
    return tuple(sorted(found.values(), key=lambda diagnostic: diagnostic.sort_key))


def includes_in(tree: SyntaxTree) -> tuple[str, ...]:
    """The paths that a text includes, as they are written."""
    found: list[str] = []
    for chunk in tree.chunks:
        known = chunk.cache.get("included paths")
        if not isinstance(known, tuple):
            known = tuple(
                path for line in chunk.lines if "%include" in line.text
                for path in included_paths(line.text.encode("utf-8", "replace"))
            )
            chunk.cache["included paths"] = known
        found += known
    return tuple(found)


class Includers:
    """The `%include` lines of the workspace's files, read as bytes: most files are not parsed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp | None, tuple[str, ...]]] = {}
        self._graph: dict[str, set[str]] | None = None

    def changed(self) -> None:
        """A file anywhere may include others than before."""
        self._graph = None

    def programs_with(self, workspace: Workspace, path: str) -> list[str]:
        """The programs that a file is a part of: they include it, and nobody includes them.

        Whatever their conditions are.
        """
        if self._graph is None:
            self._graph = self._made(workspace)
        return programs_above(path, self._graph)[:_MOST_PROGRAMS]

    def _made(self, workspace: Workspace) -> dict[str, set[str]]:
        """By file, those that include it."""
        graph: dict[str, set[str]] = {}
        loader, boundary = workspace.loader(), workspace.boundary()
        opened = {d.document.path: d.tree for d in workspace.documents.values()}
        files = dict.fromkeys(opened)
        files.update(dict.fromkeys(path for path in workspace.files() if path is not None))
        if not workspace.folders:
            for path in opened:
                files.update(dict.fromkeys(_beside(path)))
        for file in files:
            if file in opened:
                written = includes_in(opened[file])
            elif boundary.allows(file):
                written = self._written(file)
            else:
                continue
            for name in written:
                included = loader.resolve(name, file)
                graph.setdefault(included, set()).add(file)
        self._known = {file: known for file, known in self._known.items() if file in files}
        return graph

    def _written(self, file: str) -> tuple[str, ...]:
        stamp, known = stamp_of(file), self._known.get(file)
        if known is not None and known[0] == stamp:
            return known[1]
        found: tuple[str, ...] = ()
        if stamp is not None:
            try:
                with open(file, "rb") as stream:
                    found = tuple(included_paths(stream.read(_MOST_BYTES)))
            except OSError:
                found = ()
        self._known[file] = (stamp, found)
        return found


def _beside(path: str) -> list[str]:
    """The easm files of a file's own folder, where there is no workspace."""
    if not os.path.isabs(path):
        return []
    folder = os.path.dirname(path)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if name.endswith(".easm")]
