"""Loading and calling plugins, each apart from the others; it does not know what they provide.

Built-in plugins are named here as modules and loaded only when a hook that they serve is called,
so that linting never pays for execution. Plugins of others come from the entry-point group
``nvm_lsp`` of what is installed. Each call of theirs goes through `ask`: what raises, takes too
long or gives rubbish costs the plugin's own result, is said once, and in the end the plugin.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import pluggy

from nvm_lsp import hookspecs
from nvm_lsp.hookspecs import API_ATTRIBUTE, API_VERSION, BackendEntry
from nvm_lsp.plugin_discovery import OWN, Plugin, discover
from nvm_lsp.plugin_failures import (
    ClashError,
    PluginError,
    PluginFailure,
    clashes,
    failed,
    failures,
    is_built_in,
    is_off,
    known,
    listen,
    note_clash,
    off,
    own,
    record,
    refuse,
    switch_off,
    unlisten,
)

__all__ = [
    "ClashError",
    "Found",
    "Plugin",
    "PluginError",
    "PluginFailure",
    "add_chains",
    "ask",
    "backends",
    "call",
    "clashes",
    "discovered",
    "each",
    "failed",
    "failures",
    "find",
    "hooks_of",
    "installed",
    "is_built_in",
    "is_named",
    "listen",
    "manager",
    "named",
    "note_clash",
    "off",
    "provider",
    "refuse",
    "refuse_clashes",
    "timed",
    "unlisten",
]

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
E = TypeVar("E")

#: The built-in plugins, by the hook that they serve.
_BUILT_IN = {
    "nvm_lsp_rules": ("nvm_lsp.lint.rules",),
    "nvm_lsp_reporters": ("nvm_lsp.lint.reporters",),
    "nvm_lsp_backends": ("nvm_lsp.runner.backend", "nvm_lsp.runner.revm"),
    "nvm_lsp_forks": ("nvm_lsp.osaka", "nvm_lsp.amsterdam"),
    "nvm_lsp_opcodes": ("nvm_lsp.osaka", "nvm_lsp.amsterdam"),
    "nvm_lsp_commands": ("nvm_lsp.cli.main",),
    "nvm_lsp_hovers": ("nvm_lsp.server.features.hover",),
    "nvm_lsp_completions": ("nvm_lsp.server.features.completion",),
    "nvm_lsp_code_lenses": ("nvm_lsp.server.features.code_lens",),
    "nvm_lsp_importers": ("nvm_lsp.importer",),
    "nvm_lsp_state_providers": ("nvm_lsp.runner.state_provider",),
}
#: Seconds that a call may take: loading, a rule over a program, an answer in the editor.
_SECONDS_VARIABLE = "NVM_LSP_PLUGIN_SECONDS"
_SECONDS = 10.0


own.update(module for modules in _BUILT_IN.values() for module in modules)
_stage = "new"
_chained: set[tuple[str, str]] = set()
_providers: dict[tuple[str, str], str] = {}


# Calling ------------------------------------------------------------------------------------------


def call(hook: str) -> Iterator[tuple[str, Any]]:
    """What each plugin gives for a hook, item by item, with the plugin's name.

    Built-in ones come first, so that no plugin takes a name away from them; those of others are
    loaded only if the caller goes on to them.
    """
    registered = _manager()
    for module in _BUILT_IN.get(hook, ()):
        if not registered.has_plugin(module) and not ask(
            module, "loading", partial(_register_own, registered, module), False
        ):
            continue
        yield from _items(module, hook, getattr(registered.get_plugin(module), hook))
    if _stage == "loading":
        return
    for implementation in sorted(
        getattr(manager().hook, hook).get_hookimpls(), key=lambda found: found.plugin_name
    ):
        if implementation.plugin_name in _BUILT_IN.get(hook, ()):
            continue
        if implementation.hookwrapper or implementation.wrapper:
            refuse(implementation.plugin_name, hook, "hooks here know no wrappers")
            continue
        yield from _items(implementation.plugin_name, hook, implementation.function)


def _register_own(registered: pluggy.PluginManager, module: str) -> bool:
    return registered.register(importlib.import_module(module), name=module) is not None


def _items(plugin: str, hook: str, function: Callable[[], Iterable[Any]]) -> Iterator[
    tuple[str, Any]
]:
    nothing: list[Any] = []
    for item in ask(plugin, hook, lambda: list(function()), nothing):
        yield plugin, item


def ask(
    plugin: str,
    hook: str,
    function: Callable[[], T],
    default: T,
    *,
    flaw: Callable[[T], str] | None = None,
    seconds: float = _SECONDS,
) -> T:
    """What a plugin's function gives, or the default where it fails or is switched off.

    ``flaw`` says what is wrong with a result, nothing if it is right. What is built in has no limit
    of time.
    """
    if is_off(plugin):
        return default
    try:
        if is_built_in(plugin):
            result = function()
        else:
            result = _limited(function, seconds)
        problem = flaw(result) if flaw is not None else ""
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        record(plugin, hook, error)
        return default
    if problem:
        refuse(plugin, hook, problem)
        return default
    return result


def _limited(function: Callable[[], T], seconds: float) -> T:
    from nvm_lsp.watchdog import limited  # noqa: PLC0415 -- only for plugins of others

    with contextlib.suppress(KeyError, ValueError):
        seconds = float(os.environ[_SECONDS_VARIABLE])
    # What a plugin prints is no part of a command's answer.
    with contextlib.redirect_stdout(sys.stderr):
        return limited(function, seconds)


class Found(NamedTuple, Generic[E]):
    """An entry, and the plugin that it comes from."""

    plugin: str
    entry: E


def each(hook: str, kind: type[E]) -> Iterator[Found[E]]:
    """The entries of a hook that are of its kind, of each name the first.

    The ``load`` of an entry of somebody else's raises `PluginError`, and nothing but that. Plugins
    of others are loaded only if the caller goes on to them.
    """
    names: set[str] = set()
    for plugin, entry in call(hook):
        if not isinstance(entry, kind):
            refuse(plugin, hook, f"{_shown(entry)} is no {kind.__name__}")
            continue
        name = getattr(entry, "name", None)
        if not isinstance(name, str) or not name:
            refuse(plugin, hook, f"a {kind.__name__} needs a name, not {_shown(name)}")
        elif name in names:
            refuse(plugin, hook, f"{name} exists already", counts=False)
        else:
            names.add(name)
            yield Found(plugin, _guarded(plugin, hook, entry))


def named(hook: str, kind: type[E]) -> dict[str, E]:
    """The entries of a hook by name, as `each` gives them."""
    return {str(getattr(found.entry, "name", "")): found.entry for found in each(hook, kind)}


def find(hook: str, kind: type[E], name: str) -> Found[E] | None:
    """The entry of that name; no plugin of others is loaded if a built-in one has it."""
    entries = each(hook, kind)
    return next((found for found in entries if getattr(found.entry, "name", "") == name), None)


def backends() -> dict[str, BackendEntry]:
    """The execution backends by name."""
    return named("nvm_lsp_backends", BackendEntry)


def add_chains() -> None:
    """Registers the forks and opcodes of plugins; `nvm_lsp.opcodes` calls it once a process."""
    from nvm_lsp import chain  # noqa: PLC0415 -- only a process that looks at opcodes needs it

    manager()  # so that no plugin is loaded amid this, and begins it anew
    done = set(_chained)
    for plugin, fork in call("nvm_lsp_forks"):
        if ("nvm_lsp_forks", plugin) not in done:
            _add(plugin, "nvm_lsp_forks", chain.ForkEntry, _timed_fork(plugin, fork),
                 chain.register_fork)
    for plugin, opcode in call("nvm_lsp_opcodes"):
        if ("nvm_lsp_opcodes", plugin) not in done:
            _add(plugin, "nvm_lsp_opcodes", chain.OpcodeEntry, opcode, chain.register_opcode)


def _timed_fork(plugin: str, fork: Any) -> Any:
    """A fork whose precompiles have a limit of time, if it is somebody else's."""
    given = getattr(fork, "precompiles", None)
    if is_built_in(plugin) or not given:
        return fork
    return replace(
        fork, precompiles=tuple(replace(p, gas=timed(p.gas), run=timed(p.run)) for p in given)
    )


