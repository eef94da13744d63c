"""Edits as LSP's WorkspaceEdit (LSP 3.17), as far as the client understands it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nvm_lsp.diagnostics import Edit
from nvm_lsp.lint.fixes import apply_edits
from nvm_lsp.source import Document, split_lines

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["position_after", "workspace_edit"]


def workspace_edit(
    server: NvmServer, edits: tuple[Edit, ...], *, confirm: str = ""
) -> dict[str, Any]:
    """Edits with the versions of open files; new lines end as those of the file do.

    With ``confirm``, a reason, a client that can do so asks the user before each of them.
    """
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.location.path, []).append(edit)
    able = getattr(server.client_capabilities.workspace, "workspace_edit", None)
    versioned = bool(getattr(able, "document_changes", False))
    asks = bool(confirm) and versioned and _asks(server)
    changes: dict[str, list[dict[str, Any]]] = {}
    documents: list[dict[str, Any]] = []
    for path, inside in by_path.items():
        opened, uri = server.documents.open_at(path), server.documents.uri_of(path)
        document = server.documents.text_of(path)
        crlf = document is not None and bool(document.lines) and (
            document.lines[0].endswith("\r\n")
        )
        items: list[dict[str, Any]] = []
        for edit in inside:
            text = edit.text.replace("\r\n", "\n")
            item: dict[str, Any] = {
                "range": server.converter.range_json(document, edit.location.span),
                "newText": text.replace("\n", "\r\n") if crlf else text,
            }
            items.append({**item, "annotationId": "unsafe"} if asks else item)
        changes[uri] = items
        version = opened.version if opened is not None else None
        documents.append({"textDocument": {"uri": uri, "version": version}, "edits": items})
    if not versioned:
        return {"changes": changes}
    if not asks:
        return {"documentChanges": documents}
    annotation = {"label": confirm[:1].upper() + confirm[1:], "needsConfirmation": True}
    return {"documentChanges": documents, "changeAnnotations": {"unsafe": annotation}}


def _asks(server: NvmServer) -> bool:
    """Whether the client shows annotations of changes, of code actions, too."""
    capabilities = server.client_capabilities
    able = getattr(capabilities.workspace, "workspace_edit", None)
    actions = getattr(capabilities.text_document, "code_action", None)
    return getattr(able, "change_annotation_support", None) is not None and bool(
        getattr(actions, "honors_change_annotations", False)
    )


def position_after(
    server: NvmServer, document: Document, edits: tuple[Edit, ...], name: str
) -> dict[str, int]:
    """The first use of a name that edits bring into a document, as an LSP position after them."""
    after = split_lines(apply_edits(document.text, edits))
    place = (0, 0)
    for number, line in enumerate(after):
        found = re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", line)
        if found is not None:
            place = (number, found.start())
            if not re.match(r"\s*%(?:def|macro)\b", line):
                break
    number, column = place
    return {"line": number, "character": server.converter.units(after[number], column)}
