"""Strict jump destinations: a JUMPDEST byte inside push data is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.conformance import WALLET, compare
from nvm_lsp.kernel.image import build
from nvm_lsp.runner.machine import Account, Message, World, execute

_STRICT = [
    {"profile": "table", "strict_jumpdest": True},
    {"profile": "threaded", "strict_jumpdest": True},
]


def check(code: bytes) -> None:
    """Both strict builds must run ``code`` as the native EVM does."""
    for options in _STRICT:
        differences = compare(code, build(**options))  # type: ignore[arg-type]
        assert not differences, f"{code.hex()} on {options}:\n" + "\n".join(differences)


def jump_over(data: bytes, destination: int, *, conditional: bool = False) -> bytes:
    """A jump to ``destination``, counted from the begin of ``data`` behind it."""
    if conditional:
        return b"\x60\x01\x61" + (6 + destination).to_bytes(2, "big") + b"\x57" + data
    return b"\x61" + (4 + destination).to_bytes(2, "big") + b"\x56" + data


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("size", range(1, 33))
def test_every_byte_of_push_data(size: int, conditional: bool) -> None:
    """No byte of a push's data is a destination, and the one behind it is, close to the code's
    begin and far from it."""
    for padding in (0, 40):
        data = bytes(padding) + bytes([0x5F + size]) + b"\x5b" * size + b"\x5b\x00"
        for place in range(size + 2):
            check(jump_over(data, padding + place, conditional=conditional))


@settings(max_examples=300, deadline=None)
@given(
    data=st.lists(
        st.one_of(st.sampled_from([0x5B, 0x5B, 0x60, 0x61, 0x7E, 0x7F]), st.integers(0x58, 0x82)),
        max_size=90,
    ),
    place=st.integers(0, 95),
    conditional=st.booleans(),
)
def test_jumps_into_random_pushes(data: list[int], place: int, conditional: bool) -> None:
    # What follows a good jump is no matter here, as long as it ends: the native run tells.
    code = [byte if byte not in (0x5A,) else 0x5B for byte in data]
    check(jump_over(bytes(code) + b"\x00" * 33, place, conditional=conditional))


def test_backwards_jumps() -> None:
    """A jump back walks from offset 0."""
    for place in (0, 2, 3, 4, 5):
        # 5b, then a push of 5b bytes, then once only back to `place`.
        code = b"\x5b\x60\x01\x5b\x61\x5b\x5b\x50\x50" + b"\x60\x05\x54\x15"
        code += b"\x60" + bytes([place]) + b"\x57\x00"
        check(code)


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_the_default_build_accepts_them(profile: str) -> None:
    kernel = build(profile=profile)
    code = jump_over(b"\x60\x5b\x00", 1)
    world = World({WALLET: Account(nonce=1)})
    end = execute(
        world,
        Message(to=WALLET, code=kernel.runtime, code_address=kernel.address, data=code),
    )
    assert end.outcome == "success"
