"""State of a node, read over JSON-RPC where a run needs it: one pinned block, cached on disk.

What is read here never changes, so it lies behind the journal of a run, not in it: a revert takes
nothing back that was fetched, and a zero that the run writes stays a zero.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nvm_lsp.runner.scenario import ForkedState
from nvm_lsp.runner.state_provider import StateError
from nvm_lsp.runner.world import Account

__all__ = ["Cache", "NodeState", "RpcError", "cache_folder", "node_state"]

_TIMEOUT_SECONDS = 15.0
_TRIES = 4
_PAUSE_SECONDS = 0.1
_MAX_ANSWER = 64 * 2**20
_CACHE_VARIABLE = "NVM_LSP_CACHE"


class RpcError(StateError):
    """The state of a node cannot be read; the message says of which, and why."""


def node_state(url: str, block: int) -> NodeState:
    """The state of a node at a pinned block; it is asked when something is read."""
    return NodeState(ForkedState(url, block))


@dataclass
class NodeState:
    """A `PreState` that asks a node and remembers."""

    forked: ForkedState
    cache: Cache | None = None
    _accounts: dict[bytes, Account | None] = field(default_factory=dict)
    _header: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.cache is None:
            self.cache = Cache.open(cache_folder() / "rpc.sqlite3")

    def block(self) -> dict[str, Any]:
        """The fields of the pinned block, by the names of `Block`."""
        header = self._pinned()
        return {
            "number": self.forked.block,
            "timestamp": _number(header.get("timestamp")),
            "coinbase": _data(header.get("miner")),
            "prevrandao": _number(header.get("mixHash") or "0x0"),
            "gas_limit": _number(header.get("gasLimit")),
            "base_fee": _number(header.get("baseFeePerGas") or "0x0"),
            "excess_blob_gas": _number(header.get("excessBlobGas") or "0x0"),
            "chain_id": _number(header["chainId"]),
        }

    def account(self, address: bytes) -> Account | None:
        """See `nvm_lsp.runner.world.PreState`."""
        if address not in self._accounts:
            where, block = "0x" + address.hex(), hex(self.forked.block)
            balance, nonce, code = self._state(
                ("eth_getBalance", [where, block]),
                ("eth_getTransactionCount", [where, block]),
                ("eth_getCode", [where, block]),
            )
            account = Account(_number(balance), _number(nonce), _data(code))
            # A node does not tell an empty account from none, nor does the EVM since EIP-161.
            self._accounts[address] = None if account == Account() else account
        return self._accounts[address]

    def storage(self, address: bytes, slot: int) -> int:
        """See `nvm_lsp.runner.world.PreState`."""
        where, block = "0x" + address.hex(), hex(self.forked.block)
        (word,) = self._state(("eth_getStorageAt", [where, hex(slot), block]))
        return _number(word)

    def block_hash(self, number: int) -> bytes | None:
        """See `nvm_lsp.runner.world.PreState`."""
        (header,) = self._state(("eth_getBlockByNumber", [hex(number), False]))
        return _data(header.get("hash")) if isinstance(header, dict) else None

    def _pinned(self) -> dict[str, Any]:
        """The header of the pinned block with the chain's number.

        It is asked for anew in each run, because a development node that was started again has
        other blocks of the same numbers; only if the node is away, the last answer counts.
        """
        if self._header is None:
            assert self.cache is not None
            url, block = self.forked.url, self.forked.block
            key = f"header {url} {block}"
            try:
                header, chain = _ask(
                    url, (("eth_getBlockByNumber", [hex(block), False]), ("eth_chainId", []))
                )
                if not isinstance(header, dict):
                    raise RpcError(f"the node at {url} has no block {block}")
                header = {
                    name: header[name]
                    for name in ("hash", "timestamp", "miner", "mixHash", "gasLimit",
                                 "baseFeePerGas", "excessBlobGas")
                    if name in header
                } | {"chainId": chain}
                self.cache.put({key: header})
            except _AwayError:
                known = self.cache.get([key])
                if key not in known:
                    raise
                header = known[key]
            self._header = header
        return self._header

    def _state(self, *questions: tuple[str, list[Any]]) -> list[Any]:
        """Answers about the pinned state, from the cache or the node."""
        assert self.cache is not None
        header = self._pinned()
        prefix = f"{header['chainId']} {header.get('hash')}"
        keys = [f"{prefix} {method} {json.dumps(params)}" for method, params in questions]
        known = self.cache.get(keys)
        missing = [i for i, key in enumerate(keys) if key not in known]
        if missing:
            answers = _ask(self.forked.url, [questions[i] for i in missing])
            fresh = {keys[i]: answer for i, answer in zip(missing, answers, strict=True)}
            self.cache.put(fresh)
            known = {**known, **fresh}
        return [known[key] for key in keys]


# Asking -------------------------------------------------------------------------------------------


class _AwayError(RpcError):
    """The node cannot be reached at all."""


def _ask(url: str, questions: Sequence[tuple[str, list[Any]]]) -> list[Any]:
    """The answers of a node, in the order of the questions."""
    calls = [
        {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
        for index, (method, params) in enumerate(questions)
    ]
    answers = _post(url, calls)
    if isinstance(answers, dict) and len(calls) > 1:
        # No batches at this node: one by one.
        answers = [_post(url, call) for call in calls]
    elif isinstance(answers, dict):
        answers = [answers]
    by_id = {a.get("id"): a for a in answers if isinstance(a, dict)} if answers else {}
    results = []
    for index, (method, _) in enumerate(questions):
        answer = by_id.get(index, {})
        if "result" not in answer:
            error = answer.get("error")
            reason = error.get("message") if isinstance(error, dict) else "no result"
            raise RpcError(
                f"the node at {url} refused {method}: {reason}"
                + ("; does it keep the state of that block?" if method != "eth_chainId" else "")
            )
        results.append(answer["result"])
    return results


def _post(url: str, document: Any) -> Any:
    request = urllib.request.Request(
        url, json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    reason = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE_SECONDS * 4 ** (attempt - 1))
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                data = response.read(_MAX_ANSWER + 1)
            if len(data) > _MAX_ANSWER:
                raise RpcError(f"the node at {url} answers with more than {_MAX_ANSWER:,} bytes")
            return json.loads(data)
        except urllib.error.HTTPError as error:
            reason = f"HTTP status {error.code}"
            if error.code not in (408, 425, 429) and error.code < 500:
                raise RpcError(f"the node at {url} refused: {reason}") from None
        except (OSError, TimeoutError) as error:
            reason = str(getattr(error, "reason", error))
            if isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                break  # nobody listens, and waiting will not change that
        except ValueError:
            raise RpcError(f"the node at {url} answers with something that is no JSON") from None
    raise _AwayError(f"the node at {url} cannot be reached: {reason}")


def _number(text: Any) -> int:
    """A quantity or a word of JSON-RPC."""
    if not isinstance(text, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", text):
        raise RpcError(f"a node answers with {str(text)[:80]!r} where a number should be")
    return int(text, 16)


def _data(text: Any) -> bytes:
    """A byte string of JSON-RPC."""
    if not isinstance(text, str) or not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", text):
        raise RpcError(f"a node answers with {str(text)[:80]!r} where bytes should be")
    return bytes.fromhex(text[2:])


# Remembering --------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where answers are kept: ``NVM_LSP_CACHE``, or the user's folder for caches."""
    given = os.environ.get(_CACHE_VARIABLE)
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "nvm-lsp"


