"""Jumps whose destination the analysis has found, by the lines of the sources.

It tells of labels of the program; labels inside macros have as many offsets as the macro has uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.assembler import Assembly
from nvm_lsp.source import Location

__all__ = ["Jump", "jumps"]


class Jump(NamedTuple):
    """The line of a JUMP or JUMPI, and the definition of a label that it may lead to."""

    path: str
    line: int
    label: Location


def jumps(assembly: Assembly) -> Iterator[Jump]:
    """The jumps of a program that lead to labels, each with each of them."""
    analysis = analyze(assembly)
    labels = {
        assembly.symbols.labels[name]: name
        for name, (_, site) in assembly.layout.sites.items()
        if site.kind == "label"
    }
    for block in analysis.blocks():
        if block.summary is None or block.summary.ends not in ("jump", "jumpi"):
            continue
        origin = analysis.origin(block.last)
        for target in block.successors:
            symbol = assembly.symbols.find(labels[target]) if target in labels else None
            if origin is None or symbol is None or symbol.location is None:
                continue
            if target == block.end and target != _destination(block.summary.target):
                continue  # where it goes on if it does not jump
            yield Jump(origin.location.path, origin.location.span.start.line, symbol.location)


def _destination(value: object) -> int | None:
    return value if isinstance(value, int) else None
