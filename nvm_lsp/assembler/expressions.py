"""Evaluation of expressions to whole numbers; it knows neither layout nor files.

What a name stands for is asked of a `Names`, so the same code serves conditions before the layout,
operands after it, and probes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Protocol

from nvm_lsp.assembler.errors import (
    BAD_ARGUMENT,
    BAD_CHECKSUM,
    DIVISION_BY_ZERO,
    EXPRESSION_RANGE,
    LIMIT_EXCEEDED,
)
from nvm_lsp.diagnostics import Problem
from nvm_lsp.syntax import tree as t

__all__ = [
    "FUNCTIONS",
    "UNITS",
    "EvaluationError",
    "Names",
    "NeedsLayout",
    "checksum_address",
    "evaluate",
    "evaluate_any",
    "keccak256",
]

WORD_BITS = 256
#: Value of a unit, in wei or in seconds.
UNITS: Mapping[str, int] = {
    "wei": 1,
    "gwei": 10**9,
    "ether": 10**18,
    "seconds": 1,
    "minutes": 60,
    "hours": 3600,
    "days": 86400,
    "weeks": 604800,
}
#: What each function of expressions gives.
FUNCTIONS: Mapping[str, str] = {
    "len": "bytes from a label to the next position label, or of a table",
    "selector": "first four bytes of the Keccak-256 of a function's signature",
    "topic": "Keccak-256 of an event's signature",
    "keccak256": "Keccak-256 of a string",
    "address": "an address, its EIP-55 checksum verified",
}


class EvaluationError(Exception):
    """An expression has no value; ``problem`` says why, with columns.

    ``site`` is the line and the way into macros that the columns belong to, if that is not where
    the evaluation began: an argument's error belongs to the line that passed it.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.site: tuple[int, tuple[tuple[str, int], ...]] | None = None


class NeedsLayout(Exception):  # noqa: N818 -- no error: the value is known later
    """An expression depends on offsets that are not known yet."""


class Names(Protocol):
    """What names mean, where an expression stands."""

    def name(self, name: t.Name) -> int | bytes:
        """The value of a name.

        Raises:
            EvaluationError: it has none.
            NeedsLayout: it will have one after the layout.
        """

    def length(self, name: t.Name) -> int:
        """The bytes that a label or a table spans, with the same errors."""


def evaluate(expression: t.Expression, names: Names) -> int:
    """The value of an expression, from 0 to 2^256 - 1.

    Raises:
        EvaluationError: it has none.
        NeedsLayout: it depends on a label, and ``names`` does not know those yet.
    """
    value = evaluate_any(expression, names)
    if isinstance(value, bytes):
        raise EvaluationError(
            Problem(
                BAD_ARGUMENT, expression.start, expression.end, "a string is no number",
                'use %bytes for text, keccak256("…") for its hash',
            )
        )
    return value


def evaluate_any(expression: t.Expression, names: Names) -> int | bytes:
    """The value of an expression that may also be a string.

    Raises:
        EvaluationError: it has none.
        NeedsLayout: it depends on a label, and ``names`` does not know those yet.
    """
    try:
        return _value(expression, names)
    except RecursionError:
        # A long chain of constants or arguments, each made of the next.
        problem = Problem(
            LIMIT_EXCEEDED, expression.start, expression.end,
            "the value goes through too many constants or arguments",
            "give one of them a value of its own",
        )
    raise EvaluationError(problem)


def _value(expression: t.Expression, names: Names) -> int | bytes:
    match expression:
        case t.Number(value=value):
            return value
        case t.Name():
            return names.name(expression)
        case t.String(value=text):
            return text
        case t.Group(inner=inner):
            return evaluate_any(inner, names)
        case t.Quantity():
            return _quantity(expression)
        case t.Unary():
            return _unary(expression, evaluate(expression.operand, names))
        case t.Binary():
            return _binary(expression, names)
        case t.Call():
            return _call(expression, names)


def _fail(problem: Problem) -> int:
    raise EvaluationError(problem)


def _quantity(node: t.Quantity) -> int:
    factor = UNITS.get(node.unit.text, UNITS.get(node.unit.text + "s"))
    if factor is None:
        return _fail(
            Problem(
                BAD_ARGUMENT, node.unit.start, node.unit.end, f"unknown unit {node.unit.text}",
                "units are " + ", ".join(UNITS),
            )
        )
    return _in_range(node, node.value * factor)


def _in_range(node: t.Expression, value: int) -> int:
    if value < 0:
        return _fail(
            Problem(
                EXPRESSION_RANGE, node.start, node.end, f"the value is negative: {value}",
                "values never wrap around; ~0 is 2^256 - 1",
            )
        )
    if value.bit_length() > WORD_BITS:
        return _fail(
            Problem(
                EXPRESSION_RANGE, node.start, node.end, "the value is wider than 256 bits",
                "also intermediate results must fit one word",
            )
        )
    return value


def _unary(node: t.Unary, value: int) -> int:
    match node.operator:
        case "-":
            return _in_range(node, -value)
        case "~":
            return value ^ ((1 << WORD_BITS) - 1)
        case _:
            return int(value == 0)


_ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    ">>": lambda a, b: a >> b if b < WORD_BITS else 0,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
}


def _binary(node: t.Binary, names: Names) -> int:
    operator = node.operator
    left = evaluate(node.left, names)
    if operator == "&&":
        return int(left != 0 and evaluate(node.right, names) != 0)
    if operator == "||":
        return int(left != 0 or evaluate(node.right, names) != 0)
    right = evaluate(node.right, names)
    if operator in "/%" and right == 0:
        return _fail(
            Problem(
                DIVISION_BY_ZERO, node.right.start, node.right.end, "division by zero",
                "the EVM's DIV gives 0, the assembler does not",
            )
        )
    if operator == "<<":
        # A shift by a huge number must not build a huge number first.
        if left and right >= WORD_BITS:
            return _in_range(node, 1 << WORD_BITS)
        return _in_range(node, left << min(right, WORD_BITS))
    return _in_range(node, _ARITHMETIC[operator](left, right))


def _call(node: t.Call, names: Names) -> int:
    function = node.function.text
    if function not in FUNCTIONS:
        return _fail(
            Problem(
                BAD_ARGUMENT, node.function.start, node.function.end,
                f"unknown function {function}", "functions are " + ", ".join(FUNCTIONS),
            )
        )
    if len(node.arguments) != 1:
        return _fail(
            Problem(
                BAD_ARGUMENT, node.start, node.end,
                f"{function} takes one argument, not {len(node.arguments)}",
                f"{function} gives {FUNCTIONS[function]}",
            )
        )
    argument = node.arguments[0]
    if function == "len":
        if not isinstance(argument, t.Name):
            return _fail(
                Problem(
                    BAD_ARGUMENT, argument.start, argument.end, "len takes the name of a label",
                    f"len gives {FUNCTIONS['len']}",
                )
            )
        return names.length(argument)
    if function == "address":
        return _address(argument, names)
    text = evaluate_any(argument, names)
    if not isinstance(text, bytes):
        return _fail(
            Problem(
                BAD_ARGUMENT, argument.start, argument.end, f"{function} takes a string",
                f'write {function}("…")',
            )
        )
    if function == "keccak256":
        return int.from_bytes(keccak256(text), "big")
    problem = _signature_problem(argument, text)
    if problem is not None:
        return _fail(problem)
    digest = keccak256(text)
    return int.from_bytes(digest[:4] if function == "selector" else digest, "big")


_SIGNATURE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\([A-Za-z0-9_,()\[\]]*\)")
_SHORT_TYPE = re.compile(r"\b(u?int)\b(?!\d)")


def _signature_problem(node: t.Expression, text: bytes) -> Problem | None:
    """What makes a signature's hash another than the ABI's, if anything does."""
    signature = text.decode("utf-8", "replace")
    if not _SIGNATURE.fullmatch(signature) or signature.count("(") != signature.count(")"):
        compact = re.sub(r"\s+", "", signature)
        fits = _SIGNATURE.fullmatch(compact) is not None and " " in signature
        return Problem(
            BAD_ARGUMENT, node.start, node.end, f'"{signature}" is no signature',
            "the ABI hashes name(type,type) without blanks and parameter names"
            + (f": {compact}" if fits else ""),
        )
    arguments = signature[signature.index("(") :]
    if _SHORT_TYPE.search(arguments):
        full = signature.replace(arguments, _SHORT_TYPE.sub(r"\g<1>256", arguments))
        return Problem(
            BAD_ARGUMENT, node.start, node.end, f'"{signature}" uses a short type name',
            f'the ABI hashes the full name: "{full}"', f'"{full}"',
        )
    return None


def _address(node: t.Expression, names: Names) -> int:
    value = evaluate(node, names)
    if not isinstance(node, t.Number):
        return value
    digits = node.text[2:].replace("_", "")
    if not node.text.lower().startswith("0x") or len(digits) != 40:
        return _fail(
            Problem(
                BAD_CHECKSUM, node.start, node.end,
                f"an address has 40 hexadecimal digits, this one {len(digits)}"
                if node.text.lower().startswith("0x")
                else "an address is written in hexadecimal",
                "copy it again from its source",
            )
        )
    if digits not in (digits.lower(), digits.upper()):
        right = checksum_address(value)
        if digits != right[2:]:
            return _fail(
                Problem(
                    BAD_CHECKSUM, node.start, node.end,
                    "the address does not have the checksum of EIP-55",
                    f"copy it again; if it is surely right, write {right}", right,
                )
            )
    return value


@lru_cache(maxsize=4096)
def checksum_address(value: int) -> str:
    """An address with the letter case of EIP-55."""
    digits = f"{value:040x}"
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        c.upper() if int(h, 16) >= 8 else c for c, h in zip(digits, digest, strict=False)
    )


@lru_cache(maxsize=4096)
def keccak256(data: bytes) -> bytes:
    """Keccak-256, with the padding of Ethereum."""
    # Imported late: most programs never hash, and linting must start fast.
    from Crypto.Hash import keccak  # noqa: PLC0415

    return bytes(keccak.new(digest_bits=256, data=data).digest())
