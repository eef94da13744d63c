"""``nvm-lsp fmt`` as a user calls it."""

from __future__ import annotations

import pytest


def test_files_are_formatted_in_place(nvm, tmp_path):
    file = tmp_path / "a.easm"
    file.write_text("add\n")
    assert nvm("fmt", "a.easm").returncode == 0
    assert file.read_text() == "    ADD\n"


def test_check_and_diff_change_nothing(nvm, tmp_path):
    file = tmp_path / "a.easm"
    file.write_text("add\n")
    done = nvm("fmt", "--check", ".")
    assert (done.returncode, done.stdout) == (1, "a.easm\n")
    done = nvm("fmt", "--diff", "a.easm")
    assert (done.returncode, "-add\n+    ADD" in done.stdout) == (1, True)
    assert file.read_text() == "add\n"
    file.write_text("    ADD\n")
    assert nvm("fmt", "--check", "a.easm").returncode == 0


def test_standard_input_goes_to_standard_output(nvm):
    assert nvm("fmt", "-", stdin="pop").stdout == "    POP\n"


def test_a_file_that_cannot_be_parsed_is_left_alone(nvm, tmp_path):
    (tmp_path / "a.easm").write_text("add\nPUSH1 (\n")
    (tmp_path / "b.easm").write_text("add\n")
    done = nvm("fmt", "a.easm", "b.easm")
    assert done.returncode == 2
    assert "a.easm:2:7: error[SYN001]" in done.stderr
    assert "left as it is" in done.stderr
    assert (tmp_path / "a.easm").read_text() == "add\nPUSH1 (\n"
    assert (tmp_path / "b.easm").read_text() == "    ADD\n"


def test_the_nearest_configuration_counts(nvm, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.nvm-lsp.format]\nmnemonic-case = "lower"\ncomment-column = 12\n'
    )
    assert nvm("fmt", "-", "--stdin-filename", "x.easm", stdin="ADD#a\n").stdout == (
        "    add     #a\n"
    )


def test_an_unknown_option_is_an_error_with_a_suggestion(nvm, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.nvm-lsp.format]\ncomment-colum = 12\n")
    done = nvm("fmt", "-", "--stdin-filename", "x.easm", stdin="ADD\n")
    assert (done.returncode, "did you mean comment-column?" in done.stderr) == (2, True)


def test_what_is_excluded_is_left_alone(nvm, tmp_path):
    for name in ("a.easm", "generated/b.easm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("add\n")
    (tmp_path / "nvm-lsp.toml").write_text('exclude = ["generated/"]\n')
    assert nvm("fmt", "--check", ".").stdout == "a.easm\n"
    assert nvm("fmt", "--check", "--force-exclude", "generated/b.easm").returncode == 0
    assert nvm("fmt", "--check", "generated/b.easm").returncode == 1


def test_overrides_give_some_files_another_style(nvm, tmp_path):
    (tmp_path / "nvm-lsp.toml").write_text(
        "format.mnemonic-case = 'lower'\n"
        "[[overrides]]\nfiles = ['b.easm']\nformat.mnemonic-case = 'upper'\n"
    )
    for name, text in (("a.easm", "    add\n"), ("b.easm", "    ADD\n")):
        assert nvm("fmt", "-", "--stdin-filename", name, stdin="Add").stdout == text


LINE_ENDS = {
    "those of the file": ("auto", b"add\r\npop\r\n", b"    ADD\r\n    POP\r\n"),
    "the first one counts": ("auto", b"add\r\npop\nadd\r", b"    ADD\r\n    POP\r\n    ADD\r\n"),
    "none yet": ("auto", b"pop", b"    POP\n"),
    "the mark stays": ("auto", b"\xef\xbb\xbfpop\r\n", b"\xef\xbb\xbf    POP\r\n"),
    "lf": ("lf", b"\xef\xbb\xbfpop\r\n", b"\xef\xbb\xbf    POP\n"),
    "crlf": ("crlf", b"add\npop\n", b"    ADD\r\n    POP\r\n"),
}


@pytest.mark.parametrize("title", LINE_ENDS)
def test_line_ends_and_byte_order_marks_stay(nvm, tmp_path, title):
    setting, before, after = LINE_ENDS[title]
    (tmp_path / "nvm-lsp.toml").write_text(f"format.line-ending = '{setting}'\n")
    file = tmp_path / "a.easm"
    file.write_bytes(before)
    # As bytes, because reading text would make all line ends one.
    assert nvm("fmt", "-", "--stdin-filename", "a.easm", stdin=before).stdout.encode() == after
    assert nvm("fmt", "--check", "a.easm").returncode == 1
    assert nvm("fmt", "a.easm").returncode == 0
    assert file.read_bytes() == after
    assert nvm("fmt", "--check", "a.easm").returncode == 0


def test_a_diff_has_the_line_ends_of_the_file(nvm, tmp_path):
    (tmp_path / "a.easm").write_bytes(b"add\r\nPOP")
    assert nvm("fmt", "--diff", "a.easm").stdout.endswith(
        "-add\r\n-POP\n\\ No newline at end of file\n+    ADD\r\n+    POP\r\n"
    )


def test_a_link_stays_one(nvm, tmp_path):
    (tmp_path / "a.easm").write_text("add\n")
    (tmp_path / "b.easm").symlink_to("a.easm")
    assert nvm("fmt", "b.easm").returncode == 0
    assert (tmp_path / "b.easm").is_symlink()
    assert (tmp_path / "a.easm").read_text() == "    ADD\n"
