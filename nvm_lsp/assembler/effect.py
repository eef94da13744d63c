"""Checking a macro's declared stack effect against its expansion."""

from __future__ import annotations

from nvm_lsp.assembler import errors as e
from nvm_lsp.assembler.program import Fragment, Macro, Scope
from nvm_lsp.diagnostics import Problem
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.syntax import tree as t

__all__ = ["check_effect"]

_JUMP, _JUMPI = 0x56, 0x57


def check_effect(
    macro: Macro, fragment: Fragment, code: bytes | bytearray, first: int, scope: Scope
) -> Problem | None:
    """What is wrong with the effect that a macro's head declares, if anything is.

    ``first`` is the first item of the expansion, which reaches to the fragment's end. Heights are
    relative to the one on entry, and follow jumps to labels of the macro; jumps out of the macro
    and code after unknown heights are not judged.
    """
    definition = macro.definition
    takes, returns = definition.takes, definition.returns
    if takes is None and returns is None:
        return None
    lowest, final, conflict = _heights(fragment, code, first, scope)
    if conflict is not None:
        return _mismatch(
            macro, f"its paths meet with {conflict[0]:+d} and {conflict[1]:+d} words on the stack"
        )
    if takes is not None and -lowest > takes:
        return _mismatch(macro, f"it uses {-lowest} words of the stack, not {takes}")
    if returns is not None and final is not None:
        left = final + (takes or 0)
        if takes is not None and left != returns:
            return _mismatch(macro, f"it leaves {left} words, not {returns}")
    return None


def _mismatch(macro: Macro, what: str) -> Problem:
    word = macro.definition.name
    return Problem(
        e.MACRO_EFFECT, word.start, word.end, f"%{word.text}: {what}",
        "mend the body, or what takes(…) and returns(…) say",
    )


def _heights(
    fragment: Fragment, code: bytes | bytearray, first: int, scope: Scope
) -> tuple[int, int | None, tuple[int, int] | None]:
    """Lowest height, the height at the end (None if it is not reached), two that disagree."""
    end = len(fragment.offsets)
    pushes = {variable.item: variable.expression for variable in fragment.variables
              if variable.kind == "push" and variable.item >= first}
    targets = dict(pushes)
    targets.update({f.item: f.expression for f in fragment.fixups
                    if f.kind == "push" and f.item >= first})
    label_items = _label_items(fragment, first)
    seen: dict[int, int] = {}
    work = [(first, 0)]
    lowest = 0
    while work:
        item, height = work.pop()
        while True:
            if item in seen:
                if seen[item] != height:
                    return lowest, None, (seen[item], height)
                break
            seen[item] = height
            if item >= end:
                break
            if item in fragment.data:
                item += 1
                continue
            if item in pushes:
                inputs, outputs, opcode = 0, 1, 0x60
            else:
                opcode = code[fragment.offsets[item]] if fragment.offsets[item] < len(code) else 0
                row = opcode_by_code(opcode)
                if row is None:
                    break
                inputs, outputs = len(row.inputs), len(row.outputs)
                if row.is_swap or row.is_dup:
                    lowest = min(lowest, height - inputs)
            lowest = min(lowest, height - inputs)
            height += outputs - inputs
            if opcode in (_JUMP, _JUMPI):
                target = targets.get(item - 1)
                if isinstance(target, t.Name) and target.text in scope.labels:
                    destination = label_items.get(scope.labels[target.text])
                    if destination is not None:
                        work.append((destination, height))
                if opcode == _JUMP:
                    break
            elif opcode_by_code(opcode).ends_execution:  # type: ignore[union-attr]
                break
            item += 1
    return lowest, seen.get(end), None


def _label_items(fragment: Fragment, first: int) -> dict[int, int]:
    """The item at which each label of a macro stands, by the label's number."""
    starts: dict[tuple[int, int], int] = {}
    variables = 0
    positions = {variable.item for variable in fragment.variables}
    for item in range(first):
        variables += item in positions
    for item in range(first, len(fragment.offsets) + 1):
        offset = fragment.offsets[item] if item < len(fragment.offsets) else -1
        starts.setdefault((offset, variables), item)
        variables += item in positions
    return {
        site.local: starts.get((site.offset, site.variables), len(fragment.offsets))
        for site in fragment.labels
        if site.local is not None
    }
