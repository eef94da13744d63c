"""Expectations, ``#= return 0x07``: what a run must come to, and how it is checked.

Reading knows the text of a comment only; checking knows a finished `Run` only. Where an
expectation asks for a value of the guest, it holds a probe, evaluated while the guest ran.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import EvaluationError, evaluate_any
from nvm_lsp.diagnostics import Diagnostic, Problem, define_kind
from nvm_lsp.runner.probes import (
    ConstantNames,
    Place,
    Probe,
    Seen,
    Value,
    find_places,
    parse_probe,
    show,
)
from nvm_lsp.runner.render import decode_error
from nvm_lsp.runner.run import OUTCOMES, Run
from nvm_lsp.syntax import parse_expression
from nvm_lsp.syntax import tree as t

__all__ = [
    "BAD_EXPECTATION",
    "Expectation",
    "Finding",
    "check",
    "describe_outcome",
    "frozen_text",
    "parse_expectation",
    "read_expectations",
]

BAD_EXPECTATION = define_kind(
    "EXP001",
    "bad-expectation",
    """
    A `#=` comment states nothing that can be checked.

    ## What it means
    An expectation is an outcome: `return`, `return VALUE`, `stop`, `revert`, `revert "reason"`,
    `revert 0x…`, `halt`, `halt "out of gas"`, `limit`; a log, `log TOPIC … data VALUE` with `_`
    for any topic; or a probe, a comparison and a value: `stack[0] 7`, `mem[0:32] 0x…`,
    `storage[0] == 5`, `gas <= 1200`, `stack [7, 3, ..]`. Values are expressions of numbers and of
    the file's constants, or strings.

    ## Example
    ```easm
    RETURN #= retrun 0x07
    ```

    ## What to do
    Write one of the forms above. A comment that is no expectation starts with `#` and a blank.
    """,
)

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge,
    "<": operator.lt, ">": operator.gt,
}
_PROBE_HEAD = re.compile(
    r"(?:(?:stack|mem|memory|storage|transient|returndata)(?:\[(?:[^\[\]]|\[[^\]]*\])*\])?"
    r"|gas_left|gas|msize|pc|hits|depth)(?![\w.])"
)
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>)?\s*")
#: The rest of a text or of a stack may be anything.
_REST = ("..", "…", "...")


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What one ``#=`` states. ``kind`` is an outcome, ``log`` or ``probe``.

    ``value`` is what must be equal, None if anything will do; ``open_end`` that more may follow.
    ``topics`` are a log's, None for any. ``comparison`` is the operator of a probe.
    """

    place: Place
    text: str
    kind: str
    start: int
    end: int
    value: Value | str | None = None
    open_end: bool = False
    topics: tuple[int | None, ...] = ()
    probe: Probe | None = None
    comparison: str = "=="


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of an expectation; ``got`` and ``details`` are for people.

    ``value`` is what a probe saw.
    """

    expectation: Expectation
    passed: bool
    expected: str
    got: str
    details: tuple[str, ...] = ()
    value: Value | None = None


def frozen_text(finding: Finding) -> str | None:
    """The expectation rewritten so that it holds, None if there is nothing to write."""
    expectation = finding.expectation
    if expectation.kind == "log":
        return None
    if expectation.probe is None:
        return None if "…" in finding.got else _as_expectation(finding.got)
    if finding.value is None:
        return None
    comparison = "" if expectation.comparison == "==" else f" {expectation.comparison}"
    if comparison in (" !=", " <", " >"):
        return None
    return f"{expectation.probe.text}{comparison} {show(finding.value)}"


def _as_expectation(outcome: str) -> str:
    """A described outcome in the form in which it is read again."""
    text = re.sub(r'^revert Error\((".*")\)$', r"revert \1", outcome)
    return re.sub(r" \(\d+ bytes\)$", "", text)


# Checking -----------------------------------------------------------------------------------------


def check(
    run: Run, expectations: tuple[Expectation, ...], seen: Mapping[int, Seen]
) -> tuple[Finding, ...]:
    """What became of each expectation. ``seen`` has what the probes saw, by their index here."""
    findings = []
    logs_passed = 0
    for index, expectation in enumerate(expectations):
        if expectation.kind == "probe":
            findings.append(_check_probe(expectation, seen[index], run))
        elif expectation.kind == "log":
            finding, logs_passed = _check_log(expectation, run, logs_passed)
            findings.append(finding)
        else:
            findings.append(_check_outcome(expectation, run))
    return tuple(findings)


def _check_outcome(expectation: Expectation, run: Run) -> Finding:
    got = describe_outcome(run)
    if run.outcome != expectation.kind:
        return Finding(expectation, False, expectation.text, got)
    if expectation.value is None:
        return Finding(expectation, True, expectation.text, got)
    if expectation.kind in ("halt", "limit"):
        passed = _text_matches(expectation, (run.error or "",))
    elif expectation.kind == "revert" and isinstance(expectation.value, str):
        passed = _text_matches(expectation, _reasons(run.output))
    else:
        passed, details = _data_matches(expectation, run.output)
        return Finding(expectation, passed, expectation.text, got, details)
    return Finding(expectation, passed, expectation.text, got)


def describe_outcome(run: Run) -> str:
    """A run's end in the words of an expectation."""
    if run.outcome in ("halt", "limit"):
        return f'{run.outcome} "{run.error}"'
    if not run.output:
        return run.outcome
    reason = decode_error(run.output) if run.outcome == "revert" else None
    if reason is not None:
        return f"revert {reason}"
    data = run.output
    if len(data) == 32:
        return f"{run.outcome} {show(int.from_bytes(data, 'big'))}"
    shown = data.hex() if len(data) <= 96 else data[:96].hex() + "…"
    return f"{run.outcome} 0x{shown} ({len(data)} bytes)"


