"""The formatter: one style, stable, and never another bytecode."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import TEXTS, WORDS

from nvm_lsp.assembler import assemble_text
from nvm_lsp.configuration import FormatStyle
from nvm_lsp.formatter import format_tree
from nvm_lsp.syntax import parse

STYLES = st.builds(
    FormatStyle,
    st.sampled_from(["upper", "lower", "keep"]),
    st.integers(min_value=0, max_value=60),
)
OPERATORS = ["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "==", "<", ">=", "&&", "||"]
EXPRESSIONS = st.recursive(
    st.sampled_from(["1", "0x0F", "x", "@x", "1 ether", 'selector("f()")', "len(x)", "pc"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner)
        .map(lambda parts: "".join(parts)),
        inner.map(lambda e: f"({e})"), inner.map(lambda e: f"- {e}"), inner.map(lambda e: f"~{e}"),
    ),
    max_leaves=6,
)
PROGRAMS = st.lists(
    st.one_of(
        st.sampled_from(WORDS), EXPRESSIONS.map(lambda e: f"PUSH {e} # c"),
        EXPRESSIONS.map(lambda e: f"%bytes {e}:2,{e}:32"),
    ),
    max_size=25,
).map("\n".join)

MESSY = """\
#@ gas 5


   # a script
%def A=1+2*  3
%macro   f( a,b )takes(0)returns( 1 )
push1 a # [a]
  PUSH   b
       ADD         // sum
    %end
%if A==1
%f(1,(2+3)*-0)
%end
start :
PUSH @start
    # note
%bytes 0x12,"a  b",A :4
%table t[start,1]width 2
.end:


"""
TIDY = """\
#@ gas 5

    # a script
%def A = 1 + 2 * 3
%macro f(a, b) takes(0) returns(1)
    PUSH1 a             # [a]
    PUSH b
    ADD                 // sum
%end
%if A == 1
    %f(1, (2 + 3) * -0)
%end
start:
    PUSH @start
    # note
    %bytes 0x12, "a  b", A:4
%table t [start, 1] width 2
.end:
"""


def test_the_style():
    assert format_tree(parse(MESSY)) == TIDY


@settings(max_examples=300)
@given(PROGRAMS | TEXTS, STYLES)
def test_formatting_is_stable_and_keeps_the_bytecode(text, style):
    tree = parse(text)
    once = format_tree(tree, style)
    if once is None:
        assert next(tree.problems(), None) is not None
        return
    assert format_tree(parse(once), style) == once
    before, after = assemble_text(text), assemble_text(once)
    assert after.bytecode == before.bytecode
    assert [d.code for d in after.diagnostics] == [d.code for d in before.diagnostics]


def test_a_file_that_cannot_be_parsed_is_left_alone():
    assert format_tree(parse("PUSH1 (\nadd\n")) is None
