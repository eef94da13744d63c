"""The built-in rules, registered as a plugin's are. A rule is a module with a ``RULE``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.lint.rule import Rule

__all__ = ["nvm_lsp_rules"]


@hookimpl
def nvm_lsp_rules() -> Iterable[Rule]:
    return [
        importlib.import_module(f"{__name__}.{module.name}").RULE
        for module in pkgutil.iter_modules(__path__)
    ]
