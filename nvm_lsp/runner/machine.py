"""Execution on py-evm: a bare state and a message, no chain; the only module that imports `eth`.

What it does not know: kernels, guests and sources. It runs code at an address, watches the
outermost frame if it is asked to, and says what changed.
"""

from __future__ import annotations

import importlib
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nvm_lsp import chain
from nvm_lsp.opcodes import FORKS, OPCODES, lineage
from nvm_lsp.runner.chain_opcodes import as_opcode, as_precompile, at_another_price
from nvm_lsp.runner.fast_opcodes import fast_opcodes
from nvm_lsp.runner.journal import JournaledAccounts
from nvm_lsp.runner.world import (
    Account,
    Address,
    Block,
    Call,
    Execution,
    Follower,
    Frame,
    FrameStart,
    Limits,
    Log,
    Message,
    PreState,
    StorageChange,
    Watcher,
    World,
)

__all__ = [
    "Account",
    "Block",
    "Call",
    "Execution",
    "Frame",
    "Limits",
    "Log",
    "Message",
    "PreState",
    "StorageChange",
    "Watcher",
    "World",
    "execute",
    "forks",
    "load",
]


def execute(
    world: World,
    message: Message,
    *,
    fork: str = "prague",
    limits: Limits | None = None,
    watcher: Watcher | None = None,
) -> Execution:
    """Runs a message on a fresh state.

    Raises:
        KeyError: there is no such fork.
        ValueError: an opcode or a precompile of a plugin raised what it must not.
    """
    return _Run(world, message, fork, limits or Limits(), watcher).execute()


def forks() -> tuple[str, ...]:
    """The forks that the backend can run, oldest first: py-evm's and those that extend them."""
    return tuple(FORKS)


def load(fork: str = "prague") -> None:
    """Imports what running on a fork needs, so that a worker has it ready."""
    _machine(fork)


# Importing py-evm ---------------------------------------------------------------------------------

_FORKS = {
    "frontier": ("frontier", "Frontier"),
    "homestead": ("homestead", "Homestead"),
    "tangerine": ("tangerine_whistle", "TangerineWhistle"),
    "spurious": ("spurious_dragon", "SpuriousDragon"),
    "byzantium": ("byzantium", "Byzantium"),
    "constantinople": ("petersburg", "Petersburg"),
    "istanbul": ("istanbul", "Istanbul"),
    "berlin": ("berlin", "Berlin"),
    "london": ("london", "London"),
    "paris": ("paris", "Paris"),
    "shanghai": ("shanghai", "Shanghai"),
    "cancun": ("cancun", "Cancun"),
    "prague": ("prague", "Prague"),
}
# Precompiles whose modules compute or load tables when they are imported, half of what importing
# py-evm takes. Functions in their place import them at the first call.
_LATE = {
    "eth.precompiles.ecadd": ("ecadd",),
    "eth.precompiles.ecmul": ("ecmul",),
    "eth.precompiles.ecpairing": ("ecpairing",),
    "eth.precompiles.point_evaluation": ("point_evaluation_precompile",),
    "eth.precompiles.bls12_381": (
        "bls12_g1_add", "bls12_g1_msm", "bls12_g2_add", "bls12_g2_msm", "bls12_map_fp2_to_g2",
        "bls12_map_fp_to_g1", "bls12_pairing_check",
    ),
}
# A call takes some 12 Python frames a level, and there are 1024 levels.
_RECURSION_LIMIT = 1024 * 20
_CHECK_MASK = 0x3FF
_CALL_KINDS = {
    0xF0: "CREATE", 0xF1: "CALL", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xF5: "CREATE2",
    0xFA: "STATICCALL",
}
#: Words for py-evm's exceptions, by name of the class.
_HALTS = {
    "OutOfGas": "out of gas",
    "InvalidInstruction": "invalid instruction",
    "InvalidJumpDestination": "bad jump destination",
    "InsufficientStack": "stack underflow",
    "FullStack": "stack overflow",
    "WriteProtection": "state change in a static call",
    "OutOfBoundsRead": "return data read out of bounds",
    "InsufficientFunds": "insufficient balance",
    "ReservedBytesInCode": "invalid code: begins with 0xef",
}


@dataclass(frozen=True, slots=True)
class _Late:
    """A precompile that is imported when it is called. Without arguments it takes settings."""

    module: str
    name: str
    settings: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        if not arguments:
            return _Late(self.module, self.name, (*self.settings, *settings.items()))
        if isinstance(vars(sys.modules[self.module]).get(self.name), _Late):
            del sys.modules[self.module]
            importlib.import_module(self.module)
        function = getattr(sys.modules[self.module], self.name)
        return function(*arguments, **dict(self.settings), **settings)


