"""Two runs of a guest side by side: where they part first, and what each line costs in both.

The usual pair is the NestedVM and the native EVM; any two builds of the kernel or forks will do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nvm_lsp.kernel.image import PROFILES
from nvm_lsp.opcodes import FORKS
from nvm_lsp.runner.guest_trace import Snapshot, Step
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.run_json import mnemonic
from nvm_lsp.runner.scenario import Scenario

__all__ = ["Comparison", "Divergence", "LineCost", "compare", "other_request", "to_json"]

_GAS = 0x5A
#: CALLCODE and SELFDESTRUCT, which revert on the kernel.
_REFUSED = (0xF2, 0xFF)
_OPTIONS = {
    "verifier": "verifier", "debug": "debug", "strict-jumpdest": "strict_jumpdest",
    "delegatecall-only": "delegatecall_only",
}


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two runs part: the number of the step, and the state of each before it.

    A state is None for a run that has ended by then. ``cause`` is the last step that both made.
    """

    step: int
    left: Snapshot | None
    right: Snapshot | None
    cause: Step | None


@dataclass(frozen=True, slots=True)
class LineCost:
    """Gas of a line in both runs; ``key`` is a one-based line, or an offset without a source."""

    key: int
    hits: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs and how they differ. ``differences`` are of their results, in words.

    ``by_design`` says why they differ, if the NestedVM is meant to differ there.
    """

    left: Run
    right: Run
    names: tuple[str, str]
    divergence: Divergence | None
    differences: tuple[str, ...]
    lines: tuple[LineCost, ...]
    by_design: str | None = None

    @property
    def same(self) -> bool:
        """They made the same steps and came to the same result, gas apart."""
        return self.divergence is None and not self.differences


def other_request(request: Request, against: str) -> tuple[Request, str]:
    """The request to compare with: ``native``, or words for a kernel build or fork, with commas.

    Raises:
        ValueError: a word is none of these.
    """
    if against == "native":
        return replace(request, natively=True, native=False), "native"
    scenario: Scenario = replace(request.scenario, target="nvm", options=frozenset())
    for word in against.split(","):
        if word in PROFILES:
            scenario = replace(scenario, profile=word)
        elif word in _OPTIONS:
            scenario = replace(scenario, options=scenario.options | {_OPTIONS[word]})
        elif word in FORKS:
            scenario = replace(scenario, fork=word)
        else:
            known = ", ".join(("native", *PROFILES, *_OPTIONS, "the name of a fork"))
            raise ValueError(f"cannot compare with {word!r}; known are {known}")
    return replace(request, scenario=scenario, native=False), against


def compare(
    request: Request, against: str = "native",
    line_of: Callable[[int], int | None] = lambda pc: None,
) -> Comparison:
    """Runs a guest twice and compares. ``line_of`` gives the one-based line of an offset.

    Raises:
        ValueError: ``against`` means nothing, or a run cannot be made; see `run`.
    """
    other, name = other_request(request, against)
    request = replace(request, native=False)
    left, right = run(request), run(other)
    scenario = request.scenario
    own = "native" if scenario.target == "evm" else scenario.profile
    divergence = _divergence(request, other, left, right)
    differences = tuple(_differences(left, right))
    parted = divergence is not None or differences
    return Comparison(
        left, right, (own, name), divergence, differences, _costs(left, right, line_of),
        _by_design(left, right, divergence) if parted else None,
    )


def _divergence(request: Request, other: Request, left: Run, right: Run) -> Divergence | None:
    at = _first_difference(left.steps, right.steps)
    if at is None:
        return None
    states: list[Snapshot | None] = []
    for asked, known in ((request, left), (other, right)):
        if at >= len(known.steps):
            states.append(None)
            continue
        again = run(replace(asked, native=False, snapshots="end", snapshot_step=at))
        states.append(again.snapshots[-1] if again.snapshots else None)
    return Divergence(at, states[0], states[1], left.steps[at - 1] if at else None)


def _by_design(left: Run, right: Run, divergence: Divergence | None) -> str | None:
    """Why two runs differ where the NestedVM is not the EVM, None if there is no such reason."""
    cause = divergence.cause if divergence is not None else left.last
    if cause is not None and divergence is not None and cause.opcode == _GAS:
        return "GAS gives the host's gas, and interpretation costs gas"
    if "stack overflow" in (left.error, right.error):
        return "the kernel needs a few of the 1,024 words of the stack itself"
    if divergence is None and cause is not None and cause.opcode in _REFUSED:
        return f"the NestedVM refuses {mnemonic(cause.opcode)}"
    return None


def _first_difference(left: tuple[Step, ...], right: tuple[Step, ...]) -> int | None:
    """The first step in which offset, opcode or stack differ; gas is not looked at."""
    for index, (one, two) in enumerate(zip(left, right, strict=False)):
        if (one.pc, one.depth, one.top) != (two.pc, two.depth, two.top):
            return index
    if len(left) != len(right):
        return min(len(left), len(right))
    return None


def _differences(left: Run, right: Run) -> list[str]:
    found = []
    for name, one, two in (
        ("outcome", left.outcome, right.outcome),
        ("return data", "0x" + left.output.hex(), "0x" + right.output.hex()),
        ("stack", _stack(left), _stack(right)),
        ("memory", _stripped(left.memory), _stripped(right.memory)),
        ("storage", _changes(left.execution.storage), _changes(right.execution.storage)),
        ("transient storage", _changes(left.execution.transient),
         _changes(right.execution.transient)),
        ("balances", left.execution.balances, right.execution.balances),
        ("logs", left.execution.logs, right.execution.logs),
        ("created contracts", left.execution.created, right.execution.created),
    ):
        if one != two:
            detail = ""
            if isinstance(one, str) and isinstance(two, str) and len(one) + len(two) < 200:
                detail = f": {one} and {two}"
            found.append(f"{name} differ{'s' * (not name.endswith('s'))}{detail}")
    return found


def _stack(result: Run) -> str:
    return "[" + ", ".join(hex(word) for word in result.stack) + "]"


def _stripped(memory: bytes) -> bytes:
    """Memory without the zeros at its end, in whose number the host has a say."""
    return memory.rstrip(b"\0")


def _changes(changes: Any) -> tuple[tuple[bytes, int, int, int], ...]:
    return tuple((c.address, c.slot, c.before, c.after) for c in changes)


def _costs(
    left: Run, right: Run, line_of: Callable[[int], int | None]
) -> tuple[LineCost, ...]:
    tables = [_gas_by_key(left, line_of), _gas_by_key(right, line_of)]
    keys = sorted(tables[0].keys() | tables[1].keys())
    rows = []
    for key in keys:
        hits, one = tables[0].get(key, (0, 0))
        other_hits, two = tables[1].get(key, (0, 0))
        rows.append(LineCost(key, max(hits, other_hits), one, two))
    return tuple(rows)


def _gas_by_key(
    result: Run, line_of: Callable[[int], int | None]
) -> dict[int, tuple[int, int]]:
    """Steps and gas by line, by offset where there is no line."""
    table: dict[int, tuple[int, int]] = {}
    known: dict[int, int] = {}
    steps = result.steps
    end = result.request.scenario.gas - result.gas_used
    for index, step in enumerate(steps):
        key = known.get(step.pc)
        if key is None:
            line = line_of(step.pc)
            key = known[step.pc] = step.pc if line is None else line
        after = steps[index + 1].gas if index + 1 < len(steps) else end
        hits, gas = table.get(key, (0, 0))
        table[key] = (hits + 1, gas + max(step.gas - after, 0))
    return table


def to_json(
    comparison: Comparison, line_of: Callable[[int], int | None] = lambda pc: None
) -> dict[str, Any]:
    """The comparison as data, for ``run --compare --json`` and editors."""
    divergence = comparison.divergence
    return {
        "schema": 1,
        "same": comparison.same,
        "by_design": comparison.by_design,
        "runs": [
            {"name": name, "outcome": r.outcome, "gas": r.gas_used, "steps": r.step_count}
            for name, r in zip(
                comparison.names, (comparison.left, comparison.right), strict=True
            )
        ],
        "divergence": None
        if divergence is None
        else {
            "step": divergence.step,
            "cause": None
            if divergence.cause is None
            else {
                "pc": divergence.cause.pc,
                "line": line_of(divergence.cause.pc),
                "op": mnemonic(divergence.cause.opcode),
            },
            "states": [
                None
                if state is None
                else {
                    "pc": state.pc,
                    "line": line_of(state.pc),
                    "op": mnemonic(state.opcode),
                    "stack": [hex(word) for word in state.stack],
                    "memory": "0x" + state.memory.hex(),
                }
                for state in (divergence.left, divergence.right)
            ],
        },
        "differences": list(comparison.differences),
        "lines": [
            {"key": row.key, "hits": row.hits, "gas": [row.left, row.right]}
            for row in comparison.lines
        ],
    }
