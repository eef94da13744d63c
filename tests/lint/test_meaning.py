"""Fixes that are called safe leave what a program does as it is: it is run before and after."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nvm_lsp.assembler import assemble_text
from nvm_lsp.diagnostics import Applicability
from nvm_lsp.lint.fixes import Trial, errors_of_assembly, mend
from nvm_lsp.lint.linter import check as lint
from nvm_lsp.runner.machine import Account, Execution, Message, World, execute, load

load()  # py-evm raises the limit of recursion, which Hypothesis must not see happen
HERE = bytes.fromhex("aa" * 20)

#: Pieces of code with the words that they take and leave; `@` is a label of the piece's own.
PIECES = [
    # What has a safe fix.
    (0, 1, ["PUSH4 5"]),
    (0, 1, ["PUSH32 0x1_00", "# a comment"]),
    (0, 0, ["CALLER", "POP"]),
    (1, 1, ["DUP1", "POP   # why"]),
    (2, 2, ["SWAP1", "SWAP1"]),
    (3, 3, ["SWAP2   # [a, b, ..]", "SWAP2"]),
    (1, 2, ["DUP1", "SWAP1"]),
    (1, 1, ["NOT", "NOT"]),
    (2, 1, ["SWAP1", "ADD"]),
    (3, 1, ["SWAP1", "MULMOD"]),
    (1, 0, ["ISZERO", "ISZERO", "PUSH @", "JUMPI", "CALLER", "POP", "@:"]),
    (0, 1, ["PUSH20 0x6b175474e89094c44da98b954eedeac495271d0f"]),
    (0, 1, ["PUSH4 0xa9059cbb"]),
    # What looks alike and has none.
    (2, 1, ["SWAP1", "SUB"]),
    (2, 2, ["SWAP1", "@:", "SWAP1", "PUSH 0", "PUSH @", "JUMPI"]),
    (1, 0, ["PUSH @", "JUMPI", "@:"]),
    (0, 1, ["PUSH 7", "PUSH @", "JUMP", "@:"]),
    # All else.
    (0, 1, ["PUSH 3"]),
    (0, 1, ["CALLVALUE"]),
    (1, 2, ["DUP1"]),
    (2, 3, ["DUP2"]),
    (2, 2, ["SWAP1"]),
    (1, 0, ["PUSH 0", "SSTORE"]),
    (1, 1, ["SLOAD"]),
    (1, 1, ["PUSH 0", "MSTORE", "PUSH 32", "PUSH 0", "KECCAK256"]),
]


def program(pieces: list[int]) -> str:
    """A program of pieces, each given the words that it takes; the top is returned."""
    lines, height = [], 0
    for number, index in enumerate(pieces):
        takes, leaves, code = PIECES[index % len(PIECES)]
        while height < takes:
            lines.append("ADDRESS" if height % 2 else "PUSH 0xbeef")
            height += 1
        height += leaves - takes
        lines += [line.replace("@", f"l{number}") for line in code]
    lines += ["MSIZE"] if not height else []
    lines += ["PUSH 0", "MSTORE", "PUSH 32", "PUSH 0", "RETURN"]
    return "".join(f"    {line}\n" for line in lines)


def executed(text: str) -> Execution:
    assembly = assemble_text(text)
    assert assembly.ok, (text, assembly.diagnostics)
    return execute(
        World({HERE: Account(balance=1, code=assembly.bytecode)}), Message(HERE, assembly.bytecode)
    )


def check(text: str) -> int:
    """Applies all safe fixes and compares what the program does; how many there were."""

    def look(text: str) -> Trial:
        assembly = assemble_text(text)
        return Trial(lint(assembly, "evm"), errors_of_assembly(assembly.diagnostics))

    mended = mend("-", text, look)
    before, after = executed(text), executed(mended.text)
    assert (after.outcome, after.output, after.storage, after.logs) == (
        before.outcome, before.output, before.storage, before.logs
    ), f"{text}\nbecame\n{mended.text}"
    assert after.gas_used <= before.gas_used
    return sum(mended.applied.values())


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(PIECES) - 1), max_size=14))
def test_safe_fixes_keep_what_a_program_does(pieces):
    check(program(pieces))


def test_every_piece_that_has_a_safe_fix_gets_it():
    fixed = [index for index in range(len(PIECES)) if check(program([index]))]
    assert fixed == list(range(13))


def test_a_number_that_is_an_offset_makes_fixes_unsafe():
    # 8 is where the JUMPDEST stands; to shorten the PUSH4 would move it.
    text = "    PUSH1 8\n    JUMP\n    PUSH4 5\n    JUMPDEST\n    PUSH4 6\n    POP\n    STOP\n"
    fixes = [fix for d in lint(assemble_text(text), "evm") for fix in d.fixes]
    assert fixes
    assert {fix.applicability for fix in fixes} <= {Applicability.UNSAFE, Applicability.MANUAL}
    assert check(text) == 0
