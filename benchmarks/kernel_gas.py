"""The gas of interpretation: ``python -m benchmarks.kernel_gas [--write]`` measures every build.

An opcode's overhead is a difference of differences: gas through the kernel less gas native, with
the opcode less without it, behind the same operands. Without ``--write`` the figures in the package
are checked.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import nvm_lsp.kernel
from benchmarks.conformance import WALLET, world
from nvm_lsp.kernel.gas import CLASSES, EMPTY, build_key
from nvm_lsp.kernel.image import PROFILES, Build, KernelImage, host_forks, image
from nvm_lsp.opcodes import FORKS, opcode_by_name
from nvm_lsp.runner.machine import Message, execute

__all__ = ["every_build", "measure", "overhead_of"]

#: Memory up to 64 bytes beyond the base is paid for before anything is measured, and the slot and
#: the accounts that the opcodes use are warm. Behind offset 32 and with no suspicious push before
#: it, a jump takes the short way of strict-jumpdest.
_WARM = bytes.fromhex("600160a05260a05150" "60025450" "60e23150" + "5b" * 24)
_NATIVE = bytes.fromhex("00000000000000000000000000000000000c0de5")
_OPERANDS = {
    "SSTORE": (2, 1), "TLOAD": (2,), "SLOAD": (2,), "TSTORE": (2, 1), "BALANCE": (0xE2,),
    "EXTCODESIZE": (0xE2,), "EXTCODEHASH": (0xE2,), "EXTCODECOPY": (0xE2, 0, 0, 32),
    "RETURNDATACOPY": (0, 0, 0), "CREATE": (0, 0, 0), "CREATE2": (0, 0, 0, 0),
    "CALL": (0, 0xE2, 0, 0, 0, 0, 0), "DELEGATECALL": (0, 0xE2, 0, 0, 0, 0),
    "STATICCALL": (0, 0xE2, 0, 0, 0, 0),
}


def measure(kernel: KernelImage) -> dict[str, int]:
    """By class, the overhead of its first opcode that the build's fork has."""
    found = {}
    for name, opcodes in CLASSES.items():
        if name == EMPTY:
            found[name] = _gas(b"", kernel)
            continue
        known = [code for code in opcodes if _since(code) <= FORKS[kernel.build.fork].index]
        if known:
            found[name] = overhead_of(name, known[0], kernel)
    return found


def overhead_of(name: str, opcode: str, kernel: KernelImage) -> int:
    """The overhead of one opcode, measured as its class says."""
    row = opcode_by_name(opcode)
    assert row is not None
    if opcode in ("RETURN", "REVERT"):
        operands = _WARM + _pushes((0, 0))
        # The program without it ends with STOP.
        return _overhead(operands + bytes([row.code]), kernel) - _overhead(operands, kernel)
    if opcode in ("JUMP", "JUMPI"):
        start = len(_WARM) + (5 if opcode == "JUMPI" else 3) + 1
        condition = bytes([0x60, 0 if name == "JUMPI not taken" else 1])
        operands = _WARM + (condition if opcode == "JUMPI" else b"") + b"\x61"
        operands += start.to_bytes(2, "big")
        after = b"" if name == "JUMPI not taken" else b"\x5b"
        return _overhead(operands + bytes([row.code]) + after, kernel) - _overhead(operands, kernel)
    if row.immediate_size:
        code = bytes([row.code]) + b"\x01" * row.immediate_size
        return _overhead(_WARM + code, kernel) - _overhead(_WARM, kernel)
    size = len(row.inputs) + (1 if row.is_swap else 0)
    values = _OPERANDS.get(opcode, (0,) * size)
    operands = _WARM + _pushes(values)
    return _overhead(operands + bytes([row.code]), kernel) - _overhead(operands, kernel)


def every_build() -> Iterator[Build]:
    for fork in reversed(host_forks()):
        for profile in PROFILES:
            for options in itertools.product((False, True), repeat=4):
                yield Build(profile, fork, *options)


def _pushes(values: tuple[int, ...]) -> bytes:
    """Pushes, so that the first value is on top."""
    return b"".join(bytes([0x60, value]) for value in reversed(values))


def _since(opcode: str) -> int:
    row = opcode_by_name(opcode)
    assert row is not None
    return FORKS[row.since].index


def _overhead(code: bytes, kernel: KernelImage) -> int:
    return _gas(code, kernel) - _gas(code, None, kernel.build)


@lru_cache(maxsize=4096)
def _gas(code: bytes, kernel: KernelImage | None, build: Build | None = None) -> int:
    chosen = build if kernel is None else kernel.build
    assert chosen is not None
    run = execute(
        world(chosen.fork, verifier=chosen.verifier),
        Message(
            to=WALLET, code=code if kernel is None else kernel.runtime,
            code_address=_NATIVE if kernel is None else kernel.address,
            data=b"" if kernel is None else code, gas=10_000_000,
        ),
        fork=chosen.fork,
    )
    assert run.outcome in ("success", "revert"), (code.hex(), run.error)
    return run.gas_used


def main(argv: list[str] | None = None) -> int:
    """Checks, or writes, the figures of all builds; 1 if some have changed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_gas", description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    path = Path(nvm_lsp.kernel.__file__).with_name("gas.json")
    figures = {build_key(build): measure(image(build)) for build in every_build()}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in figures.items())
    text = "{\n" + lines + "\n}\n"
    if args.write:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.read_text(encoding="utf-8") == text:
        print(f"{len(figures)} builds cost what gas.json says")
        return 0
    print("gas.json is out of date: run python -m benchmarks.kernel_gas --write")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
