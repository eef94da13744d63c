"""textDocument/codeLens: run the program, on the NestedVM and natively."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import Assembly
from nvm_lsp.editor_hooks import CodeLens, CodeLensEntry, OpenProgram
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.server.contributions import code_lenses, program_of
from nvm_lsp.server.features import COMMANDS, PLUGIN_COMMAND
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "nvm_lsp_code_lenses"]


def handle(server: NvmServer, params: lsp.CodeLensParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return []
    own = {command.name for command in COMMANDS}
    answer = []
    for entry, lens in code_lenses(program_of(server, opened)):
        place = {"line": lens.line, "character": 0}
        name, arguments = lens.command, [opened.uri, *lens.arguments]
        if name not in own:
            name, arguments = PLUGIN_COMMAND, [opened.uri, entry.name, name, *lens.arguments]
        answer.append(
            {
                "range": {"start": place, "end": place},
                "command": {"title": lens.title, "command": name, "arguments": arguments},
            }
        )
    return answer


@hookimpl
def nvm_lsp_code_lenses() -> Iterable[CodeLensEntry]:
    return [CodeLensEntry("run", _run_lenses)]


def _run_lenses(program: OpenProgram) -> Iterator[CodeLens]:
    """The lenses above the first line that emits, none where there is no program."""
    line = _first_line(program.assembly)
    if line is not None:
        yield CodeLens(line, "▶ Run on NestedVM", "nvm.run")
        yield CodeLens(line, "Run natively", "nvm.run", ({"target": "evm"},))


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
