"""Shapes of values in configuration: how each is read, and how JSON Schema describes it.

A shape knows nothing of which keys there are. Reading never raises; flaws are collected, each with
the key that it concerns, and the value read is then None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

__all__ = [
    "Choice", "Flag", "Flaw", "ListOf", "MapOf", "Number", "Shape", "Text", "near_miss",
]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a key's value. ``key`` is dotted, as in ``format.comment-column``."""

    key: str
    message: str
    hint: str = ""


class Shape(Protocol):
    """What a value must be."""

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> Any:
        """The value as the program uses it; None, with a flaw said, if it is not of this shape."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the value."""


def near_miss(word: str, known: Iterable[str]) -> str:
    """A hint for a word that is not among the known: what was meant, or what there is."""
    names = list(known)
    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"


def _type_name(value: Any) -> str:
    for kind, name in ((bool, "true or false"), (str, "a string"), (int, "a number"),
                       (float, "a number"), (list, "a list"), (dict, "a table")):
        if isinstance(value, kind):
            return name
    return f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class Text:
    """Any string."""

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> str | None:
        if isinstance(value, str):
            return value
        flaws.append(Flaw(key, f"is a string, not {_type_name(value)}"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words. ``fold`` reads them in any case."""

    words: tuple[str, ...]
    fold: bool = False

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> str | None:
        if isinstance(value, str):
            word = value.lower() if self.fold else value
            if word in self.words:
                return word
            flaws.append(Flaw(key, f"cannot be {value!r}", near_miss(word, self.words)))
        else:
            flaws.append(
                Flaw(key, f"is one of {', '.join(self.words)}, not {_type_name(value)}")
            )
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, or any if not ``whole``, from ``low`` to ``high``."""

    low: int
    high: int | None = None
    whole: bool = True

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> int | float | None:
        number: int | float | None = None
        if type(value) is int or (type(value) is float and not self.whole):
            number = value
        if number is not None and self.low <= number and (
            self.high is None or number <= self.high
        ):
            return number
        to = f" to {self.high}" if self.high is not None else " on"
        kind = "a whole number" if self.whole else "a number"
        given = repr(value) if type(value) in (int, float) else _type_name(value)
        flaws.append(Flaw(key, f"is {kind} from {self.low}{to}, not {given}"))
        return None

    def schema(self) -> dict[str, Any]:
        out: dict[str, Any] = {"type": "integer" if self.whole else "number", "minimum": self.low}
        if self.high is not None:
            out["maximum"] = self.high
        return out


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> bool | None:
        if isinstance(value, bool):
            return value
        flaws.append(Flaw(key, f"is true or false, not {_type_name(value)}"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; read as a tuple."""

    item: Shape

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            given = _type_name(value)
            flaws.append(
                Flaw(key, f"is a list, not {given}", "write it in [ ]" if given[0] == "a" else "")
            )
            return None
        before = len(flaws)
        items = tuple(self.item.read(item, f"{key}[{n}]", flaws) for n, item in enumerate(value))
        return items if len(flaws) == before else None

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A table with keys of the user's; read as sorted pairs, so that equal tables are equal."""

    value: Shape

    def read(self, value: Any, key: str, flaws: list[Flaw]) -> tuple[tuple[str, Any], ...] | None:
        if not isinstance(value, Mapping):
            flaws.append(Flaw(key, f"is a table, not {_type_name(value)}"))
            return None
        before = len(flaws)
        pairs = [
            (name, self.value.read(item, f"{key}.{name}", flaws)) for name, item in value.items()
        ]
        return tuple(sorted(pairs, key=lambda pair: pair[0])) if len(flaws) == before else None

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.value.schema()}
