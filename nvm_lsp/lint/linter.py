"""Runs the rules over a program; it does not know where programs come from or how findings show."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from nvm_lsp.assembler import Assembly
from nvm_lsp.configuration import FileSettings
from nvm_lsp.diagnostics import KINDS, Diagnostic, Fix, Kind, Related, Severity
from nvm_lsp.lint.rule import LintContext, Rule
from nvm_lsp.lint.selection import level_of
from nvm_lsp.lint.suppressions import KINDS as SUPPRESSION_KINDS
from nvm_lsp.lint.suppressions import Mark, collect
from nvm_lsp.plugins import (
    PluginFailure,
    ask,
    call,
    failures,
    is_built_in,
    is_named,
    note_clash,
    refuse,
    refuse_clashes,
)
from nvm_lsp.source import Location
from nvm_lsp.syntax import SyntaxTree

__all__ = [
    "Examination",
    "OwnedRule",
    "check",
    "declared_target",
    "examine",
    "examine_in_steps",
    "findings",
    "kinds",
    "owned_rules",
    "rules",
]

_HOOK = "nvm_lsp_rules"
#: How the codes of flaws begin that assembling finds.
_ASSEMBLER = ("ASM", "SYN")
_TARGET = "declared target"
_TARGET_LINE = re.compile(r"#@\s*target\s+(nvm|evm)\s*(?:#.*)?")


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


@dataclass(frozen=True, slots=True)
class Examination:
    """What linting one program gave.

    ``used`` are suppressions in the files that it includes which silenced something: linting such
    a file by itself may call them idle. ``failures`` are those of rules that gave nothing.
    """

    diagnostics: tuple[Diagnostic, ...]
    used: frozenset[Mark] = frozenset()
    failures: tuple[PluginFailure, ...] = ()


def check(
    assembly: Assembly, target: str | None = None, settings: FileSettings | None = None
) -> tuple[Diagnostic, ...]:
    """What is wrong with a program; see `examine`."""
    return examine(assembly, target, settings).diagnostics


def examine(
    assembly: Assembly, target: str | None = None, settings: FileSettings | None = None
) -> Examination:
    """What is wrong with a program: the assembler's diagnostics, then the rules' findings.

    Rules run only on a program without errors, so that one fault is said once. What keeps it from
    assembling is always said; of all else, what the settings ask for and no comment suppresses.
    ``target`` outweighs the one that the program's ``#@ target`` says, which outweighs the
    settings'.
    """
    steps = examine_in_steps(assembly, target, settings)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Examination = end.value
            return found


def examine_in_steps(
    assembly: Assembly, target: str | None = None, settings: FileSettings | None = None
) -> Generator[None, None, Examination]:
    """`examine`, stopping after each rule, for callers that have other things to do meanwhile."""
    settings = settings or FileSettings()
    levels = _levels(settings)
    errors = [d for d in assembly.diagnostics if d.severity is Severity.ERROR]
    found = [d for d in assembly.diagnostics if d.severity is not Severity.ERROR]
    before = len(failures())
    if assembly.ok:
        said = target or declared_target(assembly.program.root.tree) or settings.target
        context = LintContext(assembly, said)
        for owned in owned_rules():
            if not is_named(owned.plugin, settings.disabled) and _is_on(owned.rule.kind, levels):
                found += findings(owned, context)
                yield
    suppressions = collect(assembly)
    kept = list(suppressions.keep(d for d in found if _is_on(d.kind, levels)))
    # A rule that failed has found nothing, but that says nothing of suppressions.
    kept += (
        d for d in suppressions.findings(levels, all_ran=assembly.ok and not failures())
        if _is_on(d.kind, levels)
    )
    kept = [
        d if levels.get(d.code) in (None, d.kind.severity) else replace(d, severity=levels[d.code])
        for d in kept
    ]
    root = assembly.program.root.path
    return Examination(
        tuple(sorted(errors + kept, key=lambda diagnostic: diagnostic.sort_key)),
        frozenset(mark for mark in suppressions.used if mark.path != root),
        failures()[before:],
    )


@lru_cache(maxsize=64)
def _levels(settings: FileSettings) -> Mapping[str, Severity]:
    return MappingProxyType({kind.code: level_of(kind, settings) for kind in kinds()})


@lru_cache(maxsize=1)
def kinds() -> tuple[Kind, ...]:
    """Every kind that linting can report, by code."""
    own = [kind for kind in KINDS.values() if kind.code.startswith(_ASSEMBLER)]
    found = [*own, *SUPPRESSION_KINDS, *(rule.kind for rule in rules())]
    return tuple(sorted(found, key=lambda kind: kind.code))


def declared_target(tree: SyntaxTree) -> str | None:
    """The target that a program's ``#@ target`` line says, None if it says none."""
    for chunk in tree.chunks:
        known = chunk.cache.get(_TARGET)
        if not isinstance(known, str):
            known = next(
                (
                    found[1]
                    for line in chunk.lines
                    if line.statement is None and line.comment is not None
                    and (found := _TARGET_LINE.fullmatch(line.comment.text.rstrip()))
                ),
                "",
            )
            chunk.cache[_TARGET] = known
        if known:
            return known
    return None


def _is_on(kind: Kind, levels: Mapping[str, Severity]) -> bool:
    return levels.get(kind.code, kind.severity) is not Severity.OFF


def findings(owned: OwnedRule, context: LintContext) -> list[Diagnostic]:
    """What a rule finds; nothing, and a message, if it fails."""
    plugin, rule = owned
    return ask(
        plugin, f"rule {rule.kind.code}", lambda: list(rule.check(context)), [],
        flaw=None if is_built_in(plugin) else partial(flaw_of, rule, context),
    )


def flaw_of(rule: Rule, context: LintContext, found: list[Any]) -> str:
    """What is wrong with a rule's findings, nothing if they can be shown."""
    if not found:
        return ""
    lines = {tree.path: tree.tree.line_count for tree in context.assembly.program.contexts}
    for item in found:
        if not isinstance(item, Diagnostic):
            return f"a rule yields Diagnostics, not {type(item).__name__}"
        if item.kind is not rule.kind:
            return f"rule {rule.kind.code} yields a finding of another kind"
        if {type(item.message), type(item.hint)} != {str}:
            return f"rule {rule.kind.code} yields a message that is no text"
        problem = _part_flaw(item, lines)
        if problem:
            return f"rule {rule.kind.code} yields {problem}"
    return ""


def _part_flaw(item: Any, lines: Mapping[str, int]) -> str:
    """What is wrong with the places of a finding, its related ones and its fixes."""
    try:
        if not _is_there(item.location, lines):
            return f"a finding at {item.location}, which is nowhere"
        for other in item.related:
            if type(other) is not Related or not isinstance(other.message, str):
                return "a related place that is no Related"
            other.location.span.start.line + other.location.span.end.line
        for fix in item.fixes:
            if type(fix) is not Fix or not isinstance(fix.title, str) or not fix.edits:
                return "a fix that is no Fix with edits"
            for edit in fix.edits:
                if not isinstance(edit.text, str) or not _is_there(edit.location, lines):
                    return f"an edit at {edit.location}, which is nowhere"
    except (AttributeError, TypeError):
        return "a finding without a location"
    return ""


def _is_there(location: Location, lines: Mapping[str, int]) -> bool:
    start, end = location.span.start, location.span.end
    right = (0, 0) <= (start.line, start.column) <= (end.line, end.column)
    return right and start.column >= 0 and end.line <= lines.get(location.path, -1)
