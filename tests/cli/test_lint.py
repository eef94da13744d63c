"""``nvm-lsp lint`` as a process: what it shows of a line."""

from __future__ import annotations


def test_of_a_line_of_megabytes_only_the_part_that_matters_is_shown(nvm, tmp_path):
    blanks, name = " " * 1_000_000, "a" * 1_000_000
    (tmp_path / "long.easm").write_text(f"{blanks}PUSH1 {name}\n")
    done = nvm("lint", "long.easm")
    assert done.returncode == 1
    assert len(done.stdout) < 4000
    first, line, marks = done.stdout.splitlines()[:3]
    assert first.startswith("long.easm:1:1000007: error[")
    assert line[marks.index("^") :].startswith("aaa"), "the marks stand below what they mean"


def test_a_short_line_is_shown_whole(nvm, tmp_path):
    (tmp_path / "short.easm").write_text("\tPUSHX 1  # why\n")
    lines = nvm("lint", "short.easm").stdout.splitlines()
    assert lines[1:3] == ["1 | \tPUSHX 1  # why", "  | \t^^^^^"]