@dataclass
class Cache:
    """Answers by question, in a file that several processes may share.

    A file that cannot be used costs the remembering between runs, nothing else.
    """

    path: Path | None
    _memory: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def open(path: Path) -> Cache:
        """The cache in that file, made if it is not there."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=5)) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT)"
                )
        except (OSError, sqlite3.Error):
            return Cache(None)
        return Cache(path)

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """The answers that are known."""
        found = {key: self._memory[key] for key in keys if key in self._memory}
        if self.path is not None and len(found) < len(keys):
            with (
                suppress(sqlite3.Error),
                closing(sqlite3.connect(self.path, timeout=5)) as database,
            ):
                for key in keys:
                    if key in found:
                        continue
                    row = database.execute(
                        "SELECT value FROM answers WHERE key = ?", (_digest(key),)
                    ).fetchone()
                    if row is not None:
                        found[key] = self._memory[key] = json.loads(row[0])
        return found

    def put(self, answers: Mapping[str, Any]) -> None:
        """Remembers answers."""
        self._memory.update(answers)
        if self.path is None:
            return
        rows = [(_digest(key), json.dumps(value)) for key, value in answers.items()]
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(self.path, timeout=5)) as database,
            database,
        ):
            database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)


def _digest(key: str) -> str:
    """The key as it is stored: URLs may hold secrets, which have no business in a cache."""
    return hashlib.sha256(key.encode()).hexdigest()
