"""Control flow of programs, and its bounds on hostile ones."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from nvm_lsp.analysis.control_flow import ControlFlow, control_flow
from nvm_lsp.assembler import assemble_text


def check(source: str) -> tuple[ControlFlow, dict[str, int]]:
    assembly = assemble_text(source)
    assert assembly.ok, assembly.diagnostics
    return control_flow(assembly.bytecode), dict(assembly.labels())


def test_a_subroutine_returns_to_each_of_its_callers() -> None:
    flow, at = check(
        "PUSH a\nPUSH f\nJUMP\na:\nPUSH b\nPUSH f\nJUMP\nb:\nSTOP\nf:\nJUMP\n"
    )
    assert flow.blocks[at["f"]].successors == (at["a"], at["b"])
    assert flow.merge_points() == (at["f"],)
    assert not list(flow.unreachable())


def test_dup_and_swap_carry_a_destination() -> None:
    for way in ("DUP2", "DUP1\nSWAP2"):  # on [1, end], top first
        flow, at = check(f"PUSH end\nPUSH1 1\n{way}\nJUMP\nend:\nSTOP\n")
        assert flow.blocks[0].successors == (at["end"],), way


def test_code_after_a_jump_is_unreachable() -> None:
    flow, _ = check("PUSH end\nJUMP\nPUSH1 1\nPOP\nSTOP\nend:\nSTOP\n")
    assert [block.start for block in flow.unreachable()] == [3]


def test_an_unknown_jump_may_reach_every_jumpdest_and_is_not_guessed() -> None:
    flow, at = check("CALLER\nJUMP\nADD\nSTOP\n_a:\nADD\nSTOP\n")
    assert flow.blocks[0].unresolved
    assert flow.blocks[0].successors == ()
    assert [block.start for block in flow.unreachable()] == [2]
    assert flow.blocks[at["_a"]].underflow is None, "the height there is unknown"


def test_a_jump_into_push_data_is_bad() -> None:
    flow = control_flow(bytes.fromhex("600456615b00"))
    assert flow.blocks[0].bad_targets == (4,)


def test_underflow_and_overflow_have_their_place() -> None:
    assert check("PUSH1 1\nADD\nSTOP\n")[0].blocks[0].underflow == 2
    assert control_flow(b"\x30" * 1025).blocks[0].overflow == 1024


def test_ways_of_different_height_never_claim_an_underflow() -> None:
    flow, at = check("PUSH1 9\nCALLER\nPUSH m\nJUMPI\nPOP\nm:\nPOP\nSTOP\n")
    assert flow.blocks[at["m"]].underflow is None


def test_when_the_work_is_bounded_nothing_is_called_unreachable() -> None:
    flow = control_flow(b"\x5b" * 10_000, budget=100)
    assert not flow.complete
    assert not list(flow.unreachable())


@given(st.binary(max_size=200))
def test_any_bytes_are_covered_by_blocks(code: bytes) -> None:
    flow = control_flow(code)
    assert flow.complete
    assert sum(block.end - block.start for block in flow.blocks.values()) == len(code)
    for block in flow.blocks.values():
        assert all(target in flow.blocks for target in block.successors)


def test_hostile_programs_are_bounded_by_work_not_by_time() -> None:
    random = Random(1)
    many = 4000

    def somewhere() -> bytes:
        return (random.randrange(many) * 9).to_bytes(3, "big")

    graph = b"".join(
        b"\x5b\x33\x62" + somewhere() + b"\x57" + (b"\x30\x30" if i % 2 else b"\x50\x50")
        for i in range(many)
    )
    for code in (b"\x33\x56" + b"\x5b" * 100_000, b"\x30" * 1000 + b"\x5b" * 20_000, graph):
        flow = control_flow(code, budget=50_000)
        assert not flow.complete
        assert not list(flow.unreachable())
    # A stack that grows in a loop is not followed to its limit.
    grows, at = check("l:\nCALLER\nCALLVALUE\nPUSH l\nJUMPI\nSTOP\n")
    assert grows.complete
    assert at["l"] in grows.growing
    assert len(grows.blocks[at["l"]].states) < 20


def test_two_equal_blocks_and_pc_keep_their_places() -> None:
    flow = control_flow(bytes.fromhex("5860050156" "5b5860050156" "5b00"))
    assert flow.blocks[0].successors == (5,)
    assert flow.blocks[5].successors == (11,)


def test_a_subroutine_called_with_different_heights_returns_to_each() -> None:
    flow, at = check(
        "PUSH one\nPUSH f\nJUMP\none:\nCALLER\nPUSH two\nPUSH f\nJUMP\ntwo:\nPOP\nPOP\nPOP\nSTOP\n"
        "f:\nCALLVALUE\nSWAP1\nJUMP\n"
    )
    assert not flow.unresolved
    assert {len(state.words) for state in flow.blocks[at["f"]].states} == {1, 3}
    assert all(not block.underflows for block in flow.blocks.values())
