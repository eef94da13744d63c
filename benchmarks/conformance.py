"""A guest on the kernel against the same code run natively: what differs, and how to run it again.

Both run as the same account in the same world. It knows what may differ by design and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from nvm_lsp.assembler import assemble_text, disassemble
from nvm_lsp.kernel.image import KernelImage
from nvm_lsp.opcodes import lineage
from nvm_lsp.runner.machine import Account, Call, Execution, Message, World, execute
from nvm_lsp.runner.scenario import VERIFIER_SLOT

__all__ = [
    "ACCOUNTS",
    "CONTRACTS",
    "NOT_ON_REVM",
    "WALLET",
    "compare",
    "compare_backends",
    "world",
    "write_program",
]

WALLET = bytes.fromhex("a11e7000000000000000000000000000000000a1")
_SENDER = bytes.fromhex("ca11e00000000000000000000000000000000001")
_NATIVE = bytes.fromhex("00000000000000000000000000000000000c0de5")
_GAS = 3_000_000
_KERNEL_GAS = 400_000_000
#: Still less than a word of memory at 2^32 takes.
_ENDLESS_GAS = 10**12
_VERIFIER = bytes.fromhex("00000000000000000000000000000000000ac3e9")

#: What guests may call, by address: their source, for hosts from Paris on.
CONTRACTS: Mapping[int, str] = {
    0xE0: "; echo: returns its calldata\nCALLDATASIZE\nPUSH 0\nPUSH 0\nCALLDATACOPY\n"
          "CALLDATASIZE\nPUSH 0\nRETURN",
    0xE1: "; reverts with its calldata\nCALLDATASIZE\nPUSH 0\nPUSH 0\nCALLDATACOPY\n"
          "CALLDATASIZE\nPUSH 0\nREVERT",
    0xE2: "; counts its calls in slot 5, logs them, returns caller and value\n"
          "PUSH 5\nSLOAD\nPUSH 1\nADD\nDUP1\nPUSH 5\nSSTORE\nPUSH 0\nPUSH 0\nLOG1\n"
          "CALLER\nPUSH 0\nMSTORE\nCALLVALUE\nPUSH 32\nMSTORE\nPUSH 64\nPUSH 0\nRETURN",
    0xE3: "; halts\nINVALID",
    0xE4: "; calls echo with 33 bytes, returns its answer\nPUSH 64\nPUSH 0\nPUSH 33\nPUSH 0\n"
          "PUSH 0\nPUSH 0xe0\nPUSH 9000\nCALL\nRETURNDATASIZE\nPUSH 0\nRETURN",
    0xE5: "; plain ether: takes it\nSTOP",
}
ACCOUNTS = (*CONTRACTS, int.from_bytes(WALLET, "big"), int.from_bytes(_SENDER, "big"))

#: The verifier of the builds that want one: approves everything.
_ALLOW_ALL = "PUSH 1\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN"


@lru_cache(maxsize=8)
def world(fork: str, *, verifier: bool = False) -> World:
    """The state before: a wallet with ether and some storage, contracts to call."""
    storage = {0: 7, 1: 0, 5: 2**255}
    accounts = {
        WALLET: Account(balance=10**18, nonce=1, code=b"\x00", storage=storage),
        _SENDER: Account(balance=10**20),
    }
    for number, source in CONTRACTS.items():
        accounts[number.to_bytes(20, "big")] = Account(
            nonce=1, balance=1, code=assemble_text(source, fork=fork).bytecode
        )
    if verifier:
        code = assemble_text(_ALLOW_ALL, fork=fork).bytecode
        accounts[_VERIFIER] = Account(nonce=1, code=code)
        storage[VERIFIER_SLOT] = int.from_bytes(_VERIFIER, "big")
    return World(accounts)


def compare(code: bytes, kernel: KernelImage, **message: object) -> list[str] | None:
    """What differs between kernel and native, a line each; None if they cannot be compared.

    They cannot where the native run is out of gas or at the last words of the stack, as the kernel
    needs more gas and keeps some words for itself. What differs by design, such as a jump into push
    data without strict-jumpdest, counts as a difference: programs that do it are not to be given.
    """
    found = _compare(code, kernel, _GAS, _KERNEL_GAS, message)
    # A callee that burns all it gets leaves the caller less natively than on the kernel.
    return found and _compare(code, kernel, _KERNEL_GAS, _ENDLESS_GAS, message)


def _compare(
    code: bytes, kernel: KernelImage, gas: int, kernel_gas: int, message: Mapping[str, object]
) -> list[str] | None:
    build = kernel.build
    here = world(build.fork, verifier=build.verifier)
    base = Message(
        to=WALLET, code=code, code_address=_NATIVE, value=3, gas=gas,
        blob_hashes=(b"\x01" * 32,) if "cancun" in lineage(build.fork) else (),
    )
    base = replace(base, **message)  # type: ignore[arg-type]
    native = execute(here, base, fork=build.fork)
    if native.error == "out of gas":
        # For want of memory that no gas buys, or is it just a long run?
        native = execute(here, replace(base, gas=_KERNEL_GAS), fork=build.fork)
        if native.error != "out of gas":
            return None
    if native.outcome == "limit" or native.error == "stack overflow":
        return None
    nested = execute(
        here,
        replace(base, code=kernel.runtime, code_address=kernel.address, data=code, gas=kernel_gas),
        fork=build.fork,
    )
    if nested.outcome == "limit" or (
        nested.error == "stack overflow" and len(native.stack) > 1000
    ):
        return None
    return _differences(native, nested, kernel)


def _differences(native: Execution, nested: Execution, kernel: KernelImage) -> list[str]:
    found = []

    def same(what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            found.append(f"{what}: native {_short(theirs)}, kernel {_short(ours)}")

    same("outcome", nested.outcome, native.outcome)
    same("return data", nested.output, native.output)
    same("logs", nested.logs, native.logs)
    same("storage", nested.storage, native.storage)
    same("transient storage", nested.transient, native.transient)
    same("balances", nested.balances, native.balances)
    same("created", nested.codes, native.codes)
    plain = not (kernel.build.verifier or kernel.build.debug)
    if native.outcome in ("success", "revert") and plain:
        same("calls", _calls(nested), _calls(native))
        same("stack", nested.stack[: len(native.stack)], native.stack)
        same("memory", nested.memory[kernel.layout.base :], native.memory)
    return found


def _calls(run: Execution) -> list[Call]:
    """The calls without what depends on the host's steps and gas."""
    return [replace(call, step=0, gas=0, gas_used=0) for call in run.calls]


