"""The words of a comment with their columns."""

from __future__ import annotations

import re

from nvm_lsp.syntax import tree as t

__all__ = ["words_of"]

_WORD = re.compile(r"[\w.\-]+")


def words_of(comment: t.Comment) -> tuple[tuple[int, int, str], ...]:
    """The words of a comment behind its marker: start, end, text."""
    return tuple(
        (comment.body_start + found.start(), comment.body_start + found.end(), found[0])
        for found in _WORD.finditer(comment.body)
    )
