"""What a plugin may provide. All hooks are here, each with the one place that calls it.

A plugin is a module or object with functions of these names, marked with `hookimpl`; it is found
through the entry-point group ``nvm_lsp``. Built-in rules, reporters and backends come through the
same hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

__all__ = ["API_VERSION", "GROUP", "BackendEntry", "hookimpl", "hookspec"]

GROUP = "nvm_lsp"
#: Raised when a hook changes so that a plugin must change, too.
API_VERSION = 1

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """An execution backend: its name, and what imports and gives it when it is used."""

    name: str
    summary: str
    load: Callable[[], Any]


@hookspec
def nvm_lsp_rules() -> Iterable[Any]:  # type: ignore[empty-body]
    """Lint rules: instances of `nvm_lsp.lint.rule.Rule`. Called by the linter, once a process."""


@hookspec
def nvm_lsp_backends() -> Iterable[BackendEntry]:  # type: ignore[empty-body]
    """Execution backends: name and loader of each. Called when a run chooses its backend."""


@hookspec
def nvm_lsp_reporters() -> Iterable[Any]:  # type: ignore[empty-body]
    """Output formats of lint: instances of `nvm_lsp.lint.report.Reporter`. Called by the command."""
