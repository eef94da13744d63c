"""Calls of strangers' functions on a thread, while the event loop goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar, cast

from nvm_lsp.watchdog import OvertimeError, interrupt, start

__all__ = ["beside"]

T = TypeVar("T")


async def beside(function: Callable[[], T], seconds: float) -> T:
    """The result of a call on a thread, while the event loop goes on; or whatever it raises.

    A call that is cancelled or takes too long is asked to end, and left behind.

    Raises:
        OvertimeError: it took longer than that.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(cast(T, result))
        elif isinstance(error, Exception):
            future.set_exception(error)
        else:
            future.set_exception(RuntimeError(f"it raised {type(error).__name__}"))

    def work() -> None:
        result, raised = None, None
        try:
            result = function()
        except BaseException as error:  # belongs to the caller, whatever it is
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, result, raised)

    thread = start(work)
    try:
        return await asyncio.wait_for(future, seconds)
    except TimeoutError:
        if not future.cancelled():
            raise  # it is the call's own
        raise OvertimeError(f"it took longer than {seconds:g} s") from None
    finally:
        if thread.is_alive() and future.cancelled():
            interrupt(thread)
