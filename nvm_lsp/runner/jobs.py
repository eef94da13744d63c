"""What a worker does beside a plain run: compare two runs, check expectations; answers as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nvm_lsp.runner.compare import compare
from nvm_lsp.runner.compare import to_json as comparison_json
from nvm_lsp.runner.expectations import Expectation, check, describe_outcome, frozen_text
from nvm_lsp.runner.guest_trace import GuestRecorder
from nvm_lsp.runner.probes import Plan
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.run_json import line_of, to_json
from nvm_lsp.runner.world import Limits

__all__ = ["Checking", "Comparing", "Job", "perform"]


@dataclass(frozen=True, slots=True)
class Comparing:
    """A guest run twice; see `compare`. ``lines`` gives the zero-based line of an offset."""

    request: Request
    against: str = "native"
    lines: Mapping[int, int] = field(default_factory=dict)

    @property
    def limits(self) -> Limits:
        # Both runs, and both again up to where they part.
        return replace(self.request.limits, seconds=2 * self.request.limits.seconds)


@dataclass(frozen=True, slots=True)
class Checking:
    """A run and what is expected of it."""

    request: Request
    expectations: tuple[Expectation, ...]

    @property
    def limits(self) -> Limits:
        return self.request.limits


Job = Comparing | Checking


def perform(job: Job, begun: Callable[[GuestRecorder], None]) -> dict[str, Any]:
    """Does a job. A comparison's JSON is that of `compare.to_json`.

    A check gives ``{"run": …, "outcome": text, "findings": […]}``, one row an expectation: file,
    one-based line, text, passed, expected, got, details, and the text that would hold.

    Raises:
        ValueError: see `run` and `compare`.
    """
    if isinstance(job, Comparing):
        where = line_of(job.lines)
        return comparison_json(compare(job.request, job.against, where), where)
    indexes = [i for i, e in enumerate(job.expectations) if e.probe is not None]
    probes = tuple((e.place, e.probe) for e in job.expectations if e.probe is not None)
    request = replace(job.request, plan=Plan(probes, job.request.plan.names))
    result = run(request, begun=begun)
    seen = dict(zip(indexes, result.seen, strict=True))
    findings = check(result, job.expectations, seen)
    return {
        "run": to_json(result),
        "outcome": describe_outcome(result),
        "findings": [
            {
                "file": found.expectation.place.path,
                "line": found.expectation.place.line + 1,
                "start": found.expectation.start,
                "end": found.expectation.end,
                "text": found.expectation.text,
                "passed": found.passed,
                "expected": found.expected,
                "got": found.got,
                "details": list(found.details),
                "holds": frozen_text(found),
            }
            for found in findings
        ],
    }
