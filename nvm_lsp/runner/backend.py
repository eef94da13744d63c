"""The built-in execution backend, registered like any other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from nvm_lsp.hookspecs import BackendEntry, hookimpl

if TYPE_CHECKING:
    from nvm_lsp.runner.machine import Execution, Limits, Message, Watcher, World

__all__ = ["Backend", "nvm_lsp_backends"]


class Backend(Protocol):
    """What runs a message on a state."""

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


def _load_py_evm() -> Backend:
    from nvm_lsp.runner import machine  # noqa: PLC0415 -- py-evm is imported when it is used

    return machine


@hookimpl
def nvm_lsp_backends() -> Iterable[BackendEntry]:
    return [BackendEntry("py-evm", "py-evm: Python, all forks to Prague, traced", _load_py_evm)]
