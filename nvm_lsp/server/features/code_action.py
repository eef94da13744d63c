"""textDocument/codeAction and codeAction/resolve: fixes of what is wrong, and refactorings.

An edit that needs the whole workspace, or costs something, is made when its action is chosen, if
the client can ask for it then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.references import Target, occurrence_at, target_of
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix
from nvm_lsp.runner.prepare import comment_diagnostics
from nvm_lsp.server.actions.client_commands import client_has
from nvm_lsp.server.actions.constant_refactoring import (
    extract_constant,
    extract_constant_everywhere,
    inline_constant,
)
from nvm_lsp.server.actions.freezing import freeze, freeze_end, update
from nvm_lsp.server.actions.macro_inlining import inline_all, inline_macro, macro_at
from nvm_lsp.server.actions.macro_refactoring import extract_macro
from nvm_lsp.server.actions.quick_fixes import Creation, fixes_of, missing_name, suppressions
from nvm_lsp.server.actions.refactoring import Introduction, Refused, push_conversions
from nvm_lsp.server.actions.rewriting import rewrites
from nvm_lsp.server.actions.run_actions import RUN, run_actions
from nvm_lsp.server.actions.source_actions import UNUSED_INCLUDE, WholeFile, has_safe_fix
from nvm_lsp.server.actions.stack_comment_edits import stack_comment_fixes
from nvm_lsp.server.actions.surroundings import Surroundings
from nvm_lsp.server.actions.workspace_edit import position_after, workspace_edit
from nvm_lsp.server.diagnoser import Outdated
from nvm_lsp.server.hovers.stack_hover import is_ready, prepare
from nvm_lsp.server.program_files import ProgramFiles, read_workspace
from nvm_lsp.server.scenario_toml import is_scenario_file
from nvm_lsp.source import Span

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["FIX_ALL", "KINDS", "ORGANIZE", "handle", "resolve"]

FIX_ALL = "source.fixAll.nvm-lsp"
ORGANIZE = "source.organizeImports.nvm-lsp"
_STACK_COMMENTS = "source.stackComments.nvm-lsp"
_RENAME = "nvm-lsp.rename"
_CONTENT_MODIFIED = -32801  # LSP 3.17, ErrorCodes.ContentModified
_REQUEST_FAILED = -32803  # LSP 3.17, LSPErrorCodes.RequestFailed
#: All kinds that are offered, for the client's menus.
KINDS = (
    "quickfix", "refactor.extract", "refactor.inline", "refactor.rewrite",
    FIX_ALL, ORGANIZE, _STACK_COMMENTS,
)
_UNSAFE = "may change what the program does"
_LONGEST_FOR_STACK = 400
#: Findings of a selection that have actions of their own; nobody reads more.
_MOST_FINDINGS = 30


@dataclass(frozen=True, slots=True)
class _Offer:
    """An action before it is JSON. ``key`` names what makes its edit later, if that is wished."""

    kind: str
    fix: Fix | Refused
    diagnostics: tuple[Diagnostic, ...] = ()
    preferred: bool = False
    key: str = ""


# Refactorings, by the name that an action is resolved by: kind, what makes it, and whether it is
# about a name that other programs may share.
_Maker = Callable[[Assembly, Span, Surroundings], Fix | Refused | None]


def _lines_as_macro(
    assembly: Assembly, span: Span, around: Surroundings
) -> Fix | Refused | None:
    if span.start == span.end:
        return None
    stacks = assembly.ok and is_ready(assembly)
    return extract_macro(assembly, span.start.line, _last_line(span), around, stacks=stacks)


_REFACTORINGS: dict[str, tuple[str, _Maker]] = {
    "constant": ("refactor.extract.constant", extract_constant),
    "constants": ("refactor.extract.constant", extract_constant_everywhere),
    "macro": ("refactor.extract.function", _lines_as_macro),
    "inline constant": (
        "refactor.inline.constant",
        lambda a, span, around: inline_constant(a, span.start, around, everywhere=False),
    ),
    "inline constants": (
        "refactor.inline.constant",
        lambda a, span, around: inline_constant(a, span.start, around, everywhere=True),
    ),
    "inline macro": (
        "refactor.inline.function",
        lambda a, span, around: inline_macro(a, span.start.line, around),
    ),
    "inline macros": (
        "refactor.inline.function",
        lambda a, span, around: inline_all(a, span.start.line, around),
    ),
}


async def handle(server: NvmServer, params: lsp.CodeActionParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None or opened.too_large or is_scenario_file(opened.uri):
        return []
    try:
        found = await _diagnostics(server, opened)
        assembly = server.documents.assembly(opened)
        if assembly.ok and not is_ready(assembly):
            await asyncio.to_thread(prepare, assembly)
        if opened.assembly is not assembly:
            raise Outdated
    except Outdated:  # the client asks again for the text that it has now
        return []
    span = server.converter.span(opened.document, params.range)
    wanted = [str(kind) for kind in params.context.only or ()]
    here = [d for d in found if _touches(d, opened, span)][:_MOST_FINDINGS]
    if not _resolves(server) or any(missing_name(assembly, d) for d in here):
        await read_workspace(server, opened.uri)
        if opened.assembly is not assembly:
            return []
    site = _Site(server, opened, span)
    offers = [
        *_quick_fixes(site, assembly, here, found, wanted),
        *_refactorings(site, assembly, wanted),
        *_rewrites(site, assembly, wanted),
        *_source_actions(found, wanted),
    ]
    answers = [answer for offer in _distinct(offers) if (answer := await site.json(offer))]
    return answers + (run_actions(server, opened, span) if _is_wanted(RUN, wanted) else [])


async def resolve(server: NvmServer, action: lsp.CodeAction) -> dict[str, Any]:
    """The action with its edit.

    Raises:
        JsonRpcException: the text has changed since, or something in the workspace hinders it.
    """
    answer: dict[str, Any] = server.protocol._converter.unstructure(action)
    data = answer.get("data")
    if not isinstance(data, dict) or "edit" in answer:
        return answer
    opened = server.documents.documents.get(str(data.get("uri")))
    if opened is None or data.get("version") != opened.version:
        raise JsonRpcException("the text has changed since this was offered", _CONTENT_MODIFIED)
    span = server.converter.span_of_json(opened.document, data["range"])
    fix = await _Site(server, opened, span).made(str(data.get("key")))
    if fix is None:
        raise JsonRpcException("the text has changed since this was offered", _CONTENT_MODIFIED)
    if isinstance(fix, Refused):
        raise JsonRpcException(f"{fix.title}: {fix.reason}", _REQUEST_FAILED)
    answer["edit"] = workspace_edit(server, fix.edits)
    answer.update(_rename_after(server, opened, fix))
    return answer


async def _diagnostics(server: NvmServer, opened: OpenDocument) -> tuple[Diagnostic, ...]:
    """What is wrong with a document.

    Raises:
        Outdated: the text has changed meanwhile.
    """
    found = await server.diagnoser.findings(opened)
    assembly = server.documents.assembly(opened)
    return (*found, *comment_diagnostics(assembly, server.documents.loader(opened)))


# What is offered ----------------------------------------------------------------------------------


def _is_wanted(kind: str, wanted: list[str]) -> bool:
    """Whether a kind is one of those, or below one of them; none means all."""
    return not wanted or any(kind == want or kind.startswith(f"{want}.") for want in wanted)


def _quick_fixes(
    site: _Site, assembly: Assembly, here: list[Diagnostic], found: tuple[Diagnostic, ...],
    wanted: list[str],
) -> Iterator[_Offer]:
    if not _is_wanted("quickfix", wanted):
        return
    for diagnostic in here:
        fixes = list(fixes_of(assembly, diagnostic, site.files_with))
        for index, fix in enumerate(fixes):
            unsafe = fix.applicability is Applicability.UNSAFE
            preferred = index == 0 and not unsafe and not isinstance(fix, Creation)
            yield _Offer("quickfix", fix, (diagnostic,), preferred)
    tests = site.server.runs.tests.get(site.opened.uri)
    if tests is not None:
        for fix in update(assembly, site.first, site.last, tests.cases, tests.moves.now):
            yield _Offer("quickfix", fix)
    for code in dict.fromkeys(diagnostic.code for diagnostic in here):
        alike = tuple(d for d in found if d.code == code and has_safe_fix((d,)))
        if len(alike) > 1:
            fix = Fix(f"Fix all {len(alike)} of {code} in this file", (), Applicability.SAFE)
            yield _Offer(
                "quickfix", fix, tuple(d for d in here if d.code == code), key=f"fix {code}"
            )
    for diagnostic in here:
        for fix in suppressions(assembly, diagnostic):
            yield _Offer("quickfix", fix, (diagnostic,))


def _refactorings(site: _Site, assembly: Assembly, wanted: list[str]) -> Iterator[_Offer]:
    near = Surroundings.of_program(assembly, is_sketch=True)
    for key, (kind, make) in _REFACTORINGS.items():
        if _is_wanted(kind, wanted):
            fix = make(assembly, site.span, near)
            if fix is not None:
                yield _Offer(kind, fix, key=key)


def _rewrites(site: _Site, assembly: Assembly, wanted: list[str]) -> Iterator[_Offer]:
    if not _is_wanted("refactor.rewrite", wanted):
        return
    first, last = site.first, site.last
    fixes: list[Fix] = [
        *push_conversions(assembly, first, last), *rewrites(assembly, site.span)
    ]
    if assembly.ok and last - first <= _LONGEST_FOR_STACK:
        fixes += stack_comment_fixes(assembly, first, last)
    for uri, result in site.server.runs.results.items():
        if uri == site.opened.uri:
            fixes += freeze(assembly, first, last, result.json, result.moves.now)
            fixes += freeze_end(assembly, first, last, result.json, result.moves.now)
        elif (included := result.included.get(site.opened.document.path)) is not None:
            fixes += freeze(assembly, first, last, result.json, included.moves.now)
    for fix in fixes:
        yield _Offer("refactor.rewrite", fix)


def _source_actions(found: tuple[Diagnostic, ...], wanted: list[str]) -> Iterator[_Offer]:
    """What is done to the whole file; of what is not asked for, fixing alone."""
    for title, kind, use in (
        ("Fix all that can be fixed safely", FIX_ALL, has_safe_fix(found)),
        ("Remove includes that nothing is used of", ORGANIZE,
         bool(wanted) and any(d.code == UNUSED_INCLUDE for d in found)),
        ("Insert and repair all stack comments", _STACK_COMMENTS, bool(wanted)),
    ):
        if use and _is_wanted(kind, wanted):
            yield _Offer(kind, Fix(title, (), Applicability.SAFE), key=kind)


def _distinct(offers: Iterable[_Offer]) -> list[_Offer]:
    """Offers of which no two do the same; one that serves several findings names them all."""
    out: dict[object, _Offer] = {}
    for offer in offers:
        edits = offer.fix.edits if isinstance(offer.fix, Fix) else ()
        same = (offer.kind, offer.fix.title, edits, offer.key)
        known = out.get(same)
        out[same] = offer if known is None else replace(
            known, diagnostics=(*known.diagnostics, *offer.diagnostics),
            preferred=known.preferred or offer.preferred,
        )
    return list(out.values())


def _last_line(span: Span) -> int:
    """The last line of which something is selected."""
    if span.end.column == 0 and span.end.line > span.start.line:
        return span.end.line - 1
    return span.end.line


def _touches(diagnostic: Diagnostic, opened: OpenDocument, span: Span) -> bool:
    """Whether a flaw is in what is selected, or in the cursor's line: people put it there."""
    place = diagnostic.location
    return (
        place.path == opened.document.path
        and place.span.start.line <= _last_line(span)
        and place.span.end.line >= span.start.line
        and (
            span.start.line != span.end.line
            or span.start == span.end
            or (place.span.start <= span.end and span.start <= place.span.end)
        )
    )