def _prepare_imports() -> None:
    if "eth" in sys.modules:
        return
    for module, names in _LATE.items():
        stand_in = types.ModuleType(module)
        for name in names:
            setattr(stand_in, name, _Late(module, name))
        sys.modules[module] = stand_in


@dataclass(frozen=True, slots=True)
class _Machine:
    """py-evm's parts for one fork."""

    state: type
    context: type
    transaction: type
    message: type
    revert: type[BaseException]
    vm_error: type[BaseException]


@lru_cache(maxsize=16)
def _machine(fork: str) -> _Machine:
    package, name = next(_FORKS[each] for each in lineage(fork) if each in _FORKS)
    _prepare_imports()
    take = importlib.import_module
    take("eth")
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    state = getattr(take(f"eth.vm.forks.{package}.state"), f"{name}State")
    exceptions = take("eth.exceptions")
    return _Machine(
        _state_class(state, _computation_class(state.computation_class, exceptions, fork)),
        take("eth.vm.execution_context").ExecutionContext,
        state.transaction_context_class,
        take("eth.vm.message").Message,
        exceptions.Revert,
        exceptions.VMError,
    )


def _state_class(base: type, computation: type) -> type:
    """A state class on `JournaledAccounts`, transient storage included."""

    def set_transient(self: Any, address: bytes, slot: int, value: bytes) -> None:
        self._account_db.set_transient(address, slot, value)

    def snapshot(self: Any) -> tuple[bytes, int, int]:
        follower = self.run.follower
        return b"", self._account_db.record(), follower.snapshot() if follower is not None else 0

    def commit(self: Any, snapshot: tuple[bytes, int, int]) -> None:
        if self.run.follower is not None:
            self.run.follower.commit(snapshot[2])

    def revert(self: Any, snapshot: tuple[bytes, int, int]) -> None:
        self._account_db.discard(snapshot[1])
        if self.run.follower is not None:
            self.run.follower.revert(snapshot[2])

    return type(
        f"Bare{base.__name__}",
        (base,),
        {
            "computation_class": computation,
            "account_db_class": JournaledAccounts,
            "run": None,
            # What a block brings to the state is the scenario's affair.
            "set_system_contracts": lambda self: None,
            "snapshot": snapshot,
            "commit": commit,
            "revert": revert,
            "get_ancestor_hash": lambda self, number: self.run.world.block_hash(number),
            "get_transient_storage": lambda self, address, slot: self._account_db.get_transient(
                address, slot
            ),
            "set_transient_storage": set_transient,
        },
    )


class _LimitReached(BaseException):
    """A limit of ours; no error of the EVM, so that no frame catches it."""


