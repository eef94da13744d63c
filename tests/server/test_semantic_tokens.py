"""Semantic tokens: what each stretch is, and that edits of the answer give the new answer."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.server.marked_files import Files

pytestmark = pytest.mark.asyncio(loop_scope="module")


def legend(files: Files) -> lsp.SemanticTokensLegend:
    return files.client.initialized_with.capabilities.semantic_tokens_provider.legend


def described(files: Files, text: str, data) -> list[str]:
    """Each token's text and kind, `FEE variable.readonly`, line by line."""
    kinds = legend(files)
    lines = text.splitlines() or [""]
    out: list[str] = []
    line = column = 0
    for at in range(0, len(data), 5):
        lines_on, columns_on, length, kind, modifiers = data[at : at + 5]
        column = columns_on if lines_on else column + columns_on
        line += lines_on
        units = lines[line].encode("utf-16-le")[2 * column : 2 * (column + length)]
        words = [kinds.token_types[kind]]
        words += [m for i, m in enumerate(kinds.token_modifiers) if modifiers >> i & 1]
        out.append(f"{units.decode('utf-16-le')} {'.'.join(words)}")
    return out


async def full(files: Files, name: str = "main.easm"):
    return await files.request(
        "textDocument/semanticTokens/full", {"textDocument": {"uri": files.uri(name)}}
    )


async def check(files: Files, sources: dict[str, str] | str, expected: str, *opened: str):
    """The tokens of main.easm, one a line."""
    if isinstance(sources, str):
        sources = {"main.easm": sources}
    files.write(sources, ["main.easm", *opened])
    found = described(files, sources["main.easm"], (await full(files)).data)
    assert found == [line.strip() for line in expected.strip().splitlines()]


async def test_statements(files: Files):
    await check(files, """\
%fork cancun
%def FEE = 2 gwei + fork # 😀
start:
  jumpi
  PUSH start
  DUP1
  SELFDESTRUCT
  callcode
.data:
%bytes "😀", FEE:4, len(data):2
%table all [@start] width 2
%org 64 fill 0xfe
""", """
        %fork keyword
        cancun enumMember
        %def keyword
        FEE variable.declaration.readonly
        2 number
        gwei type.defaultLibrary
        + operator
        fork variable.readonly.defaultLibrary
        # 😀 comment
        start label.declaration
        jumpi keyword.controlFlow
        PUSH function.defaultLibrary.push
        start label
        DUP1 function.defaultLibrary.stack
        SELFDESTRUCT keyword.deprecated.controlFlow
        callcode function.deprecated.defaultLibrary.call
        data label.declaration
        %bytes keyword
        "😀" string
        FEE variable.readonly
        4 number
        len function.defaultLibrary
        data label
        2 number
        %table keyword
        all type.declaration
        @ operator
        start label
        width keyword
        2 number
        %org keyword
        64 number
        fill keyword
        0xfe number
    """)


async def test_names_mean_what_they_do_where_they_stand(files: Files):
    await check(files, """\
%def x = 1
%macro m(x) takes(0)
l:
PUSH x + l + y
%end
%m(x)
PUSH l
""", """
        %def keyword
        x variable.declaration.readonly
        1 number
        %macro keyword
        m macro.declaration
        x parameter.declaration
        takes keyword
        0 number
        l label.declaration
        PUSH function.defaultLibrary.push
        x parameter
        + operator
        l label
        + operator
        y variable
        %end keyword
        m macro
        x variable.readonly
        PUSH function.defaultLibrary.push
        l variable
    """)


async def test_comments(files: Files):
    await check(files, """\
#@ balance 2 * FEE
# plain
# [a, b]
%def FEE = 1
STOP #? storage[FEE]
STOP #= return 0x01
#@ deploy FEE lib/2x.easm balance=3 gwei
#@ kernel table
#@ abi a b.json
""", """
        #@ comment.documentation
        balance property
        2 number
        FEE variable.readonly
        # plain comment
        # [a, b] comment.documentation
        %def keyword
        FEE variable.declaration.readonly
        1 number
        STOP keyword.controlFlow
        #? comment.documentation
        storage property
        FEE variable.readonly
        STOP keyword.controlFlow
        #= comment.documentation
        return property
        0x01 number
        #@ comment.documentation
        deploy property
        FEE variable.readonly
        lib/2x.easm string
        balance property
        3 number
        gwei type.defaultLibrary
        #@ comment.documentation
        kernel property
        table enumMember
        #@ comment.documentation
        abi property
        a b.json string
    """)


async def test_errors_and_crlf(files: Files):
    await check(files, "PUHS 1\r\nPUSH 1 + # a\r\n%def A =\r\nADD\r\n", """
        1 number
        PUSH function.defaultLibrary.push
        1 number
        + operator
        # a comment
        %def keyword
        A variable.declaration.readonly
        ADD function.defaultLibrary
    """)


