"""The call that a cursor stands in, told by the text of the line before it."""

from __future__ import annotations

import re

__all__ = ["innermost_call"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|%?[A-Za-z_][\w.]*(?=\()|[(),]')


def innermost_call(before: str) -> tuple[str, int] | None:
    """The name whose parenthesis is still open, and the number of the argument after it.

    The name of a macro has its percent sign.
    """
    opened: list[tuple[str, int]] = []
    name = ""
    for token in _TOKEN.finditer(before):
        text = token[0]
        if text == "(":
            opened.append((name, 0))
            name = ""
        elif text == ")":
            if opened:
                opened.pop()
        elif text == ",":
            if opened:
                opened[-1] = (opened[-1][0], opened[-1][1] + 1)
        elif not text.startswith('"'):
            name = text
    return next(((name, index) for name, index in reversed(opened) if name), None)
