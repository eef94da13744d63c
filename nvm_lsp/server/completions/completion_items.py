"""What may be written in code: mnemonics, macros, directives, names, functions, signatures.

Each item has a rank by what suits the place: labels where a jump follows, selectors in a PUSH4,
constants that fit the width, parameters inside of their macro. It knows no client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from nvm_lsp.analysis.signatures import (
    STANDARD_EVENTS,
    STANDARD_FUNCTIONS,
    selector_of,
    signatures_in,
)
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import FUNCTIONS, UNITS
from nvm_lsp.assembler.references import structure
from nvm_lsp.opcodes import FORKS, instruction_set, opcode_by_name
from nvm_lsp.server.completions.call_site import innermost_call
from nvm_lsp.server.completions.completion_item import Item, Kind
from nvm_lsp.server.completions.completion_site import Site
from nvm_lsp.server.completions.path_completion import Files, paths
from nvm_lsp.server.hovers.directive_pages import DIRECTIVES
from nvm_lsp.source import Position
from nvm_lsp.syntax import tree as t
from nvm_lsp.syntax.parser import directives

__all__ = ["Place", "code_items", "fork_items"]

#: Ranks: what the place asks for, what suits it, what may stand there, what hardly does.
_WANTED, _FITTING, _POSSIBLE, _UNLIKELY = 0, 2, 4, 6
_LINES_AHEAD, _LINES_BACK = 4, 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. ``before`` is the line's text up to the cursor; ``signatures``
    gives those that programs of the workspace pass to a function; ``case`` is how mnemonics are
    written, as the formatter has it."""

    assembly: Assembly
    position: Position
    site: Site
    before: str = ""
    signatures: Callable[[str], Sequence[str]] | None = None
    files: Files | None = None
    case: str = "upper"

    def seen(self, function: str) -> Sequence[str]:
        if self.signatures is None:
            return signatures_in(self.assembly, function)
        return self.signatures(function)


def code_items(place: Place) -> Iterator[Item]:
    """What may be written at a place in code."""
    site, assembly = place.site, place.assembly
    match site.kind:
        case "statement":
            yield from _mnemonics(place)
            yield from _macros(assembly)
            yield from _directives(place)
        case "directive":
            yield from _macros(assembly)
            yield from _directives(place)
        case "operand":
            yield from _operand(place)
        case "label":
            yield from _labels(assembly, _WANTED)
            yield from _constants(assembly, "", _POSSIBLE)
        case "at":
            for item in _labels(assembly, _WANTED):
                yield Item(
                    f"@{item.label}", item.kind, item.detail, about="label", name=item.label
                )
        case "unit":
            for unit, factor in UNITS.items():
                yield Item(unit, Kind.UNIT, f"{factor:,}")
        case "fill" | "width":
            meaning = "the byte to pad with" if site.kind == "fill" else "bytes of an entry"
            yield Item(site.kind, Kind.KEYWORD, meaning, insert=f"{site.kind} ")
        case "effect":
            for word, meaning in (("takes", "words that it uses"), ("returns", "words it leaves")):
                if f"{word}(" not in place.before.replace(" ", ""):
                    yield Item(f"{word}(n)", Kind.KEYWORD, meaning, f"{word}(", f"{word}(${{1:0}})")
        case "fork":
            yield from fork_items()
        case "path":
            if place.files is not None:
                yield from paths(site.word, place.files, (".easm",) if site.is_source else ())
        case "selector" | "topic":
            yield from _signatures(site.kind, place)


def fork_items() -> Iterator[Item]:
    """The forks, newest first."""
    ordered = sorted(FORKS.values(), key=lambda fork: -fork.index)
    for rank, fork in enumerate(ordered):
        yield Item(fork.name, Kind.ENUM_MEMBER, str(fork.year), about="fork", rank=rank)


# Statements ---------------------------------------------------------------------------------------


def _mnemonics(place: Place) -> Iterator[Item]:
    found = chain(
        (Item("PUSH", Kind.KEYWORD, "[] -> [value], as narrow as can be", about="mnemonic"),),
        _mnemonics_of(place.assembly.fork),
    )
    if not _in_lower_case(place):
        yield from found
        return
    for item in found:
        yield replace(item, label=item.label.lower(), name=item.label)


