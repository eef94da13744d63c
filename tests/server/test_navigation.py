"""Definition, references, highlights, rename, linked editing and calls, asked as an editor asks."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types as lsp

from tests.server.marked_files import Files, Mark

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def check(files: Files, method: str, sources: dict[str, str] | str, *opened: str, **more):
    """Asks at `<|>`; the answer must be the stretches between `⟦` and `⟧`."""
    if isinstance(sources, str):
        sources = {"main.easm": sources}
    files.write(sources, opened)
    answer = await files.ask(method, **more)
    if method == "textDocument/documentHighlight":
        found = files.marks_here([place.range for place in answer or ()])
    elif method == "textDocument/linkedEditingRange":
        found = files.marks_here(answer.ranges if answer is not None else ())
    else:
        found = files.marks(answer)
    assert found == sorted(files.expected)
    return answer


async def references(files: Files, sources: dict[str, str] | str, *opened: str, own: bool = True):
    context = {"includeDeclaration": own}
    return await check(files, "textDocument/references", sources, *opened, context=context)


async def definition(files: Files, sources: dict[str, str] | str, *opened: str):
    return await check(files, "textDocument/definition", sources, *opened)


# Definition ---------------------------------------------------------------------------------------

DEFINITIONS = {
    "label": "⟦start⟧:\nPUSH st<|>art\nJUMP\n",
    "label with @": "⟦start⟧:\nPUSH <|>@start\n",
    "end of the word": "⟦start⟧:\nPUSH start<|>\n",
    "behind an emoji": '⟦go⟧: # 😀\n%bytes "😀é", g<|>o:2\n',
    "on the definition itself": "⟦st<|>art⟧:\n",
    "position label": ".⟦data⟧:\n%bytes 0x00\nPUSH len(da<|>ta)\n",
    "table": "a:\n%table ⟦jumps⟧ [a] width 2\nPUSH ju<|>mps\n",
    "constant": "%def ⟦FEE⟧ = 3\nPUSH (1 + F<|>EE) * 2\n",
    "macro": "%macro ⟦twice⟧(x)\nPUSH x\nDUP1\n%end\n%tw<|>ice(1)\n",
    "macro, on the percent sign": "%macro ⟦twice⟧(x)\nPUSH x\n%end\n<|>%twice(1)\n",
    "parameter": "%macro one(⟦x⟧)\nPUSH x<|>\n%end\n%macro two(x)\nPUSH x\n%end\n",
    "label of a macro": "again:\n%macro m()\n⟦again⟧:\nPUSH ag<|>ain\n%end\nPUSH again\n",
    "global label beside one of a macro": (
        "⟦again⟧:\n%macro m()\nagain:\nPUSH again\n%end\nPUSH ag<|>ain\n"
    ),
    "macro and constant of one name": "%def x = 1\n%macro ⟦x⟧()\nSTOP\n%end\n%<|>x()\nPUSH x\n",
    "argument": "%def ⟦FEE⟧ = 1\n%macro m(FEES)\nPUSH FEES\n%end\n%m(F<|>EE)\n",
    "constant in a scenario": "#@ balance 2 * F<|>EE\n%def ⟦FEE⟧ = 1\nSTOP\n",
    "constant in a probe": "%def ⟦SLOT⟧ = 1\nSTOP #? storage[SL<|>OT]\n",
    "constant in an expectation": "%def ⟦FEE⟧ = 1\nSTOP #= stack[0] F<|>EE\n",
    "in a line with a syntax error": "⟦start⟧:\nPUSH sta<|>rt +\n",
    "of a broken definition": "%def ⟦FEE⟧ =\nPUSH F<|>EE\n",
    "in a file with errors above": "%macro broken(\nPUHS\n)(\n%end\n⟦start⟧:\nPUSH st<|>art\n",
    "below a macro that is not closed": (
        "%macro a(x)\nPUSH x\n\n%macro b(⟦x⟧)\nPUSH <|>x\n%end\n"
    ),
    "CRLF": "# 😀\r\n⟦start⟧:\r\nPUSH sta<|>rt\r\n",
    "mnemonic": "ADD<|>\n",
    "undefined": "PUSH now<|>here\n",
    "word of a stack comment": "%def ⟦FEE⟧ = 1\nPUSH FEE # [F<|>EE, x]\n",
    "value in a stack comment": "%def FEE = 1\nPUSH FEE # [FEE, x<|>]\n",
    "built-in": "PUSH fo<|>rk\n",
    "comment": "start:\nSTOP # to the st<|>art\n",
    "word of a scenario": "%def deploy = 1\n#@ dep<|>loy 0x01 lib.easm\n",
    "function in a scenario": "%def len = 1\nl:\n#@ balance le<|>n(l)\n",
    "path of a scenario that is not there": "%def lib = 1\n#@ deploy 0x01 li<|>b/lib.easm\n",
    "empty file": "<|>",
}


@pytest.mark.parametrize("title", DEFINITIONS)
async def test_definition(files: Files, title: str):
    await definition(files, DEFINITIONS[title])


async def test_definition_in_an_include(files: Files):
    await definition(files, {
        "main.easm": '%include "lib/a.easm"\nPUSH F<|>EE\n',
        "lib/a.easm": '%include "b.easm"\n',
        "lib/b.easm": "%def ⟦FEE⟧ = 1\n",
    })


async def test_definition_in_the_file_that_includes(files: Files):
    await definition(files, {
        "lib.easm": "PUSH F<|>EE\n", "main.easm": '%def ⟦FEE⟧ = 1\n%include "lib.easm"\n',
    })


async def test_definition_is_as_the_editor_has_the_file(files: Files):
    files.write(
        {"main.easm": '%include "lib.easm"\nPUSH F<|>EE\n', "lib.easm": "%def FEE = 1\n"},
        ("lib.easm",),
    )
    files.edit("lib.easm", 0, 0, 0, "# a line more\n", 2)
    found = await files.ask("textDocument/definition")
    assert files.marks(found) == [Mark("lib.easm", 1, 5, 8)]


PATHS = [
    '%include "<|>lib/x.easm"\n', '%include "lib/x.easm<|>"\n', '%incbin "lib/<|>x.easm"\n',
    "#@ deploy 0x01 lib/x<|>.easm balance=1\n", "#@ scenario lib/x.<|>easm\n",
]


@pytest.mark.parametrize("line", PATHS)
async def test_definition_of_a_path_is_the_file(files: Files, line: str):
    files.write({"main.easm": line, "lib/x.easm": "STOP\n"})
    assert files.marks(await files.ask("textDocument/definition")) == [Mark("lib/x.easm", 0, 0, 0)]


async def test_definition_is_the_one_in_force_and_declarations_are_all(files: Files):
    branches = "%if fork >= fork.cancun\n%def {} = 1\n%else\n%def {} = 2\n%end\nPUSH F<|>EE\n"
    await definition(files, branches.format("⟦FEE⟧", "FEE"))
    await check(files, "textDocument/declaration", branches.format("⟦FEE⟧", "⟦FEE⟧"))


async def test_positions_beyond_the_end_have_no_answers(files: Files):
    files.write({"main.easm": "start:\n<|>"})
    files.cursor.position = lsp.Position(99, 99)
    for method in ("definition", "references", "documentHighlight", "linkedEditingRange"):
        context = {"context": {"includeDeclaration": True}} if method == "references" else {}
        assert not await files.ask(f"textDocument/{method}", **context)
    files.cursor.position = lsp.Position(0, 99)
    assert not await files.ask("textDocument/definition")


# References ---------------------------------------------------------------------------------------


async def test_references_of_every_kind_of_use(files: Files):
    await references(files, """\