# How it is made and shown -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Site:
    """Makes actions of a place in a document."""

    server: NvmServer
    opened: OpenDocument
    span: Span

    @property
    def first(self) -> int:
        return self.span.start.line

    @property
    def last(self) -> int:
        return _last_line(self.span)

    def files_with(self, name: str, is_macro: bool) -> list[str]:
        """The files of the workspace that define a name; it has been read."""
        files, here = ProgramFiles(self.server), self.opened.document.path
        return [
            path for path in files.defining(name, is_macro)
            if files.is_editable(path) and here not in files.closure(path)
        ]

    async def made(self, key: str) -> Fix | Refused | None:
        """What an action does, with all programs of the workspace in mind.

        There is none if the text has changed meanwhile.
        """
        await read_workspace(self.server, self.opened.uri)
        before = self.opened.document
        if key in _REFACTORINGS:
            assembly = self.server.documents.assembly(self.opened)
            around = Surroundings.of_workspace(
                ProgramFiles(self.server), before.path, self._target(assembly, key)
            )
            return _REFACTORINGS[key][1](assembly, self.span, around)
        if key == _STACK_COMMENTS:
            assembly = self.server.documents.assembly(self.opened)
            fixes = await asyncio.to_thread(
                lambda: list(stack_comment_fixes(assembly, 0, len(before.lines)))
            )
            edits = tuple(edit for fix in fixes for edit in fix.edits)
        else:
            whole = WholeFile.of(self.server, self.opened)
            work = whole.without_unused_includes if key == ORGANIZE else (
                lambda: whole.fixed("" if key == FIX_ALL else key.removeprefix("fix "))
            )
            edits = await asyncio.to_thread(work)
        return Fix(key, edits) if self.opened.document is before else None

    def _target(self, assembly: Assembly, key: str) -> Target:
        """The name that leads to other programs; one that is nowhere leads to this file's."""
        if key == "inline macros":
            macro = macro_at(assembly, self.first)
            if macro is not None:
                return Target(macro.definition.name.text, True, None)
        if key == "inline constants":
            found = occurrence_at(self.opened.tree, self.span.start)
            if found is not None:
                return target_of(self.opened.tree, found)
        return Target("", False, None)

    async def json(self, offer: _Offer) -> dict[str, Any] | None:
        """The action of an offer, with its edit unless that is asked for later."""
        server, fix = self.server, offer.fix
        answer: dict[str, Any] = {"title": fix.title, "kind": offer.kind}
        later = bool(offer.key) and _resolves(server)
        if isinstance(fix, Fix) and offer.key and not later:
            made = await self.made(offer.key)
            if made is None:
                return None
            fix = replace(made, title=fix.title) if isinstance(made, Fix) else made
        if isinstance(fix, Refused):
            if not _knows(server, "disabled_support"):
                return None
            return {**answer, "disabled": {"reason": fix.reason}}
        if offer.diagnostics:
            documents = server.documents
            answer["diagnostics"] = [
                server.converter.diagnostic_json(
                    self.opened.document, diagnostic, documents.uri_of, documents.text_of
                )
                for diagnostic in offer.diagnostics
            ]
        if offer.preferred:
            answer["isPreferred"] = True
        if later:
            answer["data"] = {
                "uri": self.opened.uri, "version": self.opened.version, "key": offer.key,
                "range": server.converter.range_json(self.opened.document, self.span),
            }
            return answer
        return self._with_edit(answer, fix)

    def _with_edit(self, answer: dict[str, Any], fix: Fix) -> dict[str, Any] | None:
        server = self.server
        if isinstance(fix, Creation) and fix.path:
            edit = _creation(server, fix)
            return {**answer, "edit": edit} if edit is not None else None
        unsafe = _UNSAFE if _is_unsafe(server.documents.assembly(self.opened), fix) else ""
        edit = workspace_edit(server, fix.edits, confirm=unsafe)
        if unsafe and "changeAnnotations" not in edit:
            answer["title"] += f" ({unsafe})"
        return {**answer, "edit": edit, **_rename_after(server, self.opened, fix)}


