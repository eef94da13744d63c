"""The verifier build: what the verifier is shown, what its answers do, who may write the slots.

Each fault that the predecessor had has a test whose name begins with ``fault``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_abi import decode, encode

from nvm_lsp.assembler import assemble_file, assemble_text
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.kernel.image import build
from nvm_lsp.runner.machine import Account, Call, Execution, Message, World, execute

_VERIFIERS = Path(__file__).parents[2] / "examples" / "verifiers"
_SLOTS = {
    "verifier": 0x58A8A9223AF434080477CD2D1A2667ABA3CE9F1301007611A4D07A0AF708E65A,
    "lock": 0xDA8B995E2670B58D57272B2D0B50F8C7DE2A7E927B4B9B06444CD9E378D215FB,
    "owner": 0x240BB37AA812AD108AAE08A4B01536038AAC1692FA2F4EABBC4A8A540D93E0BE,
}
_WALLET = bytes.fromhex("3a11e70000000000000000000000000000000001")
_VERIFIER = bytes.fromhex("00000000000000000000000000000000000ac3e9")
_TARGET = bytes.fromhex("7a0170000000000000000000000000000000000a")
_TOKEN = bytes.fromhex("70ce000000000000000000000000000000000001")
_USER = bytes.fromhex("05e4000000000000000000000000000000000001")
_OWNER = bytes.fromhex("0e4e400000000000000000000000000000000001")
_STRANGER = bytes.fromhex("5742496e00000000000000000000000000000001")
_KINDS = {"CALL": 0xF1, "DELEGATECALL": 0xF4, "STATICCALL": 0xFA, "CREATE": 0xF0, "CREATE2": 0xF5}
_PROFILES = [("table", "prague"), ("threaded", "prague"), ("table", "paris"),
             ("threaded", "shanghai")]

ALLOW_ALL = (_VERIFIERS / "allow-all.easm").read_text(encoding="utf-8")
STOPS = "STOP"


def error(name: str) -> bytes:
    return keccak256(name.encode() + b"()")[:4]


def check(
    guest: str,
    outcome: str,
    *,
    output: bytes | None = None,
    verifier: str | bytes | None = ALLOW_ALL,
    target: str = STOPS,
    storage: dict[str, int] | None = None,
    sender: bytes = _OWNER,
    is_static: bool = False,
) -> list[Execution]:
    """Runs a guest on the verifier builds; the wallet has that verifier and those slots.

    ``verifier`` is the source or code of the verifier, None for a wallet without one.
    """
    runs = []
    for profile, fork in _PROFILES:
        kernel = build(profile=profile, fork=fork, verifier=True)
        slots = {_SLOTS[name]: value for name, value in (storage or {}).items()}
        accounts = {_TARGET: Account(nonce=1, code=assemble(target, fork))}
        if verifier is not None:
            slots.setdefault(_SLOTS["verifier"], int.from_bytes(_VERIFIER, "big"))
            accounts[_VERIFIER] = Account(nonce=1, code=assemble(verifier, fork))
        accounts[_WALLET] = Account(
            balance=1000, nonce=1, storage=slots,
            code=wallet_code(kernel.address, fork),
        )
        accounts[kernel.address] = Account(nonce=1, code=kernel.runtime)
        end = execute(
            World(accounts),
            Message(
                to=_WALLET, code=accounts[_WALLET].code, data=assemble(guest, fork),
                sender=sender, is_static=is_static,
            ),
            fork=fork,
        )
        where = f"on {profile} {fork}"
        assert end.outcome == outcome, f"{end.outcome} {end.error} {end.output.hex()} {where}"
        if output is not None:
            assert end.output == output, where
        runs.append(end)
    return runs


def assemble(source: str | bytes, fork: str) -> bytes:
    if isinstance(source, bytes):
        return source
    if "%include" in source:
        source = source.replace('"question.easm"', f'"{_VERIFIERS / "question.easm"}"')
    result = assemble_text(source, fork=fork)
    assert result.ok, [str(d) for d in result.diagnostics]
    return result.bytecode


def wallet_code(kernel: bytes, fork: str) -> bytes:
    """A wallet: plain ether is taken, all else is a guest for the kernel."""
    return assemble(
        f"""
        CALLDATASIZE
        PUSH guest
        JUMPI
        STOP
        guest:
        CALLDATASIZE
        PUSH 0
        PUSH 0
        CALLDATACOPY
        PUSH 0
        PUSH 0
        CALLDATASIZE
        PUSH 0
        PUSH 0x{kernel.hex()}
        GAS
        DELEGATECALL
        RETURNDATASIZE
        PUSH 0
        PUSH 0
        RETURNDATACOPY
        PUSH good
        JUMPI
        RETURNDATASIZE
        PUSH 0
        REVERT
        good:
        RETURNDATASIZE
        PUSH 0
        RETURN
        """,
        fork,
    )


def call(
    kind: str = "CALL", data: bytes = b"", *, to: bytes = _TARGET, value: int = 0,
    dirty: bool = False,
) -> str:
    """A guest's call with that data, which leaves success on the stack."""
    lines = []
    for place in range(0, len(data), 32):
        word = data[place : place + 32].ljust(32, b"\0")
        lines += [f"PUSH32 0x{word.hex()}", f"PUSH {place}", "MSTORE"]
    target = f"PUSH 0x{('ff' * 12 if dirty else '') + to.hex()}"
    if kind in ("CREATE", "CREATE2"):
        salt = ["PUSH 9"] if kind == "CREATE2" else []
        lines += [*salt, f"PUSH {len(data)}", "PUSH 0", f"PUSH {value}", kind]
    else:
        amount = [f"PUSH {value}"] if kind == "CALL" else []
        lines += ["PUSH 0", "PUSH 0", f"PUSH {len(data)}", "PUSH 0", *amount, target,
                  "PUSH 50000", kind]
    return "\n".join(lines) + "\n"


