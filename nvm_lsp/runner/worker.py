"""A process that runs guests, so that one that misbehaves can be killed without harm.

On standard input each line is a request, pickled and in base64, from the parent process that
started it; on standard output each line is an answer as JSON, or, while a long run goes on, the
number of its steps so far.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from nvm_lsp.runner.run import Request, run, to_json

__all__ = ["encode", "main"]

#: Address space of a worker in bytes. The limits of a run stay far below; this is the last fence.
_ADDRESS_SPACE = 4 * 2**30
_PROGRESS_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1


def encode(request: Request) -> bytes:
    """A request as a line for the worker's standard input."""
    return base64.b64encode(pickle.dumps(request)) + b"\n"


def main() -> None:
    """Answers requests until standard input ends."""
    _restrict()
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever prints by mistake must not end up among the answers.
    os.dup2(2, 1)
    _warm_up()
    _write(answers, {"ready": True})
    for line in sys.stdin.buffer:
        _write(answers, _answer(line, answers))


def _restrict() -> None:
    """Leaves the end to the parent: Ctrl-C is its affair, and without it there is no life."""
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 -- not on every system

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)  # it was gone before it could be watched


def _warm_up() -> None:
    from nvm_lsp.kernel.image import build  # noqa: PLC0415 -- only workers need it early
    from nvm_lsp.runner import machine  # noqa: PLC0415

    machine.load()
    assert build().runtime


class _Progress:
    """A `Sink` that tells how far a long run is."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._steps = 0
        self._told = time.monotonic()

    def step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int
    ) -> None:
        """Counts; see `nvm_lsp.runner.guest_trace.Sink`."""
        self._steps += 1
        if not self._steps & 0xFFF and time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            _write(self._answers, {"progress": self._steps})

    def host_step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int
    ) -> None:
        """Not asked for."""


def _answer(line: bytes, answers: BinaryIO) -> dict[str, Any]:
    try:
        request = pickle.loads(base64.b64decode(line))
        return {"result": to_json(run(request, _Progress(answers)))}
    except MemoryError:
        return {"error": "the run needs more memory than a worker may have"}
    except ValueError as error:  # bad scenarios and nodes that are away say what is wrong
        return {"error": str(error)}
    except Exception as error:  # the parent must learn of everything
        return {"error": f"{type(error).__name__}: {error}"}


def _write(answers: BinaryIO, document: dict[str, Any]) -> None:
    answers.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
