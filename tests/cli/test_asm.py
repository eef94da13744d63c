"""``nvm-lsp asm`` and ``nvm-lsp disasm`` as a user calls them."""

from __future__ import annotations

import json

import pytest

CLASSIC = "# adds\nPUSH1 0x0\nPUSH2 0x123\nADD\nPUSH1 0x8\nJUMP\nJUMPDEST\nSTOP"


def test_a_classic_program_assembles_unchanged(nvm, tmp_path):
    (tmp_path / "p.easm").write_text(CLASSIC)
    done = nvm("asm", "p.easm")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0x600061012301600856" "5b00\n", "")


def test_bin_goes_to_a_file_whole(nvm, tmp_path):
    done = nvm("asm", "-", "--format", "bin", "-o", "out.bin", stdin=CLASSIC)
    assert done.returncode == 0
    assert (tmp_path / "out.bin").read_bytes().hex() == "6000610123016008565b00"


def test_nothing_is_written_on_errors(nvm, tmp_path):
    done = nvm("asm", "-", "-o", "out.hex", stdin="PUSH1 0x100\nPUSHH 1\n")
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())
    assert "-:1:7: error[ASM005]" in done.stderr
    assert "-:2:1: error[ASM001]" in done.stderr


def test_json_has_bytecode_symbols_source_map_and_diagnostics(nvm):
    source = "%def X = 5\n%macro m(a)\nPUSH a\n%end\n%m(X)\nend:\n"
    document = json.loads(nvm("asm", "-", "--format", "json", stdin=source).stdout)
    assert document["bytecode"] == "0x60055b"
    assert {(s["name"], s["kind"], s["value"]) for s in document["symbols"]} == {
        ("X", "constant", "0x5"),
        ("m", "macro", None),
        ("end", "label", "0x2"),
    }
    assert [(e["pc"], e["line"], e["uses"]) for e in document["source_map"]] == [
        (0, 3, [{"file": "-", "line": 5}]),
        (2, 6, []),
    ]
    assert document["diagnostics"] == []


def test_an_error_in_an_included_file_shows_the_way_there(nvm, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.easm").write_text('%include "b.easm"\n')
    (tmp_path / "lib" / "b.easm").write_text("\nADDD\n")
    (tmp_path / "main.easm").write_text('STOP\n%include "lib/a.easm"\n')
    done = nvm("asm", "main.easm")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:3] == [
        "lib/b.easm:2:1: error[ASM001] unknown mnemonic ADDD",
        "  lib/a.easm:1:10: included from here",
        "  main.easm:2:10: included from here",
    ]


def test_options_outweigh_definitions(nvm):
    assert nvm("asm", "-", "-D", "X=7", stdin="%def X = 1\nPUSH X\n").stdout == "0x6007\n"


def test_fork_decides_on_push0(nvm):
    assert nvm("asm", "-", "--fork", "paris", stdin="PUSH 0\n").stdout == "0x6000\n"
    assert nvm("asm", "-", "--fork", "shanghai", stdin="PUSH 0\n").stdout == "0x5f\n"


def test_disassembly_assembles_to_the_same_bytes(nvm):
    code = "0x6003565b5b610003575f0c0d00a26469"
    source = nvm("disasm", code).stdout
    assert "l_0003:" in source
    assert nvm("asm", "-", stdin=source).stdout == code + "\n"


@pytest.mark.parametrize("command", ["asm", "disasm", "run", "lint"])
@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: str(folder / "missing.easm"), "no such file"),
        (lambda folder: str(folder), "is a folder"),
    ],
    ids=["missing", "folder"],
)
def test_what_cannot_be_read_is_named(nvm, tmp_path, command, make, complaint):
    if command == "lint" and complaint == "is a folder":
        pytest.skip("lint takes folders")
    done = nvm(command, make(tmp_path))
    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize("command", ["asm", "run"])
