"""Ways through a program: one as steps of a finding, and those that can end well."""

from __future__ import annotations

from itertools import pairwise

from nvm_lsp.analysis.control_flow import Block, State
from nvm_lsp.diagnostics import Related
from nvm_lsp.lint.rule import LintContext

__all__ = ["ends_otherwise", "may_end_well", "way"]

_MOST_STEPS = 12
_FAILS = frozenset({0xFD, 0xFE})


def may_end_well(context: LintContext) -> frozenset[int]:
    """The blocks from which some way leads to another end than REVERT or an exceptional halt."""
    flow = context.analysis.flow
    # A loop without an end is not said to revert.
    fine = {start for start, members in flow.loops() for start in members}
    fine |= {
        block.start for block in context.analysis.blocks()
        if not block.successors and ends_otherwise(block)
    }
    return flow.leading_to(fine)


def ends_otherwise(block: Block) -> bool:
    """Whether a block's end is another than REVERT, INVALID or a jump to nowhere."""
    summary = block.summary
    if summary is None or not summary.steps:
        return True
    return summary.steps[-1].code not in _FAILS and not block.bad_targets


def way(context: LintContext, state: State) -> tuple[Related, ...]:
    """The blocks on one way to a state, each as a step, without the one it begins with."""
    blocks = state.path()
    steps: list[Related] = []
    for before, start in pairwise(blocks):
        block = context.analysis.flow.blocks[before]
        falls = block.end == start
        text = "then falls through" if falls else "then jumps from here"
        steps.extend(context.place(block.last, text, is_step=True))
    if len(steps) > _MOST_STEPS:
        steps = steps[: _MOST_STEPS // 2] + steps[-_MOST_STEPS // 2 :]
    return tuple(steps)
