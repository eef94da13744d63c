"""textDocument/completion and completionItem/resolve: what may be written where the cursor is.

Where the cursor is, is told by the text before it; what there is to offer, by the program's names.
Documentation is made when an item is looked at, in resolve.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import FUNCTIONS
from nvm_lsp.editor_hooks import Completion, CompletionEntry, CompletionList, Cursor
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.opcode_page import opcode_page
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server import contributions
from nvm_lsp.server.completions.comment_completion import in_comment
from nvm_lsp.server.completions.completion_item import Client, to_json
from nvm_lsp.server.completions.completion_items import Place, code_items
from nvm_lsp.server.completions.completion_site import LAST_WORD, site_at
from nvm_lsp.server.completions.path_completion import Files
from nvm_lsp.server.contributions import ServedProgram, cursor_at
from nvm_lsp.server.features.hover import SIZED_PUSH
from nvm_lsp.server.hovers.comment_hover import rule_page
from nvm_lsp.server.hovers.directive_pages import directive_page
from nvm_lsp.server.hovers.markup import markup
from nvm_lsp.server.hovers.name_pages import fork_page, macro_page, symbol_page
from nvm_lsp.server.names import signatures_seen
from nvm_lsp.server.scenario_keys import describe_key
from nvm_lsp.server.scenario_toml import in_toml, is_named, is_scenario_file
from nvm_lsp.source import Span
from nvm_lsp.syntax import parse_line

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "nvm_lsp_completions", "resolve"]

_REST = re.compile(r"[A-Za-z0-9_.]*")
_REST_IN_COMMENT = re.compile(r"[A-Za-z0-9_.\-]*")
#: The rest of a line that begins with a label's name.
_NAMES_LABEL = re.compile(r"[A-Za-z0-9_.]*:")
#: Items in one answer; the client asks again as typing goes on if there were more.
_MOST_ITEMS = 400
_SECONDS_FOR_WORKSPACE = 0.1
_TIMES_AS_LONG = 20
#: What reads the programs of each server's workspace, and when it began.
_reading: WeakKeyDictionary[NvmServer, tuple[asyncio.Task[float], float]] = WeakKeyDictionary()


async def handle(server: NvmServer, params: lsp.CompletionParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    document = opened.document
    position = server.converter.position(document, params.position)
    trigger = (params.context.trigger_character if params.context is not None else None) or ""
    cursor = cursor_at(server, opened, position, trigger)
    before, after = cursor.line[: position.column], cursor.line[position.column :]
    site = site_at(before)
    offered, is_complete, usual = False, True, None
    if site.kind in ("selector", "topic") or site.head == "PUSH4":
        is_complete = await _look_through(server)
    client = _client(server)
    shown: list[dict[str, Any]] = []
    for start, found in contributions.completions(cursor):
        if start is None:
            word = LAST_WORD.search(before)
            start = word.start() if word is not None else len(before)
        end = position.column + _length_of_rest(before, after)
        spans = [Span.of_line(position.line, start, column) for column in (position.column, end)]
        insert, replace = (server.converter.range_json(document, span) for span in spans)
        place = {"insert": insert, "replace": replace} if client.replaces else insert
        if client.takes_defaults and not offered:
            usual = place
        offered = True
        items = _matching(found, before[start:])
        is_complete &= len(items) <= _MOST_ITEMS
        called = cursor.line[end:].startswith("(")
        shown += (
            to_json(
                item, opened.uri, client, score,
                None if place == usual else place,
                called=called, marked=before[start : start + 1] == item.label[:1],
            )
            for score, item in items[:_MOST_ITEMS]
        )
    defaults = {"itemDefaults": {"editRange": usual}} if usual is not None else {}
    return {"isIncomplete": not is_complete, **defaults, "items": shown} if offered else None


def _length_of_rest(before: str, after: str) -> int:
    """How far the word or path at the cursor goes on behind it."""
    comment = parse_line(before).comment
    if before.count('"') % 2 and comment is None:
        return len(after.partition('"')[0]) if '"' in after else 0
    found = _REST.match(after) if comment is None else _REST_IN_COMMENT.match(after)
    return found.end() if found is not None else 0


async def _look_through(server: NvmServer) -> bool:
    """Whether the workspace's programs, whose signatures are offered, have been read lately.

    If not, they are read beside this, and what is there after a short while is offered. Reading
    them took a time, and this waits twenty times as long before they are read again.
    """
    loop = asyncio.get_running_loop()
    task, began = _reading.get(server, (None, 0.0))
    if task is None or (task.done() and loop.time() > began + _TIMES_AS_LONG * task.result()):
        task = asyncio.ensure_future(_read_programs(server))
        _reading[server] = task, loop.time()
        await asyncio.wait((task,), timeout=_SECONDS_FOR_WORKSPACE)
    return task.done()


async def _read_programs(server: NvmServer) -> float:
    """How long it took to read them, in seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async for _ in server.documents.programs():
            pass
    except Exception as error:
        server.report("completion", error)
    return loop.time() - began


