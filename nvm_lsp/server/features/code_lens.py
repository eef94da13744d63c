"""textDocument/codeLens: run the program, on the NestedVM and natively."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import Assembly
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["code_lenses", "handle"]


def handle(server: NvmServer, params: lsp.CodeLensParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    return code_lenses(server.documents.assembly(opened), opened.uri)


def code_lenses(assembly: Assembly, uri: str) -> list[dict[str, Any]]:
    """The lenses above the first line that emits, none where there is no program."""
    line = _first_line(assembly)
    if line is None:
        return []
    place = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}}
    return [
        {"range": place, "command": {"title": title, "command": "nvm.run", "arguments": arguments}}
        for title, arguments in (
            ("▶ Run on NestedVM", [uri]),
            ("Run natively", [uri, {"target": "evm"}]),
        )
    ]


def _first_line(assembly: Assembly) -> int | None:
    tree = assembly.program.root.tree
    emitting = (t.Instruction, t.Label, t.MacroUse, t.Bytes, t.Include)
    inside = False
    for number, line in enumerate(tree.lines()):
        if isinstance(line.statement, t.MacroDefinition):
            inside = True
        elif isinstance(line.statement, t.End):
            inside = False
        elif not inside and isinstance(line.statement, emitting):
            return number
    return None