def _in_lower_case(place: Place) -> bool:
    """Whether a mnemonic is to be in lower case here: as configured, as typed, as above."""
    if place.case != "keep":
        return place.case == "lower"
    if place.site.word:
        return place.site.word.islower()
    tree, line = place.assembly.program.root.tree, place.position.line
    for number in range(line - 1, max(line - _LINES_BACK, 0) - 1, -1):
        statement = tree.line(number).statement if number < tree.line_count else None
        if isinstance(statement, t.Instruction):
            text = tree.line(number).text
            return text[statement.start : statement.mnemonic_end].islower()
    return False


@lru_cache(maxsize=16)
def _mnemonics_of(fork: str) -> tuple[Item, ...]:
    return tuple(
        Item(
            name, Kind.KEYWORD, f"{row.effect}, {row.gas} gas", about="mnemonic",
            rank=3 if name != row.name else
            2 if row.is_dup or row.is_swap or row.immediate_size > 2 else 1,
            deprecated=name != row.name or row.name in ("CALLCODE", "SELFDESTRUCT"),
        )
        for name, row in instruction_set(fork).by_name.items()
    )


def _macros(assembly: Assembly) -> Iterator[Item]:
    for name, macro in assembly.program.macros.items():
        head = macro.definition
        parameters = [word.text for word in head.parameters]
        effect = "" if head.takes is None and head.returns is None else (
            f" takes({head.takes or 0}) returns({head.returns or 0})"
        )
        snippet = "%" + name.replace("$", "\\$") + "(" + ", ".join(
            f"${{{index}:{parameter}}}" for index, parameter in enumerate(parameters, 1)
        ) + ")"
        yield Item(
            f"%{name}", Kind.FUNCTION, f"({', '.join(parameters)}){effect}",
            insert=f"%{name}(" if parameters else f"%{name}()",
            snippet=snippet, about="macro", name=name, rank=1,
        )


def _directives(place: Place) -> Iterator[Item]:
    """Directives, the end of a block first where one is open."""
    blocks = structure(place.assembly.program.root.tree).blocks
    line = place.position.line
    around = [block for block in blocks if block.first < line <= block.last]
    is_open = any(not block.closed for block in around)
    in_condition = bool(around) and around[-1].kind == "if"
    for name in directives():
        form, snippet, _ = DIRECTIVES[name]
        rank = 3
        if name == "%end":
            rank = 0 if is_open else 5
        elif name == "%else":
            rank = 2 if in_condition and around[-1].alternative is None else 5
        yield Item(name, Kind.KEYWORD, form, snippet=snippet, about="directive", rank=rank)


# Operands -----------------------------------------------------------------------------------------


def _operand(place: Place) -> Iterator[Item]:
    """Names, functions and signatures, ranked by what the place is for."""
    assembly, head = place.assembly, place.site.head
    call = innermost_call(place.before)
    function = call[0] if call is not None else ""
    if function in ("selector", "topic"):
        for item in _signatures(function, place):
            yield Item(
                f'"{item.label}"', item.kind, item.detail, rank=item.rank, filter=item.label
            )
        return
    if function == "keccak256":
        return
    labels, constants = _FITTING + 1, _FITTING
    if function == "len":
        yield from _labels(assembly, _WANTED, ("position", "table"))
        yield from _labels(assembly, _FITTING, ("label",))
        return
    if head in ("%if", "%assert"):
        is_fork = re.search(r"\bfork\b", place.before) is not None
        constants = _UNLIKELY + len(FORKS) if is_fork else _FITTING
        yield from _fork_names(_WANTED if is_fork else _UNLIKELY)
    elif head.startswith("PUSH") and not function:
        labels = _WANTED if _jump_follows(place) else _FITTING
    if head != "%if" and function != "address":
        yield from _local_names(assembly, place.position.line)
        yield from _labels(assembly, labels)
    yield from _constants(assembly, head if not function else "", constants, _wished(place, call))
    if function != "address":
        yield from _functions()
        yield from _hashes(place, head)


def _jump_follows(place: Place) -> bool:
    """Whether the next instruction takes what is pushed here as its destination."""
    tree = place.assembly.program.root.tree
    first = place.position.line + 1
    for number in range(first, min(first + _LINES_AHEAD, tree.line_count)):
        statement = tree.line(number).statement
        if statement is not None:
            return isinstance(statement, t.Instruction) and statement.mnemonic in ("JUMP", "JUMPI")
    return False


