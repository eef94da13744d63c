"""``nvm-lsp lint --fix`` and ``--diff``: what becomes of files."""

from __future__ import annotations

IDLE = "    STOP  # easm: ignore[STK001] -- no more\n"
MENDED = "    STOP\n"
ONLY = ("--select", "SUP,STK001")


def test_safe_fixes_are_applied_to_files(check, tmp_path):
    files = {"a.easm": IDLE, "b.easm": MENDED, "c.easm": f"    ADD\n{IDLE}"}
    check("--fix", *ONLY, files=files, found=["c.easm:1 STK001"], err="fixed 2 findings in 2 files")
    assert (tmp_path / "a.easm").read_text() == MENDED
    assert (tmp_path / "c.easm").read_text() == f"    ADD\n{MENDED}"


def test_a_diff_shows_what_fix_would_do_and_patch_applies_it(check, nvm, tmp_path):
    files = {"a.easm": IDLE, "b.easm": "    STOP  # easm: ignore[STK001] -- no line end"}
    done = check("--diff", *ONLY, files=files, code=1, err="would fix 2 findings in 2 files")
    assert done.stdout == (
        "--- a.easm\n+++ a.easm\n@@ -1 +1 @@\n"
        "-    STOP  # easm: ignore[STK001] -- no more\n+    STOP\n"
        "--- b.easm\n+++ b.easm\n@@ -1 +1 @@\n"
        "-    STOP  # easm: ignore[STK001] -- no line end\n\\ No newline at end of file\n"
        "+    STOP\n\\ No newline at end of file\n"
    )
    assert (tmp_path / "a.easm").read_text() == IDLE
    check("--diff", "--exit-zero", *ONLY, code=0)
    check("--fix", *ONLY, code=0)
    assert check("--diff", *ONLY, code=0).stdout == ""


def test_fixed_standard_input_goes_to_standard_output(check):
    done = check("-", "--fix", *ONLY, stdin=f"    ADD\n{IDLE}", code=1, err="error[STK001]")
    assert done.stdout == f"    ADD\n{MENDED}"
    done = check("-", "--diff", *ONLY, stdin=IDLE, code=1)
    assert "+    STOP" in done.stdout
    assert check("-", "--fix", *ONLY, stdin=MENDED, code=0).stdout == MENDED
    counted = ("-", "--fix", "--statistics", *ONLY)
    done = check(*counted, stdin=f"    ADD\n{IDLE}", code=1, err="1  STK001  error")
    assert done.stdout == f"    ADD\n{MENDED}"


def test_line_ends_and_byte_order_mark_stay(check, tmp_path):
    before = "\ufeff# 🦊\r\n" + IDLE.replace("\n", "\r\n") + "    STOP"
    check("--fix", *ONLY, files={"a.easm": before}, code=0)
    assert (tmp_path / "a.easm").read_bytes().decode() == "\ufeff# 🦊\r\n    STOP\r\n    STOP"


def test_a_suppression_that_an_includer_needs_stays(check, tmp_path):
    lib = "%macro broken\n    ADD  # easm: ignore[STK001, LBL001] -- x\n%end\n"
    lib += "    PUSH 1\n    DUP1\n    %broken\n    POP\n"
    files = {"lib.easm": lib, "a.easm": '    %broken\n%include "lib.easm"\n    STOP\n'}
    check("--fix", "--select", "SUP001,STK001,LBL001", files=files, code=0)
    assert "ignore[STK001] -- x" in (tmp_path / "lib.easm").read_text()


def test_what_is_not_shown_is_not_fixed(check, tmp_path):
    check("--fix", "--select", "LBL", files={"a.easm": IDLE}, code=0)
    check("--baseline", "b.json", "--update-baseline", *ONLY, code=0)
    check("--fix", "--baseline", "b.json", *ONLY, code=0)
    assert (tmp_path / "a.easm").read_text() == IDLE


PLUGIN = """
from nvm_lsp.diagnostics import Diagnostic, Edit, Fix
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.lint.rule import rule
from nvm_lsp.source import Location, Span

@rule("TST001", "no-names")
def RULE(context):
    tree = context.assembly.program.root.tree
    for number, line in enumerate(tree.lines()):
        if line.text.startswith("%def"):
            place = Location(tree.path, Span.of_line(number, 0, len(line.text) - 1))
            yield Diagnostic(RULE.kind, place, "a name", fixes=(Fix("Go", (Edit(place, ""),)),))

@hookimpl
def nvm_lsp_rules():
    return [RULE]
"""


def test_a_fix_that_breaks_an_includer_is_left_out(check, tmp_path):
    site = tmp_path / ".site"
    info = site / "names-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "names.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: names\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nvm_lsp]\nnames = names\n")
    env = {"PYTHONPATH": str(site), "NVM_LSP_LOG": str(site), "NVM_LSP_CONFIG": str(site)}
    files = {
        "lib.easm": "%def A = 1\n%def B = 2\n    STOP\n",
        "a.easm": '%include "lib.easm"\n    PUSH A\n    STOP\n',
    }
    check(
        "--fix", "--select", "TST", files=files, env=env, found=["lib.easm:1 TST001"],
        err=("fixed 1 finding in 1 file", "lib.easm:1:1: TST001 is left as it is"),
    )
    assert (tmp_path / "lib.easm").read_text() == "%def A = 1\n\n    STOP\n"