def _reasons(data: bytes) -> tuple[str, ...]:
    """The texts that a revert's data may be called."""
    decoded = decode_error(data)
    if decoded is None:
        return (data.decode("utf-8", "replace").rstrip("\0"),) if data else ("",)
    inner = re.match(r'Error\("(.*)"\)$', decoded, re.DOTALL)
    name = decoded.partition("(")[0]
    kind = {"Error": "Error(string)", "Panic": "Panic(uint256)"}.get(name, name)
    texts = (decoded, kind, f"{kind} {inner[1]}" if inner else kind)
    return (*texts, inner[1]) if inner else texts


def _text_matches(expectation: Expectation, texts: tuple[str, ...]) -> bool:
    wanted = expectation.value
    assert isinstance(wanted, str)
    if expectation.open_end:
        return any(text.startswith(wanted) for text in texts)
    return wanted in texts


def _data_matches(expectation: Expectation, data: bytes) -> tuple[bool, tuple[str, ...]]:
    wanted = expectation.value
    if isinstance(wanted, int):
        # A number stands for the data read as one; a word is the usual case.
        return int.from_bytes(data, "big") == wanted, ()
    expected = wanted.encode() if isinstance(wanted, str) else wanted
    assert isinstance(expected, bytes)
    passed = data.startswith(expected) if expectation.open_end else data == expected
    return passed, () if passed else memory_difference(expected, data)


def _check_log(expectation: Expectation, run: Run, first: int) -> tuple[Finding, int]:
    """Finds the next log that fits; logs must come in the order in which they are expected."""
    logs = run.execution.logs
    for index in range(first, len(logs)):
        log = logs[index]
        topics = log.topics[: len(expectation.topics)] if expectation.open_end else log.topics
        if len(topics) == len(expectation.topics) and all(
            wanted is None or wanted == topic
            for wanted, topic in zip(expectation.topics, topics, strict=True)
        ) and (expectation.value is None or _log_data(expectation, log.data)):
            got = _log_text(log.topics, log.data)
            return Finding(expectation, True, expectation.text, got), index + 1
    rest = [f"log {_log_text(log.topics, log.data)}" for log in logs[first:]]
    got = "no further log" if not rest else f"{len(rest)} further logs, none of which fits"
    return Finding(expectation, False, expectation.text, got, tuple(rest[:10])), first


def _log_data(expectation: Expectation, data: bytes) -> bool:
    return _data_matches(replace(expectation, open_end=False), data)[0]


def _log_text(topics: tuple[int, ...], data: bytes) -> str:
    words = [f"{topic:#x}" for topic in topics]
    return " ".join([*words, f"data 0x{data.hex()}"] if data else words)


def _check_probe(expectation: Expectation, seen: Seen, run: Run) -> Finding:
    if seen.value is None:
        got = seen.error or f"line {expectation.place.line + 1} was not reached"
        last = run.last
        if not seen.error and last is not None and last.pc in expectation.place.pcs:
            got = f"the run ended in this line: {describe_outcome(run)}"
        return Finding(expectation, False, expectation.text, got)
    passed, details = _compare(expectation, seen.value)
    return Finding(
        expectation, passed, expectation.text, show(seen.value), details, seen.value
    )


