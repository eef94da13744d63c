"""What is generated and committed is what the generators write now."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from nvm_lsp import generate
from nvm_lsp.generate import GENERATORS, ROOT, Generator, differences


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.name)
def test_what_is_committed_is_what_is_generated(generator):
    found = [path for path, _ in differences(generator)]
    assert not found, "run: python -m nvm_lsp.generate"


def test_differences_are_told_written_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(
        generate, "GENERATORS", (Generator("x", lambda: {"d/a.md": "1\n", "d/b.md": "é\n"}, "d"),)
    )
    assert generate.main([]) == 2, "outside a checkout"
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.md").write_text("1\n")
    (tmp_path / "d/old.md").touch()
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == "differs: d/b.md\ndiffers: d/old.md\n"
    assert generate.main([]) == 0
    assert (tmp_path / "d/b.md").read_text("utf-8") == "é\n"
    assert not (tmp_path / "d/old.md").exists()
    assert generate.main(["--check"]) == 0


def test_it_is_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "nvm_lsp.generate", "--help"], capture_output=True, text=True,
        check=True,
    )
    assert "--check" in done.stdout


def test_links_of_generated_pages_lead_somewhere():
    for folder in ("docs/rules", "docs/opcodes"):
        pages = {page.name for page in (ROOT / folder).iterdir()}
        linked = set(re.findall(r"\]\(([^)#]+\.md)\)", (ROOT / folder / "README.md").read_text()))
        assert linked == pages - {"README.md"}
