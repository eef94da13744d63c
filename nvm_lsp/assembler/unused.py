"""Checks of what no code uses, so that a flaw there is not passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.assembler.environment import Environment
from nvm_lsp.assembler.fragment import check_macro
from nvm_lsp.assembler.layout import Layout
from nvm_lsp.assembler.program import Program
from nvm_lsp.diagnostics import Diagnostic

__all__ = ["check_names_of_constants", "check_unused_macros"]


def check_unused_macros(program: Program) -> Iterator[Diagnostic]:
    """Flaws in the bodies of macros that are never expanded."""
    used: set[str] = set()
    for fragment in program.fragments:
        used |= fragment.macros_used
    unused = [name for name in program.macros if name not in used]
    if not unused:
        return
    environment = Environment(
        program.root.instructions.fork.index, program.constants, program.macros,
        set(program.excused),
    )
    for name in unused:
        macro = program.macros[name]
        for body_line, problem in check_macro(macro, environment):
            location = macro.location(body_line, problem.start, problem.end)
            yield problem.at(location.path, location.span.start.line, macro.context.related())


def check_names_of_constants(layout: Layout) -> Iterator[Diagnostic]:
    """Flaws of constants that are made of labels, so that they show after the layout only."""
    for constant, problem in layout.constant_problems():
        yield problem.at(constant.path, constant.line)
