"""``nvm-lsp test`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

CASES = """\
%def K = 7
#@ case small
#@ storage 0 = 1
#= return 8
#@ case big
#@ storage 0 = 100
#= return 107
#= gas <= 5000
    PUSH 0
    SLOAD
    PUSH1 K     #= stack [7, ..]
    ADD
    PUSH 0
    MSTORE
    PUSH 32
    PUSH 0
    RETURN
"""


def check(nvm, folder: Path, text: str, *arguments: str, code: int, parts: tuple[str, ...] = ()):
    """Tests a program ``p.easm`` in a folder; what was printed."""
    (folder / "p.easm").write_text(text)
    done = nvm("test", *arguments, cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    for part in parts:
        assert part in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def test_cases_of_a_file_pass_alone_and_in_processes(nvm, tmp_path) -> None:
    expected = ("ok    p.easm::small", "ok    p.easm::big", "2 tests, 5 expectations: all passed")
    check(nvm, tmp_path, CASES, code=0, parts=expected)
    check(nvm, tmp_path, CASES, "p.easm", "-j", "2", code=0, parts=expected)


def test_a_failure_shows_expected_got_line_and_memory(nvm, tmp_path) -> None:
    check(
        nvm, tmp_path, "PUSH 7\nPUSH 0\nMSTORE #= mem[0:32] 8\n#= stop", code=1,
        parts=(
            "FAIL  p.easm", "p.easm:3:11: #= mem[0:32] 8",
            "got       0x" + "0" * 63 + "7", "^^", "the run: stop",
        ),
    )


def test_selection_and_shards(nvm, tmp_path) -> None:
    assert "small" not in check(nvm, tmp_path, CASES, "-k", "p and not small", code=0)
    one = check(nvm, tmp_path, CASES, "--shard", "1/2", code=0)
    two = check(nvm, tmp_path, CASES, "--shard", "2/2", code=0)
    assert ("small" in one) != ("small" in two)
    assert ("big" in one) != ("big" in two)
    check(nvm, tmp_path, CASES, "--shard", "3/2", code=2, parts=("is no shard",))
    check(nvm, tmp_path, CASES, "-k", "and and", code=2, parts=("is no expression",))


def test_an_update_keeps_marks_and_odd_line_ends(nvm, tmp_path):
    code = "PUSH 1\nPUSH 0\nMSTORE # a\x0cb\u2028c\r\nPUSH 32\nPUSH 0\nRETURN #= return {}"
    head = "#= gas <= {}\n"
    (tmp_path / "a.easm").write_bytes(("\ufeff" + (head + code).format(1, "0x02")).encode())
    assert nvm("test", "a.easm", "--update").returncode == 0
    written = (tmp_path / "a.easm").read_bytes().decode()
    mark, gas, rest = written[0], *written[1:].split("\n", 1)
    assert mark == "\ufeff"
    assert gas.startswith("#= gas <= ")
    assert rest == code.format(1)
    assert nvm("test", "a.easm").returncode == 0


def test_update_writes_what_was_got_and_nothing_else(nvm, tmp_path) -> None:
    text = "# ünïcode\r\nPUSH 7 #= stack[0] 9\r\n#= return\r\nSTOP"
    (tmp_path / "p.easm").write_bytes(text.encode())
    done = nvm("test", "--update", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    after = (tmp_path / "p.easm").read_bytes().decode()
    assert after == "# ünïcode\r\nPUSH 7 #= stack[0] 7\r\n#= stop\r\nSTOP"


def test_update_leaves_a_line_on_which_the_cases_differ(nvm, tmp_path) -> None:
    text = CASES.replace("ADD\n", "ADD #= stack[0] 5\n")
    check(nvm, tmp_path, text, "--update", code=1, parts=("not updated, the cases differ",))
    assert (tmp_path / "p.easm").read_text() == text


def test_junit_report_names_the_failures(nvm, tmp_path) -> None:
    check(nvm, tmp_path, CASES.replace("107", "108"), "--junit", "out.xml", code=1)
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    (failure,) = suite.findall(".//failure")
    assert "expected return 108, got return 107" in str(failure.get("message"))


def test_gas_snapshot_is_written_compared_and_kept(nvm, tmp_path) -> None:
    snapshot = ("--gas-snapshot", "gas.txt")
    check(nvm, tmp_path, CASES, *snapshot, code=0, parts=("wrote gas of 2 tests",))
    lines = (tmp_path / "gas.txt").read_text().splitlines()
    assert [line.partition(" (gas: ")[0] for line in lines] == ["p.easm::big", "p.easm::small"]
    check(nvm, tmp_path, CASES, *snapshot, code=0)
    more = CASES.replace("    ADD\n", "    ADD\n    PUSH 0\n    POP\n")
    check(nvm, tmp_path, more, *snapshot, code=1, parts=("MORE", "->", "%", "hint: if this"))
    check(nvm, tmp_path, more, *snapshot, "--gas-tolerance", "50%", code=0, parts=("near",))
    check(nvm, tmp_path, more, *snapshot, "--update", "-k", "big", code=0)
    updated = (tmp_path / "gas.txt").read_text().splitlines()
    assert updated[0] != lines[0], "the selected test was written anew"
    assert updated[1] == lines[1], "the others keep their lines"
    (tmp_path / "gas.txt").write_text("rubbish\n")
    check(nvm, tmp_path, CASES, *snapshot, code=2, parts=("gas.txt:1: this is no line",))


def test_what_cannot_be_read_is_a_source_error_and_the_rest_still_runs(nvm, tmp_path) -> None:
    (tmp_path / "bad.easm").write_text("PUSH1 #= stop\n")
    check(nvm, tmp_path, CASES, code=2, parts=("bad.easm:1:", "ok    p.easm::big"))
    check(nvm, tmp_path, CASES, "none.easm", code=2, parts=("no such file: none.easm",))
    check(nvm, tmp_path, "STOP #= stopp", "p.easm", code=2, parts=("p.easm:1:9: error[EXP001]",))


def test_nothing_to_test_is_said(nvm, tmp_path) -> None:
    check(nvm, tmp_path, "STOP", code=2, parts=("no expectations found",))


def test_scenarios_and_expectations_from_a_toml_file(nvm, tmp_path) -> None:
    (tmp_path / "cases.toml").write_text(
        'kernel = ["threaded"]\n[storage]\n0 = 5\n'
        '[[case]]\nname = "five"\nexpect = ["return 5", "gas <= 5000"]\n'
        '[[case]]\nname = "six"\nexpect = ["return 6"]\n[case.storage]\n0 = 6\n'
    )
    text = "#@ scenario cases.toml\nPUSH 0\nSLOAD\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"
    check(nvm, tmp_path, text, code=0, parts=("ok    p.easm::five", "ok    p.easm::six"))
    (tmp_path / "cases.toml").write_text('gaz = 1\n[block]\nnumber = true\n')
    check(nvm, tmp_path, text + "#= return", code=2, parts=("cases.toml:1:1: error[SCN001]",))
    (tmp_path / "cases.toml").write_text("[broken")
    check(nvm, tmp_path, text, code=2, parts=("p.easm:1:", "this is no TOML"))


def test_a_line_of_json_for_each_test_and_what_they_cover(nvm, tmp_path) -> None:
    listed = [json.loads(row) for row in check(
        nvm, tmp_path, CASES, "--collect-only", code=0
    ).splitlines()]
    assert [(row["id"], row["case"], row["line"]) for row in listed] == [
        ("p.easm::small", "small", 4), ("p.easm::big", "big", 7),
    ]
    failing = CASES.replace("return 107", "return 1") + "never:\nSTOP\n"
    out = check(
        nvm, tmp_path, failing, "--json", "--only", "p.easm::big", "--coverage", "lcov.info", code=1
    )
    (row,) = map(json.loads, out.splitlines())
    assert row["passed"] is False
    wrong = [finding for finding in row["findings"] if not finding["passed"]]
    assert [(f["line"], f["expected"], f["got"]) for f in wrong] == [(7, "return 1", "return 107")]
    covered = (tmp_path / "lcov.info").read_text()
    assert "SF:p.easm" in covered
    assert "DA:9,1" in covered
    assert "DA:18,0" in covered  # never: is not reached
