"""A backend that is small enough to read: arithmetic, memory, jumps and calldata, no accounts."""

from __future__ import annotations

from collections.abc import Iterable

from nvm_lsp.api import Backend, BackendEntry, hookimpl

nvm_lsp_api = "1.0"


def _load() -> Backend:
    # Imported when a run chooses it, so that it costs nothing else.
    from tiny_evm import machine

    return machine


@hookimpl
def nvm_lsp_backends() -> Iterable[BackendEntry]:
    return [BackendEntry("tiny", "tiny: Python to be read, without storage and calls", _load)]
