"""A client for each test of a module, all of one server: starting one takes longer than most tests.

A module that says ``client = shared.client`` also says
``pytestmark = pytest.mark.asyncio(loop_scope="module")``.
"""

from __future__ import annotations

import pytest_asyncio
from lsprotocol import types as lsp
from pytest_lsp import LanguageClient


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared_client: LanguageClient):
    """The server's client, with nothing open and all settings at their defaults afterwards."""
    yield shared_client
    for uri in shared_client.__dict__.pop("opened", ()):
        shared_client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(text_document=lsp.TextDocumentIdentifier(uri=uri))
        )
    shared_client.workspace_did_change_configuration(
        lsp.DidChangeConfigurationParams(settings={"nvm-lsp": {}})
    )
    # Whatever was sent before has been handled when this is answered.
    await shared_client.workspace_symbol_async(lsp.WorkspaceSymbolParams(query=""))
    shared_client.diagnostics.clear()
    shared_client.log_messages.clear()


#: The program that sessions of real editors work on.
PROGRAM_OF_SESSIONS = """\
# A comment with an emoji 😀 and é.
start:
    PUSH1 3
    PUSH1 4
    ADDD
    PUSH1 done
    JUMP
done:
  PUSH1   0
    STOP
"""
