"""textDocument/hover: the page of a mnemonic, and what a name stands for.

A pure function of a document's assembly and a position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import checksum_address
from nvm_lsp.assembler.symbols import Symbol
from nvm_lsp.lint.references import expressions_of
from nvm_lsp.opcode_page import opcode_page
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Hover", "handle", "hover"]


def handle(server: NvmServer, params: lsp.HoverParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    found = hover(server.documents.assembly(opened), position)
    if found is None:
        return None
    return {
        "contents": {"kind": "markdown", "value": found.text},
        "range": server.converter.range_json(opened.document, found.span),
    }


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown, and the stretch that it is about."""

    text: str
    span: Span


def hover(assembly: Assembly, position: Position) -> Hover | None:
    """What is under the cursor, None where there is nothing to tell."""
    tree = assembly.program.root.tree
    if position.line >= tree.line_count:
        return None
    statement = tree.line(position.line).statement
    column = position.column
    if statement is None or not statement.start <= column <= statement.end:
        return None
    for start, end, text in _parts(statement, assembly):
        if start <= column <= end and text:
            return Hover(text, Span.of_line(position.line, start, end))
    return None


def _parts(statement: t.Statement, assembly: Assembly) -> Iterator[tuple[int, int, str]]:
    """The stretches of a line with something to tell, smaller ones first."""
    for expression in expressions_of(statement):
        for name in t.names_in(expression):
            yield name.start, name.end, _name(name.text, assembly)
        if isinstance(expression, t.Number):
            yield expression.start, expression.end, _number(expression.value)
    match statement:
        case t.Instruction(mnemonic=mnemonic):
            row = opcode_by_name(mnemonic)
            if row is not None:
                yield statement.start, statement.mnemonic_end, opcode_page(row)
            elif mnemonic == "PUSH":
                yield statement.start, statement.mnemonic_end, _SIZED_PUSH
        case t.Label(name=word) | t.PositionLabel(name=word) | t.ConstantDefinition(name=word):
            yield word.start, word.end, _name(word.text, assembly)
        case t.MacroUse(name=word) | t.MacroDefinition(name=word):
            yield statement.start, word.end, _macro(word.text, assembly)
        case _:
            pass


_SIZED_PUSH = (
    "**PUSH** sizes itself: the narrowest of PUSH0 to PUSH32 that holds the value; "
    "0 is PUSH0 where the fork has it, else PUSH1 0."
)


def _name(name: str, assembly: Assembly) -> str:
    found = assembly.symbols.find(name)
    return _symbol(found) if found is not None else ""


def _symbol(symbol: Symbol) -> str:
    where = f" · {symbol.location}" if symbol.location is not None else ""
    if symbol.kind == "constant":
        return f"**{symbol.name}** constant{where}\n\n" + (
            _number(symbol.value) if symbol.value is not None else "no value"
        )
    offset = f"{symbol.value:#06x} ({symbol.value})" if symbol.value is not None else "unknown"
    return f"**{symbol.name}** {symbol.kind}{where}\n\noffset {offset}"


def _macro(name: str, assembly: Assembly) -> str:
    macro = assembly.program.macros.get(name)
    if macro is None:
        return ""
    head = macro.definition
    parameters = ", ".join(word.text for word in head.parameters)
    effect = "".join(
        f" {word}({count})"
        for word, count in (("takes", head.takes), ("returns", head.returns))
        if count is not None
    )
    body = "".join(line.text for line in macro.body[:20])
    more = "    …\n" if len(macro.body) > 20 else ""
    return f"```easm\n%macro {name}({parameters}){effect}\n{body}{more}%end\n```"


def _number(value: int) -> str:
    """A value in the forms that it may be meant in."""
    forms = [f"`{value:#x}`", f"`{value:,}`"]
    data = value.to_bytes(max((value.bit_length() + 7) // 8, 1), "big").rstrip(b"\0")
    if len(data) >= 3 and all(0x20 <= byte < 0x7F for byte in data):
        forms.append(f'`"{data.decode("ascii")}"`')
    if value.bit_length() > 96 and value.bit_length() <= 160:
        forms.append(f"address `{checksum_address(value)}`")
    if 10**15 <= value < 10**27:
        forms.append(f"`{value / 10**18:g}` ether")
    return " · ".join(forms)
