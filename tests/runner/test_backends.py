"""pyrevm beside the built-in backend: what it tells is the same, and it says what it does not tell.

Where it is not installed (there are no wheels for every Python) that is what it says.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.conformance import ACCOUNTS, NOT_ON_REVM, WALLET, compare_backends
from benchmarks.guest_programs import program
from nvm_lsp.assembler import FileLoader, MemoryLoader, assemble_file, assemble_text
from nvm_lsp.kernel.image import build
from nvm_lsp.plugins import backends
from nvm_lsp.runner import revm, revm_code
from nvm_lsp.runner.prepare import prepare
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.run_json import to_json
from nvm_lsp.runner.scenario import CALLER, KERNEL_ADDRESS, Scenario
from nvm_lsp.runner.service import ExecutionService
from nvm_lsp.runner.world import Account, Block, Limits
from nvm_lsp.server.features.inlay_hint import run_tooltip

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(files("nvm_lsp.runner").joinpath("run.schema.json").read_text())
HAS_PYREVM = importlib.util.find_spec("pyrevm") is not None
needs_pyrevm = pytest.mark.skipif(not HAS_PYREVM, reason="pyrevm has no wheel for this Python")
_OTHER = bytes.fromhex("00000000000000000000000000000000000000aa")


def calls(target: str, *, value: int = 0, output: int = 0) -> str:
    return (
        f"PUSH {output}\nPUSH 0\nPUSH 0\nPUSH 0\nPUSH {value}\nPUSH {target}\nGAS\nCALL\n"
    )


def request(source: str, **scenario: Any) -> Request:
    assembly = assemble_text(source)
    assert assembly.ok, [d.message for d in assembly.diagnostics]
    return Request(assembly.bytecode, Scenario(**scenario))


def on(backend: str, asked: Request, **changes: Any) -> Run:
    fields = {
        name: getattr(asked, name) for name in Request.__slots__ if name not in ("backend",)
    }
    return run(Request(**{**fields, "backend": backend, **changes}))


def check(asked: Request, note: str = "", **changes: Any) -> Run:
    """Both backends tell the same of a run, as far as pyrevm tells it; ``note`` is in its notes."""
    result = on("pyrevm", asked, **changes)
    found = to_json(result)
    jsonschema.validate(found, SCHEMA)
    known = to_json(on("py-evm", asked, **changes))
    if "last" in found["missing"]:
        known["decoded"]["detail"] = None  # it says where
        for row in known["decoded"]["storage"]:
            row["pc"] = None
    for key, value in known.items():
        if key not in {*found["missing"], "backend", "notes", "missing"}:
            assert found[key] == value, key
    assert note in " ".join(found["notes"]), found["notes"]
    assert bool(note) == bool(found["notes"]), found["notes"]
    return result


# What it runs itself ------------------------------------------------------------------------------

_RETURNS = "PUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"
PROGRAMS = {
    "nothing": "STOP\n",
    "a sum": "PUSH 4\nPUSH 3\nADD\n" + _RETURNS,
    "a loop": "PUSH 300\nloop:\nPUSH 1\nSWAP1\nSUB\nDUP1\nPUSH loop\nJUMPI\nSTOP\n",
    "storage": "PUSH 7\nPUSH 1\nSSTORE\nPUSH 0\nPUSH 5\nSSTORE\nPUSH 5\nPUSH 6\nSSTORE\n",
    "a refund over the limit": "".join(f"PUSH 0\nPUSH {slot}\nSSTORE\n" for slot in range(5, 9)),
    "a word there and back": "PUSH 9\nPUSH 5\nSSTORE\nPUSH 75\nPUSH 5\nSSTORE\n",
    "a word cleared and set": "PUSH 0\nPUSH 5\nSSTORE\nPUSH 9\nPUSH 5\nSSTORE\n",
    "transient storage": "PUSH 7\nPUSH 1\nTSTORE\nPUSH 1\nTLOAD\nPUSH 2\nTSTORE\n",
    "logs": "PUSH 8\nPUSH 7\nPUSH 40\nPUSH 3\nLOG2\nPUSH 0\nPUSH 0\nLOG0\n",
    "a revert": "PUSH 1\nPUSH 1\nSSTORE\nPUSH 64\nPUSH 0\nREVERT\n",
    "out of gas": "loop:\nPUSH loop\nJUMP\n",
    "the block": "TIMESTAMP\nNUMBER\nPREVRANDAO\nCOINBASE\nCHAINID\nBLOBBASEFEE\nADD\nADD\nADD\n"
                 "ADD\nADD\n" + _RETURNS,
    "who": "CALLER\nORIGIN\nADDRESS\nCALLVALUE\nSELFBALANCE\nADD\nADD\nADD\nADD\n" + _RETURNS,
    "gas left": "GAS\n" + _RETURNS,
    "a call": calls("0xaa", value=3, output=64) + _RETURNS,
    "a call that fails": calls("0xab") + _RETURNS,
    "a precompile": "PUSH 32\nPUSH 0\nPUSH 32\nPUSH 0\nPUSH 2\nGAS\nSTATICCALL\nPUSH 32\nPUSH 0\n"
                    "RETURN\n",
    "ether for nobody": calls("0xdead", value=5) + "STOP\n",
    "an end of the account": "PUSH 1\nPUSH 1\nSSTORE\nPUSH 0xbeef\nSELFDESTRUCT\n",
    "an end in its own favour": "ADDRESS\nSELFDESTRUCT\n",
    "another's code": calls("0xaa").replace("CALL\n", "CALLCODE\n") + _RETURNS,
}
#: Counts its calls in slot 0, tells how much it was sent, and what it reads is warm the next time.
_COUNTER = "PUSH 0\nSLOAD\nPUSH 1\nADD\nDUP1\nPUSH 0\nSSTORE\nCALLVALUE\nADD\n" + _RETURNS
_SETTING: dict[str, Any] = {
    "balance": 10**18, "value": 3, "storage": {slot: 70 + slot for slot in range(5, 10)},
    "accounts": {
        _OTHER: Account(nonce=1, balance=9, code=assemble_text(_COUNTER).bytecode,
                        storage={0: 41, 1: 2}),
        bytes(19) + b"\xab": Account(nonce=1, code=b"\xfe"),
    },
}


@needs_pyrevm
@pytest.mark.parametrize("profile", ["table", "threaded", "native"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_run_comes_to_the_same(name: str, profile: str) -> None:
    target = {"target": "evm"} if profile == "native" else {"profile": profile}
    result = check(request(PROGRAMS[name], **_SETTING, **target, gas=1_000_000))
    assert {"steps", "stack", "calls"} <= set(result.execution.missing)
    if target == {"profile": "threaded"}:
        check(request(PROGRAMS[name], **_SETTING, mode="call", gas=1_000_000, fork="cancun"))


@needs_pyrevm
@pytest.mark.parametrize(
    "source",
    ["ADD\n", "PUSH 3\nJUMP\n", "INVALID\n", "PUSH 2\nPUSH 0\nPUSH 0\nRETURNDATACOPY\n",
     "PUSH 0x100000000000\nMLOAD\n", "%bytes 0x0c\n"],
)
@pytest.mark.parametrize("target", ["nvm", "evm"])
def test_why_a_guest_halts_is_found_out(source: str, target: str) -> None:
    result = check(request(source, target=target), "steps, stack, memory and calls are py-evm's")
    assert result.outcome == "halt"
    assert result.last is not None


@needs_pyrevm
def test_steps_are_told_where_they_are_asked_for() -> None:
    note = "steps, stack, memory and calls are py-evm's"
    asked = request(PROGRAMS["a call"], **_SETTING)
    result = check(asked, note, steps=True)
    assert result.execution.missing == ()
    assert result.steps
    assert f"*{note}" in run_tooltip(to_json(result))
    check(asked, note, snapshots="all")
    probed = assemble_text("PUSH 7 #? stack[0]\nSTOP\n")
    prepared = prepare(probed, MemoryLoader({})).request
    assert [seen.value for seen in on("pyrevm", prepared).seen] == [7]


@needs_pyrevm
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.easm")), ids=lambda p: p.name)
def test_examples_come_to_the_same(path: Path) -> None:
    assembly = assemble_file(str(path))
    for case in prepare(assembly, FileLoader()).cases:
        assert check(Request(assembly.bytecode, case.scenario)).request.backend == "pyrevm"


@needs_pyrevm
def test_expectations_hold_on_it(nvm) -> None:
    tested = nvm("test", str(ROOT / "examples"), "--backend", "pyrevm")
    assert tested.returncode == 0, tested.stdout
    assert "all passed" in tested.stdout


@needs_pyrevm
@pytest.mark.parametrize("options", [
    {"profile": "table"}, {"profile": "threaded", "fork": "cancun"},
    {"profile": "threaded", "verifier": True, "debug": True, "delegatecall_only": True},
], ids=str)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_random_programs_come_to_the_same(options: dict[str, Any], seed: int) -> None:
    kernel = build(**options)
    accounts = tuple(each for each in ACCOUNTS if each != int.from_bytes(WALLET, "big"))
    code = program(Random(seed), accounts, kernel.build.fork, avoid=NOT_ON_REVM)
    differences = compare_backends(code, kernel)
    assert not differences, f"{code.hex()}:\n" + "\n".join(differences or ())


# What it leaves to the other ----------------------------------------------------------------------

_SELF = "ADDRESS\n"
ELSEWHERE = {
    "block hashes": ("PUSH 1\nNUMBER\nSUB\nBLOCKHASH\n" + _RETURNS, {}),
    "base fee": ("BASEFEE\n" + _RETURNS, {}),
    "room for the transaction": ("GASLIMIT\n" + _RETURNS, {}),
    "pay the gas price": ("GASPRICE\n" + _RETURNS, {}),
    "created code": ("PUSH 0\nPUSH 0\nPUSH 0\nCREATE\n" + _RETURNS, {}),
    "look at the account's own": (_SELF + "EXTCODESIZE\n" + _RETURNS, {}),
    "where its own code is to run": (calls("0x3a11e70000000000000000000000000000000001", value=1)
                                     + _RETURNS, {"balance": 5}),
    "lends its code is reached": (calls(f"0x{KERNEL_ADDRESS.hex()}") + _RETURNS, {}),
    "no precompiles of EIP-2537": (calls("0x0c") + _RETURNS, {}),
    "a sender that has code": ("STOP\n", {"accounts": {CALLER: Account(code=b"\0", nonce=1)}}),
    "another blob base fee": ("BLOBBASEFEE\n" + _RETURNS,
                              {"block": Block(excess_blob_gas=10**8)}),
    "no delegated accounts": (
        calls("0xaa"),
        {"accounts": {_OTHER: Account(code=b"\xef\x01\x00" + bytes(19) + b"\xbb")}},
    ),
}


@needs_pyrevm
@pytest.mark.parametrize("reason", ELSEWHERE)
def test_what_revm_would_do_otherwise_is_run_by_py_evm(reason: str) -> None:
    source, scenario = ELSEWHERE[reason]
    check(request(source, **scenario), reason)


@needs_pyrevm
def test_an_account_that_calls_back_is_found_behind_a_revert() -> None:
    """The call back leaves nothing in the state, and yet it must not run the guest's kernel."""
    back = assemble_text(
        calls("0x3a11e70000000000000000000000000000000001") + "PUSH 0\nPUSH 0\nREVERT\n"
    ).bytecode
    asked = request(calls("0xaa") + _RETURNS, accounts={_OTHER: Account(nonce=1, code=back)})
    check(asked, "where its own code is to run")


