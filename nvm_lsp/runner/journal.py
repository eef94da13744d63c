"""The state while a run changes it: dictionaries over a state that is read through, and an undo
log. It knows nothing of py-evm, whose account database it stands in for.

py-evm's own keeps its accounts in tries, which a run without a chain never needs: here nothing is
hashed or encoded, a revert plays the log back, and what lies behind is read once and only where
it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.runner.world import Account, Follower, StorageChange, World

__all__ = ["JournaledAccounts"]

_MISSING = object()
_NOBODY = Account()
EMPTY_CODE_HASH = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")


class JournaledAccounts:
    """py-evm's `AccountDatabaseAPI`, as far as an execution calls it, and transient storage."""

    def __init__(self, world: World, _root: bytes = b"") -> None:
        self.state_root = b""
        self.follower: Follower | None = None
        self._world = world
        self._log: list[tuple[dict[Any, Any], Any, Any]] = []
        self._balances: dict[bytes, int] = {}
        self._nonces: dict[bytes, int] = {}
        self._codes: dict[bytes, bytes] = {}
        self._exists: dict[bytes, bool] = {}
        self._storage: dict[tuple[bytes, int], int] = {}
        self._wiped: dict[bytes, bool] = {}
        self._warm: dict[Any, bool] = {}
        self._transient: dict[tuple[bytes, int], bytes] = {}
        # What lies behind never changes, so it needs no undoing.
        self._before: dict[bytes, Account | None] = {}
        self._stored: dict[tuple[bytes, int], int] = {}

    # Checkpoints

    def record(self) -> int:
        return len(self._log)

    def commit(self, checkpoint: int) -> None:
        """Nothing to do: the log goes on belonging to the checkpoints around it."""

    def discard(self, checkpoint: int) -> None:
        log = self._log
        while len(log) > checkpoint:
            entries, key, value = log.pop()
            if value is _MISSING:
                del entries[key]
            else:
                entries[key] = value

    def _put(self, entries: dict[Any, Any], key: Any, value: Any) -> None:
        self._log.append((entries, key, entries.get(key, _MISSING)))
        entries[key] = value

    # Accounts

    def _account(self, address: bytes) -> Account | None:
        if address not in self._before:
            self._before[address] = self._world.account(address)
        return self._before[address]

    def get_balance(self, address: bytes) -> int:
        found = self._balances.get(address)
        return (self._account(address) or _NOBODY).balance if found is None else found

    def set_balance(self, address: bytes, balance: int) -> None:
        if self.follower is not None:
            self.follower.changed("balance", address, 0, self.get_balance(address), balance)
        self._put(self._balances, address, balance)
        self._put(self._exists, address, True)

    def get_nonce(self, address: bytes) -> int:
        found = self._nonces.get(address)
        return (self._account(address) or _NOBODY).nonce if found is None else found

    def set_nonce(self, address: bytes, nonce: int) -> None:
        self._put(self._nonces, address, nonce)
        self._put(self._exists, address, True)

    def increment_nonce(self, address: bytes) -> None:
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code(self, address: bytes) -> bytes:
        found = self._codes.get(address)
        return (self._account(address) or _NOBODY).code if found is None else found

    def set_code(self, address: bytes, code: bytes) -> None:
        self._put(self._codes, address, code)
        self._put(self._exists, address, True)

    def delete_code(self, address: bytes) -> None:
        self.set_code(address, b"")

    def get_code_hash(self, address: bytes) -> bytes:
        code = self.get_code(address)
        return keccak256(code) if code else EMPTY_CODE_HASH

    def account_has_code_or_nonce(self, address: bytes) -> bool:
        return self.get_nonce(address) != 0 or bool(self.get_code(address))

    def account_is_empty(self, address: bytes) -> bool:
        return not self.account_has_code_or_nonce(address) and self.get_balance(address) == 0

    def account_exists(self, address: bytes) -> bool:
        found = self._exists.get(address)
        return self._account(address) is not None if found is None else found

    def touch_account(self, address: bytes) -> None:
        if not self.account_exists(address):
            self._put(self._exists, address, True)

    def delete_account(self, address: bytes) -> None:
        self.delete_storage(address)
        self._put(self._balances, address, 0)
        self._put(self._nonces, address, 0)
        self._put(self._codes, address, b"")
        self._put(self._exists, address, False)

    # Storage

    def get_storage(self, address: bytes, slot: int, from_journal: bool = True) -> int:
        """A word now, or, not ``from_journal``, as it was before the run (EIP-2200, original)."""
        key = (address, slot)
        if from_journal:
            found = self._storage.get(key)
            if found is not None:
                return found
            if address in self._wiped:
                return 0
        if key not in self._stored:
            self._stored[key] = self._world.storage(address, slot)
        return self._stored[key]

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        if self.follower is not None:
            before = self.get_storage(address, slot)
            self.follower.changed("storage", address, slot, before, value)
        self._put(self._storage, (address, slot), value)

    def delete_storage(self, address: bytes) -> None:
        for key in [key for key in self._storage if key[0] == address]:
            self._put(self._storage, key, 0)
        self._put(self._wiped, address, True)
        # py-evm writes the account with an empty storage root, so it exists from here on.
        self._put(self._exists, address, True)

    # Warm addresses and slots (EIP-2929)

    def is_address_warm(self, address: bytes) -> bool:
        return address in self._warm

    def mark_address_warm(self, address: bytes) -> None:
        if address not in self._warm:
            self._put(self._warm, address, True)

    def is_storage_warm(self, address: bytes, slot: int) -> bool:
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: bytes, slot: int) -> None:
        if (address, slot) not in self._warm:
            self._put(self._warm, (address, slot), True)

    # Transient storage (EIP-1153)

    def get_transient(self, address: bytes, slot: int) -> bytes:
        return self._transient.get((address, slot), b"")

    def set_transient(self, address: bytes, slot: int, value: bytes) -> None:
        if self.follower is not None:
            before = int.from_bytes(self.get_transient(address, slot), "big")
            after = int.from_bytes(value, "big")
            self.follower.changed("transient", address, slot, before, after)
        self._put(self._transient, (address, slot), value)

    # What changed

    def storage_changes(self) -> Iterator[StorageChange]:
        """The words that differ from those before the run, by address and slot."""
        keys = set(self._storage)
        for address in self._wiped:
            account = self._account(address) or _NOBODY
            keys.update((address, slot) for slot in account.storage)
        for address, slot in sorted(keys):
            before = self.get_storage(address, slot, from_journal=False)
            after = self.get_storage(address, slot)
            if before != after:
                yield StorageChange(address, slot, before, after)

    def transient_values(self) -> Iterator[StorageChange]:
        """The words of transient storage that are not zero at the end."""
        for (address, slot), value in sorted(self._transient.items()):
            number = int.from_bytes(value, "big")
            if number:
                yield StorageChange(address, slot, 0, number)

    def balance_changes(self) -> Iterator[tuple[bytes, int, int]]:
        """Address, balance before and after, where they differ."""
        for address in sorted(self._balances):
            before, after = (self._account(address) or _NOBODY).balance, self.get_balance(address)
            if before != after:
                yield address, before, after
