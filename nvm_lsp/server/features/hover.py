"""textDocument/hover: the page of a mnemonic, and what a name, a number, a directive or a comment
stands for.

A pure function of a document's assembly and a position.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nvm_lsp.analysis.signatures import calls_in
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import FUNCTIONS
from nvm_lsp.assembler.program import Context
from nvm_lsp.assembler.references import (
    MacroScope,
    definitions,
    expressions_of,
    occurrences_between,
    structure,
)
from nvm_lsp.editor_hooks import Cursor, Hover, HoverEntry
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.kernel.gas import CLASSES, overheads
from nvm_lsp.kernel.image import PROFILES, Build
from nvm_lsp.opcode_page import opcode_page, opcode_url
from nvm_lsp.opcodes import (
    FORKS,
    Opcode,
    instruction_set,
    opcode_by_code,
    opcode_by_name,
)
from nvm_lsp.server.contributions import ServedProgram, cursor_at, hovers
from nvm_lsp.server.hovers.comment_hover import Part, comment_parts
from nvm_lsp.server.hovers.directive_pages import directive_page
from nvm_lsp.server.hovers.doc_comments import escaped
from nvm_lsp.server.hovers.markup import markup
from nvm_lsp.server.hovers.name_pages import expansion, fork_page, macro_page, name_page
from nvm_lsp.server.hovers.stack_hover import is_short, stack_page
from nvm_lsp.server.hovers.values import number_page, value_of
from nvm_lsp.server.mended import mended
from nvm_lsp.server.names import signatures_seen
from nvm_lsp.server.paths import uri_of
from nvm_lsp.server.scenario_toml import is_named, is_scenario_file, toml_hover
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["SIZED_PUSH", "handle", "hover", "nvm_lsp_hovers"]

SIZED_PUSH = (
    "**PUSH** · push\n\n"
    "Sizes itself: the narrowest of PUSH0 to PUSH32 that holds the value; 0 is PUSH0 where the "
    "fork has it, else PUSH1 0."
)


def handle(server: NvmServer, params: lsp.HoverParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    found = hovers(cursor_at(server, opened, position))
    if not found:
        return None
    client = getattr(server.client_capabilities.text_document, "hover", None)
    formats = client.content_format if client is not None else None
    return {
        "contents": markup("\n\n---\n\n".join(h.text for h in found), formats),
        "range": server.converter.range_json(opened.document, found[0].span),
    }


@hookimpl
def nvm_lsp_hovers() -> Iterable[HoverEntry]:
    return [HoverEntry("easm", _hover)]


def _hover(cursor: Cursor) -> Hover | None:
    program = cursor.program
    assert isinstance(program, ServedProgram)
    if is_scenario_file(program.uri):
        return _in_toml(program, cursor.position)
    documents = program.server.documents
    seen = signatures_seen(documents, program.opened)
    above = mended(documents, program.opened)
    stacks = None
    if above is not None and cursor.position.line < above.line and is_short(above.assembly):
        stacks = above.assembly
    return _probe(cursor, program) or hover(program.assembly, cursor.position, seen, stacks)


def _in_toml(program: ServedProgram, position: Position) -> Hover | None:
    document = program.opened.document
    if not is_named(program.server.documents, document.path):
        return None
    found = toml_hover(document.lines, position)
    if found is None:
        return None
    start, end, text = found
    return Hover(text, Span.of_line(position.line, start, end))


def _probe(cursor: Cursor, program: ServedProgram) -> Hover | None:
    """What the last run has shown of a probe, in all forms that the value may be meant in."""
    line = cursor.position.line
    tree = program.opened.tree
    comment = tree.line(line).comment if line < tree.line_count else None
    result = program.server.results.get(program.uri)
    if comment is None or comment.kind != "probe" or result is None:
        return None
    if cursor.position.column < comment.start:
        return None
    for row in result.json["probes"]:
        is_here = row["file"] == tree.path and result.moves.now(row["line"] - 1) == line
        if is_here and row["text"].strip() == comment.body:
            text = f"`{comment.body}` in the last run\n\n{_seen(row)}"
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
        return number_page(int(value, 0)) + hits if len(value) <= 66 else f"`{value}`" + hits
    except ValueError:
        return f"`{value}`" + hits


def hover(
    assembly: Assembly, position: Position, signatures: Sequence[str] = (),
    stacks: Assembly | None = None,
) -> Hover | None:
    """What is under the cursor, None where there is nothing to tell.

    ``signatures`` are those that selectors are looked up in, before the standard ones. ``stacks``
    is what tells the stacks, if the program itself cannot.
    """
    tree = assembly.program.root.tree
    if position.line >= tree.line_count:
        return None
    line, column = tree.line(position.line), position.column
    parts: Iterator[Part] = iter(())
    if line.comment is not None and column >= line.comment.start:
        stack = stack_page(stacks or assembly, position.line)
        parts = comment_parts(line.comment, assembly, stack, signatures)
    elif line.statement is not None and line.statement.start <= column <= line.statement.end:
        stack = stack_page(stacks or assembly, position.line)
        parts = _parts(line.statement, assembly, position.line, stack, signatures)
    for start, end, text in parts:
        if start <= column <= end and text:
            return Hover(text, Span.of_line(position.line, start, end))
    return None


def _parts(
    statement: t.Statement, assembly: Assembly, line: int, stack: str, signatures: Sequence[str]
) -> Iterator[Part]:
    """The stretches of a line with something to tell, smaller ones first; ``stack`` is the stack
    around it."""
    macro = structure(assembly.program.root.tree).macro_at(line)
    for expression in expressions_of(statement):
        yield from _expression(expression, assembly, macro, signatures)
    match statement:
        case t.Instruction(mnemonic=mnemonic):
            page = _mnemonic(mnemonic, assembly, line)
            yield statement.start, statement.mnemonic_end, page and page + stack
        case t.Label(name=word) | t.PositionLabel(name=word):
            yield statement.start, statement.end, name_page(word.text, assembly, macro, signatures)
        case t.ConstantDefinition(name=word) | t.Table(name=word):
            yield word.start, word.end, name_page(word.text, assembly, macro, signatures)
        case t.MacroUse(name=word):
            text = macro_page(assembly, word.text)
            if text:
                text += expansion(assembly, line) + stack
            yield statement.start, word.end, text
        case t.MacroDefinition(name=word):
            yield word.start, word.end, macro_page(assembly, word.text)
            for parameter in statement.parameters:
                text = name_page(parameter.text, assembly, macro, signatures)
                yield parameter.start, parameter.end, text
        case t.ForkDirective(name=word):
            yield word.start, word.end, fork_page(word.text)
        case t.Include(path=path) | t.Incbin(path=path):
            yield path.start, path.end, _emitted(assembly, line)
        case t.Malformed():
            yield from _names_of_malformed(statement, assembly, line, macro, signatures)
        case t.Bytes(items=items):
            for item in items:
                if item.width is not None:
                    yield item.start, item.end, f"big-endian, {item.width} bytes"
        case _:
            pass
    yield from _directive(statement, assembly, line)


def _names_of_malformed(
    statement: t.Malformed, assembly: Assembly, line: int, macro: MacroScope | None,
    signatures: Sequence[str],
) -> Iterator[Part]:
    """The words of a line that no rule fits, as while it is being typed."""
    yield (
        statement.start, statement.start + len(statement.head),
        _mnemonic(statement.head.upper(), assembly, line),
    )
    for found in occurrences_between(assembly.program.root.tree, line, line + 1):
        page = name_page(found.name, assembly, macro, signatures)
        if found.names_macro:
            page = macro_page(assembly, found.name)
        yield found.start, found.end, page


def _mnemonic(mnemonic: str, assembly: Assembly, line: int) -> str:
    """The page of a mnemonic as it is in the program's fork."""
    row = instruction_set(assembly.fork).by_name.get(mnemonic)
    known = opcode_by_name(mnemonic)
    if row is None and known is None:
        if mnemonic != "PUSH":
            return ""
        return SIZED_PUSH + _as_emitted(assembly, line)
    shown = row or known
    assert shown is not None
    heading, _, page = opcode_page(shown).partition("\n")
    text = f"{heading} · [evm.codes]({opcode_url(shown, assembly.fork)})\n{page}"
    if row is None:
        text += f"\n- **not in {assembly.fork}**, the fork of this program"
    else:
        added = _interpretation(row, assembly.fork)
        if added and not row.nvm:
            text = text.replace("interpretation costs extra gas", added)
        elif added:
            text += f" I{added[1:]}."
        if mnemonic != row.name:
            text += f"\n- `{mnemonic}` is another name of it"
    return text


