"""textDocument/hover: the page of a mnemonic, and what a name, a number or a comment stands for.

A pure function of a document's assembly and a position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nvm_lsp.analysis.signatures import calls_in
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import FUNCTIONS
from nvm_lsp.assembler.program import Macro
from nvm_lsp.assembler.references import MacroScope, expressions_of, structure
from nvm_lsp.assembler.symbols import Symbol
from nvm_lsp.diagnostics import KINDS
from nvm_lsp.editor_hooks import Cursor, Hover, HoverEntry
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.lint.linter import rules
from nvm_lsp.opcode_page import opcode_page, opcode_url
from nvm_lsp.opcodes import FORKS, opcode_by_code, opcode_by_name
from nvm_lsp.server.comments import words_of
from nvm_lsp.server.contributions import ServedProgram, cursor_at, hovers
from nvm_lsp.server.names import macro_uses, signatures_seen, uses
from nvm_lsp.server.scenario_keys import describe_key
from nvm_lsp.server.stack_hover import stack_page
from nvm_lsp.server.values import number_forms, value_of
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "hover", "macro_page", "nvm_lsp_hovers", "symbol_page"]

_LINES_OF_MACRO = 20
_INSTRUCTIONS_SHOWN = 24


def handle(server: NvmServer, params: lsp.HoverParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    found = hovers(cursor_at(server, opened, position))
    if not found:
        return None
    return {
        "contents": {"kind": "markdown", "value": "\n\n---\n\n".join(h.text for h in found)},
        "range": server.converter.range_json(opened.document, found[0].span),
    }


@hookimpl
def nvm_lsp_hovers() -> Iterable[HoverEntry]:
    return [HoverEntry("easm", _hover)]


def _hover(cursor: Cursor) -> Hover | None:
    program = cursor.program
    assert isinstance(program, ServedProgram)
    seen = signatures_seen(program.server.documents, program.opened)
    return _probe(cursor, program) or hover(program.assembly, cursor.position, seen)


def _probe(cursor: Cursor, program: ServedProgram) -> Hover | None:
    """What the last run has shown of a probe, in all forms that the value may be meant in."""
    line = cursor.position.line
    tree = program.opened.tree
    comment = tree.line(line).comment if line < tree.line_count else None
    result = program.server.results.get(program.uri)
    if comment is None or comment.kind != "probe" or result is None:
        return None
    if cursor.position.column <= comment.start:
        return None
    for row in result.json["probes"]:
        is_here = row["file"] == tree.path and result.moves.now(row["line"] - 1) == line
        if is_here and row["text"].strip() == comment.body:
            text = f"`{comment.body}` in the last run: {_seen(row)}"
            if result.version != program.opened.version:
                text += "\n\n*from before the last edits*"
            return Hover(text, Span.of_line(line, comment.start, comment.end))
    return None


def _seen(row: dict[str, Any]) -> str:
    if row["error"] is not None:
        return str(row["error"])
    if row["value"] is None:
        return "not reached"
    hits = f"\n\nran {row['hits']:,} times, this is the last" if row["hits"] > 1 else ""
    value = str(row["value"])
    try:
        return _forms(int(value, 0), ()) + hits if len(value) <= 66 else f"`{value}`" + hits
    except ValueError:
        return f"`{value}`" + hits


def hover(
    assembly: Assembly, position: Position, signatures: Sequence[str] = ()
) -> Hover | None:
    """What is under the cursor, None where there is nothing to tell.

    ``signatures`` are those that selectors are looked up in, before the standard ones.
    """
    tree = assembly.program.root.tree
    if position.line >= tree.line_count:
        return None
    line, column = tree.line(position.line), position.column
    parts: Iterator[tuple[int, int, str]] = iter(())
    if line.comment is not None and column > line.comment.start:
        parts = _comment(line.comment)
    elif line.statement is not None and line.statement.start <= column <= line.statement.end:
        parts = _parts(line.statement, assembly, position.line, signatures)
    for start, end, text in parts:
        if start <= column <= end and text:
            return Hover(text, Span.of_line(position.line, start, end))
    return None


def _parts(
    statement: t.Statement, assembly: Assembly, line: int, signatures: Sequence[str]
) -> Iterator[tuple[int, int, str]]:
    """The stretches of a line with something to tell, smaller ones first."""
    macro = structure(assembly.program.root.tree).macro_at(line)
    for expression in expressions_of(statement):
        yield from _expression(expression, assembly, macro, signatures)
    match statement:
        case t.Instruction(mnemonic=mnemonic):
            row = opcode_by_name(mnemonic)
            if row is not None:
                text = f"{opcode_page(row)}\n\n[evm.codes]({opcode_url(row, assembly.fork)})"
                text += stack_page(assembly, line)
                yield statement.start, statement.mnemonic_end, text
            elif mnemonic == "PUSH":
                text = _SIZED_PUSH + _emitted(assembly, line) + stack_page(assembly, line)
                yield statement.start, statement.mnemonic_end, text
        case t.Label(name=word) | t.PositionLabel(name=word):
            yield word.start, word.end, _name(word.text, assembly, macro, signatures)
        case t.ConstantDefinition(name=word) | t.Table(name=word):
            yield word.start, word.end, _name(word.text, assembly, macro, signatures)
        case t.MacroUse(name=word):
            text = macro_page(assembly, word.text)
            if text:
                text += _expansion(assembly, line) + stack_page(assembly, line)
            yield statement.start, word.end, text
        case t.MacroDefinition(name=word):
            yield statement.start, word.end, macro_page(assembly, word.text)
        case t.ForkDirective(name=word):
            fork = FORKS.get(word.text.lower())
            if fork is not None:
                yield word.start, word.end, f"**{fork.name}** ({fork.year})\n\n{fork.summary}"
        case _:
            pass


def _expression(
    expression: t.Expression, assembly: Assembly, macro: MacroScope | None,
    signatures: Sequence[str],
) -> Iterator[tuple[int, int, str]]:
    for name in t.names_in(expression):
        yield name.start, name.end, _name(name.text, assembly, macro, signatures)
    for call in calls_in(expression):
        text = f"**{call.function.text}** gives {FUNCTIONS.get(call.function.text, 'nothing')}"
        yield call.start, call.end, text + _value(call, assembly, signatures)
    for part in t.parts_of(expression):
        if isinstance(part, t.Number):
            yield part.start, part.end, _forms(part.value, signatures)
    if not isinstance(expression, t.Number):
        yield expression.start, expression.end, _value(expression, assembly, signatures).lstrip()


def _value(expression: t.Expression, assembly: Assembly, signatures: Sequence[str]) -> str:
    value = value_of(expression, assembly)
    if isinstance(value, bytes):
        return f"\n\n`0x{value.hex()}` · {len(value)} bytes"
    return "" if value is None else f"\n\n{_forms(value, signatures)}"


def _forms(value: int, signatures: Sequence[str]) -> str:
    return " · ".join(number_forms(value, signatures))


_SIZED_PUSH = (
    "**PUSH** sizes itself: the narrowest of PUSH0 to PUSH32 that holds the value; "
    "0 is PUSH0 where the fork has it, else PUSH1 0."
)


def _emitted(assembly: Assembly, line: int) -> str:
    """What a sized push became."""
    for pc, _, is_data in assembly.source_map.line_items(assembly.program.root.path, line):
        if not is_data and pc < len(assembly.bytecode):
            row = opcode_by_code(assembly.bytecode[pc])
            return f"\n\nHere: {row.name} at pc `{pc:#06x}`" if row is not None else ""
    return ""


# Names --------------------------------------------------------------------------------------------


def _name(
    name: str, assembly: Assembly, macro: MacroScope | None, signatures: Sequence[str]
) -> str:
    if macro is not None:
        if name in macro.parameters:
            return f"**{name}** parameter of `%{macro.name}`; each use says what it is"
        if name in macro.labels:
            return f"**{name}** label of `%{macro.name}`; each use of the macro has its own"
    if name == "pc":
        return "**pc** offset of the instruction or data that it stands in"
    found = assembly.symbols.find(name)
    if found is not None:
        return _symbol(found, assembly, signatures)
    return f"**{name}** {_fork_value(name, assembly)}" if name.startswith("fork") else ""


def _fork_value(name: str, assembly: Assembly) -> str:
    fork = FORKS.get(name[5:]) if "." in name else FORKS[assembly.fork]
    return "" if fork is None else f"the age of {fork.name}, to compare with other forks"


def symbol_page(assembly: Assembly, name: str) -> str:
    """What a label, table or constant stands for; nothing if there is no such name."""
    return _name(name, assembly, None, ())


def _symbol(symbol: Symbol, assembly: Assembly, signatures: Sequence[str]) -> str:
    where = f" · {symbol.location}" if symbol.location is not None else ""
    count = uses(assembly, symbol.name)
    used = f"{count} use{'s' * (count != 1)}" if count else "never used"
    if symbol.kind == "constant":
        value = "no value" if symbol.value is None else _forms(symbol.value, signatures)
        return f"**{symbol.name}** constant{where} · {used}\n\n{value}"
    offset = f"`{symbol.value:#06x}` ({symbol.value})" if symbol.value is not None else "unknown"
    length = assembly.layout.length(symbol.name) if symbol.kind != "label" else None
    size = f" · {length:,} bytes" if length is not None else ""
    return f"**{symbol.name}** {symbol.kind}{where} · {used}\n\noffset {offset}{size}"


def macro_page(assembly: Assembly, name: str) -> str:
    """A macro's head, body, effect and uses in Markdown; nothing if there is no such macro."""
    macro = assembly.program.macros.get(name)
    if macro is None:
        return ""
    body = "".join(line.text for line in macro.body[:_LINES_OF_MACRO]).rstrip("\r\n")
    more = "\n    …" if len(macro.body) > _LINES_OF_MACRO else ""
    count = macro_uses(assembly, name)
    head = macro.definition
    effect = "" if head.takes is None and head.returns is None else (
        f"takes {head.takes or 0} words, returns {head.returns or 0} · "
    )
    return (
        f"```easm\n{macro_head(macro)}\n{body}{more}\n%end\n```\n\n"
        f"{effect}{count or 'no'} use{'s' * (count != 1)}"
    )


