"""``nvm-lsp verify``: programs bound to bytecode elsewhere."""

from __future__ import annotations

import pytest

PROGRAM = '#@ matches Wallet.t.sol "0x6003…"\nPUSH1 3\nPUSH1 4\nADD\n'


def test_equal_bytecode_passes_and_a_drift_fails_with_a_diff(nvm, tmp_path):
    (tmp_path / "a.easm").write_text(PROGRAM)
    test = tmp_path / "Wallet.t.sol"
    test.write_text('bytes a = hex"00";\nbytes b = hex"6003_600401"; // 0x6003\n')
    done = nvm("verify")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    test.write_text('\nbytes b = hex"6003600402";\n')
    done = nvm("verify")
    assert done.returncode == 1
    assert "a.easm does not equal the bytecode in Wallet.t.sol:2" in done.stdout
    assert "-    MUL\n+    ADD" in done.stdout


def test_a_manifest_binds_programs_too(nvm, tmp_path):
    (tmp_path / "a.easm").write_text("STOP\n")
    (tmp_path / "b.txt").write_text("0x00ff\n")
    (tmp_path / "pyproject.toml").write_text(
        '[[tool.nvm-lsp.verify]]\nprogram = "a.easm"\nfile = "b.txt"\nstarts = "0x00"\n'
    )
    done = nvm("verify", ".")
    assert (done.returncode, "+" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("#@ matches", "a line reads #@ matches"),
        ('#@ matches nope.sol "0x60"', "no such file"),
        ('#@ matches b.txt "0x61"', "no literal that starts with 0x61"),
    ],
)
def test_what_cannot_be_checked_is_an_error(nvm, tmp_path, line, complaint):
    (tmp_path / "a.easm").write_text(line + "\nSTOP\n")
    (tmp_path / "b.txt").write_text("0x6001\n")
    done = nvm("verify", "a.easm")
    assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr


def test_a_program_that_cannot_be_read_is_no_program_that_passes(nvm, tmp_path):
    (tmp_path / "a.easm").write_bytes(b"\xff")
    (tmp_path / "b.easm").write_text('#@ matches b.txt "0x"\nSTOP\n')
    (tmp_path / "b.txt").write_text("0x00\n")
    done = nvm("verify")
    assert (done.returncode, "a.easm:1:1: byte 0xff" in done.stderr) == (2, True), done.stderr
    (tmp_path / "b.txt").write_text("0x01\n")
    assert "b.easm does not equal" in nvm("verify").stdout


def test_nothing_to_verify_is_said(nvm, tmp_path):
    (tmp_path / "a.easm").write_text("STOP\n")
    assert "nothing to verify" in nvm("verify").stderr


def test_a_bound_program_still_runs(nvm, tmp_path):
    (tmp_path / "a.easm").write_text(PROGRAM)
    assert nvm("run", "a.easm").returncode == 0


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        ('[[tool.nvm-lsp.verify]]\nprogram = 5\nfile = "b"\n', 2),
        ("[tool.nvm-lsp]\nverify = 5\n", 2),
        ("[tool]\nnvm-lsp = 5\n", 2),
        ("tool = 5\n", 0),
    ],
)
def test_a_manifest_of_another_shape_is_no_internal_error(nvm, tmp_path, manifest, code):
    (tmp_path / "a.easm").write_text("STOP\n")
    (tmp_path / "pyproject.toml").write_text(manifest)
    assert nvm("verify").returncode == code
    assert nvm("fmt", "a.easm").returncode == code
