"""Running a guest: a program and a scenario in, everything a reader wants to know out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nvm_lsp.kernel.image import KernelImage, image
from nvm_lsp.runner.abi import decode_console
from nvm_lsp.runner.backend import UnknownBackendError, load_backend
from nvm_lsp.runner.call_trace import CallTrace
from nvm_lsp.runner.causes import explain_halt
from nvm_lsp.runner.guest_trace import (
    GuestRecorder,
    KernelTracer,
    Sink,
    Snapshot,
    Step,
    words_of,
)
from nvm_lsp.runner.probes import Observer, Plan, Seen
from nvm_lsp.runner.scenario import CONSOLE, KERNEL_ADDRESS, Scenario
from nvm_lsp.runner.state_provider import forked_world
from nvm_lsp.runner.world import (
    Account,
    Execution,
    Limits,
    Message,
    Watcher,
    World,
)

__all__ = [
    "OUTCOMES",
    "Request",
    "Run",
    "UnknownBackendError",
    "run",
]

#: How a run can end. ``return`` and ``stop`` are successes, ``halt`` is exceptional, ``limit`` is a
#: limit of ours (time, memory, logs, return data), not of the EVM.
OUTCOMES = ("return", "stop", "revert", "halt", "limit")
_STOP_LIKE = 0x00


@dataclass(frozen=True, slots=True)
class Request:
    """What to run and how closely to look.

    ``snapshots`` are guest offsets at which to keep the whole state, or ``all``, or ``changes``
    (after each write to memory or storage), or ``end``. ``trust_rpc`` lets a forked scenario reach
    the node that it names. ``natively`` runs the guest's bytes without the kernel in the very
    scenario that it would run in with it. ``snapshot_step`` adds a snapshot before one step, by its
    number from zero.
    ``log_steps`` is how many steps a worker tells one by one, for `ExecutionService.steps`.
    ``native`` asks for a second, native run that tells the overhead. ``plan`` holds the probes.
    ``steps`` asks for what the guest did on the way even of a backend that is slow to tell it.
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
    log_steps: int = 0
    steps: bool = False


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
    slot_writers: Mapping[tuple[bytes, int], int] = field(default_factory=dict)

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

    ``sink`` is shown every step, those of inner frames too, with ``trace_kernel`` those of the
    kernel as well. ``begun`` is given the recorder before the first step, so that another thread
    can see how far it has come.

    Raises:
        StateError: the scenario is forked, and its source is not trusted or does not answer.
        PluginError: the backend or the source of state cannot be loaded.
        UnknownBackendError: there is no such backend.
        ValueError: the scenario's fork cannot host the kernel, or has transactions of less gas.
    """
    request = replace(request, scenario=request.scenario.within_transaction())
    scenario = request.scenario
    backend = load_backend(request.backend)
    interpreted = scenario.target == "nvm" and not request.natively
    kernel = image(scenario.build) if interpreted else None
    observer = Observer(request.plan, kernel.layout.base if kernel else 0, scenario.gas)
    recorder = GuestRecorder(
        request.code, kernel, _wanted(request), changes=request.snapshots == "changes",
        observer=observer, sink=sink, snapshot_step=request.snapshot_step,
    )
    calls = CallTrace(recorder, image(scenario.build) if scenario.target == "nvm" else None)
    recorder.follower = calls
    if begun is not None:
        begun(recorder)
    watcher: Watcher = recorder
    if trace_kernel and sink is not None and kernel is not None:
        watcher = KernelTracer(recorder, sink)
    world = _world(request)
    message = _message(scenario, request.code, kernel)

    wanted = sink is not None or _is_followed(request, backend)
    execution = _execute(backend, world, message, request, watcher, steps=wanted)
    if not wanted and "error" in execution.missing:
        # Why a guest halts, only its steps tell.
        execution = _execute(backend, world, message, request, watcher, steps=True)
    if "steps" not in execution.missing:
        recorder.finish(
            0, list(reversed(execution.stack)), execution.memory,
            execution.outcome in ("halt", "limit"),
        )
    native = _native_gas(request, backend, execution, world) if request.native and kernel else (
        execution.gas_used if kernel is None else None
    )
    return _result(request, kernel, recorder, execution, native, observer.seen(), calls.writers)


def _execute(
    backend: Any, world: World, message: Message, request: Request, watcher: Watcher, *, steps: bool
) -> Execution:
    """Runs a message. Backends that would rather not tell steps are told whether to."""
    choice = {} if steps else {"steps": False}
    found: Execution = backend.execute(
        world, message, fork=request.scenario.fork, limits=request.limits, watcher=watcher, **choice
    )
    return found


def _is_followed(request: Request, backend: Any) -> bool:
    """Whether the guest's steps are wanted, or come at no cost."""
    if not getattr(backend, "PREFERS_UNTRACED", False):
        return True
    if request.log_steps or request.plan.probes or request.snapshots != "end":
        return True
    if request.snapshot_step is not None:
        return True
    return bool(request.steps)


def _world(request: Request) -> World:
    """The state to run on: the kernel stands where it does, so that guests can call it, too.

    Behind it is a node's state if the scenario is forked.
    """
    scenario = request.scenario
    code = _account_code(scenario, request.code)
    if scenario.forked is None:
        world = scenario.world(code)
    else:
        world = forked_world(scenario, code, trusted=request.trust_rpc)
    if scenario.target == "evm" or KERNEL_ADDRESS in world.accounts:
        return world
    kernel = Account(nonce=1, code=image(scenario.build).runtime_at(KERNEL_ADDRESS))
    return replace(world, accounts={**world.accounts, KERNEL_ADDRESS: kernel})


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
        code_address=KERNEL_ADDRESS, interprets=True,
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
    slot_writers: Mapping[tuple[bytes, int], int],
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
        outcome = execution.ended or "stop"
    return Run(
        request, outcome, error, execution.output, execution.gas_used, native,
        execution.steps, recorder.count, tuple(recorder.steps), stack,
        execution.memory[base:], execution.memory[:base], pointer,
        base if kernel is not None else None, tuple(recorder.snapshots), recorder.dropped,
        execution, seen, detail, recorder.writers, slot_writers,
    )
