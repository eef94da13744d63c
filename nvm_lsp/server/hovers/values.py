"""Values of expressions in a program, and the forms in which a word may be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nvm_lsp.analysis.signatures import names_of_selector, topic_names
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.environment import predefined
from nvm_lsp.assembler.expressions import (
    EvaluationError,
    NeedsLayout,
    checksum_address,
    evaluate_any,
)
from nvm_lsp.assembler.layout import undefined_name
from nvm_lsp.opcodes import FORKS
from nvm_lsp.syntax import tree as t

__all__ = ["ProgramNames", "number_page", "value_of"]

_SHORTEST_TEXT = 3
_LEAST_WEI = 10**8
_MOST_WEI = 10**30
_LEAST_NEGATIVE = 2**256 - 2**128


@dataclass(frozen=True, slots=True)
class ProgramNames:
    """The names of a program after its assembly; those of a macro's inside are not known."""

    assembly: Assembly

    def name(self, name: t.Name) -> int | bytes:
        layout = self.assembly.layout
        found = layout.labels.get(name.text)
        if found is not None:
            return found
        built_in = predefined(name.text, FORKS[self.assembly.fork].index)
        if built_in is not None:
            return built_in
        value = (
            layout.constant(name.text) if name.text in self.assembly.program.constants else None
        )
        if value is None:
            raise EvaluationError(undefined_name(name, layout, None))
        return value

    def length(self, name: t.Name) -> int:
        length = self.assembly.layout.length(name.text)
        if length is None:
            raise EvaluationError(undefined_name(name, self.assembly.layout, None))
        return length


def value_of(expression: t.Expression, assembly: Assembly) -> int | bytes | None:
    """The value of an expression outside macros, None if it has none."""
    try:
        return evaluate_any(expression, ProgramNames(assembly))
    except (EvaluationError, NeedsLayout):
        return None


def number_page(value: int, signatures: Iterable[str] = ()) -> str:
    """A word in the forms that it may be meant in, as Markdown: digits, and below what they mean.

    ``signatures`` are those that selectors and topics are looked up in before the standard ones.
    """
    meanings = list(_meanings(value, signatures))
    digits = [f"`{value:#x}`"]
    if not value >> 128 or not meanings:
        digits.append(f"`{value:,}`")
    return "\n- ".join([" · ".join(digits) + "\n" * bool(meanings), *meanings])


def _meanings(value: int, signatures: Iterable[str]) -> Iterator[str]:
    """What a word may be, likelier things first."""
    named = list(_names_of(value, signatures))
    yield from named
    if value >= _LEAST_NEGATIVE:
        yield f"signed `{value - 2**256:,}`"
    power = value.bit_length()
    if power > 16 and value == (1 << power) - 1:
        yield f"`2^{power} - 1`"
    elif power > 16 and value == 1 << power - 1:
        yield f"`2^{power - 1}`"
    if _LEAST_WEI <= value < _MOST_WEI and not named:
        yield f"`{_decimal(value, 18)}` ether, `{_decimal(value, 9)}` gwei"
    data = value.to_bytes(max((power + 7) // 8, 1), "big").rstrip(b"\0")
    if len(data) >= _SHORTEST_TEXT and all(0x20 <= byte < 0x7F and byte != 0x60 for byte in data):
        yield f'text `"{data.decode("ascii")}"`'
    if 96 < power <= 160:
        yield f"address `{checksum_address(value)}`"


def _names_of(value: int, signatures: Iterable[str]) -> Iterator[str]:
    """The functions and events that a selector or a topic stands for."""
    power = value.bit_length()
    if 16 < power <= 32:
        for name in names_of_selector(value, signatures):
            yield f"selector of {_cited(name)}"
    elif power > 224:
        if not value & ((1 << 224) - 1):
            for name in names_of_selector(value >> 224, signatures):
                yield f"selector of {_cited(name)}, left-aligned"
        for name in topic_names(value, signatures):
            yield f"topic of {_cited(name)}"


def _cited(name: str) -> str:
    """A signature as code, with the standard that it is from."""
    signature, blank, source = name.partition(" (")
    return f"`{signature}`{blank}{source}"


def _decimal(value: int, places: int) -> str:
    """``value`` divided by a power of ten, exactly."""
    whole, rest = divmod(value, 10**places)
    return f"{whole:,}" + (f".{rest:0{places}d}".rstrip("0") if rest else "")
