"""What every process that runs guests for another one does first; light, for it begins with it."""

from __future__ import annotations

import contextlib
import signal
import sys

__all__ = ["restrict"]

_PR_SET_PDEATHSIG = 1


def restrict(memory: int) -> None:
    """Leaves the end to the parent, and takes ``memory`` bytes at most where the system can tell.

    Ctrl-C is the parent's affair: it reaches every process of the terminal, and what it means for
    a run the parent decides. Without the parent there is no life.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 -- not on every system

    with contextlib.suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        # The end of standard input is noticed by a thread, which one long addition of Python
        # numbers can keep from running; this cannot be kept.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