def provider(hook: str, name: str) -> str | None:
    """The plugin of others that has brought an opcode or a fork of that name, if one has."""
    plugin = _providers.get((hook, name))
    return None if plugin is None or is_built_in(plugin) else plugin


def timed(function: Callable[..., T]) -> Callable[..., T]:
    """A plugin's function with the limit of time of any call; what it raises, it raises."""
    return lambda *arguments: _limited(lambda: function(*arguments), _SECONDS)


def _add(
    plugin: str, hook: str, kind: type[E], entry: object, register: Callable[[E], None]
) -> None:
    _chained.add((hook, plugin))
    row: Any = getattr(entry, "row", entry)
    _providers.setdefault((hook, str(getattr(row, "name", ""))), plugin)
    if not isinstance(entry, kind):
        refuse(plugin, hook, f"{_shown(entry)} is no {kind.__name__}")
        return
    try:
        register(entry)
    except Exception as error:  # fields of any type
        refuse(plugin, hook, str(error) or type(error).__name__)


def _guarded(plugin: str, hook: str, entry: Any) -> Any:
    load = getattr(entry, "load", None)
    if load is None or is_built_in(plugin):
        return entry

    def guarded() -> Any:
        before = len(failures())
        nothing = object()
        result = ask(plugin, hook, load, nothing)
        if result is nothing:
            why = failures()[-1].text if len(failures()) > before else (
                f"plugin {plugin} is switched off: {off().get(plugin, '')}"
            )
            raise PluginError(f"{entry.name} cannot be used: {why}")
        return result

    return replace(entry, load=guarded)


