"""Whatever a text is and wherever one asks, navigation answers and does not fail."""

from __future__ import annotations

import random

import pytest
from pygls.exceptions import JsonRpcException

from nvm_lsp.server.features import FEATURES
from tests.server.marked_files import Files

pytestmark = pytest.mark.asyncio(loop_scope="module")
LINES = (
    "start:", ".data:", "  PUSH start", "PUSH @start # [a, start]", "ADD # [", "%def A = 1 + B",
    "%def A =", "%macro m(x, y) takes(1)", "%macro (", "%end", "%if A", "%else", "%m(1, A)", "%m(",
    '%include "lib.easm"', '%include "', '%incbin "x"', "%table t [start, A] width 2", "%table",
    '%bytes "😀é", A:2', "%org A fill 1", "#@ deploy 0x01 lib.easm balance=A", "#@", "#? stack[A]",
    "#= return A", "# region", "# endregion", "", "\t", "PUSH 1 +", "x: y:", "é😀", '"', "%",
    "%fork cancun", "PUSH fork.cancun", "%assert A == 1", "\ufeffADD", "PUSH x y", "]", "#@ x=(A[",
)
ENDS = ("\n", "\n", "\n", "\r\n", "\r", "")
OPTIONS = {"tabSize": 4, "insertSpaces": True}
ROUNDS = 25
POSITION = {
    "definition", "declaration", "references", "documentHighlight", "prepareRename", "rename",
    "prepareCallHierarchy", "linkedEditingRange", "onTypeFormatting",
}
FILE = {"documentSymbol", "foldingRange", "documentLink", "formatting", "semanticTokens/full"}


def parameters(method: str, uri: str, choose: random.Random) -> dict | None:
    """Parameters for a request somewhere in a document or outside of it; None if it needs more."""
    position = {"line": choose.randrange(34), "character": choose.randrange(24)}
    later = {"line": position["line"] + choose.randrange(9), "character": choose.randrange(9)}
    more = {
        "references": {"context": {"includeDeclaration": True}},
        "rename": {"newName": choose.choice(("fresh", "start", "ADD", "m"))},
        "onTypeFormatting": {"ch": choose.choice(":\n"), "options": OPTIONS},
        "formatting": {"options": OPTIONS},
        "rangeFormatting": {"range": {"start": position, "end": later}, "options": OPTIONS},
        "semanticTokens/range": {"range": {"start": position, "end": later}},
        "selectionRange": {"positions": [position, later]},
        "semanticTokens/full/delta": {"previousResultId": "1"},
    }
    name = method.removeprefix("textDocument/")
    if method == "workspace/symbol":
        return {"query": choose.choice(("", "st", "😀"))}
    if name not in POSITION and name not in FILE and name not in more:
        return None
    document = {"textDocument": {"uri": uri}, **more.get(name, {})}
    return {**document, "position": position} if name in POSITION else document


async def test_no_request_fails(files: Files):
    choose = random.Random(2026)
    methods = [row.method for row in FEATURES]
    asked = set()
    for _ in range(ROUNDS):
        texts = {
            name: "".join(
                choose.choice(LINES) + choose.choice(ENDS) for _ in range(choose.randrange(30))
            )
            for name in ("main.easm", "lib.easm")
        }
        files.write(texts, ["main.easm"])
        uri = files.uri("main.easm")
        for method in methods:
            params = parameters(method, uri, choose)
            if params is None:
                continue
            asked.add(method)
            # A rename may be refused, and says why; the others have an answer to everything.
            refusals = (JsonRpcException,) if method.endswith("ename") else ()
            try:
                answer = await files.request(method, params)
            except refusals:
                continue
            for item in answer if method.endswith("prepareCallHierarchy") and answer else ():
                raw = {"item": files.client.protocol._converter.unstructure(item)}
                await files.request("callHierarchy/incomingCalls", raw)
                await files.request("callHierarchy/outgoingCalls", raw)
        await files.close()
        failed = [m.message for m in files.client.log_messages if "failed" in m.message]
        failed += [m.message for m in files.client.messages if "failed" in m.message]
        assert not failed, f"{failed} {texts}"
    assert len(asked) == 19
