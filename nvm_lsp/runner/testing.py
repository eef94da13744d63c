"""Programs as tests: their cases with the expectations of each, run and judged.

It prints nothing and rewrites nothing; `nvm-lsp test` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nvm_lsp.assembler import Assembly, FileLoader, Unreadable, assemble
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.configuration import FileSettings
from nvm_lsp.diagnostics import Diagnostic, Problem, Severity
from nvm_lsp.runner.expectations import (
    Expectation,
    Finding,
    check,
    describe_outcome,
    parse_expectation,
    read_expectations,
)
from nvm_lsp.runner.probes import ConstantNames, Place, Plan
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario_reader import Case, base_scenario, read_cases
from nvm_lsp.runner.trace_formats import Coverage, coverage
from nvm_lsp.runner.world import Limits

__all__ = [
    "Program",
    "Result",
    "Settings",
    "Verdict",
    "load_program",
    "of_assembly",
    "run_case",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for all tests of a session. ``changes`` are fields of the scenario to replace."""

    backend: str = "py-evm"
    limits: Limits = field(default_factory=Limits)
    native: bool = False
    changes: tuple[tuple[str, object], ...] = ()
    options: frozenset[str] = frozenset()
    trust_rpc: bool = False
    coverage: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was read: its cases with the expectations of each."""

    path: str
    assembly: Assembly
    cases: tuple[tuple[Case, tuple[Expectation, ...]], ...]

    def test_id(self, case: Case) -> str:
        return self.path if case.name is None else f"{self.path}::{case.name}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case: findings, the run's end in words, its gas, the lines that ran."""

    test_id: str
    path: str
    findings: tuple[Finding, ...]
    outcome: str
    gas_used: int
    native: int | None
    problem: str = ""
    covered: Coverage | None = None

    @property
    def passed(self) -> bool:
        return not self.problem and all(finding.passed for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A program that could not be tested: what is wrong with its source."""

    path: str
    diagnostics: tuple[Diagnostic, ...] = ()
    unreadable: Unreadable | None = None


def load_program(path: str, settings: FileSettings | None = None) -> Program | Verdict:
    """Reads a program with its cases and expectations; ``settings`` are those of its file."""
    loader = FileLoader()
    tree = loader.source(path)
    if isinstance(tree, Unreadable):
        return Verdict(path, unreadable=tree)
    assembly = assemble(
        tree, loader=loader, default_fork=settings.fork if settings is not None else None
    )
    return of_assembly(path, assembly, loader, settings)


def of_assembly(
    path: str, assembly: Assembly, loader: Loader, settings: FileSettings | None = None
) -> Program | Verdict:
    """A program that was assembled, with its cases and expectations."""
    found = [d for d in assembly.diagnostics if d.severity is Severity.ERROR]
    if found:
        return Verdict(path, tuple(found))
    cases, problems = read_cases(
        assembly, loader, base_scenario(assembly, settings) if settings is not None else None
    )
    expectations, more = read_expectations(assembly)
    found = [*problems, *more]
    names = ConstantNames(ConstantNames.of(assembly))
    shares = []
    for case in cases:
        share = [e for e in expectations if _belongs(e, case, cases, path)]
        for text in case.expect:
            expectation = parse_expectation(text, 0, Place(path, case.lines[0], ()), names)
            if isinstance(expectation, Problem):
                found.append(expectation.at(path, case.lines[0]))
            else:
                share.append(expectation)
        shares.append((case, tuple(share)))
    if found:
        return Verdict(path, tuple(found))
    return Program(path, assembly, tuple(shares))


def _belongs(expectation: Expectation, case: Case, cases: tuple[Case, ...], path: str) -> bool:
    """Whether an expectation is a case's: its own lines' or nobody's in particular."""
    line = expectation.place.line
    if expectation.place.path != path or expectation.place.pcs:
        return True
    owners = [other for other in cases if other.lines[0] <= line < other.lines[1]]
    return not owners or case in owners


def run_case(
    program: Program, case: Case, expectations: tuple[Expectation, ...], settings: Settings
) -> Result:
    """Runs a case and checks what is expected of it."""
    scenario = replace(case.scenario, **dict(settings.changes))  # type: ignore[arg-type]
    scenario = replace(scenario, options=scenario.options | settings.options)
    indexes = [i for i, e in enumerate(expectations) if e.probe is not None]
    plan = Plan(
        tuple(
            (e.place, e.probe) for e in expectations if e.probe is not None
        ),
        ConstantNames.of(program.assembly),
    )
    request = Request(
        program.assembly.bytecode, scenario, settings.backend, settings.limits,
        native=settings.native, plan=plan, trust_rpc=settings.trust_rpc,
    )
    test_id = program.test_id(case)
    try:
        result: Run = run(request)
        if result.execution.missing and not all(
            finding.passed for finding in check(result, expectations, {})
        ):
            result = run(replace(request, steps=True))  # where it failed, only its steps tell
    except ValueError as error:
        return Result(test_id, program.path, (), "", 0, None, str(error))
    seen = dict(zip(indexes, result.seen, strict=True))
    return Result(
        test_id, program.path, check(result, expectations, seen),
        _outcome(result, program.assembly), result.gas_used, result.native,
        covered=coverage(result, program.assembly) if settings.coverage else None,
    )


def _outcome(result: Run, assembly: Assembly) -> str:
    last = result.last
    origin = assembly.source_map.origin(last.pc) if last is not None else None
    where = f" at {origin.location}" if origin is not None else ""
    return f"{describe_outcome(result)}{where}, gas {result.gas_used:,}"
