"""Standard streams that are closed, full, gone, or that cannot spell what is to be said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = "  PUSH1 1 # 😀\n  STOP #= stop\n"
BAD = "  PUSH lala # 😀\n"


@pytest.fixture
def shell(tmp_path: Path):
    """Runs a line of the shell in a folder with programs; `nvm` in it stands for the tool."""
    (tmp_path / "a.easm").write_text(TEXT)
    (tmp_path / "bad.easm").write_text(BAD)

    def run(line: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line.replace("nvm ", '"$PYTHON" -P -m nvm_lsp ')],
            cwd=tmp_path, capture_output=True, timeout=60, check=False,
            env={**os.environ, "PYTHON": sys.executable, **variables},
        )
        for said in (done.stdout, done.stderr):
            assert b"Traceback" not in said
            assert b"internal error" not in said, said.decode()
        return done

    return run


CLOSED = {
    "asm a.easm >&-": 0, "asm a.easm 2>&-": 0, "asm - <&-": 0, "asm a.easm <&- >&- 2>&-": 0,
    "lint bad.easm >&-": 1, "lint bad.easm 2>&-": 1, "lint - <&-": 0,
    "run a.easm >&-": 0, "run a.easm 2>&-": 0, "test a.easm >&-": 0, "fmt --diff a.easm >&-": 1,
    "kernel --size >&-": 0, "explain ADD >&-": 0, "--version >&-": 0,
}


@pytest.mark.parametrize("line", CLOSED)
def test_a_closed_stream_is_one_that_nobody_reads(shell, line):
    assert shell(f"nvm {line}").returncode == CLOSED[line]


def test_a_closed_stream_takes_no_place_of_a_file(shell):
    done = shell("nvm lint --output json=out.json bad.easm >&- 2>&-; cat out.json; cat bad.easm")
    assert b'"ASM006"' in done.stdout
    assert done.stdout.endswith(BAD.encode()), done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", [
    "asm a.easm", "lint bad.easm", "lint --format json bad.easm", "run a.easm", "run --json a.easm",
    "cfg a.easm", "kernel --runtime",
])
def test_a_full_disk_is_said(shell, command):
    done = shell(f"nvm {command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith(b"nvm-lsp: cannot write the output: No space left"), done.stderr


@pytest.mark.parametrize("command", ["kernel --source", "explain", "run a.easm", "cfg a.easm"])
def test_a_reader_that_has_gone_is_no_failure(shell, command):
    done = shell(f"nvm {command} | true")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["run --help", "kernel --source", "cfg a.easm", "run a.easm"])
def test_an_encoding_that_lacks_letters_takes_all_text(shell, command):
    done = shell(f"nvm {command}", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text here")
def test_a_name_that_is_no_text_is_a_name(shell, tmp_path):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.easm"))).write_text(TEXT)
    for line, code, said in [
        (b"fmt --diff", 1, b"--- b\xff.easm\n"), (b"fmt --check", 1, b".easm\n"),
        (b"asm --format json", 0, b'"b\\udcff.easm"'), (b"run", 0, b"outcome"),
        (b"run --json", 0, b"outcome"), (b"test", 0, b"ok"), (b"lint", 0, b""), (b"cfg", 0, b""),
    ]:
        done = shell(f"nvm {line.decode()} b*.easm".replace("b*", os.fsdecode(b"b\xff")))
        assert (done.returncode, said in done.stdout) == (code, True), (line, done)


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed")
@pytest.mark.parametrize("command", ["asm -", "lint .", "run 0x00", "serve"])
def test_a_folder_that_is_gone_is_said(shell, command):
    done = shell(f"mkdir gone; cd gone; rmdir ../gone; nvm {command}")
    assert done.returncode == 2
    assert b"the folder that this was called in is gone\n  hint: " in done.stderr
