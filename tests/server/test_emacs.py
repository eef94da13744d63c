"""Emacs, without a screen, as a person uses it with eglot: diagnostics, code action, hover,
definition, references, rename, format, completion, run."""

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

SESSION = Path(__file__).parent / "emacs" / "session.el"


def _of_help() -> str:
    """What the help tells users of Emacs to write, but for the program's place."""
    block = re.search(r"\n  Emacs \(eglot.*?init\.el:\n(.*?)\n\n", EDITORS, re.DOTALL)[1]
    assert '"nvm-lsp" "serve"' in block
    return block.replace('"nvm-lsp" "serve"', f'"{sys.executable}" "-m" "nvm_lsp" "serve"')


def _of_file() -> str:
    """What the help tells those who want the mode that comes with nvm-lsp."""
    block = re.search(r"\n  Emacs, in init\.el, instead.*?:\n(.*?)\n\n", EDITORS, re.DOTALL)[1]
    server = f'(setq easm-server (list "{sys.executable}" "-m" "nvm_lsp" "serve"))\n'
    return server + block.replace("FILES", str(FILES))


def _has_eglot(emacs: str) -> bool:
    done = subprocess.run(
        [emacs, "--batch", "-q", "--eval", "(progn (package-initialize) (require 'eglot))"],
        capture_output=True, check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize("setup_lines", [_of_help, _of_file])
def test_a_session_of_emacs(tmp_path, setup_lines):
    emacs = shutil.which("emacs")
    if emacs is None or not _has_eglot(emacs):
        assert not os.environ.get("CI"), "CI installs emacs and eglot; see .ci/run"
        pytest.skip("emacs or eglot is not installed: apt-get install emacs-nox elpa-eglot")
    program = tmp_path / "program.easm"
    program.write_text(PROGRAM, encoding="utf-8")
    result = tmp_path / "result.json"
    setup = tmp_path / "setup.el"
    setup.write_text(setup_lines(), encoding="utf-8")
    done = subprocess.run(
        [emacs, "--batch", "-q", "-l", str(SESSION)],
        env={
            **os.environ, "SETUP": str(setup), "PROGRAM": str(program), "RESULT": str(result),
            "HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
        },
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )
    assert result.exists(), done.stderr
    found = json.loads(result.read_text(encoding="utf-8"))
    assert "failed" not in found, (found["failed"], found["messages"])
    assert found["mode"] == "easm-mode"
    assert any("ASM001" in text for text in found["diagnostics"])
    assert "Replace with ADD" in found["actions"]
    assert "stack after [0x7]" in found["hover"]
    assert "**" not in found["hover"], "Emacs shows Markdown only with a package"
    assert (found["definition"], found["references"]) == (8, 2)
    assert found["outline"]
    assert "finish:\n" in found["renamed"]
    assert "PUSH1 finish\n" in found["renamed"]
    assert "\n    PUSH1 0\n" in found["formatted"]
    assert found["completed"].strip() == "KECCAK256"
    assert found["outcome"] == "stop"
    if setup_lines is _of_file:
        assert found["colour"] == "font-lock-keyword-face"
        assert [mark.strip()[:8] for mark in found["marks"]] == ["⇒ stop ·"]
        assert "stack, top first: `0x0`, `0x7`" in found["report"]
        assert not found["marks-left"], "an edit clears them"