def macro_head(macro: Macro) -> str:
    """The line that begins a macro, as one would write it."""
    head = macro.definition
    parameters = ", ".join(word.text for word in head.parameters)
    effect = "".join(
        f" {word}({count})"
        for word, count in (("takes", head.takes), ("returns", head.returns))
        if count is not None
    )
    return f"%macro {head.name.text}({parameters}){effect}"


def _expansion(assembly: Assembly, line: int) -> str:
    """The instructions that a use of a macro became."""
    items = list(assembly.source_map.line_items(assembly.program.root.path, line))
    code = assembly.bytecode
    if not items or not code:
        return ""
    rows = []
    for pc, size, is_data in items[:_INSTRUCTIONS_SHOWN]:
        operand = f" 0x{code[pc + 1 : pc + size].hex()}" if size > 1 else ""
        row = opcode_by_code(code[pc]) if not is_data and size else None
        shown = f"%bytes 0x{code[pc : pc + size].hex()}" if row is None else row.name + operand
        rows.append(f"{shown:<24} # {pc:#06x}")
    if len(items) > _INSTRUCTIONS_SHOWN:
        rows.append(f"# {len(items) - _INSTRUCTIONS_SHOWN} more instructions")
    total = sum(size for _, size, _ in items)
    return f"\n\nHere, {total} bytes:\n```easm\n" + "\n".join(rows) + "\n```"


# Comments -----------------------------------------------------------------------------------------


def _comment(comment: t.Comment) -> Iterator[tuple[int, int, str]]:
    match comment.kind:
        case "scenario":
            for start, end, word in words_of(comment)[:1]:
                yield start, end, describe_key(word)
        case "suppression":
            rules()  # their kinds are defined when they are loaded
            for start, end, word in words_of(comment):
                kind = KINDS.get(word)
                if kind is not None:
                    yield start, end, f"**{kind.code}** {kind.name}\n\n{kind.page}"
        case _:
            pass
