"""Which names a program's text uses, in every file of it and in macros."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.assembler import Assembly
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


def expressions_of(statement: t.Statement) -> Iterator[t.Expression]:
    """The expressions of a statement, from left to right."""
    match statement:
        case t.Instruction(operand=operand):
            if operand is not None:
                yield operand
        case t.ConstantDefinition(value=value):
            yield value
        case t.MacroUse(arguments=arguments):
            yield from arguments
        case t.Bytes(items=items):
            for item in items:
                yield item.value
        case t.Table(entries=entries):
            yield from entries
        case t.Org(target=first, fill=fill) | t.Align(unit=first, fill=fill):
            yield first
            if fill is not None:
                yield fill
        case t.Assertion(condition=condition) | t.Condition(condition=condition):
            yield condition
        case _:
            pass
