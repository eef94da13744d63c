"""The guest's steps, recovered from what the host executes.

Under the kernel a step begins where the host reaches the first instruction of a handler: the
pointer in the kernel's memory then is one past the guest's opcode, the guest's stack is the host's
stack, and the guest's memory lies behind the layout's base. The kernel passes over the JUMPDEST
that a jump lands on; that step is put back in. Natively every instruction is a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from nvm_lsp.kernel.image import KernelImage
from nvm_lsp.runner.probes import Observer
from nvm_lsp.runner.step_log import StepLog
from nvm_lsp.runner.world import Follower, Frame, FrameStart

__all__ = ["GuestRecorder", "KernelTracer", "Sink", "Snapshot", "Step", "words_of"]

_JUMP, _JUMPI, _JUMPDEST = 0x56, 0x57, 0x5B
_SSTORE, _TSTORE = 0x55, 0x5D
#: What replaces the return data of the frame.
_CALLS = frozenset({0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA})
#: Where on the stack the offset and the size stand of what an opcode writes to memory; a size of
#: None is fixed and given by `_FIXED_SIZE`.
_WRITES: Mapping[int, tuple[int, int | None]] = {
    0x37: (0, 2), 0x39: (0, 2), 0x3C: (1, 3), 0x3E: (0, 2), 0x52: (0, None), 0x53: (0, None),
    0x5E: (0, 2), 0xF1: (5, 6), 0xF2: (5, 6), 0xF4: (4, 5), 0xFA: (4, 5),
}
_FIXED_SIZE = {0x52: 32, 0x53: 1}
_CHANGES = frozenset({*_WRITES, _SSTORE, _TSTORE})
#: Words of memory for which it is noted what wrote them.
_MAX_WORDS = 16_384
#: Bytes that all snapshots of a run may hold together, roughly; a word on the stack counts as 32.
_MAX_SNAPSHOT_BYTES = 128 * 2**20


class Step(NamedTuple):
    """One guest instruction: its offset, opcode, the host's gas before it, and the stack's top.

    ``depth`` is the number of words on the stack. ``top`` is None where the stack is empty.
    """

    pc: int
    opcode: int
    gas: int
    depth: int
    top: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The guest before an instruction: stack top first, memory whole.

    ``storage`` and ``transient`` hold the words that it has written itself so far.
    """

    pc: int
    opcode: int
    gas: int
    stack: tuple[int, ...]
    memory: bytes
    storage: Mapping[int, int] = field(default_factory=dict)
    transient: Mapping[int, int] = field(default_factory=dict)


class Sink(Protocol):
    """Is given every step, however many there are, those of inner frames between those around."""

    def entered(self, frame: FrameStart, code: bytes) -> None:
        """The steps that follow are those of an inner frame that runs ``code``."""

    def left(self, gas: int) -> None:
        """The innermost frame has ended with so much gas left."""

    def step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int
    ) -> None:
        """A guest step begins. ``stack`` is bottom first and not to be kept."""

    def host_step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int
    ) -> None:
        """A step of the kernel itself begins."""


