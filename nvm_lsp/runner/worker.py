"""A process that runs guests, so that one that misbehaves can be killed without harm.

On standard input each line is a request, pickled and in base64, from the parent process that
started it; on standard output each line is the answer as JSON, or ``{"progress": STEPS}`` before
it. When standard input ends, so does the process, at once and amid a run: no parent, no worker.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import queue
import sys
import threading
import time
from typing import IO, Any

from nvm_lsp.runner.child_process import restrict
from nvm_lsp.runner.code_sources import CodeSources
from nvm_lsp.runner.guest_trace import GuestRecorder
from nvm_lsp.runner.jobs import Job, perform
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.run_json import to_json
from nvm_lsp.runner.step_log import StepLog

__all__ = ["encode", "main"]

_PROGRESS_SECONDS = 0.5
#: Bytes of address space for the process, far above what the limits of a run let it take.
_MEMORY = 4 * 2**30


def encode(request: Request | Job) -> bytes:
    """A request, or a job, as a line for the worker's standard input."""
    return base64.b64encode(pickle.dumps(request)) + b"\n"


def main() -> None:
    """Answers requests until standard input ends."""
    answers = _Answers(os.fdopen(os.dup(1), "wb"))
    # Whatever prints by mistake must not end up among the answers.
    os.dup2(2, 1)
    restrict(_MEMORY)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    _warm_up()
    answers.send({"ready": True})
    threading.Thread(target=answers.tell_progress, daemon=True).start()
    while True:
        answers.send(_answer(requests.get(), answers))


def _read(requests: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _warm_up() -> None:
    from nvm_lsp.kernel.image import build  # noqa: PLC0415 -- only workers need it early
    from nvm_lsp.runner import machine  # noqa: PLC0415

    machine.load()
    assert build().runtime


def _answer(line: bytes, answers: _Answers) -> dict[str, Any]:
    try:
        request = pickle.loads(base64.b64decode(line))
        if not isinstance(request, Request):
            return {"result": perform(request, answers.watch)}
        return _run(request, answers)
    except MemoryError:
        return {"error": f"the run took more than {_MEMORY >> 30} GB"}
    except ValueError as error:  # bad scenarios and nodes that are away say what is wrong
        return {"error": str(error)}
    except Exception as error:  # the parent must learn of everything
        return {"error": f"{type(error).__name__}: {error}"}


def _run(request: Request, answers: _Answers) -> dict[str, Any]:
    log = None
    if request.log_steps:
        log = StepLog(request.log_steps, request.scenario.abi.describe_log)

    def begun(recorder: GuestRecorder) -> None:
        recorder.log = log
        answers.watch(recorder)

    answer: dict[str, Any] = {"result": to_json(run(request, begun=begun))}
    if log is not None:
        answer["steps"] = log.to_json(CodeSources(request.code, request.scenario))
    return answer


class _Answers:
    """The way back to the parent. A thread tells how far a run has come, at no cost to steps."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._running: GuestRecorder | None = None

    def watch(self, recorder: GuestRecorder) -> None:
        """A run begins; it ends with the next answer."""
        self._running = recorder

    def send(self, answer: dict[str, Any]) -> None:
        with self._lock:
            self._running = None
            self._write(answer)

    def tell_progress(self) -> None:
        while True:
            time.sleep(_PROGRESS_SECONDS)
            with self._lock:
                if self._running is not None:
                    self._write({"progress": self._running.count})

    def _write(self, answer: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent has gone; `_read` learns of it
            self._file.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
            self._file.flush()


if __name__ == "__main__":
    main()