#@ storage ⟦A⟧ = 2 * ⟦A⟧
#@ deploy ⟦A⟧ A.easm balance=⟦A⟧
#@ label ⟦A⟧ A
%def ⟦A<|>⟧ = 1
%def B = (⟦A⟧ + 1) << ⟦A⟧
%assert ⟦A⟧ > 0 "A"
%if ⟦A⟧
PUSH ⟦A⟧ # A
%end
%bytes ⟦A⟧:2, "A", 0x0a
%table t [⟦A⟧, ⟦A⟧] width 1
%org 32 + ⟦A⟧ fill ⟦A⟧
%m(⟦A⟧, -⟦A⟧)
%macro m(x, y)
PUSH ⟦A⟧
%end
%macro n(A)
PUSH A
%end
%macro o()
A:
PUSH A
%end
%A()
A
STOP #? stack[⟦A⟧] + ⟦A⟧
STOP #= return ⟦A⟧
#= revert "A"
""")


async def test_references_without_the_definition(files: Files):
    await references(files, "start:\nPUSH ⟦start⟧\nPUSH ⟦<|>start⟧\n", own=False)


async def test_references_of_a_parameter_stay_in_its_macro(files: Files):
    await references(
        files, "%macro a(⟦x<|>⟧)\nPUSH ⟦x⟧ + x.y\n%end\n%macro b(x)\nPUSH x\n%end\nPUSH x\n"
    )


async def test_references_over_all_programs_that_share_a_library(files: Files):
    await references(files, {
        "lib.easm": "%def ⟦FE<|>E⟧ = 1\nPUSH ⟦FEE⟧\n",
        "open.easm": '%include "lib.easm"\nPUSH ⟦FEE⟧\n',
        "closed.easm": '%include "lib.easm"\n%include "other.easm"\n',
        "other.easm": "PUSH ⟦FEE⟧ # FEE\n",
        "stranger.easm": "%def FEE = 1\nPUSH FEE\n",
    }, "open.easm")


async def test_programs_that_share_a_library_do_not_share_their_own_names(files: Files):
    await references(files, {
        "a.easm": '%include "lib.easm"\n⟦start<|>⟧:\nPUSH ⟦start⟧\n',
        "b.easm": '%include "lib.easm"\nstart:\nPUSH start\n',
        "lib.easm": "%def FEE = 1\n",
    })


async def test_references_of_a_signature_are_those_of_the_workspace(files: Files):
    await references(files, {
        "a.easm": 'PUSH4 sel<|>ector("⟦f(uint8)⟧") # "f(uint8)"\nPUSH topic("f(uint8)")\n',
        "b.easm": '%def F = 1 + selector( "⟦f(uint8)⟧" )\n%bytes "f(uint8)", selector("f()"):4\n',
    })
    await check(
        files, "textDocument/documentHighlight",
        '%bytes "é", topic("⟦E()⟧"):32\nPUSH topic("⟦E<|>()⟧")\nPUSH selector("E()")\n',
    )


async def test_an_include_cycle_ends(files: Files):
    await references(files, {
        "a.easm": '%include "b.easm"\n⟦start<|>⟧:\n',
        "b.easm": '%include "a.easm"\nPUSH ⟦start⟧\n',
    })


async def test_files_outside_of_the_workspace_are_not_read(files: Files):
    outside = files.root.parent / "outside.easm"
    outside.write_text("PUSH FEE\n")
    await references(files, f'%include "../{outside.name}"\n%def ⟦FE<|>E⟧ = 1\n')


# Highlights ---------------------------------------------------------------------------------------

HIGHLIGHTS = {
    "label": "⟦start⟧: # 😀\nPUSH ⟦st<|>art⟧\nSTOP\n",
    "stack comment": "%def x = 1\nCALLER # [⟦a<|>⟧]\nDUP1 # [⟦a⟧, ⟦a⟧]\n",
    "block": "⟦%if⟧ 1\nSTOP\n⟦%else⟧\n%if 2\n%end\n⟦<|>%end⟧\n",
    "macro's block": "⟦%ma<|>cro⟧ m()\nSTOP\n⟦%end⟧\n",
    "block that is not closed": "⟦%if<|>⟧ 1\nSTOP\n",
    "mnemonic in any case": "⟦add<|>⟧\n⟦ADD⟧\nADDMOD\n",
    "number": "PUSH 0<|>x01\n",
}


@pytest.mark.parametrize("title", HIGHLIGHTS)
async def test_highlight(files: Files, title: str):
    await check(files, "textDocument/documentHighlight", HIGHLIGHTS[title])


async def test_highlights_tell_definitions_from_uses(files: Files):
    answer = await check(
        files, "textDocument/documentHighlight", "⟦start⟧:\nPUSH ⟦sta<|>rt⟧\n"
    )
    assert [place.kind for place in answer] == [
        lsp.DocumentHighlightKind.Write, lsp.DocumentHighlightKind.Read,
    ]


# Rename -------------------------------------------------------------------------------------------


async def rename(files: Files, sources: dict[str, str] | str, new: str, *opened: str):
    """The texts after a rename at `<|>`, which must change the stretches between `⟦` and `⟧`."""
    if isinstance(sources, str):
        sources = {"main.easm": sources}
    files.write(sources, opened)
    prepared = await files.ask("textDocument/prepareRename")
    assert files.marks_here([prepared.range])[0] in files.expected
    edit = await files.ask("textDocument/rename", newName=new)
    changed = sorted(
        Mark(files.name(document.text_document.uri), place.line, place.character, end.character)
        for document in edit.document_changes
        for change in document.edits
        for place, end in [(change.range.start, change.range.end)]
    )
    assert changed == sorted(files.expected)
    assert {c.new_text for d in edit.document_changes for c in d.edits} == {new.lstrip("%@")}
    return edit


async def refused(files: Files, sources: dict[str, str] | str, new: str, reason: str, *opened: str):
    """A rename that the server must refuse for a reason (a regular expression)."""
    files.write({"main.easm": sources} if isinstance(sources, str) else sources, opened)
    with pytest.raises(Exception, match=reason):
        await files.ask("textDocument/rename", newName=new)


RENAMES = {
    "label": ("⟦start⟧: # 😀\nPUSH @⟦sta<|>rt⟧\n%table t [⟦start⟧] width 2\n", "begin"),
    "label, CRLF": ("⟦start⟧:\r\nPUSH ⟦sta<|>rt⟧\r\n", "begin"),
    "local label": ("l:\n%macro m()\n⟦l⟧:\nPUSH ⟦l<|>⟧\n%end\nPUSH l\n", "again"),
    "parameter": ("%macro m(⟦x⟧, y)\nPUSH ⟦x<|>⟧ + y\n%end\n%macro n(x)\n%m(x)\n%end\n", "z"),
    "macro": ("%macro ⟦m⟧()\nSTOP\n%end\n%<|>⟦m⟧()\nm:\n", "%stop_it"),
    "macro to a constant's name": ("%def c = 1\n%macro ⟦m<|>⟧()\nSTOP\n%end\n%⟦m⟧()\n", "c"),
    "with errors in the file": ("PUHS\n⟦start⟧:\nPUSH ⟦sta<|>rt⟧ +\n%def =\n", "begin"),
    "in comments that are read": (
        "#@ storage ⟦SLOT⟧ = 1\n%def ⟦SL<|>OT⟧ = 1\nSTOP #? storage[⟦SLOT⟧]\n# SLOT\n", "PLACE",
    ),
    "in stack comments": (
        "⟦go⟧: # []\nPUSH ⟦g<|>o⟧ # [⟦go⟧]\nDUP1 # [⟦go⟧, ⟦go⟧ + go.es, ..] go\n# go\n"
        "%macro m(go)\nPUSH go # [go]\n%end\nADD # [go\n", "begin",
    ),
    "a parameter in stack comments": (
        "%def x = 1\n%macro m(⟦x<|>⟧)\nPUSH ⟦x⟧ # [⟦x⟧, y]\n%end\nPUSH x # [x]\n", "z",
    ),
    "behind an emoji": ('%def ⟦A⟧ = 1\n%bytes "😀", ⟦A<|>⟧:1, ⟦A⟧:2\n', "B"),
    "to itself": ("⟦start<|>⟧:\nPUSH ⟦start⟧\n", "start"),
}


@pytest.mark.parametrize("title", RENAMES)
async def test_rename(files: Files, title: str):
    source, new = RENAMES[title]
    await rename(files, source, new)


async def test_rename_across_includes_keeps_the_versions_of_open_files(files: Files):
    edit = await rename(files, {
        "main.easm": '%include "lib.easm"\nPUSH ⟦F<|>EE⟧\n',
        "lib.easm": "%def ⟦FEE⟧ = 1\n",
        "other.easm": '%include "lib.easm"\nPUSH ⟦FEE⟧\n',
    }, "PRICE", "lib.easm")
    versions = {
        files.name(change.text_document.uri): change.text_document.version
        for change in edit.document_changes
    }
    assert versions == {"main.easm": 1, "lib.easm": 1, "other.easm": None}


async def test_rename_tells_of_scenarios_that_it_does_not_change(files: Files):
    await rename(files, {
        "main.easm": "#@ scenario run.toml\n%def ⟦F<|>EE⟧ = 1\n",
        "run.toml": 'balance = "FEE.x"\nvalue = "2 * FEE"\n',
    }, "PRICE")
    for _ in range(100):
        if files.client.messages:
            break
        await asyncio.sleep(0.05)
    said = files.client.messages.pop().message
    assert said.startswith("FEE is not renamed in run.toml, line 2:")


REFUSED = {
    "mnemonic": ("A<|>DD\n", "x", "ADD is a mnemonic"),
    "directive": ("%de<|>f A = 1\n", "x", "%def is a directive"),
    "built-in": ("PUSH fork.can<|>cun\n", "x", "fork.cancun is a built-in name"),
    "nothing": ("ADD # <|>\n", "x", "no name here"),
    "not defined": ("PUSH nowh<|>ere\n", "x", "nowhere is defined nowhere"),
    "to a mnemonic": ("st<|>art:\n", "add", "add is a mnemonic"),
    "to PUSH": ("st<|>art:\n", "push", "push is a mnemonic"),
    "to a built-in": ("st<|>art:\n", "fork.paris", "fork.paris is a built-in name"),
    "to fork": ("st<|>art:\n", "fork", "fork is a built-in name"),
    "to a directive": ("%macro m<|>()\n%end\n", "def", "%def is a directive"),
    "to no name": ("st<|>art:\n", "1st", "'1st' is no name"),
    "to nothing": ("st<|>art:\n", "", "'' is no name"),
    "to two words": ("st<|>art:\n", "a b", "'a b' is no name"),
    "to another label": ("st<|>art:\nSTOP\nend:\n", "end", "end is defined in main.easm, line 3"),
    "to a constant": ("st<|>art:\n%def A = 1\n", "A", "A is defined in main.easm, line 2"),
    "to another macro": (
        "%macro a<|>()\n%end\n%macro b()\n%end\n", "b", "b is defined in main.easm, line 3",
    ),
    "to another parameter": (
        "%macro a(x<|>, y)\n%end\n", "y", "y is defined in main.easm, line 1",
    ),
    "parameter to a label": (
        "%macro a(x<|>)\nPUSH x\nl:\n%end\n", "l", "l is defined in main.easm, line 3",
    ),
    "parameter to a name that the macro uses": (
        "%def A = 1\n%macro a(x<|>)\nPUSH x + A\n%end\n", "A",
        "A means something else in main.easm, line 3",
    ),
    "constant to a parameter where it is used": (
        "%def A<|> = 1\n%macro a(x)\nPUSH x + A\n%end\n", "x", "x is defined in main.easm, line 2",
    ),
}


@pytest.mark.parametrize("title", REFUSED)
async def test_rename_is_refused(files: Files, title: str):
    source, new, reason = REFUSED[title]
    await refused(files, source, new, reason)


async def test_rename_is_refused_for_a_clash_in_another_program(files: Files):
    sources = {
        "lib.easm": "%def F<|>EE = 1\n", "main.easm": '%include "lib.easm"\nPRICE:\n',
    }
    await refused(files, sources, "PRICE", "PRICE is defined in main.easm, line 2")


@pytest.mark.parametrize(("marked", "reason"), [
    ("AD<|>D\n", "ADD is a mnemonic and cannot be renamed"),
    ('PUSH sel<|>ector("f()")\n', "selector is a built-in function and cannot be renamed"),
    ("PUSH 1 eth<|>er\n", "ether is a built-in unit and cannot be renamed"),
])
async def test_prepare_rename_says_why_not(files: Files, marked: str, reason: str):
    files.write({"main.easm": marked})
    with pytest.raises(Exception, match=reason):
        await files.ask("textDocument/prepareRename")
    files.cursor.position = lsp.Position(1, 0)
    assert await files.ask("textDocument/prepareRename") is None


async def test_the_dot_of_a_position_may_be_typed(files: Files):
    files.write({"main.easm": ".da<|>ta:\n%bytes 1\nPUSH len(data)\n"})
    edit = await files.ask("textDocument/rename", newName=".store")
    assert [e.new_text for c in edit.document_changes for e in c.edits] == ["store", "store"]


# Linked editing -----------------------------------------------------------------------------------

LINKED = {
    "label": "⟦start⟧:\nPUSH ⟦st<|>art⟧\n",
    "label of a macro": "l:\n%macro m()\n⟦l<|>⟧:\nPUSH ⟦l⟧\n%end\n",
    "defined twice": "a<|>:\na:\nPUSH a\n",
    "never used": "a<|>:\n",
    "parameter where files are included": (
        '%include "lib.easm"\n%macro m(⟦x<|>⟧)\nPUSH ⟦x⟧\n%end\n'
    ),
    "constant where files are included": '%include "lib.easm"\n%def A<|> = 1\nPUSH A\n',
}


@pytest.mark.parametrize("title", LINKED)
async def test_linked_editing(files: Files, title: str):
    await check(files, "textDocument/linkedEditingRange", LINKED[title])


# Calls --------------------------------------------------------------------------------------------

CALLS = {
    "main.easm": """\
