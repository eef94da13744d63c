"""Renaming whatever the examples and the kernel define leaves their bytecode as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as lsp

from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.loader import MemoryLoader
from nvm_lsp.assembler.references import definitions
from nvm_lsp.runner.prepare import comment_diagnostics
from nvm_lsp.syntax import parse
from tests.server.marked_files import Files

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]


def edited(text: str, edits: list[lsp.TextEdit]) -> str:
    """The text after edits, each within a line of plain ASCII."""
    lines = text.splitlines(keepends=True)
    for edit in sorted(edits, key=lambda e: (e.range.start.line, -e.range.start.character)):
        number = edit.range.start.line
        line = lines[number]
        lines[number] = (
            line[: edit.range.start.character] + edit.new_text + line[edit.range.end.character :]
        )
    return "".join(lines)


def built(texts: dict[str, str], roots: list[str]) -> dict[str, tuple[bytes, list[str]]]:
    """Bytecode of programs, and what is said about them."""
    loader = MemoryLoader(dict(texts))
    out = {}
    for root in roots:
        assembly = assemble_text(texts[root], root, loader=loader)
        found = (*assembly.diagnostics, *comment_diagnostics(assembly, loader))
        out[root] = assembly.bytecode, [f"{d.code} {d.location}" for d in found]
    return out


@pytest.mark.parametrize("folder", ["examples", "nvm_lsp/kernel"])
async def test_bytecode_stays(files: Files, folder: str):
    texts = {
        str(path.relative_to(ROOT / folder)): path.read_text()
        for path in sorted((ROOT / folder).glob("**/*.easm"))
    }
    files.write(texts)
    included = {
        str(Path(name).parent / line.split('"')[1])
        for name, text in texts.items()
        for line in text.splitlines() if line.startswith("%include")
    }
    roots = [name for name in texts if name not in included]
    before = built(texts, roots)
    places = [
        (name, place)
        for name, text in texts.items()
        for place in definitions(parse(text, name))
    ]
    assert len(places) > 60
    # Every so many of them, so that each kind and each file has its turn.
    step = max(len(places) // 25, 1)
    for name, place in places[::step]:
        files.open(name)
        edit = await files.request("textDocument/rename", {
            "textDocument": {"uri": files.uri(name)},
            "position": {"line": place.line, "character": place.start},
            "newName": "quite.another_Name",
        })
        changes = {
            files.name(change.text_document.uri): change.edits for change in edit.document_changes
        }
        after = {
            name: edited(text, list(changes.get(name, ()))) for name, text in texts.items()
        }
        for root, (code, said) in built(after, roots).items():
            assert (code, [line.split()[0] for line in said]) == (
                before[root][0], [line.split()[0] for line in before[root][1]]
            ), f"renaming {place.name} in {name}, line {place.line + 1}: {said}"
        files.client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(files.uri(name)))
        )
