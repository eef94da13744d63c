"""Stack comments written by the analysis: where one is missing, and in place of a wrong one."""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.analyzer import Analysis, analyze
from nvm_lsp.analysis.pictures import Mismatch, Picture
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import structure
from nvm_lsp.diagnostics import Applicability, Edit, Fix
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

__all__ = ["picture_after", "picture_text", "stack_comment_fixes"]

_MOST_WORDS = 8
_COLUMN = 24


def stack_comment_fixes(assembly: Assembly, first: int, last: int) -> Iterator[Fix]:
    """What inserts missing stack comments in lines, and what repairs wrong ones, if there is any.

    Lines of macros are left alone: each use has a stack of its own.
    """
    analysis = analyze(assembly)
    path = assembly.program.root.path
    # A word is called as a later comment calls it, so all of them have their say first.
    analysis.pictures.check()
    missing = list(_missing(analysis, first, last))
    column = max([_COLUMN, *(end + 2 for _, end, _ in missing)]) if missing else 0
    if missing:
        edits = tuple(
            Edit(Location(path, Span.of_line(line, end, end)), f"{' ' * (column - end)}# {text}")
            for line, end, text in missing
        )
        one = f"Insert stack comment # {missing[0][2]}"
        title = one if len(edits) == 1 else f"Insert {len(edits)} stack comments"
        yield Fix(title, edits, Applicability.MANUAL)
    wrong = tuple(
        Edit(mismatch.comment.location, f"# {_repaired(mismatch)}")
        for mismatch in sorted(analysis.pictures.mismatches, key=lambda found: found.pc)
        if mismatch.comment.location.path == path
        and first <= mismatch.comment.location.span.start.line <= last
        and not mismatch.comment.scope
    )
    if wrong:
        yield Fix(
            f"Repair {len(wrong)} stack comments" if len(wrong) > 1 else "Repair stack comment",
            wrong, Applicability.MANUAL,
        )


def _repaired(mismatch: Mismatch) -> str:
    """The stack as it is, in the words of the comment where these are right."""
    said, computed = mismatch.comment.said, mismatch.computed
    if not mismatch.words or len(said.terms) > len(computed.words):
        return picture_text(computed)
    words = [
        computed.words[index].name(computed.scope) if index in mismatch.words else term.text
        for index, term in enumerate(said.terms)
    ]
    return f"[{', '.join(words if said.exact else [*words, '..'])}]"


def picture_text(picture: Picture) -> str:
    """A stack as a comment writes it, the lower words of a deep one left out."""
    if len(picture.words) <= _MOST_WORDS:
        return str(picture)
    return str(Picture(picture.words[:_MOST_WORDS], False, picture.scope))


def picture_after(assembly: Assembly, line: int) -> Picture | None:
    """The stack after a line of the root file; None where no execution comes, or nothing is.

    Its words are called as outside of the macro that the line may use.
    """
    pcs = [
        pc
        for pc, size, is_data in assembly.source_map.line_items(assembly.program.root.path, line)
        if size and not is_data
    ]
    found = analyze(assembly).after(pcs[-1]) if pcs else None
    return Picture(found.words, found.exact) if found is not None else None


def _missing(analysis: Analysis, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    """Lines without a comment that emit: line, column of the end of its text, comment."""
    assembly = analysis.assembly
    tree = assembly.program.root.tree
    macros = structure(tree)
    for number in range(first, min(last, tree.line_count - 1) + 1):
        line = tree.line(number)
        if line.comment is not None or not isinstance(line.statement, t.Instruction | t.MacroUse):
            continue
        if macros.macro_at(number) is not None:
            continue
        if isinstance(line.statement, t.Instruction):
            row = opcode_by_name(line.statement.mnemonic)
            if row is not None and row.ends_execution:
                continue
        picture = picture_after(assembly, number)
        if picture is not None:
            yield number, len(line.text.rstrip()), picture_text(picture)
