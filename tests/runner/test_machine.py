"""The execution backend against py-evm's own parts, and at its limits."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.fast_opcodes import fast_opcodes, jump_destinations
from nvm_lsp.runner.journal import JournaledAccounts
from nvm_lsp.runner.machine import (
    Account,
    Execution,
    Limits,
    Message,
    World,
    execute,
    forks,
    load,
)

HERE = bytes.fromhex("aa" * 20)
THERE = bytes.fromhex("bb" * 20)
CALLER = bytes.fromhex("cc" * 20)


def check(
    source: str, outcome: str, output: int | bytes | None = None, *, error: str | None = None,
    fork: str = "prague", limits: Limits | None = None, **message: Any,
) -> Execution:
    """Runs a program at HERE, with an empty world but for the message's accounts."""
    accounts = message.pop("accounts", {})
    assembly = assemble_text(source)
    assert assembly.ok, assembly.diagnostics
    run = execute(
        World({HERE: Account(balance=10**18, code=assembly.bytecode), **accounts}),
        Message(HERE, assembly.bytecode, **message),
        fork=fork, limits=limits,
    )
    assert (run.outcome, run.error) == (outcome, error), run
    if output is not None:
        expected = output if isinstance(output, bytes) else output.to_bytes(32, "big")
        assert run.output == expected
    return run


RETURN_TOP = "PUSH 0\n MSTORE\n PUSH 32\n PUSH 0\n RETURN\n"


# Opcodes of our own against py-evm's -------------------------------------------------------------


class _Recorder:
    """What of a computation an opcode can reach; built alike for both implementations."""

    def __init__(self, stack: list[int | bytes], gas: int, code: bytes, data: bytes) -> None:
        load()
        from eth.vm.forks.prague.computation import PragueComputation
        from eth.vm.message import Message as HostMessage

        message = HostMessage(gas, HERE, CALLER, 0, data, code)
        self.computation = object.__new__(PragueComputation)
        from eth.vm.code_stream import CodeStream
        from eth.vm.gas_meter import GasMeter
        from eth.vm.memory import Memory
        from eth.vm.stack import Stack

        self.computation.msg = message
        self.computation.code = CodeStream(code)
        self.computation.code.program_counter = 1
        self.computation._gas_meter = GasMeter(gas)
        self.computation._stack = Stack()
        self.computation._stack.values.extend(stack)
        self.computation._memory = Memory()
        self.computation._memory.extend(0, 96)
        self.computation._memory.write(0, 96, bytes(range(1, 97)))

    def after(self, function: Any) -> tuple[Any, ...]:
        from eth.exceptions import VMError

        try:
            function(self.computation)
        except VMError:
            # All gas goes, the frame ends: nothing else of it can be seen.
            return ("halt",)
        stack = [
            value if isinstance(value, int) else int.from_bytes(value, "big")
            for value in self.computation._stack.values
        ]
        return (
            "done", stack, self.computation.get_gas_remaining(),
            self.computation.code.program_counter, bytes(self.computation._memory._bytes),
        )


_words = st.one_of(
    st.integers(0, 2**256 - 1),
    st.integers(0, 300),
    st.sampled_from([2**255, 2**256 - 1, 2**64, 2**160]),
    st.binary(max_size=32),
)


@given(
    opcode=st.sampled_from(sorted([*range(0x5F, 0xA0), *range(0x50, 0x53), *range(0x56, 0x5C),
                                   0x01, 0x02, 0x03, 0x04, 0x06, 0x10, 0x11, 0x14, 0x15, 0x16,
                                   0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x35])),
    stack=st.lists(_words, max_size=18),
    gas=st.one_of(st.integers(0, 12), st.just(10_000)),
    tail=st.binary(max_size=40),
    data=st.binary(max_size=40),
)
@settings(max_examples=200, deadline=None)
def test_fast_opcodes_do_what_py_evm_does(
    opcode: int, stack: list[int | bytes], gas: int, tail: bytes, data: bytes
) -> None:
    load()
    import eth.exceptions
    from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

    code = bytes([opcode]) + tail + b"\x5b\x60\x5b"
    ours = _Recorder(stack, gas, code, data).after(fast_opcodes(eth.exceptions)[opcode])
    theirs = _Recorder(stack, gas, code, data).after(PRAGUE_OPCODES[opcode])
    assert ours == theirs


