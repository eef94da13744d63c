"""Assembler and disassembler against pyevmasm, for every opcode that it knows."""

from __future__ import annotations

import pyevmasm
from hypothesis import given
from hypothesis import strategies as st

from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.disassembler import sweep

FORK = "istanbul"
KNOWN = [i for i in pyevmasm.instruction_tables[FORK] if i.name != "INVALID"]
CODES = st.lists(
    st.sampled_from(KNOWN).flatmap(
        lambda i: st.binary(min_size=i.operand_size, max_size=i.operand_size).map(
            lambda data: bytes([i.opcode]) + data
        )
    ),
    max_size=60,
).map(b"".join)


@given(CODES)
def test_instructions_stand_where_pyevmasm_finds_them(code):
    assert sweep(code, FORK) == [i.pc for i in pyevmasm.disassemble_all(code, fork=FORK)]


@given(CODES)
def test_pyevmasms_text_assembles_to_what_pyevmasm_says(code):
    text = pyevmasm.disassemble(code, fork=FORK).replace("GETPC", "PC")
    assert assemble_text(text, fork=FORK).bytecode == code
