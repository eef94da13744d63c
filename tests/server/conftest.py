"""A real server in a process of its own, and a client that speaks to it."""

from __future__ import annotations

import asyncio
import shutil
import sys

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

from tests.server.marked_files import Files


def capabilities(*encodings: str) -> lsp.ClientCapabilities:
    return lsp.ClientCapabilities(
        general=lsp.GeneralClientCapabilities(
            position_encodings=[lsp.PositionEncodingKind(e) for e in encodings] or None
        ),
        workspace=lsp.WorkspaceClientCapabilities(
            inlay_hint=lsp.InlayHintWorkspaceClientCapabilities(refresh_support=False),
            workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
            text_document_content=lsp.TextDocumentContentClientCapabilities(),
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
            signature_help=lsp.SignatureHelpClientCapabilities(
                signature_information=lsp.ClientSignatureInformationOptions(
                    documentation_format=[lsp.MarkupKind.Markdown],
                    parameter_information=lsp.ClientSignatureParameterInformationOptions(
                        label_offset_support=True
                    ),
                )
            ),
            code_lens=lsp.CodeLensClientCapabilities(),
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


@pytest_lsp.fixture(
    scope="module",
    loop_scope="module",
    config=ClientServerConfig(server_command=[sys.executable, "-m", "nvm_lsp", "serve", "--stdio"]),
)
async def shared_client(lsp_client: LanguageClient):
    """One server for a module; `tests.server.shared` makes it the client of each of its tests."""
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
        client.__dict__.setdefault("opened", set()).add(uri)
        client.diagnostics.pop(uri, None)
        async with asyncio.timeout(60):  # instead of the whole run's limit
            while uri not in client.diagnostics:
                await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return list(client.diagnostics[uri])

    return opened


@pytest_lsp.fixture(
    scope="module",
    loop_scope="module",
    config=ClientServerConfig(server_command=[sys.executable, "-m", "nvm_lsp", "serve", "--stdio"]),
)
async def session(lsp_client: LanguageClient, tmp_path_factory):
    """One server for the tests of a module, with an empty folder as its workspace."""
    root = tmp_path_factory.mktemp("workspace").resolve()
    lsp_client.root = root
    lsp_client.initialized_with = await lsp_client.initialize_session(
        lsp.InitializeParams(
            capabilities=lsp.ClientCapabilities(
                text_document=lsp.TextDocumentClientCapabilities(
                    rename=lsp.RenameClientCapabilities(prepare_support=True),
                    document_symbol=lsp.DocumentSymbolClientCapabilities(
                        hierarchical_document_symbol_support=True
                    ),
                ),
                workspace=lsp.WorkspaceClientCapabilities(
                    workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
                    file_operations=lsp.FileOperationClientCapabilities(will_rename=True),
                ),
            ),
            workspace_folders=[lsp.WorkspaceFolder(root.as_uri(), "workspace")],
        )
    )
    yield
    await lsp_client.shutdown_session()


@pytest_asyncio.fixture(loop_scope="module")
async def files(session: LanguageClient):
    """The folder of that workspace, emptied and with nothing open."""
    marked = Files(session, session.root)
    yield marked
    await marked.close()
    for path in session.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
