"""Nodes that stutter, refuse or answer rubbish, played by a server of our own on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nvm_lsp.runner import rpc
from nvm_lsp.runner.rpc import Cache, NodeState, RpcError
from nvm_lsp.runner.scenario import ForkedState

HEADER = {
    "hash": "0x" + "ab" * 32, "timestamp": "0x5", "miner": "0x" + "00" * 20, "gasLimit": "0x1",
    "mixHash": "0x" + "00" * 32, "baseFeePerGas": "0x7",
}
ANSWERS = {
    "eth_getBlockByNumber": HEADER, "eth_chainId": "0x539", "eth_getBalance": "0x10",
    "eth_getTransactionCount": "0x1", "eth_getCode": "0x00", "eth_getStorageAt": "0x2a",
}
ADDRESS = b"\x11" * 20

Reply = Callable[[Any, int], tuple[int, bytes]]


def answer(question: Any) -> Any:
    """What a good node says to a call or to a batch of them."""
    if isinstance(question, list):
        return [answer(one) for one in question]
    return {"jsonrpc": "2.0", "id": question["id"], "result": ANSWERS[question["method"]]}


def good(question: Any, number: int) -> tuple[int, bytes]:
    return 200, json.dumps(answer(question)).encode()


class Node:
    """A server whose replies the test makes up; it counts what it was asked."""

    def __init__(self) -> None:
        self.reply: Reply = good
        self.asked: list[Any] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                question = json.loads(self.rfile.read(size))
                node.asked.append(question)
                status, body = node.reply(question, len(node.asked))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.01,), daemon=True
        )
        self.thread.start()

    def state(self, cache: Cache | None = None) -> NodeState:
        return NodeState(ForkedState(self.url, 9), cache or Cache(None))


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_PAUSE_SECONDS", 0.001)


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def test_a_node_that_stutters_is_asked_again(node: Node) -> None:
    node.reply = lambda question, number: (503, b"busy") if number < 3 else good(question, number)
    assert node.state().storage(ADDRESS, 0) == 42
    assert len(node.asked) == 4, "twice in vain, the block, the slot"


def test_a_node_that_is_never_well_is_given_up(node: Node) -> None:
    node.reply = lambda question, number: (503, b"busy")
    with pytest.raises(RpcError, match="cannot be reached: HTTP status 503"):
        node.state().account(ADDRESS)
    assert len(node.asked) == 4


def test_a_refusal_is_not_repeated(node: Node) -> None:
    node.reply = lambda question, number: (401, b"who are you")
    with pytest.raises(RpcError, match="refused: HTTP status 401"):
        node.state().account(ADDRESS)
    assert len(node.asked) == 1


def test_a_node_without_batches_is_asked_one_by_one(node: Node) -> None:
    def single(question: Any, number: int) -> tuple[int, bytes]:
        if isinstance(question, list):
            error = {"code": -32600, "message": "no batches"}
            return 200, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
        return good(question, number)

    node.reply = single
    account = node.state().account(ADDRESS)
    assert account is not None
    assert (account.balance, account.nonce, account.code) == (16, 1, b"\0")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "answers with something that is no JSON"),
        (b"[]", "refused eth_getBlockByNumber: no result"),
        (b"null", "refused eth_getBlockByNumber: no result"),
        (
            json.dumps(
                [{"id": 0, "error": {"message": "missing trie node"}}, {"id": 1, "result": "0x1"}]
            ).encode(),
            "refused eth_getBlockByNumber: missing trie node; does it keep the state",
        ),
    ],
)
def test_rubbish_is_said(node: Node, body: bytes, message: str) -> None:
    node.reply = lambda question, number: (200, body)
    with pytest.raises(RpcError, match=r"the node at http://127\.0\.0\.1") as caught:
        node.state().account(ADDRESS)
    assert message in str(caught.value)


def test_what_is_known_is_used_while_the_node_is_away(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    assert node.state(Cache.open(path)).storage(ADDRESS, 3) == 42
    node.reply = lambda question, number: (503, b"away")
    away = node.state(Cache.open(path))
    assert away.storage(ADDRESS, 3) == 42
    assert away.block()["base_fee"] == 7
    with pytest.raises(RpcError, match="cannot be reached"):
        away.storage(ADDRESS, 4)


def test_a_node_that_began_anew_does_not_meet_old_answers(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    assert node.state(Cache.open(path)).storage(ADDRESS, 3) == 42
    changed = {**ANSWERS, "eth_getStorageAt": "0x2b",
               "eth_getBlockByNumber": {**HEADER, "hash": "0x" + "cd" * 32}}

    def anew(question: Any, number: int) -> tuple[int, bytes]:
        calls = question if isinstance(question, list) else [question]
        found = [{"id": call["id"], "result": changed[call["method"]]} for call in calls]
        return 200, json.dumps(found if isinstance(question, list) else found[0]).encode()

    node.reply = anew
    assert node.state(Cache.open(path)).storage(ADDRESS, 3) == 43


@pytest.mark.parametrize(
    ("method", "value"),
    [("eth_getBalance", None), ("eth_getBalance", "16"), ("eth_getCode", "0x0"),
     ("eth_getTransactionCount", "0xzz"), ("eth_getBlockByNumber", {**HEADER, "miner": None})],
)
def test_answers_of_the_wrong_kind_are_said(
    node: Node, monkeypatch: pytest.MonkeyPatch, method: str, value: object
) -> None:
    monkeypatch.setitem(ANSWERS, method, value)
    state = node.state()
    question = state.block if method == "eth_getBlockByNumber" else lambda: state.account(ADDRESS)
    with pytest.raises(RpcError, match=r"where (a number|bytes) should be"):
        question()
