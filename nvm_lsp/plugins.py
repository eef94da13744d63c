"""Finding, loading and isolating plugins; it does not know what they provide.

Built-in plugins are named here as modules and loaded only when a hook that they serve is called,
so that linting never pays for execution. Plugins of others come from the entry-point group
``nvm_lsp`` of what is installed. Each call of theirs goes through `ask`: what raises, takes too
long or gives rubbish costs the plugin's own result, is said once, and in the end the plugin.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache, partial
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import pluggy

from nvm_lsp import hookspecs
from nvm_lsp.diagnostics import KindTakenError
from nvm_lsp.hookspecs import API_ATTRIBUTE, API_VERSION, BackendEntry

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

log = logging.getLogger(__name__)
T = TypeVar("T")
E = TypeVar("E")

#: The built-in plugins, by the hook that they serve.
_BUILT_IN = {
    "nvm_lsp_rules": ("nvm_lsp.lint.rules",),
    "nvm_lsp_reporters": ("nvm_lsp.lint.reporters",),
    "nvm_lsp_backends": ("nvm_lsp.runner.backend", "nvm_lsp.runner.revm"),
    "nvm_lsp_forks": ("nvm_lsp.osaka",),
    "nvm_lsp_opcodes": ("nvm_lsp.osaka",),
    "nvm_lsp_commands": ("nvm_lsp.cli.main",),
    "nvm_lsp_hovers": ("nvm_lsp.server.features.hover",),
    "nvm_lsp_completions": ("nvm_lsp.server.features.completion",),
    "nvm_lsp_code_lenses": ("nvm_lsp.server.features.code_lens",),
    "nvm_lsp_importers": ("nvm_lsp.importer",),
    "nvm_lsp_state_providers": ("nvm_lsp.runner.state_provider",),
}
_OWN = "nvm-lsp"
#: Failures after which a plugin is not called any more in this process.
_PATIENCE = 3
#: The last frames of a traceback that are kept: a recursion has thousands.
_FRAMES = 30
_TRACE_LENGTH = 20_000
#: Seconds that a call may take: loading, a rule over a program, an answer in the editor.
_SECONDS_VARIABLE = "NVM_LSP_PLUGIN_SECONDS"
_SECONDS = 10.0


class PluginError(ValueError):
    """What a plugin should have given is not there; the message names the plugin and why."""


class ClashError(Exception):
    """Two plugins define the same codes, so that no finding could be told from another."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of somebody else's that is installed. ``why_off`` is empty if it is on."""

    name: str
    distribution: str
    version: str
    target: str
    why_off: str = ""

    @property
    def package(self) -> str:
        """The package of Python that it lies in."""
        return self.target.partition(":")[0].partition(".")[0]

    @property
    def label(self) -> str:
        """Its name, with that of its package where the two differ."""
        package = f"{self.distribution} {self.version}".strip()
        return f"{self.name} ({package})" if package else self.name


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """What a plugin did wrong, and in which hook. ``place`` is ``file:line``, if it is known."""

    plugin: str
    hook: str
    message: str
    place: str = ""
    trace: str = ""
    switched_off: bool = False

    @property
    def text(self) -> str:
        """The failure in one line."""
        place = f" at {self.place}" if self.place else ""
        off_ = "; it is switched off until the next start" if self.switched_off else ""
        return f"plugin {self.plugin} failed in {self.hook}{place}: {self.message}{off_}"


_failures: list[PluginFailure] = []
_counts: Counter[str] = Counter()
_off: dict[str, str] = {}
_clashes: list[str] = []
_plugins: dict[str, Plugin] = {}
_stage = "new"
_chained: set[tuple[str, str]] = set()
_providers: dict[tuple[str, str], str] = {}
_listeners: list[Callable[[PluginFailure], None]] = []


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
    if plugin in _off:
        return default
    try:
        if is_built_in(plugin):
            result = function()
        else:
            result = _limited(function, seconds)
        problem = flaw(result) if flaw is not None else ""
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        _fail(plugin, hook, error)
        return default
    if problem:
        refuse(plugin, hook, problem)
        return default
    return result


