"""A house's rules: each is a module with a ``RULE``; and a lens that tells a program's size."""

from __future__ import annotations

from collections.abc import Iterable

from nvm_lsp.api import CodeLensEntry, Rule, hookimpl

nvm_lsp_api = "1.0"


@hookimpl
def nvm_lsp_rules() -> Iterable[Rule]:
    from house_rules import repeated_push, unnamed_slot

    return [repeated_push.RULE, unnamed_slot.RULE]


@hookimpl
def nvm_lsp_code_lenses() -> Iterable[CodeLensEntry]:
    from house_rules import size

    return [CodeLensEntry("house-rules", size.lenses, {"size": size.size})]
