"""How often names are used in all files of a program, and the signatures that programs hash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nvm_lsp.analysis.signatures import signatures_in
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Context
from nvm_lsp.assembler.references import Target, occurrences
from nvm_lsp.runner.abi import EMPTY_ABI, Abi
from nvm_lsp.runner.probes import comments_of
from nvm_lsp.runner.scenario_reader import read_scenario

if TYPE_CHECKING:
    from nvm_lsp.server.workspace import OpenDocument, Workspace

_ABI = "abi of the scenario"

__all__ = ["distinct_contexts", "macro_uses", "signatures_seen", "uses"]


def uses(assembly: Assembly, name: str) -> int:
    """How often a label, table or constant of the program is named outside its definition."""
    return _count(assembly, Target(name, False, None))


def macro_uses(assembly: Assembly, name: str) -> int:
    """How many lines use a macro, those in other macros counted once each."""
    return _count(assembly, Target(name, True, None))


def distinct_contexts(assembly: Assembly) -> Iterator[Context]:
    """The files of a program, each once however often it is included."""
    seen: set[str] = set()
    for context in assembly.program.contexts:
        if context.path not in seen:
            seen.add(context.path)
            yield context


def signatures_seen(
    workspace: Workspace, opened: OpenDocument, function: str = "selector"
) -> tuple[str, ...]:
    """Signatures that programs pass to a function, this document's first, with its ABIs.

    Programs that are not open count as far as they were looked at already.
    """
    found = dict.fromkeys(signatures_in(workspace.assembly(opened), function))
    kinds = ("event",) if function == "topic" else ("function", "error")
    found.update(
        dict.fromkeys(e.signature for e in _abi(workspace, opened).entries if e.kind in kinds)
    )
    for other in (*workspace.documents.values(), *workspace.looked_at()):
        if other is not opened and other.assembly is not None:
            found.update(dict.fromkeys(signatures_in(other.assembly, function)))
    return tuple(found)


def _abi(workspace: Workspace, opened: OpenDocument) -> Abi:
    """The ABIs that a program's scenario names, read once for each assembly."""
    assembly = workspace.assembly(opened)
    known = assembly.__dict__.get(_ABI)
    if known is None:
        known = EMPTY_ABI
        if any(
            comment.body.startswith(("abi", "deploy", "scenario"))
            for _, comment in comments_of(assembly.program.root.tree, "scenario")
        ):
            known = read_scenario(assembly, workspace.loader(opened))[0].abi
        assembly.__dict__[_ABI] = known
    assert isinstance(known, Abi)
    return known


def _count(assembly: Assembly, target: Target) -> int:
    return sum(
        not occurrence.is_definition
        for context in distinct_contexts(assembly)
        for occurrence in occurrences(context.tree, target)
    )
