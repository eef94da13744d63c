"""The kernel as a contract: layout, handlers, sizes, deployment."""

from __future__ import annotations

import pytest

from benchmarks.conformance import WALLET
from benchmarks.kernel_gas import every_build
from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.kernel.image import PROXY, SALT, Build, build, image, sources
from nvm_lsp.opcodes import FORKS, OPCODES
from nvm_lsp.runner.machine import Account, Execution, Message, World, execute

#: The runtime code of the deterministic deployment proxy.
_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0360160008160208237803582"
    "8234f58015156039578182fd5b8082525050506014600cf3"
)
_THREE_PLUS_FOUR = bytes.fromhex("600360040160005260ff6000f3")
_ALL = [chosen for chosen in every_build() if chosen.fork in ("paris", "prague", "osaka")]


def run(kernel_code: bytes, guest: bytes, *, at: bytes, to: bytes) -> Execution:
    world = World({to: Account(balance=1, nonce=1, code=b"\0")})
    return execute(world, Message(to=to, code=kernel_code, code_address=at, data=guest))


@pytest.mark.parametrize("chosen", _ALL, ids=str)
def test_size_is_within_the_limit(chosen: Build) -> None:
    assert len(image(chosen).runtime) < 24_576


@pytest.mark.parametrize("chosen", _ALL, ids=str)
def test_every_opcode_of_the_fork_has_a_handler(chosen: Build) -> None:
    kernel = image(chosen)
    served = set(kernel.handlers.values())
    limit = FORKS[chosen.fork].index
    assert served == {row.code for row in OPCODES.values() if FORKS[row.since].index <= limit}
    for pc in kernel.handlers:
        assert kernel.runtime[pc] == 0x5B


@pytest.mark.parametrize("chosen", [b for b in _ALL if b.profile == "threaded"], ids=str)
def test_bad_jumps_of_the_threaded_profile_find_no_jumpdest(chosen: Build) -> None:
    """They go to multiples of 64 behind the slots; see jump_to in flow.easm."""
    kernel = image(chosen)
    instructions = {op.pc: op.code for op in kernel.assembly.operations}
    for pc in range(0x4000, len(kernel.runtime), 64):
        assert instructions.get(pc) != 0x5B, f"a JUMPDEST stands at {pc:#x}: use %between_slots"
    for opcode in range(256):
        if opcode not in {row.code for row in OPCODES.values()}:
            assert instructions.get(opcode << 6) != 0x5B


def test_layout_is_the_specification_s() -> None:
    plain, verifying = build().layout, build(verifier=True).layout
    assert (plain.pointer, plain.jump_table, plain.console, plain.base) == (0, 0x20, 0x220, 0x340)
    assert (verifying.verdict, verifying.question, verifying.base) == (0x220, 0x240, 0x460)
    assert build(profile="threaded").layout.base == plain.base


def test_jump_table_holds_the_handlers() -> None:
    kernel = build()
    end = run(kernel.runtime, b"", at=kernel.address, to=WALLET)
    table = end.memory[kernel.layout.jump_table : kernel.layout.jump_table + 0x200]
    entries = [int.from_bytes(table[i : i + 2], "big") for i in range(0, 0x200, 2)]
    assert {pc: opcode for opcode, pc in enumerate(entries) if pc} == dict(kernel.handlers)


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_vector_of_the_specification(profile: str) -> None:
    kernel = build(profile=profile)
    for to in (WALLET, kernel.address):
        end = run(kernel.runtime, _THREE_PLUS_FOUR, at=kernel.address, to=to)
        assert end.outcome == "success"
        assert end.output == (7).to_bytes(32, "big") + bytes(223)


