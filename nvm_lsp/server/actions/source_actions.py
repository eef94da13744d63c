"""Changes of a whole file: all fixes, all stack comments, no includes that nothing is used of.

It may be called from another thread: everything it needs is taken along when it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nvm_lsp.assembler import assemble
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.configuration import FileSettings
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Severity
from nvm_lsp.lint.fixes import Trial, apply_edits, errors_of_assembly, mend
from nvm_lsp.lint.linter import check
from nvm_lsp.server.program_files import ProgramFiles
from nvm_lsp.source import Location, Position, Span, split_lines
from nvm_lsp.syntax import SyntaxTree, parse_lines
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["UNUSED_INCLUDE", "WholeFile", "has_safe_fix"]

UNUSED_INCLUDE = "UNU003"


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file with the programs that include it, as they are now."""

    path: str
    lines: tuple[str, ...]
    fork: str | None
    settings: FileSettings
    includers: tuple[SyntaxTree, ...]
    loader_with: Callable[[SyntaxTree], Loader]

    @staticmethod
    def of(server: NvmServer, opened: OpenDocument) -> WholeFile:
        """The file of a document; the workspace's files have been read."""
        workspace = server.documents
        files = ProgramFiles(server)
        path = opened.document.path
        declared = any(
            isinstance(line.statement, t.ForkDirective)
            for chunk in opened.tree.chunks if chunk.has_structure for line in chunk.lines
        )
        trees = (files.tree(file) for file in files.programs_with(path))
        return WholeFile(
            path, opened.document.lines,
            None if declared else workspace.assembly(opened).fork,
            workspace.lint_settings(opened),
            tuple(tree for tree in trees if tree is not None),
            lambda tree: workspace.loader(opened, instead=tree),
        )

    def fixed(self, code: str = "") -> tuple[Edit, ...]:
        """One edit that applies all safe fixes, or those of one code."""

        def look(text: str) -> Trial:
            found, broken = self._look(text)
            if code:
                found = tuple(d for d in found if d.code == code)
            return Trial(found, broken)

        return self._change_to(mend(self.path, "".join(self.lines), look).text)

    def without_unused_includes(self) -> tuple[Edit, ...]:
        """One edit that removes includes, if nothing that includes this misses them."""
        text = "".join(self.lines)
        found, broken = self._look(text)
        edits = [
            edit
            for diagnostic in found if diagnostic.code == UNUSED_INCLUDE
            for fix in diagnostic.fixes for edit in fix.edits
        ]
        for edit in edits:
            after = apply_edits(text, [edit])
            if self._look(after)[1] > broken:
                edits = [other for other in edits if other is not edit]
        return self._change_to(apply_edits(text, edits))

    def _look(self, text: str) -> tuple[tuple[Diagnostic, ...], int]:
        """What is found in a text, and how many errors it makes, here and in what includes it."""
        tree = parse_lines(self.path, split_lines(text))
        loader = self.loader_with(tree)
        found = check(assemble(tree, loader=loader, fork=self.fork), settings=self.settings)
        broken = errors_of_assembly(found)
        for includer in self.includers:
            broken += sum(
                diagnostic.severity is Severity.ERROR
                for diagnostic in assemble(includer, loader=loader).diagnostics
            )
        return found, broken

    def _change_to(self, text: str) -> tuple[Edit, ...]:
        """One edit from the first line that changes to the last."""
        before, after = self.lines, split_lines(text)
        first = last = 0
        while first < min(len(before), len(after)) and before[first] == after[first]:
            first += 1
        while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
            last += 1
        if first == len(before) == len(after):
            return ()
        span = Span(Position(first, 0), Position(len(before) - last, 0))
        new = "".join(after[first : len(after) - last])
        return (Edit(Location(self.path, span), new),)


def has_safe_fix(found: tuple[Diagnostic, ...]) -> bool:
    """Whether any of the findings can be fixed without asking."""
    return any(
        fix.applicability is Applicability.SAFE for diagnostic in found for fix in diagnostic.fixes
    )
