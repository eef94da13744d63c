"""What holds of every text and of every bytecode."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvm_lsp.assembler import assemble, assemble_text, disassemble
from nvm_lsp.opcodes import FORKS, OPCODES
from nvm_lsp.source import Document, Position, Span, split_lines
from nvm_lsp.syntax import edit, parse, parse_lines, parser
from nvm_lsp.syntax import tree as t

WORDS = [
    "ADD", "PUSH1 1", "PUSH x", "PUSH 0x1_0", "x:", ".y:", "%def A = 1 + x", "%macro m(a)",
    "PUSH a", "%end", "%m(2)", "%if A", "%else", "%bytes 1:2, \"a#b\"", "%table t [x, 1] width 2",
    "%org 9 fill 0xfe", "# [a, b]", "// c", "; d", "#@ gas 1", "PUSH1 (", "JUMPDEST", "%m", "\"",
    "%assert len(t) == 4 \"m\"", "%fork paris", "%include \"x\"", "push @x", "PUSH 1 ether", "é😀",
    "\t", "%bytes \"\\x41\\q\"",
]
PIECES = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(["\n", "\r\n", "\r", " ", "\u2028", "\x0c", ""]),
    st.text(max_size=6),
)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.lists(
    st.sampled_from(WORDS), max_size=30
).map("\n".join)


@given(TEXTS)
def test_a_trees_text_equals_its_source(text):
    assert parse(text).text == text


@given(TEXTS)
def test_lines_end_where_the_protocol_says(text):
    lines = split_lines(text)
    assert "".join(lines) == text
    # str.splitlines would also split at form feeds and the like.
    ends = len(re.findall(r"\r\n|\n|\r", text))
    assert len(lines) == ends + (not text.endswith(("\n", "\r")) and text != "")


def shape(node: object) -> object:
    """A node as plain data, to compare two."""
    if isinstance(node, tuple):
        return tuple(shape(item) for item in node)
    fields = getattr(node, "__slots__", None)
    if fields is None or not type(node).__module__.startswith("nvm_lsp.syntax"):
        return node
    return (type(node).__name__, *(shape(getattr(node, name)) for name in fields))


@given(
    st.sampled_from([*OPCODES, "add", "Nope", "PUSH", "_x.y"]),
    st.sampled_from(["", " 1", "  0x00ff", " 0b1", " 1_000", "\t0x", " 12ab", " 0x" + "f" * 65]),
    st.sampled_from(["", " ", " # c", "// [a]", ";"]),
    st.sampled_from(["", "\n", "\r\n"]),
)
def test_the_shortcut_for_plain_instructions_equals_the_grammar(word, number, comment, end):
    text = f"  {word}{number}{comment}{end}"
    assert shape(parser._parse_line(text)) == shape(parser._parse_any(text))


EDITS = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(0, 12), st.integers(0, 30), st.integers(0, 12), TEXTS
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def small_chunks():
    """Chunks of two lines, so that short texts have many."""
    before = parser.CHUNK_LINES
    parser.CHUNK_LINES = 2
    yield
    parser.CHUNK_LINES = before


@settings(max_examples=300)
@given(TEXTS, EDITS)
def test_edits_give_what_a_fresh_start_gives(small_chunks, text, edits):
    document = Document.from_text("-", text)
    tree = parse_lines("-", document.lines)
    for line_a, column_a, line_b, column_b, new in edits:
        start, end = sorted([Position(line_a, column_a), Position(line_b, column_b)])
        expected = splice(document, start, end, new)
        document, first, removed, added = document.replace(Span(start, end), new, 1)
        tree = edit(tree, first, removed, document.lines[first : first + added])
        assert document.text == expected
        assert document.lines == split_lines(expected)
        assert tree.text == expected
        # Assembled after each edit, so that what one left behind could harm the next.
        ours, fresh = assemble(tree), assemble_text(document.text)
        assert ours.bytecode == fresh.bytecode
        assert ours.diagnostics == fresh.diagnostics


DEPENDENT = """\
%def A = 1
%def B = A + 1
%macro m(a)
PUSH a + B
%end
%macro o(a)
%m(a)
%end
%if A == 1
ADD
%end
PUSH A
MUL
PUSH B
%o(A)
SUB
PUSH late
x:

