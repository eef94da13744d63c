"""Execution on py-evm: a bare state and a message, no chain; the only module that imports `eth`.

What it does not know: kernels, guests and sources. It runs code at an address, watches the frames
it is asked to watch, and says what changed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

__all__ = [
    "Account",
    "Block",
    "Execution",
    "Limits",
    "Log",
    "Message",
    "StorageChange",
    "Watcher",
    "World",
    "execute",
    "forks",
    "load",
]

Address = bytes


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the state before: ``balance`` in wei, ``storage`` by slot."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """The block that a run pretends to be in. Nothing in it depends on the clock."""

    number: int = 20_000_000
    timestamp: int = 1_717_281_407
    coinbase: Address = bytes.fromhex("c0ffee00000000000000000000000000000000c0")
    prevrandao: int = int.from_bytes(bytes(range(32)), "big")
    gas_limit: int = 30_000_000
    base_fee: int = 10**9
    excess_blob_gas: int = 0
    chain_id: int = 1
    hashes: tuple[bytes, ...] = tuple(
        (0xB10C << 240 | age).to_bytes(32, "big") for age in range(1, 257)
    )


@dataclass(frozen=True, slots=True)
class World:
    """The state before a run, and the block."""

    accounts: Mapping[Address, Account]
    block: Block = field(default_factory=Block)


@dataclass(frozen=True, slots=True)
class Message:
    """A call: ``code`` runs with the storage and balance of ``to``.

    ``code_address`` says where the code stands, if not at ``to``, as for a DELEGATECALL.
    """

    to: Address
    code: bytes
    data: bytes = b""
    sender: Address = bytes.fromhex("ca11e00000000000000000000000000000000001")
    value: int = 0
    gas: int = 30_000_000
    gas_price: int = 10**9
    code_address: Address | None = None
    is_static: bool = False
    is_create: bool = False
    blob_hashes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take: ``seconds`` of wall clock, ``memory`` in bytes in any one frame."""

    seconds: float = 10.0
    memory: int = 64 * 2**20
    return_data: int = 8 * 2**20
    logs: int = 100_000


@dataclass(frozen=True, slots=True)
class Log:
    address: Address
    topics: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class StorageChange:
    address: Address
    slot: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Execution:
    """What a message did.

    ``outcome`` is ``success``, ``revert``, ``halt`` (exceptional) or ``limit`` (of ours, not of the
    EVM). ``stack`` (top first) and ``memory`` are those of the outermost frame at its end.
    ``steps`` counts the instructions of that frame. ``refund`` is not taken off ``gas_used``.
    """

    outcome: str
    error: str | None
    output: bytes
    gas_used: int
    refund: int
    steps: int
    stack: tuple[int, ...]
    memory: bytes
    logs: tuple[Log, ...]
    storage: tuple[StorageChange, ...]
    transient: tuple[StorageChange, ...]
    balances: tuple[tuple[Address, int, int], ...]
    created: tuple[Address, ...]
    codes: Mapping[Address, bytes]
    calls: tuple[tuple[int, Address, bytes], ...]