def _compare(expectation: Expectation, got: Value) -> tuple[bool, tuple[str, ...]]:
    wanted = expectation.value
    if isinstance(got, tuple):
        assert isinstance(wanted, tuple)
        equal = got[: len(wanted)] == wanted if expectation.open_end else got == wanted
        return equal == (expectation.comparison == "=="), ()
    if isinstance(wanted, str):
        wanted = wanted.encode()
    if isinstance(got, bytes) and isinstance(wanted, bytes):
        equal = got.startswith(wanted) if expectation.open_end else got == wanted
        passed = equal == (expectation.comparison == "==")
        return passed, () if passed else memory_difference(wanted, got)
    number = int.from_bytes(got, "big") if isinstance(got, bytes) else got
    if isinstance(wanted, bytes):
        wanted = int.from_bytes(wanted, "big")
    assert isinstance(wanted, int)
    passed = _COMPARISONS[expectation.comparison](number, wanted)
    if passed or not isinstance(got, bytes) or wanted.bit_length() > 8 * len(got):
        return passed, ()
    return passed, memory_difference(wanted.to_bytes(len(got), "big"), got)


def memory_difference(expected: bytes, got: bytes) -> tuple[str, ...]:
    """The rows of 32 bytes in which two memories differ, changed bytes marked below."""
    rows = []
    size = max(len(expected), len(got))
    for offset in range(0, size, 32):
        left, right = expected[offset : offset + 32], got[offset : offset + 32]
        if left == right:
            continue
        marks = "".join(
            "  " if left[i : i + 1] == right[i : i + 1] else "^^"
            for i in range(max(len(left), len(right)))
        )
        rows += [
            f"{offset:#06x}  expected  {left.hex() or '(nothing)'}",
            f"{'':6}  got       {right.hex() or '(nothing)'}",
            f"{'':6}            {marks}".rstrip(),
        ]
        if len(rows) >= 24:
            rows.append("…")
            break
    return tuple(rows)


# Reading ------------------------------------------------------------------------------------------


def read_expectations(
    assembly: Assembly, *, located: bool = True
) -> tuple[tuple[Expectation, ...], list[Diagnostic]]:
    """The ``#=`` comments of a program and its includes, and what is wrong with them.

    Not ``located``, the places have no offsets; see `read_probes`.
    """
    names: ConstantNames | None = None
    found: list[Expectation] = []
    diagnostics: list[Diagnostic] = []
    for place, comment in find_places(assembly, "expectation", located=located):
        names = names or ConstantNames(ConstantNames.of(assembly))
        expectation = parse_expectation(comment.body, comment.body_start, place, names)
        if isinstance(expectation, Problem):
            diagnostics.append(expectation.at(place.path, place.line))
        else:
            found.append(expectation)
    return tuple(found), diagnostics


def parse_expectation(
    text: str, column: int, place: Place, names: ConstantNames
) -> Expectation | Problem:
    """An expectation from its text, which begins at ``column`` of its line."""
    try:
        return _Reader(text, column, place, names).read()
    except _BadError as bad:
        return bad.problem
    except EvaluationError as error:
        return error.problem


