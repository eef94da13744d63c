"""Lines as a macro, and macros as lines, with the same bytecode.

Each is a pure function of an assembly and a place, and gives None where it cannot be done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nvm_lsp.analysis.signatures import calls_in
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Macro
from nvm_lsp.assembler.references import (
    Target,
    expressions_of,
    occurrences,
    occurrences_between,
    structure,
)
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.server.names import distinct_contexts
from nvm_lsp.server.refactoring import edit_of, free_name, header_end, insertion
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import tree as t

__all__ = ["extract_macro", "inline_all", "inline_macro"]

_LABEL = re.compile(r"\s*\.?[A-Za-z_][\w.]*:")


# Macros from lines --------------------------------------------------------------------------------


def extract_macro(assembly: Assembly, first: int, last: int) -> Fix | None:
    """Lines ``first`` to ``last`` as a macro, with what they use of a macro around as parameters.

    Labels inside may be used inside only, and labels outside of a macro around only outside.
    """
    tree, path = assembly.program.root.tree, assembly.program.root.path
    last = min(last, tree.line_count - 1)
    lines = [tree.line(number) for number in range(first, last + 1)]
    if not any(isinstance(line.statement, t.Instruction | t.MacroUse) for line in lines):
        return None
    if not all(_may_move(line) for line in lines):
        return None
    around = structure(tree).macro_at(first)
    if structure(tree).macro_at(last) != around:
        return None
    inner = {
        found.name
        for found in occurrences_between(tree, first, last + 1)
        if found.kind == "label"
    }
    if any(_used_outside(assembly, name, first, last, around is not None) for name in inner):
        return None
    if inner & _measured(lines) or _may_share_jumpdest(lines):
        return None
    used = [
        found.name
        for found in occurrences_between(tree, first, last + 1)
        if found.kind == "use" and around is not None and around.owns(found.name)
    ]
    parameters = [name for name in dict.fromkeys(used) if name not in inner]
    name = free_name(assembly, "extracted")
    indent = _indent(next(line.text for line in lines if line.statement is not None))
    effect = "" if inner else _declared_effect(assembly, path, first, last, around is not None)
    body = "".join(_ended(line.text) for line in lines)
    head = f"%macro {name}({', '.join(parameters)}){effect}\n{_reindented(body, indent)}%end\n\n"
    place = around.first if around is not None else header_end(tree)
    if place > first:
        return None
    use = f"{indent}%{name}({', '.join(parameters)})\n"
    end = Position(last + 1, 0)
    edits = (
        insertion(path, place, head),
        edit_of(path, Span(Position(first, 0), end), use),
    )
    return Fix(f"Extract {last - first + 1} lines to macro %{name}", edits, Applicability.MANUAL)


def _may_share_jumpdest(lines: Sequence[t.Line]) -> bool:
    """Whether a label before lines, or one at their end, may make one JUMPDEST with what follows.

    A label and an explicit JUMPDEST below it are one, but not across the edge of a macro.
    """
    statements = [line.statement for line in lines if line.statement is not None]
    if not statements:
        return False
    first, last = statements[0], statements[-1]
    begins = isinstance(first, t.Instruction) and first.mnemonic == "JUMPDEST"
    return begins or isinstance(last, t.Label)


def _measured(lines: Sequence[t.Line]) -> set[str]:
    """The names whose length is asked for, which macros' own labels do not have."""
    return {
        name.text
        for line in lines
        if line.statement is not None
        for expression in expressions_of(line.statement)
        for call in calls_in(expression)
        if call.function.text == "len"
        for argument in call.arguments
        for name in t.names_in(argument)
    }


def _may_move(line: t.Line) -> bool:
    statement = line.statement
    if statement is None:
        # A comment that speaks of the line above or of the program stays where it is.
        return line.comment is None or line.comment.kind in ("plain", "stack")
    # A position label would also end what len() of the one before it counts.
    return isinstance(statement, t.Instruction | t.MacroUse | t.Label | t.Bytes)


def _used_outside(
    assembly: Assembly, name: str, first: int, last: int, local: bool
) -> bool:
    tree, path = assembly.program.root.tree, assembly.program.root.path
    macro = structure(tree).macro_at(first) if local else None
    target = Target(name, False, macro.first if macro is not None else None)
    for context in distinct_contexts(assembly):
        for found in occurrences(context.tree, target):
            inside = context.path == path and first <= found.line <= last
            if not inside:
                return True
        if macro is not None:
            return False
    return False


def _declared_effect(
    assembly: Assembly, path: str, first: int, last: int, in_macro: bool
) -> str:
    """What straight code takes and leaves, as a head declares it; nothing where it may jump."""
    if in_macro:
        return ""
    lowest = height = 0
    for line in range(first, last + 1):
        for pc, _, is_data in assembly.source_map.line_items(path, line):
            row = opcode_by_code(assembly.bytecode[pc]) if pc < len(assembly.bytecode) else None
            if is_data or row is None or row.ends_execution or row.name in ("JUMP", "JUMPI"):
                return ""
            lowest = min(lowest, height - len(row.inputs))
            height += len(row.outputs) - len(row.inputs)
    return f" takes({-lowest}) returns({height - lowest})"


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]


def _ended(text: str) -> str:
    return text.rstrip("\r\n") + "\n"


