"""Other ways to write what is there: numbers, jumps by name, comparisons, effects of macros.

Pure functions of an assembly and a place. What they change keeps the bytecode, unless the title
says that there will be fewer instructions.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.signatures import names_of_selector
from nvm_lsp.analysis.stack import fold
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import UNITS, checksum_address
from nvm_lsp.assembler.references import structure
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.actions.constant_refactoring import expressions_at
from nvm_lsp.server.actions.macro_refactoring import effect_of_lines
from nvm_lsp.server.actions.refactoring import Introduction, edit_of, whole_lines
from nvm_lsp.server.actions.surroundings import Surroundings
from nvm_lsp.server.hovers.values import value_of
from nvm_lsp.source import Span
from nvm_lsp.syntax import parse_line
from nvm_lsp.syntax import tree as t

__all__ = ["rewrites"]

_OPERATORS = {
    "ADD": "+", "MUL": "*", "SUB": "-", "DIV": "/", "MOD": "%", "AND": "&", "OR": "|", "XOR": "^",
}
_MIRRORED = {"LT": "GT", "GT": "LT", "SLT": "SGT", "SGT": "SLT"}
#: Units worth a word, the largest first.
_UNITS = ("ether", "gwei", "weeks", "days", "hours", "minutes")
_LEAST_NAMED = 256
_MOST_NAMES = 3


def rewrites(assembly: Assembly, span: Span) -> Iterator[Fix]:
    """All that is offered for a place."""
    line = span.start.line
    if line >= assembly.program.root.tree.line_count:
        return
    if span.end.line == line:
        yield from _numbers(assembly, span)
    yield from _effect(assembly, line)
    if assembly.ok:
        yield from _jumps(assembly, line)
        yield from _shorter(assembly, line)


def _fix(title: str, *edits: Edit) -> Fix:
    return Fix(title, edits, Applicability.MANUAL)


# Numbers ------------------------------------------------------------------------------------------


def _numbers(assembly: Assembly, span: Span) -> Iterator[Fix]:
    """Other ways to write the number, or the expression, at a place."""
    tree, path, number = assembly.program.root.tree, assembly.program.root.path, span.start.line
    owner = structure(tree).macro_at(number)
    labels = assembly.layout.labels
    found = [
        expression
        for expression in expressions_at(tree.line(number), span.start.column, span.end.column)
        if not isinstance(expression, t.Name | t.String)
    ]
    for expression in dict.fromkeys(found[:1] + found[-1:]):  # the smallest, and the whole
        names = {name.text for name in t.names_in(expression)}
        if "pc" in names or any(owner is not None and owner.owns(name) for name in names):
            continue
        if names & labels.keys() or names & assembly.program.late:
            continue  # it may be another number tomorrow
        value = value_of(expression, assembly)
        if not isinstance(value, int):
            continue
        written = tree.line(number).text[expression.start : expression.end].rstrip()
        place = Span.of_line(number, expression.start, expression.start + len(written))
        defines = isinstance(tree.line(number).statement, t.ConstantDefinition)
        if isinstance(expression, t.Number) and not defines:
            for name in _constants_of(assembly, value):
                yield _fix(f"Write constant {name}", edit_of(path, place, name))
        for text in _forms(expression, written, value):
            yield _fix(f"Write {text}", edit_of(path, place, text))


def _forms(node: t.Expression, written: str, value: int) -> Iterator[str]:
    """How else a value may be written, what says most about it first."""
    if isinstance(node, t.Number):
        if written[:2].lower() == "0x" and len(written) == 10:
            for found in names_of_selector(value)[:_MOST_NAMES]:
                signature = found.rpartition(" (")[0] or found  # behind it, where it is from
                yield f'selector("{signature}")'
        if written[:2].lower() == "0x" and len(written) == 42:
            yield f"address({checksum_address(value)})"
        yield from _with_unit(value)
        if not written.isdigit() and value < 10**18:
            yield str(value)
        if written[:2].lower() != "0x":
            yield f"{value:#x}"
    else:
        yield str(value) if value < _LEAST_NAMED else f"{value:#x}"


def _constants_of(assembly: Assembly, value: int) -> Iterator[str]:
    """Constants of that value; small values are meant by too many."""
    if value < _LEAST_NAMED:
        return
    count = 0
    for name, constant in assembly.symbols.constants.items():
        if constant == value and count < _MOST_NAMES:
            count += 1
            yield name


def _with_unit(value: int) -> Iterator[str]:
    for unit in _UNITS:
        worth = UNITS[unit]
        if value and value % worth == 0 and (worth > 60 or value >= 600):
            yield f"{value // worth} {unit}"
            return


# Effects ------------------------------------------------------------------------------------------


def _effect(assembly: Assembly, line: int) -> Iterator[Fix]:
    """What a macro takes from the stack and leaves, declared in its head."""
    root = assembly.program.root
    statement = root.tree.line(line).statement
    if not isinstance(statement, t.MacroDefinition) or (
        statement.takes is not None and statement.returns is not None
    ):
        return
    macro = assembly.program.macros.get(statement.name.text)
    effect = effect_of_lines(assembly, macro.body) if macro is not None else None
    if macro is None or macro.definition is not statement or effect is None:
        return
    clauses = f"takes({effect[0]}) returns({effect[1]})"
    text, end = root.tree.line(line).text, statement.name.end
    if text[end : statement.end].lstrip().startswith("("):  # parameters, though there may be none
        end = text.index(")", end) + 1
    place = Span.of_line(line, end, max(end, statement.end))
    yield _fix(f"Declare {clauses}", edit_of(root.path, place, f" {clauses}"))


# Jumps --------------------------------------------------------------------------------------------


def _jumps(assembly: Assembly, line: int) -> Iterator[Fix]:
    """A label in place of the offset that is jumped to, or of a JUMPDEST without a name."""
    root = assembly.program.root
    tree = root.tree
    if structure(tree).macro_at(line) is not None:
        return
    statement = tree.line(line).statement
    if isinstance(statement, t.Instruction) and statement.mnemonic == "JUMPDEST":
        fix = _named(assembly, line)
        if fix is not None:
            yield fix
        return
    place = _jumped_to(tree, line)
    if place is None:
        return
    span, offset = place
    names = [name for name, pc in assembly.layout.labels.items() if pc == offset]
    origin = assembly.source_map.origin(offset)
    if names:
        for name in names[:_MOST_NAMES]:
            yield _fix(f"Push label {name}", edit_of(root.path, span, name))
    elif origin is not None and not origin.uses and origin.location.path == root.path:
        fix = _named(assembly, origin.location.span.start.line)
        if fix is not None:
            yield fix


def _jumped_to(tree: t.SyntaxTree, line: int) -> tuple[Span, int] | None:
    """The number that a line pushes and the next one jumps to, and where it stands."""
    statement = tree.line(line).statement
    if not isinstance(statement, t.Instruction) or not isinstance(statement.operand, t.Number):
        return None
    following = line + 1
    while following < tree.line_count and tree.line(following).statement is None:
        following += 1
    below = tree.line(following).statement if following < tree.line_count else None
    if not isinstance(below, t.Instruction) or below.mnemonic not in ("JUMP", "JUMPI"):
        return None
    operand = statement.operand
    return Span.of_line(line, operand.start, operand.end), operand.value


def _named(assembly: Assembly, line: int) -> Introduction | None:
    """A JUMPDEST as a label, and the pushes of its offset that are jumped to as pushes of it."""
    root = assembly.program.root
    tree, statement = root.tree, root.tree.line(line).statement
    pcs = [pc for pc, _, _ in assembly.source_map.line_items(root.path, line)]
    if len(pcs) != 1 or not isinstance(statement, t.Instruction) or (
        statement.mnemonic != "JUMPDEST" or structure(tree).macro_at(line) is not None
        or pcs[0] in assembly.layout.labels.values()
    ):
        return None
    name = Surroundings.of_program(assembly).free_name(f"at_{pcs[0]:x}")
    edits = [edit_of(root.path, Span.of_line(line, 0, statement.end), f"{name}:")]
    for number in range(tree.line_count):
        place = _jumped_to(tree, number)
        if place is not None and place[1] == pcs[0] and structure(tree).macro_at(number) is None:
            edits.append(edit_of(root.path, place[0], name))
    return Introduction(f"Name this JUMPDEST {name}" if len(edits) == 1 else (
        f"Name the JUMPDEST {name} in all {len(edits)} places"
    ), tuple(edits), Applicability.MANUAL, name)


# Fewer instructions -------------------------------------------------------------------------------


def _shorter(assembly: Assembly, line: int) -> Iterator[Fix]:
    """The same with fewer instructions, where the reader asks for it."""
    tree, path = assembly.program.root.tree, assembly.program.root.path
    for first in (line - 2, line - 1, line):
        found = _instructions(tree, first, 3)
        if found and first + 2 >= line:
            yield from _folded(assembly, path, first, found)
    for first in (line - 1, line):
        found = _instructions(tree, first, 2)
        if found and found[0].mnemonic == "SWAP1" and found[1].mnemonic in _MIRRORED:
            other = _MIRRORED[found[1].mnemonic]
            place = Span.of_line(first + 1, found[1].start, found[1].end)
            written = tree.line(first + 1).text[found[1].start : found[1].end]
            yield _fix(
                f"Write {other} for SWAP1 {found[1].mnemonic} (3 gas less)",
                whole_lines(path, first, first + 1, ""),
                edit_of(path, place, other.lower() if written.islower() else other),
            )


def _instructions(tree: t.SyntaxTree, first: int, count: int) -> list[t.Instruction]:
    """So many lines that are instructions, nothing between them; none if they are not."""
    if not 0 <= first <= tree.line_count - count:
        return []
    found = [tree.line(first + offset).statement for offset in range(count)]
    return [node for node in found if isinstance(node, t.Instruction)] if all(
        isinstance(node, t.Instruction) for node in found
    ) else []


def _folded(
    assembly: Assembly, path: str, first: int, found: list[t.Instruction]
) -> Iterator[Fix]:
    """Two pushes and what is made of them as one push."""
    tree = assembly.program.root.tree
    low, high, operation = found
    row = opcode_by_name(operation.mnemonic)
    pushes = [node.operand for node in (high, low) if node.mnemonic.startswith("PUSH")]
    owner = structure(tree).macro_at(first)
    if row is None or len(row.inputs) != 2 or len(pushes) != 2 or owner is not None:
        return
    values = []
    for operand in pushes:
        names = {name.text for name in t.names_in(operand)} if operand is not None else set()
        if "pc" in names or names & assembly.layout.labels.keys() | names & assembly.program.late:
            return
        values.append(value_of(operand, assembly) if operand is not None else 0)
    if not all(isinstance(value, int) for value in values):
        return
    value = fold(row.code, *(value for value in values if isinstance(value, int)))
    if value is None:
        return
    top, below = (
        tree.line(first + offset).text[node.operand.start : node.operand.end].strip()
        if node.operand is not None else "0"
        for node, offset in ((high, 1), (low, 0))
    )
    text = str(value) if value < _LEAST_NAMED else f"{value:#x}"
    operator = _OPERATORS.get(operation.mnemonic)
    parts = [part if part.isalnum() or part.replace("_", "").replace(".", "").isalnum()
             else f"({part})" for part in (top, below)]
    if operator is not None and not (parts[0].isdigit() and parts[1].isdigit()):
        expression = f" {operator} ".join(parts)
        if _evaluates_to(assembly, expression, value):
            text = expression
    word = tree.line(first).text[low.start : low.mnemonic_end]
    push = "push" if word.islower() else "PUSH"
    yield _fix(
        f"Fold into {push} {text} (2 instructions less)",
        edit_of(path, Span.of_line(first + 2, operation.start, operation.end), f"{push} {text}"),
        whole_lines(path, first, first + 2, ""),
    )


def _evaluates_to(assembly: Assembly, text: str, value: int) -> bool:
    statement = parse_line(f"PUSH {text}").statement
    return isinstance(statement, t.Instruction) and statement.operand is not None and (
        value_of(statement.operand, assembly) == value
    )
