"""Neovim, without a screen, as a person uses it: diagnostics, hover, definition, rename, format,
completion, code action, run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nvm_lsp.cli.serve import EDITORS, FILES
from tests.server.shared import PROGRAM_OF_SESSIONS as PROGRAM

SESSION = Path(__file__).parent / "neovim" / "session.lua"

_SERVER = f"{{ '{sys.executable}', '-m', 'nvm_lsp', 'serve' }}"


def _version(neovim: str) -> tuple[int, ...]:
    said = subprocess.run([neovim, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.match(r"NVIM v(\d+)\.(\d+)", said).groups()))


def _of_help(neovim: str) -> str:
    """What the help tells users of this Neovim to write, but for the program's place."""
    title = "0.11 and later" if _version(neovim) >= (0, 11) else "0.7 to 0.10"
    block = re.search(rf"Neovim {title},.*?init\.lua:\n(.*?)\n\n", EDITORS, re.DOTALL)[1]
    assert "{ 'nvm-lsp', 'serve' }" in block
    return block.replace("{ 'nvm-lsp', 'serve' }", _SERVER)


def _of_files(neovim: str) -> str:
    """The same with the files that come with nvm-lsp."""
    is_new = _version(neovim) >= (0, 11)
    title = "0.11 and later, in init.lua; it" if is_new else "0.7 to 0.10, before"
    lines = re.search(rf"Neovim {title}.*?:\n(.*?)\n\n", EDITORS, re.DOTALL)[1]
    lines = lines.replace("FILES", str(FILES)) + "\n"
    if not is_new:
        return lines + _of_help(neovim)
    return f"{lines}vim.lsp.config('nvm_lsp', {{ cmd = {_SERVER} }})\n"


@pytest.mark.parametrize("setup_lines", [_of_help, _of_files])
def test_a_session_of_neovim(tmp_path, setup_lines):
    neovim = shutil.which("nvim")
    if neovim is None:
        assert not os.environ.get("CI"), "CI installs neovim; see .ci/run"
        pytest.skip("nvim is not installed: apt-get install neovim")
    program = tmp_path / "program.easm"
    program.write_text(PROGRAM, encoding="utf-8")
    result = tmp_path / "result.json"
    setup = tmp_path / "setup.lua"
    setup.write_text(setup_lines(neovim), encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [neovim, "--headless", "-u", str(setup), "-S", str(SESSION)],
        env={
            **os.environ, "PROGRAM": str(program), "RESULT": str(result), "HOME": str(home),
            **{f"XDG_{kind}_HOME": str(home) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
        },
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )
    assert result.exists(), done.stderr
    found = json.loads(result.read_text(encoding="utf-8"))
    assert "failed" not in found, found["failed"]
    assert "ASM001" in found["diagnostics"]
    assert "ADD" in found["action"]
    assert "gas" in found["hover"]
    assert found["definition"] == 7
    assert "finish:" in found["renamed"]
    assert [line.strip() for line in found["renamed"] if "PUSH1 finish" in line]
    assert "    PUSH1 0" in found["formatted"]
    assert "PUSH1" in found["offered"]
    assert (found["outcome"], found["failure"]) == ("stop", "revert")
    assert "shown" not in found, found["shown"]
    assert found["told"].startswith("⇒ revert"), "the last run"
    if setup_lines is _of_files:
        assert found["colour"] == "easmPush"
        assert "stack, top first: `0x0`, `0x7`" in found["report"]
        assert "⇒ stop" in str(found["marks"])