@needs_pyrevm
def test_gas_price_and_gas_limit_where_revm_has_them() -> None:
    rich = {CALLER: Account(balance=10**20)}
    check(request("GASPRICE\n" + _RETURNS, accounts=rich))
    check(request("GASLIMIT\n" + _RETURNS, gas=1_000_000))
    check(request("BASEFEE\n" + _RETURNS, block=Block(base_fee=0)))


@pytest.mark.parametrize(
    ("code", "any_offset", "found"),
    [
        ("6040", False, set()), ("40", False, {"BLOCKHASH"}), ("6140", False, set()),
        ("61405b00", False, set()), ("61405b00", True, {"BLOCKHASH"}), ("614000", True, set()),
        ("f13b", False, {"CALL", "self"}), ("", True, set()),
    ],
)
def test_what_code_may_come_to(code: str, any_offset: bool, found: set[str]) -> None:
    assert revm_code.uses(bytes.fromhex(code), any_offset) == found


# Choosing it --------------------------------------------------------------------------------------


@needs_pyrevm
@pytest.mark.parametrize("fork", ["shanghai", "osaka"])
def test_forks_that_it_does_not_have_are_refused(nvm, fork: str) -> None:
    done = nvm("run", "0x00", "--backend", "pyrevm", "--fork", fork)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"the rules of cancun and prague only; for {fork} use the backend py-evm" in done.stderr


