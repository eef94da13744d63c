"""What may be written in comments that mean something: scenario, probe, expectation, suppression.

It offers forms and names; what they mean is the runner's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import KINDS
from nvm_lsp.lint.linter import rules
from nvm_lsp.opcodes import FORKS
from nvm_lsp.runner.run import OUTCOMES
from nvm_lsp.runner.scenario_reader import KEYS
from nvm_lsp.server.completion_item import Item, Kind
from nvm_lsp.server.path_completion import Files, paths
from nvm_lsp.server.scenario_keys import forms, values_of
from nvm_lsp.syntax import parse_line

__all__ = ["MARKERS", "OUTCOME_MEANING", "PROBES", "in_comment"]

_PATH_KEYS = {
    "scenario": (".toml",), "abi": (".json",), "deploy": (".easm", ".json", ".hex", ".bin"),
    "matches": (".hex", ".bin", ".json"),
}
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
_WORD = re.compile(r"[\w.\-]*$")
_CODES = re.compile(r"easm:\s*ignore\[[^\]]*$")


def in_comment(
    before: str, assembly: Assembly, files: Files
) -> tuple[Iterator[Item], int] | None:
    """What may stand at the end of ``before``, and where the word there begins.

    None if that is in no comment.
    """
    comment = parse_line(before).comment
    if comment is None:
        return None
    word = _WORD.search(before)
    assert word is not None
    start = max(word.start(), comment.body_start)
    body = before[comment.body_start :]
    match comment.kind:
        case "scenario":
            return _scenario(body, comment.body_start, start, assembly, files)
        case "probe":
            return _probes(assembly), start
        case "expectation":
            return _expectations(body, assembly), start
    if _CODES.search(before):
        return _codes(), start
    if re.fullmatch(r"#[@?=]?|#\s*e?a?s?m?", comment.text):
        return _markers(), comment.start
    return iter(()), len(before)


def _markers() -> Iterator[Item]:
    for label, detail, text in MARKERS:
        snippet = text if "$" in text else None
        yield Item(
            label, Kind.KEYWORD, detail, insert=label if snippet else text, snippet=snippet, rank=1
        )


def _scenario(
    body: str, body_start: int, start: int, assembly: Assembly, files: Files
) -> tuple[Iterator[Item], int]:
    key, blank, rest = body.partition(" ")
    if not blank:
        return _keys(), body_start
    if key in _PATH_KEYS:
        path = rest.rsplit(None, 1)[-1] if rest and not rest[-1].isspace() else ""
        if key != "deploy" or len(rest.split()) + (not path) > 1:
            path = path.lstrip('"')
            return paths(path, files, _PATH_KEYS[key]), body_start + len(body) - len(path)
        return _names(assembly), start
    if key == "account":
        return iter((Item("balance=", Kind.PROPERTY), Item("nonce=", Kind.PROPERTY))), start
    if key == "fork":
        names = reversed(tuple(FORKS))
        return (Item(name, Kind.ENUM_MEMBER, about="fork") for name in names), start
    choices = values_of(key)
    if choices:
        return (Item(word, Kind.ENUM_MEMBER) for word in choices), start
    return _names(assembly), start


def _keys() -> Iterator[Item]:
    for key in KEYS:
        yield Item(key, Kind.PROPERTY, forms(key), insert=f"{key} ", about="key")


def _names(assembly: Assembly) -> Iterator[Item]:
    for name in assembly.program.constants:
        value = assembly.layout.constant(name)
        yield Item(
            name, Kind.CONSTANT, f"{value:#x}" if isinstance(value, int) else "", about="constant"
        )


def _probes(assembly: Assembly) -> Iterator[Item]:
    for label, detail, snippet in PROBES:
        yield Item(label, Kind.PROPERTY, detail, snippet=snippet, rank=0)
    yield from _names(assembly)


def _expectations(body: str, assembly: Assembly) -> Iterator[Item]:
    if " " not in body.strip():
        for outcome in OUTCOMES:
            text = _OUTCOME_FORMS.get(outcome)
            yield Item(
                outcome, Kind.KEYWORD, OUTCOME_MEANING[outcome], rank=0,
                snippet=None if text is None else f"{outcome} {text}",
            )
        yield Item(
            "log", Kind.KEYWORD, OUTCOME_MEANING["log"], rank=0,
            snippet="log ${1:_} data ${2:0x}",
        )
    yield from _probes(assembly)


def _codes() -> Iterator[Item]:
    rules()  # their kinds are defined when they are loaded
    for code, kind in sorted(KINDS.items()):
        yield Item(code, Kind.ENUM_MEMBER, kind.name, about="code", rank=1)
