"""textDocument/completion and completionItem/resolve: what may be written where the cursor is.

Where the cursor is, is told by the text before it; what there is to offer, by the program's names.
Documentation is made when an item is looked at, in resolve.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nvm_lsp.analysis.signatures import (
    STANDARD_EVENTS,
    STANDARD_FUNCTIONS,
    selector_of,
    signatures_in,
)
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import FUNCTIONS, UNITS
from nvm_lsp.assembler.references import structure
from nvm_lsp.editor_hooks import Completion, CompletionEntry, CompletionList, Cursor
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.opcode_page import opcode_page
from nvm_lsp.opcodes import FORKS, instruction_set, opcode_by_name
from nvm_lsp.server import contributions
from nvm_lsp.server.comment_completion import in_comment
from nvm_lsp.server.comment_hover import rule_page
from nvm_lsp.server.completion_item import Item, Kind, to_json
from nvm_lsp.server.completion_site import LAST_WORD, Site, site_at
from nvm_lsp.server.contributions import ServedProgram, cursor_at
from nvm_lsp.server.directive_pages import DIRECTIVES, directive_page
from nvm_lsp.server.features.hover import SIZED_PUSH
from nvm_lsp.server.markup import markup
from nvm_lsp.server.name_pages import fork_page, macro_page, symbol_page
from nvm_lsp.server.names import signatures_seen
from nvm_lsp.server.path_completion import Files, paths
from nvm_lsp.server.scenario_keys import describe_key
from nvm_lsp.server.scenario_toml import in_toml, is_named, is_scenario_file
from nvm_lsp.source import Position, Span
from nvm_lsp.syntax.parser import directives

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Client", "completions", "handle", "nvm_lsp_completions", "resolve"]

#: Items in one answer; the client asks again as typing goes on if there were more.
_MOST_ITEMS = 400
_SECONDS_FOR_WORKSPACE = 0.5


@dataclass(frozen=True, slots=True)
class Client:
    """What the client can show."""

    snippets: bool = False
    #: Of documentation (LSP, MarkupKind); None where the client said nothing.
    formats: Sequence[Any] | None = None


async def handle(server: NvmServer, params: lsp.CompletionParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    document = opened.document
    position = server.converter.position(document, params.position)
    trigger = (params.context.trigger_character if params.context is not None else None) or ""
    cursor = cursor_at(server, opened, position, trigger)
    before = cursor.line[: position.column]
    if site_at(before).kind in ("selector", "topic"):
        await _look_through(server)
    client = _client(server)
    shown: list[dict[str, Any]] = []
    offered, is_complete = False, True
    for start, found in contributions.completions(cursor):
        offered = True
        if start is None:
            word = LAST_WORD.search(before)
            start = word.start() if word is not None else len(before)
        place = server.converter.range_json(
            document, Span.of_line(position.line, start, position.column)
        )
        items = _matching(found, before[start:])
        is_complete &= len(items) <= _MOST_ITEMS
        shown += (
            to_json(i, place, opened.uri, client.snippets, client.formats)
            for i in items[:_MOST_ITEMS]
        )
    return {"isIncomplete": not is_complete, "items": shown} if offered else None


async def _look_through(server: NvmServer) -> None:
    """Reads the workspace's programs, whose signatures are offered; what it did not come to in
    time, the next completion has."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS_FOR_WORKSPACE):
            async for _ in server.documents.programs():
                pass


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
        return CompletionList(*in_toml(document.lines, position))
    files = Files(server.documents.base_of(document.path), server.documents.boundary(opened))
    inside = in_comment(before, program.assembly, files)
    if inside is not None:
        return CompletionList(*inside)
    site = site_at(before)
    if cursor.trigger == " " and site.kind == "statement":
        return None
    found = completions(
        program.assembly, position, site, _client(server),
        lambda function: signatures_seen(server.documents, opened, function), files,
    )
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
            return f"**{name}** gives {FUNCTIONS[name]}" if name in FUNCTIONS else ""
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


# What may stand there -----------------------------------------------------------------------------


def completions(
    assembly: Assembly,
    position: Position,
    site: Site,
    client: Client,
    seen: Any = None,
    files: Files | None = None,
) -> Iterator[Item]:
    """What may be written at a site, likely things first by their ``rank``.

    ``seen`` gives the signatures that programs of the workspace pass to a function.
    """
    seen = seen or (lambda function: signatures_in(assembly, function))
    match site.kind:
        case "statement":
            yield from _mnemonics(assembly.fork)
            yield from _macros(assembly, client)
            yield from _directives(client)
        case "directive":
            yield from _macros(assembly, client)
            yield from _directives(client)
        case "operand":
            yield from _local_names(assembly, position.line)
            yield from _labels(assembly)
            yield from _constants(assembly)
            yield from _functions(client)
            yield from _selectors(seen)
        case "constant":
            yield from _constants(assembly)
            yield from _fork_names()
            yield from _functions(client)
        case "label":
            yield from _labels(assembly)
        case "at":
            for item in _labels(assembly):
                yield Item(
                    f"@{item.label}", item.kind, item.detail, about="label", name=item.label
                )
        case "unit":
            for unit, factor in UNITS.items():
                yield Item(unit, Kind.UNIT, f"{factor:,}")
        case "fill" | "width":
            yield Item(site.kind, Kind.KEYWORD, "the byte to pad with" if site.kind == "fill" else
                       "bytes of an entry")
        case "fork":
            for fork in sorted(FORKS.values(), key=lambda fork: -fork.index):
                yield Item(fork.name, Kind.ENUM_MEMBER, str(fork.year), about="fork")
        case "path":
            if files is not None:
                yield from paths(site.word, files, (".easm",) if site.is_source else ())
        case "selector" | "topic":
            yield from _signatures(site.kind, seen)


