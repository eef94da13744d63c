"""Finding, loading and isolating plugins; it does not know what they provide.

Built-in plugins are named here as modules and loaded only when a hook that they serve is called,
so that linting never pays for execution.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

import pluggy

from nvm_lsp import hookspecs
from nvm_lsp.hookspecs import BackendEntry

__all__ = ["PluginFailure", "backends", "call", "failures", "manager"]

log = logging.getLogger(__name__)

#: The built-in plugins, by the hook that they serve.
_BUILT_IN = {
    "nvm_lsp_rules": ("nvm_lsp.lint.rules",),
    "nvm_lsp_reporters": ("nvm_lsp.lint.reporters",),
    "nvm_lsp_backends": ("nvm_lsp.runner.backend",),
}


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin that could not be loaded or raised, and in which hook."""

    plugin: str
    hook: str
    message: str


_failures: list[PluginFailure] = []


def failures() -> tuple[PluginFailure, ...]:
    """What went wrong with plugins in this process so far."""
    return tuple(_failures)


@lru_cache(maxsize=1)
def manager() -> pluggy.PluginManager:
    """The plugin manager, with the plugins of the entry-point group registered."""
    manager_ = pluggy.PluginManager(hookspecs.GROUP)
    manager_.add_hookspecs(hookspecs)
    for entry in entry_points(group=hookspecs.GROUP):
        try:
            manager_.register(entry.load(), name=entry.name)
        except Exception as error:  # a foreign plugin may raise anything
            _fail(entry.name, "loading", error)
    return manager_


def call(hook: str) -> Iterator[tuple[str, Any]]:
    """What each plugin gives for a hook, item by item, with the plugin's name.

    A plugin that raises costs nothing but its own items.
    """
    manager_ = manager()
    for module in _BUILT_IN.get(hook, ()):
        if not manager_.has_plugin(module):
            manager_.register(importlib.import_module(module), name=module)
    # Built-in ones first, so that no plugin takes a name away from them.
    built_in = _BUILT_IN.get(hook, ())
    for implementation in sorted(
        getattr(manager_.hook, hook).get_hookimpls(), key=lambda i: i.plugin_name not in built_in
    ):
        try:
            items = list(implementation.function())
        except Exception as error:  # as above
            _fail(implementation.plugin_name, hook, error)
            continue
        for item in items:
            yield implementation.plugin_name, item


def backends() -> dict[str, BackendEntry]:
    """The execution backends by name; the first of a name counts."""
    found: dict[str, BackendEntry] = {}
    for plugin, entry in call("nvm_lsp_backends"):
        if not isinstance(entry, BackendEntry):
            _fail(plugin, "nvm_lsp_backends", TypeError(f"{entry!r} is no BackendEntry"))
        elif entry.name in found:
            _fail(plugin, "nvm_lsp_backends", ValueError(f"backend {entry.name} exists already"))
        else:
            found[entry.name] = entry
    return found


def _fail(plugin: str, hook: str, error: Exception) -> None:
    log.warning("plugin %s failed in %s", plugin, hook, exc_info=error)
    _failures.append(PluginFailure(plugin, hook, f"{type(error).__name__}: {error}"))
