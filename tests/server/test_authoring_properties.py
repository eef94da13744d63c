"""On any program: refactorings keep the bytecode, and whatever an editor asks is answered.

Programs are put together from lines that people write and from lines that are wrong.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from nvm_lsp.assembler import Assembly, assemble_text
from nvm_lsp.diagnostics import Fix
from nvm_lsp.lint.fixes import apply_edits
from nvm_lsp.server.actions.constant_refactoring import (
    extract_constant,
    extract_constant_everywhere,
    inline_constant,
)
from nvm_lsp.server.actions.macro_inlining import inline_all, inline_macro
from nvm_lsp.server.actions.macro_refactoring import extract_macro
from nvm_lsp.server.actions.quick_fixes import fixes_of, suppressions
from nvm_lsp.server.actions.refactoring import Refused, push_conversions
from nvm_lsp.server.actions.rewriting import rewrites
from nvm_lsp.server.actions.stack_comment_edits import stack_comment_fixes
from nvm_lsp.server.actions.surroundings import Surroundings
from nvm_lsp.server.completions.comment_completion import in_comment
from nvm_lsp.server.completions.completion_items import Place, code_items
from nvm_lsp.server.completions.completion_site import site_at
from nvm_lsp.server.completions.path_completion import Files
from nvm_lsp.server.features.hover import hover
from nvm_lsp.server.features.inlay_hint import static_hints
from nvm_lsp.server.features.signature_help import signature_at
from nvm_lsp.server.hovers.figures import figures, subjects
from nvm_lsp.server.paths import Boundary
from nvm_lsp.server.scenario_toml import in_toml
from nvm_lsp.source import Position, Span, split_lines

HEAD = """\
%def FEE = 3 * (LIMIT - 1)
%def LIMIT = 9
%macro add3(x, y) takes(0) returns(1)
    PUSH x * 2  # twice
inner:
    PUSH y
    %twice(y)
    ADD
    ADD
    PUSH @inner
    POP
%end
%macro twice(z)
    PUSH2 z
    DUP1
    ADD
%end
%macro ends()
    PUSH there
    JUMP
there:
%end
%macro begins()
    JUMPDEST
    PUSH4 selector("f()")
    POP
%end
"""
GOOD = st.sampled_from(
    [
        "    PUSH 7", "    PUSH1 7 # [seven, ..]", "    PUSH2 FEE + 1", "    push 0", "    POP",
        "    ADD", "    %add3(1 + 2, start)", "    %twice(LIMIT)  # use", "    PUSH len(data)",
        '    PUSH4 selector("transfer(address,uint256)")', "    JUMPDEST", "", "# plain é 😀",
        "%bytes 0x0102, LIMIT:2", "    PUSH start", "    DUP1", "    SWAP1", "    STOP",
        "%if LIMIT > 5\n    PUSH 1\n%else\n    PUSH 2\n%end", "    %ends()", "    %begins()",
        "mid:\n    PUSH mid", "    JUMPI", "    PUSH low + 1\nlow:", "    PUSH len(tail)\n.tail:",
        "    %add3(2, start)  # [three]", "    POP # [a, ..]",
    ]
)
BAD = st.sampled_from(
    [
        "%add3(1", "%add3(1)", "PUHS1 1", 'PUSH "', "%macro m(", "%end", "#@ case", "l:", "l:",
        "%table t [l", "PUSH4 selector(", "%fork", "ADD # easm: ignore[", "#? stack[", "😀",
        "%def FEE = FEE", '%include "no.easm"', "%if FEE", "%nothing(1)", "\r", "\x0b",
    ]
)


def program(lines: list[str]) -> str:
    return HEAD + "start:\n" + "\n".join(lines) + "\n    STOP\n.data:\n%bytes 0xff\n"


def refactored(assembly: Assembly, first: int, last: int, column: int) -> list[Fix]:
    """All refactorings of a place and of lines, but those that are refused."""
    around = Surroundings.of_program(assembly)
    span = Span.of_line(first, column, column)
    found = [
        extract_constant(assembly, span, around),
        extract_constant_everywhere(assembly, span, around),
        extract_macro(assembly, first, last, around, stacks=True),
        inline_macro(assembly, first, around), inline_all(assembly, first, around),
    ]
    found += [
        inline_constant(assembly, span.start, around, everywhere=everywhere)
        for everywhere in (False, True)
    ]
    for offer in found:
        assert not isinstance(offer, Refused) or (offer.title and offer.reason)
    return [offer for offer in found if isinstance(offer, Fix)]


def check_same(assembly: Assembly, text: str, fix: Fix) -> None:
    after = apply_edits(text, fix.edits)
    again = assemble_text(after)
    assert again.ok, f"{fix.title}:\n{after}\n{[d.message for d in again.diagnostics]}"
    assert again.bytecode == assembly.bytecode, f"{fix.title}:\n{after}"


@settings(max_examples=150, deadline=None)
@given(st.lists(GOOD, min_size=1, max_size=12), st.data())
def test_refactorings_keep_the_bytecode(lines, data):
    text = program(lines)
    assembly = assemble_text(text)
    if not assembly.ok:
        return
    count = len(split_lines(text))
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first, min(first + 4, count - 1)))
    column = data.draw(st.integers(0, len(split_lines(text)[first])))
    for fix in refactored(assembly, first, last, column):
        check_same(assembly, text, fix)
    for fix in (
        *push_conversions(assembly, first, last),
        *rewrites(assembly, Span.of_line(first, column, column)),
    ):
        if not re.search(r"^Let|less\)$", fix.title):
            check_same(assembly, text, fix)
    for fix in stack_comment_fixes(assembly, first, last):
        check_same(assembly, text, fix)
    every = [edit for fix in stack_comment_fixes(assembly, 0, count) for edit in fix.edits]
    commented = apply_edits(text, every)
    assert not list(stack_comment_fixes(assemble_text(commented), 0, count)), commented


@settings(max_examples=80, deadline=None)
@given(st.lists(GOOD | BAD, max_size=12), st.data())
def test_whatever_is_asked_is_answered(lines, data):
    text = data.draw(st.sampled_from(["", HEAD])) + "\n".join(lines)
    assembly = assemble_text(text)
    rows = [row.rstrip("\r\n") for row in split_lines(text)] or [""]
    line = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[line])))
    before, position = rows[line][:column], Position(line, column)
    files = Files("/nowhere/program.easm", Boundary(["/nowhere"]))
    inside = in_comment(before, assembly, files, line)
    if inside is not None:
        assert all(item.label for item in inside[0])
        assert 0 <= inside[1] <= column
    site = site_at(before)
    assert 0 <= site.start <= column
    assert before[site.start :] == site.word
    list(code_items(Place(assembly, position, site, before, files=files)))
    found = hover(assembly, position)
    assert found is None or found.span.start <= position <= found.span.end
    signature_at(assembly, before)
    for hint in static_hints(assembly, 0, len(rows)):
        assert hint.line < len(rows)
    for subject in subjects(assembly, 0):
        figures(assembly, subject)
    for fix in (
        *refactored(assembly, line, line + 3, column),
        *push_conversions(assembly, line, line + 3),
        *rewrites(assembly, Span.of_line(line, column, column)),
        *(
            fix
            for diagnostic in assembly.diagnostics
            for fix in (
                *fixes_of(assembly, diagnostic, lambda name, is_macro: ["/lib/a.easm"]),
                *suppressions(assembly, diagnostic),
            )
        ),
    ):
        apply_edits(text, fix.edits)
    items, start = in_toml(rows, position)
    assert 0 <= start <= column
    list(items)
