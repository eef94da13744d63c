"""Navigation in sessions of their own: position encodings, plain clients, large workspaces."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient

from tests.server.marked_files import Files

_SERVER = ClientServerConfig(server_command=[sys.executable, "-m", "nvm_lsp", "serve", "--stdio"])


@pytest_lsp.fixture(config=_SERVER)
async def bare(lsp_client: LanguageClient):
    """A server that nothing was said to yet."""
    yield
    await lsp_client.shutdown_session()


async def start(
    client: LanguageClient, root: Path, encoding: str | None = None,
    capabilities: lsp.ClientCapabilities | None = None,
) -> Files:
    capabilities = capabilities or lsp.ClientCapabilities()
    if encoding is not None:
        capabilities.general = lsp.GeneralClientCapabilities(
            position_encodings=[lsp.PositionEncodingKind(encoding)]
        )
    await client.initialize_session(
        lsp.InitializeParams(
            capabilities=capabilities,
            workspace_folders=[lsp.WorkspaceFolder(root.as_uri(), "workspace")],
        )
    )
    return Files(client, root)


@pytest.mark.parametrize(("encoding", "before"), [("utf-8", 15), ("utf-16", 13), ("utf-32", 12)])
async def test_columns_are_of_the_negotiated_encoding(
    bare: LanguageClient, tmp_path, encoding: str, before: int
):
    files = await start(bare, tmp_path, encoding)
    # In front of the name stand `%bytes "😀", `: 12 characters, one of them wide.
    files.write({"main.easm": '%def FEE = 1\n%bytes "😀", FEE:4\n'}, ["main.easm"])
    document = {"uri": files.uri("main.easm")}
    place = {"start": {"line": 1, "character": before}, "end": {"line": 1, "character": before + 3}}
    for column in (before, before + 3):
        (found,) = await files.request("textDocument/references", {
            "textDocument": document, "position": {"line": 1, "character": column},
            "context": {"includeDeclaration": False},
        })
        assert files.client.protocol._converter.unstructure(found.range) == place
    tokens = await files.request("textDocument/semanticTokens/full", {"textDocument": document})
    # %bytes, the string, FEE: each column from the one before.
    assert list(tokens.data[-20:])[1::5] == [0, 7, before - 7, 4]
    edits = await files.request("textDocument/formatting", {
        "textDocument": document, "options": {"tabSize": 4, "insertSpaces": True},
    })
    assert [edit.range.start.character for edit in edits] == [0]


async def test_a_plain_client_gets_plain_answers(bare: LanguageClient, tmp_path):
    files = await start(bare, tmp_path)
    files.write({"main.easm": "start:\nPUSH sta<|>rt\n%macro m()\nl:\n%end\n"})
    edit = await files.ask("textDocument/rename", newName="begin")
    assert [len(edits) for edits in edit.changes.values()] == [2]
    assert edit.document_changes is None
    symbols = await files.request(
        "textDocument/documentSymbol", {"textDocument": {"uri": files.uri("main.easm")}}
    )
    assert [(s.name, s.container_name) for s in symbols] == [
        ("start", None), ("m", None), ("l", "m"),
    ]


async def test_definitions_are_links_for_clients_that_take_them(bare: LanguageClient, tmp_path):
    takes = lsp.ClientCapabilities(
        text_document=lsp.TextDocumentClientCapabilities(
            definition=lsp.DefinitionClientCapabilities(link_support=True)
        )
    )
    files = await start(bare, tmp_path, capabilities=takes)
    files.write({
        "main.easm": '%include "lib.easm"\n%twi<|>ce(1)\n%macro m(x)\nPUSH x\n%end\n',
        "lib.easm": "%macro twice(x)\n😀:\n  DUP1 # 😀\n%end\n",
    })
    (link,) = await files.ask("textDocument/definition")
    assert link == lsp.LocationLink(
        origin_selection_range=lsp.Range(lsp.Position(1, 1), lsp.Position(1, 6)),
        target_uri=files.uri("lib.easm"),
        target_range=lsp.Range(lsp.Position(0, 0), lsp.Position(3, 4)),
        target_selection_range=lsp.Range(lsp.Position(0, 7), lsp.Position(0, 12)),
    )
    (place,) = await files.ask("textDocument/declaration")
    assert place == lsp.Location(link.target_uri, link.target_selection_range)
    files.cursor.position = lsp.Position(0, 12)
    (link,) = await files.ask("textDocument/definition")
    assert link.origin_selection_range == lsp.Range(lsp.Position(0, 10), lsp.Position(0, 18))
    assert link.target_uri == files.uri("lib.easm")
    files.cursor.position = lsp.Position(3, 5)
    (link,) = await files.ask("textDocument/definition")
    assert link.target_range == lsp.Range(lsp.Position(2, 0), lsp.Position(2, 11))


async def test_no_more_folds_than_the_client_takes_and_the_longest(bare: LanguageClient, tmp_path):
    takes = lsp.ClientCapabilities(
        text_document=lsp.TextDocumentClientCapabilities(
            folding_range=lsp.FoldingRangeClientCapabilities(range_limit=2)
        )
    )
    files = await start(bare, tmp_path, capabilities=takes)
    files.write({"main.easm": "# a\n# b\nb:\nADD\nc:\nADD\nADD\n%macro m()\nADD\nADD\nADD\n%end"},
                ["main.easm"])
    found = await files.request(
        "textDocument/foldingRange", {"textDocument": {"uri": files.uri("main.easm")}}
    )
    assert [(fold.start_line, fold.end_line) for fold in found] == [(4, 6), (7, 10)]


async def test_without_folders_only_open_files_are_renamed(bare: LanguageClient, tmp_path):
    await bare.initialize_session(
        lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), root_uri=None)
    )
    files = Files(bare, tmp_path)
    files.write({
        "main.easm": '%include "lib.easm"\nPUSH F<|>EE\n', "lib.easm": "%def FEE = 1\n",
    })
    with pytest.raises(Exception, match="which is outside of the workspace"):
        await files.ask("textDocument/rename", newName="PRICE")
    files.open("lib.easm")
    edit = await files.ask("textDocument/rename", newName="PRICE")
    assert len(edit.changes) == 2


async def test_mnemonics_are_links_if_wished(bare: LanguageClient, tmp_path):
    await bare.initialize_session(
        lsp.InitializeParams(
            capabilities=lsp.ClientCapabilities(), root_uri=tmp_path.as_uri(),
            initialization_options={"documentLinks": {"opcodes": True}},
        )
    )
    files = Files(bare, tmp_path)
    files.write({"main.easm": "%fork cancun\n  tload # 😀\nPUHS\nPUSH 1\n"}, ["main.easm"])
    (link,) = await files.request(
        "textDocument/documentLink", {"textDocument": {"uri": files.uri("main.easm")}}
    )
    assert link.target == "https://www.evm.codes/?fork=cancun#5c"
    assert link.range == lsp.Range(lsp.Position(1, 2), lsp.Position(1, 7))


async def asked_in_a_large_workspace(client: LanguageClient, root: Path):
    """The folder, and a request for references that takes a while, sent but not answered."""
    files = await start(client, root)
    filler = "".join(f"PUSH2 {number}\n" for number in range(200))
    many = {f"{n}.easm": f'%include "lib.easm"\nl{n}:\n{filler}' for n in range(200)}
    files.write({"lib.easm": "%def F<|>EE = 1\n", **many})
    params = lsp.ReferenceParams(
        text_document=files.cursor.text_document, position=files.cursor.position,
        context=lsp.ReferenceContext(include_declaration=True),
    )
    asked = asyncio.ensure_future(
        client.protocol.send_request_async("textDocument/references", params, msg_id="references")
    )
    await asyncio.sleep(0)
    return files, asked


async def test_references_in_a_large_workspace_can_be_cancelled(bare: LanguageClient, tmp_path):
    files, asked = await asked_in_a_large_workspace(bare, tmp_path)
    bare.cancel_request(lsp.CancelParams(id="references"))
    with pytest.raises(Exception, match="ancel"):
        await asked
    assert len(await files.request("textDocument/references", {
        "textDocument": {"uri": files.uri("lib.easm")},
        "position": {"line": 0, "character": 6}, "context": {"includeDeclaration": True},
    })) == 1


async def test_an_answer_about_an_older_text_is_not_given(bare: LanguageClient, tmp_path):
    files, asked = await asked_in_a_large_workspace(bare, tmp_path)
    files.edit("lib.easm", 0, 0, 0, "\n", 2)
    with pytest.raises(JsonRpcException, match="the text has changed") as raised:
        await asked
    assert raised.value.code == -32801
