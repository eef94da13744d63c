"""Runs the rules over a program; it does not know where programs come from or how findings show."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import KINDS, Diagnostic
from nvm_lsp.lint.rule import LintContext, Rule
from nvm_lsp.plugins import ask, call, note_clash, refuse, refuse_clashes

__all__ = ["OwnedRule", "check", "findings", "owned_rules", "rules"]

_HOOK = "nvm_lsp_rules"


class OwnedRule(NamedTuple):
    """A rule, and the plugin that it comes from."""

    plugin: str
    rule: Rule


@lru_cache(maxsize=1)
def owned_rules() -> tuple[OwnedRule, ...]:
    """All rules, by code.

    Raises:
        ClashError: two plugins define the same codes or names.
    """
    found: dict[str, OwnedRule] = {}
    for plugin, item in call(_HOOK):
        if not isinstance(item, Rule):
            refuse(plugin, _HOOK, f"a rule is a Rule, made by @rule, not {type(item).__name__}")
        elif KINDS.get(item.kind.code) is not item.kind:
            note_clash(plugin, "nvm-lsp", f"{item.kind.code} is named {item.kind.name}")
        elif item.kind.code in found:
            refuse(plugin, _HOOK, f"it gives rule {item.kind.code} twice")
        else:
            found[item.kind.code] = OwnedRule(plugin, item)
    refuse_clashes()
    return tuple(found[code] for code in sorted(found))


def rules() -> tuple[Rule, ...]:
    """All rules, by code; see `owned_rules`."""
    return tuple(owned.rule for owned in owned_rules())


def check(assembly: Assembly, target: str = "nvm") -> tuple[Diagnostic, ...]:
    """What is wrong with a program: the assembler's diagnostics, then the rules' findings.

    Rules run only on a program without errors, so that one fault is said once.
    """
    found = list(assembly.diagnostics)
    if assembly.ok:
        context = LintContext(assembly, target)
        for owned in owned_rules():
            found += findings(owned, context)
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.sort_key))


def findings(owned: OwnedRule, context: LintContext) -> list[Diagnostic]:
    """What a rule finds; nothing, and a message, if it fails."""
    plugin, rule = owned
    return ask(
        plugin, f"rule {rule.kind.code}", lambda: list(rule.check(context)), [],
        flaw=partial(flaw_of, rule, context),
    )


def flaw_of(rule: Rule, context: LintContext, found: list[Any]) -> str:
    """What is wrong with a rule's findings, nothing if they can be shown."""
    lines = {tree.path: tree.tree.line_count for tree in context.assembly.program.contexts}
    for item in found:
        if not isinstance(item, Diagnostic):
            return f"a rule yields Diagnostics, not {type(item).__name__}"
        if item.kind is not rule.kind:
            return f"rule {rule.kind.code} yields a finding of another kind"
        if {type(item.message), type(item.hint)} != {str}:
            return f"rule {rule.kind.code} yields a message that is no text"
        try:
            start, end = item.location.span.start, item.location.span.end
            right = (0, 0) <= (start.line, start.column) <= (end.line, end.column)
            inside = end.line <= lines.get(item.location.path, -1)
        except (AttributeError, TypeError):
            return f"rule {rule.kind.code} yields a finding without a location"
        if not (right and inside and start.column >= 0):
            return f"rule {rule.kind.code} yields a finding at {item.location}, which is nowhere"
    return ""