def questions(run: Execution) -> list[tuple[object, ...]]:
    """What the verifier was asked: opcode, target, value, data, truncated."""
    asked = []
    for shown in asking_calls(run):
        assert shown.data[:4] == bytes.fromhex("1c8eb044")
        types = ["uint8", "address", "uint256", "bytes", "bool"]
        values = decode(types, shown.data[4:])
        assert shown.data[4:] == encode(types, values), "the encoding is not the canonical one"
        asked.append(values)
    return asked


def asking_calls(run: Execution) -> list[Call]:
    return [made for made in run.calls if made.code_address == _VERIFIER]


def address(value: bytes) -> str:
    return "0x" + value.hex()


# What the verifier is shown ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["CALL", "DELEGATECALL", "STATICCALL"])
def test_calls_are_shown(kind: str) -> None:
    value = 5 if kind == "CALL" else 0
    for run in check(call(kind, b"some data", value=value), "success"):
        assert questions(run) == [(_KINDS[kind], address(_TARGET), value, b"some data", False)]


def test_fault_2_delegatecall_is_told_apart_from_staticcall() -> None:
    only_static = verifier_that_wants(0x04, 0xFA)
    check(call("STATICCALL"), "success", verifier=only_static)
    check(call("DELEGATECALL"), "revert", verifier=only_static, output=error("CallRefused"))


@pytest.mark.parametrize("kind", ["CREATE", "CREATE2"])
def test_fault_6_creations_are_shown(kind: str) -> None:
    init = bytes.fromhex("60016000f3")
    for run in check(call(kind, init, value=3), "success"):
        assert questions(run) == [(_KINDS[kind], "0x" + "00" * 20, 3, init, False)]
    check(call(kind, init), "revert", verifier="STOP", output=error("CallRefused"))


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 0x13F, 0x140, 0x141, 0x200])
def test_data_are_cut_off(size: int) -> None:
    data = bytes(range(1, 251)) * 3
    for run in check(call("CALL", data[:size]), "success"):
        ((_, _, _, shown, truncated),) = questions(run)
        assert shown == data[: min(size, 0x140)]
        assert truncated == (size > 0x140)


def test_fault_7_bytes_past_the_length_do_not_leak() -> None:
    """Neither guest memory behind the data, nor the data of a call before."""
    guest = call("CALL", b"\xff" * 0x140) + call("CALL", b"")
    guest += "PUSH32 0x" + "ee" * 32 + "\nPUSH 0\nMSTORE\n"
    guest += "PUSH 0\nPUSH 0\nPUSH 5\nPUSH 0\nPUSH 0\nPUSH 0x" + _TARGET.hex()
    guest += "\nPUSH 50000\nCALL\n"
    for run in check(guest, "success"):
        shown = [asked[3] for asked in questions(run)]  # canonical, so zero-padded
        assert shown == [b"\xff" * 0x140, b"", b"\xee" * 5]


def test_upper_bits_of_the_target_are_not_shown() -> None:
    for run in check(call(dirty=True), "success"):
        assert questions(run)[0][1] == address(_TARGET)