def _limited(function: Callable[[], T], seconds: float) -> T:
    from nvm_lsp.watchdog import limited  # noqa: PLC0415 -- only for plugins of others

    with contextlib.suppress(KeyError, ValueError):
        seconds = float(os.environ[_SECONDS_VARIABLE])
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
        before = len(_failures)
        nothing = object()
        result = ask(plugin, hook, load, nothing)
        if result is nothing:
            why = _failures[-1].text if len(_failures) > before else (
                f"plugin {plugin} is switched off: {_off.get(plugin, '')}"
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
            for plugin, entry in _entry_points():
                _plugins[plugin.name] = plugin
                if plugin.why_off:
                    _off.setdefault(plugin.name, plugin.why_off)
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
        replace(plugin, why_off=_off.get(plugin.name, ""))
        for plugin in _plugins.values()
        if plugin.distribution != _OWN
    )


def discovered() -> tuple[Plugin, ...]:
    """The plugins of others that are installed; nothing of theirs is imported."""
    return tuple(plugin for plugin, _ in _entry_points() if plugin.distribution != _OWN)


def hooks_of(plugin: str) -> tuple[str, ...]:
    """The hooks that a plugin serves, none if it is not loaded."""
    found = manager().get_plugin(plugin)
    callers = (manager().get_hookcallers(found) if found is not None else None) or []
    return tuple(sorted(caller.name for caller in callers))


def is_built_in(plugin: str) -> bool:
    """Whether a plugin is nvm-lsp's own."""
    if any(plugin in modules for modules in _BUILT_IN.values()):
        return True
    found = _plugins.get(plugin)
    return found is not None and found.distribution == _OWN


def _entry_points() -> Iterator[tuple[Plugin, EntryPoint]]:
    """The entry points of the group, each with what is known of it before it is loaded."""
    if not _may_be_installed():
        return
    # Only now, as most have no plugins, and these are slow to import.
    from importlib.metadata import entry_points  # noqa: PLC0415

    from nvm_lsp import plugin_settings as settings  # noqa: PLC0415

    entries = sorted(entry_points(group=hookspecs.GROUP), key=lambda entry: entry.name)

    allowed = settings.third_party_allowed()
    try:
        unwanted = settings.disabled()
    except settings.SettingsError as error:
        unwanted = frozenset()
        refuse("settings", "loading", str(error))
    # Nobody passes for what is built in.
    names = {module for modules in _BUILT_IN.values() for module in modules}
    for entry in entries:
        package = entry.dist.name if entry.dist is not None else ""
        name = entry.name if entry.name not in names else f"{package}.{entry.name}"
        names.add(name)
        why = ""
        if package != _OWN:
            if not allowed:
                why = "NVM_LSP_PLUGINS is 0"
            elif {settings.canonical(name), settings.canonical(package)} & unwanted:
                why = f"disabled in {settings.settings_file()}"
        version = entry.dist.version if entry.dist is not None else ""
        yield Plugin(name, package, version, entry.value, why), entry


def _may_be_installed() -> bool:
    """Whether anything has entry points in our group; importlib.metadata tells what.

    It takes ten times as long to import as to look for ourselves, which every command would pay.
    """
    if any(hasattr(f, "find_distributions") and f is not PathFinder for f in sys.meta_path):
        return True
    group = f"[{hookspecs.GROUP}]".encode()
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            return True  # an archive
        except OSError:
            continue
        for name in names:
            if name.endswith(".egg"):
                return True
            if name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                        if group in file.read().replace(b" ", b""):
                            return True
                except OSError:
                    continue
    return False


def _register(registered: pluggy.PluginManager, plugin: Plugin, entry: EntryPoint) -> None:
    def load() -> bool:
        found = entry.load()
        _check_version(plugin, found)
        _check_names(plugin.name, found)
        registered.register(found, name=plugin.name)
        return True

    if not ask(plugin.name, "loading", load, False):
        _off.setdefault(plugin.name, "it could not be loaded")
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


def is_named(plugin: str, names: Iterable[str]) -> bool:
    """Whether a plugin, or its package, is among those names, as they are written in settings."""
    wanted = tuple(names)
    if not wanted or is_built_in(plugin):
        return False
    from nvm_lsp.plugin_settings import canonical  # noqa: PLC0415 -- only where something is off

    known = _plugins.get(plugin)
    own = {canonical(plugin), canonical(known.distribution if known is not None else plugin)}
    return not own.isdisjoint(map(canonical, wanted))


# Failing ------------------------------------------------------------------------------------------


