"""Which names a program's text uses, in every file of it, in macros and in comments."""

from __future__ import annotations

from collections.abc import Collection

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import uses_in

__all__ = ["is_library", "used_macros", "used_names"]


def used_names(assembly: Assembly, outside: Collection[str] = ()) -> frozenset[str]:
    """Names of labels, constants, tables and parameters that are used; not in files ``outside``."""
    return _used(assembly, False, outside)


def used_macros(assembly: Assembly, outside: Collection[str] = ()) -> frozenset[str]:
    """Names of macros that are used; not in files ``outside``."""
    return _used(assembly, True, outside)


def is_library(assembly: Assembly) -> bool:
    """The program is there to be included: it emits nothing by itself."""
    return not assembly.bytecode


def _used(assembly: Assembly, macros: bool, outside: Collection[str]) -> frozenset[str]:
    return frozenset(
        name
        for context in assembly.program.contexts
        if context.path not in outside
        for chunk in context.tree.chunks
        for is_macro, name in uses_in(chunk)
        if is_macro == macros
    )
