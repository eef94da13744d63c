"""Arguments that several commands take, and how a wrong one is said; it reads no program."""

from __future__ import annotations

import argparse
import os
import sys
from difflib import get_close_matches

from nvm_lsp.configuration import Configurations, read
from nvm_lsp.opcodes import FORKS, find_fork

__all__ = [
    "UsageError", "complain", "complain_of_configuration", "configurations", "fork_argument",
]


class UsageError(ValueError):
    """What a command was asked for cannot be; the message says why, ``hint`` what can."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def complain(message: str, hint: str = "") -> int:
    """Says on stderr what is wrong with the usage or the input; the exit code for it."""
    print(f"nvm-lsp: {message}", file=sys.stderr)
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)
    return 2


def fork_argument(name: str) -> str:
    """An argparse type: the name of a fork.

    Raises:
        argparse.ArgumentTypeError: there is no such fork.
    """
    if find_fork(name) is None:
        near = get_close_matches(name.lower(), FORKS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(FORKS)
        raise argparse.ArgumentTypeError(f"unknown fork {name!r}; {hint}")
    return name.lower()


def configurations(path: str | None) -> Configurations:
    """Where configuration comes from: a file named by an option, or the nearest of each file.

    Raises:
        UsageError: the file has no configuration.
    """
    if path is None:
        return Configurations()
    found = read(path)
    if found is None:
        raise UsageError(f"{path} holds no [tool.nvm-lsp]")
    return Configurations(found)


def complain_of_configuration(found: Configurations) -> int:
    """Says what is wrong with the configurations that were met; 2 if anything is, else 0."""
    code = 0
    for configuration in found.read():
        for flaw in configuration.flaws:
            place = flaw.place.removeprefix(os.path.join(os.getcwd(), ""))
            code = complain(f"{place}: {flaw.message}", flaw.hint)
    return code
