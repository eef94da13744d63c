"""Formatting as an editor asks for it: the edits applied give the text, and they are few."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from nvm_lsp.formatter import format_tree
from nvm_lsp.syntax import parse
from tests.server.marked_files import Files

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPTIONS = {"tabSize": 8, "insertSpaces": False}
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("**/*.easm"))


def applied(text: str, edits) -> str:
    """The text after edits, which must not overlap."""
    lines = [*text.splitlines(keepends=True), ""]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(position: lsp.Position) -> int:
        if position.line >= len(lines):
            return len(text)
        units = lines[position.line].encode("utf-16-le")[: 2 * position.character]
        return starts[position.line] + len(units.decode("utf-16-le"))

    places = sorted(
        ((offset(e.range.start), offset(e.range.end), e.new_text) for e in edits),
        key=lambda place: place[:2],  # of several at one place the first comes first (LSP)
    )
    for (_, end, _), (start, _, _) in itertools.pairwise(places):
        assert end <= start, f"edits overlap in {places}"
    for start, end, new in reversed(places):
        text = text[:start] + new + text[end:]
    return text


async def check(files: Files, text: str, expected: str, kind: str = "formatting", **more):
    """Formats a text; the edits, applied, must give the expected one. The edits come back."""
    files.write({"main.easm": text}, ["main.easm"])
    document = {"uri": files.uri("main.easm")}
    edits = await files.request(
        f"textDocument/{kind}", {"textDocument": document, "options": OPTIONS, **more}
    )
    assert applied(text, edits or []) == expected
    return edits


CASES = {
    "nothing to do": ("start:\n    ADD\n", "start:\n    ADD\n"),
    "empty": ("", ""),
    "blank": ("\n  \n", ""),
    "indents and cases": ("start :\nadd\n", "start:\n    ADD\n"),
    "emoji in front of what changes": (
        '%bytes "😀"  ,  1:1 # é😀\n', '    %bytes "😀", 1:1     # é😀\n',
    ),
    "CRLF stays": ("a:\r\nadd\r\n", "a:\r\n    ADD\r\n"),
    "CRLF for the last line": ("a:\r\nadd", "a:\r\n    ADD\r\n"),
    "line ends of two kinds": (
        "a:\r\nadd\n\n\r\nPUSH 1+\n\npop\n\n", "a:\r\n    ADD\r\n\r\nPUSH 1+\r\n\r\n    POP\r\n",
    ),
    "an insertion where the line ends otherwise": (
        "a:\r\n%macro  m()takes(1)#x\n  \n%end\n",
        "a:\r\n%macro m() takes(1)     #x\r\n\r\n%end\r\n",
    ),
    "a byte order mark": ("\ufeffadd\r\n", "\ufeff    ADD\r\n"),
    "a byte order mark and a comment": (
        "\ufeff# a\n\n\n%m()\n", "\ufeff# a\n\n%m()\n"
    ),
    "a byte order mark and a blank": ("\ufeff\n\nadd\n", "\ufeff    ADD\n"),
    "a byte order mark and a label": ("\ufeff  a:\n", "\ufeffa:\n"),
    "two things missing at the end": ("add\n%m", "    ADD\n%m()\n"),
    "a byte order mark in the middle": ("add\n\ufeffadd\n", "    ADD\n    ADD\n"),
    "no final line end": ("a:", "a:\n"),
    "blank lines": ("\n\na:\n\n\n \n    ADD\n \n    POP\n\n\n", "a:\n\n    ADD\n\n    POP\n"),
    "blank lines without a line end": ("a:\n\n  ", "a:\n"),
    "errors stay as they are": ("  PUHS  1 +  # why\nadd\n", "  PUHS  1 +  # why\n    ADD\n"),
    "a broken number stays": ("%bytes 1:0z  # a\nadd\n", "%bytes 1:0z  # a\n    ADD\n"),
    "comments are aligned": (
        "ADD # a\nMUL # b\n", "    ADD                 # a\n    MUL                 # b\n",
    ),
}


@pytest.mark.parametrize("title", CASES)
async def test_document(files: Files, title: str):
    text, expected = CASES[title]
    await check(files, text, expected)


async def test_edits_touch_nothing_that_stays(files: Files):
    edits = await check(
        files, "start:\n    ADD\nmul\n    PUSH 1+1\n", "start:\n    ADD\n    MUL\n    PUSH 1 + 1\n"
    )
    assert [(e.range.start.line, e.range.end.line) for e in edits] == [(2, 2), (3, 3)]
    assert (edits[1].range.start.character, edits[1].new_text) == (10, " + ")


async def test_formatted_examples_need_no_edits(files: Files):
    for path in EXAMPLES:
        text = path.read_text()
        assert not await check(files, text, text)
        await files.close()


async def test_spoilt_examples_are_formatted_as_the_formatter_does(files: Files):
    choose = random.Random(6)
    for path in EXAMPLES:
        lines = path.read_text().splitlines(keepends=True)
        spoilt = "".join(
            choose.choice((line, " " * choose.randrange(9) + line.lstrip(), "\n" + line))
            for line in lines
        )
        await check(files, spoilt, format_tree(parse(spoilt)))
        await files.close()


async def test_range_formats_its_lines_alone(files: Files):
    text = "add\nmul # a\nPUSH1 1 # b\n\n\nsub\n"
    await check(
        files, text, "add\n    MUL                 # a\n    PUSH1 1             # b\n\n\nsub\n",
        "rangeFormatting",
        range={"start": {"line": 1, "character": 2}, "end": {"line": 3, "character": 0}},
    )


async def test_several_ranges_at_once(files: Files):
    def lines(first: int, last: int) -> dict[str, dict[str, int]]:
        return {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 1}}

    await check(
        files, "add\nmul\nsub\npop\nadd\n", "    ADD\nmul\n    SUB\n    POP\n    ADD\n",
        "rangesFormatting", ranges=[lines(3, 4), lines(0, 0), lines(2, 3)],
    )
    await check(files, "add\n", "add\n", "rangesFormatting", ranges=[])


async def test_range_inside_a_block_knows_its_depth(files: Files):
    await check(
        files, "%macro m()\n%n()\n\n%n()\n%end\n", "%macro m()\n%n()\n\n    %n()\n%end\n",
        "rangeFormatting",
        range={"start": {"line": 3, "character": 0}, "end": {"line": 3, "character": 1}},
    )


async def test_range_beyond_the_end(files: Files):
    await check(
        files, "add\n", "add\n", "rangeFormatting",
        range={"start": {"line": 7, "character": 0}, "end": {"line": 9, "character": 1}},
    )


ON_TYPE = {
    "colon behind a label": (":", "add\n  start:\n", "add\nstart:\n", 1, 8),
    "colon of a width": (":", "%bytes  1:", "%bytes  1:", 0, 10),
    "colon in a comment": (":", "add # a:", "add # a:", 0, 8),
    "colon in front of something": (":", " start: # b", " start: # b", 0, 1),
    "line end": ("\n", "mul\nadd 1+1\n    \n", "mul\n    ADD 1 + 1\n    \n", 2, 4),
    "line end behind an error": ("\n", "PUSH 1+\n\n", "PUSH 1+\n\n", 1, 0),
    "line end at the start": ("\n", "\nadd\n", "\nadd\n", 0, 0),
}


@pytest.mark.parametrize("title", ON_TYPE)
async def test_on_type(files: Files, title: str):
    character, text, expected, line, column = ON_TYPE[title]
    await check(
        files, text, expected, "onTypeFormatting",
        position={"line": line, "character": column}, ch=character,
    )