async def test_names_of_other_files(files: Files):
    await check(files, {
        "main.easm": '%include "lib.easm"\nPUSH FEE\nPUSH OUTER\n',
        "lib.easm": '%include "deep.easm"\n',
        "deep.easm": "%def FEE = 1\n",
        "outer.easm": '%include "main.easm"\n%table OUTER [] width 1\n',
    }, """
        %include keyword
        "lib.easm" string
        PUSH function.defaultLibrary.push
        FEE variable.readonly
        PUSH function.defaultLibrary.push
        OUTER type
    """, "outer.easm")


async def test_an_empty_file_has_none(files: Files):
    await check(files, "", "")


async def test_range(files: Files):
    text = "start:\n" * 200 + "PUSH 1 + 2\nPUSH 3\n" + "STOP\n" * 200
    files.write({"main.easm": text}, ["main.easm"])
    answer = await files.request("textDocument/semanticTokens/range", {
        "textDocument": {"uri": files.uri("main.easm")},
        "range": {
            "start": {"line": 200, "character": 5}, "end": {"line": 201, "character": 4},
        },
    })
    assert described(files, text, answer.data) == [
        "1 number", "+ operator", "2 number", "PUSH function.defaultLibrary.push",
    ]


async def test_deltas_of_random_edits_give_what_a_fresh_answer_is(files: Files):
    choose = random.Random(6)
    lines = [
        "start:", "  PUSH FEE # 😀", "  ADD", "", "%def FEE = 1", "%macro m(x)", "PUSH x", "%end",
        "%m(1)", "# comment", "%bytes 1, FEE:2", "PUSH 1 +", "FEE:",
    ]
    text = "".join(choose.choice(lines) + "\n" for _ in range(400))
    files.write({"main.easm": text}, ["main.easm"])
    answer = await full(files)
    known, number = list(answer.data), answer.result_id
    for version in range(2, 40):
        line = choose.randrange(400)
        new = "".join(choose.choice(lines) + "\n" for _ in range(choose.randrange(3)))
        files.edit("main.easm", line, 0, 0, new or "PUSH ", version)
        before = text.splitlines(keepends=True)
        text = "".join([*before[:line], new or "PUSH ", *before[line:]])
        answer = await files.request("textDocument/semanticTokens/full/delta", {
            "textDocument": {"uri": files.uri("main.easm")}, "previousResultId": number,
        })
        for edit in answer.edits:
            known[edit.start : edit.start + edit.delete_count] = edit.data or ()
        assert len(answer.edits) <= 1
        number = answer.result_id
        assert known == list((await full(files)).data)
        number = (await full(files)).result_id
    files.texts["fresh.easm"] = text
    files.open("fresh.easm")
    assert known == list((await full(files, "fresh.easm")).data)


async def test_a_delta_of_a_forgotten_result_is_whole(files: Files):
    files.write({"main.easm": "STOP\n"}, ["main.easm"])
    answer = await files.request("textDocument/semanticTokens/full/delta", {
        "textDocument": {"uri": files.uri("main.easm")}, "previousResultId": "long ago",
    })
    assert described(files, "STOP\n", answer.data) == ["STOP keyword.controlFlow"]


async def test_a_delta_without_an_edit_is_empty(files: Files):
    files.write({"main.easm": "STOP\n"}, ["main.easm"])
    answer = await files.request("textDocument/semanticTokens/full/delta", {
        "textDocument": {"uri": files.uri("main.easm")},
        "previousResultId": (await full(files)).result_id,
    })
    assert not answer.edits


async def test_what_a_name_is_changes_far_away(files: Files):
    text = "%def X = 1\n" + "ADD\n" * 500 + "PUSH X\n%macro m(Y)\n"
    text += "ADD\n" * 100 + "PUSH X\n%end\n"
    files.write({"main.easm": text}, ["main.easm"])
    assert "X variable.readonly" in described(files, text, (await full(files)).data)
    files.edit("main.easm", 0, 0, 10, "X:", 2)
    text = text.replace("%def X = 1", "X:")
    assert described(files, text, (await full(files)).data).count("X label") == 2
    files.edit("main.easm", 502, 9, 10, "X", 3)
    found = described(files, text.replace("(Y)", "(X)"), (await full(files)).data)
    assert (found.count("X label"), found.count("X parameter")) == (1, 1)


async def test_the_extension_colours_what_the_server_tells(files: Files):
    package = json.loads((Path(__file__).parents[2] / "editor-extension/package.json").read_text())
    (scopes,) = package["contributes"]["semanticTokenScopes"]
    for selector in scopes["scopes"]:
        kind, *modifiers = selector.split(".")
        assert kind in legend(files).token_types
        assert set(modifiers) <= set(legend(files).token_modifiers)
