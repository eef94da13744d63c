"""textDocument/foldingRange: macros, conditions, labels' code, comment blocks, runs of includes.

`# region` and `# endregion` bound what their author wants to fold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from heapq import nlargest
from typing import TYPE_CHECKING, Any, NamedTuple

from nvm_lsp.assembler.references import structure
from nvm_lsp.server.outline import outline
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Fold", "folds", "handle"]

_REGION = re.compile(r"#?(?P<end>end)?region\b", re.IGNORECASE)


class Fold(NamedTuple):
    """Lines that fold into the first; ``kind`` is LSP's, or empty."""

    first: int
    last: int
    kind: str = ""


def handle(server: NvmServer, params: lsp.FoldingRangeParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    found = set(folds(opened.tree))
    limit = _limit(server)
    if limit is not None and len(found) > limit:
        # The longest ones, so that what lies far down folds, too.
        found = set(nlargest(limit, found, key=lambda fold: (fold.last - fold.first, -fold.first)))
    return [
        {"startLine": fold.first, "endLine": fold.last}
        | ({"kind": fold.kind} if fold.kind else {})
        for fold in sorted(found, key=lambda fold: (fold.first, -fold.last))
    ]


def _limit(server: NvmServer) -> int | None:
    capabilities = server.client_capabilities.text_document
    folding = capabilities.folding_range if capabilities is not None else None
    return folding.range_limit if folding is not None else None


def folds(tree: SyntaxTree) -> Iterator[Fold]:
    """What can be folded, in no particular order."""
    for block in structure(tree).blocks:
        # The %end stays in sight below its head.
        last = block.last - 1 if block.closed else block.last
        if block.alternative is not None:
            yield from _fold(block.first, block.alternative - 1)
            yield from _fold(block.alternative, last)
        else:
            yield from _fold(block.first, last)
    for entry in outline(tree):
        for label in (entry, *entry.children):
            if label.kind in ("label", "position"):
                yield from _fold(label.first, label.last)
    yield from _runs(tree)


def _fold(first: int, last: int, kind: str = "") -> Iterator[Fold]:
    if last > first:
        yield Fold(first, last, kind)


def _runs(tree: SyntaxTree) -> Iterator[Fold]:
    """Comments and includes that stand together, and regions."""
    regions: list[int] = []
    run, begin = "", 0
    number = 0
    for number, line in enumerate(tree.lines()):
        kind = ""
        if line.statement is None and line.comment is not None:
            kind = "comment"
            found = _REGION.match(line.comment.body)
            if found is not None:
                kind = ""
                if not found["end"]:
                    regions.append(number)
                elif regions:
                    yield from _fold(regions.pop(), number, "region")
        elif isinstance(line.statement, t.Include):
            kind = "imports"
        if kind != run:
            if run:
                yield from _fold(begin, number - 1, run)
            run, begin = kind, number
    if run:
        yield from _fold(begin, number, run)
