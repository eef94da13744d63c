"""Every step of a run, kept as what it changed, so that one can go back and forth between them.

A step is told by the offset, opcode and gas it begins with and by what the step before it in the
same frame did to the stack and to memory. Steps come in chunks, each of which begins with the whole
state of the frames that are open; a chunk is compressed as soon as it is full, so that 100,000
steps take a few megabytes. Which steps belong to which frame, and what the run did to the state,
stand in two lists beside the chunks. It knows no sources and no names.
"""

from __future__ import annotations

import base64
import json
import zlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from nvm_lsp.runner.code_sources import CodeSources
from nvm_lsp.runner.scenario import CONSOLE
from nvm_lsp.runner.world import Address

__all__ = ["CHUNK", "StepLog", "read_chunk"]

#: Steps in a chunk at most.
CHUNK = 2048
#: No opcode reaches deeper into the stack than SWAP16.
_REACH = 17
#: Bytes that the compressed chunks may take together.
_MAX_BYTES = 48 * 2**20
#: Bytes of memory and stack that make a chunk full, and that all of them may tell.
_CHUNK_BYTES, _MAX_TOLD = 2**20, 256 * 2**20
_MAX_FRAMES = 50_000
_MAX_EFFECTS = 20_000
#: Bytes told of a log's data, or of what a call returned.
_MAX_DATA = 1024
#: Memory is told in pages of so many bytes, without those that are zero.
_PAGE = 1024
_ZEROS = bytes(_PAGE)

#: What a log says, from its topics and its data; None if nothing is known of it.
Describe = Callable[[Sequence[int], bytes], str | None]


class _Frame:
    """An open frame: its stack and memory at its last step, and the steps that wrote its words."""

    __slots__ = ("base", "memory", "row", "stack", "writers")

    def __init__(self, row: list[Any]) -> None:
        self.row = row
        self.stack: list[int] = []
        self.memory = bytearray()
        self.base = 0
        self.writers: dict[int, int] = {}


