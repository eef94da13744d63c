"""Osaka, which py-evm does not know: its opcode, precompiles and limits, as a plugin defines them.

Osaka changes a guest's world by CLZ (EIP-7939), P256VERIFY (EIP-7951), the bounds and the price of
MODEXP (EIP-7823, EIP-7883), and the most gas that a transaction may take (EIP-7825). What else
came with it is the affair of blocks and of nodes, which a run has none of.
"""

from __future__ import annotations

from collections.abc import Iterable

from nvm_lsp.chain import ForkEntry, OpcodeEntry, Precompile, pure
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.opcodes import Opcode

__all__ = ["nvm_lsp_forks", "nvm_lsp_opcodes"]


@hookimpl
def nvm_lsp_forks() -> Iterable[ForkEntry]:
    return [
        ForkEntry(
            "osaka", "prague", 2025,
            "CLZ (EIP-7939), P256VERIFY (EIP-7951), MODEXP bounded and repriced (EIP-7823, "
            "EIP-7883), at most 16777216 gas a transaction (EIP-7825).",
            precompiles=(
                Precompile(_address(0x05), "MODEXP", _modexp_gas, _modexp),
                Precompile(_address(0x100), "P256VERIFY", lambda data: 6900, _p256_verify),
            ),
            mainline=True,
            transaction_gas=2**24,
        )
    ]


@hookimpl
def nvm_lsp_opcodes() -> Iterable[OpcodeEntry]:
    return [
        OpcodeEntry(
            Opcode(
                0x1E, "CLZ", ("x",), ("leading zeros",), 5, "osaka",
                "Number of leading zero bits of x, 256 if x is 0 (EIP-7939).",
                group="comparison and bits",
            ),
            pure(lambda x: 256 - x.bit_length()),
            on_kernel=True,
        )
    ]


def _address(number: int) -> bytes:
    return number.to_bytes(20, "big")


# MODEXP -------------------------------------------------------------------------------------------

#: Bytes that each of base, exponent and modulus may have (EIP-7823).
_MODEXP_SIZE = 1024


def _modexp_parts(data: bytes) -> tuple[int, int, int, bytes]:
    """Sizes of base, exponent and modulus, and what follows them."""
    head = data[:96].ljust(96, b"\0")
    base, exponent, modulus = (int.from_bytes(head[i : i + 32], "big") for i in (0, 32, 64))
    return base, exponent, modulus, data[96:]


def _modexp_gas(data: bytes) -> int:
    base_size, exponent_size, modulus_size, body = _modexp_parts(data)
    largest = max(base_size, modulus_size)
    complexity = 16 if largest <= 32 else 2 * ((largest + 7) // 8) ** 2
    head = _slice(body, base_size, min(exponent_size, 32))
    iterations = max(int.from_bytes(head, "big").bit_length() - 1, 0)
    iterations += 16 * max(exponent_size - 32, 0)
    return max(500, complexity * max(iterations, 1))


def _modexp(data: bytes) -> bytes | None:
    base_size, exponent_size, modulus_size, body = _modexp_parts(data)
    if max(base_size, exponent_size, modulus_size) > _MODEXP_SIZE:
        return None
    base, exponent, modulus = (
        int.from_bytes(_slice(body, start, size), "big")
        for start, size in (
            (0, base_size), (base_size, exponent_size), (base_size + exponent_size, modulus_size),
        )
    )
    result = pow(base, exponent, modulus) if modulus else 0
    return result.to_bytes(modulus_size, "big")


def _slice(data: bytes, start: int, size: int) -> bytes:
    """Bytes of the input, which goes on in zeros for ever."""
    return data[start : start + size].ljust(size, b"\0")


# P256VERIFY ---------------------------------------------------------------------------------------

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _p256_verify(data: bytes) -> bytes:
    """1 as a word for a signature that is good, else nothing; it never fails."""
    if len(data) != 160:
        return b""
    digest, r, s, x, y = (int.from_bytes(data[i : i + 32], "big") for i in range(0, 160, 32))
    if not (0 < r < _N and 0 < s < _N and x < _P and y < _P) or (x, y) == (0, 0):
        return b""
    from Crypto.PublicKey import ECC  # noqa: PLC0415 -- half of the start of a run

    try:
        public_key = ECC.EccPoint(x, y, curve="p256")
    except ValueError:  # not on the curve
        return b""
    generator = ECC.EccPoint(_GENERATOR_X, _GENERATOR_Y, curve="p256")
    inverse = pow(s, -1, _N)
    point = generator * (digest * inverse % _N) + public_key * (r * inverse % _N)
    if point.is_point_at_infinity() or int(point.x) % _N != r:
        return b""
    return (1).to_bytes(32, "big")


_GENERATOR_X = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
_GENERATOR_Y = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
