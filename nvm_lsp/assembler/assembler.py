"""Assembly of easm: expand, lay out, and say for every byte where it comes from.

>>> assemble_text("PUSH1 3\\nPUSH1 4\\nADD").bytecode.hex()
'6003600401'
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from nvm_lsp.assembler import errors as e
from nvm_lsp.assembler.expander import Limits, expand
from nvm_lsp.assembler.layout import Layout, lay_out
from nvm_lsp.assembler.loader import FileLoader, Loader, Unreadable
from nvm_lsp.assembler.program import Finding, Piece, Program
from nvm_lsp.assembler.symbols import Symbols
from nvm_lsp.assembler.unused import check_names_of_constants, check_unused_macros
from nvm_lsp.diagnostics import Diagnostic, Related, Severity
from nvm_lsp.opcodes import DEFAULT_FORK, find_fork
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import SyntaxTree, parse
from nvm_lsp.syntax import tree as t

__all__ = [
    "Assembly",
    "Limits",
    "Operation",
    "Origin",
    "SourceMap",
    "assemble",
    "assemble_file",
    "assemble_text",
]


_LIMITS = Limits()


class Operation(NamedTuple):
    """One instruction of the bytecode. ``value`` is a push's operand; ``size`` is in bytes."""

    pc: int
    code: int
    value: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an instruction or a run of data comes from.

    ``location`` is the line that holds it. ``uses`` are the lines that led there, innermost first:
    uses of macros, then includes. ``root_line`` is the line of the root file that all stems from.
    """

    location: Location
    uses: tuple[Related, ...]
    root_line: int


def assemble(
    tree: SyntaxTree,
    *,
    loader: Loader | None = None,
    fork: str | None = None,
    default_fork: str | None = None,
    options: Mapping[str, int] | None = None,
    limits: Limits = _LIMITS,
) -> Assembly:
    """Assembles a tree. Flaws are in the result's ``diagnostics``; nothing is raised for them.

    ``fork`` outweighs the file's own `%fork`, which outweighs ``default_fork``; ``options``
    outweigh definitions of the same name. What grows past ``limits`` is an error.

    Raises:
        ValueError: ``fork`` or ``default_fork`` names no fork.
    """
    for name in (fork, default_fork):
        if name is not None and find_fork(name) is None:
            raise ValueError(f"unknown fork {name}")
    program, expansion_diagnostics = expand(
        tree, loader or FileLoader(), (fork or default_fork or DEFAULT_FORK).lower(),
        options or {}, fork_given=fork is not None, limits=limits,
    )
    layout = lay_out(program)
    found = [*expansion_diagnostics, *_located(program, layout)]
    found += check_unused_macros(program)
    found += check_names_of_constants(layout)
    return Assembly(layout.code, _sorted(found), program, layout)


def assemble_text(
    text: str,
    path: str = "-",
    *,
    loader: Loader | None = None,
    fork: str | None = None,
    options: Mapping[str, int] | None = None,
) -> Assembly:
    """Assembles a text; see `assemble`."""
    return assemble(parse(text, path), loader=loader, fork=fork, options=options)


def assemble_file(
    path: str,
    *,
    loader: Loader | None = None,
    fork: str | None = None,
    options: Mapping[str, int] | None = None,
) -> Assembly | Unreadable:
    """Assembles a file, or says why it cannot be read; see `assemble`."""
    loader = loader or FileLoader()
    tree = loader.source(path)
    if isinstance(tree, Unreadable):
        return tree
    return assemble(tree, loader=loader, fork=fork, options=options)


@dataclass(frozen=True, eq=False)
class Assembly:
    """Bytecode and all that is known of it. With errors, the bytecode is not to be used."""

    bytecode: bytes
    diagnostics: tuple[Diagnostic, ...]
    program: Program
    layout: Layout

    @property
    def ok(self) -> bool:
        """There is no error."""
        return not any(d.severity is Severity.ERROR for d in self.diagnostics)

    @property
    def fork(self) -> str:
        return self.program.root.instructions.fork.name

    @cached_property
    def symbols(self) -> Symbols:
        """Labels, constants, tables and macros, with their values and places."""
        return Symbols(self.program, self.layout)

    def labels(self) -> Mapping[str, int]:
        """Offsets of labels and tables by name."""
        return self.layout.labels

    @cached_property
    def source_map(self) -> SourceMap:
        return SourceMap(self.program, self.layout)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The instructions in order of pc, without data."""
        return tuple(self.iter_operations())

    @cached_property
    def data_ranges(self) -> tuple[tuple[int, int], ...]:
        """Offsets of the bytes written as data, start and end, in order and not touching."""
        ranges: list[tuple[int, int]] = []
        for pc, size, is_data in self._items(with_data=True):
            if is_data and size:
                if ranges and ranges[-1][1] == pc:
                    ranges[-1] = (ranges[-1][0], pc + size)
                else:
                    ranges.append((pc, pc + size))
        return tuple(ranges)

    def items(self) -> Iterator[tuple[int, int, bool]]:
        """Every instruction and run of data: offset, size, whether it is data."""
        return self._items()

    def _items(self, *, with_data: bool = False) -> Iterator[tuple[int, int, bool]]:
        """All items, or only those of fragments that hold data."""
        layout = self.layout
        for index, fragment in enumerate(self.program.fragments):
            if not fragment.offsets or (with_data and not fragment.data):
                continue
            offsets = self.source_map.offsets(index)
            end = layout.starts[index] + len(fragment.code) + layout.prefixes[index][-1]
            following = [*offsets[1:], end]
            data = fragment.data
            for item, (pc, after) in enumerate(zip(offsets, following, strict=True)):
                yield pc, after - pc, item in data

    def iter_operations(self) -> Iterator[Operation]:
        """The instructions one by one, for who may not need them all."""
        code = self.bytecode
        if not code and self.layout.size:
            return
        for pc, size, is_data in self.items():
            if not is_data and size:
                value = int.from_bytes(code[pc + 1 : pc + size], "big") if size > 1 else None
                opcode = code[pc]
                yield Operation(pc, opcode, 0 if opcode == 0x5F else value, size)


