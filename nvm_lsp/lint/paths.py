"""A way through a program, as steps of a finding."""

from __future__ import annotations

from itertools import pairwise

from nvm_lsp.analysis.control_flow import State
from nvm_lsp.diagnostics import Related
from nvm_lsp.lint.rule import LintContext

__all__ = ["way"]

_MOST_STEPS = 12


def way(context: LintContext, state: State) -> tuple[Related, ...]:
    """The blocks on one way to a state, each as a step, without the one it begins with."""
    blocks = state.path()
    steps: list[Related] = []
    for before, start in pairwise(blocks):
        block = context.analysis.flow.blocks[before]
        last = block.summary.steps[-1].offset + before if block.summary is not None else before
        falls = block.end == start
        text = "then falls through" if falls else "then jumps from here"
        steps.extend(context.place(last, text, is_step=True))
    if len(steps) > _MOST_STEPS:
        steps = steps[: _MOST_STEPS // 2] + steps[-_MOST_STEPS // 2 :]
    return tuple(steps)
