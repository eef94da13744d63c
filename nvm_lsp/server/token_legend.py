"""The names of semantic tokens' types and modifiers, in the order of their numbers."""

from __future__ import annotations

__all__ = ["MODIFIERS", "TYPES"]

#: Standard ones (LSP 3.18) but for the last modifiers, which tell mnemonics apart.
TYPES = (
    "keyword", "function", "macro", "label", "variable", "parameter", "type", "enumMember",
    "property", "number", "string", "operator", "comment",
)
MODIFIERS = (
    "declaration", "readonly", "deprecated", "documentation", "defaultLibrary",
    "controlFlow", "push", "stack", "call",
)