def _interpretation(row: Opcode, fork: str) -> str:
    """What the NestedVM adds to the gas of an opcode, in each profile."""
    if FORKS[fork].index < FORKS["paris"].index:
        return ""
    added: list[str] = []
    for profile in PROFILES:
        figures = overheads(Build(profile=profile, fork=fork))
        gas = [gas for name, gas in figures.items() if row.name in CLASSES.get(name, ())]
        if not gas:
            return ""
        unit = " gas" * (not added)
        added.append(f"{' or '.join(map(str, gas))}{unit} ({profile})")
    return f"interpretation adds {', '.join(added)}"


def _as_emitted(assembly: Assembly, line: int) -> str:
    """What a sized push became."""
    for pc, size, is_data in assembly.source_map.line_items(assembly.program.root.path, line):
        if not is_data and pc < len(assembly.bytecode):
            row = opcode_by_code(assembly.bytecode[pc])
            if row is not None:
                length = f"{size} byte{'s' * (size != 1)}"
                return f"\n\nhere {row.name} at pc `{pc:#06x}`, {length}, {row.gas} gas"
    return ""


def _expression(
    expression: t.Expression, assembly: Assembly, macro: MacroScope | None,
    signatures: Sequence[str],
) -> Iterator[Part]:
    for name in t.names_in(expression):
        yield name.start, name.end, name_page(name.text, assembly, macro, signatures)
    for call in calls_in(expression):
        gives = FUNCTIONS.get(call.function.text)
        if gives is not None:
            text = f"**{call.function.text}** · {gives}"
            yield call.start, call.end, text + _value(call, assembly, signatures)
    for part in t.parts_of(expression):
        if isinstance(part, t.Number) and _is_number(part.text):
            yield part.start, part.end, number_page(part.value, signatures)
    if not any(isinstance(p, t.Number) and not _is_number(p.text) for p in t.parts_of(expression)):
        yield expression.start, expression.end, _value(expression, assembly, signatures).lstrip()


