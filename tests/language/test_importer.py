"""Programs of other assemblers: what they assemble to there, they assemble to here."""

from __future__ import annotations

import pyevmasm
import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.importer import dialects, translate
from nvm_lsp.syntax import parse

PROGRAMS = {
    "geas": (
        """\
;; A loop in geas.
#pragma target "cancun"
#define LIMIT = 3
#define %twice($x) {
    push $x
    push $x
    add             ; [2x]
}
    push LIMIT
start:
    push 1
    swap1
    sub
    dup1
    jumpi @start
    %twice(2)
    push .selector("f()")
    stop
""",
        "60035b6001900380600257" + "6002600201" + "6326121ff0" + "00",
    ),
    "etk": (
        """\
# A jump in ETK.
%macro push_two(a)
    push1 $a
    push1 2
%end
    %push_two(1)
    %push(target)
    jump
target:
    jumpdest
    push4 selector("f()")
data:
    stop
""",
        "60016002" + "600756" + "5b" + "6326121ff0" + "00",
    ),
    "huff": (
        """\
#define function f() nonpayable returns ()
#define constant SLOT = 0x05
/* two lines
   of comment */
#define macro ADD_TO(x) = takes (1) returns (1) {
    <x> add
}
#define macro MAIN() = takes (0) returns (0) {
    0x01 ADD_TO(0x02)   // [3]
    [SLOT] sstore
    __FUNC_SIG("f()") pop
    end jump
    end:
        stop
}
""",
        "6001600201" + "600555" + "6326121ff050" + "6011565b" + "00",
    ),
    "pyevmasm": ("PUSH1 0x60\nGETPC\nMSTORE\nASSERTFAIL\n", "60605852fe"),
    "evmcodes": ("// adds\nPUSH1 1\nPUSH1 0x02\nADD // sum\n", "6001600201"),
}


def test_each_dialect_has_a_program():
    assert set(PROGRAMS) == set(dialects())


@pytest.mark.parametrize("dialect", PROGRAMS)
def test_a_program_keeps_its_bytecode(dialect):
    source, code = PROGRAMS[dialect]
    imported = translate(source, dialect)
    assert imported.diagnostics == []
    assembly = assemble_text(imported.text)
    assert assembly.ok, (imported.text, assembly.diagnostics)
    assert assembly.bytecode.hex() == code, imported.text


def test_a_listing_of_pyevmasm_keeps_its_bytecode():
    code = bytes.fromhex("608060405234801561001057600080fd5b50fe")
    listing = pyevmasm.disassemble(code)
    assert assemble_text(translate(listing, "pyevmasm").text).bytecode == code
    offsets = "\n".join(f"{i.pc:08x}: {i}" for i in pyevmasm.disassemble_all(code))
    assert assemble_text(translate(offsets, "pyevmasm").text).bytecode == code


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("geas", '#assemble "x.eas"'), ("etk", '%include("x.etk")'),
        ("huff", "#define table T() {"), ("evmcodes", "FROBNICATE 1"),
    ],
)
def test_what_has_no_counterpart_is_marked(dialect, line):
    imported = translate(f"\n{line}\n", dialect)
    (diagnostic,) = imported.diagnostics
    assert (diagnostic.code, diagnostic.location.span.start.line) == ("IMP001", 1)
    assert f"# import: {line}" in imported.text
    assert assemble_text(imported.text).ok


@pytest.mark.parametrize("dialect", sorted(PROGRAMS))
def test_what_is_no_easm_is_marked_with_its_line_and_the_rest_still_parses(dialect):
    original = "\n go: [X] <a>\npush 1 +\n\"open\n"
    imported = translate(original, dialect)
    assert next(parse(imported.text).problems(), None) is None
    marked = [line for line in imported.lines if line.startswith("# import:")]
    assert marked
    assert len(marked) == len(imported.diagnostics)
    assert {d.location.span.start.line for d in imported.diagnostics} <= {1, 2, 3}
