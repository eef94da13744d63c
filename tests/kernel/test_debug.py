"""The debug build: what a run says by console.log, and that the guest does not notice."""

from __future__ import annotations

import pytest
from eth_abi import decode

from benchmarks.conformance import WALLET, compare
from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.kernel.image import build
from nvm_lsp.runner.machine import Account, Message, World, execute

_CONSOLE = bytes.fromhex("000000000000000000636f6e736f6c652e6c6f67")
_ENDS = [
    ("STOP", "NestedVM stops at pc:", 0),
    ("PUSH 1\nPUSH 0\nRETURN", "NestedVM returns at pc:", None),
    ("PUSH 1\nPUSH 0\nREVERT", "NestedVM reverts at pc:", None),
    ("INVALID", "NestedVM, undefined op at pc:", 0),
    ("PUSH1 0x77\nJUMP", "NestedVM, bad jump to:", 0x77),
    ("PUSH 0\nSELFDESTRUCT", "NestedVM refuses opcode at pc:", None),
]


def said(source: str, **options: object) -> list[object]:
    """What the debug build logs while it runs a guest: texts and numbers, in order."""
    kernel = build(debug=True, **options)  # type: ignore[arg-type]
    code = assemble_text(source, fork=kernel.build.fork).bytecode
    end = execute(
        World({WALLET: Account(nonce=1)}),
        Message(to=WALLET, code=kernel.runtime, code_address=kernel.address, data=code),
        fork=kernel.build.fork,
    )
    words: list[object] = []
    for call in end.calls:
        assert (call.kind, call.code_address) == ("STATICCALL", _CONSOLE)
        if call.data[:4] == keccak256(b"log(string)")[:4] == bytes.fromhex("41304fac"):
            words.append(decode(["string"], call.data[4:])[0].strip())
        else:
            assert call.data[:4] == bytes.fromhex("f82c50f1")
            words.append(decode(["uint256"], call.data[4:])[0])
    return words


@pytest.mark.parametrize("fork", ["paris", "prague"])
@pytest.mark.parametrize("profile", ["table", "threaded"])
@pytest.mark.parametrize(("source", "text", "number"), _ENDS)
def test_begin_and_end_are_said(
    source: str, text: str, number: int | None, profile: str, fork: str
) -> None:
    code = assemble_text(source, fork=fork).bytecode
    last = len(code) - 1 if number is None else number
    for verifier in (False, True):
        assert said(source, profile=profile, fork=fork, verifier=verifier) == [
            "NestedVM begins, bytes of code:", len(code), text, last,
        ]


def test_the_end_of_the_code_is_a_stop() -> None:
    assert said("PUSH1 1")[2:] == ["NestedVM stops at pc:", 2]


def test_the_table_build_says_what_is_undefined() -> None:
    assert said("%bytes 0x0c")[2:] == ["NestedVM, undefined op at pc:", 0]


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_the_guest_does_not_notice(profile: str) -> None:
    """Neither in its memory's size nor in the return data of its calls."""
    source = """
        PUSH 0
        PUSH 0
        PUSH 5
        PUSH 0
        PUSH 0
        PUSH 0xe0
        PUSH 5000
        CALL
        RETURNDATASIZE
        PUSH 0
        MSTORE
        MSIZE
        PUSH 0
        RETURN
    """
    code = assemble_text(source).bytecode
    for guest in (code, b"\x59\x5f\x52\x60\x20\x5f\xf3", b"\x3d\x5f\x52\x60\x20\x5f\xf3"):
        assert compare(guest, build(profile=profile, debug=True)) == []