def _is_unsafe(assembly: Assembly, fix: Fix) -> bool:
    """Whether a fix may change what the program does, which no change of a comment can."""
    return fix.applicability is Applicability.UNSAFE and not all(
        _is_in_comment(assembly, edit) for edit in fix.edits
    )


def _is_in_comment(assembly: Assembly, edit: Edit) -> bool:
    span, root = edit.location.span, assembly.program.root
    if edit.location.path != root.path or span.start.line != span.end.line or "\n" in edit.text:
        return False
    comment = root.tree.line(span.start.line).comment if (
        span.start.line < root.tree.line_count
    ) else None
    return comment is not None and comment.start <= span.start.column


def _knows(server: NvmServer, name: str) -> bool:
    capabilities = getattr(server.client_capabilities.text_document, "code_action", None)
    return bool(getattr(capabilities, name, False))


def _resolves(server: NvmServer) -> bool:
    """Whether the client can ask for an edit when its action is chosen."""
    capabilities = getattr(server.client_capabilities.text_document, "code_action", None)
    support = getattr(capabilities, "resolve_support", None)
    return _knows(server, "data_support") and "edit" in (getattr(support, "properties", None) or ())


def _creation(server: NvmServer, fix: Creation) -> dict[str, Any] | None:
    """The edit that makes a file, None where the client makes none or it would lie outside."""
    workspace = server.client_capabilities.workspace
    able = getattr(workspace, "workspace_edit", None)
    operations = getattr(able, "resource_operations", None) or ()
    # An enumeration of strings, or strings where the client sends others than LSP knows.
    if not getattr(able, "document_changes", False) or "create" not in [
        getattr(operation, "value", operation) for operation in operations
    ]:
        return None
    if not ProgramFiles(server).is_editable(fix.path):
        return None
    uri = server.documents.uri_of(fix.path)
    operation = {"kind": "create", "uri": uri, "options": {"ignoreIfExists": True}}
    return {"documentChanges": [operation]}


def _rename_after(server: NvmServer, opened: OpenDocument, fix: Fix) -> dict[str, Any]:
    """The command that lets the user name what was extracted, where the client has it."""
    if not isinstance(fix, Introduction) or not client_has(server, _RENAME):
        return {}
    place = position_after(server, opened.document, fix.edits, fix.name)
    arguments = [opened.uri, place]
    return {"command": {"title": "Rename", "command": _RENAME, "arguments": arguments}}
