"""What can be done about a finding: its fixes, what was probably meant, what is missing, silence.

Pure functions of an assembly and a finding; what the workspace has to offer is asked of a function.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import Block, structure
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.actions.refactoring import (
    Introduction,
    definition_before,
    edit_of,
    indent_of,
    insertion,
    statement_near,
    whole_lines,
)
from nvm_lsp.server.actions.surroundings import Surroundings
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

__all__ = ["Creation", "fixes_of", "is_code", "missing_name", "suppressions"]

_GUESS = re.compile(r"did you mean (?P<guess>[^?\s]+)\?")
#: Letters of codes that no comment can silence: the assembler's and the readers' of comments.
_NOT_SUPPRESSED = ("ASM", "SYN", "SCN", "PRB", "EXP", "SUP")
_IGNORE = re.compile(r"easm:\s*ignore\[(?P<codes>[^\]]*)\]")
_MOST_INCLUDES = 3


@dataclass(frozen=True, slots=True)
class Creation(Fix):
    """A fix that makes up what is missing, in a new file if there is a ``path``.

    It mends the program, but is never the one best fix: its author has yet to write it.
    """

    path: str = ""


def fixes_of(
    assembly: Assembly, diagnostic: Diagnostic, files_with: Callable[[str, bool], Iterable[str]]
) -> Iterator[Fix]:
    """The fixes of a finding, the best one first.

    ``files_with`` gives the files of the workspace that define a name (with True, a macro).
    """
    missing = missing_name(assembly, diagnostic)
    if missing is not None:  # what is there by that very name comes before what is like it
        yield from _includes(assembly, *missing, files_with)
    yield from diagnostic.fixes
    if not diagnostic.fixes and diagnostic.code.startswith(("ASM", "SYN", "SCN", "PRB", "EXP")):
        yield from _guesses(assembly, diagnostic)
    if diagnostic.location.path == assembly.program.root.path:
        make = _MAKERS.get(diagnostic.code)
        if make is not None:
            yield from make(assembly, diagnostic)
    if missing is not None:
        yield from _creations(assembly, diagnostic, *missing)


def _fix(title: str, *edits: Edit) -> Fix:
    return Fix(title, edits, Applicability.MANUAL)


def _creation(title: str, edit: Edit) -> Creation:
    return Creation(title, (edit,), Applicability.MANUAL)


def _line(assembly: Assembly, diagnostic: Diagnostic) -> t.Line | None:
    """The line of the root file that a finding begins in."""
    tree, number = assembly.program.root.tree, diagnostic.location.span.start.line
    return tree.line(number) if number < tree.line_count else None


def _guesses(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    """A replacement by what the hint guesses, where the flaw is one word."""
    found = _GUESS.search(diagnostic.hint)
    span, line = diagnostic.location.span, _line(assembly, diagnostic)
    if found is None or line is None or span.start.line != span.end.line:
        return
    written = line.text[span.start.column : span.end.column].rstrip("\r\n")
    if not re.fullmatch(r"%?[\w.\-\[\]]+", written):
        return
    guess = found["guess"]
    if written.startswith("%") and not guess.startswith("%"):
        guess = f"%{guess}"
    yield _fix(f"Replace with {guess}", Edit(diagnostic.location, guess))


# What the assembler finds -------------------------------------------------------------------------


def _needed_fork(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    """The fork that has an opcode as the one that the file is for."""
    found = re.search(r"added in fork (\w+)", diagnostic.message)
    line = _line(assembly, diagnostic)
    if found is None or line is None:
        return
    number, path = diagnostic.location.span.start.line, diagnostic.location.path
    statement = line.statement
    if isinstance(statement, t.Instruction) and statement.mnemonic == "PUSH0":
        span = Span.of_line(number, statement.start, statement.end)
        yield _fix("Write PUSH 0, which every fork has", edit_of(path, span, "PUSH 0"))
    tree = assembly.program.root.tree
    for other, there in enumerate(tree.lines()):
        if isinstance(there.statement, t.ForkDirective):
            word = there.statement.name
            span = Span.of_line(other, word.start, word.end)
            yield _fix(f"Set %fork {found[1]}", edit_of(path, span, found[1]))
            return
    yield _fix(f"Set %fork {found[1]}", _at_head(path, tree, f"%fork {found[1]}\n"))


def _at_head(path: str, tree: SyntaxTree, text: str) -> Edit:
    """Inserts a line before the first statement of a file, behind the comments at its head."""
    first = next((n for n, line in enumerate(tree.lines()) if line.statement is not None), 0)
    number = first
    while number > 0 and tree.line(number - 1).comment is not None:
        number -= 1
    return insertion(path, number if number else first, text)


def _superfluous_operand(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    line, number = _line(assembly, diagnostic), diagnostic.location.span.start.line
    if line is None or not isinstance(line.statement, t.Instruction):
        return
    statement, path = line.statement, diagnostic.location.path
    if statement.operand is None:
        return
    word = line.text[statement.start : statement.mnemonic_end]
    operand = line.text[statement.operand.start : statement.operand.end].strip()
    push = "push" if word.islower() else "PUSH"
    span = Span.of_line(number, statement.start, statement.end)
    yield _fix(
        f"Push {operand} in a line before",
        edit_of(path, span, f"{push} {operand}\n{indent_of(line.text)}{word}"),
    )
    gone = Span.of_line(number, statement.mnemonic_end, statement.end)
    yield _fix("Remove the operand", edit_of(path, gone, ""))


def _too_wide(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    line, number = _line(assembly, diagnostic), diagnostic.location.span.start.line
    if line is None or not isinstance(line.statement, t.Instruction):
        return
    statement, path = line.statement, diagnostic.location.path
    span = Span.of_line(number, statement.start, statement.mnemonic_end)
    lower = line.text[statement.start : statement.mnemonic_end].islower()
    wide = re.search(r"\bPUSH\d+(?= holds it)", diagnostic.hint)
    for name in ([wide[0]] if wide else []) + ["PUSH"]:
        yield _fix(f"Write {name}", edit_of(path, span, name.lower() if lower else name))


def _table_width(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    line, found = _line(assembly, diagnostic), re.search(r"width (\d+)", diagnostic.hint)
    if line is not None and found is not None and isinstance(line.statement, t.Table):
        width = line.statement.width
        span = Span.of_line(diagnostic.location.span.start.line, width.start, width.end)
        yield _fix(f"Make the table's width {found[1]}",
                   edit_of(diagnostic.location.path, span, found[1]))


def _unclosed(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    """An `%end` where the body of a block seems to be over."""
    tree, first = assembly.program.root.tree, diagnostic.location.span.start.line
    block = next((b for b in structure(tree).blocks if b.first == first), None)
    if block is None:
        return
    line = _end_of_body(tree, block)
    last = tree.line(line - 1).text
    text = f"{indent_of(tree.line(first).text)}%end\n"
    if not last.endswith(("\n", "\r")):
        text = "\n" + text
    yield _fix(f"Insert %end in line {line + 1}",
               insertion(diagnostic.location.path, line, text))


def _end_of_body(tree: SyntaxTree, block: Block) -> int:
    """The line before which the next blank or less indented line ends a body."""
    line = block.first + 1
    while line < tree.line_count and tree.line(line).text.strip() and not isinstance(
        tree.line(line).statement, t.MacroDefinition | t.Include | t.ConstantDefinition
    ):
        line += 1
    return line


def _unmatched(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    line, number = _line(assembly, diagnostic), diagnostic.location.span.start.line
    if line is None or line.statement is None:
        return
    word, path = line.text[line.statement.start : line.statement.end].strip(), (
        diagnostic.location.path
    )
    if line.comment is None:
        yield _fix(f"Remove {word}", whole_lines(path, number, number + 1, ""))
    else:
        span = Span.of_line(number, line.statement.start, line.comment.start)
        yield _fix(f"Remove {word}", edit_of(path, span, ""))


def _unreadable(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    line = _line(assembly, diagnostic)
    if line is None or not isinstance(line.statement, t.Include):
        return
    written = line.statement.path.value.decode("utf-8", "replace")
    base = assembly.program.root.path
    if not diagnostic.message.startswith("no such file") or not os.path.isabs(base):
        return
    path = os.path.normpath(os.path.join(os.path.dirname(base), written))
    yield Creation(f"Create {written}", (), Applicability.MANUAL, path)


def _effect(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    """What a macro's head should say of its effect, where the finding tells."""
    line, number = _line(assembly, diagnostic), diagnostic.location.span.start.line
    if line is None or not isinstance(line.statement, t.MacroDefinition):
        return
    used = re.search(r"it uses (\d+) words of the stack, not", diagnostic.message)
    left = re.search(r"it leaves (\d+) words, not", diagnostic.message)
    head = line.statement
    takes, returns = head.takes, head.returns
    if used:
        if returns is not None and takes is not None:
            returns += int(used[1]) - takes
        takes = int(used[1])
    elif left:
        returns = int(left[1])
    else:
        return
    clauses = (f" takes({takes})" if takes is not None else "") + (
        f" returns({returns})" if returns is not None else ""
    )
    bracket = line.text.index(")", head.name.end) + 1
    span = Span.of_line(number, bracket, head.end)
    yield _fix(f"Declare{clauses}", edit_of(diagnostic.location.path, span, clauses))


