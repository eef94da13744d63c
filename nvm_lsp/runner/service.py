"""Runs guests in worker processes, started ahead of need and killed when a run must end.

It knows nothing of editors; the server and others await `ExecutionService.run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from nvm_lsp.runner.run import Request
from nvm_lsp.runner.worker import encode

__all__ = ["ExecutionService", "RunFailedError"]

#: A worker answers within the run's own time limit; past that and this many seconds it hangs.
_GRACE_SECONDS = 5.0
_START_SECONDS = 60.0
#: A worker is replaced after this many runs, so that nothing can pile up in it.
_RUNS_A_WORKER = 200
_LINE_LIMIT = 256 * 2**20


class RunFailedError(Exception):
    """A run gave no result: the worker died, hung, or the request was refused."""


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.runs = 0
        self.ready = False

    async def ask(self, request: Request) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        if not self.ready:
            await asyncio.wait_for(stdout.readline(), _START_SECONDS)
            self.ready = True
        self.runs += 1
        stdin.write(encode(request))
        await stdin.drain()
        line = await asyncio.wait_for(
            stdout.readline(), request.limits.seconds + _GRACE_SECONDS
        )
        if not line:
            raise RunFailedError("the worker process ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class ExecutionService:
    """Keeps workers; at most ``workers`` run at once, further runs wait for their turn."""

    def __init__(self, workers: int = 2) -> None:
        self._turn = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts a worker, so that the first run finds it warm."""
        if not self._idle:
            self._idle.append(await self._spawn())

    async def run(self, request: Request) -> dict[str, Any]:
        """The result of a run as JSON; lines are None. Cancelling it kills the worker.

        Raises:
            RunFailedError: there is no result.
        """
        async with self._turn:
            worker = self._idle.pop() if self._idle else await self._spawn()
            done = False
            try:
                answer = await worker.ask(request)
                done = True
            except TimeoutError:
                raise RunFailedError("the worker process did not answer and was killed") from None
            except (OSError, ValueError) as error:
                raise RunFailedError(f"the worker process failed: {error}") from error
            finally:
                self._release(worker, done)
        if "error" in answer:
            raise RunFailedError(answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    async def close(self) -> None:
        """Ends all workers."""
        for worker in self._all:
            worker.kill()
        for worker in list(self._all):
            await worker.process.wait()
        self._all.clear()
        self._idle.clear()

    def _release(self, worker: _Worker, done: bool) -> None:
        if done and worker.runs < _RUNS_A_WORKER:
            self._idle.append(worker)
            return
        worker.kill()
        self._all.discard(worker)
        if self._starting is None or self._starting.done():
            self._starting = asyncio.ensure_future(self.start())

    async def _spawn(self) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nvm_lsp.runner.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_LIMIT,
        )
        worker = _Worker(process)
        self._all.add(worker)
        return worker