def _offsets(layout: Layout, index: int) -> list[int]:
    """The offsets in the code of all items of a fragment."""
    fragment = layout.program.fragments[index]
    start = layout.starts[index]
    if not fragment.variables:
        return [start + offset for offset in fragment.offsets]
    out: list[int] = []
    done = 0
    for variable, before in zip(fragment.variables, layout.prefixes[index], strict=False):
        shift, upto = start + before, variable.item + 1
        out += [shift + offset for offset in fragment.offsets[done:upto]]
        done = max(done, upto)
    shift = start + layout.prefixes[index][-1]
    return out + [shift + offset for offset in fragment.offsets[done:]]


@dataclass(frozen=True, eq=False)
class SourceMap:
    """Both ways between offsets of the bytecode and lines of the source."""

    program: Program
    layout: Layout

    def origin(self, pc: int) -> Origin | None:
        """Where the byte at ``pc`` comes from; None if there is no such byte."""
        if not 0 <= pc < self.layout.size:
            return None
        piece = bisect_right(self.layout.starts, pc) - 1
        offsets = self._offsets(piece)
        item = bisect_right(offsets, pc) - 1
        while item > 0 and offsets[item] == offsets[item - 1] and not self._has_size(piece, item):
            item -= 1
        return self._origin(piece, item) if item >= 0 else None

    def pcs(self, path: str, line: int) -> tuple[int, ...]:
        """Offsets of the instructions and data that a line holds, or leads to by a use."""
        return tuple(self._by_line.get((path, line), ()))

    def line_items(self, path: str, line: int) -> Iterator[tuple[int, int, bool]]:
        """What a line emits itself or by using a macro: offset, size, whether it is data.

        Unlike `pcs` it looks at that line only, so it is quick for one line of a long file.
        """
        for _, pc, size, is_data in self.items_between(path, line, line + 1):
            yield pc, size, is_data

    def items_between(
        self, path: str, first: int, stop: int
    ) -> Iterator[tuple[int, int, int, bool]]:
        """What lines emit, ``stop`` not among them: line, offset, size, whether it is data."""
        for index, piece in enumerate(self.program.pieces):
            low, high = max(first - piece.line, piece.low), min(stop - piece.line, piece.high)
            if low >= high or piece.context.path != path:
                continue
            fragment, offsets = self.program.fragments[index], self._offsets(index)
            end = (
                self.layout.starts[index] + len(fragment.code) + self.layout.prefixes[index][-1]
            )
            for item in range(
                bisect_left(fragment.lines, low), bisect_left(fragment.lines, high)
            ):
                following = offsets[item + 1] if item + 1 < len(offsets) else end
                pc = offsets[item]
                yield fragment.lines[item] + piece.line, pc, following - pc, item in fragment.data

    def entries(self) -> Iterator[tuple[int, int, bool, Origin]]:
        """Every instruction and run of data: offset, size, whether it is data, origin."""
        for piece, fragment in enumerate(self.program.fragments):
            offsets = self._offsets(piece)
            end = (
                self.layout.starts[piece] + len(fragment.code) + self.layout.prefixes[piece][-1]
            )
            for item, pc in enumerate(offsets):
                following = offsets[item + 1] if item + 1 < len(offsets) else end
                yield pc, following - pc, item in fragment.data, self._origin(piece, item)

    def offsets(self, piece: int) -> list[int]:
        """Offsets in the code of all items of a piece."""
        return self._offsets(piece)

    def line(self, pc: int) -> t.Line | None:
        """The line that the instruction at ``pc`` is written on: in a macro, one of its body."""
        if not 0 <= pc < self.layout.size:
            return None
        index = bisect_right(self.layout.starts, pc) - 1
        item = bisect_right(self._offsets(index), pc) - 1
        if item < 0:
            return None
        fragment = self.program.fragments[index]
        trail = fragment.trails.get(item)
        if trail:
            name, body_line = trail[-1]
            return self.program.macros[name].body[body_line]
        return self.program.pieces[index].chunk.lines[fragment.lines[item]]

    def trail(self, pc: int) -> tuple[object, ...]:
        """The expansion of macros that ``pc`` lies in, as a key: empty outside of macros."""
        index = bisect_right(self.layout.starts, pc) - 1
        item = bisect_right(self._offsets(index), pc) - 1
        fragment = self.program.fragments[index]
        trail = fragment.trails.get(item, ())
        if not trail:
            return ()
        return (id(self.program.pieces[index]), fragment.lines[item], *trail[:-1])

    @cached_property
    def _by_line(self) -> dict[tuple[str, int], list[int]]:
        index: dict[tuple[str, int], list[int]] = {}
        for pc, size, _, origin in self.entries():
            if size:
                for location in (origin.location, *(use.location for use in origin.uses)):
                    pcs = index.setdefault((location.path, location.span.start.line), [])
                    if not pcs or pcs[-1] != pc:
                        pcs.append(pc)
        return index

    @cached_property
    def _cache(self) -> dict[int, list[int]]:
        return {}

    def _offsets(self, piece: int) -> list[int]:
        if piece not in self._cache:
            self._cache[piece] = _offsets(self.layout, piece)
        return self._cache[piece]

    def _has_size(self, piece: int, item: int) -> bool:
        offsets = self._offsets(piece)
        fragment = self.program.fragments[piece]
        end = self.layout.starts[piece] + len(fragment.code) + self.layout.prefixes[piece][-1]
        return (offsets[item + 1] if item + 1 < len(offsets) else end) > offsets[item]

    def _origin(self, index: int, item: int) -> Origin:
        fragment = self.program.fragments[index]
        piece = self.program.pieces[index]
        local_line = fragment.lines[item]
        statement = piece.chunk.lines[local_line].statement
        trail = fragment.trails.get(item, ())
        span = (statement.start, statement.end) if statement is not None else (0, 0)
        if trail:
            name, body_line = trail[-1]
            inner = self.program.macros[name].body[body_line].statement
            span = (inner.start, inner.end) if inner is not None else (0, 0)
        return _locate(self.program, piece, local_line, trail, *span)


