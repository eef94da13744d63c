"""``nvm-lsp lint --baseline`` and ``--since``: findings that are new."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

IDLE = "start:\n    STOP\n"  # LBL001 in line 1


def test_a_baseline_covers_findings_wherever_their_line_moves(check, tmp_path):
    base = ("--baseline", "base.json")
    check(*base, "--update-baseline", files={"a.easm": IDLE}, code=0, err="1 added, 0 dropped")
    written = json.loads((tmp_path / "base.json").read_text())
    (entry,) = written["findings"]["a.easm"]
    assert (entry["code"], entry["message"]) == ("LBL001", "label start is never used")
    check(*base, files={"a.easm": f"# head\n\n{IDLE}"}, found=[])
    files = {"a.easm": f"{IDLE}other:\n    STOP\n"}
    check(*base, "--select", "LBL", files=files, found=["a.easm:3 LBL001"])
    check(*base, "--update-baseline", "--select", "LBL", code=0, err="1 added, 0 dropped, 2 in all")
    check(*base, "--select", "LBL", found=[])


def test_of_two_equal_lines_the_baseline_covers_as_many_as_it_holds(check):
    twice = ("--baseline", "b.json", "--select", "SUP001,STK")
    line = "    STOP  # easm: ignore[STK001] -- x\n"
    check(*twice, "--update-baseline", files={"a.easm": line}, code=0)
    check(*twice, files={"a.easm": line + line}, found=["a.easm:2 SUP001"])


def test_what_is_found_no_more_is_said_and_dropped(check, tmp_path):
    base = ("--baseline", "base.json")
    files = {"a.easm": IDLE, "b.easm": IDLE, "c.easm": IDLE}
    check(*base, "--update-baseline", files=files, code=0, err="3 added")
    (tmp_path / "c.easm").unlink()
    files = {"a.easm": "    STOP\n"}
    check(*base, files=files, code=0, err="base.json: 2 entries are found no more")
    # What was not looked for is not stale, and stays.
    check(*base, "b.easm", "--select", "STK", code=0, err="1 entry is found no more")
    check(*base, "b.easm", "--update-baseline", code=0, err="0 added, 1 dropped, 2 in all")
    check(*base, "--select", "STK", "--update-baseline", code=0, err="0 added, 0 dropped, 2 in")
    check(*base, "--update-baseline", code=0, err="0 added, 1 dropped, 1 in all")
    done = check(*base, found=[])
    assert "no more" not in done.stderr


def test_a_baseline_is_relative_to_its_folder(check, tmp_path):
    check("--baseline", "ci/b.json", "--update-baseline",
          files={"src/a.easm": IDLE, "ci/x": ""}, code=0)
    assert list(json.loads((tmp_path / "ci/b.json").read_text())["findings"]) == ["../src/a.easm"]
    check("--baseline", "../ci/b.json", cwd=tmp_path / "src", found=[])


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version": 1, "findings": [1]}'])
def test_what_is_no_baseline_is_said(check, tmp_path, text):
    check("--baseline", "b", files={"b": text, "a.easm": IDLE}, code=2, err="b is no baseline")
    check("--baseline", "b", "--update-baseline", code=2)
    assert (tmp_path / "b").read_text() == text, "nobody's file is overwritten"


def test_a_run_that_failed_leaves_the_baseline_as_it_is(check, tmp_path):
    base = ("--baseline", "b.json", "--update-baseline")
    check(*base, files={"a.easm": IDLE}, code=0)
    before = (tmp_path / "b.json").read_text()
    check(*base, files={"z.easm": b"\xff"}, code=2, err="is left as it is")
    assert (tmp_path / "b.json").read_text() == before


@pytest.fixture
def git(tmp_path):
    """Runs git in a fresh repository, away from anybody's settings."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    env = {
        **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.c",
    }

    def run(*arguments):
        subprocess.run(["git", *arguments], cwd=tmp_path, env=env, check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    return run


def test_since_a_revision_only_changed_lines_count(check, git):
    files = {"a.easm": IDLE, "ö d/b.easm": IDLE, ".gitignore": ".nvm-lsp-cache\n"}
    check(files=files)
    git("add", ".")
    git("commit", "-qm", "one")
    since = ("--select", "LBL", "--since", "HEAD")
    check(*since, found=[])
    check(*since, files={"ö d/b.easm": f"{IDLE}other:\n    STOP\n", "c.easm": IDLE},
          found=["c.easm:1 LBL001", "ö d/b.easm:3 LBL001"])
    git("add", ".")
    git("commit", "-qm", "two")
    check(*since, found=[])
    check("--select", "LBL", "--since", "HEAD~1",
          found=["c.easm:1 LBL001", "ö d/b.easm:3 LBL001"])


def test_since_a_branch_means_where_it_parted(check, git):
    check(files={"a.easm": IDLE, ".gitignore": ".nvm-lsp-cache\n"})
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "work")
    git("checkout", "-q", "main")
    git("commit", "-q", "--allow-empty", "-m", "main goes on")
    check(files={"a.easm": "    STOP\n"})
    git("commit", "-qam", "main mends it")
    git("checkout", "-q", "work")
    check("--since", "main", files={"b.easm": IDLE}, found=["b.easm:1 LBL001"])
    check("--since", "nope", code=2, err="git says: ")


def test_only_what_changed_since_is_fixed(check, git, tmp_path):
    line = "    STOP  # easm: ignore[STK001] -- x\n"
    check(files={"a.easm": line, ".gitignore": ".nvm-lsp-cache\n"})
    git("add", ".")
    git("commit", "-qm", "one")
    only = ("--select", "SUP,STK001", "--since", "HEAD")
    check(*only, "--fix", files={"a.easm": f"    STOP\n{line}{line}"}, found=[])
    assert (tmp_path / "a.easm").read_text() in (
        f"    STOP\n    STOP\n{line}", f"    STOP\n{line}    STOP\n",
    ), "git says which of two equal lines is the new one"
