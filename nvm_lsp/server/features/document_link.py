"""textDocument/documentLink: files that `%include`, `%incbin` and scenario comments name.

If the user wishes, mnemonics lead to their pages, too; by default only hovers do, because editors
underline what is a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nvm_lsp.opcode_page import opcode_url
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.program_files import ProgramFiles, includes_of, range_json
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["Link", "handle", "links"]

_DEPLOY = re.compile(r"deploy[ \t]+\S+[ \t]+(?P<path>\S+)")
_REST = re.compile(r"(?:scenario|abi|matches)[ \t]+(?P<path>\S+(?:[ \t]+\S+)*)")
#: `file.json:Name` is one contract of several in a file.
_CONTRACT = re.compile(r":[\w$]+$")


class Link(NamedTuple):
    """Columns of a line, and the path that is written there."""

    line: int
    start: int
    end: int
    path: str


def handle(server: NvmServer, params: lsp.DocumentLinkParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    files = ProgramFiles(server)
    tooltips = _takes_tooltips(server)
    answer: list[dict[str, Any]] = []
    for link in links(opened.tree):
        path = files.loader.resolve(link.path, opened.document.path)
        if files.exists(path):
            answer.append({
                "range": range_json(server, opened.tree, link.line, link.start, link.end),
                "target": files.uri(path),
                **({"tooltip": path} if tooltips else {}),
            })
    if server.documents.settings.document_links.opcodes:
        answer += _opcodes(server, opened)
    return answer


def _opcodes(server: NvmServer, opened: OpenDocument) -> Iterator[dict[str, Any]]:
    fork = server.documents.assembly(opened).fork
    for number, line in enumerate(opened.tree.lines()):
        statement = line.statement
        if not isinstance(statement, t.Instruction):
            continue
        row = opcode_by_name(statement.mnemonic)
        if row is not None:
            start, end = statement.start, statement.mnemonic_end
            place = range_json(server, opened.tree, number, start, end)
            yield {"range": place, "target": opcode_url(row, fork)}


def _takes_tooltips(server: NvmServer) -> bool:
    capabilities = server.client_capabilities.text_document
    links = capabilities.document_link if capabilities is not None else None
    return links is not None and bool(links.tooltip_support)


def links(tree: SyntaxTree) -> Iterator[Link]:
    """The paths that a file names, quotes excluded, in no particular order."""
    for line, statement in includes_of(tree):
        path = statement.path
        yield Link(line, path.start + 1, path.end - 1, path.value.decode("utf-8", "replace"))
    for start, chunk in zip(tree.starts, tree.chunks, strict=False):
        found = chunk.cache.get("scenario paths")
        if not isinstance(found, tuple):
            found = tuple(
                link
                for offset, line in enumerate(chunk.lines)
                if line.comment is not None and line.comment.text.startswith("#@")
                for link in _of_scenario(offset, line.comment.body, line.comment.body_start)
            )
            chunk.cache["scenario paths"] = found
        for link in found:
            yield link._replace(line=start + link.line)


def _of_scenario(line: int, body: str, column: int) -> Iterator[Link]:
    found = _DEPLOY.match(body) or _REST.match(body)
    if found is not None:
        path = _CONTRACT.sub("", found["path"])
        start = column + found.start("path")
        yield Link(line, start, start + len(path), path)