def _locate(
    program: Program, piece: Piece, local_line: int, trail: tuple[tuple[str, int], ...],
    start: int, end: int,
) -> Origin:
    """The place of columns ``start`` to ``end`` of a piece's line, or of a macro's line."""
    context = piece.context
    line = piece.line + local_line
    root_line = line
    for _, include_line in context.chain():
        root_line = include_line
    uses: list[Related] = []
    location = Location(context.path, Span.of_line(line, start, end))
    if trail:
        name, body_line = trail[-1]
        location = program.macros[name].location(body_line, start, end)
        for depth in range(len(trail) - 1, 0, -1):
            outer, outer_line = trail[depth - 1]
            statement = program.macros[outer].body[outer_line].statement
            columns = (statement.start, statement.end) if statement is not None else (0, 0)
            uses.append(
                Related(
                    program.macros[outer].location(outer_line, *columns),
                    f"in the expansion of %{trail[depth][0]}",
                )
            )
        statement = piece.chunk.lines[local_line].statement
        columns = (statement.start, statement.end) if statement is not None else (0, 0)
        uses.append(
            Related(
                Location(context.path, Span.of_line(line, *columns)),
                f"in the expansion of %{trail[0][0]}",
            )
        )
    return Origin(location, (*uses, *context.related()), root_line)


def _located(program: Program, layout: Layout) -> Iterator[Diagnostic]:
    """The findings of fragments and layout, each at its place."""
    for piece, fragment in zip(program.pieces, program.fragments, strict=True):
        for finding in fragment.findings:
            yield _diagnostic(program, piece, finding)
    for found in layout.findings:
        diagnostic = _diagnostic(
            program, program.pieces[found.piece], Finding(found.line, found.trail, found.problem)
        )
        if found.problem.kind is e.DUPLICATE_NAME:
            diagnostic = _with_first_site(program, layout, diagnostic, found.problem)
        yield diagnostic


def _diagnostic(program: Program, piece: Piece, finding: Finding) -> Diagnostic:
    problem = finding.problem
    origin = _locate(
        program, piece, finding.line, finding.trail, problem.start, problem.end
    )
    location = origin.location
    return problem.at(location.path, location.span.start.line, origin.uses)


def _with_first_site(
    program: Program, layout: Layout, diagnostic: Diagnostic, problem: object
) -> Diagnostic:
    from dataclasses import replace  # noqa: PLC0415

    name = diagnostic.message.split(" ", 1)[0]
    if name in layout.sites:
        index, site = layout.sites[name]
        first = _locate(
            program, program.pieces[index], site.line, site.trail, site.word.start, site.word.end
        ).location
    else:
        constant = program.constants[name]
        word = constant.definition.name if constant.definition else t.Word(0, 0, name)
        first = Location(constant.path, Span.of_line(constant.line, word.start, word.end))
    return replace(
        diagnostic, related=(Related(first, "first defined here"), *diagnostic.related)
    )


def _sorted(found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In order of place, each said once, however often a macro was used."""
    unique: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in found:
        unique.setdefault((diagnostic.location, diagnostic.code, diagnostic.message), diagnostic)
    return tuple(sorted(unique.values(), key=lambda d: d.sort_key))
