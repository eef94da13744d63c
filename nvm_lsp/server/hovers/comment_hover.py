"""What comments that mean something tell under the cursor: scenarios, probes, expectations, stack
comments, suppressions.

Of their expressions it knows names and numbers, which is what somebody looks at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.comment_names import names_in_comment, words_of_picture
from nvm_lsp.assembler.expressions import UNITS
from nvm_lsp.diagnostics import KINDS
from nvm_lsp.lint.linter import rules
from nvm_lsp.server.comments import words_of
from nvm_lsp.server.completions.comment_completion import MARKERS, OUTCOME_MEANING, PROBES
from nvm_lsp.server.hovers.name_pages import fork_page, symbol_page
from nvm_lsp.server.hovers.values import number_page, value_of
from nvm_lsp.server.scenario_keys import describe_key, describe_value
from nvm_lsp.syntax import parse_expression
from nvm_lsp.syntax import tree as t

__all__ = ["comment_parts", "rule_page"]

#: Start, end and Markdown of a stretch of a line.
Part = tuple[int, int, str]

_NUMBER = re.compile(
    rf"(?<![\w.])(?:0x[0-9a-fA-F_]+|0b[01_]+|\d[\d_]*(?:[ \t]+(?:{'|'.join(UNITS)})\b)?)(?![\w.])"
)
_LONGEST_WORD = 2 + 64
_PROBE = re.compile(r"[A-Za-z_]\w*")


def comment_parts(
    comment: t.Comment, assembly: Assembly, stack: str, signatures: Sequence[str]
) -> Iterator[Part]:
    """The stretches of a comment with something to tell, smaller ones first; ``stack`` is the stack
    around its line."""
    match comment.kind:
        case "scenario":
            yield from _scenario(comment)
        case "probe" | "expectation":
            yield from _probes(comment)
        case "suppression":
            yield from _codes(comment)
        case "stack":
            for start, end, name in words_of_picture(comment):
                yield start, end, symbol_page(assembly, name)
            text = "stack comment: the stack after this line, top first"
            yield comment.start, comment.end, text + stack
        case _:
            return
    for start, end, name in names_in_comment(comment):
        yield start, end, symbol_page(assembly, name)
    if comment.kind in ("scenario", "probe", "expectation"):
        yield from _numbers(comment, assembly, signatures)
        meaning = next(text for marker, text, _ in MARKERS if marker == comment.text[:2])
        yield comment.start, comment.start + 2, f"`{comment.text[:2]}` {meaning}"


def rule_page(code: str) -> str:
    """The page of a diagnostic, with headings that suit a hover; nothing if there is none."""
    rules()  # their kinds are defined when they are loaded
    kind = KINDS.get(code)
    if kind is None:
        return ""
    page = re.sub(r"^#+ +(.*)$", r"**\1**", kind.page, flags=re.MULTILINE)
    return f"**{kind.code}** {kind.name}\n\n" + re.sub(r"(?m)^(\*\*.*\*\*)$", r"\1  ", page)


def _scenario(comment: t.Comment) -> Iterator[Part]:
    words = words_of(comment)
    key = words[0][2] if words else ""
    for start, end, word in words[:1]:
        yield start, end, describe_key(word)
    for start, end, word in words[1:]:
        if key == "fork":
            yield start, end, fork_page(word)
        else:
            yield start, end, describe_value(key, word)


def _probes(comment: t.Comment) -> Iterator[Part]:
    """The words of probes and outcomes."""
    meanings: dict[str, list[tuple[str, str]]] = {}
    for form, meaning, _ in PROBES:
        meanings.setdefault(form.partition("[")[0], []).append((form, meaning))
    meanings["memory"] = meanings["mem"]
    start = comment.body_start
    for found in _PROBE.finditer(comment.body):
        word = found[0]
        if word in meanings:
            text = "\n".join(f"- `{form}` {meaning}" for form, meaning in meanings[word])
            yield start + found.start(), start + found.end(), text
        elif comment.kind == "expectation" and found.start() == 0 and word in OUTCOME_MEANING:
            text = f"**{word}** {OUTCOME_MEANING[word]}"
            yield start, start + found.end(), text


def _codes(comment: t.Comment) -> Iterator[Part]:
    for start, end, word in words_of(comment):
        if word == "ignore":
            text = (
                "`# easm: ignore[CODE, …] -- reason` suppresses diagnostics: at this line, or in "
                "the whole file if it stands at its head."
            )
            yield start, end, text
        else:
            yield start, end, rule_page(word)


def _numbers(
    comment: t.Comment, assembly: Assembly, signatures: Sequence[str]
) -> Iterator[Part]:
    for found in _NUMBER.finditer(comment.body):
        start, end = (comment.body_start + place for place in found.span())
        text = found[0]
        if text.startswith("0x") and len(text.replace("_", "")) > _LONGEST_WORD:
            yield start, end, _bytes(text[2:].replace("_", ""), signatures)
            continue
        expression, problems = parse_expression(text)
        value = None if expression is None or problems else value_of(expression, assembly)
        if isinstance(value, int):
            yield start, end, number_page(value, signatures)


def _bytes(digits: str, signatures: Sequence[str]) -> str:
    """How long data is, and what it begins with if it is a call's."""
    size = f"{(len(digits) + 1) // 2:,} bytes"
    page = number_page(int(digits[:8], 16), signatures)
    named = [row for row in page.splitlines() if "selector of" in row]
    return "\n".join([f"{size}\n" * bool(named) or size, *named])
