"""Runs guests in worker processes, started ahead of need and killed when a run must end.

It knows nothing of editors; the server and others await `ExecutionService.run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any

from nvm_lsp.runner.jobs import Job
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.worker import encode

__all__ = ["ExecutionService", "RunFailedError"]

#: A worker answers within the run's own time limit; past that and this many seconds it hangs.
_GRACE_SECONDS = 5.0
_START_SECONDS = 60.0
#: A worker is replaced after this many runs, so that nothing can pile up in it.
_RUNS_A_WORKER = 200
_LINE_LIMIT = 256 * 2**20

#: Is told how many guest steps a run has made, about twice a second.
Progress = Callable[[int], None]


class RunFailedError(Exception):
    """A run gave no result: the worker died, hung, or the request was refused."""


class ExecutionService:
    """Keeps workers; at most ``workers`` run at once, further runs wait for their turn.

    Turns go round the owners that wait, so that one document's twenty runs do not keep another's
    single one waiting; the runs of one owner start in the order of their asking.
    """

    def __init__(self, workers: int = 2, *, runs_a_worker: int = _RUNS_A_WORKER) -> None:
        self._turns = _Turns(workers)
        self._runs_a_worker = runs_a_worker
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._starting: asyncio.Task[None] | None = None
        self._closed = False
        self._ending: set[asyncio.Future[int]] = set()

    async def start(self) -> None:
        """Starts a worker, so that the first run finds it warm."""
        if self._starting is None or self._starting.done():
            self._starting = asyncio.ensure_future(self._keep_one())
        await asyncio.shield(self._starting)

    async def _keep_one(self) -> None:
        if not self._idle and not self._closed:
            with contextlib.suppress(RunFailedError):  # closed meanwhile
                self._idle.append(await self._spawn())

    async def run(
        self, request: Request, *, owner: Hashable = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """The result of a run as JSON; lines are None. Cancelling it kills the worker.

        ``owner`` is on whose behalf it runs: a document, say.

        Raises:
            RunFailedError: there is no result.
        """
        answer = await self._answer(request, owner, progress)
        result: dict[str, Any] = answer["result"]
        return result

    async def steps(self, request: Request, *, owner: Hashable = None) -> dict[str, Any]:
        """The steps of a run whose request asks for them; see `StepLog.to_json`.

        Raises:
            RunFailedError: there is no result.
        """
        answer = await self._answer(request, owner, None)
        steps: dict[str, Any] = answer["steps"]
        return steps

    async def perform(
        self, job: Job, *, owner: Hashable = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """What a job gives; see `nvm_lsp.runner.jobs.perform`.

        Raises:
            RunFailedError: there is no result.
        """
        answer = await self._answer(job, owner, progress)
        result: dict[str, Any] = answer["result"]
        return result

    async def _answer(
        self, request: Request | Job, owner: Hashable, progress: Progress | None
    ) -> dict[str, Any]:
        async with self._turns.turn(owner):
            worker = await self._worker()
            done = False
            try:
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
        return answer

    async def close(self) -> None:
        """Ends all workers; runs that are under way fail."""
        self._closed = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        while self._all:
            self._end(self._all.pop())
        self._idle.clear()
        await asyncio.gather(*self._ending)

    async def _worker(self) -> _Worker:
        """A worker that waits for a request or is about to; one that has died is passed over."""
        if not self._idle and self._starting is not None:
            await asyncio.shield(self._starting)
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
            self._all.discard(worker)
        return await self._spawn()

    def _release(self, worker: _Worker, done: bool) -> None:
        if done and worker.runs < self._runs_a_worker and not self._closed:
            self._idle.append(worker)
            return
        self._all.discard(worker)
        self._end(worker)
        if not self._closed and (self._starting is None or self._starting.done()):
            self._starting = asyncio.ensure_future(self._keep_one())

    def _end(self, worker: _Worker) -> None:
        """Kills a worker; that it is gone, `close` waits for."""
        worker.kill()
        ending = asyncio.ensure_future(worker.process.wait())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _spawn(self) -> _Worker:
        self._refuse_if_closed()
        process = await asyncio.create_subprocess_exec(
            # Never from the folder of the moment, which may be somebody else's.
            sys.executable, "-P", "-m", "nvm_lsp.runner.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_LIMIT,
        )
        worker = _Worker(process)
        try:
            self._refuse_if_closed()  # meanwhile
        except RunFailedError:
            self._end(worker)
            raise
        self._all.add(worker)
        return worker

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RunFailedError("no more runs: the service is closed")


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.runs = 0
        self.ready = False

    async def ask(self, request: Request | Job, progress: Progress | None) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        if not self.ready:
            await asyncio.wait_for(self._line(stdout), _START_SECONDS)
            self.ready = True
        self.runs += 1
        stdin.write(encode(request))
        await stdin.drain()
        async with asyncio.timeout(request.limits.seconds * 2 + _GRACE_SECONDS):  # natively too
            while True:
                answer = await self._line(stdout)
                if "progress" not in answer:
                    return answer
                if progress is not None:
                    progress(answer["progress"])

    async def _line(self, stdout: asyncio.StreamReader) -> dict[str, Any]:
        line = await stdout.readline()
        if not line.endswith(b"\n"):
            raise RunFailedError("the worker process ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class _Turns:
    """A number of places, given in turn to the owners that wait for one."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, owner: Hashable) -> AsyncIterator[None]:
        """Holds a place for the length of the block."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait(owner)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, owner: Hashable) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self._pass_on()  # it came in the very moment in which nobody wanted it any more
            raise

    def _pass_on(self) -> None:
        """Gives a place to the next owner, who then stands last."""
        while self._waiting:
            owner, places = self._waiting.popitem(last=False)
            place = places.popleft()
            if places:
                self._waiting[owner] = places
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
