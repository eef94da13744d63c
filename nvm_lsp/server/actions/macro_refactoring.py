"""Lines as a macro, with the same bytecode.

A pure function of an assembly and lines, and of the files around.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.analysis.pictures import Picture
from nvm_lsp.analysis.signatures import calls_in
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import (
    MacroScope,
    Target,
    expressions_of,
    occurrences_between,
    structure,
)
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.actions.refactoring import (
    Introduction,
    Refused,
    definition_before,
    indent_of,
    insertion,
    statement_near,
    whole_lines,
)
from nvm_lsp.server.actions.surroundings import Surroundings
from nvm_lsp.syntax import tree as t

__all__ = ["effect_of_lines", "extract_macro", "merges_jumpdest"]

_TITLE = "Extract lines to macro"
_MOVABLE = (t.Instruction, t.MacroUse, t.Label, t.Bytes, t.Condition, t.Alternative, t.End)
_CODE = (t.Instruction, t.MacroUse, t.Bytes)
#: Words of the stack that a macro's head shows at most, of those that it takes and leaves.
_MOST_WORDS = 6


def extract_macro(
    assembly: Assembly, first: int, last: int, around: Surroundings, *, stacks: bool = False
) -> Fix | Refused | None:
    """Lines ``first`` to ``last`` as a macro, with what they use of a macro around as parameters.

    Labels inside may be used inside only, and labels outside of a macro around only outside. With
    ``stacks``, the analysis tells what the stack holds before and after.
    """
    tree, path = assembly.program.root.tree, assembly.program.root.path
    first, last = _without_blanks(tree, first, min(last, tree.line_count - 1))
    lines = [tree.line(number) for number in range(first, last + 1)]
    if not any(isinstance(line.statement, _CODE[:2]) for line in lines):
        return None
    owner = structure(tree).macro_at(first)
    reason = _hindrance(tree, lines, first, last, owner, around)
    if reason:
        return Refused(_TITLE, reason)
    inner = _labels(tree, first, last)
    used = [
        found.name
        for found in occurrences_between(tree, first, last + 1)
        if found.kind == "use" and owner is not None and owner.owns(found.name)
    ]
    parameters = ", ".join(name for name in dict.fromkeys(used) if name not in inner)
    name = around.free_name("extracted")
    indent = indent_of(next(line.text for line in lines if isinstance(line.statement, _CODE)))
    effect = None if inner else effect_of_lines(assembly, lines)
    head = f"%macro {name}({parameters})"
    if effect is not None:
        head += f" takes({effect[0]}) returns({effect[1]})"
        if stacks and owner is None:
            head += _stack_comment(assembly, first, last, *effect)
    body = "".join(_indented(line, indent) for line in lines)
    macro = f"{head}\n{body}%end\n"
    definition = (
        insertion(path, owner.first, f"{macro}\n") if owner is not None
        else definition_before(path, tree, macro, apart=True)
    )
    use = f"{indent}%{name}({parameters})\n"
    place = definition.location.span.start.line
    if place > first:
        return Refused(_TITLE, "they stand above the definitions of the file")
    edits: tuple[Edit, ...] = (definition, whole_lines(path, first, last + 1, use))
    if place == first:  # one edit, because clients differ about two at one place
        edits = (whole_lines(path, first, last + 1, f"{definition.text}{use}"),)
    count = sum(line.statement is not None for line in lines)
    what = f"{count} lines" if count > 1 else "1 line"
    return Introduction(
        f"Extract {what} to macro %{name}", edits, Applicability.MANUAL, name
    )


def _without_blanks(tree: t.SyntaxTree, first: int, last: int) -> tuple[int, int]:
    """Lines without the blank ones at either end."""
    while first < last and not tree.line(first).text.strip():
        first += 1
    while first < last and not tree.line(last).text.strip():
        last -= 1
    return first, last


def _hindrance(
    tree: t.SyntaxTree, lines: Sequence[t.Line], first: int, last: int, owner: MacroScope | None,
    around: Surroundings,
) -> str:
    """Why lines cannot become a macro, nothing if they can."""
    macros = structure(tree)
    edges = (owner.first, owner.last) if owner is not None else ()
    if macros.macro_at(last) != owner or first in edges[:1] or last in edges[1:]:
        return "they are not of one macro, or of none"
    for number, line in enumerate(lines, first):
        if not _may_move(line):
            return f"line {number + 1} does not belong into a macro"
    if _is_torn(lines):
        return "they tear a block of %if apart"
    inner = _labels(tree, first, last)
    for name in sorted(inner):
        if _is_used_outside(tree, name, first, last, owner, around):
            return f"label {name} is used outside of them"
    measured = inner & _measured(lines)
    if measured:
        return f"a macro's own label has no length, and len({min(measured)}) is asked for"
    if merges_jumpdest(lines, statement_near(tree, first, -1), statement_near(tree, last, 1)):
        return "a label and the JUMPDEST behind it, which are one, would be torn apart"
    return ""


def merges_jumpdest(
    lines: Sequence[t.Line], above: t.Statement | None, below: t.Statement | None
) -> bool:
    """Whether lines may share a JUMPDEST with what stands around them.

    A label and an explicit JUMPDEST below it are one, but not across the edge of a macro. Of what
    is neither code nor data, nobody knows what it begins or ends with.
    """
    statements = [line.statement for line in lines if line.statement is not None]
    if not statements:
        return False
    first, last = statements[0], statements[-1]
    plain = (t.Instruction, t.Bytes, t.MacroUse, t.Table)
    if _is_jumpdest(first) and above is not None and not isinstance(above, plain):
        return True
    return isinstance(last, t.Label) and below is not None and (
        _is_jumpdest(below) or not isinstance(below, (*plain, t.Label))
    )


def _is_jumpdest(statement: t.Statement) -> bool:
    return isinstance(statement, t.Instruction) and statement.mnemonic == "JUMPDEST"


def _labels(tree: t.SyntaxTree, first: int, last: int) -> set[str]:
    return {
        found.name for found in occurrences_between(tree, first, last + 1) if found.kind == "label"
    }


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
    return isinstance(statement, _MOVABLE)


def _is_torn(lines: Sequence[t.Line]) -> bool:
    """Whether a block begins or ends in lines, but not both."""
    depth = 0
    for line in lines:
        if isinstance(line.statement, t.Condition):
            depth += 1
        elif isinstance(line.statement, t.End):
            depth -= 1
        if depth < 0 or (depth == 0 and isinstance(line.statement, t.Alternative)):
            return True
    return depth > 0


def _is_used_outside(
    tree: t.SyntaxTree, name: str, first: int, last: int, owner: MacroScope | None,
    around: Surroundings,
) -> bool:
    target = Target(name, False, owner.first if owner is not None else None)
    return any(
        place.tree is not tree or not first <= place.occurrence.line <= last
        for place in around.places(target)
        if owner is None or place.tree is tree
    )


def effect_of_lines(assembly: Assembly, lines: Sequence[t.Line]) -> tuple[int, int] | None:
    """What straight code takes from the stack and leaves; None where it may jump or is unsure."""
    lowest = height = 0
    for takes, returns in _effects(assembly, lines, 0):
        if takes is None:
            return None
        lowest = min(lowest, height - takes)
        height += returns - takes
    return -lowest, height - lowest


_UNSURE = (None, 0)
_DEEPEST = 20


def _effects(
    assembly: Assembly, lines: Sequence[t.Line], depth: int
) -> Iterator[tuple[int | None, int]]:
    """What each line takes from the stack and leaves, None where that is not sure."""
    for line in lines:
        statement = line.statement
        if isinstance(statement, t.MacroUse):
            macro = assembly.program.macros.get(statement.name.text)
            head = macro.definition if macro is not None else None
            if head is not None and head.takes is not None and head.returns is not None:
                yield head.takes, head.returns
            elif macro is None or depth == _DEEPEST:
                yield _UNSURE
            else:
                yield from _effects(assembly, macro.body, depth + 1)
        elif isinstance(statement, t.Instruction):
            row = opcode_by_name(statement.mnemonic)
            if statement.mnemonic == "PUSH":
                yield 0, 1
            elif row is None or row.ends_execution or row.name in ("JUMP", "JUMPI"):
                yield _UNSURE
            else:
                yield len(row.inputs), len(row.outputs)
        elif statement is not None:
            yield _UNSURE


def _stack_comment(
    assembly: Assembly, first: int, last: int, takes: int, returns: int
) -> str:
    """The words that lines take and leave, as the analysis calls them; nothing if it is silent."""
    if takes > _MOST_WORDS or returns > _MOST_WORDS:
        return ""
    path = assembly.program.root.path
    pcs = [
        pc
        for line in range(first, last + 1)
        for pc, size, is_data in assembly.source_map.line_items(path, line)
        if size and not is_data
    ]
    if not pcs:
        return ""
    analysis = analyze(assembly)
    before, after = analysis.before(pcs[0]), analysis.after(pcs[-1])
    if before is None or after is None:
        return ""
    if len(before.words) < takes or len(after.words) < returns:
        return ""
    shown = [
        str(Picture(picture.words[:count], True, picture.scope))
        for picture, count in ((before, takes), (after, returns))
    ]
    return f"  # {shown[0]} -> {shown[1]}"


def _indented(line: t.Line, indent: str) -> str:
    """A line of a macro's body: code has at least the usual indentation."""
    text = line.text.rstrip("\r\n") + "\n"
    is_code = isinstance(line.statement, _CODE) or (line.statement is None and bool(line.comment))
    return f"    {text}" if is_code and not indent else text
