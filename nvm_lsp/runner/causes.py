"""Why a guest halted, in the guest's own terms.

The kernel halts as it can: a bad jump of the guest runs out of gas there, an undefined opcode ends
in a bad jump of the kernel. What the guest did wrong follows from its last instruction.
"""

from __future__ import annotations

from collections.abc import Sequence

from nvm_lsp.opcodes import instruction_set
from nvm_lsp.runner.fast_opcodes import jump_destinations

__all__ = ["explain_halt"]

_JUMP, _JUMPI, _JUMPDEST = 0x56, 0x57, 0x5B
_STACK_LIMIT = 1024


def explain_halt(
    error: str, pc: int, opcode: int, stack: Sequence[int], code: bytes, fork: str, *, strict: bool
) -> tuple[str, str]:
    """The cause of a halt and what there is to say of it, for the last instruction that began.

    ``stack`` is that before the instruction, top first; ``strict`` tells that a JUMPDEST byte in
    push data is no destination.
    """
    row = instruction_set(fork).by_code.get(opcode)
    if row is None:
        return "invalid instruction", f"opcode {opcode:#04x} is not defined in {fork}"
    if row.name == "INVALID":
        return "invalid instruction", "INVALID halts on purpose (EIP-141)"
    needs = len(row.inputs)
    if len(stack) < needs or error == "stack underflow":
        held = f"there {'is' if len(stack) == 1 else 'are'} {len(stack) or 'none'}"
        words = f"{needs} word{'s' * (needs != 1)}"
        return "stack underflow", f"{row.name} takes {words}, {held}"
    if opcode in (_JUMP, _JUMPI) and (opcode == _JUMP or stack[1]):
        wrong = _bad_destination(stack[0], code, strict)
        if wrong:
            return "bad jump destination", wrong
    if error == "stack overflow":
        return error, f"{row.name} finds {len(stack)} words of at most {_STACK_LIMIT}"
    if error == "out of gas":
        return error, f"{row.name} at pc {pc:#06x} costs more gas than was left"
    return error, ""


def _bad_destination(destination: int, code: bytes, strict: bool) -> str:
    """What is wrong with a destination; nothing if it is good."""
    if destination >= len(code):
        return f"{destination:#x} lies behind the code, which has {len(code):#x} bytes"
    if code[destination] != _JUMPDEST:
        return f"{destination:#x} holds {code[destination]:#04x}, not JUMPDEST"
    if strict and destination not in jump_destinations(code):
        return f"the JUMPDEST at {destination:#x} is data of a push"
    return ""
