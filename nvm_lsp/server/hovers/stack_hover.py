"""The stack before and after a line, and how a call reads, in Markdown.

The analysis of a long program takes longer than a hover may, so it is used where it is there
already, as it is once the rules have run; a short program is analysed at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.analyzer import Analysis, analyze
from nvm_lsp.analysis.gas import Gas, instruction_gas
from nvm_lsp.analysis.pictures import Picture
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import structure
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.server.actions.stack_comment_edits import picture_text

__all__ = [
    "has_flow", "inputs_page", "is_ready", "is_short", "prepare", "program_cost", "stack_page",
]

#: Bytes of a program that is analysed at once.
_SHORT = 1_024
_COST = "gas of a run"
_CALLS = (0xF1, 0xF2, 0xF4, 0xFA)


def is_short(assembly: Assembly) -> bool:
    """Whether everything about a program is found at once."""
    return len(assembly.bytecode) <= _SHORT


def is_ready(assembly: Assembly) -> bool:
    """Whether asking for the program's gas, too, is quick."""
    return is_short(assembly) or (
        has_flow(assembly) and _COST in assembly.__dict__
    )


def has_flow(assembly: Assembly) -> bool:
    """Whether asking for stacks and the gas of blocks is quick, as once the rules have run."""
    if is_short(assembly):
        return True
    return {"flow", "comments"} <= analyze(assembly).__dict__.keys()


def prepare(assembly: Assembly, *, cost: bool = True) -> None:
    """Makes what stacks and gas are read from, the program's gas if ``cost``; may take long."""
    analysis = analyze(assembly)
    _ = analysis.flow, analysis.comments
    if cost:
        program_cost(assembly)


def program_cost(assembly: Assembly) -> Gas:
    """What a run costs that ends with success, found once for each assembly."""
    known = assembly.__dict__.get(_COST)
    if known is None:
        known = assembly.__dict__[_COST] = analyze(assembly).gas()
    assert isinstance(known, Gas)
    return known


def stack_page(assembly: Assembly, line: int) -> str:
    """The stack around a line of the root file, below a rule; nothing where nothing is known."""
    found = "  \n".join(_around(assembly, line))
    return f"\n\n---\n\n{found}" if found else ""


def _around(assembly: Assembly, line: int) -> Iterator[str]:
    if not assembly.ok or not has_flow(assembly):
        return
    pcs = [
        pc
        for pc, size, is_data in assembly.source_map.line_items(assembly.program.root.path, line)
        if size and not is_data
    ]
    where = ""
    if not pcs:
        pcs, where = list(_first_use(assembly, line)), "in its first use: "
    if not pcs:
        return
    analysis = analyze(assembly)
    before, after = analysis.before(pcs[0]), analysis.after(pcs[-1])
    if before is None:
        yield _why_not(analysis, pcs[0])
        return
    yield f"{where}stack before `{picture_text(before)}`"
    if after is not None:
        yield f"stack after `{picture_text(after)}`"
    if len(pcs) == 1:
        yield from _inputs(analysis, pcs[0], before)
        yield from _cost(analysis, pcs[0])


def inputs_page(assembly: Assembly, line: int) -> str:
    """The words that the instruction of a line takes, by its own names of them; nothing where they
    are not known."""
    if not assembly.ok or not has_flow(assembly):
        return ""
    items = assembly.source_map.line_items(assembly.program.root.path, line)
    pcs = [pc for pc, size, is_data in items if size and not is_data]
    analysis = analyze(assembly)
    before = analysis.before(pcs[0]) if len(pcs) == 1 else None
    return "" if before is None else "\n\n".join(_inputs(analysis, pcs[0], before))


def _why_not(analysis: Analysis, pc: int) -> str:
    """Why there is no stack at an instruction."""
    block = analysis.flow.block_of(pc)
    if block is not None and block.states and block.underflow is not None:
        if block.underflow == pc:
            row = opcode_by_code(analysis.flow.code[pc])
            taken = len(row.inputs) if row is not None else 0
            words = f"{taken} word{'s' * (taken != 1)}"
            return f"The stack underflows here: it has less than the {words} that are needed."
        if block.underflow < pc:
            return "No execution comes here: the stack underflows before."
    if not analysis.is_certain:
        return "No way here is known; not all jumps are."
    return "No execution comes here."


def _cost(analysis: Analysis, pc: int) -> Iterator[str]:
    """What an instruction costs here, where that depends on its operands or on the state."""
    block = analysis.flow.block_of(pc)
    for instruction in analysis.instructions(block) if block is not None else ():
        if instruction.pc == pc:
            gas = instruction_gas(instruction.step, analysis.assembly.fork)
            if gas.dynamic and (gas.most is None or gas.most > gas.least):
                yield f"here {gas} gas: {', '.join(gas.dynamic)}"


def _first_use(assembly: Assembly, line: int) -> Iterator[int]:
    """What a line of a macro's body emits where the macro is used first."""
    if not is_short(assembly) or (
        structure(assembly.program.root.tree).macro_at(line) is None
    ):
        return
    source_map = assembly.source_map
    pcs = source_map.pcs(assembly.program.root.path, line)
    for pc in pcs:
        if not assembly.bytecode or source_map.trail(pc) != source_map.trail(pcs[0]):
            return
        yield pc


def _inputs(analysis: Analysis, pc: int, before: Picture) -> list[str]:
    """What the words are that an instruction takes, and how a call reads."""
    code = analysis.flow.code[pc]
    row = opcode_by_code(code)
    if row is None or row.is_dup or row.is_swap or not row.inputs:
        return []
    found = []
    if len(before.words) >= len(row.inputs):
        words = [
            f"{name} = `{word.name(before.scope)}`"
            for name, word in zip(row.inputs, before.words, strict=False)
        ]
        found.append(" · ".join(words))
        if code in _CALLS:
            reading = analysis.call(pc)
            arguments = f" ({', '.join(reading.arguments)})" if reading.arguments else ""
            found.append(f"reads as `{reading}{arguments}`")
    return found