@pytest.mark.parametrize("kind", ["CALL", "STATICCALL", "DELEGATECALL"])
def test_huge_ranges_of_no_size_are_legal(kind: str) -> None:
    huge = f"PUSH 0\nPUSH {2**256 - 1}\n" * 2
    value = "PUSH 0\n" if kind == "CALL" else ""
    guest = f"{huge}{value}PUSH 0x{_TARGET.hex()}\nPUSH 50000\n{kind}"
    check(guest, "success")


# What its answers do ----------------------------------------------------------------------------


def answer(word: int | str, size: int = 32) -> str:
    return f"PUSH {word}\nPUSH 0\nMSTORE\nPUSH {size}\nPUSH 0\nRETURN"


def verifier_that_wants(place: int, value: int) -> str:
    return f"PUSH {place}\nCALLDATALOAD\nPUSH {value}\nEQ\n" + answer(0).split("\n", 1)[1]


def test_no_verifier_refuses() -> None:
    for kind in _KINDS:
        check(call(kind), "revert", verifier=None, output=error("CallRefused"))
    check("PUSH 1\nPUSH 0\nSSTORE", "success", verifier=None)


def test_fault_3_a_verifier_without_code_refuses() -> None:
    check(call(), "revert", verifier=b"", output=error("CallRefused"))
    # A precompile answers with something, too.
    check(call(), "revert", storage={"verifier": 4}, output=error("CallRefused"))


def test_fault_4_an_approval_is_for_one_call_only() -> None:
    """A verifier that approves once and then answers nothing, or too little, refuses."""
    once = "PUSH 0x44\nCALLDATALOAD\nPUSH silent\nJUMPI\n" + answer(1) + "\nsilent:\n"
    for end in ("STOP", answer(1, 31), answer(1, 0)):
        check(
            call() + call(value=1), "revert", verifier=once + end, output=error("CallRefused")
        )


@pytest.mark.parametrize("word", [0, 2, 3, 2**255 + 1, 2**256 - 1])
def test_fault_5_every_bit_of_the_result_counts(word: int) -> None:
    check(call(), "revert", verifier=answer(word), output=error("CallRefused"))


def test_a_verifier_that_fails_refuses() -> None:
    for failing in ("INVALID", answer(1).replace("RETURN", "REVERT")):
        check(call(), "revert", verifier=failing, output=error("CallRefused"))


def test_the_verifier_cannot_change_the_state() -> None:
    check(call(), "revert", verifier="PUSH 1\nPUSH 1\nSSTORE\n" + answer(1))


def test_return_data_are_those_of_the_call() -> None:
    guest = call() + "RETURNDATASIZE\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN"
    check(guest, "success", target="PUSH 7\nPUSH 0\nRETURN", output=(7).to_bytes(32, "big"))
    check(guest, "success", target="STOP", output=bytes(32))


# The slots --------------------------------------------------------------------------------------


def store(name: str, value: int) -> str:
    return f"PUSH {value}\nPUSH32 {_SLOTS[name]:#x}\nSSTORE\n"


def test_fault_1_only_the_owner_writes_owner_and_verifier() -> None:
    """Whatever the slots hold, and whatever is written."""
    owned = {"owner": int.from_bytes(_OWNER, "big")}
    for name in ("owner", "verifier"):
        for value in (0, 1, int.from_bytes(_STRANGER, "big"), _SLOTS[name]):
            check(store(name, value), "revert", storage=owned, sender=_STRANGER,
                  output=error("SlotGuarded"))
            for run in check(store(name, value), "success", storage=owned, sender=_OWNER):
                assert {change.slot: change.after for change in run.storage} in (
                    {_SLOTS[name]: value}, {},
                )
        # A slot that holds the number of a guarded one is no guarded slot.
        check(f"PUSH {_SLOTS[name]}\nPUSH 3\nSSTORE\nPUSH 1\nPUSH 3\nSSTORE", "success",
              storage=owned, sender=_STRANGER)


def test_fault_8_the_owner_stands_in_the_wallet_s_storage() -> None:
    """Who sets the first verifier becomes the owner, and nobody else is from then on."""
    guest = store("verifier", int.from_bytes(_VERIFIER, "big")) + call()
    for run in check(guest, "revert", verifier=None, sender=_OWNER):
        assert run.output == error("CallRefused")  # as there is no code at the verifier's address
    for run in check(store("verifier", 77), "success", verifier=None, sender=_OWNER):
        assert [(c.address, c.slot, c.after) for c in run.storage] == [
            (_WALLET, _SLOTS["owner"], int.from_bytes(_OWNER, "big")),
            (_WALLET, _SLOTS["verifier"], 77),
        ]
    check(store("verifier", 78), "revert", sender=_STRANGER, output=error("SlotGuarded"),
          storage={"verifier": 77, "owner": int.from_bytes(_OWNER, "big")})


