"""A run as JSON, the way `run.schema.json` describes it; the words it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nvm_lsp.assembler.assembler import Assembly
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.runner.probes import show
from nvm_lsp.runner.run import Run
from nvm_lsp.runner.scenario import CONSOLE, KERNEL_ADDRESS, Scenario
from nvm_lsp.runner.world import Call

__all__ = ["line_of", "mnemonic", "to_json"]


def to_json(result: Run, lines: Mapping[int, int] | Assembly | None = None) -> dict[str, Any]:
    """The run as `run.schema.json` describes it.

    ``lines`` gives the zero-based line of the root file for a guest offset; shown from one.
    """
    where = line_of(lines)
    execution = result.execution
    scenario = result.request.scenario
    last = result.last
    return {
        "schema": 1,
        "target": scenario.target,
        "backend": result.request.backend,
        "build": scenario.build.to_json() if scenario.target == "nvm" else {"fork": scenario.fork},
        "outcome": result.outcome,
        "error": result.error,
        "return_data": _hex(result.output),
        "gas": {
            "used": result.gas_used,
            "native": result.native,
            "overhead": result.overhead,
            "refund": execution.refund,
        },
        "steps": result.step_count,
        "host_steps": result.host_steps,
        "last": None if last is None else {"pc": last.pc, "line": where(last.pc)},
        "stack": [hex(word) for word in result.stack],
        "memory": _hex(result.memory),
        "kernel": None
        if result.base is None
        else {
            "pointer": result.pointer,
            "base": result.base,
            "memory": _hex(result.kernel_memory),
        },
        "storage": [
            {
                "address": _hex(change.address),
                "slot": hex(change.slot),
                "before": hex(change.before),
                "after": hex(change.after),
            }
            for change in execution.storage
        ],
        "balances": [
            {"address": _hex(address), "before": hex(before), "after": hex(after)}
            for address, before, after in execution.balances
        ],
        "logs": [
            {
                "address": _hex(log.address),
                "topics": [f"0x{topic:064x}" for topic in log.topics],
                "data": _hex(log.data),
            }
            for log in execution.logs
        ],
        "transient": [
            {
                "address": _hex(change.address), "slot": hex(change.slot),
                "value": hex(change.after),
            }
            for change in execution.transient
        ],
        "console": list(result.console),
        "calls": [_call(call, scenario) for call in execution.calls if call.address != CONSOLE],
        "created": [_hex(address) for address in execution.created],
        "snapshots": [
            {
                "line": where(snapshot.pc),
                "pc": snapshot.pc,
                "op": mnemonic(snapshot.opcode),
                "stack": [hex(word) for word in snapshot.stack],
                "memory": _hex(snapshot.memory),
                "gas": snapshot.gas,
                **({"storage": _words(snapshot.storage)} if snapshot.storage else {}),
                **({"transient": _words(snapshot.transient)} if snapshot.transient else {}),
            }
            for snapshot in result.snapshots
        ],
        "probes": [
            {
                "file": place.path,
                "line": place.line + 1,
                "text": probe.text,
                "value": None if seen.value is None else show(seen.value),
                "hits": seen.hits,
                "error": seen.error,
            }
            for (place, probe), seen in zip(result.request.plan.probes, result.seen, strict=False)
        ],
        "decoded": {
            "detail": result.detail or None,
            "reason": scenario.abi.describe_error(result.output)
            if result.outcome == "revert"
            else None,
            "logs": [scenario.abi.describe_log(log.topics, log.data) for log in execution.logs],
            "storage": [
                {
                    "name": scenario.abi.slot_name(change.slot),
                    "pc": pc,
                    "line": None if pc is None else where(pc),
                }
                for change in execution.storage
                for pc in [result.slot_writers.get((change.address, change.slot))]
            ],
        },
        "writers": [
            {"offset": 32 * word, "pc": pc, "line": where(pc)}
            for word, pc in sorted(result.writers.items())
        ],
        "truncated": result.truncated,
        "missing": list(execution.missing),
        "notes": list(execution.notes),
        "profile": _profile(result),
    }


def _profile(result: Run) -> list[list[Any]]:
    """Per guest offset: offset, times it ran, host gas it took, stack's top after the last time.

    The gas of a step includes that of the calls it made, and the kernel's.
    """
    rows: dict[int, list[Any]] = {}
    steps = result.steps
    end_gas = result.request.scenario.gas - result.gas_used
    for index, step in enumerate(steps):
        row = rows.setdefault(step.pc, [step.pc, 0, 0, None])
        row[1] += 1
        following = steps[index + 1] if index + 1 < len(steps) else None
        row[2] += step.gas - (following.gas if following is not None else end_gas)
        top = following.top if following is not None else (
            result.stack[0] if result.stack else None
        )
        row[3] = None if top is None else hex(top)
    return sorted(rows.values())


def _call(call: Call, scenario: Scenario) -> dict[str, Any]:
    creates = call.kind.startswith("CREATE")
    if creates:
        name = None
    elif _is_kernel(call, scenario):
        name = f"guest of {len(call.data):,} bytes" if call.data else None
    else:
        name = scenario.abi.describe_call(call.data)
    return {
        "depth": call.depth,
        "kind": call.kind,
        "step": call.step,
        "from": _hex(call.sender),
        "to": _hex(call.address),
        "code_address": None if creates else _hex(call.code_address),
        "label": scenario.labels.get(call.code_address)
        or ("NestedVM" if _is_kernel(call, scenario) else None),
        "value": hex(call.value),
        "data": _hex(call.data),
        "name": name,
        "gas": call.gas,
        "gas_used": call.gas_used,
        "success": call.success,
        "output": _hex(call.output),
        "error": call.error,
        "reason": None if call.success else scenario.abi.describe_error(call.output),
    }


def _is_kernel(call: Call, scenario: Scenario) -> bool:
    return scenario.target == "nvm" and call.code_address == KERNEL_ADDRESS


def _words(words: Mapping[int, int]) -> list[dict[str, str]]:
    return [{"slot": hex(slot), "value": hex(value)} for slot, value in words.items()]


def line_of(
    lines: Mapping[int, int] | Assembly | None
) -> Callable[[int], int | None]:
    """What gives the one-based line of the root file for an offset, None if it has none."""
    if lines is None:
        return lambda pc: None
    if isinstance(lines, Assembly):
        source_map = lines.source_map

        def find(pc: int) -> int | None:
            origin = source_map.origin(pc)
            return None if origin is None else origin.root_line + 1

        return find
    return lambda pc: None if pc not in lines else lines[pc] + 1


def mnemonic(opcode: int) -> str:
    """The opcode's name, its code where it has none."""
    row = opcode_by_code(opcode)
    return row.name if row is not None else f"0x{opcode:02x}"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