def _shown(value: Any) -> str:
    """A value of a stranger's in a message; even its repr may raise or be endless."""
    try:
        text = repr(value)
    except Exception:
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


# Finding ------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _manager() -> pluggy.PluginManager:
    made = pluggy.PluginManager(hookspecs.GROUP)
    made.add_hookspecs(hookspecs)
    return made


def manager() -> pluggy.PluginManager:
    """The plugin manager, with the plugins of the entry-point group registered.

    While they are loaded, one of them may ask for what plugins give; it gets what is built in.
    """
    global _stage
    registered = _manager()
    if _stage == "new":
        _stage = "loading"
        try:
            for plugin, entry in _discover():
                known[plugin.name] = plugin
                if plugin.why_off:
                    switch_off(plugin.name, plugin.why_off)
                else:
                    _register(registered, plugin, entry)
        finally:
            _stage = "loaded"
        if _chained:
            add_chains()  # those of others, as somebody has asked too early
    return registered


def installed() -> tuple[Plugin, ...]:
    """The plugins of others that are installed, loaded or not."""
    manager()
    return tuple(
        replace(plugin, why_off=off().get(plugin.name, ""))
        for plugin in known.values()
        if plugin.distribution != OWN
    )


def _discover() -> Iterator[tuple[Plugin, EntryPoint]]:
    return discover(own, lambda problem: refuse("settings", "loading", problem))


def discovered() -> tuple[Plugin, ...]:
    """The plugins of others that are installed; nothing of theirs is imported."""
    return tuple(plugin for plugin, _ in _discover() if plugin.distribution != OWN)


def hooks_of(plugin: str) -> tuple[str, ...]:
    """The hooks that a plugin serves, none if it is not loaded."""
    found = manager().get_plugin(plugin)
    callers = (manager().get_hookcallers(found) if found is not None else None) or []
    return tuple(sorted(caller.name for caller in callers))


def _register(registered: pluggy.PluginManager, plugin: Plugin, entry: EntryPoint) -> None:
    def load() -> bool:
        found = entry.load()
        _check_version(plugin, found)
        _check_names(plugin.name, found)
        registered.register(found, name=plugin.name)
        return True

    if not ask(plugin.name, "loading", load, False):
        switch_off(plugin.name, "it could not be loaded")
        if registered.has_plugin(plugin.name):
            registered.unregister(name=plugin.name)


def _check_version(plugin: Plugin, found: Any) -> None:
    """Compares the API version that a plugin was written for with ours."""
    wanted = getattr(found, API_ATTRIBUTE, API_VERSION)
    try:
        major, minor = map(int, str(wanted).split("."))
    except ValueError:
        raise PluginError(
            f'{API_ATTRIBUTE} must be a version like "{API_VERSION}", not {_shown(wanted)}'
        ) from None
    ours = tuple(map(int, API_VERSION.split(".")))
    if major != ours[0] or minor > ours[1]:
        newer = (major, minor) > ours
        raise PluginError(
            f"it was written for version {wanted} of the plugin API, and this nvm-lsp has "
            f"{API_VERSION}; install a newer version of {'nvm-lsp' if newer else plugin.label}"
        )


def _check_names(plugin: str, found: Any) -> None:
    """Says which functions look like hooks and are none; the others are used nevertheless."""
    known = [name for name in vars(hookspecs) if name.startswith("nvm_lsp_")]
    for name in dir(found):
        if not name.startswith("nvm_lsp_") or name == API_ATTRIBUTE:
            continue
        value = getattr(found, name)
        if not callable(value):
            continue
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            refuse(plugin, name, f"there is no hook of that name{hint}", counts=False)
        elif not hasattr(value, f"{hookspecs.GROUP}_impl"):
            refuse(plugin, name, "it is not marked with hookimpl, so it is not used", counts=False)


def is_named(plugin: str, listed: Iterable[str]) -> bool:
    """Whether a plugin, or its package, is among those names, as they are written in settings."""
    wanted = tuple(listed)
    if not wanted or is_built_in(plugin):
        return False
    from nvm_lsp.plugin_settings import canonical  # noqa: PLC0415 -- only where something is off

    found = known.get(plugin)
    names = {canonical(plugin), canonical(found.distribution if found is not None else plugin)}
    return not names.isdisjoint(map(canonical, wanted))


def refuse_clashes() -> None:
    """Ends a command that would show findings which mean two things.

    Raises:
        ClashError: there are such findings.
    """
    manager()
    if clashes():
        raise ClashError(clashes()[0])
