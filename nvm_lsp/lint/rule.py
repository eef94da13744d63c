"""What a lint rule is: a kind of flaw, and a function that finds it in an assembled program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Diagnostic, Kind, Severity, define_kind

__all__ = ["Check", "LintContext", "Rule", "rule"]


@dataclass(frozen=True, eq=False)
class LintContext:
    """What rules look at. ``target`` is ``nvm`` or ``evm``."""

    assembly: Assembly
    target: str = "nvm"

    @cached_property
    def path(self) -> str:
        """The root file."""
        return self.assembly.program.root.path


Check: TypeAlias = Callable[[LintContext], Iterator[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. Its page is the docstring of the module that defines it."""

    kind: Kind
    check: Check


def rule(code: str, name: str, severity: Severity = Severity.WARNING) -> Callable[[Check], Rule]:
    """Makes a function a rule; the page comes from the docstring of the function's module."""

    def make(check: Check) -> Rule:
        page = sys.modules[check.__module__].__doc__ or ""
        return Rule(define_kind(code, name, page, severity, module=check.__module__), check)

    return make
