"""A program with errors as it is without the lines that have them.

While somebody types, a line is wrong most of the time. What is above it is known nevertheless. A
pure function of the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Severity
from nvm_lsp.syntax import edit

if TYPE_CHECKING:
    from nvm_lsp.server.workspace import OpenDocument, Workspace

__all__ = ["Mended", "mended"]

_MOST_ERRORS = 8
#: A longer program is not assembled and analysed once more at each stroke.
_MOST_LINES = 2_000
_KEY = "mended"


@dataclass(frozen=True, slots=True)
class Mended:
    """The program without its wrong lines, and the first of those; lines keep their numbers."""

    assembly: Assembly
    line: int


def mended(workspace: Workspace, opened: OpenDocument) -> Mended | None:
    """None for a program without errors, and for one that is not whole without its wrong lines."""
    assembly = workspace.assembly(opened)
    if assembly.ok or opened.tree.line_count > _MOST_LINES:
        return None
    if _KEY not in assembly.__dict__:
        assembly.__dict__[_KEY] = _mended(workspace, opened, assembly)
    found = assembly.__dict__[_KEY]
    assert found is None or isinstance(found, Mended)
    return found


def _mended(
    workspace: Workspace, opened: OpenDocument, assembly: Assembly
) -> Mended | None:
    tree = opened.tree
    places = {
        (found.location.path, found.location.span.start.line)
        for found in assembly.diagnostics if found.severity is Severity.ERROR
    }
    lines = sorted(line for path, line in places if path == tree.path)
    if len(lines) != len(places) or not 0 < len(lines) <= _MOST_ERRORS:
        return None
    for line in lines:
        if line >= tree.line_count:
            return None
        tree = edit(tree, line, 1, ["\n"])
    whole, _ = workspace.assembled(opened, tree)
    return Mended(whole, lines[0]) if whole.ok else None
