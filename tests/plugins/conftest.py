"""Fresh environments with plugins in them, and folders that look like installed plugins."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Environment:
    """An environment of Python's with nvm-lsp and what was installed into it."""

    folder: Path

    @property
    def python(self) -> str:
        below = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return str(self.folder / below)

    def install(self, *packages: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet",
             "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation",
             *map(str, packages)],
            capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str, cwd: Path, **variables: str):
        """Runs this environment's Python."""
        return subprocess.run(
            [self.python, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300,
            env=settings(cwd) | variables, check=False,
        )


def settings(folder: Path) -> dict[str, str]:
    """An environment whose settings and logs are in that folder, not the user's."""
    return {
        **os.environ, "NO_COLOR": "1", "NVM_LSP_CONFIG": str(folder / "config"),
        "NVM_LSP_LOG": str(folder / "log"),
    }


def make_environment(folder: Path) -> Environment:
    """A fresh environment; what nvm-lsp needs is seen there, but nothing is installed yet."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    environment = Environment(folder)
    site = subprocess.run(
        [environment.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()
    # Those of this environment, with the files that make editable installations visible.
    folders = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    Path(site, "shared.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in folders)
    )
    return environment


@pytest.fixture(scope="session")
def new_environment(tmp_path_factory) -> Callable[[], Environment]:
    return lambda: make_environment(tmp_path_factory.mktemp("environment"))


def write_plugin(
    folder: Path, name: str, source: str, *, package: str = "", module: str = ""
) -> None:
    """Makes the folder look as if a package with that plugin was installed into it."""
    module = module or name.replace("-", "_")
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(textwrap.dedent(source))
    info = folder / f"{(package or name).replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package or name}\nVersion: 1.5\n"
    )
    (info / "entry_points.txt").write_text(f"[nvm_lsp]\n{name} = {module}\n")


@pytest.fixture
def installed(tmp_path) -> Callable[[Mapping[str, str]], dict[str, str]]:
    """Variables for a process that has these plugins, by name and source."""

    def made(plugins: Mapping[str, str]) -> dict[str, str]:
        site = tmp_path / "site"
        for name, source in plugins.items():
            write_plugin(site, name, source)
        return settings(tmp_path) | {"PYTHONPATH": str(site)}

    return made