%include "lib.easm"
PUSH start
JUMP
start:
  %twice(start)
  PUSH done
  PUSH len(start)
  JUMPI
  PUSH start
  JUMP
%macro twice(x)
again:
  PUSH again
  %once(x)
  %once(done)
%end
  PUSH done
done:
  STOP
%table all [start, done] width 2
""",
    "lib.easm": "%macro once(x)\n  PUSH x\n%end\n",
}


async def calls(files: Files, name: str, where: str) -> tuple[dict, dict]:
    """Callers and callees of what is named at a text of main.easm, with the lines of the calls."""
    files.write({**CALLS, "main.easm": CALLS["main.easm"].replace(where, f"<|>{where}", 1)})
    items = await files.ask("textDocument/prepareCallHierarchy")
    (item,) = [item for item in items if item.name == name]
    raw = files.client.protocol._converter.unstructure(item)
    incoming = await files.request("callHierarchy/incomingCalls", {"item": raw})
    outgoing = await files.request("callHierarchy/outgoingCalls", {"item": raw})
    return (
        {c.from_.name: [r.start.line + 1 for r in c.from_ranges] for c in incoming},
        {c.to.name: [r.start.line + 1 for r in c.from_ranges] for c in outgoing},
    )


async def test_calls_of_a_label(files: Files):
    incoming, outgoing = await calls(files, "start", "start:")
    # The beginning jumps there, it loops, and the table behind done has it.
    assert incoming == {"main.easm": [2], "start": [5, 9], "all": [20]}
    assert outgoing == {"twice": [5], "start": [5, 9], "done": [6, 17]}


async def test_calls_of_a_macro(files: Files):
    incoming, outgoing = await calls(files, "twice", "twice(start)")
    assert incoming == {"start": [5]}
    assert outgoing == {"once": [14, 15], "done": [15]}


async def test_calls_of_a_macro_in_an_include(files: Files):
    incoming, outgoing = await calls(files, "once", "once(x)")
    assert incoming == {"twice": [14, 15]}
    assert outgoing == {}


async def test_calls_of_a_local_label(files: Files):
    incoming, outgoing = await calls(files, "again", "again:")
    assert incoming == {"twice": [13]}
    assert outgoing == {"again": [13], "once": [14, 15], "done": [15]}


async def test_calls_from_the_beginning_of_a_file(files: Files):
    incoming, _ = await calls(files, "start", "start:")
    assert "main.easm" in incoming
    files.write({**CALLS, "main.easm": CALLS["main.easm"].replace("start:", "<|>start:", 1)})
    (item,) = await files.ask("textDocument/prepareCallHierarchy")
    raw = files.client.protocol._converter.unstructure(item)
    (first, *_) = await files.request("callHierarchy/incomingCalls", {"item": raw})
    beginning = files.client.protocol._converter.unstructure(first.from_)
    (call,) = await files.request("callHierarchy/outgoingCalls", {"item": beginning})
    assert call.to.name == "start"


async def hierarchy(
    files: Files, sources: dict[str, str] | str, *opened: str
) -> tuple[list[int], dict[str, list[int]], dict[str, list[int]]]:
    """Lines of what is named at the cursor; callers and callees of the first, with their lines."""
    files.write({"main.easm": sources} if isinstance(sources, str) else sources, opened)
    items = await files.ask("textDocument/prepareCallHierarchy")
    raw = {"item": files.client.protocol._converter.unstructure(items[0])}
    incoming = await files.request("callHierarchy/incomingCalls", raw)
    outgoing = await files.request("callHierarchy/outgoingCalls", raw)
    return (
        [item.range.start.line + 1 for item in items],
        {c.from_.name: [r.start.line + 1 for r in c.from_ranges] for c in incoming},
        {c.to.name: [r.start.line + 1 for r in c.from_ranges] for c in outgoing},
    )


async def test_calls_through_tables(files: Files):
    table = "start:\nPUSH all\nJUMP\na:\nPUSH start\nb:\n%table al<|>l [a, b] width 2\nSTOP\n"
    assert await hierarchy(files, table) == ([7], {"start": [2]}, {"a": [7], "b": [7]})
    data = "start:\nPUSH all\nJUMP\na:\nb:\n.al<|>l:\n%bytes a:2, b:2\nc:\nPUSH b\n"
    assert await hierarchy(files, data) == ([6], {"start": [2]}, {"a": [7], "b": [7]})
    caller = "sta<|>rt:\nPUSH all\nJUMP\n%table all [start] width 2\n"
    assert await hierarchy(files, caller) == ([1], {"all": [4]}, {"all": [2]})


async def test_calls_of_the_macro_in_force(files: Files):
    branches = (
        "%if 0\n%macro m()\n%n()\n%end\n%else\n%macro m()\n%o()\n%end\n%end\n"
        "%macro n()\n%end\n%macro o()\n%m()\n%end\n"
    )
    assert await hierarchy(files, f"{branches}%<|>m()\n") == (
        [6], {"main.easm": [15], "o": [13]}, {"o": [7]}
    )
    on_the_other = branches.replace("m()", "m<|>()", 1)
    assert await hierarchy(files, on_the_other) == ([2], {"o": [13]}, {"n": [3]})
    outer = branches.replace("o()\n%m", "<|>o()\n%m")
    found = await hierarchy(files, outer)
    assert found == ([12], {"m": [7]}, {"m": [13]})


COMPUTED = {
    "main.easm": """\
