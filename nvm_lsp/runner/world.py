"""What an execution starts from and what it gives: plain data, nothing is executed here.

Every default is fixed, so that a run depends on nothing but its input: not on the clock, not on
the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "Account",
    "Address",
    "Block",
    "Call",
    "Execution",
    "Follower",
    "Frame",
    "FrameStart",
    "Limits",
    "Log",
    "Message",
    "PreState",
    "StorageChange",
    "Watcher",
    "World",
]

Address = bytes

_CALLER = bytes.fromhex("ca11e00000000000000000000000000000000001")
_COINBASE = bytes.fromhex("c0ffee00000000000000000000000000000000c0")
#: When Ethereum's beacon chain began (Unix time), and how long a slot is, in seconds.
_FIRST_SLOT, _SLOT_SECONDS = 1_606_824_023, 12
_PREVRANDAO = int.from_bytes(bytes(range(32)), "big")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the state before: ``balance`` in wei, ``storage`` by slot."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """The block that a run pretends to be in. Nothing in it depends on the clock.

    ``hashes`` are those of the blocks before it, the youngest first. ``slot_number`` is its slot on
    the beacon chain, None for that of an Ethereum block of its time.
    """

    number: int = 20_000_000
    timestamp: int = 1_717_281_407
    coinbase: Address = _COINBASE
    prevrandao: int = _PREVRANDAO
    gas_limit: int = 30_000_000
    base_fee: int = 10**9
    excess_blob_gas: int = 0
    chain_id: int = 1
    hashes: tuple[bytes, ...] = tuple(
        (0xB10C << 240 | age).to_bytes(32, "big") for age in range(1, 257)
    )
    slot_number: int | None = None

    @property
    def slot(self) -> int:
        """The number of its slot."""
        if self.slot_number is not None:
            return self.slot_number
        return max(self.timestamp - _FIRST_SLOT, 0) // _SLOT_SECONDS


class PreState(Protocol):
    """A state that is read where it is needed, such as a node's."""

    def account(self, address: Address) -> Account | None:
        """Balance, nonce and code of an account, None if there is none; its storage is not read."""

    def storage(self, address: Address, slot: int) -> int:
        """A word of storage, 0 where nothing was written."""

    def block_hash(self, number: int) -> bytes | None:
        """The hash of an earlier block, None where it is not known."""


@dataclass(frozen=True, slots=True)
class World:
    """The state before a run, and the block.

    ``behind`` is read where ``accounts`` says nothing: for an account that is not among them, and
    for the slots that an account does not name, unless ``whole`` says that these are all it has.
    """

    accounts: Mapping[Address, Account]
    block: Block = field(default_factory=Block)
    behind: PreState | None = None
    whole: frozenset[Address] = frozenset()

    def account(self, address: Address) -> Account | None:
        found = self.accounts.get(address)
        if found is None and self.behind is not None:
            return self.behind.account(address)
        return found

    def storage(self, address: Address, slot: int) -> int:
        found = self.accounts.get(address)
        if found is not None:
            value = found.storage.get(slot)
            if value is not None:
                return value
        if self.behind is None or address in self.whole:
            return 0
        return self.behind.storage(address, slot)

    def block_hash(self, number: int) -> bytes:
        """The hash of one of the 256 blocks before this one, nothing where it is not known."""
        age = self.block.number - number
        if not 1 <= age <= 256 or number < 0:
            return b""
        if self.behind is not None:
            return self.behind.block_hash(number) or b""
        return self.block.hashes[age - 1] if age <= len(self.block.hashes) else b""


