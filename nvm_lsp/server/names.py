"""How often names are used in all files of a program, and what a line has to do with macros."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Context
from nvm_lsp.assembler.references import Target, occurrences

__all__ = ["distinct_contexts", "macro_uses", "uses"]


def uses(assembly: Assembly, name: str) -> int:
    """How often a label, table or constant of the program is named outside its definition."""
    return _count(assembly, Target(name, False, None))


def macro_uses(assembly: Assembly, name: str) -> int:
    """How many lines use a macro, those in other macros counted once each."""
    return _count(assembly, Target(name, True, None))


def distinct_contexts(assembly: Assembly) -> Iterator[Context]:
    """The files of a program, each once however often it is included."""
    seen: set[str] = set()
    for context in assembly.program.contexts:
        if context.path not in seen:
            seen.add(context.path)
            yield context


def _count(assembly: Assembly, target: Target) -> int:
    return sum(
        not occurrence.is_definition
        for context in distinct_contexts(assembly)
        for occurrence in occurrences(context.tree, target)
    )
