"""Which constants are made of which: an order in which each finds its parts known, however long
the chain is. It knows names only, no values.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from nvm_lsp.assembler.errors import CIRCULAR_CONSTANT
from nvm_lsp.assembler.program import Constant
from nvm_lsp.diagnostics import Problem
from nvm_lsp.syntax import tree as t

__all__ = ["Dependencies", "Order", "circular_constant", "innermost_first"]

#: Names of a circle that are said at its beginning and at its end.
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Order:
    """Names with parts before wholes. A circle is cut where it closes.

    ``circles`` gives the way from a name back to itself, for one name of each circle;
    ``circular`` are the names on the ways that were found.
    """

    names: list[str]
    circles: dict[str, list[str]]
    circular: set[str]


@dataclass(frozen=True, eq=False)
class Dependencies:
    """The constants that need the layout, by what they are made of.

    Whether a part is looked at (as in `1 || part`) does not matter: what a program means must not
    depend on where things happen to stand.
    """

    constants: Mapping[str, Constant]
    late: frozenset[str]

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """Those that have one value wherever they are used, parts before wholes."""
        return tuple(
            name for name in self._order.names
            if name not in self.of_place and name not in self._broken
        )

    @cached_property
    def of_place(self) -> frozenset[str]:
        """Those with another value wherever they are used, for they are made of `pc`."""
        found: set[str] = set()
        for name in self._order.names:
            if name not in self._broken and any(
                part == "pc" or part in found for part in self._names(name)
            ):
                found.add(name)
        return frozenset(found)

    @property
    def circles(self) -> Mapping[str, list[str]]:
        """The way from a constant back to itself, for one constant of each circle."""
        return self._order.circles

    def needed(self, name: str, known: Container[str]) -> list[str]:
        """The constants `of_place` that one of them is made of, parts before wholes, itself last.

        What is ``known`` is not gone into.
        """
        return innermost_first(
            (name,),
            lambda whole: (
                part for part in self._names(whole) if part in self.of_place and part not in known
            ),
        ).names

    @cached_property
    def _broken(self) -> frozenset[str]:
        """Those of a circle, and what is made of them."""
        found = set(self._order.circular)
        if found:
            for name in self._order.names:
                if not found.isdisjoint(self._names(name)):
                    found.add(name)
        return frozenset(found)

    @cached_property
    def _order(self) -> Order:
        return innermost_first(
            (name for name in self.constants if name in self.late),
            lambda whole: (part for part in self._names(whole) if part in self.late),
        )

    def _names(self, name: str) -> Iterator[str]:
        definition = self.constants[name].definition
        if definition is not None:
            yield from (part.text for part in t.names_in(definition.value) if not part.at)


def innermost_first(names: Iterable[str], parts: Callable[[str], Iterator[str]]) -> Order:
    """Names and all that they are made of, parts before wholes."""
    order = Order([], {}, set())
    done: set[str] = set()
    for start in names:
        # The way from the start down to the name that is looked at, each with the parts left.
        way = {} if start in done else {start: parts(start)}
        while way:
            name = next(reversed(way))
            for part in way[name]:
                if part in way:
                    known = list(way)
                    circle = [*known[known.index(part) :], part]
                    order.circles.setdefault(part, circle)
                    order.circular.update(circle)
                elif part not in done:
                    way[part] = parts(part)
                    break
            else:
                del way[name]
                done.add(name)
                order.names.append(name)
    return order


def circular_constant(word: t.Word, chain: list[str]) -> Problem:
    """The problem of a constant that is defined by itself, with the way back to it."""
    if len(chain) > 2 * _NAMED:
        chain = [*chain[:_NAMED], "…", *chain[-_NAMED:]]
    return Problem(
        CIRCULAR_CONSTANT, word.start, word.end,
        f"{word.text} is defined by itself: {' -> '.join(chain)}",
        "give one of them a value of its own",
    )