def _mnemonics(fork: str) -> Iterator[Item]:
    yield Item("PUSH", Kind.KEYWORD, "[] -> [value], as narrow as can be", about="mnemonic")
    yield from _mnemonics_of(fork)


@lru_cache(maxsize=16)
def _mnemonics_of(fork: str) -> tuple[Item, ...]:
    table = instruction_set(fork).by_name
    return tuple(
        Item(
            name, Kind.KEYWORD, f"{row.effect}, {row.gas} gas", about="mnemonic",
            rank=2 if row.is_dup or row.is_swap or row.immediate_size > 2 else 1,
            deprecated=name != row.name or row.name in ("CALLCODE", "SELFDESTRUCT"),
        )
        for name, row in table.items()
    )


def _macros(assembly: Assembly, client: Client) -> Iterator[Item]:
    for name, macro in assembly.program.macros.items():
        head = macro.definition
        parameters = [word.text for word in head.parameters]
        effect = "" if head.takes is None and head.returns is None else (
            f" takes({head.takes or 0}) returns({head.returns or 0})"
        )
        snippet = "%" + name.replace("$", "\\$") + "(" + ", ".join(
            f"${{{index}:{parameter}}}" for index, parameter in enumerate(parameters, 1)
        ) + ")"
        yield Item(
            f"%{name}", Kind.FUNCTION, f"({', '.join(parameters)}){effect}",
            insert=f"%{name}(" if parameters else f"%{name}()",
            snippet=snippet if client.snippets else None, about="macro", name=name, rank=1,
        )


def _directives(client: Client) -> Iterator[Item]:
    for name in directives():
        form, snippet, _ = DIRECTIVES[name]
        yield Item(
            name, Kind.KEYWORD, form, snippet=snippet if client.snippets else None,
            about="directive", rank=3,
        )


def _local_names(assembly: Assembly, line: int) -> Iterator[Item]:
    """Parameters and labels of the macro that a line belongs to."""
    macro = structure(assembly.program.root.tree).macro_at(line)
    if macro is not None:
        for name in sorted(macro.parameters):
            yield Item(name, Kind.VARIABLE, f"parameter of %{macro.name}", rank=0)
        for name in sorted(macro.labels):
            yield Item(name, Kind.REFERENCE, f"label of %{macro.name}", rank=0)


def _labels(assembly: Assembly) -> Iterator[Item]:
    labels = assembly.layout.labels
    for name, (_, site) in assembly.layout.sites.items():
        if "%" not in name and not site.trail:
            offset = labels.get(name)
            detail = site.kind if offset is None else f"{site.kind} {offset:#06x}"
            yield Item(name, Kind.REFERENCE, detail, about="label", rank=1)


def _constants(assembly: Assembly) -> Iterator[Item]:
    for name in assembly.program.constants:
        value = assembly.layout.constant(name)
        yield Item(
            name, Kind.CONSTANT, f"{value:#x}" if isinstance(value, int) else "", rank=1,
            about="constant",
        )


def _functions(client: Client) -> Iterator[Item]:
    for name in FUNCTIONS:
        quoted = name in ("selector", "topic", "keccak256")
        inner = '"$1"' if quoted else "$1"
        yield Item(
            name, Kind.FUNCTION, FUNCTIONS[name], insert=f"{name}(",
            snippet=f"{name}({inner})" if client.snippets else None, about="function", rank=2,
        )
    yield Item("pc", Kind.KEYWORD, "offset of this instruction", rank=3)


def _fork_names() -> Iterator[Item]:
    yield Item("fork", Kind.KEYWORD, "age of the fork that is assembled for", rank=0)
    for name in FORKS:
        yield Item(f"fork.{name}", Kind.ENUM_MEMBER, "age of a fork", rank=1)


def _selectors(seen: Any) -> Iterator[Item]:
    for signature in seen("selector"):
        yield Item(
            f'selector("{signature}")', Kind.VALUE, f"0x{selector_of(signature):08x}", rank=2,
            filter=signature,
        )


def _signatures(function: str, seen: Any) -> Iterator[Item]:
    own = tuple(name for name in seen(function) if name.endswith(")"))
    for signature in own:
        yield Item(signature, Kind.VALUE, "used in the workspace", rank=0)
    standard = STANDARD_FUNCTIONS if function == "selector" else STANDARD_EVENTS
    for source, signatures in standard.items():
        for signature in signatures:
            if signature not in own:
                yield Item(signature, Kind.VALUE, source, rank=1)


# Choosing -----------------------------------------------------------------------------------------


def _matching(items: Iterable[Completion], word: str) -> list[Completion]:
    """The items whose text has the word's letters in their order, those that begin with it first.

    Each label once; the client sorts and filters further as typing goes on.
    """
    wanted = word.lower()
    best: dict[str, tuple[tuple[int, int], Completion]] = {}
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
            best[item.label] = ((score, item.rank), item)
    return [item for _, item in sorted(best.values(), key=lambda row: row[0])]


def _is_subsequence(word: str, text: str) -> bool:
    letters = iter(text)
    return all(letter in letters for letter in word)


def _client(server: NvmServer) -> Client:
    wished = server.settings.completion.snippets
    completion = getattr(server.client_capabilities.text_document, "completion", None)
    item = getattr(completion, "completion_item", None)
    return Client(
        wished and bool(getattr(item, "snippet_support", False)),
        getattr(item, "documentation_format", None),
    )
