"""The cache of ``nvm-lsp lint``, and watching: a result counts while nothing has changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

IDLE = "start:\n    STOP\n"


def cache_of(tmp_path):
    return tmp_path / ".nvm-lsp-cache" / "lint.json"


def test_a_result_counts_until_something_it_depends_on_changes(check, tmp_path):
    files = {
        "a.easm": '%include "lib/x.easm"\n%if N == 1\nstart:\n%end\n    STOP\n',
        "lib/x.easm": "%def N = 1\n",
    }
    only = ("a.easm", "--select", "LBL")
    check(*only, files=files, found=["a.easm:3 LBL001"])
    # That a result comes from the cache is shown by a cache that lies.
    lie = cache_of(tmp_path).read_text().replace("label start is never used", "a lie")

    def is_cached(*arguments, files=None):
        cache_of(tmp_path).write_text(lie)
        return "a lie" in check(*arguments, files=files).stdout

    assert is_cached(*only)
    for other in (["--target", "evm"], ["--fork", "paris"], ["--select", "LBL001"], ["--no-cache"]):
        assert not is_cached(*only, *other), other
    for name, text in files.items():
        assert not is_cached(*only, files={name: text + "# changed\n"})
        assert is_cached(*only, files={name: text})
    check(*only, files={"lib/x.easm": "%def N = 2\n"}, found=[])


def test_a_file_that_turns_up_is_noticed(check):
    files = {"a.easm": '%include "x.easm"\n    STOP\n'}
    check("--select", "ASM", "a.easm", files=files, found=["a.easm:1 ASM009"])
    check("--select", "ASM", "a.easm", files={"x.easm": "    STOP\n"}, found=[])


def test_the_folder_tells_backup_programs_and_git_what_it_is(check, tmp_path):
    check(files={"a.easm": IDLE})
    folder = cache_of(tmp_path).parent
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f0688")
    assert (folder / ".gitignore").read_text() == "*\n"
    check("--no-cache", cwd=tmp_path, files={"b/a.easm": IDLE, "b/nvm-lsp.toml": "cache-dir='x'"})
    check(cwd=tmp_path / "b")
    assert (tmp_path / "b/x/lint.json").exists()
    assert not (tmp_path / "b/.nvm-lsp-cache").exists()


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"form":1}', None, "entries"])
def test_a_damaged_cache_is_none(check, tmp_path, damage):
    check(files={"a.easm": IDLE}, found=["a.easm:1 LBL001"])
    path = cache_of(tmp_path)
    if damage is None:
        path.unlink()
        path.mkdir()
    elif damage == "entries":
        document = json.loads(path.read_text())
        key = next(iter(document["entries"]))
        document["entries"][key][1] = [[["LBL001", "warning", ["a.easm", "x"], 3]], [], [], []]
        path.write_text(json.dumps(document))
    else:
        path.write_text(damage)
    check(found=["a.easm:1 LBL001"])


def test_watching_lints_again_at_each_change_and_ends_at_ctrl_c(tmp_path):
    (tmp_path / "a.easm").write_text("    STOP\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "nvm_lsp", "lint", "--watch", "--format", "concise"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    guard = threading.Timer(60, process.kill)  # against a test that never ends
    guard.start()
    try:
        assert process.stderr.readline() == "no findings\n"
        assert process.stderr.readline().startswith("watching")
        (tmp_path / "a.easm").write_text(IDLE)
        assert process.stdout.readline().startswith("a.easm:1:1: warning[LBL001]")
        while not process.stderr.readline().startswith("watching"):
            pass
        (tmp_path / "b.easm").write_text(IDLE)
        assert process.stdout.readline().startswith("a.easm")
        assert process.stdout.readline().startswith("b.easm:1:1: warning[LBL001]")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
        assert err.endswith("nvm-lsp: interrupted\n")
        assert "Traceback" not in err
    finally:
        guard.cancel()
        process.kill()