class GuestRecorder:
    """A `Watcher` that keeps steps and snapshots.

    ``snapshots`` are the offsets to keep the whole state at; None keeps it everywhere, and
    ``changes`` after each write to memory or storage. At most ``max_steps`` steps are kept, but all
    of them are counted and shown to ``sink``. ``observer`` is called after the instructions that it
    asks for. ``snapshot_step`` is the number of one more step to keep the state before. ``before``
    is the stack before the last step, bottom first. ``writers`` tells which instruction last wrote
    a word of memory.
    """

    def __init__(
        self,
        code: bytes,
        kernel: KernelImage | None,
        snapshots: frozenset[int] | None = frozenset(),
        *,
        changes: bool = False,
        observer: Observer | None = None,
        sink: Sink | None = None,
        snapshot_step: int | None = None,
        max_steps: int = 2_000_000,
        max_snapshots: int = 10_000,
    ) -> None:
        self.code = code
        self.steps: list[Step] = []
        self.count = 0
        self.snapshots: list[Snapshot] = []
        self.dropped = False
        self.before: list[int | bytes] = []
        self.writers: dict[int, int] = {}
        self.sink = sink
        #: Is told what goes on below the guest.
        self.follower: Follower | None = None
        #: Is shown every step with the whole state, if somebody wants to go back and forth.
        self.log: StepLog | None = None
        self._snapshot_bytes = 0
        self._stored: set[int] = set()
        self._transient: set[int] = set()
        self._wanted = snapshots
        self._changes = changes
        self._max_steps = max_steps
        self._max_snapshots = max_snapshots
        self._last: tuple[int, int] = (-1, -1)
        self._frame: Frame | None = None
        self._observer = observer
        self._observed = frozenset(observer.pcs) if observer is not None else frozenset()
        self._snapshot_step = snapshot_step
        self._handlers: Mapping[int, int] | None = None
        self._base = 0
        self._pointer = 0
        self.pcs: frozenset[int] | None = None
        if kernel is not None:
            self._handlers = kernel.handlers
            self.pcs = frozenset(kernel.handlers)
            self._base = kernel.layout.base
            self._pointer = kernel.layout.pointer

    @property
    def last(self) -> tuple[int, int] | None:
        """Offset and opcode of the last step, None if there was none."""
        return self._last if self.count else None

    def attach(self, frame: Frame) -> None:
        """Takes the frame to watch; see `nvm_lsp.runner.world.Watcher`."""
        self._frame = frame

    def step(
        self, pc: int, opcode: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        """Takes one instruction of the watched frame; see `nvm_lsp.runner.machine.Watcher`."""
        if self._handlers is not None:
            pointer = self._pointer
            if not memory:
                return  # the threaded kernel's entry shares its offset with the handler of STOP
            guest_pc = int.from_bytes(memory[pointer : pointer + 32], "big") - 1
            opcode = self._handlers[pc]
            found = self.code[guest_pc] if guest_pc < len(self.code) else 0
            if found != opcode:
                return  # a handler that another one uses: a taken JUMPI ends in JUMP's
            self._landed(guest_pc, gas, stack, memory)
            pc = guest_pc
        self._record(pc, opcode, gas, stack, memory)

    def finish(
        self, gas: int, stack: list[int | bytes], memory: bytes | bytearray, halted: bool
    ) -> None:
        """The run is over; ``halted`` if its last step did not get to its end."""
        if halted:
            self._add_undefined(gas, stack, memory)
        elif self._last[1] in _CHANGES:
            self._note_writes()
        if self._observer is not None and self._frame is not None:
            if not halted and self._last[0] in self._observed:
                self._observer.after(self._last[0], self._frame, stack, memory)
            self._observer.end(self._frame, self.before if halted else stack, memory)

    def _add_undefined(
        self, gas: int, stack: list[int | bytes], memory: bytes | bytearray
    ) -> None:
        """Adds the step that halted before any handler began: an undefined opcode."""
        if self._handlers is None or len(memory) < self._pointer + 32:
            return
        guest_pc = int.from_bytes(memory[self._pointer : self._pointer + 32], "big") - 1
        if not 0 <= guest_pc < len(self.code) or guest_pc == self._last[0]:
            return
        opcode = self.code[guest_pc]
        if opcode in self._handlers.values():
            return
        last_pc, last_opcode = self._last
        if last_opcode in (_JUMP, _JUMPI) and guest_pc != last_pc + 1:
            if self.code[guest_pc - 1] != _JUMPDEST:
                return
            self._landed(guest_pc, gas, stack, bytearray(memory))
        self._record(guest_pc, opcode, gas, stack, bytearray(memory))

    def _landed(
        self, guest_pc: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        """Puts in the JUMPDEST that a jump passed over on its way to this instruction."""
        last_pc, last_opcode = self._last
        if last_opcode == _JUMP or (last_opcode == _JUMPI and guest_pc != last_pc + 1):
            self._record(guest_pc - 1, _JUMPDEST, gas, stack, memory)

    def _record(
        self, pc: int, opcode: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        last_pc, last_opcode = self._last
        changed = last_opcode in _CHANGES
        if changed:
            self._note_writes()
        if last_pc in self._observed:
            assert self._observer is not None
            assert self._frame is not None
            self._observer.after(last_pc, self._frame, stack, memory)
        if self.log is not None:
            if last_opcode in _CALLS and self._frame is not None:
                self.log.received(self._frame.return_data)
            self.log.step(pc, opcode, gas, stack, memory, self._base)
        self.count += 1
        self._last = (pc, opcode)
        self.before = stack.copy()
        if self.count <= self._max_steps:
            top: int | None = None
            if stack:
                value = stack[-1]
                top = value if type(value) is int else int.from_bytes(value, "big")  # type: ignore[arg-type]
            self.steps.append(Step(pc, opcode, gas, len(stack), top))
        else:
            self.dropped = True
        if self.sink is not None:
            self.sink.step(pc, opcode, gas, stack, max(len(memory) - self._base, 0))
        wanted = self._wanted
        if (
            wanted is None or pc in wanted or (changed and self._changes)
            or self.count - 1 == self._snapshot_step
        ):
            self._take_snapshot(pc, opcode, gas, stack, memory)

    def _take_snapshot(
        self, pc: int, opcode: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        size = 32 * (len(stack) + len(self._stored) + len(self._transient)) + len(memory)
        full = self._snapshot_bytes + size > _MAX_SNAPSHOT_BYTES
        if full or len(self.snapshots) >= self._max_snapshots:
            self.dropped = True
            return
        self._snapshot_bytes += size
        frame = self._frame
        assert frame is not None
        self.snapshots.append(
            Snapshot(
                pc, opcode, gas, words_of(stack), bytes(memory[self._base :]),
                {slot: frame.storage(slot) for slot in sorted(self._stored)},
                {slot: frame.transient(slot) for slot in sorted(self._transient)},
            )
        )

    def _note_writes(self) -> None:
        """The last step has written to memory or storage: what, its operands tell."""
        pc, opcode = self._last
        stack = self.before
        if opcode == _SSTORE:
            self._stored.add(_word(stack[-1]))
            return
        if opcode == _TSTORE:
            self._transient.add(_word(stack[-1]))
            return
        where, length = _WRITES[opcode]
        if len(stack) <= max(where, length or 0):
            return  # CALLCODE, which the kernel refuses before it looks at its operands
        offset = _word(stack[-1 - where])
        size = _FIXED_SIZE[opcode] if length is None else _word(stack[-1 - length])
        if opcode >= 0xF0 and self._frame is not None:
            size = min(size, len(self._frame.return_data))
        if not size:
            return
        if self.log is not None:
            self.log.wrote(offset, size)
        last = min((offset + size - 1) // 32, _MAX_WORDS - 1)
        for word in range(offset // 32, last + 1):
            self.writers[word] = pc


class KernelTracer:
    """A `Watcher` of every host instruction, which passes the guest's steps on to a recorder."""

    pcs = None

    def __init__(self, recorder: GuestRecorder, sink: Sink) -> None:
        self._recorder = recorder
        self.sink = sink

    @property
    def count(self) -> int:
        return self._recorder.count

    @property
    def follower(self) -> Follower | None:
        return self._recorder.follower

    def attach(self, frame: Frame) -> None:
        """See `nvm_lsp.runner.world.Watcher`."""
        self._recorder.attach(frame)

    def step(
        self, pc: int, opcode: int, gas: int, stack: list[int | bytes], memory: bytearray
    ) -> None:
        """See `nvm_lsp.runner.world.Watcher`."""
        wanted = self._recorder.pcs
        if wanted is None or pc in wanted:
            self._recorder.step(pc, opcode, gas, stack, memory)
        self.sink.host_step(pc, opcode, gas, stack, len(memory))


def words_of(stack: list[int | bytes]) -> tuple[int, ...]:
    """The words of a stack that is bottom first, top first."""
    return tuple(_word(value) for value in reversed(stack))


def _word(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")
