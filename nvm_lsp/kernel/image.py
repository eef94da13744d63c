"""The NestedVM as a contract: assembled from its easm source, for each combination of options.

Every offset comes from the symbols of the assembled source; none is repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from nvm_lsp.assembler import Assembly, assemble_text
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.assembler.loader import MemoryLoader
from nvm_lsp.kernel.chain_handlers import with_chain_handlers
from nvm_lsp.opcodes import DEFAULT_FORK, FORKS, OPCODES

__all__ = [
    "PROFILES",
    "PROXY",
    "SALT",
    "Build",
    "KernelImage",
    "Layout",
    "build",
    "host_forks",
    "sources",
]

PROFILES = ("table", "threaded")
_OLDEST_HOST = "paris"
#: The deterministic deployment proxy, and the salt that is sent to it.
PROXY = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
SALT = keccak256(b"nvm-lsp NestedVM")


@dataclass(frozen=True, slots=True)
class Build:
    """Which kernel: profile, fork of the host, options."""

    profile: str = "table"
    fork: str = DEFAULT_FORK
    verifier: bool = False
    debug: bool = False
    strict_jumpdest: bool = False
    delegatecall_only: bool = False

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"unknown profile {self.profile!r}: there are {', '.join(PROFILES)}")
        if self.fork not in host_forks():
            raise ValueError(
                f"the kernel needs a host from {_OLDEST_HOST} on, not {self.fork!r}"
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in the host's memory, in bytes.

    Word ``pointer`` holds the offset of the guest's next opcode: while a handler begins, one more
    than the offset of the opcode that it serves. Guest memory begins at ``base``.
    """

    pointer: int
    jump_table: int
    console: int
    verdict: int
    question: int
    base: int


def host_forks() -> tuple[str, ...]:
    """The forks that a kernel can be built for, oldest first."""
    oldest = FORKS[_OLDEST_HOST].index
    return tuple(name for name, fork in FORKS.items() if fork.index >= oldest)


def sources(fork: str = DEFAULT_FORK) -> Mapping[str, str]:
    """The kernel's source files by name, with handlers for the opcodes that plugins add."""
    folder = files("nvm_lsp.kernel")
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".easm")
    }
    return MappingProxyType(with_chain_handlers(texts, fork))


def build(
    *,
    profile: str = "table",
    fork: str = DEFAULT_FORK,
    verifier: bool = False,
    debug: bool = False,
    strict_jumpdest: bool = False,
    delegatecall_only: bool = False,
) -> KernelImage:
    """The kernel of that build, assembled once per process.

    Raises:
        ValueError: an unknown profile, or a fork older than Paris.
    """
    return image(
        Build(profile, fork, verifier, debug, strict_jumpdest, delegatecall_only)
    )


@lru_cache(maxsize=64)
def image(build_: Build) -> KernelImage:
    """The kernel of a build; see `build`."""
    texts = sources(build_.fork)
    assembly = assemble_text(
        texts["nestedvm.easm"],
        "nestedvm.easm",
        loader=MemoryLoader(dict(texts)),
        fork=build_.fork,
        options={
            "threaded": int(build_.profile == "threaded"),
            "verifier": int(build_.verifier),
            "debug": int(build_.debug),
            "strict_jumpdest": int(build_.strict_jumpdest),
            "delegatecall_only": int(build_.delegatecall_only),
        },
    )
    if not assembly.ok:
        lines = "\n".join(line for d in assembly.diagnostics for line in d.lines())
        raise AssertionError(f"the kernel's source has errors:\n{lines}")
    return KernelImage(build_, assembly)


@dataclass(frozen=True, eq=False)
class KernelImage:
    """One build of the kernel."""

    build: Build
    assembly: Assembly

    @cached_property
    def template(self) -> bytes:
        """The runtime code before deployment: own address, if it is used, all zeros."""
        return self.assembly.bytecode

    @cached_property
    def runtime(self) -> bytes:
        """The runtime code as it stands at `address`."""
        return self.runtime_at(self.address) if self.own_address else self.template

    def runtime_at(self, address: bytes) -> bytes:
        """The runtime code of an instance at some address of 20 bytes."""
        place = self.own_address
        if not place:
            return self.template
        return self.template[:place] + address + self.template[place + 20 :]

    @cached_property
    def creation(self) -> bytes:
        """The creation code, which returns the runtime code."""
        head = assemble_text(
            sources()["creation.easm"],
            "creation.easm",
            fork=self.build.fork,
            options={"size": len(self.template), "own_address": self.own_address},
        )
        assert head.ok, head.diagnostics
        return head.bytecode + self.template

    @cached_property
    def address(self) -> bytes:
        """The 20 bytes of the address that the deployment proxy gives it (EIP-1014)."""
        return keccak256(b"\xff" + PROXY + SALT + keccak256(self.creation))[12:]

    @cached_property
    def own_address(self) -> int:
        """Offset of the 20 bytes that hold the contract's own address, 0 if there are none."""
        push = self.symbols.get("own_address")
        return 0 if push is None else push + 1

    @cached_property
    def layout(self) -> Layout:
        constants = self.assembly.symbols.constants
        return Layout(
            constants["pointer"],
            constants["jump_table"],
            constants["console"],
            constants["verdict"],
            constants["question"],
            constants["guest_base"],
        )

    @cached_property
    def handlers(self) -> Mapping[int, int]:
        """Offset of each handler's first instruction, with the opcode that it serves."""
        labels = self.symbols
        return MappingProxyType(
            {
                labels[f"op.{name}"]: row.code
                for name, row in OPCODES.items()
                if f"op.{name}" in labels
            }
        )

    @property
    def symbols(self) -> Mapping[str, int]:
        """Offsets of the labels."""
        return self.assembly.symbols.labels