# a comment
JUMPDEST
%bytes B:2
late:
"""


@pytest.mark.parametrize("use", ["M", "%mm"])
def test_what_a_flaw_may_mean_changes_with_the_macros(small_chunks, use):
    document = Document.from_text("-", f"%macro m()\n%end\nADD\nSUB\n{use}\n")
    tree = parse_lines("-", document.lines)
    before = [d.hint for d in assemble(tree).diagnostics if d.code != "MAC001"]
    assert "%m" in before[-1]
    document, first, removed, added = document.replace(Span(Position(0, 0), Position(2, 0)), "", 1)
    tree = edit(tree, first, removed, document.lines[first : first + added])
    assert assemble(tree).diagnostics == assemble_text(document.text).diagnostics


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (0, "%def A = 2"), (1, "%def B = 300"), (3, "PUSH a - B + 9"), (6, "POP"), (7, ""),
        (18, "STOP"), (20, "STOP"), (22, "later:"), (2, "%macro m(a, b)"), (0, ""), (4, ""),
    ],
)
def test_what_depends_on_an_edited_line_follows_it(small_chunks, line, text):
    document = Document.from_text("-", DEPENDENT)
    tree = parse_lines("-", document.lines)
    assemble(tree)
    span = Span(Position(line, 0), Position(line, 99))
    document, first, removed, added = document.replace(span, text, 1)
    tree = edit(tree, first, removed, document.lines[first : first + added])
    ours, fresh = assemble(tree), assemble_text(document.text)
    assert ours.bytecode == fresh.bytecode
    assert ours.diagnostics == fresh.diagnostics


@pytest.mark.parametrize(
    ("text", "start", "end", "new"),
    [
        ("A\rB", (1, 0), (1, 0), "\n"), ("A\r\nB", (0, 1), (1, 0), "\r"),
        ("A\n", (1, 0), (1, 0), "B"), ("A", (1, 0), (1, 0), "B"), ("", (0, 0), (0, 0), "x\r"),
        ("A\nB\nC", (0, 1), (1, 0), ""), ("A\r\nB", (0, 0), (0, 1), "X\r"),
        ("\r\n\n", (1, 0), (1, 0), "\n"), ("A\rB\rC", (1, 0), (2, 0), "\n"),
    ],
)
def test_line_ends_torn_apart_or_joined_by_an_edit(text, start, end, new):
    document = Document.from_text("-", text)
    begin, stop = Position(*start), Position(*end)
    expected = splice(document, begin, stop, new)
    after, first, removed, added = document.replace(Span(begin, stop), new, 1)
    assert after.lines == split_lines(expected)
    assert document.lines[:first] + after.lines[first : first + added] + document.lines[
        first + removed :
    ] == after.lines


def splice(document: Document, start: Position, end: Position, new: str) -> str:
    """What an edit means, told in characters of the whole text."""
    return document.text[: offset(document, start)] + new + document.text[offset(document, end) :]


def offset(document: Document, position: Position) -> int:
    if position.line >= len(document.lines):
        return len(document.text)
    before = sum(len(line) for line in document.lines[: position.line])
    line = document.lines[position.line].rstrip("\r\n")
    return before + min(position.column, len(line))


BYTES = st.binary(max_size=80) | st.lists(
    st.sampled_from(
        ["5b", "5b5b", "6003", "56", "57", "61000a", "00", "f3", "0c", "5f", "fe", "ff", "7f", "60",
         "5e", "1d", "a264697066"]
    ),
    max_size=40,
).map(lambda parts: bytes.fromhex("".join(parts)))


@settings(max_examples=400)
@given(BYTES, st.sampled_from(list(FORKS)))
def test_disassembly_assembles_to_the_same_bytes(code, fork):
    source = disassemble(code, fork=fork)
    assembly = assemble_text(source)
    assert assembly.ok, source
    assert assembly.bytecode == code, source


@given(TEXTS)
def test_assembling_raises_on_nothing_and_maps_every_byte(text):
    assembly = assemble_text(text)
    for pc in range(0, len(assembly.bytecode), 7):
        origin = assembly.source_map.origin(pc)
        assert origin is not None
        line = origin.location.span.start.line
        if not origin.uses:
            assert pc in assembly.source_map.pcs("-", line) or any(
                known <= pc for known in assembly.source_map.pcs("-", line)
            )


def test_rules_of_the_grammar_are_the_node_classes():
    rules = {str(rule.alias or rule.origin.name) for rule in parser._lark().rules}
    names = {
        name for name in rules
        if not name.startswith("__") and name not in {"line", "parameters", "takes", "returns",
                                                      "arguments", "entries", "label_name"}
        and not any(name == str(rule.origin.name) and rule.options.expand1
                    for rule in parser._lark().rules)
    }
    classes = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        for name in t.__all__
        if isinstance(getattr(t, name), type)
    } - {"chunk", "comment", "line", "malformed", "syntax_tree", "word"}
    assert names == classes


def test_a_widened_push_can_widen_others_and_still_ends():
    count = 400
    text = "".join(f"PUSH l{(i * 7 + 3) % count}\nPOP\nl{i}:\n" for i in range(count))
    assembly = assemble_text(text)
    assert assembly.ok
    for operation in assembly.operations:
        if operation.value is not None:
            assert assembly.bytecode[operation.value] == 0x5B
            assert operation.size - 1 == (1 if operation.value < 256 else 2)


@pytest.mark.parametrize("unit", ["PUSH x * 300 % 70000\nPOP\n", "PUSH 70000 - x\nPOP\n"])
def test_values_that_shrink_as_others_grow_end_too(unit):
    assembly = assemble_text(unit * 60 + "x:\n")
    assert assembly.ok
    assert len(assembly.bytecode) == assembly.layout.size


@pytest.mark.parametrize("count", [20, 95, 120, 400, 3000])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: "+".join(["x"] * n), lambda n: "(" * n + "x" + ")" * n,
        lambda n: "~" * n + "x", lambda n: "+".join(["late"] * n),
    ],
    ids=["sum", "parentheses", "unary", "labels"],
)
def test_a_deep_expression_is_a_value_or_one_error_a_line(make, count):
    lines = ["%def x = 1", "%macro m(a)", "PUSH a % 7", "%end", f"PUSH ({make(count)}) % 7",
             f"%m({make(count)})", "late:"]
    found = assemble_text("\n".join(lines)).diagnostics
    assert [d.code for d in found] == ([] if count < 100 else ["SYN001", "SYN001"])


@pytest.mark.parametrize("last", ["1", "here + 1", "pc"], ids=["numbers", "labels", "place"])
@pytest.mark.parametrize("step", [1, -1], ids=["last first", "first first"])
@pytest.mark.parametrize("count", [20, 2000])
def test_a_chain_of_constants_may_be_long(count, step, last):
    chain = [f"%def a{i} = a{i + 1} + 1\n" for i in range(count)]
    code = "STOP\nPUSH a0\nhere:"
    found = assemble_text("".join([*chain, f"%def a{count} = {last}\n"][::step]) + code)
    assert found.diagnostics == ()
    push = found.bytecode[2:-1]
    value = {"1": 1, "here + 1": 3 + len(push), "pc": 1}[last]
    assert int.from_bytes(push, "big") == count + value
    circle = assemble_text("".join([*chain, f"%def a{count} = {last} + a0\n"][::step]) + code)
    assert [d.code for d in circle.diagnostics] == ["ASM028"]