_BORDERS = (0, 1, 2, 31, 32, 33, 64, 255, 256, 2**255 - 1, 2**255, 2**256 - 1)


def test_every_fast_opcode_is_compared_with_many_operands_and_full_stacks() -> None:
    load()
    import eth.exceptions
    from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

    for opcode, function in fast_opcodes(eth.exceptions).items():
        random = Random(opcode)
        for _ in range(40):
            code = bytes([opcode]) + random.randbytes(40)
            words = [
                random.choice((random.choice(_BORDERS), random.getrandbits(256),
                               random.randbytes(random.randrange(33))))
                for _ in range(18)
            ]
            data = random.randbytes(random.randrange(70))
            ours = _Recorder(words, 10_000, code, data).after(function)
            theirs = _Recorder(words, 10_000, code, data).after(PRAGUE_OPCODES[opcode])
            assert ours == theirs, (hex(opcode), words[-2:])
        for depth in (1023, 1024):
            code = bytes([opcode]) + bytes(33)
            stack: list[int | bytes] = [3] * depth
            ours = _Recorder(stack, 10_000, code, b"").after(function)
            theirs = _Recorder(stack, 10_000, code, b"").after(PRAGUE_OPCODES[opcode])
            assert ours == theirs, (hex(opcode), depth)


@given(st.lists(st.sampled_from([0x5B, 0x60, 0x61, 0x7F, 0x00]), max_size=80).map(bytes))
@settings(max_examples=100, deadline=None)
def test_jump_destinations_are_those_of_py_evm(code: bytes) -> None:
    load()
    from eth.vm.code_stream import CodeStream

    stream = CodeStream(code)
    assert jump_destinations(code) == {
        i for i in range(len(code)) if code[i] == 0x5B and stream.is_valid_opcode(i)
    }


# The state against py-evm's -----------------------------------------------------------------------

_addresses = st.sampled_from([HERE, THERE])
_slots = st.integers(0, 2)
_operations = st.one_of(
    st.tuples(st.just("set_storage"), _addresses, _slots, st.integers(0, 2)),
    st.tuples(st.just("set_balance"), _addresses, st.integers(0, 2)),
    st.tuples(st.just("set_nonce"), _addresses, st.integers(0, 2)),
    st.tuples(st.just("increment_nonce"), _addresses),
    st.tuples(st.just("set_code"), _addresses, st.sampled_from([b"", b"\0", b"\1"])),
    st.tuples(st.just("touch_account"), _addresses),
    st.tuples(st.just("delete_storage"), _addresses),
    st.tuples(st.just("mark_address_warm"), _addresses),
    st.tuples(st.just("mark_storage_warm"), _addresses, _slots),
    st.tuples(st.just("record")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("discard")),
)


