"""Every step of a run, kept as what it changed, so that one can go back and forth between them.

A step is told by the offset, opcode and gas it begins with and by what the step before it did to
the stack and to memory. Steps come in chunks, each of which begins with the whole state; a chunk is
compressed as soon as it is full, so that 100,000 steps take a few megabytes.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

__all__ = ["CHUNK", "StepLog", "read_chunk"]

#: Steps in a chunk.
CHUNK = 2048
#: No opcode reaches deeper into the stack than SWAP16.
_REACH = 17
#: Bytes that the compressed chunks may take together.
_MAX_BYTES = 48 * 2**20


class StepLog:
    """Takes the steps of a run; `GuestRecorder` calls `step` before each, and `wrote` after writes.

    At most ``max_steps`` are kept; later ones are only counted.
    """

    def __init__(self, max_steps: int) -> None:
        self.total = 0
        self.kept = 0
        self._max_steps = max_steps
        self._chunks: list[str] = []
        self._size = 0
        self._full = False
        self._steps: list[list[Any]] = []
        self._first: dict[str, Any] = {}
        self._stack: list[int] = []
        self._writers: dict[int, int] = {}
        self._written: tuple[int, int] | None = None

    def wrote(self, offset: int, size: int) -> None:
        """The last step has written to ``size`` bytes of memory at ``offset``."""
        self._written = (offset, size)

    def step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory: bytearray,
        base: int,
    ) -> None:
        """A step begins. ``stack`` is bottom first; the guest's memory begins at ``base``.

        Neither is kept.
        """
        written, self._written = self._written, None
        number = self.total
        self.total += 1
        if self._full or number >= self._max_steps:
            self._full = True
            return
        words = [word if type(word) is int else int.from_bytes(word, "big") for word in stack]  # type: ignore[arg-type]
        popped, pushed = _change(self._stack, words)
        offset, data = 0, b""
        if written is not None:
            offset = written[0]
            data = bytes(memory[base + offset : base + offset + written[1]])
        if data:
            for word in range(offset // 32, (offset + len(data) - 1) // 32 + 1):
                self._writers[word] = number - 1
        self._stack = words
        if not self._steps:
            # The chunk's first step brings no change: the state before it is told whole.
            self._first = {
                "from": number,
                "stack": [hex(word) for word in words],
                "memory": "0x" + memory[base:].hex(),
                "writers": sorted(self._writers.items()),
            }
        self._steps.append(
            [pc, opcode, gas, popped, [hex(word) for word in pushed], offset, data.hex(),
             max(len(memory) - base, 0)]
        )
        self.kept += 1
        if len(self._steps) == CHUNK:
            self._close_chunk()

    def to_json(self) -> dict[str, Any]:
        """``total``, ``kept`` and the ``chunks``, each for `read_chunk`."""
        if self._steps:
            self._close_chunk()
        return {
            "total": self.total, "kept": self.kept, "chunk_size": CHUNK, "chunks": self._chunks,
        }

    def _close_chunk(self) -> None:
        text = json.dumps({**self._first, "steps": self._steps}, separators=(",", ":"))
        chunk = base64.b85encode(zlib.compress(text.encode(), 1)).decode()
        self._steps = []
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._full = self._size > _MAX_BYTES


def read_chunk(chunk: str) -> dict[str, Any]:
    """``from``, ``stack``, ``memory``, ``writers`` and ``steps`` of a chunk.

    A step is a row of pc, opcode, gas, words popped, words pushed (bottom first), the offset and
    the bytes of memory that were written, and memory's size.
    """
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b85decode(chunk)))
    return found


def _change(before: Sequence[int], after: list[int]) -> tuple[int, list[int]]:
    """How many words to pop and which to push to get from one stack to the next."""
    kept = min(len(before), len(after))
    same = max(kept - _REACH, 0)
    while same < kept and before[same] == after[same]:
        same += 1
    return len(before) - same, after[same:]