def _computation_class(base: Any, exceptions: Any, fork: str) -> type:
    """A computation class whose loop counts, watches and stops at limits."""
    halt = exceptions.Halt
    table = _opcode_table(base, exceptions, fork)
    precompiles = {
        address: as_precompile(entry, exceptions)
        for address, entry in chain.precompiles(fork).items()
    }

    def apply_computation(
        cls: Any, state: Any, message: Any, transaction: Any, parent_computation: Any = None
    ) -> Any:
        run: _Run = state.run
        call, watcher = None, run.watcher
        if message.depth:
            call = run.begin(message, parent_computation)
            watcher = run.entered(call, parent_computation)
        with cls(state, message, transaction) as computation:
            # As in py-evm's own apply_computation, from here to the precompiles.
            if computation.is_origin_computation:
                computation.contracts_created = []
                if message.is_create:
                    cls.consume_initcode_gas_cost(computation)
            if parent_computation is not None:
                computation.contracts_created = parent_computation.contracts_created
            if message.is_create:
                computation.contracts_created.append(message.storage_address)
                run.created.append(bytes(message.storage_address))
            precompile = computation.precompiles.get(message.code_address)
            if precompile is not None:
                if not message.is_delegation:
                    precompile(computation)
            else:
                loop(computation, run, watcher)
        if call is not None:
            run.end(call, computation)
        return computation

    def loop(computation: Any, run: _Run, watcher: Watcher | None) -> None:
        outermost = computation.msg.depth == 0
        pcs: Any = ()
        if outermost:
            run.outermost = computation
        if watcher is not None:
            watcher.attach(_Frame(computation))
            pcs = watcher.pcs if watcher.pcs is not None else range(2**256)
            show = watcher.step
        code = computation.msg.code
        size = len(code)
        stream = computation.code
        meter = computation._gas_meter
        stack = computation._stack.values
        memory = computation._memory
        steps = 0
        run.check_time()
        try:
            while True:
                pc = stream.program_counter
                opcode = code[pc] if pc < size else 0
                stream.program_counter = pc + 1
                steps += 1
                if not steps & _CHECK_MASK:
                    run.check_time()
                if pc in pcs:
                    show(pc, opcode, meter.gas_remaining, stack, memory._bytes)
                table[opcode](computation)
        except halt:
            pass
        finally:
            if outermost:
                run.steps = steps
            else:
                run.inner_steps += steps

    def extend_memory(self: Any, start_position: int, size: int) -> None:
        # As py-evm's, with one addition where it says so, and faster: most accesses extend nothing.
        if not size:
            return
        held = len(self._memory._bytes)
        end = start_position + size
        if end <= held:
            return
        words, before = (end + 31) >> 5, held >> 5
        self._gas_meter.consume_gas(
            3 * words + words * words // 512 - 3 * before - before * before // 512,
            "Expanding memory",
        )
        self.state.run.take_memory((words << 5) - held)
        self._memory.extend(start_position, size)

    def add_log_entry(self: Any, account: bytes, topics: Any, data: bytes) -> None:
        run: _Run = self.state.run
        run.take_log(len(data))
        base.add_log_entry(self, account, topics, data)
        if run.follower is not None:
            run.follower.logged(bytes(account), tuple(topics), bytes(data))

    return type(
        f"Watched{base.__name__}",
        (base,),
        {
            "apply_computation": classmethod(apply_computation),
            "extend_memory": extend_memory,
            "add_log_entry": add_log_entry,
            "_precompiles": {**base._precompiles, **precompiles},
        },
    )


def _opcode_table(base: Any, exceptions: Any, fork: str) -> list[Callable[[Any], None]]:
    """What each opcode does, as plain functions.

    py-evm's opcodes are objects that are called. A bound method in their place costs less, and it
    takes no C stack a level: 1024 nested calls fit every supported Python.
    """
    invalid = importlib.import_module("eth.vm.logic.invalid").InvalidOpcode
    table = []
    for opcode in range(256):
        # SELFDESTRUCT is wrapped in a warning that it is deprecated, to Python's users.
        known = getattr(base.opcodes.get(opcode), "__wrapped__", base.opcodes.get(opcode))
        table.append((known if known is not None else invalid(opcode)).__call__)
    for opcode, function in fast_opcodes(exceptions).items():
        if opcode in base.opcodes:
            table[opcode] = function
    for opcode, entry in chain.executes(fork).items():
        table[opcode] = as_opcode(entry, exceptions)
    for opcode, extra in _repriced(fork).items():
        table[opcode] = at_another_price(table[opcode], extra, exceptions)
    return table


def _repriced(fork: str) -> dict[int, int]:
    """What opcodes cost more (or less) than in the fork of py-evm that this one extends."""
    extra: dict[int, int] = {}
    for name in lineage(fork):
        entry = chain.fork_entry(name)
        for mnemonic, gas in (entry.gas if entry is not None else {}).items():
            row = OPCODES[mnemonic]
            extra.setdefault(row.code, gas - row.gas)
    return extra


# Running ------------------------------------------------------------------------------------------


class _Frame:
    """The outermost frame, as a watcher sees it; see `Frame`."""

    __slots__ = ("_computation",)

    def __init__(self, computation: Any) -> None:
        self._computation = computation

    @property
    def gas(self) -> int:
        return int(self._computation._gas_meter.gas_remaining)

    @property
    def stack(self) -> list[int | bytes]:
        values: list[int | bytes] = self._computation._stack.values
        return values

    @property
    def memory(self) -> bytearray:
        held: bytearray = self._computation._memory._bytes
        return held

    @property
    def return_data(self) -> bytes:
        return bytes(self._computation.return_data)

    def storage(self, slot: int, address: Address | None = None) -> int:
        message = self._computation.msg
        return int(
            self._computation.state.get_storage(address or message.storage_address, slot)
        )

    def transient(self, slot: int) -> int:
        message = self._computation.msg
        accounts: JournaledAccounts = self._computation.state._account_db
        return int.from_bytes(accounts.get_transient(message.storage_address, slot), "big")