@given(st.lists(_operations, max_size=40), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_journal_holds_what_py_evms_account_database_holds(
    operations: list[tuple[Any, ...]], inhabited: bool
) -> None:
    load()
    from eth.constants import BLANK_ROOT_HASH
    from eth.db.account import AccountDB
    from eth.db.atomic import AtomicDB

    account = Account(balance=5, nonce=1, code=b"\xfe", storage={0: 7, 1: 8})
    ours = JournaledAccounts(World({HERE: account} if inhabited else {}))
    theirs = AccountDB(AtomicDB(), BLANK_ROOT_HASH)
    if inhabited:
        theirs.set_balance(HERE, 5)
        theirs.set_nonce(HERE, 1)
        theirs.set_code(HERE, b"\xfe")
        theirs.set_storage(HERE, 0, 7)
        theirs.set_storage(HERE, 1, 8)
        theirs.lock_changes()
        theirs.make_state_root()
        theirs.persist()
    marks: list[tuple[Any, Any]] = []
    for name, *arguments in operations:
        if name == "record":
            marks.append((ours.record(), theirs.record()))
        elif name in ("commit", "discard"):
            if marks:
                mine, other = marks.pop()
                getattr(ours, name)(mine)
                getattr(theirs, name)(other)
        elif name != "delete_storage" or not marks:
            # py-evm itself does not bring back storage that was deleted after a checkpoint.
            getattr(ours, name)(*arguments)
            getattr(theirs, name)(*arguments)
    for address in (HERE, THERE):
        for question in ("get_balance", "get_nonce", "get_code", "get_code_hash",
                         "account_exists", "account_is_empty", "account_has_code_or_nonce",
                         "is_address_warm"):
            assert getattr(ours, question)(address) == getattr(theirs, question)(address), question
        for slot in range(3):
            assert ours.get_storage(address, slot) == theirs.get_storage(address, slot)
            assert ours.is_storage_warm(address, slot) == theirs.is_storage_warm(address, slot)


# What executions do -------------------------------------------------------------------------------


def test_original_storage_is_that_before_the_run() -> None:
    # EIP-2200: resetting a slot to its original value within a run refunds the reset.
    run = check(
        "PUSH 1\n PUSH 0\n SSTORE\n PUSH 5\n PUSH 0\n SSTORE\n STOP", "success",
        accounts={HERE: Account(storage={0: 5})},
    )
    assert run.refund == 2800
    assert run.storage == ()


def test_what_a_reverted_call_did_is_undone() -> None:
    callee = assemble_text(
        "PUSH 9\n PUSH 0\n SSTORE\n PUSH 9\n PUSH 0\n TSTORE\n PUSH 0\n PUSH 0\n LOG0\n"
        "PUSH 0\n PUSH 0\n REVERT"
    )
    run = check(
        f"PUSH 0\n DUP1\n DUP1\n DUP1\n PUSH 1\n PUSH20 {int.from_bytes(THERE, 'big'):#x}\n GAS\n"
        f"CALL\n {RETURN_TOP}", "success", 0,
        accounts={THERE: Account(balance=2, code=callee.bytecode)},
    )
    assert (run.storage, run.transient, run.logs, run.balances) == ((), (), (), ())
    (call,) = run.calls
    assert (call.kind, call.success, call.value, call.depth) == ("CALL", False, 1, 1)
    assert call.address == THERE


def test_a_created_contract_is_reported_with_its_code() -> None:
    # Init code that returns one byte, 0x00.
    run = check(
        "PUSH5 0x60016000f3\n PUSH 0\n MSTORE\n PUSH 5\n PUSH 27\n PUSH 0\n CREATE\n"
        + RETURN_TOP, "success",
    )
    assert [run.codes[address] for address in run.created] == [b"\0"]
    assert run.output[12:] == run.created[0]
    assert run.calls[0].kind == "CREATE"


@pytest.mark.parametrize(
    ("source", "error", "limits"),
    [
        ("again:\n PUSH again\n JUMP", "time limit reached: 0.05 s", Limits(seconds=0.05)),
        (
            "PUSH1 1\n PUSH4 0x4000000\n MSTORE8\n STOP",
            "memory limit reached: 67,108,896 bytes, 67,108,864 are allowed", Limits(),
        ),
        (
            "PUSH4 0x6400000\n PUSH 0\n RETURN",
            "memory limit reached: 104,857,600 bytes, 67,108,864 are allowed", Limits(),
        ),
        (
            "PUSH4 0x900000\n PUSH 0\n RETURN",
            "return data limit reached: 9,437,184 bytes, 8,388,608 are allowed", Limits(),
        ),
        (
            "again:\n PUSH 0\n PUSH 0\n LOG0\n PUSH again\n JUMP",
            "log limit reached: 1,000 logs are allowed", Limits(logs=1000),
        ),
        (
            "again:\n PUSH2 0x8000\n PUSH 0\n LOG0\n PUSH again\n JUMP",
            "log limit reached: 16,777,216 bytes of log data are allowed", Limits(),
        ),
        (
            "again:\n PUSH 0\n DUP1\n DUP1\n DUP1\n DUP1\n PUSH 4\n GAS\n CALL\n POP\n"
            "PUSH again\n JUMP",
            "call limit reached: 500 calls are allowed", Limits(calls=500),
        ),
    ],
)
def test_a_greedy_program_meets_a_limit_that_says_so(
    source: str, error: str, limits: Limits
) -> None:
    check(source, "limit", error=error, limits=limits, gas=10**15)


def test_calls_nest_to_the_depth_of_the_evm() -> None:
    # Calls itself until the depth limit, and counts: 1024 levels below the first.
    run = check(
        "PUSH 0\n DUP1\n DUP1\n DUP1\n DUP1\n ADDRESS\n GAS\n CALL\n POP\n"
        "PUSH 0\n SLOAD\n PUSH 1\n ADD\n PUSH 0\n SSTORE\n STOP", "success", gas=10**15,
    )
    assert [change.after for change in run.storage] == [1025]


def test_logs_and_refunds_of_deep_calls_are_gathered() -> None:
    run = check(
        "PUSH 0\n DUP1\n LOG0\n PUSH 0\n DUP1\n DUP1\n DUP1\n DUP1\n ADDRESS\n GAS\n CALL\n STOP",
        "success", gas=10**15,
    )
    assert len(run.logs) == 1025
    assert [call.depth for call in run.calls] == list(range(1, 1025))


def test_deleted_storage_comes_back_with_a_revert() -> None:
    accounts = JournaledAccounts(World({HERE: Account(storage={0: 7})}))
    checkpoint = accounts.record()
    accounts.set_storage(HERE, 1, 5)
    accounts.delete_account(HERE)
    assert [accounts.get_storage(HERE, slot) for slot in (0, 1)] == [0, 0]
    accounts.discard(checkpoint)
    assert [accounts.get_storage(HERE, slot) for slot in (0, 1)] == [7, 0]
    assert accounts.account_exists(HERE)


def test_memory_is_counted_over_nested_frames_and_given_back() -> None:
    # Each level takes 1 MiB: about 60 levels fit the limit, 1024 do not.
    source = (
        "PUSH1 1\n PUSH3 0x0fffff\n MSTORE8\n"
        "PUSH 0\n DUP1\n DUP1\n DUP1\n DUP1\n ADDRESS\n GAS\n CALL\n STOP"
    )
    run = check(
        source, "limit", gas=10**15,
        error="memory limit reached: 68,157,440 bytes, 67,108,864 are allowed",
    )
    assert 60 <= len(run.calls) <= 70
    # One after the other, the same calls fit.
    callee = assemble_text("PUSH1 1\n PUSH3 0x0fffff\n MSTORE8\n STOP").bytecode
    check(
        "PUSH 200\n again:\n PUSH 0\n DUP1\n DUP1\n DUP1\n DUP1\n"
        f"PUSH20 {int.from_bytes(THERE, 'big'):#x}\n GAS\n CALL\n POP\n"
        "PUSH 1\n SWAP1\n SUB\n DUP1\n PUSH again\n JUMPI\n STOP",
        "success", accounts={THERE: Account(code=callee)}, gas=10**15,
    )


def test_code_that_is_all_pushes_needs_no_recursion() -> None:
    code = b"\x60" * 100_001 + b"\x5b"
    run = execute(
        World({}), Message(HERE, b"\x62\x01\x86\xa6\x56" + code, gas=10**6), fork="prague"
    )
    assert run.outcome in ("success", "halt")


@pytest.mark.parametrize("fork", forks())
def test_every_fork_runs(fork: str) -> None:
    check("PUSH1 3\n PUSH1 4\n ADD\n PUSH1 0\n MSTORE\n PUSH1 32\n PUSH1 0\n RETURN", "success", 7,
          fork=fork)


def test_a_fork_lacks_the_opcodes_that_came_later() -> None:
    for fork, outcome in (("paris", "halt"), ("shanghai", "success")):
        run = execute(World({}), Message(HERE, b"\x5f"), fork=fork)
        assert run.outcome == outcome


def test_heavy_precompiles_are_imported_when_they_are_called() -> None:
    # ECADD of two points at infinity, and a BLS12-381 addition likewise.
    for address, size, result in ((6, 128, 64), (0x0B, 256, 128)):
        run = check(
            f"PUSH2 {result}\n PUSH 0\n PUSH2 {size}\n PUSH 0\n PUSH 0\n PUSH1 {address}\n GAS\n"
            f"CALL\n RETURNDATASIZE\n MUL\n {RETURN_TOP}", "success", result,
        )
        assert run.calls[0].success


def test_the_same_input_gives_the_same_output() -> None:
    source = "TIMESTAMP\n NUMBER\n PREVRANDAO\n PUSH2 200\n NUMBER\n SUB\n BLOCKHASH\n GASPRICE\n"
    source += "XOR\n XOR\n XOR\n XOR\n" + RETURN_TOP
    assert check(source, "success").output == check(source, "success").output
