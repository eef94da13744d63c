"""The files that a change of a program's text has to think of: trees by path, nothing else.

Two programs that include one file share its names; whoever adds a name to that file, or takes one
away, has to look at both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import Occurrence, Target, definitions, is_built_in, occurrences
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.names import distinct_contexts
from nvm_lsp.server.program_files import ProgramFiles
from nvm_lsp.syntax import SyntaxTree

__all__ = ["Place", "Surroundings"]


class Place(NamedTuple):
    """An occurrence of a name and the file that it is in."""

    path: str
    tree: SyntaxTree
    occurrence: Occurrence


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The files of all programs that a change concerns; those in ``fixed`` cannot be changed.

    ``is_sketch`` asks only whether a change can be made: edits that cost something may be missing.
    """

    trees: Mapping[str, SyntaxTree]
    fixed: frozenset[str] = frozenset()
    is_sketch: bool = False

    @staticmethod
    def of_program(assembly: Assembly, *, is_sketch: bool = False) -> Surroundings:
        """The files of one program alone."""
        trees = {c.path: c.tree for c in distinct_contexts(assembly)}
        return Surroundings(trees, is_sketch=is_sketch)

    @staticmethod
    def of_workspace(files: ProgramFiles, path: str, target: Target) -> Surroundings:
        """The files of all programs that share a name with a file.

        For a name that is not there yet these are the programs that the file belongs to.
        """
        trees = {
            file: tree
            for file in files.sharing(path, target, every=True)
            if (tree := files.tree(file)) is not None
        }
        return Surroundings(trees, frozenset(f for f in trees if not files.is_editable(f)))

    def places(self, target: Target) -> Iterator[Place]:
        """Where a name of these programs stands, definitions and uses, pictures left out."""
        for path, tree in self.trees.items():
            for found in occurrences(tree, target):
                yield Place(path, tree, found)

    def free_name(self, wish: str) -> str:
        """A name that nothing in these files has: the wish, or with a number."""
        taken = {found.name for tree in self.trees.values() for found in definitions(tree)}
        if opcode_by_name(wish) is None and not is_built_in(wish) and wish not in taken:
            return wish
        stem, _, number = wish.rpartition("_")
        stem = stem if stem and number.isdigit() else wish
        count = 2
        while f"{stem}_{count}" in taken:
            count += 1
        return f"{stem}_{count}"
