"""What the comments above a definition, and behind it, say of it, as Markdown."""

from __future__ import annotations

import re

from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

__all__ = ["doc_comment", "escaped"]

_MOST_LINES = 40
#: Letters that mean something in Markdown.
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~])")
#: Blanks that somebody has set to line things up.
_ALIGNED = re.compile(r"\S {2,}\S|^ {2,}\S")


def doc_comment(tree: SyntaxTree, line: int) -> str:
    """The plain comment behind a definition, or those right above it; nothing if there are none.

    Text that is laid out in columns keeps its layout.
    """
    behind = tree.line(line).comment
    if behind is not None and behind.kind == "plain" and _text(behind).strip():
        return escaped(_text(behind).strip())
    above: list[str] = []
    while line > 0 and len(above) < _MOST_LINES:
        line -= 1
        found = tree.line(line)
        if found.statement is not None or found.comment is None or found.comment.kind != "plain":
            break
        above.append(_text(found.comment))
    above.reverse()
    while above and not re.search(r"\w", above[0]):
        del above[0]
    while above and not re.search(r"\w", above[-1]):
        del above[-1]
    if any(_ALIGNED.search(row) for row in above):
        return "```text\n" + "\n".join(row.replace("```", "'''") for row in above) + "\n```"
    return "\n".join(escaped(row.strip()) for row in above)


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it as it is."""
    return _MARKUP.sub(r"\\\1", text)


def _text(comment: t.Comment) -> str:
    """The comment without its marker and one blank."""
    text = re.sub(r"^(?:#+|;+|//+)", "", comment.text.rstrip())
    return text.removeprefix(" ")