@dataclass(frozen=True, slots=True)
class Message:
    """A call: ``code`` runs with the storage and balance of ``to``.

    ``code_address`` says where the code stands, if not at ``to``, as for a DELEGATECALL.
    ``gas`` is the frame's own, without what a transaction costs besides. ``interprets`` says that
    ``code`` is a kernel, and what it runs is in ``data``.
    """

    to: Address
    code: bytes
    data: bytes = b""
    sender: Address = _CALLER
    value: int = 0
    gas: int = 30_000_000
    gas_price: int = 10**9
    code_address: Address | None = None
    is_static: bool = False
    is_create: bool = False
    blob_hashes: tuple[bytes, ...] = ()
    interprets: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take, gas apart.

    ``seconds`` of wall clock; bytes of ``memory`` over all open frames, of ``return_data``, and of
    ``log_data``; number of ``logs`` and of inner ``calls``.
    """

    seconds: float = 10.0
    memory: int = 64 * 2**20
    return_data: int = 8 * 2**20
    logs: int = 100_000
    log_data: int = 16 * 2**20
    calls: int = 100_000


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
class Call:
    """A call or creation from inside the run, in the order of their beginnings.

    ``depth`` is 1 for what the outermost frame calls. ``step`` is how many steps the watcher had
    been shown. ``address`` is the account that it acts as, ``code_address`` whose code it runs.
    ``gas_used`` and ``output`` are the callee's.
    """

    depth: int
    kind: str
    step: int
    sender: Address
    address: Address
    code_address: Address
    value: int
    data: bytes
    gas: int
    gas_used: int
    success: bool
    output: bytes
    error: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """What a message did.

    ``outcome`` is ``success``, ``revert``, ``halt`` (exceptional) or ``limit`` (of ours, not of the
    EVM). ``stack`` (top first) and ``memory`` are those of the outermost frame at its end.
    ``steps`` counts the instructions of that frame, ``inner_steps`` those of all others. ``refund``
    is not taken off ``gas_used``. ``ended`` is ``return`` or ``stop`` for a success, where the
    backend tells it. ``missing`` names what the backend could not tell, in the words
    of a run's JSON; ``notes`` say what else is to be known of how it came about.
    """

    outcome: str
    error: str | None
    output: bytes
    gas_used: int
    refund: int
    steps: int
    inner_steps: int
    stack: tuple[int, ...]
    memory: bytes
    logs: tuple[Log, ...]
    storage: tuple[StorageChange, ...]
    transient: tuple[StorageChange, ...]
    balances: tuple[tuple[Address, int, int], ...]
    created: tuple[Address, ...]
    codes: Mapping[Address, bytes]
    calls: tuple[Call, ...]
    ended: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Frame(Protocol):
    """The outermost frame while it runs. Its stack is bottom first; nothing of it is to be kept."""

    @property
    def gas(self) -> int: ...

    @property
    def stack(self) -> list[int | bytes]: ...

    @property
    def memory(self) -> bytearray: ...

    @property
    def return_data(self) -> bytes: ...

    def storage(self, slot: int, address: Address | None = None) -> int:
        """A word of the acting account's storage, or of another's."""

    def transient(self, slot: int) -> int:
        """A word of the acting account's transient storage."""


@dataclass(frozen=True, slots=True)
class FrameStart:
    """A call or creation from inside the run, as it begins.

    ``depth`` is 1 for what the outermost frame calls. ``code`` is what it runs, ``data`` what it is
    given; ``gas`` is its own, ``caller_gas`` what the caller has left beside it.
    """

    depth: int
    kind: str
    address: Address
    code_address: Address
    code: bytes
    data: bytes
    gas: int
    caller_gas: int


class Watcher(Protocol):
    """Is shown instructions of a frame before they run: of the outermost one, unless it came from
    `Follower.entered`.

    ``pcs`` restricts it to some offsets; None means all of them. A watcher may have a ``follower``
    (see `Follower`), too, and a backend may tell it what goes on beside these instructions.
    """

    @property
    def pcs(self) -> frozenset[int] | None: ...

    @property
    def count(self) -> int:
        """How many steps it has counted."""

    def attach(self, frame: Frame) -> None:
        """The frame begins; it stays the same object until its end."""

    def step(
        self, pc: int, opcode: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        """``stack`` is bottom first and, like ``memory``, the machine's own: not to be kept."""


class Follower(Protocol):
    """Is told what a run does to the state and which frames it opens, in the order of events."""

    def entered(self, frame: FrameStart) -> Watcher | None:
        """An inner frame begins. The watcher is shown its instructions, if there is one."""

    def left(self, gas: int, stack: list[int | bytes], memory: bytearray, success: bool) -> None:
        """The innermost frame has ended with so much gas left."""

    def changed(self, what: str, address: Address, key: int, before: int, after: int) -> None:
        """A word was written. ``what`` is storage, transient or balance, whose ``key`` is 0."""

    def logged(self, address: Address, topics: tuple[int, ...], data: bytes) -> None:
        """A log was written."""

    def snapshot(self) -> int:
        """Remembers this moment; `revert` is given what it gives, `commit` forgets it."""

    def revert(self, snapshot: int) -> None:
        """All that was told of the state since a snapshot is undone."""

    def commit(self, snapshot: int) -> None:
        """What was told since a snapshot stays, unless one before it is reverted."""
