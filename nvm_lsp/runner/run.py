"""Running a guest: a program and a scenario in, everything a reader wants to know out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nvm_lsp.assembler.assembler import Assembly
from nvm_lsp.kernel.image import KernelImage, image
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.plugins import backends
from nvm_lsp.runner.abi import decode_console
from nvm_lsp.runner.causes import explain_halt
from nvm_lsp.runner.guest_trace import (
    GuestRecorder,
    KernelTracer,
    Sink,
    Snapshot,
    Step,
    words_of,
)
from nvm_lsp.runner.probes import Observer, Plan, Seen, show
from nvm_lsp.runner.scenario import KERNEL_ADDRESS, Scenario
from nvm_lsp.runner.world import (
    Call,
    Execution,
    Limits,
    Message,
    StorageChange,
    Watcher,
    World,
)

__all__ = [
    "CONSOLE",
    "OUTCOMES",
    "Request",
    "Run",
    "UnknownBackendError",
    "line_of",
    "mnemonic",
    "run",
    "to_json",
]

#: How a run can end. ``return`` and ``stop`` are successes, ``halt`` is exceptional, ``limit`` is a
#: limit of ours (time, memory, logs, return data), not of the EVM.
OUTCOMES = ("return", "stop", "revert", "halt", "limit")
_STOP_LIKE = 0x00
#: Where the console convention sends its calls: the bytes of "console.log".
CONSOLE = b"console.log".rjust(20, b"\0")


class UnknownBackendError(ValueError):
    """No plugin provides a backend of that name."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to run and how closely to look.

    ``snapshots`` are guest offsets at which to keep the whole state, or ``all``, or ``changes``
    (after each write to memory or storage), or ``end``. ``trust_rpc`` lets a forked scenario reach
    the node that it names. ``natively`` runs the guest's bytes without the kernel in the very
    scenario that it would run in with it. ``snapshot_step`` adds a snapshot before one step, by its
    number from zero.
    ``native`` asks for a second, native run that tells the overhead. ``plan`` holds the probes.
    """

    code: bytes
    scenario: Scenario = field(default_factory=Scenario)
    backend: str = "py-evm"
    limits: Limits = field(default_factory=Limits)
    snapshots: frozenset[int] | str = "end"
    native: bool = True
    plan: Plan = field(default_factory=Plan)
    trust_rpc: bool = False
    natively: bool = False
    snapshot_step: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a guest did. ``memory`` is the guest's, without the kernel's words before it.

    ``native`` is the gas of the same bytes executed natively in the same scenario, None where that
    was not asked for or ends otherwise, so that the two cannot be compared.
    """

    request: Request
    outcome: str
    error: str | None
    output: bytes
    gas_used: int
    native: int | None
    host_steps: int
    step_count: int
    steps: tuple[Step, ...]
    stack: tuple[int, ...]
    memory: bytes
    kernel_memory: bytes
    pointer: int | None
    base: int | None
    snapshots: tuple[Snapshot, ...]
    truncated: bool
    execution: Execution
    seen: tuple[Seen, ...] = ()
    detail: str = ""
    writers: Mapping[int, int] = field(default_factory=dict)
    slot_writers: Mapping[int, int] = field(default_factory=dict)

    @property
    def last(self) -> Step | None:
        """The last instruction that began."""
        return self.steps[-1] if self.steps else None

    @property
    def console(self) -> tuple[str, ...]:
        """What guest, kernel and called contracts have printed by the console convention."""
        return tuple(
            decode_console(call.data)
            for call in self.execution.calls
            if call.address == CONSOLE
        )

    @property
    def overhead(self) -> int | None:
        return None if self.native is None else self.gas_used - self.native


def run(
    request: Request,
    sink: Sink | None = None,
    *,
    trace_kernel: bool = False,
    begun: Callable[[GuestRecorder], None] | None = None,
) -> Run:
    """Runs a guest on the NestedVM, or its bytes natively.

    ``sink`` is shown every step, with ``trace_kernel`` those of the kernel as well. ``begun`` is
    given the recorder before the first step, so that another thread can see how far it has come.

    Raises:
        RpcError: the scenario is forked, and its node is not trusted or does not answer.
        UnknownBackendError: there is no such backend.
        ValueError: the scenario's fork cannot host the kernel.
    """
    scenario = request.scenario
    entries = backends()
    if request.backend not in entries:
        raise UnknownBackendError(
            f"unknown backend {request.backend!r}; there are {', '.join(entries)}"
        )
    backend = entries[request.backend].load()
    interpreted = scenario.target == "nvm" and not request.natively
    kernel = image(scenario.build) if interpreted else None
    observer = Observer(request.plan, kernel.layout.base if kernel else 0, scenario.gas)
    recorder = GuestRecorder(
        request.code, kernel, _wanted(request), changes=request.snapshots == "changes",
        observer=observer, sink=sink, snapshot_step=request.snapshot_step,
    )
    if begun is not None:
        begun(recorder)
    watcher: Watcher = recorder
    if trace_kernel and sink is not None and kernel is not None:
        watcher = KernelTracer(recorder, sink)
    world = _world(request)
    execution: Execution = backend.execute(
        world, _message(scenario, request.code, kernel), fork=scenario.fork,
        limits=request.limits, watcher=watcher,
    )
    recorder.finish(
        0, list(reversed(execution.stack)), execution.memory,
        execution.outcome in ("halt", "limit"),
    )
    native = _native_gas(request, backend, execution, world) if request.native and kernel else (
        execution.gas_used if kernel is None else None
    )
    return _result(request, kernel, recorder, execution, native, observer.seen())


