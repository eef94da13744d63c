"""What rules say of the NestedVM is what its kernel does."""

from __future__ import annotations

from nvm_lsp.analysis.analyzer import NVM_STACK_LIMIT
from nvm_lsp.assembler import assemble_text, disassemble
from nvm_lsp.kernel.image import build
from nvm_lsp.lint.nestedvm import EXACT_OFFSETS, GUARDED_SLOTS
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.scenario import Scenario


def test_guarded_slots_are_the_kernel_s():
    pushed = {
        operation.value
        for operation in assemble_text(disassemble(build(verifier=True).runtime)).operations
        if operation.code == 0x7F
    }
    assert set(GUARDED_SLOTS) <= pushed


def test_the_stack_holds_so_many_words_and_no_more():
    for words, outcome in ((NVM_STACK_LIMIT, "stop"), (NVM_STACK_LIMIT + 1, "halt")):
        code = b"\x30" * words + b"\x00"
        assert run(Request(code, Scenario(), native=False)).outcome == outcome


def test_memory_above_the_exact_offsets_cannot_be_paid_for():
    push = b"\x65" + (EXACT_OFFSETS).to_bytes(6, "big")
    assert run(Request(b"\x5f" + push + b"\x52\x00", Scenario(), native=False)).outcome == "halt"
