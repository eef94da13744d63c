"""Symbols, folding, selection and links, asked as an editor asks."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from tests.server.cursor import applied
from tests.server.marked_files import Files, Mark

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(files: Files, method: str, text: str, **more):
    """The answer about a file that holds just this text."""
    files.write({"main.easm": text}, ["main.easm"])
    document = {"uri": files.uri("main.easm")}
    return await files.request(f"textDocument/{method}", {"textDocument": document, **more})


# Document symbols ---------------------------------------------------------------------------------


def outline(symbols, depth: int = 0) -> list[str]:
    """A line a symbol: indented name, kind, lines from one, detail."""
    out = []
    for symbol in symbols or ():
        first, last = symbol.range.start.line + 1, symbol.range.end.line + 1
        assert symbol.selection_range.start.line + 1 == first
        line = f"{'  ' * depth}{symbol.name} {symbol.kind.name} {first}-{last}"
        out.append(f"{line} {symbol.detail}" if symbol.detail else line)
        out += outline(symbol.children, depth + 1)
    return out


SYMBOLS = {
    "all kinds": ("""\
%def FEE = 2 * 3 # 😀
start:
  ADD

# other:
other:
.data:
%table all [start] width 2
%macro m(a, b) takes(1) returns(2)
inner:
  PUSH a
.here:
%end
""", """
        FEE Constant 1-1 = 2 * 3
        start Method 2-3
        other Method 6-6
        data Field 7-7
        all Array 8-8 1 entry of 2 bytes
        m Function 9-13 (a, b) takes 1 returns 2
          inner Method 10-11
          here Field 12-12
    """),
    "labels in branches end with them": ("""\
%if 1
a:
  ADD
%else
b:
  MUL
%end
  SUB
c:
%if 2
  ADD
%end
  SUB
""", """
        a Method 2-3
        b Method 5-6
        c Method 9-13
    """),
    "errors": ("""\
