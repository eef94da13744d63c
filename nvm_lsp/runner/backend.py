"""Execution backends by name, and the one that is built in, registered like any other."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from typing import Any, Protocol

from nvm_lsp.hookspecs import BackendEntry, hookimpl
from nvm_lsp.plugins import PluginError, failed, find, is_built_in, named
from nvm_lsp.runner.world import Execution, Limits, Message, Watcher, World

__all__ = ["Backend", "UnknownBackendError", "load_backend", "nvm_lsp_backends"]

_HOOK = "nvm_lsp_backends"


class UnknownBackendError(ValueError):
    """No plugin provides a backend of that name."""


class Backend(Protocol):
    """What runs a message on a state.

    One that tells steps only at a great cost sets ``PREFERS_UNTRACED`` and takes one more keyword,
    ``steps``, which is False where nobody asks for them. What it leaves out then, it lists in the
    execution's ``missing``.
    """

    def execute(
        self,
        world: World,
        message: Message,
        *,
        fork: str,
        limits: Limits | None,
        watcher: Watcher | None,
    ) -> Execution:
        """See `nvm_lsp.runner.machine.execute`."""


def load_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        UnknownBackendError: there is none.
        PluginError: a plugin provides it, and failed.
    """
    found = find(_HOOK, BackendEntry, name)
    if found is None:
        there = ", ".join(named(_HOOK, BackendEntry))
        raise UnknownBackendError(f"unknown backend {name!r}; there are {there}")
    backend: Backend = found.entry.load()
    return backend if is_built_in(found.plugin) else _Foreign(found.plugin, name, backend)


class _Foreign:
    """A plugin's backend; what it raises is said to be the plugin's."""

    def __init__(self, plugin: str, name: str, backend: Any) -> None:
        self._plugin = plugin
        self._name = name
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def execute(
        self,
        world: World,
        message: Message,
        *,
        fork: str,
        limits: Limits | None = None,
        watcher: Watcher | None = None,
    ) -> Execution:
        try:
            # What a plugin prints is no part of a command's answer.
            with contextlib.redirect_stdout(sys.stderr):
                result: object = self._backend.execute(
                    world, message, fork=fork, limits=limits, watcher=watcher
                )
            if not isinstance(result, Execution):
                raise TypeError(f"execute gives an Execution, not {type(result).__name__}")
        except ValueError:
            raise  # of a scenario that the backend cannot run, or of a state that is away
        except Exception as error:
            said = failed(self._plugin, f"backend {self._name}", error)
            raise PluginError(said) from error
        return result


def _load_py_evm() -> Backend:
    from nvm_lsp.runner import machine  # noqa: PLC0415 -- py-evm is imported when it is used

    return machine


@hookimpl
def nvm_lsp_backends() -> Iterable[BackendEntry]:
    return [BackendEntry("py-evm", "py-evm: Python, all forks, all steps", _load_py_evm)]
