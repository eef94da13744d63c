"""What plugins did wrong: counted, written down, told, and in the end a reason not to call them."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pluggy

from nvm_lsp.diagnostics import KindTakenError
from nvm_lsp.plugin_discovery import OWN, Plugin

__all__ = [
    "ClashError",
    "PluginError",
    "PluginFailure",
    "clashes",
    "failed",
    "failures",
    "is_built_in",
    "is_off",
    "known",
    "listen",
    "note_clash",
    "off",
    "own",
    "record",
    "refuse",
    "switch_off",
    "unlisten",
]

log = logging.getLogger(__name__)

#: Failures after which a plugin is not called any more in this process.
_PATIENCE = 3
#: The last frames of a traceback that are kept: a recursion has thousands.
_FRAMES = 30
_TRACE_LENGTH = 20_000


class PluginError(ValueError):
    """What a plugin should have given is not there; the message names the plugin and why."""


class ClashError(Exception):
    """Two plugins define the same codes, so that no finding could be told from another."""


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


#: The plugins of others that are installed, and the modules that are built in.
known: dict[str, Plugin] = {}
own: set[str] = set()

_failures: list[PluginFailure] = []
_counts: Counter[str] = Counter()
_off: dict[str, str] = {}
_clashes: list[str] = []
_listeners: list[Callable[[PluginFailure], None]] = []


def is_built_in(plugin: str) -> bool:
    """Whether a plugin is nvm-lsp's own."""
    if plugin in own:
        return True
    found = known.get(plugin)
    return found is not None and found.distribution == OWN


def failures() -> tuple[PluginFailure, ...]:
    """What went wrong with plugins in this process so far."""
    return tuple(_failures)


def off() -> dict[str, str]:
    """The plugins that are switched off, and why."""
    return dict(_off)


def is_off(plugin: str) -> bool:
    """Whether a plugin is not to be called any more."""
    return plugin in _off


def switch_off(plugin: str, why: str) -> None:
    """Has a plugin not called any more in this process."""
    _off.setdefault(plugin, why)


def listen(listener: Callable[[PluginFailure], None]) -> None:
    """Has failures told to somebody who can show them; otherwise they go to Python's log."""
    _listeners.append(listener)


def unlisten(listener: Callable[[PluginFailure], None]) -> None:
    """The listener is gone."""
    if listener in _listeners:
        _listeners.remove(listener)


def refuse(plugin: str, hook: str, problem: str, *, counts: bool = True) -> None:
    """Says that a plugin has given something that cannot be used."""
    record(plugin, hook, PluginError(problem), counts=counts)


def failed(plugin: str, hook: str, error: BaseException) -> str:
    """Notes what a plugin raised where it was not called through `ask`; the failure in short."""
    record(plugin, hook, error)
    return f"{hook} of plugin {plugin} failed: {_failures[-1].message}"


def record(plugin: str, hook: str, error: BaseException, *, counts: bool = True) -> None:
    """Notes a failure, tells it to whom it concerns, and switches the plugin off if need be."""
    found = known.get(plugin)
    if isinstance(error, KindTakenError) and found is not None and error.owner != found.package:
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
        found.label if found is not None else plugin, hook, message,
        _place(error) or _file_of(plugin), _trace(error), switch and plugin not in _off,
    )
    if switch:
        _off.setdefault(plugin, f"it failed in {hook}: {message}")
    again = any(
        (f.plugin, f.hook, f.message) == (failure.plugin, hook, message) for f in _failures
    )
    if counts or not again:
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
    ours = (os.path.dirname(__file__) + os.sep, os.path.dirname(pluggy.__file__) + os.sep)
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    for frame in reversed(frames):
        if not frame.filename.startswith((*ours, "<")):
            return f"{frame.filename}:{frame.lineno}"
    return ""


def _file_of(plugin: str) -> str:
    found = known.get(plugin)
    module = sys.modules.get(found.target.partition(":")[0]) if found is not None else None
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else ""


# Codes --------------------------------------------------------------------------------------------


def clashes() -> tuple[str, ...]:
    """Codes and names of findings that two plugins claim, in words; known once they are loaded."""
    return tuple(_clashes)


def note_clash(plugin: str, owner: str, what: str) -> None:
    """Says that two plugins claim the same; ``owner`` is a plugin or a package."""
    first = next((p.label for p in known.values() if owner in (p.name, p.package)), owner)
    second = known[plugin].label if plugin in known else plugin
    text = (
        f"plugins {first} and {second} clash: {what}; switch one off: "
        f"nvm-lsp plugins disable {plugin}"
    )
    if text not in _clashes:
        _clashes.append(text)
