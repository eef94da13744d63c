"""A real server in a process of its own, and a client that speaks to it."""

from __future__ import annotations

import sys

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient


def capabilities(*encodings: str) -> lsp.ClientCapabilities:
    return lsp.ClientCapabilities(
        general=lsp.GeneralClientCapabilities(
            position_encodings=[lsp.PositionEncodingKind(e) for e in encodings] or None
        ),
        workspace=lsp.WorkspaceClientCapabilities(
            inlay_hint=lsp.InlayHintWorkspaceClientCapabilities(refresh_support=False),
            workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
        ),
        text_document=lsp.TextDocumentClientCapabilities(
            completion=lsp.CompletionClientCapabilities(
                completion_item=lsp.ClientCompletionItemOptions(
                    snippet_support=True,
                    documentation_format=[lsp.MarkupKind.Markdown],
                    deprecated_support=True,
                    tag_support=lsp.CompletionItemTagOptions(
                        value_set=[lsp.CompletionItemTag.Deprecated]
                    ),
                )
            ),
            code_action=lsp.CodeActionClientCapabilities(
                data_support=True,
                resolve_support=lsp.ClientCodeActionResolveOptions(properties=["edit"]),
            ),
        ),
    )


@pytest_lsp.fixture(
    config=ClientServerConfig(server_command=[sys.executable, "-m", "nvm_lsp", "serve", "--stdio"])
)
async def client(lsp_client: LanguageClient):
    await lsp_client.initialize_session(
        lsp.InitializeParams(capabilities=capabilities("utf-16"), root_uri=None)
    )
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def open_text(client: LanguageClient):
    """Opens a text and waits for its diagnostics."""

    async def opened(text: str, uri: str = "file:///work/program.easm") -> list[lsp.Diagnostic]:
        client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(
                text_document=lsp.TextDocumentItem(
                    uri=uri, language_id="easm", version=1, text=text
                )
            )
        )
        client.diagnostics.pop(uri, None)
        while uri not in client.diagnostics:
            await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return list(client.diagnostics[uri])

    return opened