@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (bytes(range(1, 256)), "bad.easm:2:118: byte 0x80 is not UTF-8 text"),
        ("\ufeffSTOP\nADD # é\xfc".encode()[:-1], "bad.easm:2:8: byte 0xc3 is not UTF-8 text"),
        ("STOP".encode("utf-16"), "bad.easm is UTF-16 text\n  hint: save it as UTF-8"),
        ("STOP".encode("utf-16-le"), "bad.easm:1:2: a NUL byte"),
        (b"PUSH1 1\n\0\0\n", "bad.easm:2:1: a NUL byte"),
        (b"A" * (10 * 2**20), "unknown mnemonic"),
        (b"(" * 100_000, "unexpected"),
    ],
    ids=["binary", "cut", "utf-16", "utf-16 without mark", "nul", "10 MB of one line", "nested"],
)
def test_rubbish_gets_a_message(nvm, tmp_path, command, data, complaint):
    (tmp_path / "bad.easm").write_bytes(data)
    done = nvm(command, "bad.easm")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr) < 4000, "a message must not repeat a huge input"


def test_an_empty_file_is_an_empty_program(nvm):
    assert nvm("asm", "-").stdout == "0x\n"
    assert nvm("run", "-").stdout.startswith("outcome       stop")


def test_an_unknown_flag_or_command_is_a_usage_error(nvm):
    done = nvm("asm", "--nope", "-")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: nvm-lsp asm")
    assert "unrecognized arguments: --nope" in done.stderr
    assert nvm().returncode == 2


@pytest.mark.parametrize(("arguments", "hint"), [
    (["lnit", "a.easm"], "did you mean lint?"),
    (["a.easm"], "to run a program: nvm-lsp run a.easm"),
    (["--fork", "paris", "run", "a.easm"], "the command stands first: nvm-lsp run …"),
    (["xyzzy", "--help"], "there are run, test, asm,"),
])
def test_a_wrong_command_gets_a_way_out(nvm, tmp_path, arguments, hint):
    (tmp_path / "a.easm").write_text("STOP\n")
    done = nvm(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("nvm-lsp: there is no command ")
    assert hint in done.stderr


def test_odd_digits_are_explained(nvm):
    done = nvm("disasm", "0x600")
    assert (done.returncode, "odd number of digits" in done.stderr) == (2, True)


def test_an_abi_names_selectors_and_topics(nvm, tmp_path):
    (tmp_path / "abi.json").write_text(
        '[{"type": "function", "name": "f", "inputs": [{"name": "a", "type": "uint256"}]},'
        ' {"type": "event", "name": "E", "inputs": []}]'
    )
    source = 'PUSH4 selector("f(uint256)")\nPUSH32 topic("E()")\n'
    code = nvm("asm", "-", stdin=source).stdout.strip()
    text = nvm("disasm", code, "--abi", "abi.json").stdout
    assert "# f(uint256)" in text
    assert "# E()" in text
    assert nvm("disasm", code, "--abi", "none.json").returncode == 2


def test_a_listing_shows_offset_bytes_and_source(nvm):
    source = (
        "# adds\n%macro two()\nPUSH1 1\nPUSH1 2\n%end\n%two()\nADD\n"
        "%bytes 0x0102030405060708090a\n"
    )
    assert nvm("asm", "-", "--format", "listing", stdin=source).stdout.splitlines()[-5:] == [
        "000000  6001              %two()",
        "000002  6002",
        "000004  01                ADD",
        "000005  0102030405060708  %bytes 0x0102030405060708090a",
        "00000d  090a",
    ]


def test_several_files_at_once(nvm, tmp_path):
    (tmp_path / "a.easm").write_text("ADD")
    (tmp_path / "b.easm").write_text("MUL")
    assert nvm("asm", "a.easm", "b.easm").stdout == "0x01\n0x02\n"
    documents = json.loads(nvm("asm", "a.easm", "b.easm", "--format", "json").stdout)
    assert [d["bytecode"] for d in documents] == ["0x01", "0x02"]
    (tmp_path / "b.easm").write_text("MULL")
    done = nvm("asm", "a.easm", "b.easm")
    assert (done.returncode, done.stdout) == (2, "")