def _reindented(body: str, indent: str) -> str:
    """A macro's body with at least the usual indentation."""
    if indent:
        return body
    return "".join(
        line if not line.strip() else f"    {line}" for line in body.splitlines(keepends=True)
    )


# Macros into lines --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Use:
    """A use of a macro in a tree."""

    path: str
    line: int
    text: str
    statement: t.MacroUse


def inline_macro(assembly: Assembly, line: int) -> Fix | None:
    """The expansion of a macro in place of its use in a line of the root file."""
    use = _use_at(assembly, line)
    if use is None:
        return None
    macro = assembly.program.macros.get(use.statement.name.text)
    if macro is None:
        return None
    edit = _inlined(assembly, macro, use, 0)
    if edit is None:
        return None
    return Fix(f"Inline %{macro.definition.name.text} here", (edit,), Applicability.MANUAL)


def inline_all(assembly: Assembly, line: int) -> Fix | None:
    """All uses of the macro that a line uses or begins replaced, and the macro gone."""
    tree = assembly.program.root.tree
    statement = tree.line(line).statement if line < tree.line_count else None
    if not isinstance(statement, t.MacroUse | t.MacroDefinition):
        return None
    name = statement.name.text
    macro = assembly.program.macros.get(name)
    if macro is None:
        return None
    edits: list[Edit] = []
    count = 0
    for context in distinct_contexts(assembly):
        for found in occurrences(context.tree, Target(name, True, None)):
            if found.is_definition:
                continue
            node = context.tree.line(found.line)
            statement = node.statement
            if not isinstance(statement, t.MacroUse) or _line_is_in(macro, context, found.line):
                return None
            use = _Use(context.path, found.line, node.text, statement)
            edit = _inlined(assembly, macro, use, count)
            if edit is None:
                return None
            edits.append(edit)
            count += 1
    if not count:
        return None
    end = macro.line + len(macro.body) + 2
    context = macro.context
    while end < context.tree.line_count and not context.tree.line(end).text.strip():
        end += 1
    edits.append(edit_of(context.path, Span(Position(macro.line, 0), Position(end, 0)), ""))
    what = f"{count} uses" if count > 1 else "its only use"
    return Fix(f"Inline %{name} in {what} and remove it", tuple(edits), Applicability.MANUAL)


def _line_is_in(macro: Macro, context: object, line: int) -> bool:
    """Whether a line belongs to the macro itself."""
    return context is macro.context and macro.line <= line <= macro.line + len(macro.body)


def _use_at(assembly: Assembly, line: int) -> _Use | None:
    tree = assembly.program.root.tree
    if line >= tree.line_count:
        return None
    node = tree.line(line)
    if not isinstance(node.statement, t.MacroUse):
        return None
    return _Use(assembly.program.root.path, line, node.text, node.statement)


def _inlined(assembly: Assembly, macro: Macro, use: _Use, number: int) -> Edit | None:
    """The edit that puts a macro's lines in place of a use; ``number`` counts the uses."""
    head = macro.definition
    if len(head.parameters) != len(use.statement.arguments):
        return None
    if any(isinstance(line.statement, t.PositionLabel | t.Table) for line in macro.body):
        return None  # outside of the macro they would end what len() of others counts
    if _may_share_jumpdest(macro.body):
        return None
    arguments = {
        word.text: use.text[argument.start : argument.end].strip()
        for word, argument in zip(head.parameters, use.statement.arguments, strict=True)
    }
    labels = {
        line.statement.name.text
        for line in macro.body
        if isinstance(line.statement, t.Label)
    }
    if labels & arguments.keys():
        return None
    renamed = {
        label: free_name(assembly, f"{head.name.text}_{label}" + (f"_{number + 1}" * (number > 0)))
        for label in labels
    }
    indent = _indent(use.text)
    body = [_substituted(line, arguments, renamed) for line in macro.body]
    shared = _shared_indent(body)
    text = "".join(
        _ended(
            indent + line[len(shared) :] if line.startswith(shared) and line.strip()
            else line.lstrip()
        )
        for line in body
    )
    comment = use.text[use.statement.end :].strip()
    if comment:
        text = f"{indent}{comment}\n{text}"
    return edit_of(use.path, Span(Position(use.line, 0), Position(use.line + 1, 0)), text)


def _substituted(line: t.Line, arguments: dict[str, str], renamed: dict[str, str]) -> str:
    """A line of a body with its parameters and labels replaced."""
    statement, text = line.statement, line.text.rstrip("\r\n")
    if statement is None:
        return text
    places: list[tuple[int, int, str]] = []
    for expression in expressions_of(statement):
        alone = isinstance(expression, t.Name)
        for name in t.names_in(expression):
            if name.text in arguments:
                new = arguments[name.text]
                if not alone and not re.fullmatch(r"@?[\w.]+", new):
                    new = f"({new})"
                places.append((name.start - name.at, name.end, new))
            elif name.text in renamed:
                places.append((name.start, name.end, renamed[name.text]))
    if isinstance(statement, t.Label):
        word = statement.name
        places.append((word.start, word.end, renamed.get(word.text, word.text)))
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _shared_indent(lines: list[str]) -> str:
    """The blanks that all lines but labels and empty ones begin with."""
    shared: str | None = None
    for line in lines:
        if not line.strip() or _LABEL.match(line):
            continue
        indent = _indent(line)
        shared = indent if shared is None or len(indent) < len(shared) else shared
    return shared or ""