%include "lib.easm"
%def ENTRY = start
  PUSH ENTRY
  JUMP
start:
  PUSH 2
  PUSH second - 2
  ADD
  JUMP
second:
  PUSH third
  JUMP
third:
  STOP
""",
    "lib.easm": "%macro go()\n  JUMP\n%end\n",
}


@pytest.mark.parametrize(("name", "incoming", "outgoing"), [
    ("start", {"main.easm": [4]}, {"second": [9]}),
    ("second", {"start": [9]}, {"third": [11]}),
    ("third", {"second": [11]}, {}),
])
async def test_calls_by_jumps_that_the_analysis_resolves(files: Files, name, incoming, outgoing):
    main = COMPUTED["main.easm"].replace(f"\n{name}:", f"\n<|>{name}:")
    _, *found = await hierarchy(files, {**COMPUTED, "main.easm": main})
    assert found == [incoming, outgoing]
    in_macro = main.replace("  ADD\n  JUMP", "  ADD\n  %go()")
    _, *found = await hierarchy(files, {**COMPUTED, "main.easm": in_macro})
    assert found == [
        {"go": [2]} if name == "second" else incoming,
        {"go": [9]} if name == "start" else outgoing,
    ]


async def test_going_on_without_a_jump_is_no_call(files: Files):
    text = "  CALLVALUE\n  PUSH end\n  JUMPI\naf<|>ter:\n  STOP\nend:\n  STOP\n"
    assert await hierarchy(files, text) == ([4], {}, {})
    either = "  CALLVALUE\n  PUSH af<|>ter + 0\n  JUMPI\nafter:\n  STOP\n"
    assert await hierarchy(files, either) == ([4], {"main.easm": [3]}, {})


async def test_calls_by_jumps_of_a_program_that_is_not_open(files: Files):
    lib = "  PUSH lib.f + 0\n  JUMP\nli<|>b.f:\n  STOP\n"
    sources = {"lib.easm": lib, "a.easm": '%include "lib.easm"\n', "b.easm": '%include "lib.easm"'}
    assert await hierarchy(files, sources) == ([3], {"lib.easm": [2]}, {})


async def test_what_cannot_be_called_has_no_hierarchy(files: Files):
    files.write({"main.easm": "%def A<|> = 1\nPUSH A\n"})
    assert await files.ask("textDocument/prepareCallHierarchy") is None


# Unusual documents --------------------------------------------------------------------------------


async def test_names_of_files_need_not_be_ascii(files: Files):
    await references(files, {
        "a b/é 😀.easm": '%include "../c%d.easm"\nPUSH ⟦F<|>EE⟧\n',
        "c%d.easm": "%def ⟦FEE⟧ = 1\n",
    })


async def test_an_unsaved_document_includes_from_the_folder(files: Files):
    files.write({"lib.easm": "%def ⟦FEE⟧ = 1\n"})
    uri = "untitled:Untitled-1"
    files.client.text_document_did_open(
        lsp.DidOpenTextDocumentParams(
            lsp.TextDocumentItem(uri, "easm", 1, '%include "lib.easm"\nPUSH FEE\nx:\n')
        )
    )
    files.cursor = lsp.TextDocumentPositionParams(
        lsp.TextDocumentIdentifier(uri), lsp.Position(1, 6)
    )
    assert files.marks(await files.ask("textDocument/definition")) == files.expected
    edit = await files.ask("textDocument/rename", newName="PRICE")
    changed = [files.name(change.text_document.uri) for change in edit.document_changes]
    assert sorted(changed) == ["lib.easm", uri]
    for method in ("documentSymbol", "foldingRange", "documentLink", "semanticTokens/full"):
        assert await files.request(f"textDocument/{method}", {"textDocument": {"uri": uri}}) or (
            method == "foldingRange"
        )
    files.client.text_document_did_close(
        lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
    )
