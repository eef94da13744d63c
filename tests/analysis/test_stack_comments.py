"""Names that stack comments give, where the fixture of the rule (tests/lint) says too little."""

from __future__ import annotations

import pytest

from nvm_lsp.assembler import assemble, assemble_text
from nvm_lsp.lint.linter import check
from nvm_lsp.syntax import edit, parse


def mismatches(text: str) -> list[tuple[int, str]]:
    return [
        (found.location.span.start.line + 1, found.message)
        for found in check(assemble_text(text, path="p.easm"))
        if found.code == "STK004"
    ]


@pytest.mark.parametrize("text", [
    # One value in two places may have a name in each.
    "CALLER\nDUP1  # [owner, caller]\nPOP\nPOP\nSTOP\n",
    # A copy may have a name of its own beside the one that is known.
    "CALLER  # [owner]\nDUP1  # [to check, owner]\nPOP\nPOP\nSTOP\n",
    # Gaps and any words say nothing, and give no name.
    "CALLER\nGAS  # [, _]\nDUP2  # [who, ?, who]\nPOP\nPOP\nPOP\nSTOP\n",
    # An error of writing is no number.
    "PUSH1 7  # [007]\nPOP\nSTOP\n",
])
def test_what_is_right(text):
    assert mismatches(text) == []


def test_a_name_goes_with_its_value():
    text = "CALLER  # [a]\nGAS  # [b, a]\nSWAP1  # [b, a]\nPOP\nPOP\nSTOP\n"
    [(line, message)] = mismatches(text)
    assert (line, message) == (
        3, "stack comment: b was called a before; a was called b before"
    )


def test_an_edit_of_a_macros_comment_alone_counts():
    between = "# nothing\n" * 200
    lines = f"%macro m()\n  PUSH1 1  # [1]\n%end\n{between}  %m()\n  PUSH1 0\n  MSTORE\n  STOP\n"
    tree = parse(lines, "p.easm")
    assert check(assemble(tree)) == ()
    tree = edit(tree, 1, 1, ("  PUSH1 1  # [2]\n",))
    [found] = check(assemble(tree))
    assert found.message == "stack comment: 2 is 0x1 here"
