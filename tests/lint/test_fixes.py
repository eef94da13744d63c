"""Applying fixes: passes, overlaps, fixes that break, undo each other or edit other files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvm_lsp.assembler import assemble_text
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix, Kind, Severity
from nvm_lsp.lint.fixes import PASSES, TRIALS, Trial, apply_edits, errors_of_assembly, mend
from nvm_lsp.lint.linter import check as lint
from nvm_lsp.source import Location, Position, Span, split_lines

KIND = Kind("ABC001", "flaw", Severity.WARNING, "")
SAFE, UNSAFE, MANUAL = Applicability.SAFE, Applicability.UNSAFE, Applicability.MANUAL


def replacing(pattern, new, how=SAFE, path="-"):
    """A rule for tests: each match of the pattern, line by line, is a flaw with that fix."""

    def find(text):
        for number, line in enumerate(split_lines(text)):
            for match in re.finditer(pattern, line.rstrip("\n")):
                place = Location(path, Span.of_line(number, *match.span()))
                fix = Fix(f"Replace with {new}", (Edit(place, match.expand(new)),), how)
                yield Diagnostic(KIND, place, "flaw", fixes=(fix,))

    return find


def check(text, *rules, gives, left_out=0, settled=True, unsafe=False, passes=PASSES):
    """Compares the text after fixing; errors of assembly must not be more than before."""

    def look(text):
        found = tuple(d for rule in rules for d in rule(text))
        return Trial(found, errors_of_assembly(assemble_text(text).diagnostics))

    mended = mend("-", text, look, unsafe=unsafe, passes=passes)
    assert mended.text == gives
    assert (len(mended.left_out), mended.settled) == (left_out, settled)
    assert look(mended.text).broken <= look(text).broken
    return mended


def test_a_fix_may_make_a_place_for_the_next():
    mended = check("PUSH4 1\n", replacing(r"PUSH4", "PUSH2"), replacing(r"PUSH2", "PUSH1"),
                   gives="PUSH1 1\n")
    assert mended.applied == {"ABC001": 2}


def test_of_fixes_that_overlap_the_first_comes_first():
    check("ADD MUL\n", replacing(r"ADD MUL", "ADD"), replacing(r"MUL", "POP"), gives="ADD\n")


def test_a_fix_that_breaks_the_program_is_left_out_and_the_others_are_not():
    text = "".join(f"PUSH1 {n}\n" for n in range(9))
    check(text, replacing(r"PUSH1 5", "PUSHX"), replacing(r"PUSH1 [^5]", "STOP"), left_out=1,
          gives="STOP\n" * 5 + "PUSH1 5\n" + "STOP\n" * 3)


def test_the_search_for_fixes_that_break_is_bounded():
    text = "".join(f"PUSH1 {n % 200}\n" for n in range(300))
    looks = 0

    def look(text):
        nonlocal looks
        looks += 1
        return Trial(tuple(replacing("PUSH1 (.*)$", r"PUSH1 9\1")(text)), text.count("9"))

    mended = mend("-", text, look)
    assert looks <= TRIALS + 2 * PASSES
    assert len(mended.left_out) == 300
    assert mended.text == text


def test_a_broken_program_may_be_fixed_as_long_as_it_gets_no_worse():
    check("PUSHX\nADD\n", replacing("ADD", "MUL"), replacing("PUSHX", "PUSHY"),
          gives="PUSHY\nMUL\n", )
    check("PUSHX\nADD\n", replacing("ADD", "ADX"), replacing("PUSHX", "STOP"), gives="STOP\nADX\n")


@pytest.mark.parametrize(
    ("how", "unsafe", "gives"),
    [(SAFE, False, "STOP\n"), (UNSAFE, False, "ADD\n"), (UNSAFE, True, "STOP\n"),
     (MANUAL, True, "ADD\n")],
)
def test_only_allowed_fixes_are_applied(how, unsafe, gives):
    check("ADD\n", replacing("ADD", "STOP", how), gives=gives, unsafe=unsafe)


def test_fixes_that_undo_each_other_come_to_an_end():
    check("ADD\n", replacing("ADD", "MUL"), replacing("MUL", "ADD"), gives="MUL\n", settled=False)
    check("ADD\n", replacing("$", " #"), gives="ADD" + " #" * PASSES + "\n", settled=False)
    check("ADD\n", replacing("ADD", "ADD"), gives="ADD\n")


def test_other_files_are_left_alone():
    check("ADD\n", replacing("ADD", "STOP", path="other"), gives="ADD\n")


def test_edits_are_clamped_and_keep_the_files_line_ends():
    def edit(a, b, c, d, text):
        return Edit(Location("-", Span(Position(a, b), Position(c, d))), text)

    assert apply_edits("a\r\nb", [edit(0, 1, 0, 1, "\nx")]) == "a\r\nx\r\nb"
    assert apply_edits("a\nb", [edit(1, 0, 2, 0, ""), edit(0, 0, 0, 0, "<")]) == "<a\n"
    assert apply_edits("", [edit(5, 5, 9, 9, "x")]) == "x"


PROGRAM_LINES = st.sampled_from([
    "    ADD", "    PUSH1 1", "    POP", "    PUSH2 7", "    DUP1", "    SWAP1", "    SWAP1",
    "    ISZERO", "    JUMPI", "    PUSH start", "    PUSH there", "    JUMP", "    STOP", "start:",
    "there:", "%def A = 1", "%macro m", "%end", "    %m", "    PUSHX", "    STOP  # a comment",
    "    ADD  # easm: ignore[STK001, LBL001] -- x", "# easm: ignore[LBL001, NOPE1] -- file",
])


@settings(max_examples=40)
@given(st.lists(PROGRAM_LINES, max_size=14), st.booleans())
def test_what_real_rules_fix_assembles_as_well_as_before_and_needs_no_second_run(lines, unsafe):
    def look(text):
        assembly = assemble_text(text)
        return Trial(lint(assembly), errors_of_assembly(assembly.diagnostics))

    text = "".join(f"{line}\n" for line in lines)
    mended = mend("-", text, look, unsafe=unsafe)
    assert look(mended.text).broken <= look(text).broken
    if assemble_text(text).ok:
        assert assemble_text(mended.text).ok
    if mended.settled and not mended.left_out:
        assert mend("-", mended.text, look, unsafe=unsafe).text == mended.text


@settings(max_examples=40)
@given(
    st.lists(PROGRAM_LINES, min_size=1, max_size=10),
    st.lists(
        st.tuples(
            st.tuples(st.integers(0, 11), st.integers(0, 20)),
            st.tuples(st.integers(0, 11), st.integers(0, 20)),
            st.sampled_from(["", "ADD", "\n", "PUSHX", "\nthere:\n"]),
        ),
        max_size=6,
    ),
)
def test_whatever_a_rule_proposes_the_program_is_no_worse_for_it(lines, edits):
    """Fixes at random places, the same in each pass."""
    fixes = [
        Diagnostic(
            KIND, place, "flaw", fixes=(Fix(f"{n}", (Edit(place, new),)),)
        )
        for n, (one, other, new) in enumerate(edits)
        for place in [Location("-", Span(*sorted((Position(*one), Position(*other)))))]
    ]

    def look(text):
        assembly = assemble_text(text)
        return Trial(tuple(fixes), errors_of_assembly(assembly.diagnostics))

    text = "".join(f"{line}\n" for line in lines)
    mended = mend("-", text, look)
    assert look(mended.text).broken <= look(text).broken