def _world(request: Request) -> World:
    """The state to run on, a node's behind it if the scenario is forked."""
    scenario = request.scenario
    code = _account_code(scenario, request.code)
    if scenario.forked is None:
        return scenario.world(code)
    from nvm_lsp.runner.rpc import forked_world  # noqa: PLC0415 -- only forked runs reach a node

    return forked_world(scenario, code, trusted=request.trust_rpc)


def _wanted(request: Request) -> frozenset[int] | None:
    if request.snapshots == "all":
        return None
    return request.snapshots if isinstance(request.snapshots, frozenset) else frozenset()


def _account_code(scenario: Scenario, code: bytes) -> bytes:
    """What stands at the acting account: a wallet that takes plain ether, or the program."""
    if scenario.target == "evm":
        return code
    if scenario.mode == "call":
        return image(scenario.build).runtime_at(KERNEL_ADDRESS)
    return bytes([_STOP_LIKE])


def _message(scenario: Scenario, code: bytes, kernel: KernelImage | None) -> Message:
    if scenario.target == "nvm" and kernel is None:
        return _native_message(scenario, code)
    if kernel is None:
        return Message(
            scenario.wallet, code, scenario.calldata, scenario.caller, scenario.value, scenario.gas
        )
    return Message(
        scenario.account, kernel.runtime_at(KERNEL_ADDRESS), code, scenario.caller,
        scenario.value, scenario.gas,
        code_address=KERNEL_ADDRESS,
    )


def _native_message(scenario: Scenario, code: bytes) -> Message:
    """The guest's bytes as the acting account, where the kernel would interpret them."""
    return Message(
        scenario.account, code, b"", scenario.caller, scenario.value, scenario.gas,
        code_address=KERNEL_ADDRESS,
    )


def _native_gas(
    request: Request, backend: Any, execution: Execution, world: World
) -> int | None:
    """Gas of the same bytes executed natively, None if that ends in another way."""
    if execution.outcome == "limit":
        return None
    scenario = request.scenario
    message = _native_message(scenario, request.code)
    native: Execution = backend.execute(
        world, message, fork=scenario.fork, limits=request.limits, watcher=None,
    )
    if (native.outcome, native.output) != (execution.outcome, execution.output):
        return None
    return native.gas_used


def _result(
    request: Request,
    kernel: KernelImage | None,
    recorder: GuestRecorder,
    execution: Execution,
    native: int | None,
    seen: tuple[Seen, ...],
) -> Run:
    base = kernel.layout.base if kernel is not None else 0
    pointer = None
    if kernel is not None and len(execution.memory) >= 32:
        place = kernel.layout.pointer
        pointer = int.from_bytes(execution.memory[place : place + 32], "big")
    outcome = execution.outcome
    stack = execution.stack
    if outcome in ("halt", "limit"):
        # The host stopped amid the kernel's work; the guest's stack is that before the step.
        stack = words_of(recorder.before)
    error, detail = execution.error, ""
    if outcome == "halt" and error is not None and recorder.last is not None:
        pc, opcode = recorder.last
        scenario = request.scenario
        error, detail = explain_halt(
            error, pc, opcode, stack, request.code, scenario.fork,
            strict=kernel is None or "strict_jumpdest" in scenario.options,
        )
    if outcome == "success":
        last = recorder.steps[-1].opcode if recorder.steps else _STOP_LIKE
        outcome = "return" if last == 0xF3 else "stop"
    return Run(
        request, outcome, error, execution.output, execution.gas_used, native,
        execution.steps, recorder.count, tuple(recorder.steps), stack,
        execution.memory[base:], execution.memory[:base], pointer,
        base if kernel is not None else None, tuple(recorder.snapshots), recorder.dropped,
        execution, seen, detail, recorder.writers, recorder.slot_writers,
    )


# JSON ---------------------------------------------------------------------------------------------


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
                    "line": _writer(result, change, where),
                }
                for change in execution.storage
            ],
        },
        "writers": [
            {"offset": 32 * word, "pc": pc, "line": where(pc)}
            for word, pc in sorted(result.writers.items())
        ],
        "truncated": result.truncated,
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
    name = None if creates else scenario.abi.describe_call(call.data)
    return {
        "depth": call.depth,
        "kind": call.kind,
        "step": call.step,
        "from": _hex(call.sender),
        "to": _hex(call.address),
        "code_address": None if creates else _hex(call.code_address),
        "label": scenario.labels.get(call.code_address),
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


def _writer(result: Run, change: StorageChange, where: Any) -> int | None:
    """The line that wrote a slot, if the guest itself did."""
    if change.address != result.request.scenario.account:
        return None
    pc = result.slot_writers.get(change.slot)
    return None if pc is None else where(pc)


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
