"""Files that work only inside of other programs: ``nvm-lsp lint`` judges them by these."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

#: Lacks WORD and %twice; a swap too many where WORD is 0, and an underflow in all cases.
SWAP = "    SWAP1\n"
ADD = "    ADD  # sum\n"
PART = (
    f"    %twice(WORD)\n%if WORD == 0\n    CALLVALUE\n    CALLER\n{SWAP}    ADD\n    POP\n%end\n"
    f"{ADD}    STOP\n"
)
TWICE = "%macro twice(x)\n    PUSH x\n    POP\n%end\n"
FILES = {
    "src/lib/part.easm": PART,
    "src/one.easm": f'%def WORD = 1\n{TWICE}%include "lib/part.easm"\n',
    "src/two.easm": f'%def WORD = 0\n{TWICE}%include "lib/part.easm"\n',
    "nvm-lsp.toml": "",
}
ONLY = ("--select", "STK001,OPT004,SUP")
MODES = [("-j", "1", "--no-cache"), ("-j", "2"), ("-j", "1")]
SAID = ["src/lib/part.easm:5 OPT004", "src/lib/part.easm:9 STK001"]


def test_programs_of_the_run_judge_their_parts_each_thing_once_whatever_the_order(check):
    names = ["src/lib/part.easm", "src/one.easm", "src/two.easm"]
    check(files=FILES, code=1)
    outputs = {
        check(*ONLY, *order, *more, found=SAID).stdout
        for order, more in zip(permutations(names), MODES * 2, strict=True)
    }
    assert len(outputs) == 1, "nor do places, fingerprints and hints"
    check(*ONLY, "src", found=SAID)


@pytest.mark.parametrize("name", ["src/lib/part.easm", "./src/../src/lib/part.easm"])
def test_a_part_alone_is_judged_by_the_programs_that_are_found(check, tmp_path, name):
    said = "is judged as part of src/one.easm, src/two.easm"
    done = check(*ONLY, name, files=FILES, code=1, err=said)
    assert done.stdout.count("error[") + done.stdout.count("warning[") == 2
    again = check(*ONLY, name, code=1, err=said)
    assert again.stdout == done.stdout, "from the cache"
    (row,) = json.loads(check("--select", "STK001", name, "--format", "json").stdout)
    assert row["file"] == name
    inside = check(*ONLY, "part.easm", cwd=tmp_path / "src/lib", code=1)
    assert "part of ../one.easm, ../two.easm" in inside.stderr


def test_what_judges_a_part_is_read_anew_when_it_changes(check):
    only = (*ONLY, "src/lib/part.easm")
    check(*only, files=FILES, found=SAID)
    check(*only, files={"src/two.easm": FILES["src/two.easm"].replace("0", "2")}, found=SAID[1:])
    fed = FILES["src/two.easm"].replace("%include", "    PUSH 7\n    DUP1\n%include")
    check(*only, files={"src/one.easm": "    STOP\n", "src/two.easm": fed}, found=SAID[:1])
    # What only looks as if it included the part does not count; then there is none.
    false = '%if 0\n%include "lib/part.easm"\n%end\n# %include "lib/part.easm"\n'
    done = check(
        *only, files={"src/two.easm": false}, err="no program was found that src/lib/part.easm is",
        found=["src/lib/part.easm:1 ASM021", "src/lib/part.easm:2 ASM022"],
    )
    assert "judged" not in done.stderr
    # It is looked for behind those that only look so, too.
    many = {f"src/a{number}.easm": false for number in range(5)}
    check(*only, files={**many, "src/two.easm": FILES["src/two.easm"]}, found=SAID)


def test_only_a_part_that_lacks_names_is_judged_by_others(check):
    files = {**FILES, "src/lib/part.easm": f"%def WORD = 3\n{TWICE}{PART}"}
    done = check(*ONLY, "src/lib/part.easm", files=files, found=["src/lib/part.easm:14 STK001"])
    assert "judged" not in done.stderr
    # A slip that has a better explanation gets no advice about programs.
    done = check("a.easm", files={"a.easm": "loop:\n    PUSH lop\n    JUMP\n"}, code=1)
    assert "no program" not in done.stderr


def test_suppressions_fixes_and_baselines_of_parts(check, tmp_path):
    part = tmp_path / "src/lib/part.easm"
    marked = PART.replace("# sum", "# easm: ignore[STK001] -- tried")
    check(*ONLY, "src/lib/part.easm", files={**FILES, "src/lib/part.easm": marked}, found=SAID[:1])
    for path in ("src/lib/part.easm", "src"):
        baseline = (*ONLY, path, "--baseline", "known.json")
        check(*baseline, "--update-baseline", code=0, err="1 ")
        check(*baseline, found=[])
    for path in ("src/lib/part.easm", "src"):
        part.write_text(marked)
        check(*ONLY, path, "--fix", code=0, err="fixed 1 finding in 1 file: OPT004")
        assert part.read_text() == marked.replace(SWAP, "")


def test_standard_input_counts_in_the_programs_that_include_its_file(check):
    name = ("-", "--stdin-filename", "src/lib/part.easm", *ONLY)
    check(files=FILES, code=1)
    check(*name, stdin=PART, found=SAID)
    check(*name, stdin=PART.replace(ADD, ""), found=SAID[:1])
    done = check(*name, "--fix", stdin=PART.replace(ADD, ""), code=0)
    assert done.stdout == PART.replace(ADD, "").replace(SWAP, "")


def test_files_that_include_one_another_are_all_judged(check):
    files = {"a.easm": '%include "b.easm"\n    STOP\n', "b.easm": '%include "a.easm"\n    STOP\n'}
    check("--select", "STK", files=files, found=["b.easm:1 ASM008", "a.easm:1 ASM008"])