@hookimpl
def nvm_lsp_completions() -> Iterable[CompletionEntry]:
    return [CompletionEntry("easm", _complete)]


def _complete(cursor: Cursor) -> CompletionList | None:
    program, position = cursor.program, cursor.position
    assert isinstance(program, ServedProgram)
    server, opened = program.server, program.opened
    document = opened.document
    before = cursor.line[: position.column]
    if is_scenario_file(opened.uri):
        if not is_named(server.documents, document.path):
            return None
        files = Files(document.path, server.documents.boundary(opened))
        return CompletionList(*in_toml(document.lines, position, files))
    files = Files(server.documents.base_of(document.path), server.documents.boundary(opened))
    inside = in_comment(before, program.assembly, files, position.line)
    if inside is not None:
        return None if cursor.trigger == " " and _is_prose(before) else CompletionList(*inside)
    site = site_at(before)
    if site.kind == "statement" and (cursor.trigger == " " or _NAMES_LABEL.match(
        cursor.line[position.column :]
    )):
        return None
    found = code_items(Place(
        program.assembly, position, site, before,
        lambda function: signatures_seen(server.documents, opened, function), files,
        server.documents.file_settings(opened).format.mnemonic_case,
    ))
    return CompletionList(found, site.start)


def resolve(server: NvmServer, item: lsp.CompletionItem) -> dict[str, Any]:
    """The item with its documentation."""
    answer: dict[str, Any] = server.protocol._converter.unstructure(item)
    data: Any = answer.get("data")
    if not isinstance(data, dict) or "documentation" in answer:
        return answer
    opened = server.documents.documents.get(str(data.get("uri")))
    assembly = server.documents.assembly(opened) if opened is not None else None
    text = documentation(str(data.get("about")), str(data.get("name")), assembly)
    if text:
        answer["documentation"] = markup(text, _client(server).formats)
    return answer


def documentation(about: str, name: str, assembly: Assembly | None) -> str:
    """What is to say of an item, in Markdown; nothing where its label says it all."""
    match about:
        case "mnemonic":
            row = opcode_by_name(name)
            return opcode_page(row) if row is not None else SIZED_PUSH
        case "directive":
            return directive_page(name)
        case "function":
            return f"**{name}** · {FUNCTIONS[name]}" if name in FUNCTIONS else ""
        case "key":
            return describe_key(name)
        case "fork":
            return fork_page(name)
        case "code":
            return rule_page(name)
    if assembly is None:
        return ""
    match about:
        case "macro":
            return macro_page(assembly, name)
        case "label" | "constant":
            return symbol_page(assembly, name)
    return ""


# Choosing -----------------------------------------------------------------------------------------


def _matching(items: Iterable[Completion], word: str) -> list[tuple[int, Completion]]:
    """The items whose text has the word's letters in their order, those that begin with it first.

    Each label once, with how well it matches, 0 being best; the client sorts and filters further
    as typing goes on.
    """
    wanted = word.lower()
    best: dict[str, tuple[int, int, Completion]] = {}
    for item in items:
        text = (item.filter or item.label).lower()
        if text.startswith(wanted):
            score = 0
        elif wanted.lstrip("%@") in text:
            score = 1
        elif _is_subsequence(wanted, text):
            score = 2
        else:
            continue
        if item.label not in best:
            best[item.label] = (score, item.rank, item)
    ordered = sorted(best.values(), key=lambda row: (*row[:2], row[2].label))
    return [(score, item) for score, _, item in ordered]


def _is_subsequence(word: str, text: str) -> bool:
    letters = iter(text)
    return all(letter in letters for letter in word)


def _is_prose(before: str) -> bool:
    comment = parse_line(before).comment
    return comment is not None and comment.kind == "plain"


def _client(server: NvmServer) -> Client:
    completion = getattr(server.client_capabilities.text_document, "completion", None)
    item = getattr(completion, "completion_item", None)
    defaults = getattr(getattr(completion, "completion_list", None), "item_defaults", None) or ()

    def has(name: str) -> bool:
        return bool(getattr(item, name, False))

    return Client(
        server.settings.completion.snippets and has("snippet_support"),
        getattr(item, "documentation_format", None),
        has("insert_replace_support"), has("label_details_support"), "editRange" in defaults,
    )
