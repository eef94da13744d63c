"""What code may do that pyrevm does otherwise than the built-in backend, as far as bytes tell."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["CALLS", "CODE_PLACE", "TRAP", "forwarder", "uses"]

#: Names for what opcodes come to: what is read, or who may be reached.
_NAMES = {
    0x3A: "GASPRICE", 0x3B: "self", 0x3C: "self", 0x3F: "self", 0x40: "BLOCKHASH",
    0x45: "GASLIMIT", 0x48: "BASEFEE",
    0xF0: "CREATE", 0xF5: "CREATE",
    0xF1: "CALL", 0xF2: "CALL", 0xF4: "CALL", 0xFA: "CALL",
}
CALLS = frozenset({"CALL"})
_JUMPDEST = 0x5B
#: Where a borrowed code stands when it is looked for who calls its borrower, and the account that
#: the borrower's stand-in touches then.
CODE_PLACE = bytes.fromhex("5ead0000000000000000000000000000000c0de5")
TRAP = bytes.fromhex("5ead000000000000000000000000000000007a99")


@lru_cache(maxsize=256)
def uses(code: bytes, any_offset: bool = False) -> frozenset[str]:
    """What the opcodes of a program may come to.

    ``any_offset`` says that a jump may land inside push data, as it may on the NestedVM: then
    what stands there counts, too, if there is a JUMPDEST in it.
    """
    found: set[str] = set()
    pc, size, jumps_inside = 0, len(code), False
    while pc < size:
        opcode = code[pc]
        if opcode in _NAMES:
            found.add(_NAMES[opcode])
        pc += 1
        if 0x60 <= opcode <= 0x7F:
            jumps_inside |= _JUMPDEST in code[pc : pc + opcode - 0x5F]
            pc += opcode - 0x5F
    if any_offset and jumps_inside:
        found.update(name for opcode, name in _NAMES.items() if opcode in code)
    return frozenset(found)


def forwarder(gas: int) -> bytes:
    """Code that has `CODE_PLACE` run with the calldata and that gas for whoever sends the
    transaction, and touches `TRAP` if anybody else calls it.
    """
    head = bytes.fromhex("333214")  # CALLER ORIGIN EQ
    trap = b"\x73" + TRAP + bytes.fromhex("31" "50" "00")  # PUSH20 trap BALANCE POP STOP
    target = len(head) + 3 + len(trap)
    return (
        head + b"\x60" + bytes([target]) + b"\x57" + trap
        + bytes.fromhex("5b" "36" "5f" "5f" "37")  # JUMPDEST; the calldata to memory
        + bytes.fromhex("5f" "5f" "36" "5f")  # no output; the calldata as input
        + b"\x73" + CODE_PLACE + b"\x67" + gas.to_bytes(8, "big") + b"\xf4\x00"
    )
