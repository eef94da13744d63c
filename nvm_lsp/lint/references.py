"""Which names a program's text uses, in every file of it and in macros."""

from __future__ import annotations

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import expressions_of
from nvm_lsp.syntax import tree as t

__all__ = ["expressions_of", "used_names"]

_KEY = "names used"


def used_names(assembly: Assembly) -> frozenset[str]:
    """All names in expressions: labels, constants, tables, parameters."""
    names: set[str] = set()
    for context in assembly.program.contexts:
        for chunk in context.tree.chunks:
            known = chunk.cache.get(_KEY)
            if not isinstance(known, frozenset):
                known = frozenset(
                    name.text
                    for line in chunk.lines
                    if line.statement is not None
                    for expression in expressions_of(line.statement)
                    for name in t.names_in(expression)
                )
                chunk.cache[_KEY] = known
            names |= known
    return frozenset(names)
