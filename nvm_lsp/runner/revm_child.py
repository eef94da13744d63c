"""A process that runs messages on pyrevm, which knows no limit of time and cannot be stopped.

On standard input each line is a request as JSON, on standard output each line an answer. It
imports next to nothing but pyrevm, so that it starts fast.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from typing import IO, Any

from nvm_lsp.runner.child_process import restrict

__all__ = ["main"]

#: Bytes of address space for the process.
_MEMORY = 4 * 2**30
_GRACE_SECONDS = 5


def main() -> None:
    """Answers requests until standard input ends."""
    restrict(_MEMORY)
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever prints by mistake must not end up among the answers.
    os.dup2(2, 1)
    import pyrevm  # noqa: PLC0415 -- nobody else may import it

    _say(answers, {"ready": True})
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
            _end_after(request["seconds"] + _GRACE_SECONDS)
            answer = _run(pyrevm, request)
        except BaseException as error:  # what Rust panics with is no Exception
            answer = {"failure": f"{type(error).__name__}: {error}"}
        _end_after(0)
        _say(answers, answer)


def _say(answers: IO[bytes], answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
    answers.flush()


def _end_after(seconds: float) -> None:
    """Has the system end the process then, 0 for never: when its parent should long have done so.

    A run holds Python's lock, so that nothing here could.
    """
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _run(pyrevm: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """Runs one message. Addresses are 0x-strings, bytes are hex without 0x, numbers are numbers."""
    block = dict(request["block"])
    block["prevrandao"] = bytes.fromhex(block["prevrandao"])
    evm = pyrevm.EVM(
        env=pyrevm.Env(
            cfg=pyrevm.CfgEnv(chain_id=request["chain_id"]),
            block=pyrevm.BlockEnv(**block),
            tx=pyrevm.TxEnv(access_list=[(address, []) for address in request["warm"]]),
        ),
        gas_limit=block["gas_limit"],
    )
    for address, balance, nonce, code, storage in request["accounts"]:
        # `set_balance` would load the account, which makes it warm.
        evm.insert_account_info(
            address,
            pyrevm.AccountInfo(
                balance=balance, nonce=nonce, code=bytes.fromhex(code) if code else None
            ),
        )
        for slot, value in storage:
            # The first word goes where it belongs, but loads the account, and the next would be a
            # change of the run; taking back what was loaded keeps the word.
            checkpoint = evm.snapshot()
            evm.insert_account_storage(address, slot, value)
            evm.revert(checkpoint)
    output, failure = b"", ""
    try:
        output = bytes(
            evm.message_call(
                request["sender"], request["to"], calldata=bytes.fromhex(request["data"]),
                value=request["value"], gas=request["gas"], gas_price=request["gas_price"],
            )
        )
    except RuntimeError as error:
        failure = str(error)
    result = evm.result
    if result is None:
        return {"failure": failure}
    if not result.is_success and not result.is_halt:
        found = re.search(r"output: 0x([0-9a-f]*)", failure)
        output = bytes.fromhex(found[1]) if found is not None else b""
    answer: dict[str, Any] = {
        "success": result.is_success,
        "halt": result.is_halt,
        "reason": result.reason,
        "gas_used": result.gas_used,
        "refunded": result.gas_refunded,
        "output": output.hex(),
        "touched": [address.lower() for address in evm.db_accounts],
        "logs": [],
        "state": {},
    }
    if result.is_success:
        answer["logs"] = [
            [log.address.lower(), list(log.topics), log.data[1].hex()] for log in result.logs
        ]
        answer["state"] = _state(evm.journal_str, result)
    return answer


# The state after, out of the text of revm's journal -----------------------------------------------

_ACCOUNT = re.compile(
    r"(0x[0-9a-f]{40}): Account \{ info: AccountInfo \{ balance: (\d+), nonce: \d+, "
    r"code_hash: 0x[0-9a-f]{64}, code: (?:None|Some\(Bytecode \{ bytecode: 0x[0-9a-f]*, "
    r"state: (?:Raw|Checked \{ len: \d+ \}|Analysed \{ len: \d+, [^}]*\} \}) \}\)) \}, "
    r"storage: \{((?:\d+: StorageSlot \{ [^}]*\}(?:, )?)*)\}, status: AccountStatus\([^)]*\) \}"
)
_SLOT = re.compile(
    r"(\d+): StorageSlot \{ previous_or_original_value: (\d+), present_value: (\d+) \}"
)
_TRANSIENT = re.compile(r"\((0x[0-9a-f]{40}), (\d+)\): (\d+)")
_CHANGE = re.compile(
    r"\bStorageChange \{ address: (0x[0-9a-f]{40}), key: (\d+), had_value: Some\((\d+)\) \}"
)


def _state(text: str, result: Any) -> dict[str, Any]:
    """Accounts, transient storage and refund, from what revm shows of its journal.

    pyrevm gives no list of the slots that changed, and only the refund that was granted.
    """
    start = text.index(", transient_storage: {")
    end = text.index("}, logs: [", start)
    journal = text[text.index(", journal: [", end) :]
    accounts: dict[str, dict[str, Any]] = {}
    slots: dict[tuple[str, str], tuple[int, int]] = {}
    for found in _ACCOUNT.finditer(text, 0, start):
        address, balance, storage = found.groups()
        entry: dict[str, Any] = {"balance": int(balance), "storage": []}
        for slot, before, after in _SLOT.findall(storage):
            slots[address, slot] = int(before), int(after)
            if before != after:
                entry["storage"].append([int(slot), int(before), int(after)])
        accounts[address] = entry
    return {
        "accounts": accounts,
        "transient": [
            [address, int(slot), int(value)]
            for address, slot, value in _TRANSIENT.findall(text, start, end)
            if value != "0"
        ],
        "refund": _refund(journal, slots),
    }


def _refund(journal: str, slots: Mapping[tuple[str, str], tuple[int, int]]) -> int:
    """What the changes of storage give back, before the limit of a transaction (EIP-3529)."""
    values: dict[tuple[str, str], list[int]] = {}
    for address, slot, before in _CHANGE.findall(journal):
        values.setdefault((address, slot), []).append(int(before))
    refund = 0
    for key, history in values.items():
        original, present = slots[key]
        for current, new in zip(history, [*history[1:], present], strict=True):
            if current == new:
                continue
            if original and current == 0:
                refund -= 4800
            if original and new == 0:
                refund += 4800
            if new == original and current != original:
                refund += 2800 if original else 19_900
    return refund


if __name__ == "__main__":
    main()