def _duplicate(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    """Another name for the second of two definitions; what uses the name keeps the first one."""
    line, span = _line(assembly, diagnostic), diagnostic.location.span
    found = re.match(r"%?([A-Za-z_][\w.]*) is defined twice", diagnostic.message)
    if found is None or line is None:
        return
    start = line.text.find(found[1], span.start.column)
    if start >= 0:
        name = Surroundings.of_program(assembly).free_name(found[1])
        place = Span.of_line(span.start.line, start, start + len(found[1]))
        yield Introduction(
            f"Rename this one {name}", (edit_of(diagnostic.location.path, place, name),),
            Applicability.MANUAL, name,
        )


_MAKERS: dict[str, Callable[[Assembly, Diagnostic], Iterator[Fix]]] = {
    "ASM002": _needed_fork,
    "ASM004": _superfluous_operand,
    "ASM005": _too_wide,
    "ASM007": _duplicate,
    "ASM009": _unreadable,
    "ASM012": _effect,
    "ASM016": _unclosed,
    "ASM017": _unmatched,
    "ASM018": _table_width,
}


# What is missing ----------------------------------------------------------------------------------


def missing_name(assembly: Assembly, diagnostic: Diagnostic) -> tuple[str, bool] | None:
    """The name that a finding misses, and whether it is a macro's."""
    line = _line(assembly, diagnostic)
    if diagnostic.code not in ("ASM006", "ASM021") or line is None or (
        diagnostic.location.path != assembly.program.root.path
    ):
        return None
    found = re.match(r"undefined (?:name|macro) %?([A-Za-z_][\w.]*)", diagnostic.message)
    return (found[1], diagnostic.code == "ASM021") if found is not None else None


def _includes(
    assembly: Assembly, name: str, is_macro: bool,
    files_with: Callable[[str, bool], Iterable[str]],
) -> Iterator[Fix]:
    """Inclusion of a file that defines a name."""
    path, tree = assembly.program.root.path, assembly.program.root.tree
    if not os.path.isabs(path):
        return
    shown = f"%{name}" if is_macro else name
    found = []
    for other in files_with(name, is_macro):
        written = PurePath(os.path.relpath(other, os.path.dirname(path))).as_posix()
        if other != path and not any(character in written for character in '"\\'):
            found.append(written)
    found.sort(key=lambda written: (written.count("/"), written))
    for written in found[:_MOST_INCLUDES]:
        title = f'Include "{written}", which defines {shown}'
        edit = _include_line(path, tree, f'%include "{written}"\n')
        # Of several, only its author knows which is meant.
        yield _fix(title, edit) if len(found) == 1 else _creation(title, edit)


def _include_line(path: str, tree: SyntaxTree, text: str) -> Edit:
    """Inserts an inclusion behind the others at the head of a file, else before the first line."""
    last = None
    for number, line in enumerate(tree.lines()):
        if isinstance(line.statement, t.Include):
            last = number
        elif line.statement is not None and not isinstance(line.statement, t.ForkDirective):
            break
    if last is None:
        return definition_before(path, tree, text)
    if not tree.line(last).text.endswith(("\n", "\r")):
        text = "\n" + text.removesuffix("\n")
    return insertion(path, last + 1, text)


def _creations(
    assembly: Assembly, diagnostic: Diagnostic, name: str, is_macro: bool
) -> Iterator[Fix]:
    """A definition of a name that is missing."""
    path, tree = assembly.program.root.path, assembly.program.root.tree
    number = diagnostic.location.span.start.line
    statement = tree.line(number).statement
    if is_macro:
        if isinstance(statement, t.MacroUse):
            yield _creation(f"Create macro %{name}", _new_macro(path, tree, number, statement))
        return
    label = _new_label(path, tree, number, name)
    constant = definition_before(path, tree, f"%def {name} = 0\n")
    fixes = [
        _creation(f"Create label {name}", label), _creation(f"Create constant {name}", constant)
    ]
    if not _is_jumped_to(tree, number):
        fixes.reverse()
    yield from fixes


def _new_macro(path: str, tree: SyntaxTree, number: int, use: t.MacroUse) -> Edit:
    """A macro without a body, with parameters called as what they are given."""
    names: list[str] = []
    for count, argument in enumerate(use.arguments, 1):
        wish = argument.text.lower() if isinstance(argument, t.Name) else f"value_{count}"
        plain = re.fullmatch(r"[a-z_]\w*", wish) and opcode_by_name(wish) is None
        names.append(wish if plain and wish not in names else f"value_{count}")
    text = f"%macro {use.name.text}({', '.join(names)})\n%end\n"
    owner = structure(tree).macro_at(number)
    if owner is not None:
        return insertion(path, owner.first, f"{text}\n")
    return definition_before(path, tree, text, apart=True)


def _new_label(path: str, tree: SyntaxTree, number: int, name: str) -> Edit:
    """A label behind the code that a line belongs to; in a macro, at its end."""
    owner = structure(tree).macro_at(number)
    if owner is not None:
        closed = isinstance(tree.line(owner.last).statement, t.End)
        return insertion(path, owner.last if closed else owner.last + 1, f"{name}:\n")
    line = number + 1
    macros = structure(tree)
    while line < tree.line_count:
        statement = tree.line(line - 1).statement
        row = opcode_by_name(statement.mnemonic) if isinstance(statement, t.Instruction) else None
        ends = row is not None and (row.ends_execution or row.name == "JUMP")
        if ends and macros.macro_at(line) is None and not _is_in_condition(tree, line):
            break
        line += 1
    text = f"\n{name}:\n    INVALID\n"
    if line and not tree.line(line - 1).text.endswith(("\n", "\r")):
        text = "\n" + text
    return insertion(path, line, text)


def _is_in_condition(tree: SyntaxTree, line: int) -> bool:
    return any(block.first < line <= block.last for block in structure(tree).blocks)


def _is_jumped_to(tree: SyntaxTree, number: int) -> bool:
    """Whether what a line pushes is jumped to right away."""
    below = statement_near(tree, number, 1)
    return isinstance(below, t.Instruction) and below.mnemonic in ("JUMP", "JUMPI")


# Silence ------------------------------------------------------------------------------------------


def is_code(code: str) -> bool:
    """Whether findings of a code can be silenced by a comment."""
    return not code.startswith(_NOT_SUPPRESSED)


def suppressions(assembly: Assembly, diagnostic: Diagnostic) -> Iterator[Fix]:
    """Comments that silence a finding, on its line and in its file."""
    code, number = diagnostic.code, diagnostic.location.span.start.line
    tree, path = assembly.program.root.tree, assembly.program.root.path
    if not is_code(code) or number >= tree.line_count or diagnostic.location.path != path:
        return
    edit = _on_line(path, tree.line(number), number, code)
    if edit is not None:
        yield _fix(f"Ignore {code} on this line, with a reason", edit)
    edit = _in_file(path, tree, code)
    if edit is not None:
        yield _fix(f"Ignore {code} in this file, with a reason", edit)


def _on_line(path: str, line: t.Line, number: int, code: str) -> Edit | None:
    comment, text = line.comment, line.text.rstrip()
    if comment is not None:
        if line.statement is None or comment.kind not in ("plain", "stack", "suppression"):
            return None
        inside = _IGNORE.search(comment.text)
        if inside is not None:
            if code in re.findall(r"\w+", inside["codes"]):
                return None
            column = comment.start + inside.end("codes")
            separator = ", " if inside["codes"].strip() else ""
            return edit_of(path, Span.of_line(number, column, column), f"{separator}{code}")
        if "easm:" in comment.text:
            return None
    gap = "  " if comment is None else " "
    end = Position(number, len(text))
    return edit_of(path, Span(end, end), f"{gap}# easm: ignore[{code}] -- ")


def _in_file(path: str, tree: SyntaxTree, code: str) -> Edit | None:
    """A suppression at the head of a file, in one that is there already if it has no reason."""
    for line in tree.lines():
        if line.statement is not None:
            break
        inside = _IGNORE.search(line.comment.text) if line.comment is not None else None
        if inside is not None and code in re.findall(r"\w+", inside["codes"]):
            return None
    number = 0
    while number < tree.line_count and _is_head(tree.line(number)):
        number += 1
    text = f"# easm: ignore[{code}] -- \n"
    if number and not tree.line(number - 1).text.endswith(("\n", "\r")):
        return None
    return insertion(path, number, text)


def _is_head(line: t.Line) -> bool:
    return line.statement is None and line.comment is not None
