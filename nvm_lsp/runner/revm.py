"""The backend on pyrevm: revm in a process of its own, a hundred times as fast as Python.

Installed with ``pip install nvm-lsp[fast]``. It tells how a run ends, what it takes and what it
changes. What the guest did on the way it does not tell: pyrevm writes a trace by having Python
compile a call of `print` for each word of it, a millisecond an instruction, so where steps are
asked for the built-in backend runs the message, too, and what both tell must be the same.

pyrevm has revm's rules of Cancun whatever it is asked for, its own block hashes, and no way to
lend code to an account. Where a run may come to something that pyrevm would do otherwise, the
built-in backend runs it instead. Whatever was done in another way is in the result's notes.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import IO, Any

from nvm_lsp.hookspecs import BackendEntry, hookimpl
from nvm_lsp.runner import revm_code
from nvm_lsp.runner.world import (
    Account,
    Execution,
    Limits,
    Log,
    Message,
    StorageChange,
    Watcher,
    World,
)

__all__ = ["PREFERS_UNTRACED", "execute", "nvm_lsp_backends"]

#: Steps take another run on another backend, so they are left out where nobody asks for them.
PREFERS_UNTRACED = True
_FORKS = ("cancun", "prague")
#: What a run without steps does not tell, in the words of a run's JSON.
_UNTOLD = (
    "calls", "console", "host_steps", "kernel", "last", "memory", "profile", "snapshots", "stack",
    "steps", "writers",
)
_NOBODY = Account()
_TRANSACTION = 21_000
_START_SECONDS = 60.0
#: The precompiles of Prague that revm lacks (EIP-2537).
_BLS = frozenset(f"0x{number:040x}" for number in range(0x0B, 0x12))
#: Words for revm's reasons; all others mean that gas ran out.
_HALTS = {
    "OpcodeNotFound": "invalid instruction",
    "InvalidFEOpcode": "invalid instruction",
    "NotActivated": "invalid instruction",
    "InvalidJump": "bad jump destination",
    "StackUnderflow": "stack underflow",
    "StackOverflow": "stack overflow",
    "StateChangeDuringStaticCall": "state change in a static call",
    "CallNotAllowedInsideStatic": "state change in a static call",
    "OutOfOffset": "return data read out of bounds",
}


_OUT_OF_GAS = "out of gas"
#: Gas ran out bit by bit, not because of an operand that nobody could pay for.
_GAS_RAN_OUT = "OutOfGas(Basic)"


@hookimpl
def nvm_lsp_backends() -> Iterable[BackendEntry]:
    return [BackendEntry("pyrevm", "revm by way of pyrevm: fast, no steps, Cancun, Prague", _load)]


def _load() -> Any:
    if importlib.util.find_spec("pyrevm") is None:
        raise ValueError(
            "the backend pyrevm needs the package of that name, which there is for Python 3.11 "
            "and 3.12: pip install 'nvm-lsp[fast]'"
        )
    return sys.modules[__name__]


class _ElsewhereError(Exception):
    """What keeps pyrevm from running something as the built-in backend does."""


def execute(
    world: World,
    message: Message,
    *,
    fork: str = "prague",
    limits: Limits | None = None,
    watcher: Watcher | None = None,
    steps: bool = True,
) -> Execution:
    """Runs a message; see `nvm_lsp.runner.machine.execute`.

    Not ``steps``, the watcher is shown them only where the built-in backend runs the message
    anyway; ``missing`` tells.

    Raises:
        ValueError: pyrevm does not have the fork's rules.
    """
    if fork not in _FORKS:
        raise ValueError(
            f"the backend pyrevm has the rules of {' and '.join(_FORKS)} only; "
            f"for {fork} use the backend py-evm"
        )
    limits = limits or Limits()
    try:
        found = _Run(world, message, fork, limits).execute()
    except _ElsewhereError as reason:
        return _noted(_by_py_evm(world, message, fork, limits, watcher), f"run by py-evm: {reason}")
    except TimeoutError:
        return _stopped(f"time limit reached: {limits.seconds:g} s")
    if watcher is None or not steps:
        return found
    traced = _by_py_evm(world, message, fork, limits, watcher)
    if traced.outcome == "limit":
        return _noted(found, f"steps are not told: py-evm says {traced.error}")
    note = "steps, stack, memory and calls are py-evm's: pyrevm is too slow to tell them"
    if _told(traced) != _told(found):
        note += f"; the two disagree: py-evm says {_told(traced)}, revm {_told(found)}"
    return _noted(traced, note)


def _by_py_evm(
    world: World, message: Message, fork: str, limits: Limits, watcher: Watcher | None
) -> Execution:
    from nvm_lsp.runner import machine  # noqa: PLC0415 -- py-evm is imported where it is used

    return machine.execute(world, message, fork=fork, limits=limits, watcher=watcher)


def _noted(execution: Execution, note: str) -> Execution:
    return replace(execution, notes=(*execution.notes, note))


def _told(execution: Execution) -> tuple[Any, ...]:
    """What both backends tell of a run."""
    return (
        execution.outcome, execution.gas_used, execution.output.hex(), execution.refund,
        execution.logs, execution.storage, execution.transient, execution.balances,
        execution.created,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One execution."""

    world: World
    message: Message
    fork: str
    limits: Limits

    def execute(self) -> Execution:
        """The result.

        Raises:
            TimeoutError: the limit of time was reached.
            _ElsewhereError: it might be another than the built-in backend's.
        """
        deadline = time.monotonic() + self.limits.seconds
        self._refuse()
        uses = self._uses()
        for name, reason in self._hazards():
            if name in uses:
                raise _ElsewhereError(reason)
        request = self._request()
        answer = self._ask(request, deadline)
        if "CALL" in uses and self._is_borrowed:
            if "GASLIMIT" in uses:
                raise _ElsewhereError("whether the account is called cannot be found out")
            if self._is_called_back(request, uses, deadline):
                raise _ElsewhereError("the account is called, where its own code is to run")
        return self._result(answer)

    @property
    def _is_borrowed(self) -> bool:
        """The code stands elsewhere, and pyrevm has to be told that it stands at the account."""
        return self.message.code != (self.world.account(self.message.to) or _NOBODY).code

    def _refuse(self) -> None:
        message, world = self.message, self.world
        if world.behind is not None:
            raise _ElsewhereError("pyrevm cannot read the state behind a scenario as it is needed")
        if message.is_create or message.is_static or message.blob_hashes:
            raise _ElsewhereError("pyrevm has no such message")
        if (world.account(message.sender) or _NOBODY).code:
            raise _ElsewhereError("revm refuses a sender that has code")
        if self.fork == "prague" and world.block.excess_blob_gas:
            raise _ElsewhereError("Prague has another blob base fee than revm's Cancun")
        if any(account.code.startswith(b"\xef\x01\x00") for account in world.accounts.values()):
            raise _ElsewhereError("revm's Cancun has no delegated accounts (EIP-7702)")

    def _hazards(self) -> Iterable[tuple[str, str]]:
        """What, if code may do it, pyrevm may do otherwise, and why."""
        yield "BLOCKHASH", "revm has block hashes of its own"
        yield "CREATE", "created code may read what revm has of its own"
        if self.world.block.base_fee:
            yield "BASEFEE", "pyrevm has no base fee"
        if self._gas_limit != self.world.block.gas_limit:
            yield "GASLIMIT", "revm wants a block that has room for the transaction"
        if not self._price():
            yield "GASPRICE", "revm wants a sender that can pay the gas price"
        if self._is_borrowed:
            yield "self", "code may look at the account's own, which is not where it stands"

    def _uses(self) -> frozenset[str]:
        """The opcodes, of those that matter, in whatever may run."""
        message = self.message
        if message.interprets:
            found = revm_code.uses(message.data, any_offset=True)
        else:
            found = revm_code.uses(message.code)
        for address, account in self.world.accounts.items():
            if account.code and address not in (message.to, self._lender):
                found |= revm_code.uses(account.code)
        return found

    @property
    def _lender(self) -> bytes | None:
        """The account that the code stands at, which is left out of the state, so that it is
        noticed when somebody reaches it: a kernel may do anything.
        """
        return self.message.code_address if self._is_borrowed else None

    # Requests

    def _price(self) -> int:
        """The gas price that revm is told, 0 if it would ask for money that is not there."""
        message = self.message
        balance = (self.world.account(message.sender) or _NOBODY).balance
        needed = (message.gas + self._intrinsic) * message.gas_price + message.value
        return message.gas_price if balance >= needed else 0

    @property
    def _gas_limit(self) -> int:
        """The block's gas limit, raised to what the transaction takes."""
        return max(self.world.block.gas_limit, self.message.gas + self._intrinsic)

    @property
    def _intrinsic(self) -> int:
        """What a transaction takes besides."""
        data = self.message.data
        return _TRANSACTION + 16 * len(data) - 12 * data.count(0)

    def _request(self) -> dict[str, Any]:
        message, block = self.message, self.world.block
        accounts = [
            _account(address, account, message.code if address == message.to else account.code)
            for address, account in self.world.accounts.items()
            if address != self._lender
        ]
        return {
            "block": {
                "number": block.number, "timestamp": block.timestamp,
                "coinbase": _hex(block.coinbase), "basefee": block.base_fee,
                "prevrandao": f"{block.prevrandao:064x}", "gas_limit": self._gas_limit,
                "excess_blob_gas": block.excess_blob_gas,
            },
            "chain_id": block.chain_id, "warm": [], "accounts": accounts,
            "sender": _hex(message.sender), "to": _hex(message.to), "data": message.data.hex(),
            "value": message.value, "gas": message.gas + self._intrinsic,
            "gas_price": self._price(),
        }

    def _ask(self, request: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        answer = _child().ask(request, deadline)
        if "failure" in answer:
            raise _ElsewhereError(f"pyrevm failed, {answer['failure']}")
        touched = set(answer["touched"])
        if self.fork == "prague" and touched & _BLS:
            raise _ElsewhereError("revm's Cancun has no precompiles of EIP-2537")
        if self._lender is not None and _hex(self._lender) in touched:
            raise _ElsewhereError("the account that lends its code is reached")
        return answer

    def _is_called_back(
        self, request: Mapping[str, Any], uses: frozenset[str], deadline: float
    ) -> bool:
        """Whether somebody calls the account, where its own code would run, not what it borrowed.

        Found out by a run in which the account has the code run from elsewhere if the sender of
        the transaction calls it, and lays a trail if anybody else does.
        """
        message = self.message
        code = revm_code.forwarder(message.gas)
        accounts = [
            [address, balance, nonce, code.hex() if address == _hex(message.to) else held, storage]
            for address, balance, nonce, held, storage in request["accounts"]
        ]
        place = _account(revm_code.CODE_PLACE, Account(nonce=1), message.code)
        # A 64th of the gas stays with the caller (EIP-150).
        gas = request["gas"] + message.gas // 32 + 1_000_000
        answer = self._ask(
            {**request, "accounts": [*accounts, place], "warm": [place[0]], "gas": gas,
             "gas_price": request["gas_price"] if "GASPRICE" in uses else 0,
             "block": {**request["block"], "gas_limit": gas}},
            deadline,
        )
        return _hex(revm_code.TRAP) in answer["touched"]

    # Results

    def _result(self, answer: Mapping[str, Any]) -> Execution:
        message, limits = self.message, self.limits
        spent = answer["gas_used"] + answer["refunded"] - self._intrinsic
        output = bytes.fromhex(answer["output"])
        if answer["halt"]:
            halted = _execution(
                "halt", _HALTS.get(answer["reason"], _OUT_OF_GAS), b"", message.gas
            )
            if answer["reason"] == _GAS_RAN_OUT:
                return halted
            # A kernel halts in its own ways for a guest; what the guest did wrong, its steps tell.
            return replace(halted, missing=tuple(sorted((*_UNTOLD, "error"))))
        if len(output) > limits.return_data:
            return _stopped(
                f"return data limit reached: {len(output):,} bytes, "
                f"{limits.return_data:,} are allowed"
            )
        if not answer["success"]:
            return _execution("revert", None, output, spent)
        if len(answer["logs"]) > limits.logs:
            return _stopped(f"log limit reached: {limits.logs:,} logs are allowed")
        ended = "return" if answer["reason"] == "Return" else "stop"
        return _execution("success", None, output, spent, ended=ended, **self._changes(answer))

    def _changes(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        state = answer["state"]
        storage, balances = [], []
        for name, entry in state["accounts"].items():
            address = bytes.fromhex(name[2:])
            for slot, old, new in entry["storage"]:
                storage.append(StorageChange(address, slot, old, new))
            before = (self.world.account(address) or _NOBODY).balance
            if before != entry["balance"]:
                balances.append((address, before, entry["balance"]))
        return {
            "refund": state["refund"],
            "logs": tuple(
                Log(bytes.fromhex(address[2:]), tuple(int(topic, 16) for topic in topics),
                    bytes.fromhex(data))
                for address, topics, data in answer["logs"]
            ),
            "storage": tuple(sorted(storage, key=lambda change: (change.address, change.slot))),
            "transient": tuple(
                StorageChange(bytes.fromhex(address[2:]), slot, 0, value)
                for address, slot, value in sorted(state["transient"])
            ),
            "balances": tuple(sorted(balances)),
        }


def _account(address: bytes, account: Account, code: bytes) -> list[Any]:
    storage = [[slot, value] for slot, value in account.storage.items() if value]
    return [_hex(address), account.balance, account.nonce, code.hex(), storage]


def _execution(
    outcome: str, error: str | None, output: bytes, gas_used: int, **changes: Any
) -> Execution:
    empty: dict[str, Any] = {
        "refund": 0, "logs": (), "storage": (), "transient": (), "balances": (),
    }
    return Execution(
        outcome=outcome, error=error, output=output, gas_used=gas_used, steps=0, inner_steps=0,
        stack=(), memory=b"", calls=(), created=(), codes={}, missing=_UNTOLD, **(empty | changes),
    )


def _stopped(error: str) -> Execution:
    """A limit of ours: pyrevm does not tell how far it has come."""
    found = _execution("limit", error, b"", 0)
    return replace(found, missing=tuple(sorted((*_UNTOLD, "gas"))))


def _hex(address: bytes) -> str:
    return "0x" + address.hex()


# The process --------------------------------------------------------------------------------------


class _Child:
    """A process that runs messages, one after the other; it is started anew after a kill."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def ask(self, request: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        """The answer to a request.

        Raises:
            TimeoutError: it took too long, and the process was killed.
        """
        with self._lock:
            try:
                begun = time.monotonic()
                process = self._started()
                # Its start is no part of the run.
                deadline += time.monotonic() - begun
                assert process.stdin is not None
                seconds = max(deadline - time.monotonic(), 0)
                line = json.dumps({**request, "seconds": seconds}).encode()
                process.stdin.write(line + b"\n")
                process.stdin.flush()
                return self._answer(deadline - time.monotonic())
            except BrokenPipeError:
                self._kill()
                return {"failure": "its process ended"}
            except BaseException:
                self._kill()  # what it answers from now on belongs to no request
                raise

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._kill()
        self._lines = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nvm_lsp.runner.revm_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        threading.Thread(
            target=_pump, args=(self._process.stdout, self._lines), daemon=True
        ).start()
        self._answer(_START_SECONDS)
        return self._process

    def _answer(self, seconds: float) -> Mapping[str, Any]:
        try:
            line = self._lines.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            raise TimeoutError from None
        if not line.endswith(b"\n"):
            raise BrokenPipeError
        answer: Mapping[str, Any] = json.loads(line)
        return answer

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def _pump(stream: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Hands lines over, so that waiting for one can end."""
    try:
        for line in stream:
            lines.put(line)
    except (OSError, ValueError):  # closed meanwhile
        pass
    lines.put(b"")


@lru_cache(maxsize=1)
def _child() -> _Child:
    child = _Child()
    atexit.register(child._kill)
    return child
