"""What a run starts from: target, kernel, accounts, call. How it is written is `scenario_reader`'s
affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nvm_lsp.chain import transaction_gas
from nvm_lsp.kernel.image import Build
from nvm_lsp.opcodes import DEFAULT_FORK
from nvm_lsp.runner.abi import EMPTY_ABI, Abi
from nvm_lsp.runner.world import Account, Block, PreState, World

__all__ = [
    "CALLER", "CONSOLE", "DEFAULT_GAS", "KERNEL_ADDRESS", "WALLET", "ForkedState", "Scenario",
]

WALLET = bytes.fromhex("3a11e70000000000000000000000000000000001")
#: Where the kernel stands in a run, unless it is deployed for real.
KERNEL_ADDRESS = bytes.fromhex("4e57ed0000000000000000000000000000000001")
#: Where the console convention sends its calls: the bytes of "console.log".
CONSOLE = b"console.log".rjust(20, b"\0")
CALLER = bytes.fromhex("ca11e00000000000000000000000000000000001")
#: The wallet's slot that holds the verifier's address (the kernel's specification).
VERIFIER_SLOT = 0x58A8A9223AF434080477CD2D1A2667ABA3CE9F1301007611A4D07A0AF708E65A
_ETHER = 10**18
#: The gas of a run that says nothing of it.
DEFAULT_GAS = 30_000_000


@dataclass(frozen=True, slots=True)
class ForkedState:
    """A node to read the state from: its URL, and the number of the block, pinned."""

    url: str
    block: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a run depends on, beside the program.

    ``target`` is ``nvm`` or ``evm``; ``mode`` is how the kernel is called, ``delegatecall`` (as the
    wallet) or ``call`` (as itself). ``balance`` and ``storage`` are the wallet's. ``labels`` are
    names of addresses, ``sources`` the easm files that were deployed at them, ``abi`` is what
    calls, logs and errors are read with. ``block_keys`` are the fields of the block that were set,
    ``said`` those of each account; with ``forked``, the node tells the others.
    """

    target: str = "nvm"
    fork: str = DEFAULT_FORK
    profile: str = "table"
    options: frozenset[str] = frozenset()
    mode: str = "delegatecall"
    caller: bytes = CALLER
    wallet: bytes = WALLET
    value: int = 0
    gas: int = DEFAULT_GAS
    balance: int = 0
    calldata: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)
    accounts: Mapping[bytes, Account] = field(default_factory=dict)
    block: Block = field(default_factory=Block)
    verifier: bytes | None = None
    forked: ForkedState | None = None
    block_keys: frozenset[str] = frozenset()
    said: Mapping[bytes, frozenset[str]] = field(default_factory=dict)
    labels: Mapping[bytes, str] = field(default_factory=dict)
    abi: Abi = EMPTY_ABI
    sources: Mapping[bytes, str] = field(default_factory=dict)

    @property
    def build(self) -> Build:
        """The kernel's build.

        Raises:
            ValueError: the fork cannot be a kernel's host.
        """
        return Build(
            self.profile, self.fork,
            verifier="verifier" in self.options,
            debug="debug" in self.options,
            strict_jumpdest="strict_jumpdest" in self.options,
            delegatecall_only="delegatecall_only" in self.options,
        )

    def within_transaction(self) -> Scenario:
        """The scenario with no more gas than a transaction of its fork may take (EIP-7825).

        Raises:
            ValueError: the scenario asks for more. The default gas is lowered instead.
        """
        most = transaction_gas(self.fork)
        if most is None or self.gas <= most:
            return self
        if self.gas == DEFAULT_GAS:
            return replace(self, gas=most)
        raise ValueError(
            f"a transaction takes at most {most:,} gas on {self.fork} (EIP-7825), "
            f"and this run asks for {self.gas:,}"
        )

    @property
    def account(self) -> bytes:
        """The account that the guest acts as."""
        return self.wallet if self.target == "evm" or self.mode == "delegatecall" else (
            KERNEL_ADDRESS
        )

    def world(self, code: bytes, behind: PreState | None = None) -> World:
        """The state before: accounts, the caller, and the acting account with its code.

        ``behind`` is a node's state, if the scenario is forked.
        """
        accounts = {
            address: self._completed(address, account, behind)
            for address, account in self.accounts.items()
        }
        for address in (self.caller, self.account):
            if address not in accounts:
                accounts[address] = self._completed(address, Account(), behind)
        caller = accounts[self.caller]
        if caller.balance < self.value:
            accounts[self.caller] = replace(caller, balance=self.value + _ETHER)
        acting = accounts[self.account]
        storage = {**acting.storage, **self.storage}
        if self.verifier is not None:
            storage[VERIFIER_SLOT] = int.from_bytes(self.verifier, "big")
        accounts[self.account] = replace(
            acting, balance=self.balance or acting.balance, code=code, storage=storage,
        )
        return World(accounts, self.block, behind)

    def _completed(
        self, address: bytes, account: Account, behind: PreState | None
    ) -> Account:
        """An account with what the scenario does not say of it taken from the node."""
        found = behind.account(address) if behind is not None else None
        if found is None:
            return account
        said = self.said.get(address, frozenset())
        return Account(
            account.balance if "balance" in said else found.balance,
            account.nonce if "nonce" in said else found.nonce,
            account.code if "code" in said else found.code,
            account.storage,
        )
