"""Lints many files: takes from the cache what it holds, and shares the rest among processes."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from nvm_lsp.lint.cache import Cache
from nvm_lsp.lint.report import Failure
from nvm_lsp.lint.result import FileResult, Request, content

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

__all__ = ["lint_all"]

#: Bytes of source that pay for a second process, and for each further one.
_BYTES_PER_PROCESS = 48 * 1024
#: Batches for each process, so that none waits long for the last one.
_BATCHES = 4
#: Files of a batch at most, so that progress is seen.
_BATCH_FILES = 50

_Batch = list[tuple[int, Request]]


def lint_all(
    requests: Sequence[Request],
    cache: Cache | None = None,
    processes: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[FileResult]:
    """The results of all requests, in their order.

    ``processes`` is chosen by the amount of work if it is None. ``progress`` is told how many files
    are done.
    """
    results: dict[int, FileResult] = {}
    missing: _Batch = []
    size = 0
    for index, request in enumerate(requests):
        data = request.data if request.data is not None else content(request.path)
        found = None
        if cache is not None and data is not None and not request.overlay:
            found = cache.find(request.path, request.key, data)
        if found is not None:
            results[index] = found
        else:
            missing.append((index, request))
            size += len(data or b"")
    progress(len(results))
    if missing:
        for index, result in _fresh(missing, size, processes, cache):
            results[index] = result
            if cache is not None and not requests[index].overlay:
                cache.keep(requests[index].key, result)
            progress(len(results))
    return [results[index] for index in range(len(requests))]


def _fresh(
    missing: _Batch, size: int, processes: int | None, cache: Cache | None
) -> Iterator[tuple[int, FileResult]]:
    """Lints what the cache does not hold."""
    from nvm_lsp.lint.linter import kinds  # noqa: PLC0415 -- imports the parser and all rules

    # Before any process is forked, so that they have it all.
    found = kinds()
    if cache is not None:
        cache.learn(found)
    if processes is None:
        processes = min(_processors(), size // _BYTES_PER_PROCESS + 1)
    processes = min(processes, len(missing))
    if processes < 2:
        yield from _lint_batch(missing)
    else:
        yield from _shared(missing, processes)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _lint_batch(batch: _Batch) -> Iterator[tuple[int, FileResult]]:
    from nvm_lsp.lint.one_file import TracingLoader, lint_file  # noqa: PLC0415 -- as above

    loader = TracingLoader()
    return ((index, lint_file(request, loader)) for index, request in batch)


def _in_process(batch: _Batch) -> list[tuple[int, FileResult]]:
    return list(_lint_batch(batch))


def _shared(missing: _Batch, processes: int) -> Iterator[tuple[int, FileResult]]:
    from concurrent.futures import as_completed  # noqa: PLC0415 -- only for many files
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415

    count = min(len(missing), max(processes * _BATCHES, len(missing) // _BATCH_FILES))
    batches = [missing[start::count] for start in range(count)]
    suspects: _Batch = []
    gc.freeze()  # so that no process copies what all share just to count it
    pool = _pool(processes)
    try:
        futures = {pool.submit(_in_process, batch): batch for batch in batches}
        for future in as_completed(futures):
            try:
                yield from future.result()
            except BrokenProcessPool:
                suspects += futures[future]
    except BaseException:  # Ctrl-C, too: whatever is running is of no use any more
        _end(pool)
        raise
    pool.shutdown()
    for index, request in suspects:
        yield index, _alone(index, request)


def _alone(index: int, request: Request) -> FileResult:
    """Lints a file in a process of its own, as one of several files has brought one down."""
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415 -- as above

    pool = _pool(1)
    try:
        return pool.submit(_in_process, [(index, request)]).result()[0][1]
    except BrokenProcessPool:
        message = f"{request.path}: internal error: the process that linted it ended at once"
        hint = "is there enough memory? otherwise this is a bug; please report it with the file"
        return FileResult(request.path, failures=(Failure(message, hint, internal=True),))
    finally:
        _end(pool)


def _pool(processes: int) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 -- as above
    from multiprocessing import get_context  # noqa: PLC0415 -- as above

    # A forked process has all modules at once; elsewhere forking is not safe.
    method = "fork" if sys.platform == "linux" else "spawn"
    return ProcessPoolExecutor(processes, get_context(method), initializer=_begin_process)


def _begin_process() -> None:
    """Ends a process at Ctrl-C without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end(pool: ProcessPoolExecutor) -> None:
    from multiprocessing import active_children  # noqa: PLC0415 -- as above

    pool.shutdown(wait=False, cancel_futures=True)
    for process in active_children():
        process.terminate()
