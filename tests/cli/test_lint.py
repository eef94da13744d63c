"""``nvm-lsp lint`` as a process: what it looks at, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from nvm_lsp.assembler.loader import MAX_FILE_BYTES
from nvm_lsp.lint import result

IDLE = "start:\n    STOP\n"  # LBL001, a warning
CLEAN = "    STOP\n"


# What it shows ------------------------------------------------------------------------------------


def test_of_a_line_of_megabytes_only_the_part_that_matters_is_shown(check):
    blanks, name = " " * 1_000_000, "a" * 1_000_000
    done = check("long.easm", files={"long.easm": f"{blanks}PUSH1 {name}\n"}, code=1)
    assert len(done.stdout) < 4000
    first, line, marks = done.stdout.splitlines()[:3]
    assert first.startswith("long.easm:1:1000007: error[")
    assert line[marks.index("^") :].startswith("aaa"), "the marks stand below what they mean"


def test_a_short_line_is_shown_whole(check):
    done = check("short.easm", files={"short.easm": "\tPUSHX 1  # why\n"})
    assert done.stdout.splitlines()[1:3] == ["1 | \tPUSHX 1  # why", "  | \t^^^^^"]


def test_a_clean_program_is_no_finding(check):
    done = check(files={"a.easm": CLEAN}, found=[], err="no findings")
    assert done.returncode == 0


def test_formats_go_to_files_beside_stdout(check, tmp_path):
    done = check(
        "--format", "concise", "--output", "sarif=out.sarif", "--output", "junit=out.xml",
        files={"a.easm": IDLE}, code=1,
    )
    assert done.stdout == "a.easm:1:1: warning[LBL001] label start is never used\n"
    assert json.loads((tmp_path / "out.sarif").read_text())["version"] == "2.1.0"
    assert "LBL001" in (tmp_path / "out.xml").read_text()


def test_under_github_actions_annotations_come_in_addition(check):
    github = {"GITHUB_ACTIONS": "true"}
    done = check("--format", "concise", files={"a.easm": IDLE}, env=github, code=1)
    assert [line.partition(" ")[0] for line in done.stdout.splitlines()] == [
        "a.easm:1:1:", "::warning",
    ]
    done = check("--format", "json", env=github, code=1, err="::warning title=")
    assert json.loads(done.stdout), "what a machine reads is left alone"
    assert check("--format", "github", env=github).stdout.count("::warning") == 1


def test_statistics_replace_the_findings(check):
    files = {"a.easm": IDLE, "b.easm": IDLE.replace("STOP", "STOP # easm: ignore[STK001] -- x")}
    done = check("--statistics", files=files, code=1)
    assert done.stdout == (
        "2  LBL001  warning  unused-label\n"
        "1  SUP001  warning  unused-suppression (1 fixable)\n"
    )
    rows = json.loads(check("--statistics", "--format", "json").stdout)
    assert [(row["code"], row["count"]) for row in rows] == [("LBL001", 2), ("SUP001", 1)]


# What it looks at ---------------------------------------------------------------------------------


def test_folders_give_their_programs_but_not_those_of_others(check):
    files = dict.fromkeys(
        ("a.easm", "lib/b.easm", "node_modules/c.easm", ".git/d.easm", "env/e.easm", "f.txt"), IDLE
    )
    files["env/pyvenv.cfg"] = ""
    check(files=files, found=["a.easm:1 LBL001", "lib/b.easm:1 LBL001"])
    check("lib", "./lib/b.easm", "f.txt", found=["lib/b.easm:1 LBL001", "f.txt:1 LBL001"])


def test_a_folder_without_programs_is_said(check):
    check(files={"a.txt": ""}, found=[], err="no easm files found")


def test_what_is_excluded_is_left_out_unless_it_is_named(check):
    files = {"a/b.easm": IDLE, "c.easm": CLEAN, "nvm-lsp.toml": 'exclude = ["a/"]'}
    check(files=files, found=[])
    check("a", found=[])
    check("a/b.easm", found=["a/b.easm:1 LBL001"])
    check("a/b.easm", "--force-exclude", found=[])


def test_bytecode_is_linted_as_its_disassembly(check):
    files = {"a.hex": "0x0100\n", "b.bin": b"\x01\x00"}
    done = check(
        "--select", "STK001", "a.hex", "b.bin", files=files,
        found=["a.hex:1 STK001", "b.bin:1 STK001"],
    )
    assert "stack underflow" in done.stdout
    full = check("--select", "STK001", "a.hex").stdout.splitlines()
    assert full[1].startswith("1 |     ADD"), "the line shown is the disassembly's"


def test_standard_input_goes_by_a_name(check):
    done = check("-", stdin=IDLE, found=["-:1 LBL001"])
    files = {"lib/x.easm": "%def N = 1\n", "lib/nvm-lsp.toml": 'ignore = ["LBL"]'}
    source = '%include "x.easm"\nstart:\n    PUSH1 N\n    POP\n    STOP\n'
    done = check(
        "-", "--stdin-filename", "lib/y.easm", "--select", "ASM", files=files, stdin=source,
        found=[],
    )
    check("-", "--stdin-filename", "lib/y.easm", stdin=IDLE, found=[])
    assert done.returncode == 0


def test_a_part_that_others_include_need_not_assemble_by_itself(check):
    files = {"a.easm": '%def N = 1\n%include "part.easm"\n', "part.easm": "    PUSH1 N\n    STOP\n"}
    check("--select", "STK", files=files, found=[])
    check("--select", "STK", "part.easm", found=[], err="part.easm is judged as part of a.easm")


def test_names_that_only_includers_use_are_used(check):
    files = {
        "a.easm": '    PUSH A\n    %m\n%include "lib.easm"\n',
        "lib.easm": "%def A = 1\n%macro m\n    POP\n%end\n    STOP\n",
    }
    check("--select", "UNU", files=files, found=[])
    check("lib.easm", "--select", "UNU", found=["lib.easm:1 UNU001", "lib.easm:2 UNU002"])


def test_a_flaw_in_an_include_is_said_once(check):
    program = '%include "lib.easm"\n    %broken\n    STOP\n'
    files = {
        "a.easm": program, "b.easm": program,
        "lib.easm": "%macro broken\n    ADD\n%end\n",
    }
    check("--select", "STK001", files=files, found=["lib.easm:2 STK001"])


def test_a_suppression_that_only_includers_need_is_not_idle(check):
    lib = (
        "%macro plus\n    ADD  # easm: ignore[STK001, LBL001] -- x\n%end\n"
        "    PUSH 1\n    DUP1\n    %plus\n    POP\n"
    )
    files = {"a.easm": '    %plus\n%include "lib.easm"\n    STOP\n', "lib.easm": lib}
    only = ("--select", "STK001,LBL001,SUP001")
    check(*only, files=files, found=["lib.easm:2 SUP001"])
    check("lib.easm", *only, found=["lib.easm:2 SUP001"] * 2)


def test_the_target_is_the_options_then_the_programs_then_the_configurations(check):
    files = {
        "a.easm": "    CALLCODE\n    STOP\n", "b.easm": "#@ target nvm\n    STOP\n",
        "nvm-lsp.toml": 'target = "evm"',
    }
    check(files=files)
    rows = json.loads(check("--show-settings").stdout)
    assert [row["target"] for row in rows] == ["evm", "evm"]
    rows = json.loads(check("--show-settings", "--target", "nvm").stdout)
    assert [row["target"] for row in rows] == ["nvm", "nvm"]


def test_the_fork_is_the_options_then_the_programs_then_the_configurations(check):
    files = {
        "a.easm": "    TLOAD\n    STOP\n", "b.easm": "%fork cancun\n    TLOAD\n    STOP\n",
        "nvm-lsp.toml": 'fork = "shanghai"',
    }
    check("--select", "ASM", files=files, found=["a.easm:1 ASM002"])
    check("--select", "ASM", "--fork", "cancun", found=[])
    check(
        "--select", "ASM", "--fork", "paris", found=["a.easm:1 ASM002", "b.easm:2 ASM002"]
    )


def test_the_largest_file_is_as_large_for_the_cache_as_for_the_assembler():
    assert result.MAX_FILE_BYTES == MAX_FILE_BYTES


# What is chosen -----------------------------------------------------------------------------------

TWO = "start:\n    ADD\n    STOP  # easm: ignore[LBL001] -- not here\n"


def test_codes_are_chosen_by_options(check):
    found = ["a.easm:1 LBL001", "a.easm:3 SUP001"]
    check("--select", "lbl,S", "--ignore", "STK", files={"a.easm": TWO}, found=found)
    check("--select", "LBL", "--extend-select", "SUP001", found=found)
    check("--select", "ALL", "--ignore", "ALL", found=[])


def test_options_outweigh_the_configuration_and_overrides_the_rest(check):
    files = {
        "a.easm": TWO, "lib/b.easm": TWO,
        "nvm-lsp.toml": 'select = ["STK001"]\n[levels]\nSTK001 = "info"\n'
        '[[overrides]]\nfiles = ["lib/"]\nselect = ["LBL"]\nlevels = { LBL001 = "error" }\n',
    }
    check(files=files, found=["a.easm:2 STK001", "lib/b.easm:1 LBL001"])
    done = check("--format", "concise")
    assert "info[STK001]" in done.stdout
    assert "error[LBL001]" in done.stdout
    check("--select", "STK", found=["a.easm:2 STK001", "lib/b.easm:2 STK001"], code=0)


def test_what_does_not_assemble_is_always_said(check):
    check("--ignore", "ALL", files={"a.easm": "    PUSHX\n"}, found=["a.easm:1 ASM001"])


@pytest.mark.parametrize(
    ("level", "limit", "code"),
    [("warning", None, 1), ("info", None, 0), ("hint", "hint", 1), ("warning", "error", 0)],
)
def test_only_findings_bad_enough_are_a_failure(check, level, limit, code):
    files = {"a.easm": IDLE, "nvm-lsp.toml": f'levels.LBL001 = "{level}"'}
    done = check(*(["--fail-on", limit] if limit else []), files=files, code=code)
    assert f"{level}[LBL001]" in done.stdout, "it is shown all the same"


def test_the_configuration_may_set_what_is_a_failure(check):
    check(files={"a.easm": IDLE, "nvm-lsp.toml": 'fail-on = "error"'}, code=0)
    check("--fail-on", "warning", code=1)
    check("--fail-on", "warning", "--exit-zero", code=0)


# How it ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nope.easm"], "no such file: nope.easm"),
        (["--format", "jsn"], "did you mean json?"),
        (["--output", "sarif"], "--output takes FORMAT=FILE"),
        (["--output", "json=x", "--output", "sarif=./x"], "2 formats cannot go to one file"),
        (["--output", "json=no/such/folder"], "cannot write no/such/folder"),
        (["--select", "STX001"], "--select: there is no code 'STX001'"),
        (["--select", ","], "write codes with commas between them"),
        (["--fork", "pragu"], "did you mean prague?"),
        (["-", "a.easm"], "cannot be linted beside files"),
        (["-", "--watch"], "standard input cannot be watched"),
        (["--unsafe-fixes"], "needs --fix or --diff"),
        (["--update-baseline"], "needs --baseline FILE"),
        (["--baseline", "b.json"], "no such file: b.json"),
        (["--since", "HEAD"], "git says: "),
        (["--config", "nope.toml"], "nope.toml: cannot be read"),
        (["-j", "0"], "no number from 1 to 256"),
        (["--stdin-filename", "x"], "of use only with -"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(check, arguments, complaint):
    check(*arguments, files={"a.easm": CLEAN}, code=2, err=complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("selekt = []", "nvm-lsp.toml:1: selekt is no known key\n  hint: did you mean select?"),
        ("ignore = ['STX']", "there is no code 'STX'"),
        ("[[overrides]]\nfiles = ['x']\nlevels.LBX = 'off'", "there is no code 'LBX'"),
        ("[broken", "nvm-lsp.toml: is no TOML"),
    ],
)
def test_a_wrong_configuration_ends_with_2(check, text, complaint):
    done = check(files={"a.easm": IDLE, "nvm-lsp.toml": text}, code=2, err=complaint)
    assert done.stdout == ""


def test_a_pipe_is_read_once_and_a_device_not_for_ever(check, tmp_path):
    check("/dev/zero", code=2, err="zero:1:1: a NUL byte")
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=(tmp_path / "pipe").write_text, args=[IDLE])
    thread.start()
    check("pipe", found=["pipe:1 LBL001"])
    thread.join()
    check("-", stdin=b" " * (MAX_FILE_BYTES + 1), code=2, err="larger than 16 MiB")


@pytest.mark.parametrize("command", ["lint", "test", "verify", "fmt"])
def test_a_pipe_in_a_folder_is_passed_over(nvm, tmp_path, command):
    os.mkfifo(tmp_path / "pipe.easm")
    (tmp_path / "a.easm").write_text("STOP #= stop\n")
    (tmp_path / "gone.easm").symlink_to("nowhere")
    done = nvm(command, ".")
    assert (done.returncode, "gone.easm" in done.stderr) == (2, True), done.stderr
    assert "pipe" not in done.stdout + done.stderr


def test_one_unreadable_file_costs_no_other(check):
    files = {"a.easm": b"\xff", "b.easm": IDLE}
    err = "a.easm:1:1: byte 0xff is not UTF-8 text"
    check(files=files, found=["b.easm:1 LBL001"], code=2, err=err)


PLUGIN = """
import os
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.lint.rule import rule

