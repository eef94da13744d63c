"""A fix never reaches over the edge of a condition: the other branch has lines of it, too."""

from __future__ import annotations

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.lint.linter import check


@pytest.mark.parametrize("text", [
    "%def D = 1\n%if D\n  PUSH1 1\n%else\n  PUSH1 2\n%end\n  POP\n  STOP\n",
    "%def D = 1\n  CALLER\n%if D\n  POP\n%end\n  STOP\n",
    "%def D = 0\n  PUSH 0\n  SLOAD\n  NOT\n%if D\n  ADD\n%end\n  NOT\n  PUSH 0\n  SSTORE\n  STOP\n",
])
def test_what_a_condition_divides_is_told_but_not_removed(text):
    [found] = [found for found in check(assemble_text(text)) if found.code == "OPT002"]
    assert found.fixes == ()


def test_inside_of_one_branch_it_is_removed():
    text = "%def D = 1\n%if D\n  CALLER\n\n  # nothing\n  POP\n%end\n  STOP\n"
    [found] = [found for found in check(assemble_text(text)) if found.code == "OPT002"]
    assert len(found.fixes) == 1
