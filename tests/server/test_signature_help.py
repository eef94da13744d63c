"""Signature help as an editor meets it: `|` marks the cursor."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.server import shared
from tests.server.cursor import at_cursor

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///work/program.easm"
MACRO = "%macro add3(x, xy) takes(0) returns(1)\nPUSH x\nPUSH xy\nADD\n%end\n"


async def help_at(client, open_text, marked: str):
    text, position = at_cursor(marked)
    await open_text(text, URI)
    return await client.text_document_signature_help_async(
        lsp.SignatureHelpParams(
            text_document=lsp.TextDocumentIdentifier(uri=URI), position=position
        )
    )


async def test_the_parameter_at_the_cursor(client, open_text):
    for marked, label, active in [
        ("%add3(|", "%add3(x, xy) takes(0) returns(1)", "x"),
        ("%add3(1, |)", "%add3(x, xy) takes(0) returns(1)", "xy"),
        ('%add3((1 + 2) * 3, "a,b", |', "%add3(x, xy) takes(0) returns(1)", None),
        ('%add3(selector("f(uint256,address)|', 'selector("name(types)")', '"name(types)"'),
        ('%add3(selector("f(uint256)"), |', "%add3(x, xy) takes(0) returns(1)", "xy"),
        ("PUSH len(|", "len(label)", "label"),
        ("MSTORE |", "MSTORE [offset, value] -> []", "offset"),
        ('%bytes "😀", address(|', "address(0x…)", "0x…"),
    ]:
        found = await help_at(client, open_text, MACRO + marked + "\r\n")
        (signature,) = found.signatures
        assert signature.label == label, marked
        names = [label[p.label[0] : p.label[1]] for p in signature.parameters]
        index = found.active_parameter
        assert (names[index] if index < len(names) else None) == active, marked


async def test_what_is_said_beside_the_signature(client, open_text):
    documented = "# Sum of both.\n" + MACRO
    found = await help_at(client, open_text, documented + "%add3(|")
    assert found.signatures[0].documentation.value == "Sum of both."
    found = await help_at(client, open_text, MACRO + "%add3(|")
    assert "PUSH xy" in found.signatures[0].documentation.value
    found = await help_at(client, open_text, "CALLER\nPUSH1 7\nSSTORE |\n")
    said = found.signatures[0].documentation.value
    assert said == "Writes a word to storage.\n\nkey = `0x7` · value = `caller`"


async def test_nothing_where_nothing_is_being_filled_in(client, open_text):
    for marked in (
        "|", "ADD|", "PUSH1 |", "# add3(|", "STOP |", "DUP1 |", "nothing(|", "%nothing(|", "(|",
        "%add3()|",
    ):
        assert await help_at(client, open_text, MACRO + marked) is None, marked
    assert not client.log_messages
