"""Disassembly of bytecode into easm that assembles to the very same bytes.

>>> print(disassemble(bytes.fromhex("6003565b00")), end="")
    PUSH1 l_0003
    JUMP
l_0003:
    STOP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nvm_lsp.opcodes import DEFAULT_FORK, Opcode, instruction_set

__all__ = ["data_start", "disassemble", "sweep"]

_INDENT = "    "
_JUMPDEST, _JUMP, _JUMPI, _EQ = 0x5B, 0x56, 0x57, 0x14
_DATA_BYTES_A_LINE = 32
#: How solc's CBOR metadata begins: a map of one to three entries whose first key is one of these.
_METADATA_KEYS = (b"dipfs", b"ebzzr0", b"ebzzr1", b"dsolc", b"lexperimental")


def disassemble(
    code: bytes, *, fork: str = DEFAULT_FORK, names: Mapping[int, str] | None = None
) -> str:
    """The source of a bytecode.

    Jump targets get labels, bytes that cannot be instructions stand in `%bytes`, and what follows
    the last instruction that can be reached is data. ``names`` gives the signature of selectors
    (four bytes) and topics (32 bytes), shown as comments. For every ``code``,
    ``assemble_text(disassemble(code)).bytecode == code``.

    Raises:
        KeyError: there is no such fork.
    """
    rows = [instruction_set(fork).by_code.get(byte) for byte in range(256)]
    end = data_start(code, rows)
    pcs, destinations = _scan(code, end, rows)
    labels = _labels(code, pcs, destinations)
    out: list[str] = [f"%fork {fork}\n"] if fork != DEFAULT_FORK else []
    last = len(pcs)
    loose = bytearray()  # bytes that are no instructions, not yet written
    for index, pc in enumerate(pcs):
        opcode = code[pc]
        row = rows[opcode]
        if row is None:
            loose.append(opcode)
            continue
        if loose:
            out += _data_lines(bytes(loose))
            loose.clear()
        if opcode == _JUMPDEST:
            following = pcs[index + 1] if index + 1 < last else -1
            out.append(_jumpdest(pc, code, following, labels))
            continue
        size = row.immediate_size
        if not size:
            out.append(f"{_INDENT}{row.name}\n")
            continue
        data = code[pc + 1 : pc + 1 + size]
        value = int.from_bytes(data, "big")
        after = code[pc + 1 + size] if pc + 1 + size < end else -1
        if value in labels and (after in (_JUMP, _JUMPI) or size >= 2):
            out.append(f"{_INDENT}{row.name} {labels[value]}\n")
        else:
            comment = _comment(data, value, after, names)
            out.append(f"{_INDENT}{row.name} 0x{data.hex()}{comment}\n")
    if loose:
        out += _data_lines(bytes(loose))
    if end < len(code):
        out.append("\n.data:\n")
        out += _data_lines(code[end:])
    return "".join(out)


def sweep(code: bytes, fork: str = DEFAULT_FORK) -> list[int]:
    """Offsets of the instructions, push data passed over, from the first byte to the last."""
    rows = [instruction_set(fork).by_code.get(byte) for byte in range(256)]
    return _scan(code, len(code), rows)[0]


def data_start(code: bytes, rows: Sequence[Opcode | None]) -> int:
    """Where the data begin that no instruction flows into: the length if there are none.

    That is solc's metadata where they are, and any tail without a JUMPDEST behind the last
    instruction that ends execution or jumps away.
    """
    end = _metadata_start(code)
    pcs, _ = _scan(code, end, rows)
    tail = end
    for pc in reversed(pcs):
        opcode = code[pc]
        row = rows[opcode]
        if opcode == _JUMPDEST:
            break
        if row is not None and (row.ends_execution or opcode == _JUMP):
            tail = pc + 1
            # Keep looking: an earlier end is nearer to the last reachable instruction.
    # A truncated push at the very end is no instruction.
    if pcs and tail == end:
        row = rows[code[pcs[-1]]]
        if row is not None and pcs[-1] + row.immediate_size >= end:
            return pcs[-1]
    return tail


def _metadata_start(code: bytes) -> int:
    """Where solc's metadata begin, with the INVALID before them; the length if there are none."""
    if len(code) < 4:
        return len(code)
    length = int.from_bytes(code[-2:], "big")
    start = len(code) - 2 - length
    if start < 0 or not 0xA1 <= code[start] <= 0xA4:
        return len(code)
    if not code[start + 1 :].startswith(_METADATA_KEYS):
        return len(code)
    return start


def _scan(
    code: bytes, end: int, rows: Sequence[Opcode | None]
) -> tuple[list[int], set[int]]:
    """Offsets of all instructions before ``end``, and those of the JUMPDESTs among them."""
    pcs: list[int] = []
    destinations: set[int] = set()
    sizes = [1 + row.immediate_size if row is not None else 1 for row in rows]
    pc = 0
    append = pcs.append
    while pc < end:
        append(pc)
        opcode = code[pc]
        if opcode == _JUMPDEST:
            destinations.add(pc)
        pc += sizes[opcode]
    return pcs, destinations


def _labels(code: bytes, pcs: Sequence[int], destinations: set[int]) -> dict[int, str]:
    """Names of the JUMPDESTs that a push seems to mean."""
    found: set[int] = set()
    for pc in pcs:
        size = code[pc] - 0x5F
        if 1 <= size <= 4:
            value = int.from_bytes(code[pc + 1 : pc + 1 + size], "big")
            if value in destinations:
                after = code[pc + 1 + size : pc + 2 + size]
                if size >= 2 or after in (b"\x56", b"\x57"):
                    found.add(value)
    digits = 4 if len(code) <= 0x10000 else 6
    return {pc: f"l_{pc:0{digits}x}" for pc in found}


def _jumpdest(pc: int, code: bytes, following: int, labels: Mapping[int, str]) -> str:
    if pc not in labels:
        return f"{_INDENT}JUMPDEST\n"
    # A label merges with a JUMPDEST written behind it; then it needs one of its own.
    if following >= 0 and code[following] == _JUMPDEST and following not in labels:
        return f"{labels[pc]}:\n{_INDENT}JUMPDEST\n"
    return f"{labels[pc]}:\n"


def _comment(data: bytes, value: int, after: int, names: Mapping[int, str] | None) -> str:
    """What a pushed value looks like, as a comment."""
    if names is not None and len(data) in (4, 32) and value in names:
        return f"  # {names[value]}"
    text = data.rstrip(b"\0")
    if len(text) >= 4 and after != _EQ and all(0x20 <= byte < 0x7F for byte in text):
        return f"  # {text.decode('ascii')!r}"
    return ""


def _data_lines(data: bytes) -> list[str]:
    lines = []
    for start in range(0, len(data), _DATA_BYTES_A_LINE):
        row = data[start : start + _DATA_BYTES_A_LINE]
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
        readable = sum(c != "." for c in text)
        comment = f"  # {text}" if readable >= 8 and readable * 2 > len(text) else ""
        lines.append(f"{_INDENT}%bytes 0x{row.hex()}{comment}\n")
    return lines