class StepLog:
    """Takes the steps of a run: `GuestRecorder` calls `step` before each, and `wrote` after writes;
    `CallTrace` calls the others.

    At most ``max_steps`` are kept; later ones are only counted. ``describe`` reads logs.
    """

    def __init__(self, max_steps: int, describe: Describe = lambda topics, data: None) -> None:
        self.total = 0
        self.kept = 0
        self._max_steps = max_steps
        self._describe = describe
        self._chunks: list[str] = []
        self._starts: list[int] = []
        self._size = 0
        self._told = 0
        self._chunk_told = 0
        self._chunk_most = 0
        self._full = False
        self._steps: list[list[Any]] = []
        self._first: dict[str, Any] = {}
        self._written: tuple[int, int] | None = None
        self._codes: dict[tuple[bytes, bool], int] = {}
        self._code_rows: list[tuple[bytes, Address, bool]] = []
        self._frame_rows: list[list[Any]] = [[0, None, 1, None, None]]
        self._frames = [_Frame(self._frame_rows[0])]
        self._effects: list[list[Any]] = []
        self._untold: int | None = None
        #: Where in `_effects` the snapshots that are open begin.
        self._snapshots: list[int] = []
        self._calls = 0
        self._lines = 0
        #: Numbers of the calls that are open, None for one to the console.
        self._open_calls: list[int | None] = []

    def wrote(self, offset: int, size: int) -> None:
        """The last step has written to ``size`` bytes of memory at ``offset``."""
        self._written = (offset, size)

    def step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory: bytearray,
        base: int,
    ) -> None:
        """A step begins. ``stack`` is bottom first; the frame's memory begins at ``base``.

        Neither is kept, but a frame that another one interrupts keeps its memory until it goes on.
        """
        written, self._written = self._written, None
        number = self.total
        self.total += 1
        if self._full or number >= self._max_steps:
            self._full = True
            return
        frame = self._frames[-1]
        words = [word if type(word) is int else int.from_bytes(word, "big") for word in stack]  # type: ignore[arg-type]
        popped, pushed = _change(frame.stack, words)
        offset, data = 0, b""
        if written is not None:
            offset = written[0]
            data = bytes(memory[base + offset : base + offset + written[1]])
        if data:
            for word in range(offset // 32, (offset + len(data) - 1) // 32 + 1):
                frame.writers[word] = number - 1
        frame.stack, frame.memory, frame.base = words, memory, base
        if not self._steps:
            self._begin_chunk(number)
        self._steps.append(
            [pc, opcode, gas, popped, [hex(word) for word in pushed], offset, data.hex(),
             max(len(memory) - base, 0)]
        )
        self.kept += 1
        self._chunk_told += len(data) + 32 * len(pushed)
        if len(self._steps) == CHUNK or self._chunk_told > self._chunk_most:
            self._close_chunk()

    # Frames and what they do

    def called(self, address: Address) -> None:
        """A call begins, whether or not its steps are told."""
        is_console = address == CONSOLE
        number = self._lines if is_console else self._calls
        self._open_calls.append(None if is_console else number)
        if is_console:
            self._lines += 1
            self._effect("console", number)
        else:
            self._calls += 1
            self._effect("call", number)

    def entered(self, depth: int, code: bytes, address: Address, *, is_guest: bool) -> None:
        """The steps that follow are those of the call that has begun; the outermost frame's depth
        is 1.
        """
        index = self._codes.setdefault((code, is_guest), len(self._codes))
        if index == len(self._code_rows):
            self._code_rows.append((code, address, is_guest))
        row = [self.total, None, depth, index, self._open_calls[-1]]
        if len(self._frame_rows) >= _MAX_FRAMES:
            self._full = True
        if not self._full:
            self._frame_rows.append(row)
        self._frames.append(_Frame(row))

    def returned(self, had_steps: bool) -> None:
        """The innermost call has ended."""
        number = self._open_calls.pop()
        self._written = None
        if had_steps:
            self._frames.pop().row[1] = self.total
        if number is not None:
            self._effect("return", number)

    def received(self, data: bytes) -> None:
        """What the last call has returned to the frame that goes on now."""
        self._effect("data", "0x" + data[:_MAX_DATA].hex(), len(data))

    def changed(self, what: str, address: Address, key: int, before: int, after: int) -> None:
        """A word was written: of storage, transient storage, or a balance."""
        if before != after or what != "balance":
            self._effect(what, "0x" + address.hex(), hex(key), hex(before), hex(after))

    def logged(self, address: Address, topics: tuple[int, ...], data: bytes) -> None:
        """A log was written."""
        self._effect(
            "log", "0x" + address.hex(), [f"0x{topic:064x}" for topic in topics],
            "0x" + data[:_MAX_DATA].hex(), len(data), self._describe(topics, data),
        )

    def snapshot(self) -> None:
        """Remembers where the state stands, for `revert`."""
        self._snapshots.append(len(self._effects))

    def revert(self, snapshot: int) -> None:
        """All changes and logs since the snapshot of that number, from 1, are undone."""
        since = self._snapshots[snapshot - 1]
        del self._snapshots[snapshot - 1 :]
        if any(row[1] not in _LASTING for row in self._effects[since:]):
            self._effect("undo", since)

    def commit(self, snapshot: int) -> None:
        """The snapshot of that number is needed no more."""
        del self._snapshots[snapshot - 1 :]

    def _effect(self, *row: Any) -> None:
        if self._full or self._untold is not None:
            return
        if len(self._effects) >= _MAX_EFFECTS:
            self._untold = self.total
            return
        self._effects.append([self.total, *row])

    # Chunks

    def _begin_chunk(self, number: int) -> None:
        """The chunk's first step brings no change: the state before it is told whole."""
        self._starts.append(number)
        states = [_state(frame) for frame in self._frames]
        self._chunk_told = sum(
            sum(len(page) // 2 for _, page in state["memory"]) + 32 * len(state["stack"])
            for state in states
        )
        self._chunk_most = _CHUNK_BYTES + 2 * self._chunk_told
        self._first = {"from": number, "frames": states}

    def _close_chunk(self) -> None:
        text = json.dumps({**self._first, "steps": self._steps}, separators=(",", ":"))
        chunk = base64.b85encode(zlib.compress(text.encode(), 1)).decode()
        self._steps = []
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._told += self._chunk_told
        self._full = self._full or self._size > _MAX_BYTES or self._told > _MAX_TOLD

    def to_json(self, sources: CodeSources | None = None) -> dict[str, Any]:
        """The log, with ``chunks`` for `read_chunk`; else as `nvm_lsp.server.features.trace` says.

        ``codes`` are those of inner frames: address, whether it is a nested guest's, and path and
        offset of its source, if that is known.
        """
        if self._steps:
            self._close_chunk()
        frames = self._frame_rows[: bisect_left(self._frame_rows, self.kept, 1, key=lambda r: r[0])]
        return {
            "total": self.total, "kept": self.kept, "starts": self._starts,
            "chunks": self._chunks,
            "frames": [
                [begin, self.kept if end is None else min(end, self.kept), *rest]
                for begin, end, *rest in frames
            ],
            "effects": self._effects, "untold": self._untold,
            "codes": [
                ["0x" + address.hex(), is_guest, None if found is None else [*found]]
                for code, address, is_guest in self._code_rows
                for found in [None if sources is None else sources.find(code)]
            ],
        }


def read_chunk(chunk: str) -> dict[str, Any]:
    """``from``, ``frames`` and ``steps`` of a chunk.

    A step is a row of pc, opcode, gas, words popped, words pushed (bottom first), the offset and
    the bytes of memory that were written, and memory's size. A frame, outermost first, has
    ``stack``, ``memory`` as pairs of an offset and bytes, its ``size``, and ``writers``.
    """
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b85decode(chunk)))
    return found


#: Effects that a revert does not undo: what was called, printed and returned.
_LASTING = frozenset({"call", "return", "console", "data", "undo"})


def _state(frame: _Frame) -> dict[str, Any]:
    memory, base = frame.memory, frame.base
    pages = []
    for start in range(base, len(memory), _PAGE):
        page = memory[start : start + _PAGE]
        if page != _ZEROS[: len(page)]:
            pages.append([start - base, page.hex()])
    return {
        "stack": [hex(word) for word in frame.stack],
        "size": max(len(memory) - base, 0),
        "memory": pages,
        "writers": sorted(frame.writers.items()),
    }


def _change(before: Sequence[int], after: list[int]) -> tuple[int, list[int]]:
    """How many words to pop and which to push to get from one stack to the next."""
    kept = min(len(before), len(after))
    same = max(kept - _REACH, 0)
    while same < kept and before[same] == after[same]:
        same += 1
    return len(before) - same, after[same:]