class _BadError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Reader:
    """Reads one expectation."""

    def __init__(self, text: str, column: int, place: Place, names: ConstantNames) -> None:
        self.text = text
        self.column = column
        self.place = place
        self.names = names

    def read(self) -> Expectation:
        head = re.match(r"\w*", self.text)
        word = head[0] if head else ""
        rest = self.text[len(word) :]
        start = len(word) + len(rest) - len(rest.lstrip())
        base = Expectation(
            self.place, self.text, word, self.column, self.column + len(self.text)
        )
        if word in OUTCOMES:
            return self._outcome(base, rest.strip(), start)
        if word == "log":
            return self._log(base, rest.strip(), start)
        return self._probe(base)

    def bad(self, start: int, end: int, message: str, hint: str = "") -> _BadError:
        return _BadError(
            Problem(
                BAD_EXPECTATION, self.column + start, self.column + max(end, start + 1), message,
                hint or "expected is an outcome (return, stop, revert, halt, log) or a probe and "
                "its value, as in `stack[0] 7`",
            )
        )

    def _outcome(self, base: Expectation, rest: str, start: int) -> Expectation:
        if not rest:
            return base
        if base.kind == "stop":
            raise self.bad(start, len(self.text), "a stop gives no data")
        value, open_end = self._value(rest, start)
        if base.kind in ("halt", "limit", "revert") and isinstance(value, bytes) and '"' in rest:
            return replace(base, value=value.decode("utf-8", "replace"), open_end=open_end)
        if base.kind in ("halt", "limit"):
            raise self.bad(start, len(self.text), f"a {base.kind} has a cause: write it in quotes")
        return replace(base, value=value, open_end=open_end)

    def _log(self, base: Expectation, rest: str, start: int) -> Expectation:
        parts = re.split(r"(?:^|(?<=\s))data(?=\s|$)", rest, maxsplit=1)
        topics: list[int | None] = []
        open_end = False
        position = start
        for word in _words(parts[0]):
            offset = self.text.index(word, position)
            position = offset + len(word)
            if word in _REST:
                open_end = True
            elif word == "_":
                topics.append(None)
            else:
                topic, _ = self._value(word, offset)
                if not isinstance(topic, int):
                    raise self.bad(offset, position, "a topic is a number")
                topics.append(topic)
        value: int | bytes | None = None
        if len(parts) == 2:
            value, _ = self._value(parts[1].strip(), self.text.rindex(parts[1].strip() or "data"))
        return replace(base, topics=tuple(topics), open_end=open_end, value=value)

    def _probe(self, base: Expectation) -> Expectation:
        head = _PROBE_HEAD.match(self.text)
        if head is None:
            word = re.match(r"\S*", self.text)
            end = word.end() if word else 1
            raise self.bad(
                0, end, f"{self.text[:end]!r} is no outcome and no probe" if self.text.strip()
                else "nothing is expected", self._near(self.text[:end]),
            )
        probe, problems = parse_probe(head[0], self.column)
        if probe is None:
            raise _BadError(problems[0])
        found = _OPERATOR.match(self.text, head.end())
        assert found is not None
        comparison = found[1] or "=="
        rest = self.text[found.end() :]
        if not rest:
            raise self.bad(head.start(), len(self.text), "the value is missing")
        base = replace(base, kind="probe", probe=probe, comparison=comparison)
        if probe.text.strip() == "stack":
            return self._stack(base, rest, found.end())
        value, open_end = self._value(rest, found.end())
        if comparison not in ("==", "!=") and not isinstance(value, int):
            raise self.bad(found.end(), len(self.text), f"{comparison} compares numbers only")
        return replace(base, value=value, open_end=open_end)

    def _near(self, word: str) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 -- only on errors

        near = get_close_matches(word, [*OUTCOMES, "log", "stack[0]", "storage[0]", "gas"], n=1)
        return f"did you mean {near[0]}?" if near else ""

    def _stack(self, base: Expectation, rest: str, start: int) -> Expectation:
        if base.comparison not in ("==", "!="):
            raise self.bad(start, len(self.text), "stacks are equal or not: use == or !=")
        inner = rest.strip()
        if not (inner.startswith("[") and inner.endswith("]")):
            raise self.bad(
                start, len(self.text), "a stack is written [top, next, …]", "as in [7, 3, ..]"
            )
        words: list[int] = []
        open_end = False
        position = start + rest.index("[") + 1
        for part in _split(inner[1:-1]):
            word = part.strip()
            if word in _REST:
                open_end = True
            elif word:
                value, _ = self._value(word, position + part.index(word))
                if not isinstance(value, int):
                    raise self.bad(position, position + len(part), "a word is a number")
                words.append(value)
            position += len(part) + 1
        return replace(base, value=tuple(words), open_end=open_end)

    def _value(self, text: str, start: int) -> tuple[int | bytes, bool]:
        """A number or a string, and whether more may follow."""
        open_end = False
        for rest in _REST:
            if text.endswith(rest):
                text, open_end = text[: -len(rest)].rstrip(), True
                break
        if re.fullmatch(r"0[xX][0-9a-fA-F_]+", text):
            digits = text[2:].replace("_", "")
            if len(digits) > 64 or open_end:
                if len(digits) % 2:
                    raise self.bad(start, start + len(text), "bytes have two digits each")
                return bytes.fromhex(digits), open_end
        expression, problems = parse_expression(text, self.column + start)
        if expression is None or problems:
            raise _BadError(
                problems[0] if problems
                else self.bad(start, start + len(text), "this is no value").problem
            )
        value = evaluate_any(expression, self.names)
        if isinstance(value, bytes) and isinstance(expression, t.String):
            for rest in _REST:
                mark = rest.encode()
                if value.endswith(mark):
                    return value[: -len(mark)], True
        return value, open_end


def _words(text: str) -> list[str]:
    """The words of a text; blanks in parentheses and strings do not part them."""
    return re.findall(r"(?:[^\s()\"]|\"[^\"]*\"|\((?:[^()]|\([^()]*\))*\))+", text)


def _split(text: str) -> list[str]:
    """The parts between commas; commas in parentheses and strings do not part them."""
    return re.findall(r"(?:[^,()\"]|\"[^\"]*\"|\((?:[^()]|\([^()]*\))*\))+", text)
