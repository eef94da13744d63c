"""Names of labels and constants in comments that a run reads: scenario, probe and expectation.

It knows only where in such a comment an expression may stand; the runner knows what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.assembler.expressions import UNITS
from nvm_lsp.syntax import tree as t

__all__ = ["WORDS_OF_PROBES", "names_in_comment", "words_of_picture"]

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"'
    rf"|[0-9][0-9A-Za-z_]*(?:[ \t]+(?:{'|'.join(UNITS)})\b)?"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)(?P<bracket>[ \t]*[(\[])?"
)
_FIELD = re.compile(r"\w+=(?!=)")
#: Keys of scenarios whose whole text is made of expressions.
_EXPRESSIONS = ("caller", "wallet", "verifier", "value", "gas", "balance", "storage")
#: Words that stand for themselves in probes and expectations.
WORDS_OF_PROBES = frozenset({
    "stack", "mem", "memory", "storage", "transient", "returndata", "gas", "gas_left", "msize",
    "pc", "hits", "depth", "_",
})
_WORDS_OF_OUTCOMES = frozenset({"return", "stop", "revert", "halt", "limit", "log", "data"})


def names_in_comment(comment: t.Comment) -> Iterator[tuple[int, int, str]]:
    """Start, end and text of each name that may be one of the program."""
    if comment.text[:2] not in ("#@", "#?", "#="):
        return
    match comment.kind:
        case "scenario":
            for start, text in _expressions_of_scenario(comment):
                yield from _names(text, start, frozenset())
        case "probe":
            yield from _names(comment.body, comment.body_start, WORDS_OF_PROBES)
        case "expectation":
            words = WORDS_OF_PROBES | _WORDS_OF_OUTCOMES
            yield from _names(comment.body, comment.body_start, words)


def words_of_picture(comment: t.Comment) -> Iterator[tuple[int, int, str]]:
    """Start, end and text of each word of a stack comment."""
    if comment.kind == "stack":
        inside = comment.body.rpartition("]")[0]
        yield from _names(inside, comment.body_start, frozenset())


def _expressions_of_scenario(comment: t.Comment) -> Iterator[tuple[int, str]]:
    """The parts of a `#@` line that hold expressions, with their columns."""
    found = re.match(r"(\S+)[ \t]+", comment.body)
    if found is None:
        return
    key, rest = found[1], comment.body[found.end() :]
    column = comment.body_start + found.end()
    if key in _EXPRESSIONS or key.startswith("block."):
        yield column, rest
        return
    words = list(re.finditer(r"\S+", rest))
    if key in ("account", "deploy", "label"):
        # The address; what follows is a path, a name, or fields like balance=1.
        yield from ((column + word.start(), word[0]) for word in words[:1])
        words = words[1:]
    if key in ("account", "deploy", "rpc"):
        fields = [(word, _FIELD.match(word[0])) for word in words]
        starts = [word.start() for word, field in fields if field] + [len(rest)]
        values = [word.start() + field.end() for word, field in fields if field]
        for value, stop in zip(values, starts[1:], strict=True):
            yield column + value, rest[value:stop]


def _names(
    text: str, column: int, excluded: frozenset[str]
) -> Iterator[tuple[int, int, str]]:
    for found in _TOKEN.finditer(text):
        word = found["word"]
        # In front of a bracket stands a function, or a probe with its index.
        if word is not None and word not in excluded and not found["bracket"]:
            start, end = found.span("word")
            yield column + start, column + end, word
