"""Constants, memory and calls of a program; the borders of a block's summary."""

from __future__ import annotations

from nvm_lsp.analysis.analyzer import Analysis, analyze
from nvm_lsp.analysis.control_flow import control_flow
from nvm_lsp.analysis.memory import KnownMemory
from nvm_lsp.analysis.stack import execute
from nvm_lsp.assembler import assemble_text
from nvm_lsp.kernel.gas import overhead
from nvm_lsp.kernel.image import Build
from nvm_lsp.runner.run import Request, run
from nvm_lsp.runner.scenario import Scenario

TRANSFER = """\
%def TOKEN = address(0x6B175474E89094C44Da98b954EedeAC495271d0F)
    PUSH selector("transfer(address,uint256)")
    PUSH 224
    SHL
    PUSH 0
    MSTORE
    CALLER          # [to]
    PUSH 4
    MSTORE
    PUSH 1 ether
    PUSH 0x24
    MSTORE
    PUSH 0
    PUSH 0
    PUSH 0x44
    PUSH 0
    PUSH 0
    PUSH TOKEN
    GAS
    CALL
    STOP
"""


def analysis(source: str, fork: str = "prague") -> Analysis:
    assembly = assemble_text(source, fork=fork)
    assert assembly.ok, assembly.diagnostics
    return analyze(assembly, "evm")


def at(found: Analysis, mnemonic: int, turn: int = 0) -> int:
    """The pc of the turn-th instruction with an opcode."""
    return [op.pc for op in found.assembly.operations if op.code == mnemonic][turn]


def test_a_push_that_the_code_cuts_off_is_filled_with_zeros():
    assert execute(b"\x61\x05").out == (0x0500,)
    assert execute(b"\x61\x05\x06").out == (0x0506,)


def test_the_stack_holds_exactly_1024_words():
    for push in (b"\x60\x01", b"\x30", b"\x5f"):
        assert control_flow(push * 1024).blocks[0].overflow is None
        assert control_flow(push * 1025).blocks[0].overflow == 1024 * len(push)
    doubled = b"\x30" + b"\x80" * 1024
    assert control_flow(doubled).blocks[0].overflow == 1024


def test_after_a_loop_that_grows_the_stack_its_height_is_not_claimed():
    found = analysis("l:\nCALLER\nCALLVALUE\nPUSH l\nJUMPI\nPOP\nPOP\nSTOP\n")
    after = at(found, 0x50)
    picture = found.before(after)
    assert picture is not None
    assert not picture.exact
    block = found.flow.block_of(after)
    assert block is not None
    assert [state.exact for state in block.states].count(False) == 1


def test_a_constant_is_one_only_if_it_is_on_every_way():
    found = analysis(
        "PUSH a\nPUSH1 1\nPUSH f\nJUMP\na:\nPUSH b\nPUSH1 2\nPUSH f\nJUMP\nb:\nSTOP\n"
        "f:\nPUSH1 7\nSSTORE\nJUMP\n"
    )
    (block, store), = found.find(frozenset({0x55}))
    assert found.constants(block, store.step) == (7, None)
    assert [str(found.before(store.pc))] == ["[0x7, ?, ?]"]


def test_a_call_reads_as_what_is_called():
    found = analysis(TRANSFER)
    (call,) = found.calls
    assert str(call) == "call TOKEN.transfer(address,uint256)"
    assert call.arguments == ("to", "1 ether")
    assert call.target.value == 0x6B175474E89094C44DA98B954EEDEAC495271D0F
    bare = analysis(
        TRANSFER.replace("PUSH TOKEN", "PUSH20 0x6b175474e89094c44da98b954eedeac495271d0f")
    )
    assert str(bare.calls[0]) == "call 0x6B17…1d0F.transfer(address,uint256)"


def test_a_call_with_value_and_unknown_parts_says_so():
    found = analysis("PUSH 0\nDUP1\nDUP1\nDUP1\nPUSH 5\nCALLER\nGAS\nCALL\nSTOP\n")
    assert str(found.calls[0]) == "call caller with 0x5 wei"
    unknown = analysis(TRANSFER.replace("SHL\n    PUSH 0\n", "SHL\n    CALLER\n"))
    assert unknown.calls[0].selector is None


def test_memory_behind_a_merge_and_at_the_head_of_a_loop_is_not_zero():
    merged = analysis("CALLVALUE\nPUSH l\nJUMPI\nPUSH 1\nPUSH 0\nMSTORE\nl:\nPUSH 0\nMLOAD\nSTOP\n")
    assert not merged.memory_at(at(merged, 0x51)).zero
    loop = analysis("_l:\nPUSH 0\nMLOAD\nPUSH 1\nADD\nPUSH 0\nMSTORE\nPUSH _l\nJUMP\n")
    assert not loop.memory_at(at(loop, 0x51)).zero
    computed = analysis(
        "CALLVALUE\nPUSH a\nJUMPI\nCALLER\nJUMP\na:\nPUSH 0\nMLOAD\nSTOP\n_b:\nPUSH 1\nPUSH 0\n"
        "MSTORE\nSTOP\n"
    )
    assert not computed.memory_at(at(computed, 0x51)).zero, "the unknown jump may come here, too"
    straight = analysis(
        "PUSH 7\nPUSH 0\nMSTORE\nCALLVALUE\nPUSH l\nJUMPI\nPUSH 0\nMLOAD\nl:\nSTOP\n"
    )
    assert straight.memory_at(at(straight, 0x51)).read(0, 32) == (7).to_bytes(32, "big")
    assert straight.memory_at(at(straight, 0x51)).read(32, 1) == b"\0"


def test_a_word_written_over_is_no_word_any_more():
    memory = KnownMemory(zero=True)
    memory.step(1, 0x52, (0, 7), b"")
    memory.step(2, 0x52, (4, None), b"")
    assert set(memory.words) == {4}
    assert memory.read(0, 4) == bytes(4)
    assert memory.read(0, 8) is None
    memory.step(3, 0x53, (35, 1), b"")
    assert not memory.words
    memory.step(4, 0x39, (64, 1, 4), b"\x01\x02\x03")
    assert memory.read(64, 4) == b"\x02\x03\0\0"
    memory.step(5, 0x5E, (96, 64, 2), b"")
    assert memory.read(96, 3) == b"\x02\x03\0"
    memory.step(6, 0x37, (None, 0, 32), b"")
    assert memory.read(64, 1) is None


def test_gas_of_operands_that_are_known():
    assert str(analysis("PUSH 0x100\nPUSH 2\nEXP\nPOP\nSTOP\n").gas()) == "118"
    nothing = analysis("PUSH 0\nPUSH 0x100000000\nLOG0\nSTOP\n").gas()
    assert (nothing.least, nothing.most) == (380, 380)
    hashed = analysis("PUSH 33\nPUSH 0\nKECCAK256\nPOP\nSTOP\n").gas()
    assert (hashed.least, hashed.most) == (2 + 3 + 30 + 12 + 2, 2 + 3 + 30 + 12 + 2 + 6)


def test_a_jumpdest_that_is_jumped_to_costs_nothing_more_on_the_nestedvm():
    assembly = assemble_text("PUSH l\nJUMP\nl:\nPUSH k\nPOP\nk:\nSTOP\n")
    gas = analyze(assembly).gas(overhead(Build()))
    used = run(Request(assembly.bytecode, Scenario(), native=False)).gas_used
    assert gas.most is not None
    assert gas.least <= used <= gas.most
