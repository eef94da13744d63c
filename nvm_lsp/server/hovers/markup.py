"""Markdown for clients that show it, plain text for those that say they show only that.

Emacs without `markdown-mode` and small clients do (LSP, `MarkupKind`). It knows the Markdown that
this project writes, not all of CommonMark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["markup", "plain_text"]

_LINK = re.compile(r"\[([^\]]+)\]\((\S+?)\)")
#: Code first: what stands in it is no markup.
_MARKS = re.compile(r"(`+)(?P<code>.+?)\1|\*\*(?P<bold>.+?)\*\*|\\(?P<escaped>[!-/:-@\[-`{-~])")
_TABLE_RULE = re.compile(r"\|?[-:| ]*-[-:| ]*\|[-:| ]*")


def markup(text: str, formats: Sequence[Any] | None) -> dict[str, str]:
    """`MarkupContent` of a Markdown text; ``formats`` are the client's, None if it said nothing."""
    if formats is None or "markdown" in formats:
        return {"kind": "markdown", "value": text}
    return {"kind": "plaintext", "value": plain_text(text)}


def plain_text(markdown: str) -> str:
    """The text without its marks; links keep their address."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_plain_lines(markdown)))


def _plain_lines(markdown: str) -> Iterator[str]:
    is_code = False
    for line in markdown.splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif is_code:
            yield line
        elif not _TABLE_RULE.fullmatch(line):
            text = (line.lstrip("# ") if line.startswith("#") else line).rstrip()
            yield "" if text == "---" else _MARKS.sub(_unmarked, _LINK.sub(r"\1 <\2>", text))


def _unmarked(found: re.Match[str]) -> str:
    return str(found["code"] or found["bold"] or found["escaped"])