start:
PUHS
%def FEE =
other: ADD
%macro open(
  ADD
""", """
        start Method 1-3
        FEE Constant 3-3
        other Method 4-4
        open Function 5-6
    """),
    "a macro that is not closed": (
        "%macro a()\nl:\nADD\n%macro b()\nl:\n%end\nc:\n", """
        a Function 1-3 ()
          l Method 2-3
        b Function 4-6 ()
          l Method 5-5
        c Method 7-7
    """),
    "CRLF": ("a:\r\n  ADD\r\n\r\nb:\r\n", "a Method 1-2\nb Method 4-4"),
    "empty": ("", ""),
}


@pytest.mark.parametrize("title", SYMBOLS)
async def test_document_symbols(files: Files, title: str):
    text, expected = SYMBOLS[title]
    found = outline(await ask(files, "documentSymbol", text))
    lines = expected.rstrip().splitlines()
    indent = len(lines[1]) - len(lines[1].lstrip()) if len(lines) > 1 else 0
    assert found == [line[indent:] for line in lines if line.strip()]


# Workspace symbols --------------------------------------------------------------------------------


async def test_workspace_symbols_of_files_open_and_not(files: Files):
    files.write({
        "open.easm": "⟦transfer_fee⟧: # 😀\nADD\n",
        "lib/closed.easm": "%macro ⟦TransferAll⟧()\n⟦transfer_inner⟧:\n%end\n%def OTHER = 1\n",
        ".hidden/x.easm": "transfer_hidden:\n",
        "note.txt": "transfer_text:\n",
    }, ["open.easm"])
    found = await files.request("workspace/symbol", {"query": "transf"})
    assert files.marks(symbol.location for symbol in found) == sorted(files.expected)
    assert {symbol.name: symbol.container_name for symbol in found} == {
        "transfer_fee": "open.easm", "TransferAll": "closed.easm",
        "transfer_inner": "TransferAll",
    }


async def test_workspace_symbols_are_found_loosely_best_first(files: Files):
    files.write({"a.easm": "a_fee:\nfee:\nfee_2:\nxfee:\nf_e_e:\nfree:\nefe:\n"})
    found = await files.request("workspace/symbol", {"query": "fee"})
    assert [symbol.name for symbol in found] == [
        "fee", "fee_2", "a_fee", "xfee", "f_e_e", "free",
    ]


@pytest.mark.parametrize(("query", "names"), [
    ("tf", ["toFee", "lib.TheFee", "transfer_fee", "tof"]),
    ("trans fee", ["transfer_fee"]),
    ("%the", ["lib.TheFee", "other"]),
    ("TFL", []),
])
async def test_workspace_symbols_are_found_by_initials(files: Files, query, names):
    files.write({"a.easm": "transfer_fee:\ntoFee:\ntof:\nother:\n%def lib.TheFee = 1\n"})
    found = await files.request("workspace/symbol", {"query": query})
    assert [symbol.name for symbol in found] == names


async def test_workspace_symbols_are_as_the_editor_has_them(files: Files):
    files.write({"a.easm": "before:\n"}, ["a.easm"])
    files.edit("a.easm", 0, 0, 6, "after", 2)
    found = await files.request("workspace/symbol", {"query": ""})
    assert [symbol.name for symbol in found] == ["after"]


# Folding ------------------------------------------------------------------------------------------

FOLDS = {
    "blocks": (
        "%macro m()\n%if 1\nADD\n%else\nMUL\nSUB\n%end\n%end\n",
        "0-6, 1-2, 3-5",
    ),
    "labels": ("a:\n  ADD\n  ADD\n\n# b\nb:\n  ADD\n", "0-2, 5-6"),
    "comments and includes": (
        '# a\n# b\n# c\n%include "x"\n%include "y"\nADD # no\n# one\n',
        "0-2 comment, 3-4 imports",
    ),
    "regions": ("# region A\nADD\n# region B\nADD\n# endregion\n# endregion\n",
                "0-5 region, 2-4 region"),
    "not closed": ("%macro m()\nADD\n\n%if 1\nADD", "0-4, 3-4"),
    "syntax errors": ("a:\nPUHS +\n+\n", "0-2"),
    "CRLF": ("%if 1\r\nADD\r\n%end\r\n", "0-1"),
    "one line": ("a:", ""),
    "empty": ("", ""),
}


@pytest.mark.parametrize("title", FOLDS)
async def test_folding(files: Files, title: str):
    text, expected = FOLDS[title]
    found = await ask(files, "foldingRange", text)
    assert ", ".join(
        f"{fold.start_line}-{fold.end_line}" + (f" {fold.kind}" if fold.kind else "")
        for fold in found
    ) == expected


# Selection ----------------------------------------------------------------------------------------


async def selections(files: Files, marked: str) -> list[str]:
    """The texts that are selected one after the other from `<|>`."""
    files.write({"main.easm": marked})
    text, position = files.texts["main.easm"], files.cursor.position
    (chain,) = await files.request("textDocument/selectionRange", {
        "textDocument": {"uri": files.uri("main.easm")},
        "positions": [{"line": position.line, "character": position.character}],
    })
    out = []
    lines = [*text.splitlines(keepends=True), ""]
    while chain is not None:
        start, end = chain.range.start, chain.range.end
        cut = [line.encode("utf-16-le") for line in lines[start.line : end.line + 1]]
        cut[-1] = cut[-1][: 2 * end.character]
        cut[0] = cut[0][2 * start.character :]
        out.append(b"".join(cut).decode("utf-16-le"))
        chain = chain.parent
    return out


SELECTIONS = {
    "an operand": (
        '# 😀\nstart:\n  PUSH (FEE + le<|>n(a.b)) * 2 # x\n  ADD\nend:\n',
        ["len", "len(a.b)", "FEE + len(a.b)", "(FEE + len(a.b))", "(FEE + len(a.b)) * 2",
         "PUSH (FEE + len(a.b)) * 2", "PUSH (FEE + len(a.b)) * 2 # x",
         "  PUSH (FEE + len(a.b)) * 2 # x", "start:\n  PUSH (FEE + len(a.b)) * 2 # x\n  ADD",
         "# 😀\nstart:\n  PUSH (FEE + len(a.b)) * 2 # x\n  ADD\nend:\n"],
    ),
    "a macro's branch": (
        "%macro m()\n%if 1\nAD<|>D\nMUL\n%else\n%end\n%end\nSTOP\n",
        ["ADD", "ADD\nMUL", "%if 1\nADD\nMUL\n%else\n%end",
         "%macro m()\n%if 1\nADD\nMUL\n%else\n%end\n%end",
         "%macro m()\n%if 1\nADD\nMUL\n%else\n%end\n%end\nSTOP\n"],
    ),
    "a comment": (
        "ADD\n# one 😀\n# tw<|>o three\nADD\n",
        ["two", "two three", "# two three", "# one 😀\n# two three",
         "ADD\n# one 😀\n# two three\nADD\n"],
    ),
    "an argument": (
        "%m(a, b + <|>c)\n", ["c", "b + c", "a, b + c", "%m(a, b + c)", "%m(a, b + c)\n"],
    ),
    "a path": ('%include "a/b<|>.easm"\n', [
        "b.easm", "a/b.easm", '"a/b.easm"', '%include "a/b.easm"', '%include "a/b.easm"\n',
    ]),
    "a line with an error": ("PUSH 1 + <|>x +\n", ["x", "PUSH 1 + x +", "PUSH 1 + x +\n"]),
    "an empty file": ("<|>", [""]),
}


@pytest.mark.parametrize("title", SELECTIONS)
async def test_selection(files: Files, title: str):
    marked, expected = SELECTIONS[title]
    assert await selections(files, marked) == expected


async def test_selection_beyond_the_end(files: Files):
    files.write({"main.easm": "ADD\n"}, ["main.easm"])
    document = {"uri": files.uri("main.easm")}
    places = [{"line": 0, "character": 99}, {"line": 99, "character": 0}]
    first, second = await files.request(
        "textDocument/selectionRange", {"textDocument": document, "positions": places}
    )
    assert first.range == lsp.Range(lsp.Position(0, 0), lsp.Position(0, 3))
    assert second.range == lsp.Range(lsp.Position(0, 0), lsp.Position(1, 0))


# Links --------------------------------------------------------------------------------------------


async def test_links(files: Files):
    files.write({
        "main.easm": """\
# 😀 %include "lib.easm"
#@ deploy 0x01 ⟦lib/token.easm⟧ balance=1
#@ deploy 0x02 ⟦token.json⟧:Token
#@ scenario ⟦run.toml⟧
#@ abi ⟦token.json⟧
#@ matches ⟦run.toml⟧
#@ deploy 0x03 nowhere.easm
#@ deploy
%include "⟦lib/token.easm⟧" # 😀
%incbin "⟦token.json⟧"
%include "nowhere.easm"
%include "
""",
        "lib/token.easm": "STOP\n", "token.json": "{}", "run.toml": "",
    }, ["main.easm"])
    found = await files.request(
        "textDocument/documentLink", {"textDocument": {"uri": files.uri("main.easm")}}
    )
    assert sorted(
        Mark("main.easm", link.range.start.line, link.range.start.character,
             link.range.end.character)
        for link in found
    ) == files.expected
    targets = {files.name(link.target) for link in found}
    assert targets == {"lib/token.easm", "token.json", "run.toml"}


# Files that move ----------------------------------------------------------------------------------


async def moved(files: Files, *moves: tuple[str, str]) -> dict[str, str]:
    """The texts that change, after some files are to be renamed."""
    answer = await files.request("workspace/willRenameFiles", {
        "files": [{"oldUri": files.uri(old), "newUri": files.uri(new)} for old, new in moves]
    })
    out = {}
    for change in answer.document_changes if answer is not None else ():
        name = files.name(change.text_document.uri)
        out[name] = applied(files.texts[name], list(change.edits))
    return out


MOVING = {
    "main.easm": '#@ deploy 0x01 lib/a.easm\n%include "lib/a.easm"\n%include "./lib/b.easm"\n',
    "lib/a.easm": '%include "b.easm"\n%include "nowhere.easm"\n',
    "lib/b.easm": "STOP\n",
}


async def test_paths_follow_a_file_that_moves(files: Files):
    files.write(MOVING, ["main.easm"])
    assert await moved(files, ("lib/a.easm", "a2.easm")) == {
        "main.easm": '#@ deploy 0x01 a2.easm\n%include "a2.easm"\n%include "./lib/b.easm"\n',
        "lib/a.easm": '%include "lib/b.easm"\n%include "lib/nowhere.easm"\n',
    }
    assert await moved(files, ("main.easm", "lib/main.easm")) == {
        "main.easm": '#@ deploy 0x01 a.easm\n%include "a.easm"\n%include "b.easm"\n',
    }


async def test_paths_in_scenario_files_follow_too(files: Files):
    toml = """\
abi = ["../abi/token.json", '../abi/token.json:Token', "lib"]
[accounts.0x02]
code = "../lib/a.easm"  # 😀 "../lib/a.easm"
label = "../lib/b.easm "
"""
    files.write({
        **MOVING, "main.easm": "#@ scenario runs/one.toml\nSTOP\n", "runs/one.toml": toml,
        "abi/token.json": "[]",
    }, ["main.easm"])
    assert await moved(files, ("lib", "library"), ("abi/token.json", "runs/t.json")) == {
        "runs/one.toml": toml.replace("../lib/a", "../library/a").replace("../abi/token", "t"),
    }
    assert await moved(files, ("runs/one.toml", "deep/er/one.toml")) == {
        "main.easm": "#@ scenario deep/er/one.toml\nSTOP\n",
        "runs/one.toml": toml.replace("../lib/a", "../../lib/a").replace("../abi", "../../abi"),
    }


async def test_paths_follow_a_folder_that_moves(files: Files):
    files.write(MOVING, ["main.easm"])
    assert await moved(files, ("lib", "deep/library")) == {
        "main.easm": '#@ deploy 0x01 deep/library/a.easm\n%include "deep/library/a.easm"\n'
        '%include "deep/library/b.easm"\n',
    }
    assert await moved(files, ("nothing", "else")) == {}