@rule("TST001", "bad")
def RULE(context):
    name = os.path.basename(context.path)
    if name == "raises.easm":
        raise ZeroDivisionError("on purpose")
    if name == "dies.easm":
        os._exit(1)
    return iter(())

@hookimpl
def nvm_lsp_rules():
    return [RULE]
"""


@pytest.fixture
def plugin(tmp_path):
    """The environment in which a plugin is installed whose rule fails on some files."""
    site = tmp_path / ".site"
    info = site / "bad_rule-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "bad_rule.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-rule\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nvm_lsp]\nbad = bad_rule\n")
    return {
        "PYTHONPATH": str(site), "NVM_LSP_LOG": str(tmp_path / ".log"),
        "NVM_LSP_CONFIG": str(tmp_path / ".config"),
    }


def test_an_internal_error_names_the_file_and_ends_with_3(check, plugin):
    files = {"a.easm": IDLE, "raises.easm": IDLE, "z.easm": IDLE}
    found = ["a.easm:1 LBL001", "raises.easm:1 LBL001", "z.easm:1 LBL001"]
    complaint = "nvm-lsp: raises.easm: plugin bad"
    check(files=files, env=plugin, found=found, code=3, err=(complaint, "on purpose"))
    check(env=plugin, found=found, code=3, err=complaint)  # is not taken from the cache
    check("--exit-zero", env=plugin, code=3)
    sarif = json.loads(check("--format", "sarif", env=plugin).stdout)
    assert "raises.easm: plugin bad" in json.dumps(sarif["runs"][0]["invocations"])
    files = {"nvm-lsp.toml": 'plugins.disabled = ["bad"]'}
    check(files=files, env=plugin, found=found, code=1)


def test_a_process_that_dies_costs_only_its_file(check, plugin):
    files = {f"{name}.easm": IDLE for name in ("a", "b", "c", "dies", "e", "f")}
    found = [f"{name}.easm:1 LBL001" for name in ("a", "b", "c", "e", "f")]
    check("-j", "2", files=files, env=plugin, found=found, code=3, err="dies.easm: internal error")


def test_processes_give_the_same_as_one(check):
    files = {f"p{n}.easm": IDLE * (n % 3) + CLEAN for n in range(12)}
    one = check("-j", "1", "--no-cache", files=files)
    many = check("-j", "3", "--no-cache")
    assert (one.stdout, one.returncode) == (many.stdout, many.returncode)
    assert one.stdout


def test_a_warm_run_imports_neither_parser_nor_rules_and_no_run_eth_or_lsprotocol(check, tmp_path):
    (tmp_path / "a.easm").write_text(IDLE)
    code = (
        "import sys; from nvm_lsp.cli.main import main; code = main(['lint']);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    for heavy in (
        {"eth", "lsprotocol", "pygls"},
        {"eth", "lsprotocol", "pygls", "lark", "nvm_lsp.assembler", "nvm_lsp.lint.rules"},
    ):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert not heavy & set(done.stderr.split())
        assert "label start is never used" in done.stdout
