"""The names of an assembled program with their values and places, found when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from nvm_lsp.assembler.layout import Layout
from nvm_lsp.assembler.program import Program
from nvm_lsp.source import Location, Span

__all__ = ["Symbol", "Symbols"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name: ``kind`` is label, position, table, constant or macro.

    ``value`` is an offset, a constant's value, or None for a macro and for what has none.
    ``location`` is None for a value from outside.
    """

    name: str
    kind: str
    value: int | None
    location: Location | None


@dataclass(frozen=True, eq=False)
class Symbols:
    """Names by kind: offsets of labels (tables among them), values of constants, macros.

    Labels inside macros are not among them.
    """

    program: Program
    layout: Layout

    def __getitem__(self, name: str) -> int:
        """The offset of a label or the value of a constant.

        Raises:
            KeyError: there is no such name.
        """
        return self.labels[name] if name in self.labels else self.constants[name]

    @property
    def labels(self) -> Mapping[str, int]:
        return self.layout.labels

    @property
    def macros(self) -> tuple[str, ...]:
        return tuple(self.program.macros)

    @cached_property
    def constants(self) -> dict[str, int]:
        """Values of the constants that have one and are numbers."""
        values = ((name, self.layout.constant(name)) for name in self.program.constants)
        return {name: value for name, value in values if isinstance(value, int)}

    @cached_property
    def all(self) -> tuple[Symbol, ...]:
        """Labels, then constants, then macros."""
        names = (*self.layout.sites, *self.program.constants)
        found = [symbol for name in names if (symbol := self.find(name)) is not None]
        return (*found, *(self._macro(name) for name in self.program.macros))

    def find(self, name: str) -> Symbol | None:
        """The label, table or constant of that name."""
        if name in self.layout.sites:
            return self._label(name)
        if name in self.program.constants:
            return self._constant(name)
        return None

    def macro(self, name: str) -> Symbol | None:
        """The macro of that name."""
        return self._macro(name) if name in self.program.macros else None

    def _label(self, name: str) -> Symbol:
        index, site = self.layout.sites[name]
        piece = self.program.pieces[index]
        if site.trail:
            macro, body_line = site.trail[-1]
            place = self.program.macros[macro].location(
                body_line, site.word.start, site.word.end
            )
        else:
            place = Location(
                piece.context.path,
                Span.of_line(piece.line + site.line, site.word.start, site.word.end),
            )
        return Symbol(name, site.kind, self.layout.labels.get(name), place)

    def _constant(self, name: str) -> Symbol:
        constant = self.program.constants[name]
        value = self.layout.constant(name)
        location = None
        if constant.definition is not None:
            word = constant.definition.name
            location = Location(
                constant.path, Span.of_line(constant.line, word.start, word.end)
            )
        return Symbol(name, "constant", value if isinstance(value, int) else None, location)

    def _macro(self, name: str) -> Symbol:
        macro = self.program.macros[name]
        word = macro.definition.name
        return Symbol(name, "macro", None, macro.location(-1, word.start, word.end))
