"""What may be written in comments that mean something: scenario, probe, expectation, suppression.

It offers forms and names; what they mean is the runner's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import UNITS
from nvm_lsp.diagnostics import KINDS
from nvm_lsp.lint.linter import rules
from nvm_lsp.runner.run import OUTCOMES
from nvm_lsp.runner.scenario_reader import KEYS
from nvm_lsp.server.actions.stack_comment_edits import picture_after, picture_text
from nvm_lsp.server.completions.completion_item import Item, Kind
from nvm_lsp.server.completions.completion_items import fork_items
from nvm_lsp.server.completions.path_completion import PATH_KEYS, Files, paths
from nvm_lsp.server.hovers.stack_hover import has_flow
from nvm_lsp.server.scenario_keys import describe_value, forms, values_of
from nvm_lsp.syntax import parse_line

__all__ = ["MARKERS", "OUTCOME_MEANING", "PROBES", "in_comment"]

#: Forms of probes with their meaning, and as snippets.
PROBES = (
    ("stack", "the whole stack, top first", None),
    ("stack[0]", "a word of the stack; 0 is the top", "stack[${1:0}]"),
    ("mem[0:32]", "bytes of the guest's memory", "mem[${1:0}:${2:32}]"),
    ("mem[0]", "the word of memory at an offset", "mem[${1:0}]"),
    ("storage[0]", "a word of the wallet's storage", "storage[${1:0}]"),
    ("transient[0]", "a word of transient storage", "transient[${1:0}]"),
    ("returndata", "what the last call returned", None),
    ("returndata[0:32]", "bytes of what the last call returned", "returndata[${1:0}:${2:32}]"),
    ("gas", "gas used so far", None),
    ("gas_left", "gas that is left", None),
    ("msize", "bytes of memory touched so far", None),
    ("pc", "offset of the instruction", None),
    ("hits", "how often the line ran", None),
    ("depth", "words on the stack", None),
)
_OUTCOME_FORMS = {
    "return": "${1:value}",
    "revert": '"${1:reason}"',
    "halt": '"${1:cause}"',
    "limit": '"${1:limit}"',
}
OUTCOME_MEANING = {
    "return": "the run returns, perhaps with this data",
    "stop": "the run stops without data",
    "revert": "the run reverts, perhaps with this reason or data",
    "halt": "the run halts: out of gas, bad jump, …",
    "limit": "the run meets a limit of ours: time, memory, …",
    "log": "a log with these topics, `_` for any",
}
MARKERS = (
    ("#@", "scenario: what a run starts from", "#@ "),
    ("#?", "probe: a value shown here after a run", "#? "),
    ("#=", "expectation: what `nvm-lsp test` checks", "#= "),
    ("# easm: ignore[CODE] -- reason", "suppress a diagnostic", "# easm: ignore[${1}] -- ${2}"),
)
_COMPARISONS = (
    ("==", "equal"), ("!=", "not equal"), ("<=", "at most"), (">=", "at least"), ("<", "less"),
    (">", "greater"),
)
#: Why a guest may halt, as runs say it.
_CAUSES = (
    "out of gas", "invalid instruction", "bad jump destination", "stack underflow",
    "stack overflow",
)
_ADDRESS_KEYS = ("caller", "wallet", "verifier", "account", "deploy", "label", "storage")
#: Keys whose text is no expression.
_FREE_KEYS = ("case", "calldata", "rpc")
_IGNORE = Item(
    "ignore[CODE] -- reason", Kind.KEYWORD, "suppress a diagnostic", insert="ignore[",
    snippet="ignore[${1}] -- ${2}",
)
_SUPPRESSION = re.compile(r"#\s*easm:\s\w*$")
_UNIT = re.compile(r"(?<![\w.])\d[\d_]*\s+[A-Za-z]*$")
_WORD = re.compile(r"[\w.\-]*$")
_CODES = re.compile(r"easm:\s*ignore\[[^\]]*$")


def in_comment(
    before: str, assembly: Assembly, files: Files, line: int | None = None
) -> tuple[Iterator[Item], int] | None:
    """What may stand at the end of ``before``, and where the word there begins.

    None if that is in no comment. ``line`` is the number of the line.
    """
    comment = parse_line(before).comment
    if comment is None:
        return None
    word = _WORD.search(before)
    assert word is not None
    start = max(word.start(), comment.body_start)
    body = before[comment.body_start :]
    unit = _UNIT.search(body)
    if unit is not None and comment.kind in ("scenario", "probe", "expectation"):
        return _units(), start
    match comment.kind:
        case "scenario":
            return _scenario(body, comment.body_start, start, assembly, files)
        case "probe":
            return _probes(assembly), start
        case "expectation":
            return _expectations(body, comment.body_start, start, assembly)
    if _CODES.search(before):
        return _codes(), start
    if _SUPPRESSION.match(comment.text):
        return iter((_IGNORE,)), comment.start + comment.text.index(":") + 2
    if re.fullmatch(r"#[@?=]?|#\s*e?a?s?m?|#\s*\[", comment.text):
        return chain(_picture(assembly, line), _markers()), comment.start
    return iter(()), len(before)


def _markers() -> Iterator[Item]:
    for rank, (label, detail, text) in enumerate(MARKERS, 1):
        snippet = text if "$" in text else None
        yield Item(
            label, Kind.KEYWORD, detail, insert=label if snippet else text, snippet=snippet,
            rank=rank,
        )


def _picture(assembly: Assembly, line: int | None) -> Iterator[Item]:
    """The stack after a line, to be written as its comment."""
    if line is None or not assembly.ok or not has_flow(assembly):
        return
    picture = picture_after(assembly, line)
    if picture is not None:
        yield Item(f"# {picture_text(picture)}", Kind.VALUE, "stack after this line", rank=0)


def _units() -> Iterator[Item]:
    for unit, factor in UNITS.items():
        yield Item(unit, Kind.UNIT, f"{factor:,}")


def _scenario(
    body: str, body_start: int, start: int, assembly: Assembly, files: Files
) -> tuple[Iterator[Item], int]:
    key, blank, rest = body.partition(" ")
    if not blank:
        return _keys(), body_start
    written = rest.split()
    if rest and not rest[-1].isspace():
        written.pop()
    if key in PATH_KEYS and (key != "deploy" or written):
        if len(written) > (key == "deploy"):
            items = (Item("balance=", Kind.PROPERTY),) if key == "deploy" else ()
            return iter(items), start
        path = rest.rsplit(None, 1)[-1].lstrip('"') if rest and not rest[-1].isspace() else ""
        return paths(path, files, PATH_KEYS[key]), body_start + len(body) - len(path)
    if key == "account" and written:
        return iter((Item("balance=", Kind.PROPERTY), Item("nonce=", Kind.PROPERTY))), start
    if key == "fork":
        return fork_items(), start
    choices = values_of(key)
    if choices:
        meanings = ((word, describe_value(key, word).partition("** ")[2]) for word in choices)
        return (
            Item(word, Kind.ENUM_MEMBER, text) for word, text in meanings if word not in written
        ), start
    if key in _FREE_KEYS:
        return iter(()), start
    is_address = key in _ADDRESS_KEYS and not written
    return _names(assembly, is_address), start


def _keys() -> Iterator[Item]:
    for key in KEYS:
        rank = 2 if key.startswith("block.") else 1
        yield Item(key, Kind.PROPERTY, forms(key), insert=f"{key} ", about="key", rank=rank)


def _names(assembly: Assembly, is_address: bool = False) -> Iterator[Item]:
    """The constants, those first that are addresses where one is asked for."""
    for name in assembly.program.constants:
        value = assembly.layout.constant(name)
        number = value if isinstance(value, int) else None
        fits = is_address and number is not None and 96 < number.bit_length() <= 160
        yield Item(
            name, Kind.CONSTANT, "" if number is None else f"{number:#x}", about="constant",
            rank=1 if fits else 2,
        )


def _probes(assembly: Assembly) -> Iterator[Item]:
    for label, detail, snippet in PROBES:
        yield Item(label, Kind.PROPERTY, detail, snippet=snippet, rank=1)
    yield from _names(assembly)


def _expectations(
    body: str, body_start: int, start: int, assembly: Assembly
) -> tuple[Iterator[Item], int]:
    head, blank, rest = body.lstrip().partition(" ")
    if not blank:
        return chain(_outcomes(), _probes(assembly)), start
    if head == "halt":
        causes = (Item(f'"{cause}"', Kind.VALUE) for cause in _CAUSES)
        return causes, body_start + len(body) - len(rest.lstrip())
    if head in OUTCOME_MEANING or re.search(r"[=<>]\s*\S*$", rest):
        return _names(assembly), start
    operators = (
        Item(sign, Kind.KEYWORD, meaning, insert=f"{sign} ", rank=1)
        for sign, meaning in _COMPARISONS
    )
    return chain(_names(assembly), () if rest.strip() else operators), start


def _outcomes() -> Iterator[Item]:
    for outcome in OUTCOMES:
        text = _OUTCOME_FORMS.get(outcome)
        yield Item(
            outcome, Kind.KEYWORD, OUTCOME_MEANING[outcome], rank=0,
            snippet=None if text is None else f"{outcome} {text}",
        )
    yield Item(
        "log", Kind.KEYWORD, OUTCOME_MEANING["log"], rank=0, snippet="log ${1:_} data ${2:0x}"
    )


def _codes() -> Iterator[Item]:
    rules()  # their kinds are defined when they are loaded
    for code, kind in sorted(KINDS.items()):
        yield Item(code, Kind.ENUM_MEMBER, kind.name, about="code", rank=1)
