"""Syntax of easm: the tree and how text becomes one."""

from nvm_lsp.source import Document, split_lines
from nvm_lsp.syntax import tree
from nvm_lsp.syntax.parser import edit, parse_expression, parse_line, parse_lines
from nvm_lsp.syntax.tree import SyntaxTree

__all__ = [
    "Document",
    "SyntaxTree",
    "edit",
    "parse",
    "parse_expression",
    "parse_line",
    "parse_lines",
    "tree",
]


def parse(text: str, path: str = "-") -> SyntaxTree:
    """The tree of a text. ``path`` is what its places are called."""
    return parse_lines(path, split_lines(text))