def _wished(place: Place, call: tuple[str, int] | None) -> str:
    """The parameter that a macro's argument is for, in capitals; nothing elsewhere."""
    if call is None or not call[0].startswith("%"):
        return ""
    macro = place.assembly.program.macros.get(call[0][1:])
    parameters = macro.definition.parameters if macro is not None else ()
    return parameters[call[1]].text.upper() if call[1] < len(parameters) else ""


def _local_names(assembly: Assembly, line: int) -> Iterator[Item]:
    """Parameters and labels of the macro that a line belongs to."""
    macro = structure(assembly.program.root.tree).macro_at(line)
    if macro is not None:
        for name in sorted(macro.parameters):
            yield Item(name, Kind.VARIABLE, f"parameter of %{macro.name}", rank=_WANTED)
        for name in sorted(macro.labels):
            yield Item(name, Kind.REFERENCE, f"label of %{macro.name}", rank=_WANTED + 1)


def _labels(
    assembly: Assembly, rank: int, kinds: Sequence[str] = ("label", "position", "table")
) -> Iterator[Item]:
    labels = assembly.layout.labels
    for name, (_, site) in assembly.layout.sites.items():
        if "%" not in name and not site.trail and site.kind in kinds:
            offset = labels.get(name)
            detail = site.kind if offset is None else f"{site.kind} {offset:#06x}"
            yield Item(name, Kind.REFERENCE, detail, about="label", rank=rank)


def _constants(
    assembly: Assembly, head: str, rank: int, parameter: str = ""
) -> Iterator[Item]:
    """Constants: those that a push is made for first, those that it cannot hold last."""
    row = opcode_by_name(head)
    width = row.immediate_size if row is not None else 0
    for name in assembly.program.constants:
        value = assembly.layout.constant(name)
        number = value if isinstance(value, int) else None
        fits = rank
        if width and number is not None:
            size = (number.bit_length() + 7) // 8
            fits = _UNLIKELY if size > width else _WANTED if size == width else rank
        if parameter and parameter in name.upper():
            fits = _WANTED
        yield Item(
            name, Kind.CONSTANT, "" if number is None else f"{number:#x}", rank=fits,
            about="constant",
        )


def _functions() -> Iterator[Item]:
    for name in FUNCTIONS:
        inner = '"$1"' if name in ("selector", "topic", "keccak256") else "$1"
        yield Item(
            name, Kind.FUNCTION, FUNCTIONS[name], insert=f"{name}(", snippet=f"{name}({inner})",
            about="function", rank=_POSSIBLE,
        )
    yield Item("pc", Kind.KEYWORD, "offset of this instruction", rank=_UNLIKELY)


def _fork_names(rank: int) -> Iterator[Item]:
    yield Item("fork", Kind.KEYWORD, "that the program is assembled for", rank=_WANTED)
    for item in fork_items():
        yield Item(
            f"fork.{item.label}", Kind.ENUM_MEMBER, item.detail, rank=rank + 1 + item.rank,
            about="fork", name=item.label,
        )


# Signatures ---------------------------------------------------------------------------------------


def _hashes(place: Place, head: str) -> Iterator[Item]:
    """Selectors and topics that the workspace uses, each where its width is pushed first."""
    for function, width in (("selector", "PUSH4"), ("topic", "PUSH32")):
        if head not in ("PUSH", width, "%def", "%bytes") and head.startswith("PUSH"):
            continue
        for signature in place.seen(function):
            yield Item(
                f'{function}("{signature}")', Kind.VALUE,
                _selector(signature) if function == "selector" else "",
                rank=_WANTED if head == width else _POSSIBLE + 1, filter=signature,
            )


def _signatures(function: str, place: Place) -> Iterator[Item]:
    own = tuple(name for name in place.seen(function) if name.endswith(")"))
    for signature in own:
        yield _signature(function, signature, "used in the workspace", 0)
    standard = STANDARD_FUNCTIONS if function == "selector" else STANDARD_EVENTS
    for source, signatures in standard.items():
        for signature in signatures:
            if signature not in own:
                yield _signature(function, signature, source, 1)


def _signature(function: str, signature: str, source: str, rank: int) -> Item:
    value = f" · {_selector(signature)}" if function == "selector" else ""
    return Item(signature, Kind.VALUE, source + value, rank=rank)


@lru_cache(maxsize=8192)
def _selector(signature: str) -> str:
    return f"0x{selector_of(signature):08x}"