def test_an_unknown_backend_is_told_the_known_ones(nvm) -> None:
    assert {"py-evm", "pyrevm"} <= set(backends())
    done = nvm("run", "0x00", "--backend", "geth")
    assert done.returncode == 2
    assert "py-evm, pyrevm" in done.stderr


def test_where_it_is_not_installed_it_says_how(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'nvm-lsp\[fast\]'"):
        run(Request(b"\0", backend="pyrevm"))


@needs_pyrevm
def test_what_is_missing_is_said_to_people_too(nvm) -> None:
    said = nvm("run", "0x600700", "--backend", "pyrevm").stdout
    assert "not told      calls, console" in said
    assert "guest memory" not in said
    full = nvm("run", "0x600700", "--backend", "pyrevm", "--steps").stdout
    assert "steps, stack, memory and calls are py-evm's" in full
    assert "guest memory" in full


@needs_pyrevm
def test_a_failed_expectation_is_shown_with_its_place(nvm, tmp_path: Path) -> None:
    source = "PUSH 1\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN #= return 2\n"
    (tmp_path / "a.easm").write_text(source)
    done = nvm("test", "a.easm", "--backend", "pyrevm", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.easm:6" in done.stdout


# Its process --------------------------------------------------------------------------------------


@needs_pyrevm
def test_a_run_without_end_is_stopped() -> None:
    asked = request(PROGRAMS["out of gas"], gas=10**15)
    began = time.monotonic()
    result = on("pyrevm", asked, limits=Limits(seconds=0.3), native=False)
    assert (result.outcome, result.error) == ("limit", "time limit reached: 0.3 s")
    assert "gas" in result.execution.missing
    assert time.monotonic() - began < 60
    check(request("STOP\n"))


@needs_pyrevm
def test_a_run_too_long_for_steps_has_its_result() -> None:
    asked = request(PROGRAMS["a loop"].replace("300", "300000"), gas=10**9)
    result = on("pyrevm", asked, limits=Limits(seconds=4), native=False, steps=True)
    assert (result.outcome, result.gas_used > 10**8) == ("stop", True)
    assert "steps are not told: py-evm says time limit reached: 4 s" in result.execution.notes
    assert "steps" in result.execution.missing


@needs_pyrevm
def test_a_process_that_has_died_is_started_anew() -> None:
    check(request("STOP\n"))
    process = revm._child()._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    check(request("STOP\n"))


@needs_pyrevm
def test_a_process_that_dies_amid_a_run_costs_no_result() -> None:
    class Dying(revm._Child):
        def _answer(self, seconds: float) -> Any:
            answer = super()._answer(seconds)
            if "ready" not in answer:
                raise BrokenPipeError
            return answer

    revm._child()._kill()
    revm._child.cache_clear()
    monkey = pytest.MonkeyPatch()
    monkey.setattr(revm, "_Child", Dying)
    try:
        check(request("PUSH 1\nSTOP\n"), "pyrevm failed, its process ended")
    finally:
        revm._child()._kill()
        monkey.undo()
        revm._child.cache_clear()


@needs_pyrevm
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_cancelled_run_takes_pyrevms_process_with_it() -> None:
    asked = replace(request(PROGRAMS["out of gas"], gas=10**15), backend="pyrevm")

    async def cancelled() -> None:
        service = ExecutionService(workers=1)
        await service.start()
        task = asyncio.create_task(service.run(replace(asked, limits=Limits(seconds=120))))
        (worker,) = await until(lambda: [w.process.pid for w in service._all - set(service._idle)])
        # Its run is under way, once it has taken half a second.
        (process,) = await until(
            lambda: [each for each in children(worker) if int(state_of(each)[11]) > 50]
        )
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: state_of(process)[0] in "ZX")
        await service.close()

    def children(process: int) -> list[int]:
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text()
                .split()]

    def state_of(process: int) -> list[str]:
        """Its state, and what else stands behind its name; see proc(5)."""
        try:
            text = Path(f"/proc/{process}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ["X", *["0"] * 11]
        return text.rsplit(")", 1)[1].split()

    async def until(condition: Any) -> Any:
        for _ in range(1200):
            found = condition()
            if found:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError("nothing came of it within a minute")

    asyncio.run(cancelled())
