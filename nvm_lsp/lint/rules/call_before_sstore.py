"""Storage is written after a call that could come back.

## What it does
Finds a CALL or DELEGATECALL after which, on some way, storage is written that was not written
before it. A call of a precompile or with gas for nothing else than a log is not counted.

## Why it is bad
The code called can call back into the wallet while its storage is still the old one: the shape of
most reentrancy losses. It is only a hint: a lock, or a callee that is known, makes it harmless.

## Example
```easm
#@ target evm
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    CALLER
    GAS
    CALL
    PUSH 0
    SSTORE
    STOP
```

## What to do
Write storage first, then call; or take a lock.
"""

from __future__ import annotations

from collections.abc import Iterator

from nvm_lsp.analysis.control_flow import Block, State
from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule

_CALLS = frozenset({0xF1, 0xF2, 0xF4})
_SSTORE = 0x55
_LAST_PRECOMPILE = 0x1FF
_STIPEND = 2300


@rule("CAL003", "call-before-sstore", Severity.HINT)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    analysis = context.analysis
    if b"\x55" not in context.assembly.bytecode:
        return
    calls = list(analysis.find(_CALLS))
    if not calls:
        return
    stores: dict[int, list[tuple[int, int | None]]] = {}
    for block, instruction in analysis.find(frozenset({_SSTORE})):
        key = analysis.constant(block, instruction.step.inputs[0])
        stores.setdefault(block.start, []).append((instruction.pc, key))
    if not stores:
        return
    for block, instruction in calls:
        step = instruction.step
        if len(step.inputs) < 2:
            continue
        gas = analysis.constant(block, step.inputs[0])
        address = analysis.constant(block, step.inputs[1])
        if (gas is not None and gas <= _STIPEND) or (
            address is not None and address <= _LAST_PRECOMPILE
        ):
            continue
        locks = {key for found in stores.values() for pc, key in found if pc < instruction.pc}
        after = next(
            (pc for pc, key in _after(block, instruction.pc, stores)
             if key is None or key not in locks),
            None,
        )
        if after is not None and instruction.row is not None:
            yield from context.at(
                RULE.kind, instruction.pc,
                f"{instruction.row.name} before a write to storage: the callee can come back",
                "write storage first, or take a lock",
                related=context.place(after, "written here"),
            )


def _after(
    block: Block, pc: int, stores: dict[int, list[tuple[int, int | None]]]
) -> Iterator[tuple[int, int | None]]:
    """The writes to storage that can follow an instruction, with their keys."""
    yield from (found for found in stores.get(block.start, ()) if found[0] > pc)
    seen: set[State] = set()
    work = [after for state in block.states for after in state.leads_to]
    while work:
        state = work.pop()
        if state not in seen:
            seen.add(state)
            yield from stores.get(state.start, ())
            work += state.leads_to