def test_a_verifier_without_owner_is_fixed() -> None:
    for name in ("owner", "verifier"):
        check(store(name, 1), "revert", output=error("SlotGuarded"))


def test_the_first_owner_can_be_named() -> None:
    stranger = int.from_bytes(_STRANGER, "big")
    for run in check(store("owner", stranger), "success", verifier=None, sender=_OWNER):
        assert [(c.slot, c.after) for c in run.storage] == [(_SLOTS["owner"], stranger)]


def test_fault_9_the_lock_is_used() -> None:
    """While a call is out, the wallet runs no other guest."""
    reenters = f"""
        PUSH 0x{'5f' * 1}
        PUSH 0
        MSTORE8
        PUSH 32
        PUSH 0
        PUSH 1
        PUSH 0
        PUSH 0
        PUSH 0x{_WALLET.hex()}
        GAS
        CALL
        RETURNDATASIZE
        PUSH 0
        PUSH 0
        RETURNDATACOPY
        RETURNDATASIZE
        PUSH 0
        RETURN
    """
    copy = "RETURNDATASIZE\nPUSH 0\nPUSH 0\nRETURNDATACOPY\nRETURNDATASIZE\nPUSH 0\nRETURN"
    for run in check(call("CALL", b"", value=0).replace("50000", "500000") + copy, "success",
                     target=reenters):
        assert run.output == error("Reentered")
        assert not [change for change in run.storage if change.slot == _SLOTS["lock"]], (
            "the lock must be free again when the guest ends"
        )
    check("STOP", "revert", storage={"lock": 1}, output=error("Reentered"))


@pytest.mark.parametrize("kind", ["CALL", "DELEGATECALL", "CREATE", "CREATE2"])
def test_the_lock_is_taken_and_freed(kind: str) -> None:
    for end in ("", "STOP", "PUSH 0\nPUSH 0\nRETURN"):
        for run in check(call(kind) + end, "success"):
            assert not [change for change in run.storage if change.slot == _SLOTS["lock"]]


def test_guests_cannot_write_the_lock() -> None:
    for value in (0, 1):
        check(store("lock", value), "revert", output=error("SlotGuarded"),
              storage={"owner": int.from_bytes(_OWNER, "big")})


def test_static_runs_may_make_static_calls() -> None:
    check(call("STATICCALL"), "success", is_static=True)


# The examples -----------------------------------------------------------------------------------


def example(name: str) -> str:
    result = assemble_file(str(_VERIFIERS / f"{name}.easm"))
    assert result.ok  # type: ignore[union-attr]
    return (_VERIFIERS / f"{name}.easm").read_text(encoding="utf-8")


def test_example_allow_all() -> None:
    for kind in _KINDS:
        check(call(kind, b"\x00"), "success", verifier=example("allow-all"))


def test_example_allow_one_contract() -> None:
    verifier = example("allow-one-contract")
    check(call("CALL", b"x"), "success", verifier=verifier)
    check(call("STATICCALL"), "success", verifier=verifier)
    for refused in (call(to=_USER), call(value=1), call("DELEGATECALL"), call("CREATE", b"\0"),
                    call("CREATE2", b"\0")):
        check(refused, "revert", verifier=verifier, output=error("CallRefused"))


def test_example_allow_transfers_to_one_user() -> None:
    verifier = example("allow-transfers-to-one-user")
    transfer = keccak256(b"transfer(address,uint256)")[:4]
    good = transfer + encode(["address", "uint256"], [_USER, 10])
    check(call("CALL", good, to=_TOKEN), "success", verifier=verifier)
    approve = keccak256(b"approve(address,uint256)")[:4]
    for refused in (
        call("CALL", good), call("STATICCALL", good, to=_TOKEN), call("CALL", good[:-1], to=_TOKEN),
        call("CALL", good + b"\0", to=_TOKEN), call("CALL", good, to=_TOKEN, value=1),
        call("CALL", approve + good[4:], to=_TOKEN),
        call("CALL", transfer + encode(["address", "uint256"], [_OWNER, 10]), to=_TOKEN),
        call("CALL", transfer + b"\1" + good[5:], to=_TOKEN),
        call("CALL", good + bytes(0x140), to=_TOKEN),
    ):
        check(refused, "revert", verifier=verifier, output=error("CallRefused"))


@pytest.mark.parametrize("name", ["pay-user", "pay-stranger"])
def test_example_guests_meet_their_expectations(nvm, name: str) -> None:
    done = nvm("test", str(_VERIFIERS / f"{name}.easm"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout
