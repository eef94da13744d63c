"""The names of an assembled program with their values and places."""

from __future__ import annotations

from dataclasses import dataclass

from nvm_lsp.assembler.layout import Layout
from nvm_lsp.assembler.program import Program
from nvm_lsp.source import Location, Span

__all__ = ["Symbol", "Symbols", "collect_symbols"]


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


@dataclass(frozen=True, slots=True)
class Symbols:
    """Names by kind: offsets of labels (tables among them), values of constants, macros."""

    labels: dict[str, int]
    constants: dict[str, int]
    macros: tuple[str, ...]
    all: tuple[Symbol, ...]

    def __getitem__(self, name: str) -> int:
        """The offset of a label or the value of a constant.

        Raises:
            KeyError: there is no such name.
        """
        return self.labels[name] if name in self.labels else self.constants[name]


def collect_symbols(program: Program, layout: Layout) -> Symbols:
    """All names of a program, macro-internal labels excepted."""
    symbols = []
    for name, (index, site) in layout.sites.items():
        piece = program.pieces[index]
        if site.trail:
            macro, body_line = site.trail[-1]
            place = program.macros[macro].location(body_line, site.word.start, site.word.end)
        else:
            place = Location(
                piece.context.path,
                Span.of_line(piece.line + site.line, site.word.start, site.word.end),
            )
        symbols.append(Symbol(name, site.kind, layout.labels.get(name), place))
    constants = {}
    for name in program.constants:
        constant = program.constants[name]
        value = layout.constant(name)
        if isinstance(value, int):
            constants[name] = value
        word = constant.definition.name if constant.definition else None
        location = (
            Location(constant.path, Span.of_line(constant.line, word.start, word.end))
            if word
            else None
        )
        symbols.append(
            Symbol(name, "constant", value if isinstance(value, int) else None, location)
        )
    for name, macro_ in program.macros.items():
        word = macro_.definition.name
        symbols.append(Symbol(name, "macro", None, macro_.location(-1, word.start, word.end)))
    return Symbols(dict(layout.labels), constants, tuple(program.macros), tuple(symbols))