def failures() -> tuple[PluginFailure, ...]:
    """What went wrong with plugins in this process so far."""
    return tuple(_failures)


def off() -> dict[str, str]:
    """The plugins that are switched off, and why."""
    return dict(_off)


def listen(listener: Callable[[PluginFailure], None]) -> None:
    """Has failures told to somebody who can show them; otherwise they go to Python's log."""
    _listeners.append(listener)


def unlisten(listener: Callable[[PluginFailure], None]) -> None:
    """The listener is gone."""
    if listener in _listeners:
        _listeners.remove(listener)


def refuse(plugin: str, hook: str, problem: str, *, counts: bool = True) -> None:
    """Says that a plugin has given something that cannot be used."""
    _fail(plugin, hook, PluginError(problem), counts=counts)


def failed(plugin: str, hook: str, error: BaseException) -> str:
    """Notes what a plugin raised where it was not called through `ask`; the failure in short."""
    _fail(plugin, hook, error)
    return f"{hook} of plugin {plugin} failed: {_failures[-1].message}"


def _fail(
    plugin: str, hook: str, error: BaseException, *, counts: bool = True
) -> None:
    known = _plugins.get(plugin)
    if isinstance(error, KindTakenError) and known is not None and error.owner != known.package:
        note_clash(plugin, error.owner, str(error))
    overtime = type(error).__name__ == "OvertimeError"
    _counts[plugin] += counts
    switch = not is_built_in(plugin) and (overtime or _counts[plugin] >= _PATIENCE)
    message = str(error) if isinstance(error, PluginError) or overtime else (
        f"{type(error).__name__}: {error}"
    )
    message = " ".join(message.split())
    if len(message) > 400:
        message = f"{message[:397]}..."
    failure = PluginFailure(
        known.label if known is not None else plugin, hook, message,
        _place(error) or _file_of(plugin),
        _trace(error), switch and plugin not in _off,
    )
    if switch:
        _off.setdefault(plugin, f"it failed in {hook}: {message}")
    again = any(
        (f.plugin, f.hook, f.message) == (failure.plugin, hook, message) for f in _failures
    )
    _failures.append(failure)
    if again and not failure.switched_off:
        return  # said already
    from nvm_lsp.plugin_settings import write_log  # noqa: PLC0415 -- only when things went wrong

    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    write_log(f"{stamp} {failure.text}\n{failure.trace}\n")
    for listener in tuple(_listeners):
        listener(failure)
    if not _listeners:
        log.warning("%s", failure.text, exc_info=error)


def _trace(error: BaseException) -> str:
    """The end of the traceback; a recursion is long, and so may be what an error quotes."""
    text = "".join(traceback.format_exception(error, limit=-_FRAMES))
    half = _TRACE_LENGTH // 2
    return text if len(text) <= _TRACE_LENGTH else f"{text[:half]}\n…\n{text[-half:]}"


def _place(error: BaseException) -> str:
    """Where in the plugin's files it happened; empty if the fault shows in ours alone."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own = (os.path.dirname(__file__) + os.sep, os.path.dirname(pluggy.__file__) + os.sep)
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    for frame in reversed(frames):
        if not frame.filename.startswith((*own, "<")):
            return f"{frame.filename}:{frame.lineno}"
    return ""


def _file_of(plugin: str) -> str:
    known = _plugins.get(plugin)
    module = sys.modules.get(known.target.partition(":")[0]) if known is not None else None
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else ""


# Codes --------------------------------------------------------------------------------------------


def clashes() -> tuple[str, ...]:
    """Codes and names of findings that two plugins claim, in words; known once they are loaded."""
    return tuple(_clashes)


def refuse_clashes() -> None:
    """Ends a command that would show findings which mean two things.

    Raises:
        ClashError: there are such findings.
    """
    manager()
    if _clashes:
        raise ClashError(_clashes[0])


def note_clash(plugin: str, owner: str, what: str) -> None:
    """Says that two plugins claim the same; ``owner`` is a plugin or a package."""
    first = next((p.label for p in _plugins.values() if owner in (p.name, p.package)), owner)
    second = _plugins[plugin].label if plugin in _plugins else plugin
    text = (
        f"plugins {first} and {second} clash: {what}; switch one off: "
        f"nvm-lsp plugins disable {plugin}"
    )
    if text not in _clashes:
        _clashes.append(text)