@pytest.mark.parametrize("chosen", _ALL[::7], ids=str)
def test_deploys_through_the_proxy_to_its_address(chosen: Build) -> None:
    kernel = image(chosen)
    world = World({PROXY: Account(nonce=1, code=_PROXY_CODE)})
    end = execute(
        world,
        Message(to=PROXY, code=_PROXY_CODE, data=SALT + kernel.creation, gas=30_000_000),
        fork=chosen.fork,
    )
    assert end.outcome == "success", end.error
    assert end.output == kernel.address
    assert end.codes[kernel.address] == kernel.runtime


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_delegatecall_only_refuses_to_run_as_itself(profile: str) -> None:
    kernel = build(profile=profile, delegatecall_only=True)
    as_itself = run(kernel.runtime, _THREE_PLUS_FOUR, at=kernel.address, to=kernel.address)
    assert as_itself.outcome == "revert"
    assert as_itself.output == keccak256(b"OnlyDelegateCall()")[:4]
    as_wallet = run(kernel.runtime, _THREE_PLUS_FOUR, at=kernel.address, to=WALLET)
    assert as_wallet.outcome == "success"


@pytest.mark.parametrize("profile", ["table", "threaded"])
@pytest.mark.parametrize("opcode", ["CALLCODE", "SELFDESTRUCT"])
def test_refused_opcodes_revert(opcode: str, profile: str) -> None:
    kernel = build(profile=profile)
    code = b"\x60\x00" * 7 + bytes([OPCODES[opcode].code])
    end = run(kernel.runtime, code, at=kernel.address, to=WALLET)
    assert (end.outcome, end.output) == ("revert", b"")


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_gas_is_the_host_s(profile: str) -> None:
    kernel = build(profile=profile)
    end = run(kernel.runtime, b"\x5a", at=kernel.address, to=WALLET)
    # What remains after GAS itself: less than the whole, more than after what the run took.
    given = Message(to=WALLET, code=b"").gas
    assert given - end.gas_used < end.stack[0] < given - 2


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_a_guest_may_run_a_guest_of_its_own(profile: str) -> None:
    kernel = build(profile=profile)
    inner = int.from_bytes(_THREE_PLUS_FOUR.ljust(32, b"\0"), "big")
    outer = assemble_text(
        f"""
        PUSH32 {inner:#066x}
        PUSH 0
        MSTORE
        PUSH 32
        PUSH 0
        PUSH {len(_THREE_PLUS_FOUR)}
        PUSH 0
        PUSH 0x{kernel.address.hex()}
        GAS
        DELEGATECALL
        PUSH 32
        PUSH 0
        RETURN
        """
    ).bytecode
    world = World(
        {
            WALLET: Account(nonce=1),
            kernel.address: Account(nonce=1, code=kernel.runtime),
        }
    )
    end = execute(
        world, Message(to=WALLET, code=kernel.runtime, code_address=kernel.address, data=outer),
    )
    assert end.output == (7).to_bytes(32, "big")


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_usable_depth_of_the_stack_is_1021(profile: str) -> None:
    kernel = build(profile=profile)
    deepest = run(kernel.runtime, b"\x5f" * 1021 + b"\x50\x58", at=kernel.address, to=WALLET)
    assert deepest.outcome == "success"
    assert len(deepest.stack) >= 1021
    deeper = run(kernel.runtime, b"\x5f" * 1022 + b"\x50\x58", at=kernel.address, to=WALLET)
    assert deeper.error == "stack overflow"


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_guest_code_may_exceed_the_size_limit_of_contracts(profile: str) -> None:
    kernel = build(profile=profile)
    tail = bytes.fromhex("5b586000525960" + "00f3")
    far = 30_000
    code = b"\x61" + far.to_bytes(2, "big") + b"\x56"
    code = code.ljust(far, b"\0") + tail
    end = run(kernel.runtime, code, at=kernel.address, to=WALLET)
    assert end.output == (far + 1).to_bytes(32, "big")


def test_sources_are_the_files_that_are_included() -> None:
    assert {"nestedvm.easm", "layout.easm", "creation.easm"} <= set(sources())
