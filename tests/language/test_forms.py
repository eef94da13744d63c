"""What each form of the language means, as source and bytes."""

from __future__ import annotations

import pytest

from nvm_lsp.assembler import MemoryLoader, assemble_text

FORMS = {
    "numbers": (
        "PUSH1 10\nPUSH1 0xA\nPUSH1 0b1010\nPUSH2 1_000\nPUSH1 0xa_b",
        "600a600a600a6103e860ab",
    ),
    "odd digits": ("PUSH2 0x123", "610123"),
    "any case": ("pUsH1 1\nadd\nSha3\nKeccak256", "6001012020"),
    "comments": ("ADD # a\nADD ; b\nADD // c\n#d\n", "010101"),
    "line ends": ("ADD\r\nMUL\rSUB\nSTOP", "01020300"),
    "self-sizing": ("PUSH 0\nPUSH 1\nPUSH 256\nPUSH ~0", "5f6001610100" + "7f" + "ff" * 32),
    "fixed width stays": ("PUSH4 1", "6300000001"),
    "label": ("PUSH x\nJUMP\nx:\nSTOP", "6003565b00"),
    "label before JUMPDEST": ("x:\nJUMPDEST\nPUSH x", "5b5f"),
    "label, comment, JUMPDEST": ("x: # c\n\n# d\nJUMPDEST\nSTOP", "5b00"),
    "two labels": ("x:\ny:\nPUSH y", "5b5b6001"),
    "position": ("PUSH x\nSTOP\n.x:\n%bytes 0xff", "600300ff"),
    "at sign": ("x:\nPUSH @x", "5b5f"),
    "numeric jump target": ("PUSH1 0x3\nJUMP\nJUMPDEST", "6003565b"),
    "constant": ("%def A = B * 2\n%def B = 21\nPUSH A", "602a"),
    "constant of labels": (
        "%def SIZE = end - start\n.start:\nADD\nADD\n.end:\nPUSH SIZE", "01016002",
    ),
    "macro": (
        "%macro m(a, b)\nPUSH a\nPUSH b\nADD\n%end\n%m(1, 2)\n%m(3, 4)",
        "60016002016003600401",
    ),
    "macro labels are its own": (
        "%macro m()\nPUSH x\nJUMP\nx:\n%end\n%m()\n%m()", "6003565b6007565b",
    ),
    "macro in macro": (
        "%macro i(a)\nPUSH a\n%end\n%macro o(b)\n%i(b + 1)\n%end\n%o(1)", "6002",
    ),
    "macro takes a string": (
        '%macro h(s)\nPUSH4 selector(s)\n%bytes s\n%end\n%h("f()")', "6326121ff0" + "662829",
    ),
    "condition": ("%def A = 1\n%if A == 1\nADD\n%else\nMUL\n%end", "01"),
    "condition in a macro": (
        "%macro m(a)\n%if a > 1\nADD\n%else\nMUL\n%end\n%end\n%m(1)\n%m(2)", "0201",
    ),
    "nested conditions": ("%if 0\n%if 1\nADD\n%end\n%else\nMUL\n%end", "02"),
    "forks compare": ("%fork paris\n%if fork < fork.shanghai\nADD\n%end\nPUSH 0", "016000"),
    "bytes": ('%bytes 0x123, "hi\\x00", 5:2, x:1\n.x:', "0123" + "686900" + "0005" + "08"),
    "table": (
        "%table t [a, b, 7] width 2\na:\nb:\nPUSH len(t)\nPUSH t",
        "000600070007" + "5b5b60065f",
    ),
    "length": ("PUSH len(x)\n.x:\nADD\nADD\n.y:\nSTOP", "6002010100"),
    "program counter": ("ADD\nPUSH pc\nPUSH pc", "0160016003"),
    "org": ("ADD\n%org 4\nMUL", "0100000002"),
    "org with fill": ("ADD\n%org 3 fill 0xfe\nMUL", "01fefe02"),
    "align": ("ADD\n%align 4\nx:\nPUSH x", "010000005b6004"),
    "assert": ("%assert 1 + 1 == 2\nADD", "01"),
    "selector": ('PUSH4 selector("transfer(address,uint256)")', "63a9059cbb"),
    "topic": (
        'PUSH32 topic("Transfer(address,address,uint256)")',
        "7fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    ),
    "keccak256": (
        'PUSH32 keccak256("")',
        "7fc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    ),
    "address": (
        "PUSH20 address(0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed)",
        "735aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
    ),
    "units": ("PUSH 1 gwei\nPUSH 2 days\nPUSH 1 hour", "633b9aca006202a300610e10"),
    "precedence": (
        "PUSH 1 + 2 * 3\nPUSH (1 + 2) * 3\nPUSH 1 | 6 & 2\nPUSH 1 << 2 + 1",
        "6007600960036008",
    ),
    "comparison and logic": ("PUSH 1 < 2 && 2 != 3 || 0\nPUSH !5\nPUSH 10 % 4", "60015f6002"),
    "modulo is no directive": ("%def end_ = 3\nPUSH 10 %end_", "6001"),
}


@pytest.mark.parametrize(("source", "code"), FORMS.values(), ids=FORMS)
def test_form(source, code):
    assembly = assemble_text(source)
    assert [str(d.message) for d in assembly.diagnostics] == []
    assert assembly.bytecode.hex() == code


def test_includes_bring_names_and_code():
    files = {
        "main.easm": '%include "lib/a.easm"\nPUSH A\n%m()\n',
        "lib/a.easm": '%include "b.easm"\n%def A = 2\nADD\n',
        "lib/b.easm": "%macro m()\nMUL\n%end\n",
    }
    loader = MemoryLoader(dict(files))
    assembly = assemble_text(files["main.easm"], "main.easm", loader=loader)
    assert assembly.bytecode.hex() == "01600202"
    origin = assembly.source_map.origin(0)
    assert str(origin.location) == "lib/a.easm:3:1"
    assert origin.root_line == 0
    assert [str(use.location) for use in origin.uses] == ["main.easm:1:10"]
    assert assembly.source_map.pcs("main.easm", 2) == (3,)
    assert assembly.source_map.pcs("lib/b.easm", 1) == (3,)


def test_a_file_may_be_included_twice_if_it_only_defines():
    files = {
        "main.easm": '%include "a.easm"\n%include "b.easm"\nPUSH A\n',
        "a.easm": "%def A = 1\n%macro m()\n%end\n",
        "b.easm": '%include "a.easm"\n',
    }
    loader = MemoryLoader(dict(files))
    assembly = assemble_text(files["main.easm"], "main.easm", loader=loader)
    assert assembly.ok, assembly.diagnostics
    assert assembly.bytecode.hex() == "6001"


def test_incbin_takes_raw_bytes_and_hex_files():
    loader = MemoryLoader({"raw.bin": b"\x00\xff", "code.hex": b"0x6001\n"})
    source = '%incbin "raw.bin"\n%incbin "code.hex"\n'
    assert assemble_text(source, loader=loader).bytecode.hex() == "00ff6001"


def test_an_option_outweighs_a_definition():
    assert assemble_text("%def A = 1\nPUSH A", options={"A": 5}).bytecode.hex() == "6005"


def test_operations_and_data_are_told_apart():
    assembly = assemble_text("PUSH2 0x0102\n%bytes 0x60, 0x61\nADD")
    assert [(o.pc, o.code, o.value, o.size) for o in assembly.operations] == [
        (0, 0x61, 0x0102, 3), (5, 0x01, None, 1),
    ]
    assert assembly.data_ranges == ((3, 5),)
