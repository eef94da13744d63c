"""textDocument/documentLink: files that `%include`, `%incbin` and scenario comments name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nvm_lsp.server.program_files import ProgramFiles, includes_of, range_json
from nvm_lsp.syntax import SyntaxTree

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Link", "handle", "links"]

_DEPLOY = re.compile(r"deploy[ \t]+\S+[ \t]+(?P<path>\S+)")
_REST = re.compile(r"(?:scenario|abi)[ \t]+(?P<path>\S+(?:[ \t]+\S+)*)")
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
    return answer


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