class _OpenCall:
    """A call from its beginning to its end."""

    __slots__ = ("kind", "message", "result", "step")

    def __init__(self, kind: str, step: int, message: Any) -> None:
        self.kind = kind
        self.step = step
        self.message = message
        self.result: Any = None

    def closed(self) -> Call:
        message, result = self.message, self.result
        error = None if result is None or result.is_success else _describe(result.error)
        return Call(
            message.depth, self.kind, self.step, bytes(message.sender),
            bytes(message.storage_address), bytes(message.code_address or b""), message.value,
            bytes(message.code if message.is_create else message.data), message.gas,
            message.gas if result is None else message.gas - _gas_left(result),
            result is not None and result.is_success,
            b"" if result is None else bytes(result.output), error,
        )


class _Run:
    """One execution: what it is given, and what it notes on the way."""

    def __init__(
        self, world: World, message: Message, fork: str, limits: Limits, watcher: Watcher | None
    ) -> None:
        self.world = world
        self.message = message
        self.fork = fork
        self.limits = limits
        self.watcher = watcher
        self.follower: Follower | None = getattr(watcher, "follower", None)
        self.created: list[bytes] = []
        self.calls: list[_OpenCall] = []
        self.steps = 0
        self.inner_steps = 0
        self.memory = 0
        self.log_count = 0
        self.log_data = 0
        self.outermost: Any = None
        self.deadline = 0.0

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _LimitReached(f"time limit reached: {self.limits.seconds:g} s")

    def take_memory(self, size: int) -> None:
        self.memory += size
        if self.memory > self.limits.memory:
            raise _LimitReached(
                f"memory limit reached: {self.memory:,} bytes, {self.limits.memory:,} are allowed"
            )

    def take_log(self, size: int) -> None:
        self.log_count += 1
        self.log_data += size
        if self.log_count > self.limits.logs:
            raise _LimitReached(f"log limit reached: {self.limits.logs:,} logs are allowed")
        if self.log_data > self.limits.log_data:
            raise _LimitReached(
                f"log limit reached: {self.limits.log_data:,} bytes of log data are allowed"
            )

    def begin(self, message: Any, parent: Any) -> _OpenCall:
        if len(self.calls) >= self.limits.calls:
            raise _LimitReached(f"call limit reached: {self.limits.calls:,} calls are allowed")
        opcode = parent.msg.code[parent.code.program_counter - 1]
        step = self.watcher.count if self.watcher is not None else 0
        call = _OpenCall(_CALL_KINDS.get(opcode, "CALL"), step, message)
        self.calls.append(call)
        self.take_memory(len(message.code if message.is_create else message.data))
        return call

    def entered(self, call: _OpenCall, parent: Any) -> Watcher | None:
        """Tells the follower of a call that begins, and gives what is to be shown its steps."""
        if self.follower is None:
            return None
        message = call.message
        return self.follower.entered(
            FrameStart(
                message.depth, call.kind, bytes(message.storage_address),
                bytes(message.code_address or b""), bytes(message.code), bytes(message.data),
                message.gas, _gas_left(parent),
            )
        )

    def end(self, call: _OpenCall, computation: Any) -> None:
        """Keeps what is told of a call; py-evm would hold its memory and stack to the end, too."""
        call.result = computation
        held = computation._memory
        if self.follower is not None:
            self.follower.left(
                _gas_left(computation), computation._stack.values, held._bytes,
                computation.is_success,
            )
        self.memory += len(computation.output) - len(held._bytes)
        held._bytes = bytearray()
        computation._stack.values.clear()

    def execute(self) -> Execution:
        machine = _machine(self.fork)
        self.deadline = time.monotonic() + self.limits.seconds
        state = self._state(machine)
        message = self.message
        host_message = machine.message(
            gas=message.gas,
            to=b"" if message.is_create else message.to,
            sender=message.sender,
            value=message.value,
            data=message.data,
            code=message.code,
            create_address=message.to if message.is_create else None,
            code_address=message.code_address or message.to,
            is_static=message.is_static,
        )
        kind = state.computation_class
        apply = kind.apply_create_message if message.is_create else kind.apply_message
        try:
            computation = apply(state, host_message, _transaction(machine, message))
        except _LimitReached as reached:
            return self._stopped(state, "limit", str(reached))
        except RecursionError:
            return self._stopped(state, "limit", "call depth limit of the interpreter reached")
        except machine.vm_error as error:
            return self._stopped(state, "halt", _describe(error))
        return self._judge(machine, state, computation)

    def _state(self, machine: _Machine) -> Any:
        block = self.world.block
        context = machine.context(
            coinbase=block.coinbase,
            timestamp=block.timestamp,
            block_number=block.number,
            difficulty=block.prevrandao,
            mix_hash=block.prevrandao.to_bytes(32, "big"),
            gas_limit=block.gas_limit,
            prev_hashes=(),
            chain_id=block.chain_id,
            base_fee_per_gas=block.base_fee,
            excess_blob_gas=block.excess_blob_gas,
        )
        state = machine.state(self.world, context, b"")
        state.run = self
        state._account_db.follower = self.follower
        # As in a transaction (EIP-2929, EIP-3651), these need no cold access.
        message = self.message
        for address in (message.sender, message.to, block.coinbase, message.code_address):
            if address is not None:
                state.mark_address_warm(address)
        return state

    def _judge(self, machine: _Machine, state: Any, computation: Any) -> Execution:
        output = bytes(computation.output)
        if len(output) > self.limits.return_data:
            return self._stopped(
                state, "limit",
                f"return data limit reached: {len(output):,} bytes, "
                f"{self.limits.return_data:,} are allowed",
            )
        if computation.is_success:
            return self._success(state, computation, output)
        if isinstance(computation.error, machine.revert):
            return self._result("revert", None, output, _gas_left(computation))
        return self._result("halt", _describe(computation.error), output, 0)

    def _success(self, state: Any, computation: Any, output: bytes) -> Execution:
        kept = list(_kept(computation))
        for frame in kept:
            for address in frame.accounts_to_delete:
                state.delete_account(address)
        logs = sorted(entry for frame in kept for entry in frame._log_entries)
        accounts: JournaledAccounts = state._account_db
        stream = computation.code
        last = computation.msg.code[stream.program_counter - 1 : stream.program_counter]
        created = tuple(address for address in self.created if accounts.get_code(address))
        return self._result(
            "success", None, output, _gas_left(computation),
            ended="return" if last == b"\xf3" else "stop",
            refund=sum(frame._gas_meter.gas_refunded for frame in kept),
            logs=tuple(
                Log(bytes(address), tuple(topics), bytes(data))
                for _, address, topics, data in logs
            ),
            storage=tuple(accounts.storage_changes()),
            transient=tuple(accounts.transient_values()),
            balances=tuple(accounts.balance_changes()),
            created=created,
            codes={address: accounts.get_code(address) for address in created},
        )

    def _stopped(self, state: Any, outcome: str, error: str) -> Execution:
        left = _gas_left(self.outermost) if self.outermost and outcome == "limit" else 0
        return self._result(outcome, error, b"", left)

    def _result(
        self, outcome: str, error: str | None, output: bytes, gas_left: int, **changes: Any
    ) -> Execution:
        empty: dict[str, Any] = {
            "refund": 0, "logs": (), "storage": (), "transient": (), "balances": (),
            "created": (), "codes": {},
        }
        outermost = self.outermost
        return Execution(
            outcome=outcome,
            error=error,
            output=output,
            gas_used=self.message.gas - gas_left,
            steps=self.steps,
            inner_steps=self.inner_steps,
            stack=_stack_of(outermost),
            memory=bytes(outermost._memory._bytes) if outermost is not None else b"",
            calls=tuple(call.closed() for call in self.calls),
            **(empty | changes),
        )


def _kept(computation: Any) -> Iterator[Any]:
    """The frames whose doings last: those that did not fail, below none that failed.

    py-evm gathers logs and refunds by recursion, for which 1024 nested calls are too deep.
    """
    waiting = [computation]
    while waiting:
        frame = waiting.pop()
        if frame.is_success:
            yield frame
            waiting += frame.children


def _transaction(machine: _Machine, message: Message) -> Any:
    if message.blob_hashes:
        return machine.transaction(
            gas_price=message.gas_price, origin=message.sender,
            blob_versioned_hashes=message.blob_hashes,
        )
    return machine.transaction(gas_price=message.gas_price, origin=message.sender)


def _gas_left(computation: Any) -> int:
    return int(computation._gas_meter.gas_remaining)


def _stack_of(computation: Any) -> tuple[int, ...]:
    if computation is None:
        return ()
    return tuple(
        value if isinstance(value, int) else int.from_bytes(value, "big")
        for value in reversed(computation._stack.values)
    )


def _describe(error: BaseException) -> str:
    """An exceptional halt in the words of the Yellow Paper."""
    name = type(error).__name__
    return _HALTS.get(name, (str(error) if name == "VMError" else "") or name)
