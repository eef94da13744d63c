"""The built-in output formats, registered as a plugin's are: a module with a ``REPORTER`` each."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.lint.report import Reporter

__all__ = ["nvm_lsp_reporters"]


@hookimpl
def nvm_lsp_reporters() -> Iterable[Reporter]:
    return [
        importlib.import_module(f"{__name__}.{module.name}").REPORTER
        for module in pkgutil.iter_modules(__path__)
    ]
