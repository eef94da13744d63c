"""Calls that must end: a limit of time for code that is not ours.

On the main thread of a POSIX system a timer interrupts the call, whatever it does: loops, sleeps,
regular expressions, long arithmetic. Elsewhere the call runs on a thread of its own, is asked to
end, and is left behind if it does not. What neither can end is code in C that never looks for
signals; such plugins are for the user to remove.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

__all__ = ["OvertimeError", "interrupt", "limited", "on_a_thread", "start"]

T = TypeVar("T")

#: Seconds between interruptions of a call that swallows them.
_AGAIN = 0.02


class OvertimeError(Exception):
    """A call took longer than it may."""


class _Stop(BaseException):
    """What a call is interrupted with; no ``except Exception`` holds it up."""


def limited(function: Callable[[], T], seconds: float) -> T:
    """The result of a call, or whatever it raises.

    Raises:
        OvertimeError: it took longer than that.
    """
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _with_timer(function, seconds)
    return on_a_thread(function, seconds)


def _with_timer(function: Callable[[], T], seconds: float) -> T:
    over = False
    interruptions = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal interruptions
        if over:
            return
        interruptions += 1
        if interruptions > 1:
            # Something swallows it, `except:` in a loop as a rule. Then it is raised once more
            # where that is handled, and so leaves the loop.
            sys.settrace(again)
            while frame is not None:
                frame.f_trace = again
                frame = frame.f_back
        raise _Stop

    def again(frame: FrameType, event: str, argument: Any) -> Any:
        if not over and isinstance(sys.exc_info()[1], _Stop):
            raise _Stop
        return again

    tracing = sys.gettrace()
    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    # An alarm that is set already, such as that of a call around this one, is put off no further
    # than its own time, and set again.
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    most = min(seconds, left) if left else seconds
    signal.setitimer(signal.ITIMER_REAL, most, _AGAIN)
    try:
        try:
            return function()
        finally:
            over = True
            if interruptions > 1:
                sys.settrace(tracing)
    except _Stop as stopped:
        raise OvertimeError(f"it took longer than {seconds:g} s") from stopped
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if left:
            rest = max(left - (time.monotonic() - began), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)


def on_a_thread(function: Callable[[], T], seconds: float) -> T:
    """As `limited`, always on a thread of its own; waiting for it is the caller's affair.

    Raises:
        OvertimeError: it took longer than that, and may still be running.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # belongs to the caller, whatever it is
            errors.append(error)

    thread = start(work)
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    interrupt(thread)
    raise OvertimeError(f"it took longer than {seconds:g} s")


def start(work: Callable[[], None]) -> threading.Thread:
    """Begins work on a thread of its own."""
    # A daemon, so that a process can end although a call does not.
    thread = threading.Thread(target=work, daemon=True, name="plugin")
    thread.start()
    return thread


def interrupt(thread: threading.Thread) -> None:
    """Asks work on a thread to end, which Python code does at its next step."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop)
        )