class Watcher(Protocol):
    """Is shown instructions of the outermost frame before they run.

    ``pcs`` restricts it to some offsets; None means all of them.
    """

    @property
    def pcs(self) -> frozenset[int] | None: ...

    def step(
        self, pc: int, opcode: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        """``stack`` is bottom first and, like ``memory``, the machine's own: not to be kept."""


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
        KeyError: py-evm does not know the fork.
    """
    run = _Run(world, message, fork, limits or Limits(), watcher)
    if threading.current_thread().name == _THREAD:
        return run.execute()
    return _with_deep_stack(run.execute)


def forks() -> tuple[str, ...]:
    """The forks that the backend knows, oldest first."""
    return tuple(_FORKS)


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
_BLS = "eth.precompiles.bls12_381"
_BLS_NAMES = (
    "bls12_g1_add", "bls12_g1_msm", "bls12_g2_add", "bls12_g2_msm", "bls12_map_fp2_to_g2",
    "bls12_map_fp_to_g1", "bls12_pairing_check",
)
# A 1024-deep call takes some 12 Python frames a level.
_RECURSION_LIMIT = 1024 * 16
_STACK_BYTES = 512 * 2**20
_THREAD = "nvm-lsp machine"


def _prepare_imports() -> None:
    """Keeps py-evm's import cheap: half of it is chains and pairing tables, which no run needs.

    The package `eth` imports all chains when it is imported; a bare package in its place leads to
    the same submodules. The BLS12-381 precompiles compute large tables at import; functions in
    their place import them at the first call.
    """
    if "eth" in sys.modules:
        return
    found = importlib.util.find_spec("eth")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("py-evm is not installed")
    package = types.ModuleType("eth")
    package.__path__ = list(found.submodule_search_locations)
    package.__spec__ = found
    package.__version__ = "0"  # type: ignore[attr-defined]
    sys.modules["eth"] = package
    lazy = types.ModuleType(_BLS)
    for name in _BLS_NAMES:
        setattr(lazy, name, _late_precompile(name))
    sys.modules[_BLS] = lazy


def _late_precompile(name: str) -> Callable[[Any], Any]:
    def run(computation: Any) -> Any:
        if isinstance(sys.modules[_BLS], types.ModuleType) and not hasattr(
            sys.modules[_BLS], "__path__"
        ):
            del sys.modules[_BLS]
            importlib.import_module(_BLS)
        return getattr(sys.modules[_BLS], name)(computation)

    return run


@dataclass(frozen=True, slots=True)
class _Machine:
    """py-evm's parts for one fork."""

    state: type
    database: type
    context: type
    transaction: type
    message: type
    halt: type[BaseException]
    revert: type[BaseException]
    vm_error: type[BaseException]
    blank_root: bytes


@lru_cache(maxsize=16)
def _machine(fork: str) -> _Machine:
    package, name = _FORKS[fork]
    _prepare_imports()
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    take = importlib.import_module
    take("eth.consensus")  # first, as in eth itself: its modules import each other in a circle
    state = getattr(take(f"eth.vm.forks.{package}.state"), f"{name}State")
    exceptions = take("eth.exceptions")
    computation = _watched(state.computation_class, exceptions)
    recording = type(
        f"Recording{name}State",
        (_Recording, state),
        {"computation_class": computation},
    )
    return _Machine(
        recording,
        take("eth.db.atomic").AtomicDB,
        take("eth.vm.execution_context").ExecutionContext,
        state.transaction_context_class,
        take("eth.vm.message").Message,
        exceptions.Halt,
        exceptions.Revert,
        exceptions.VMError,
        take("eth.constants").BLANK_ROOT_HASH,
    )


class _Recording:
    """Mixed into a state: notes the first value of each slot and balance that is written."""

    run: _Run

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        written = self.run.written
        if (address, slot) not in written:
            written[address, slot] = self.get_storage(address, slot)  # type: ignore[attr-defined]
        super().set_storage(address, slot, value)  # type: ignore[misc]

    def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
        self.run.transient.add((address, slot))
        super().set_transient_storage(address, slot, value)  # type: ignore[misc]

    def set_balance(self, address: bytes, balance: int) -> None:
        if address not in self.run.balances:
            self.run.balances[address] = self.get_balance(address)  # type: ignore[attr-defined]
        super().set_balance(address, balance)  # type: ignore[misc]


class _LimitReached(BaseException):
    """A limit of ours; no error of the EVM, so that no frame catches it."""


_CHECK_MASK = 0x3FF


def _watched(base: type, exceptions: Any) -> type:
    """A computation class whose loop counts, watches and stops at limits."""
    halt = exceptions.Halt
    invalid = importlib.import_module("eth.vm.logic.invalid").InvalidOpcode

    def loop(computation: Any, run: _Run) -> None:
        outermost = computation.msg.depth == 0
        watcher = run.watcher if outermost else None
        pcs = watcher.pcs if watcher is not None else frozenset()
        opcodes = computation.opcodes
        code = computation.code
        meter = computation._gas_meter
        stack = computation._stack.values
        memory = computation._memory
        steps = run.steps
        if outermost:
            run.outermost = computation
        try:
            for opcode in code:
                steps += 1
                if not steps & _CHECK_MASK:
                    run.check_time()
                if watcher is not None:
                    pc = code.program_counter - 1
                    if pcs is None or pc in pcs:
                        watcher.step(pc, opcode, meter.gas_remaining, stack, memory._bytes)
                try:
                    function = opcodes[opcode]
                except KeyError:
                    function = invalid(opcode)
                try:
                    function(computation=computation)
                except halt:
                    break
                if not outermost:
                    continue
                run.steps = steps
        finally:
            if outermost:
                run.steps = steps
            else:
                run.inner_steps += steps - run.steps

    def apply_computation(
        cls: type, state: Any, message: Any, transaction: Any, parent_computation: Any = None
    ) -> Any:
        run: _Run = state.run
        with cls(state, message, transaction) as computation:
            if computation.is_origin_computation:
                computation.contracts_created = []
                if message.is_create:
                    cls.consume_initcode_gas_cost(computation)  # type: ignore[attr-defined]
            if parent_computation is not None:
                computation.contracts_created = parent_computation.contracts_created
            if message.is_create:
                computation.contracts_created.append(message.storage_address)
                run.created.append(bytes(message.storage_address))
            elif message.depth > 0:
                run.calls.append((message.depth, bytes(message.to), bytes(message.data)))
            precompile = computation.precompiles.get(message.code_address)
            if precompile is not None:
                if not message.is_delegation:
                    precompile(computation)
                return computation
            loop(computation, run)
        return computation

    def extend_memory(self: Any, start_position: int, size: int) -> None:
        if size and start_position + size > self.state.run.limits.memory:
            # Only a limit of ours if the gas would have paid for it.
            words = (start_position + size + 31) // 32
            if words * 3 + words * words // 512 <= self._gas_meter.gas_remaining:
                raise _LimitReached(
                    f"memory limit reached: {start_position + size:,} bytes, "
                    f"{self.state.run.limits.memory:,} are allowed"
                )
        base.extend_memory(self, start_position, size)  # type: ignore[attr-defined]

    def add_log_entry(self: Any, account: bytes, topics: Any, data: bytes) -> None:
        run: _Run = self.state.run
        run.log_count += 1
        if run.log_count > run.limits.logs:
            raise _LimitReached(f"log limit reached: {run.limits.logs:,} logs are allowed")
        base.add_log_entry(self, account, topics, data)  # type: ignore[attr-defined]

    return type(
        f"Watched{base.__name__}",
        (base,),
        {
            "apply_computation": classmethod(apply_computation),
            "extend_memory": extend_memory,
            "add_log_entry": add_log_entry,
        },
    )


# Running ------------------------------------------------------------------------------------------


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
        self.written: dict[tuple[bytes, int], int] = {}
        self.transient: set[tuple[bytes, int]] = set()
        self.balances: dict[bytes, int] = {}
        self.created: list[bytes] = []
        self.calls: list[tuple[int, bytes, bytes]] = []
        self.steps = 0
        self.inner_steps = 0
        self.log_count = 0
        self.outermost: Any = None
        self.deadline = 0.0

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _LimitReached(f"time limit reached: {self.limits.seconds:g} s")

    def execute(self) -> Execution:
        machine = _machine(self.fork)
        self.deadline = time.monotonic() + self.limits.seconds
        state = self._state(machine)
        message = self.message
        # As in a transaction (EIP-2929, EIP-3651), these need no cold access.
        for address in (message.sender, message.to, self.world.block.coinbase):
            state.mark_address_warm(address)
        if message.code_address is not None:
            state.mark_address_warm(message.code_address)
        transaction = _transaction(machine, message)
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
            computation = apply(state, host_message, transaction)
        except _LimitReached as reached:
            return self._result(state, "limit", str(reached), b"")
        except RecursionError:
            return self._result(
                state, "limit", "call depth limit of the interpreter reached", b""
            )
        except machine.vm_error as error:
            return self._result(state, "halt", _describe(error), b"")
        return self._judge(machine, state, computation)

    def _state(self, machine: _Machine) -> Any:
        block = self.world.block
        context = machine.context(
            coinbase=block.coinbase,
            timestamp=block.timestamp,
            block_number=block.number,
            difficulty=0,
            mix_hash=block.prevrandao.to_bytes(32, "big"),
            gas_limit=block.gas_limit,
            prev_hashes=block.hashes,
            chain_id=block.chain_id,
            base_fee_per_gas=block.base_fee,
            excess_blob_gas=block.excess_blob_gas,
        )
        # System contracts (EIP-2935 and the like) are written while the state is built, before
        # there is anything to record.
        machine.state.run = self
        state = machine.state(machine.database(), context, machine.blank_root)
        for address, account in self.world.accounts.items():
            if account.balance:
                state.set_balance(address, account.balance)
            if account.nonce:
                state.set_nonce(address, account.nonce)
            if account.code:
                state.set_code(address, account.code)
            for slot, value in account.storage.items():
                if value:
                    state.set_storage(address, slot, value)
        # Settled, so that gas and refunds see these as the original values (EIP-2200).
        state.lock_changes()
        state.make_state_root()
        state.persist()
        self.written.clear()
        self.balances.clear()
        return state

    def _judge(self, machine: _Machine, state: Any, computation: Any) -> Execution:
        output = bytes(computation.output)
        if len(output) > self.limits.return_data:
            return self._result(
                state, "limit",
                f"return data limit reached: {len(output):,} bytes, "
                f"{self.limits.return_data:,} are allowed", b"",
            )
        if computation.is_success:
            outcome, error = "success", None
        elif isinstance(computation.error, machine.revert):
            outcome, error = "revert", None
        else:
            outcome, error = "halt", _describe(computation.error)
        logs = tuple(
            Log(bytes(address), tuple(topics), bytes(data))
            for address, topics, data in computation.get_log_entries()
        )
        refund = computation.get_gas_refund() if computation.is_success else 0
        return self._result(
            state, outcome, error, output, logs, self.message.gas - _gas_left(computation), refund
        )

    def _result(
        self,
        state: Any,
        outcome: str,
        error: str | None,
        output: bytes,
        logs: Sequence[Log] = (),
        gas_used: int | None = None,
        refund: int = 0,
    ) -> Execution:
        outermost = self.outermost
        if gas_used is None:
            left = _gas_left(outermost) if outermost is not None and outcome == "limit" else 0
            gas_used = self.message.gas - left
        kept = outcome == "success"
        created = (
            tuple(address for address in self.created if state.get_code(address)) if kept else ()
        )
        return Execution(
            outcome, error, output, gas_used, refund, self.steps,
            _stack_of(outermost), bytes(outermost._memory._bytes) if outermost is not None else b"",
            tuple(logs),
            self._storage_changes(state) if kept else (),
            self._transient_changes(state) if kept else (),
            self._balance_changes(state) if kept else (),
            created,
            {address: state.get_code(address) for address in created},
            tuple(self.calls),
        )

    def _storage_changes(self, state: Any) -> tuple[StorageChange, ...]:
        changes = []
        for (address, slot), before in self.written.items():
            after = state.get_storage(address, slot)
            if after != before:
                changes.append(StorageChange(bytes(address), slot, before, after))
        return tuple(sorted(changes, key=lambda change: (change.address, change.slot)))

    def _transient_changes(self, state: Any) -> tuple[StorageChange, ...]:
        changes = []
        for address, slot in sorted(self.transient):
            value = state.get_transient_storage(address, slot)
            number = value if isinstance(value, int) else int.from_bytes(value, "big")
            if number:
                changes.append(StorageChange(bytes(address), slot, 0, number))
        return tuple(changes)

    def _balance_changes(self, state: Any) -> tuple[tuple[bytes, int, int], ...]:
        return tuple(
            (bytes(address), before, state.get_balance(address))
            for address, before in sorted(self.balances.items())
            if state.get_balance(address) != before
        )


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
    """An exceptional halt in the words of the Yellow Paper, with py-evm's detail."""
    names = {
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
    return names.get(type(error).__name__, type(error).__name__)


def _with_deep_stack(function: Callable[[], Execution]) -> Execution:
    """Runs in a thread whose C stack has room for 1024 nested calls."""
    result: list[Execution] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            result.append(function())
        except BaseException as error:
            failure.append(error)

    previous = threading.stack_size(_STACK_BYTES)
    try:
        thread = threading.Thread(target=body, name=_THREAD, daemon=True)
        thread.start()
    finally:
        threading.stack_size(previous)
    thread.join()
    if failure:
        raise failure[0]
    return result[0]
