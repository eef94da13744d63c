"""textDocument/rename and prepareRename: a new name in every file of the programs that share it.

A rename that would change what a program means, or that cannot reach all places, is refused with
the reason.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from nvm_lsp.assembler.expressions import FUNCTIONS, UNITS
from nvm_lsp.assembler.references import (
    MacroScope,
    Occurrence,
    Target,
    is_built_in,
    occurrence_at,
    occurrences,
    occurrences_between,
    structure,
    target_of,
)
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.server.features.document_link import links
from nvm_lsp.server.program_files import Found, ProgramFiles, range_json, read_workspace
from nvm_lsp.source import Position
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax.parser import directives, terminals

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "name_problem", "prepare", "workspace_edit"]

_REQUEST_FAILED = -32803  # LSP 3.17, LSPErrorCodes.RequestFailed


async def prepare(server: NvmServer, params: lsp.PrepareRenameParams) -> dict[str, Any] | None:
    await read_workspace(server, params.text_document.uri)
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    occurrence = occurrence_at(opened.tree, position)
    if occurrence is None:
        reason = _why_no_name(opened.tree, position)
        if reason:
            raise _refusal(reason)
        return None
    path = opened.document.path
    _places(ProgramFiles(server), path, target_of(opened.tree, occurrence))
    return {
        "range": range_json(
            server, opened.tree, occurrence.line, occurrence.start, occurrence.end
        ),
        "placeholder": occurrence.name,
    }


async def handle(server: NvmServer, params: lsp.RenameParams) -> dict[str, Any] | None:
    await read_workspace(server, params.text_document.uri)
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    occurrence = occurrence_at(opened.tree, position)
    if occurrence is None:
        raise _refusal(
            _why_no_name(opened.tree, position) or "there is no name here that could be renamed"
        )
    target = target_of(opened.tree, occurrence)
    new = params.new_name.strip().removeprefix("%" if target.is_macro else "@")
    if occurrence.kind == "position":
        new = new.removeprefix(".")
    problem = name_problem(new, is_macro=target.is_macro)
    if problem:
        raise _refusal(problem)
    path = opened.document.path
    files = ProgramFiles(server)
    places = _places(files, path, target)
    if new != target.name:
        _refuse_clashes(files, path, opened.tree, target, new, places)
    edits: dict[str, list[dict[str, Any]]] = {}
    for place in places:
        edits.setdefault(place.path, []).append(
            {"range": files.range_json(place), "newText": new}
        )
    if new != target.name:
        _tell_of_scenarios(files, path, target)
    return workspace_edit(files, edits)


def name_problem(name: str, *, is_macro: bool = False) -> str:
    """Why a text cannot be a name, empty if it can."""
    if re.fullmatch(terminals()["WORD"], name) is None:
        return (
            f"{name!r} is no name: it begins with a letter or _, and goes on with letters, digits, "
            "_ and dots"
        )
    if is_macro and f"%{name}" in directives():
        return f"%{name} is a directive and cannot be a macro"
    if opcode_by_name(name) is not None or name.upper() == "PUSH":
        return f"{name} is a mnemonic and cannot be a name"
    if name in ("pc", "fork") or is_built_in(name):
        return f"{name} is a built-in name and cannot be another's"
    return ""


def _refusal(reason: str) -> JsonRpcException:
    return JsonRpcException(reason, _REQUEST_FAILED)


def _why_no_name(tree: SyntaxTree, position: Position) -> str:
    """What stands at a position that is no name of the program, empty if nothing does."""
    if not 0 <= position.line < tree.line_count:
        return ""
    line = tree.line(position.line)
    for found in re.finditer(rf"%?{terminals()['WORD']}", line.text):
        if not found.start() <= position.column <= found.end():
            continue
        word = found[0]
        if line.comment is not None and found.start() >= line.comment.start:
            return ""
        if word in directives():
            return f"{word} is a directive and cannot be renamed"
        if opcode_by_name(word) is not None or word.upper() == "PUSH":
            return f"{word} is a mnemonic and cannot be renamed"
        if is_built_in(word):
            return f"{word} is a built-in name and cannot be renamed"
        if word in FUNCTIONS or word in UNITS:
            what = "function" if word in FUNCTIONS else "unit"
            return f"{word} is a built-in {what} and cannot be renamed"
    return ""


def _places(files: ProgramFiles, path: str, target: Target) -> list[Found]:
    """All places to change.

    Raises:
        JsonRpcException: not all of them can be, or nothing defines the name.
    """
    places = list(files.occurrences(path, target, pictures=True))
    if not any(place.occurrence.is_definition for place in places):
        raise _refusal(f"{target.name} is defined nowhere in this workspace, so its other uses "
                       "cannot be found")
    for file in dict.fromkeys(place.path for place in places):
        if not files.is_editable(file):
            raise _refusal(
                f"{target.name} also occurs in {file}, which is outside of the workspace; open it "
                "or its folder to rename it there, too"
            )
    return places


def _refuse_clashes(
    files: ProgramFiles, path: str, tree: SyntaxTree, target: Target, new: str, places: list[Found]
) -> None:
    """Refuses a name that means something already where the old one stands.

    Raises:
        JsonRpcException: the names would be mixed up.
    """
    wanted = Target(new, target.is_macro, target.scope)
    if target.scope is not None:
        macro = structure(tree).macro_at(target.scope)
        assert macro is not None
        _refuse(path, _named(tree, macro, new, uses=True))
        return
    for file in files.sharing(path, target, every=True):
        here = files.tree(file)
        for found in occurrences(here, wanted) if here is not None else ():
            if found.is_definition:
                _refuse(file, found)
    for place in places:
        # Inside a macro with a parameter or label of the new name it would mean that one.
        owner = structure(place.tree).macro_at(place.occurrence.line)
        if target.is_macro or owner is None or not owner.owns(new):
            continue
        if place.occurrence.kind not in ("comment", "picture"):
            _refuse(place.path, _named(place.tree, owner, new, uses=False))


def _named(
    tree: SyntaxTree, macro: MacroScope, name: str, *, uses: bool
) -> Occurrence | None:
    """Where a macro defines a name, or, with ``uses``, else uses it; None if it does not."""
    found = [
        place
        for place in occurrences_between(tree, macro.first, macro.last + 1)
        if place.name == name and not place.names_macro and place.kind != "comment"
    ]
    definitions = [place for place in found if place.is_definition]
    return next(iter(definitions or (found if uses else [])), None)


def _refuse(path: str, found: Occurrence | None) -> None:
    if found is None:
        return
    what = "is defined" if found.is_definition else "means something else"
    raise _refusal(f"{found.name} {what} in {os.path.basename(path)}, line {found.line + 1}")


def _tell_of_scenarios(files: ProgramFiles, path: str, target: Target) -> None:
    """Tells of TOML scenarios that seem to use a name: a rename does not change these."""
    if target.is_macro or target.scope is not None:
        return
    word = re.compile(rf"(?<![\w.]){re.escape(target.name)}(?![\w.])")
    found: dict[str, None] = {}
    for file in files.sharing(path, target, every=True):
        tree = files.tree(file)
        for link in links(tree) if tree is not None else ():
            if not link.path.endswith(".toml"):
                continue
            other = files.loader.resolve(link.path, file)
            data = files.loader.data(other)
            lines = data.decode("utf-8", "replace").splitlines() if isinstance(data, bytes) else ()
            for number, line in enumerate(lines, 1):
                if word.search(line):
                    found[f"{os.path.basename(other)}, line {number}"] = None
    if found:
        files.server.window_show_message(
            lsp.ShowMessageParams(
                type=lsp.MessageType.Warning,
                message=f"{target.name} is not renamed in {'; '.join(found)}: scenarios in TOML "
                "are to be changed by hand",
            )
        )


def workspace_edit(
    files: ProgramFiles, edits: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """The edits as the client takes them: with the versions of open files if it can."""
    server = files.server
    workspace = server.client_capabilities.workspace
    able = workspace.workspace_edit if workspace is not None else None
    uris = {path: files.uri(path) for path in edits}
    if able is None or not able.document_changes:
        return {"changes": {uris[path]: found for path, found in edits.items()}}
    changes = []
    for path, found in edits.items():
        opened = server.documents.documents.get(uris[path])
        version = opened.version if opened is not None else None
        changes.append(
            {"textDocument": {"uri": uris[path], "version": version}, "edits": found}
        )
    return {"documentChanges": changes}
