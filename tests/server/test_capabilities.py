"""What the server says that it can do, from a real initialize.

After adding a feature: ``python -m tests.server.test_capabilities`` writes the snapshot anew; look
at the difference before it is committed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from nvm_lsp.server.features import COMMANDS, FEATURES

SNAPSHOT = Path(__file__).with_name("capabilities.json")
#: Methods of ours that no capability tells of.
OUR_OWN = ("nvm/virtualDocument",)
#: Able to do all that decides what a server offers.
CLIENT: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "rename": {"prepareSupport": True},
        "codeAction": {"dataSupport": True, "resolveSupport": {"properties": ["edit"]}},
    },
    "workspace": {"workspaceFolders": True, "fileOperations": {"willRename": True}},
}


async def capabilities() -> dict[str, Any]:
    """The server's capabilities as they come over the wire."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvm_lsp", "serve", "--stdio",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def send(message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def receive() -> dict[str, Any]:
        length = 0
        while line := (await server.stdout.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(await server.stdout.readexactly(length))

    send({
        "id": 1, "method": "initialize",
        "params": {"processId": None, "rootUri": None, "capabilities": CLIENT},
    })
    answer = await receive()
    while answer.get("id") != 1:
        answer = await receive()
    send({"id": 2, "method": "shutdown"})
    send({"method": "exit"})
    await asyncio.wait_for(server.communicate(), 20)
    return answer["result"]["capabilities"]


def written(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


async def test_capabilities_are_those_of_the_snapshot():
    assert written(await capabilities()) == SNAPSHOT.read_text(), (
        "run python -m tests.server.test_capabilities and look at the difference"
    )


async def test_every_feature_of_the_table_is_offered():
    found = await capabilities()
    assert set(found["executeCommandProvider"]["commands"]) >= {row.name for row in COMMANDS}
    missing = [
        row.method for row in FEATURES
        if not any(found.get(f"{name}Provider") for name in _providers(row.method))
        and row.method.partition("/")[2] not in found["workspace"]
        and row.method[10:].removesuffix("Files") not in found["workspace"]["fileOperations"]
        and row.method not in OUR_OWN
    ]
    assert not missing, f"advertised nowhere: {missing}"


def _providers(method: str) -> list[str]:
    """Names of capabilities that a method may belong to."""
    area, _, rest = method.partition("/")
    name = rest.split("/")[0]
    names = [name, f"document{name[0].upper()}{name[1:]}", f"{area}{name[0].upper()}{name[1:]}"]
    names += {
        "prepareRename": ["rename"], "prepareCallHierarchy": ["callHierarchy"],
        "incomingCalls": ["callHierarchy"], "outgoingCalls": ["callHierarchy"],
        "rangesFormatting": ["documentRangeFormatting"],
        "symbol": ["workspaceSymbol"], "resolve": [area.removesuffix("Item")],
    }.get(name, [])
    return names


if __name__ == "__main__":
    SNAPSHOT.write_text(written(asyncio.run(capabilities())))
