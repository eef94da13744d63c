"""Forked state against a real node: anvil, from npm, on loopback.

``tests/node`` says which version; it is installed once, here if the set-up has not done it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.rpc import Cache, NodeState, RpcError
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario import CALLER, WALLET, ForkedState, Scenario
from nvm_lsp.runner.state_provider import StateError
from nvm_lsp.runner.world import Account

NODE = Path(__file__).parents[1] / "node"
STORE = bytes.fromhex("5702e0000000000000000000000000000000a11a")
# Called with a slot: gives the word of that slot.
STORE_CODE = "PUSH 0\nCALLDATALOAD\nSLOAD\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"


class Node:
    """A running anvil, with one contract of which slot 1 holds 42."""

    def __init__(self, url: str) -> None:
        self.url = url
        code = assemble_text(STORE_CODE).bytecode
        self.ask("anvil_setCode", "0x" + STORE.hex(), "0x" + code.hex())
        self.set(1, 42)
        self.ask("anvil_setBalance", "0x" + WALLET.hex(), hex(10**18))
        self.ask("anvil_mine", "0x3")
        self.block = int(self.ask("eth_blockNumber"), 16)

    def ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(
            self.url, body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = json.load(response)
        assert "error" not in answer, answer
        return answer["result"]

    def set(self, slot: int, value: int) -> None:
        self.ask("anvil_setStorageAt", "0x" + STORE.hex(), hex(slot), f"0x{value:064x}")

    def call(self, code: bytes) -> bytes:
        """What the node itself makes of code that runs as the wallet."""
        call = {"from": "0x" + CALLER.hex(), "to": "0x" + WALLET.hex(), "gas": hex(30_000_000)}
        override = {"0x" + WALLET.hex(): {"code": "0x" + code.hex()}}
        return bytes.fromhex(self.ask("eth_call", call, hex(self.block), override)[2:])


@pytest.fixture(scope="session")
def anvil() -> str:
    """The path of the program."""
    program = NODE / "node_modules" / ".bin" / "anvil"
    if not program.exists():
        npm = shutil.which("npm")
        assert npm is not None, "npm is needed to install the node that these tests fork from"
        # The version is exact, and so are those it depends on; it has one for each platform, which
        # a lock file written on one of them would leave out.
        options = ("--no-package-lock", "--no-audit", "--no-fund", "--silent")
        subprocess.run([npm, "install", "--prefix", str(NODE), *options], check=True, timeout=280)
    return str(program)


@pytest.fixture(scope="module")
def node(anvil: str) -> Iterator[Node]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [anvil, "--host", "127.0.0.1", "--port", str(port), "--silent", "--hardfork", "prague"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )
    try:
        for _ in range(400):
            assert process.poll() is None, process.stderr and process.stderr.read()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Node(f"http://127.0.0.1:{port}")
    finally:
        # The command is a script that starts the node itself, which would outlive it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVM_LSP_CACHE", str(tmp_path / "cache"))


def forked(node: Node, source: str, **changes: Any) -> Run:
    scenario = replace(Scenario(forked=ForkedState(node.url, node.block)), **changes)
    return run(Request(assemble_text(source).bytecode, scenario, trust_rpc=True))


def read_slot(slot: int) -> str:
    """Calls the contract for a slot; the word ends up on the stack."""
    return (
        f"PUSH {slot}\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nPUSH 32\nPUSH 0\nPUSH 0\n"
        f"PUSH20 0x{STORE.hex()}\nGAS\nCALL\nPOP\nPUSH 0\nMLOAD\n"
    )


RETURN_TOP = "PUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"


@pytest.mark.parametrize(
    "source",
    [
        read_slot(1),
        read_slot(9),
        f"PUSH20 0x{STORE.hex()}\nEXTCODEHASH\n",
        f"PUSH20 0x{STORE.hex()}\nEXTCODESIZE\n",
        "SELFBALANCE\n", "NUMBER\n", "TIMESTAMP\n", "CHAINID\n", "COINBASE\n", "PREVRANDAO\n",
        "GASLIMIT\n", "PUSH 1\nNUMBER\nSUB\nBLOCKHASH\n", "PUSH 3\nNUMBER\nSUB\nBLOCKHASH\n",
        "NUMBER\nBLOCKHASH\n", "PUSH20 0x70997970c51812dc3a010c7d01b50e0d17dc79c8\nBALANCE\n",
        "PUSH 77\nBALANCE\n",
    ],
)
def test_guests_see_what_the_nodes_own_calls_see(node: Node, source: str) -> None:
    code = assemble_text(source + RETURN_TOP)
    assert code.ok
    ours = forked(node, source + RETURN_TOP)
    assert ours.outcome == "return", ours.error
    assert ours.output == node.call(code.bytecode)


def test_fetched_values_survive_reverts_and_zeros_stay_zero(node: Node) -> None:
    # The wallet's own slot 5 is 7 at the node. A call that clears and reverts leaves it; clearing
    # it for good makes it 0, though the node goes on saying 7.
    node.ask("anvil_setStorageAt", "0x" + WALLET.hex(), "0x5", f"0x{7:064x}")
    node.ask("anvil_mine", "0x1")
    node.block = int(node.ask("eth_blockNumber"), 16)
    clear_and_revert = assemble_text("PUSH 0\nPUSH 1\nSSTORE\nPUSH 0\nPUSH 0\nREVERT").bytecode
    reverting = bytes.fromhex("4e" * 20)
    kept = forked(
        node,
        f"PUSH 0\nPUSH 0\nPUSH 0\nPUSH 0\nPUSH20 0x{reverting.hex()}\nGAS\nDELEGATECALL\nPOP\n"
        "PUSH 5\nSLOAD\n" + RETURN_TOP,
        accounts={reverting: Account(code=clear_and_revert.replace(b"\x60\x01", b"\x60\x05"))},
    )
    assert (kept.outcome, int.from_bytes(kept.output, "big")) == ("return", 7)
    assert kept.execution.storage == ()
    cleared = forked(node, "PUSH 0\nPUSH 5\nSSTORE\nPUSH 5\nSLOAD\n" + RETURN_TOP)
    assert int.from_bytes(cleared.output, "big") == 0
    (change,) = cleared.execution.storage
    assert (change.slot, change.before, change.after) == (5, 7, 0)


def test_what_the_scenario_says_outweighs_the_node(node: Node) -> None:
    said = forked(
        node, "SELFBALANCE\nNUMBER\nADD\n" + RETURN_TOP, balance=5,
        block=replace(Scenario().block, number=3), block_keys=frozenset({"number"}),
    )
    assert int.from_bytes(said.output, "big") == 8
    # A balance alone leaves the contract its code.
    richer = forked(
        node, read_slot(1) + f"PUSH20 0x{STORE.hex()}\nBALANCE\nADD\n" + RETURN_TOP,
        accounts={STORE: Account(balance=100)}, said={STORE: frozenset({"balance"})},
    )
    assert int.from_bytes(richer.output, "big") == 142


def test_the_block_is_pinned_and_answers_are_kept_on_disk(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def value() -> int:
        return int.from_bytes(forked(node, read_slot(1) + RETURN_TOP).output, "big")

    assert value() == 42
    # anvil writes into the state of its newest block, so that one must not be the pinned one.
    node.ask("anvil_mine", "0x1")
    node.set(1, 43)
    node.ask("anvil_mine", "0x1")
    assert value() == 42, "a later block changes nothing"
    from nvm_lsp.runner import rpc

    asked: list[str] = []
    original = rpc._ask

    def listening(url: str, questions: Any) -> list[Any]:
        asked.extend(method for method, _ in questions)
        return original(url, questions)

    monkeypatch.setattr(rpc, "_ask", listening)
    assert value() == 42
    assert set(asked) == {"eth_getBlockByNumber", "eth_chainId"}, "the rest was remembered"
    secret = (tmp_path / "cache" / "rpc.sqlite3").read_bytes()
    assert b"127.0.0.1" not in secret, "URLs may hold secrets"


def test_a_cache_that_cannot_be_used_costs_nothing_but_time(node: Node, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    cache = Cache.open(blocked / "rpc.sqlite3")
    state = NodeState(ForkedState(node.url, node.block), cache)
    account = state.account(STORE)
    assert account is not None
    assert account.code == assemble_text(STORE_CODE).bytecode
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"rubbish" * 1000)
    assert NodeState(ForkedState(node.url, node.block), Cache.open(broken)).account(STORE)


def test_the_node_is_off_unless_trusted(node: Node) -> None:
    scenario = Scenario(forked=ForkedState(node.url, node.block))
    with pytest.raises(StateError, match="is off unless you allow it"):
        run(Request(b"\0", scenario))


def test_a_missing_block_or_node_is_said(node: Node) -> None:
    def failure(url: str, block: int) -> str:
        with pytest.raises(RpcError) as caught:
            run(Request(b"\0", Scenario(forked=ForkedState(url, block)), trust_rpc=True))
        return str(caught.value)

    assert f"the node at {node.url} has no block 999999" in failure(node.url, 999_999)
    assert "cannot be reached" in failure("http://127.0.0.1:9", 1)


def test_the_command_line_reads_a_forked_scenario(node: Node, nvm: Any, tmp_path: Path) -> None:
    source = f"#@ rpc {node.url} block={node.block}\n{read_slot(1)}{RETURN_TOP}#= return 42\n"
    (tmp_path / "p.easm").write_text(source)
    refused = nvm("run", "p.easm")
    assert refused.returncode == 2
    assert "--allow-rpc" in refused.stderr
    done = nvm("run", "p.easm", "--allow-rpc")
    assert "word 0: 0x2a" in done.stdout
    assert nvm("test", "p.easm", "--allow-rpc").returncode == 0
    (tmp_path / "p.easm").write_text(source.replace(f"block={node.block}", ""))
    unpinned = nvm("run", "p.easm", "--allow-rpc")
    assert unpinned.returncode == 2
    assert "needs a pinned block" in unpinned.stderr
