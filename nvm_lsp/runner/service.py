"""Runs guests in worker processes, started ahead of need and killed when a run must end.

It knows nothing of editors; the server and others await `ExecutionService.run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import OrderedDict, deque
from collections.abc import Callable
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

Progress = Callable[[int], None]


class RunFailedError(Exception):
    """A run gave no result: the worker died, hung, or the request was refused."""


class ExecutionService:
    """Keeps workers; at most ``workers`` run at once, further runs wait for their turn.

    Turns go round the clients that wait, so that one with many runs does not keep out another.
    """

    def __init__(self, workers: int = 2) -> None:
        self._workers = workers
        self._free = workers
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Starts a worker, so that the first run finds it warm."""
        if not self._idle and not self._closed and len(self._all) < self._workers:
            self._idle.append(await self._spawn())

    async def run(
        self, request: Request, *, client: str = "", progress: Progress | None = None
    ) -> dict[str, Any]:
        """The result of a run as JSON; lines are None. Cancelling it kills the worker.

        ``progress`` is told the number of guest steps now and then. ``client`` is who shares turns.

        Raises:
            RunFailedError: there is no result.
        """
        await self._turn(client)
        worker: _Worker | None = None
        done = False
        try:
            worker = self._idle.pop() if self._idle else await self._spawn()
            answer = await worker.ask(request, progress)
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
        self._closed = True
        for worker in self._all:
            worker.kill()
        for worker in list(self._all):
            await worker.process.wait()
        self._all.clear()
        self._idle.clear()

    async def _turn(self, client: str) -> None:
        """Waits until this client may run."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._pass_on()  # the turn had come already
            else:
                self._leave(client, place)
            raise

    def _leave(self, client: str, place: asyncio.Future[None]) -> None:
        queue = self._waiting.get(client)
        if queue is not None and place in queue:
            queue.remove(place)
            if not queue:
                del self._waiting[client]

    def _pass_on(self) -> None:
        """Gives a turn to the client that waits longest, who then goes behind the others."""
        if not self._waiting:
            self._free += 1
            return
        client, queue = self._waiting.popitem(last=False)
        place = queue.popleft()
        if queue:
            self._waiting[client] = queue
        place.set_result(None)

    def _release(self, worker: _Worker | None, done: bool) -> None:
        self._pass_on()
        if worker is None:
            return
        if done and worker.runs < _RUNS_A_WORKER and not self._closed:
            self._idle.append(worker)
            return
        worker.kill()
        self._all.discard(worker)
        self._later(worker.reap())
        self._later(self.start())

    def _later(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _spawn(self) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nvm_lsp.runner.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_LIMIT,
        )
        worker = _Worker(process)
        self._all.add(worker)
        return worker


class _Worker:
    """A process with the pipes to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.runs = 0
        self.ready = False

    async def ask(self, request: Request, progress: Progress | None) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        stdin = self.process.stdin
        assert stdin is not None
        if not self.ready:
            await self._read(_START_SECONDS)
            self.ready = True
        self.runs += 1
        stdin.write(encode(request))
        await stdin.drain()
        limit = request.limits.seconds + _GRACE_SECONDS
        async with asyncio.timeout(limit):
            while "progress" in (answer := await self._read(limit)):
                if progress is not None:
                    progress(answer["progress"])
        return answer

    async def _read(self, seconds: float) -> dict[str, Any]:
        stdout = self.process.stdout
        assert stdout is not None
        line = await asyncio.wait_for(stdout.readline(), seconds)
        if not line:
            raise RunFailedError("the worker process ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def reap(self) -> None:
        """Waits for its end, so that no dead process stays behind."""
        await self.process.wait()