def _value(expression: t.Expression, assembly: Assembly, signatures: Sequence[str]) -> str:
    value = value_of(expression, assembly)
    if isinstance(value, bytes):
        return f"\n\n`0x{value.hex()}`\n\n{len(value)} byte{'s' * (len(value) != 1)}"
    if value is None:
        return ""
    if _is_condition(expression):
        return f"\n\n{'true' if value else 'false'} (`{value}`)"
    return f"\n\n{number_page(value, signatures)}"


def _is_number(text: str) -> bool:
    """Whether its digits make a number; the value of others is 0."""
    try:
        int(text, 0 if text[:2].lower() in ("0x", "0b") else 10)
    except ValueError:
        return False
    return True


def _is_condition(expression: t.Expression) -> bool:
    match expression:
        case t.Group(inner=inner):
            return _is_condition(inner)
        case t.Unary(operator=operator):
            return operator == "!"
        case t.Binary(operator=operator):
            return operator in ("==", "!=", "<", ">", "<=", ">=", "&&", "||")
    return False


# Directives ---------------------------------------------------------------------------------------


_WORDS = re.compile(r"%[A-Za-z]+|\b(?:fill|width|takes|returns)\b")


def _directive(statement: t.Statement, assembly: Assembly, line: int) -> Iterator[Part]:
    """The words of a directive itself, with what it does here."""
    text = assembly.program.root.tree.line(line).text
    head = _WORDS.match(text, statement.start)
    page = directive_page(head[0]) if head is not None else ""
    if head is None or not page:
        return
    match statement:
        case t.Condition(condition=condition) | t.Assertion(condition=condition):
            value = value_of(condition, assembly)
            if value is not None:
                page += f"\n\nhere the condition is {'true' if value else 'false'}"
        case t.Alternative() | t.End():
            page += _block(assembly, line)
        case t.MacroDefinition() | t.ConstantDefinition() | t.ForkDirective():
            pass
        case _:
            emitted = _emitted(assembly, line)
            page += f"\n\n{emitted}" if emitted else ""
    for found in _WORDS.finditer(text, statement.start, statement.end):
        if found.start() == statement.start or not found[0].startswith("%"):
            yield found.start(), found.end(), page


def _block(assembly: Assembly, line: int) -> str:
    """Which block an `%else` or `%end` belongs to."""
    tree = assembly.program.root.tree
    for block in structure(tree).blocks:
        if line in (block.alternative, block.last) and block.first != line:
            head = tree.line(block.first).statement
            if head is not None:
                text = tree.line(block.first).text[head.start : head.end].rstrip()
                return f"\n\nhere it belongs to line {block.first + 1}\n\n```easm\n{text}\n```"
    return ""


def _emitted(assembly: Assembly, line: int) -> str:
    """Where the bytes are that a line puts into the program, and what an include defines."""
    path, program, layout = assembly.program.root.path, assembly.program, assembly.layout
    stretches = [(pc, size) for pc, size, _ in assembly.source_map.line_items(path, line)]
    found = ""
    for context in program.contexts:
        if context.parent is program.root and context.line == line:
            found = _defined(context)
            ends = (*layout.starts[1:], layout.size)
            stretches = [
                (start, end - start)
                for piece, start, end in zip(program.pieces, layout.starts, ends, strict=False)
                if any(outer is program.root and at == line for outer, at in piece.context.chain())
            ]
    total = sum(size for _, size in stretches)
    where = f" at pc `{min(pc for pc, size in stretches if size):#06x}`" if total else ""
    size = f"here {total:,} byte{'s' * (total != 1)}{where}" if assembly.bytecode else ""
    return "\n\n".join(filter(None, (found, size)))


def _defined(context: Context) -> str:
    """An included file, and how many names of each kind it defines."""
    counts = Counter(found.kind for found in definitions(context.tree))
    names = (
        f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts.items()
        if kind != "parameter"
    )
    where = uri_of(context.path)
    link = f"[{escaped(os.path.basename(context.path))}]({where})"
    return " · ".join([link if ":" in where else context.path, *names])
