"""textDocument/codeLens and codeLens/resolve: run, compare and test a program; sizes, gas, uses.

Figures are made when a lens comes into view.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import Assembly
from nvm_lsp.editor_hooks import CodeLens, CodeLensEntry, OpenProgram
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.runner.probes import comments_of
from nvm_lsp.server.actions.client_commands import client_has
from nvm_lsp.server.contributions import ServedProgram, code_lenses, program_of, resolved
from nvm_lsp.server.features import PLUGIN_COMMAND
from nvm_lsp.server.hovers.figures import Subject, figures, subjects
from nvm_lsp.server.hovers.stack_hover import is_ready, prepare
from nvm_lsp.server.scenario_toml import is_scenario_file
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "nvm_lsp_code_lenses", "resolve"]

#: A command of the client's: shows the references of a name, given a URI and a position.
_SHOW_REFERENCES = "nvm-lsp.showReferences"
_MOST_CASES = 60


def handle(server: NvmServer, params: lsp.CodeLensParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    settings = server.settings.code_lens
    if opened is None or not settings.enable or is_scenario_file(opened.uri):
        return []
    answer = []
    for entry, lens in code_lenses(program_of(server, opened)):
        json: dict[str, Any] = {"range": _place(lens.line)}
        if lens.title or entry.resolve is None:
            json["command"] = _command(opened.uri, entry, lens)
        else:
            json["data"] = {
                "uri": opened.uri, "entry": entry.name, "line": lens.line,
                "command": lens.command, "arguments": lens.arguments,
            }
        answer.append(json)
    return answer


async def resolve(server: NvmServer, lens: lsp.CodeLens) -> dict[str, Any]:
    """The lens with its figures; they may be about a text that has changed, but not fail."""
    answer: dict[str, Any] = server.protocol._converter.unstructure(lens)
    data = answer.get("data")
    if "command" in answer or not isinstance(data, dict):
        return answer
    answer["command"] = {"title": "…", "command": ""}
    opened = server.documents.documents.get(str(data.get("uri")))
    arguments = data.get("arguments")
    line = int(data.get("line", 0))
    if opened is None or not isinstance(arguments, list) or line >= opened.tree.line_count:
        return answer
    assembly = server.documents.assembly(opened)
    if server.settings.code_lens.gas and assembly.ok and not is_ready(assembly):
        await asyncio.to_thread(prepare, assembly)
        if opened.assembly is not assembly:
            return answer
    found = resolved(
        str(data.get("entry")), program_of(server, opened),
        CodeLens(line, "", str(data.get("command")), tuple(arguments)),
    )
    if found is not None:
        answer["command"] = _command(opened.uri, *found)
    return answer


def _command(uri: str, entry: CodeLensEntry, lens: CodeLens) -> dict[str, Any]:
    if not lens.command:
        return {"title": lens.title or "…", "command": ""}
    name, arguments = lens.command, [uri, *lens.arguments]
    if name in entry.commands:
        name, arguments = PLUGIN_COMMAND, [uri, entry.name, name, *lens.arguments]
    return {"title": lens.title or "…", "command": name, "arguments": arguments}


def _place(line: int) -> dict[str, Any]:
    position = {"line": line, "character": 0}
    return {"start": position, "end": position}


@hookimpl
def nvm_lsp_code_lenses() -> Iterable[CodeLensEntry]:
    return [
        CodeLensEntry("run", run_lenses),
        CodeLensEntry("figures", _figure_lenses, resolve=_with_figures),
    ]


def run_lenses(program: OpenProgram) -> Iterator[CodeLens]:
    """The lenses above the first line that emits, and above each case; none without a program."""
    assembly = program.assembly
    line = _first_line(assembly)
    if line is None:
        return
    assert isinstance(program, ServedProgram)
    settings = program.server.settings.code_lens
    if settings.run:
        yield CodeLens(line, "▶ Run on NestedVM", "nvm.run")
        yield CodeLens(line, "Run natively", "nvm.run", ({"target": "evm"},))
    if settings.compare:
        yield CodeLens(line, "Compare with native", "nvm.compare")
    cases = list(_cases(assembly))
    if settings.test and (cases or _has_expectations(assembly)):
        yield CodeLens(line, "Test all cases" if len(cases) > 1 else "Test", "nvm.test")
    for number, name in cases[:_MOST_CASES]:
        if settings.run:
            yield CodeLens(number, f"▶ Run {name}", "nvm.run", ({"case": name},))
        if settings.test:
            yield CodeLens(number, "Test", "nvm.test", ({"case": name},))


def _figure_lenses(program: OpenProgram) -> Iterator[CodeLens]:
    assert isinstance(program, ServedProgram)
    settings = program.server.settings.code_lens
    if settings.gas or settings.references:
        for subject in subjects(program.assembly, _first_line(program.assembly)):
            if _has_figures(subject, program.assembly, settings.gas, settings.references):
                arguments = (subject.kind, subject.name, subject.column)
                yield CodeLens(subject.line, arguments=arguments)


def _has_figures(subject: Subject, assembly: Assembly, gas: bool, references: bool) -> bool:
    """Whether there is something to tell: gas and sizes only of a program without errors."""
    if subject.kind == "program":
        return gas and assembly.ok and bool(assembly.bytecode)
    return references or (gas and assembly.ok and subject.kind == "macro")


def _with_figures(program: OpenProgram, lens: CodeLens) -> CodeLens:
    assert isinstance(program, ServedProgram)
    settings = program.server.settings.code_lens
    kind, name, column = lens.arguments
    subject = Subject(str(kind), lens.line, str(name))
    title = figures(
        program.assembly, subject, gas=settings.gas, references=settings.references
    )
    if kind in ("macro", "label") and client_has(program.server, _SHOW_REFERENCES):
        place = {"line": lens.line, "character": column}
        return CodeLens(lens.line, title, _SHOW_REFERENCES, (place,))
    return CodeLens(lens.line, title or "not used")


def _cases(assembly: Assembly) -> Iterator[tuple[int, str]]:
    """The lines that begin a case, with its name."""
    for number, comment in comments_of(assembly.program.root.tree, "scenario"):
        key, _, name = comment.body.partition(" ")
        if key == "case" and name.strip():
            yield number, name.strip()


def _has_expectations(assembly: Assembly) -> bool:
    return any(True for _ in comments_of(assembly.program.root.tree, "expectation"))


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
