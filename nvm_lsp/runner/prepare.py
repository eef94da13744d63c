"""From an assembled program to what a run is asked for: scenario, probes, expectations.

Everything that stands in comments is read here at once, for the command line and for editors.
"""

from __future__ import annotations

from dataclasses import dataclass

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.configuration import FileSettings
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.runner.expectations import read_expectations
from nvm_lsp.runner.probes import ConstantNames, Plan, read_probes
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.scenario_reader import Case, base_scenario, read_cases

__all__ = ["Prepared", "comment_diagnostics", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program ready to run. ``request`` is for the first case or the one that was named."""

    request: Request
    cases: tuple[Case, ...]
    diagnostics: tuple[Diagnostic, ...]


def prepare(
    assembly: Assembly,
    loader: Loader,
    case: str | None = None,
    settings: FileSettings | None = None,
) -> Prepared:
    """The request for a program, with its probes; ``settings`` are those of its file.

    Raises:
        KeyError: there is no case of that name.
    """
    cases, problems = read_cases(
        assembly, loader, base_scenario(assembly, settings) if settings is not None else None
    )
    chosen = cases[0]
    if case is not None:
        chosen = {known.name: known for known in cases if known.name is not None}[case]
    probes, more = read_probes(assembly)
    plan = Plan(probes, ConstantNames.of(assembly)) if probes else Plan()
    request = Request(assembly.bytecode, chosen.scenario, plan=plan)
    return Prepared(request, cases, (*problems, *more))


def comment_diagnostics(assembly: Assembly, loader: Loader) -> list[Diagnostic]:
    """What is wrong with a program's ``#@``, ``#?`` and ``#=`` lines."""
    found = [*read_cases(assembly, loader)[1]]
    found += read_probes(assembly, located=False)[1]
    found += read_expectations(assembly, located=False)[1]
    return found
