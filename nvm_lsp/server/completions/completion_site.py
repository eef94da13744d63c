"""Where a cursor is in a program: what may stand there, told by the text of the line before it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nvm_lsp.opcodes import opcode_by_name

__all__ = ["LAST_WORD", "Site", "site_at"]

_WORD = r"[A-Za-z_][A-Za-z0-9_.]*"
_STATEMENT = re.compile(rf"\s*(?P<word>{_WORD})?$")
_DIRECTIVE = re.compile(r"\s*%(?P<word>[A-Za-z0-9_.]*)$")
_HEAD = re.compile(rf"\s*(?P<head>%?{_WORD})(?P<rest>[\s(\[].*)$", re.DOTALL)
_IN_STRING = re.compile(
    r'(?:(?P<function>\w+)\(|(?P<directive>%\w+)\s+)"(?P<text>[^"]*)$'
)
_AFTER_NUMBER = re.compile(r"\b\d[\d_]*\s+(?P<word>[A-Za-z]*)$")
_AFTER_HEAD = re.compile(
    rf"\s+{_WORD}\s*(?:\([^()]*\))?(?:\s*(?:takes|returns)\s*\(\s*\d*\s*\))*\s+\w*$"
)
#: The word that ends a text, perhaps empty.
LAST_WORD = re.compile(rf"@?(?:{_WORD})?$")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the cursor is. ``kind`` says what may stand there; ``start`` is where the word begins.

    Kinds are statement, directive, operand, label, at, unit, fork, effect, fill, width, path,
    selector, topic and nothing. ``word`` is what of the word stands before the cursor; ``head`` is
    the mnemonic in upper case, or the directive.
    """

    kind: str
    start: int
    word: str
    is_source: bool = False  # of a path: an include's
    head: str = ""


def site_at(before: str) -> Site:
    """What may stand at the end of ``before``, the text of the line up to the cursor."""
    in_string = _IN_STRING.search(before)
    if in_string is not None and before.count('"') % 2:
        start = in_string.start("text")
        word = in_string["text"]
        if in_string["directive"] in ("%include", "%incbin"):
            return Site("path", start, word, in_string["directive"] == "%include")
        if in_string["function"] in ("selector", "topic"):
            return Site(in_string["function"], start, word)
        return Site("nothing", len(before), "")
    if before.count('"') % 2:
        return Site("nothing", len(before), "")
    found = _DIRECTIVE.match(before)
    if found is not None:
        return Site("directive", found.start("word") - 1, "%" + found["word"])
    found = _STATEMENT.match(before)
    if found is not None:
        start = len(before) - len(found["word"] or "")
        return Site("statement", start, found["word"] or "")
    return _operand_site(before)


def _operand_site(before: str) -> Site:
    head = _HEAD.match(before)
    word = LAST_WORD.search(before)
    assert word is not None
    start, text = word.start(), word[0]
    nothing = Site("nothing", len(before), "")
    if head is None:
        return nothing
    name = head["head"]
    rest = head["rest"]
    if name.startswith("%"):
        if name == "%macro" and _AFTER_HEAD.match(rest):
            return Site("effect", start, text)
        if name in ("%include", "%incbin", "%macro", "%else", "%end"):
            return nothing
        if name == "%fork":
            return Site("fork", start, text)
        if name == "%def" and "=" not in rest:
            return nothing
        if name == "%table" and "[" not in rest:
            return nothing
        if name == "%table" and "]" in rest:
            return Site("width", start, text) if not re.search(r"\]\s*width\s", rest) else nothing
        if name == "%table":
            return Site("label", start, text)
    elif not _takes_operand(name):
        return nothing
    unit = _AFTER_NUMBER.search(before)
    if unit is not None:
        return Site("unit", unit.start("word"), unit["word"])
    if re.search(r"[\w)\]\"]\s+$", before) and not re.search(rf"^\s*%?{_WORD}\s+$", before):
        return Site("fill", start, text) if name in ("%org", "%align") else nothing
    if text.startswith("@"):
        return Site("at", start, text)
    if re.search(r"\d\w*$", before) and not re.search(rf"{_WORD}$", before):
        return nothing
    return Site("operand", start, text, head=name if name.startswith("%") else name.upper())


def _takes_operand(mnemonic: str) -> bool:
    row = opcode_by_name(mnemonic)
    return mnemonic.upper() == "PUSH" or (row is not None and row.immediate_size > 0)
