"""What goes on below the guest: its inner frames step by step, and every change of the state.

A frame of the kernel is a nested guest, whose steps are recovered as those of the outermost are; in
every other frame each instruction is a step. Steps of inner frames are told only where somebody
takes them: a `StepLog` or a `Sink`. Which instruction of the program last wrote a slot is always
noted, whichever frame did it in the end.
"""

from __future__ import annotations

from functools import cached_property

from nvm_lsp.kernel.image import KernelImage
from nvm_lsp.runner.guest_trace import GuestRecorder
from nvm_lsp.runner.scenario import KERNEL_ADDRESS
from nvm_lsp.runner.world import Address, FrameStart

__all__ = ["CallTrace"]

Slot = tuple[Address, int]


class CallTrace:
    """A `Follower` for the recorder of the outermost frame.

    ``kernel`` is what nested guests run on, None where there are none.
    """

    def __init__(self, recorder: GuestRecorder, kernel: KernelImage | None) -> None:
        self._outermost = recorder
        self._kernel = kernel
        #: Recorders of the frames that are open, None for one whose steps are not told.
        self._open: list[GuestRecorder | None] = []
        #: What wrote each slot, in layers: a snapshot begins one, which a revert takes away.
        self._layers: list[dict[Slot, int]] = [{}]

    @property
    def writers(self) -> dict[Slot, int]:
        """The offset of the guest's instruction that last wrote a slot, by itself or by a call."""
        return {slot: pc for layer in self._layers for slot, pc in layer.items()}

    def entered(self, frame: FrameStart) -> GuestRecorder | None:
        """See `nvm_lsp.runner.world.Follower`."""
        if self._outermost.log is not None:
            self._outermost.log.called(frame.address)
        recorder = self._recorder(frame)
        self._open.append(recorder)
        return recorder

    def left(self, gas: int, stack: list[int | bytes], memory: bytearray, success: bool) -> None:
        """See `nvm_lsp.runner.world.Follower`."""
        recorder = self._open.pop()
        log, sink = self._outermost.log, self._outermost.sink
        if recorder is not None:
            recorder.finish(gas, stack, memory, not success)
            if sink is not None:
                sink.left(gas)
        if log is not None:
            log.returned(recorder is not None)

    def changed(self, what: str, address: Address, key: int, before: int, after: int) -> None:
        """See `nvm_lsp.runner.world.Follower`."""
        last = self._outermost.last
        if what == "storage" and last is not None:
            self._layers[-1][address, key] = last[0]
        if self._outermost.log is not None:
            self._outermost.log.changed(what, address, key, before, after)

    def logged(self, address: Address, topics: tuple[int, ...], data: bytes) -> None:
        """See `nvm_lsp.runner.world.Follower`."""
        if self._outermost.log is not None:
            self._outermost.log.logged(address, topics, data)

    def snapshot(self) -> int:
        """See `nvm_lsp.runner.world.Follower`."""
        self._layers.append({})
        if self._outermost.log is not None:
            self._outermost.log.snapshot()
        return len(self._layers) - 1

    def revert(self, snapshot: int) -> None:
        """See `nvm_lsp.runner.world.Follower`."""
        del self._layers[snapshot:]
        if self._outermost.log is not None:
            self._outermost.log.revert(snapshot)

    def commit(self, snapshot: int) -> None:
        """See `nvm_lsp.runner.world.Follower`."""
        for layer in self._layers[snapshot:]:
            self._layers[snapshot - 1].update(layer)
        del self._layers[snapshot:]
        if self._outermost.log is not None:
            self._outermost.log.commit(snapshot)

    def _recorder(self, frame: FrameStart) -> GuestRecorder | None:
        """What takes the steps of a frame: None if nobody wants them, or it has none."""
        log, sink = self._outermost.log, self._outermost.sink
        if (log is None and sink is None) or not frame.code:
            return None
        kernel = self._kernel if frame.code == self._runtime else None
        code = frame.code if kernel is None else frame.data
        if not code:
            return None
        recorder = GuestRecorder(code, kernel, sink=sink, max_steps=0)
        recorder.log = log
        if log is not None:
            log.entered(frame.depth + 1, code, frame.code_address, is_guest=kernel is not None)
        if sink is not None:
            sink.entered(frame, code)
        return recorder

    @cached_property
    def _runtime(self) -> bytes | None:
        return None if self._kernel is None else self._kernel.runtime_at(KERNEL_ADDRESS)
