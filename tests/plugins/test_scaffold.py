"""`nvm-lsp plugins new` writes packages that install and pass their own tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nvm_lsp import scaffold
from nvm_lsp.diagnostics import OWN_PREFIXES
from tests.plugins.conftest import settings

NAMES = {"rule": "house-rules", "backend": "other-machine", "command": "count"}


def nvm(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "nvm_lsp", *arguments], cwd=cwd, capture_output=True, text=True,
        env=settings(cwd), check=False,
    )


def test_what_is_written_passes_its_own_tests(tmp_path, new_environment):
    for kind, name in NAMES.items():
        done = nvm("plugins", "new", name, "--kind", kind, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    environment = new_environment()
    environment.install(*(tmp_path / name for name in NAMES.values()))
    listed = environment.run("-m", "nvm_lsp", "plugins", "list", cwd=tmp_path).stdout
    assert [line.split()[0] for line in listed.splitlines()] == sorted(NAMES.values())
    doctor = environment.run("-m", "nvm_lsp", "plugins", "doctor", cwd=tmp_path)
    assert doctor.returncode == 0, doctor.stdout
    done = environment.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib",
        *(str(tmp_path / name / "tests") for name in NAMES.values()), cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert "14 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("House", "small letters"), ("a_b", "small letters"), ("../up", "small letters"),
        ("json", "already"), ("class", "already"), ("nvm-lsp", "already"), ("there", "is there"),
    ],
)
def test_names_that_cannot_be(tmp_path, name, why):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    done = nvm("plugins", "new", name, cwd=tmp_path)
    assert done.returncode == 2
    assert why in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_a_command_does_not_take_the_name_of_another(tmp_path):
    done = nvm("plugins", "new", "lint", "--kind", "command", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is a command lint already" in done.stderr


@pytest.mark.parametrize("name", ["stk-rules", "asm", "gas-and-memory", "stk"])
def test_codes_begin_with_no_letters_of_nvm_lsp(name):
    assert scaffold.prefix_of(name) not in OWN_PREFIXES