def _short(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"


#: Opcodes that pyrevm leaves to the built-in backend, so that there is nothing to compare.
NOT_ON_REVM = frozenset(
    {
        "BASEFEE", "BLOCKHASH", "CREATE", "CREATE2", "EXTCODECOPY", "EXTCODEHASH", "EXTCODESIZE",
        "GASLIMIT",
    }
)


def compare_backends(code: bytes, kernel: KernelImage) -> list[str] | None:
    """What differs between pyrevm and the built-in backend, on the kernel and natively.

    None where pyrevm leaves both runs to the other.
    """
    from nvm_lsp.runner import revm

    build = kernel.build
    here = world(build.fork, verifier=build.verifier)
    native = Message(to=WALLET, code=code, code_address=_NATIVE, value=3, gas=_GAS)
    nested = replace(
        native, code=kernel.runtime, code_address=kernel.address, data=code, gas=_KERNEL_GAS,
        interprets=True,
    )
    found, compared = [], False
    for name, message in (("native", native), ("kernel", nested)):
        ours = revm.execute(here, message, fork=build.fork)
        if any("run by py-evm" in note for note in ours.notes):
            continue
        compared = True
        theirs = execute(here, message, fork=build.fork)
        for what in (
            "outcome", "output", "gas_used", "refund", "logs", "storage", "transient", "balances",
            "ended", "error",
        ):
            mine, other = getattr(ours, what), getattr(theirs, what)
            if what == "error" and mine == "out of gas" and other is not None:
                continue  # an instruction may have two faults, and they look for them in turn
            if mine != other and what not in ours.missing:
                found.append(f"{name}, {what}: py-evm {_short(other)}, revm {_short(mine)}")
    return found if compared else None


def write_program(
    folder: Path, name: str, code: bytes, kernel: KernelImage, differences: list[str]
) -> Path:
    """Writes a program as an .easm file that `nvm-lsp run` takes as it is.

    The contracts it calls are written beside it. The blob that the comparison has is not in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    build = kernel.build
    options = [
        word for word, on in (
            ("verifier", build.verifier), ("debug", build.debug),
            ("strict-jumpdest", build.strict_jumpdest),
            ("delegatecall-only", build.delegatecall_only),
        ) if on
    ]
    head = [
        f"# {name}: " + "; ".join(differences),
        f"#@ fork {build.fork}",
        f"#@ kernel {' '.join([build.profile, *options])}",
        f"#@ wallet 0x{WALLET.hex()}",
        f"#@ caller 0x{_SENDER.hex()}",
        "#@ value 3",
        f"#@ gas {_KERNEL_GAS}",
        "#@ balance 1000000000000000000",
    ]
    for slot, value in world(build.fork, verifier=build.verifier).accounts[WALLET].storage.items():
        head.append(f"#@ storage {slot:#x} = {value:#x}")
    for number, source in CONTRACTS.items():
        (folder / f"contract-{number:02x}.easm").write_text(source + "\n", encoding="utf-8")
        head.append(f"#@ deploy 0x{number:040x} contract-{number:02x}.easm")
    if build.verifier:
        (folder / "verifier.easm").write_text(_ALLOW_ALL + "\n", encoding="utf-8")
        head.append(f"#@ deploy 0x{_VERIFIER.hex()} verifier.easm")
    path = folder / f"{name}.easm"
    path.write_text(
        "\n".join([*head, "", disassemble(code, fork=build.fork)]), encoding="utf-8"
    )
    return path
