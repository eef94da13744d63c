"""Runs the rules over a program; it does not know where programs come from or how findings show."""

from __future__ import annotations

import logging
from functools import lru_cache

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.rule import LintContext, Rule
from nvm_lsp.plugins import call

__all__ = ["check", "rules"]

log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """All rules, by code."""
    found = [item for _, item in call("nvm_lsp_rules") if isinstance(item, Rule)]
    return tuple(sorted(found, key=lambda rule: rule.kind.code))


def check(assembly: Assembly, target: str = "nvm") -> tuple[Diagnostic, ...]:
    """What is wrong with a program: the assembler's diagnostics, then the rules' findings.

    Rules run only on a program without errors, so that one fault is said once.
    """
    found = list(assembly.diagnostics)
    if assembly.ok:
        context = LintContext(assembly, target)
        for rule in rules():
            try:
                found += rule.check(context)
            except Exception:  # a rule may be a plugin's, and must not cost the others' results
                log.exception("rule %s failed on %s", rule.kind.code, context.path)
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.sort_key))
