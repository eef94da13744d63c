"""Promises of the project as a whole: packages, imports, files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nvm_lsp

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked() -> list[Path]:
    """The files that the project keeps."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout
    names = [name for name in listed.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_every_package_is_listed():
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "nvm_lsp").rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found | {"nvm_lsp.grammar"}


def test_versions_agree():
    assert PROJECT["project"]["version"] == nvm_lsp.__version__
    assert f"## {nvm_lsp.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("from nvm_lsp.cli import lint, asm; from nvm_lsp.lint.linter import rules; rules()",
         ("eth", "lsprotocol", "pygls", "rich")),
        ("import nvm_lsp.server.server", ("eth", "py_ecc")),
        ("import nvm_lsp.cli.main", ("eth", "lsprotocol", "lark", "rich")),
    ],
    ids=["lint", "server", "main"],
)
def test_what_is_never_imported(statement, forbidden):
    code = f"{statement}; import sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & set(forbidden)


def test_no_file_names_a_registry_host():
    hosts = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian", re.IGNORECASE)
    for path in tracked():
        if path == Path(__file__) or path.suffix in (".png",):
            continue
        assert not hosts.search(path.read_text(errors="replace")), path
