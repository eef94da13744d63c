"""Writes a package that begins a plugin, out of `scaffold_files`."""

from __future__ import annotations

import keyword
import re
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template

from nvm_lsp.diagnostics import OWN_PREFIXES
from nvm_lsp.hookspecs import API_VERSION

__all__ = ["KINDS", "write"]

#: What a plugin may begin with: of each kind the files, and where they go.
KINDS = {
    "rule": {"pushed_zero.py.txt": "{package}/pushed_zero.py"},
    "backend": {"machine.py.txt": "{package}/machine.py"},
    "command": {"command.py.txt": "{package}/command.py"},
}
_EACH = {"init.py.txt": "{package}/__init__.py", "test_plugin.py.txt": "tests/test_plugin.py"}
_COMMON = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "gitignore.txt": ".gitignore",
    "py.typed.txt": "{package}/py.typed",
}


def write(name: str, kind: str, directory: str | None = None) -> Path | str:
    """Writes the package of that name; its folder, or in words why not."""
    package = name.replace("-", "_")
    problem = _problem(name, package)
    if problem:
        return problem
    folder = Path(directory or name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return f"{folder} is there already; choose another with --directory"
    values = {"name": name, "package": package, "prefix": prefix_of(name), "api": API_VERSION}
    source = resources.files("nvm_lsp") / "scaffold_files"
    files = [(source / "common" / file, target) for file, target in _COMMON.items()]
    files += [(source / kind / file, target) for file, target in (_EACH | KINDS[kind]).items()]
    try:
        for file, target in files:
            path = folder / target.format(package=package)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = Template(file.read_text(encoding="utf-8")).substitute(values)
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        return f"{folder} cannot be written: {error}"
    return folder


def prefix_of(name: str) -> str:
    """Letters that the codes of a plugin's rules may begin with: none of nvm-lsp's own."""
    letters = re.sub("[^A-Z]", "", name.upper())
    length = 3
    while letters[:length] in OWN_PREFIXES and length < len(letters):
        length += 1
    prefix = letters[:length]
    return f"X{prefix}" if prefix in OWN_PREFIXES else prefix


def _problem(name: str, package: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return f"{name!r} is no name of small letters, digits and dashes, as in my-rules"
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package == "nvm_lsp":
        return f"{package} is a word of Python's or a module already; choose another name"
    if find_spec(package) is not None:
        return f"there is a module {package} already; choose another name"
    return ""
