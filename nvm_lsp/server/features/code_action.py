"""textDocument/codeAction and codeAction/resolve: fixes of what is wrong, and refactorings.

Edits that cost something are made when an action is looked at, if the client can ask for that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import assemble
from nvm_lsp.diagnostics import Applicability, Diagnostic, Edit, Fix
from nvm_lsp.lint.fixes import Trial, errors_of_assembly, mend
from nvm_lsp.lint.linter import check
from nvm_lsp.runner.prepare import comment_diagnostics
from nvm_lsp.server.diagnoser import Outdated
from nvm_lsp.server.freezing import freeze, update
from nvm_lsp.server.macro_refactoring import extract_macro, inline_all, inline_macro
from nvm_lsp.server.refactoring import extract_constant, push_conversions
from nvm_lsp.server.scenario_toml import is_scenario_file
from nvm_lsp.server.stack_comment_edits import stack_comment_fixes
from nvm_lsp.server.stack_hover import is_ready, prepare
from nvm_lsp.source import Location, Position, Span, split_lines
from nvm_lsp.syntax import parse_lines
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["FIX_ALL", "KINDS", "handle", "resolve"]

FIX_ALL = "source.fixAll.nvm-lsp"
_STACK_COMMENTS = "source.stackComments.nvm-lsp"
#: All kinds that are offered, for the client's menus.
KINDS = (
    "quickfix", "refactor.extract", "refactor.inline", "refactor.rewrite", FIX_ALL, _STACK_COMMENTS
)
_GUESS = re.compile(r"did you mean (?P<guess>[^?\s]+)\?")
#: Letters of codes that no comment can silence: the assembler's and the readers' of comments.
_NOT_SUPPRESSED = ("ASM", "SYN", "SCN", "PRB", "EXP", "SUP")
_LONGEST_FOR_STACK = 400


@dataclass(frozen=True, slots=True)
class _Offer:
    """An action before it is JSON."""

    kind: str
    fix: Fix
    diagnostic: Diagnostic | None = None
    preferred: bool = False


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
    offers = list(_offers(server, opened, span, wanted, found))
    answer = [_to_json(server, opened, offer) for offer in offers]
    for title, kind in (
        ("Fix all that can be fixed safely", FIX_ALL),
        ("Insert and repair all stack comments", _STACK_COMMENTS),
    ):
        if _is_wanted(kind, wanted) and (wanted or _has_safe_fix(found, kind)):
            later = await _later(server, opened, kind)
            answer.append({"title": title, "kind": kind, **later})
    return answer


async def resolve(server: NvmServer, action: lsp.CodeAction) -> dict[str, Any]:
    """The action with its edit."""
    answer: dict[str, Any] = server.protocol._converter.unstructure(action)
    data = answer.get("data")
    if isinstance(data, dict) and "edit" not in answer:
        opened = server.documents.documents.get(str(data.get("uri")))
        if opened is not None:
            edits = await _edits_of_source(server, opened, str(data.get("kind")))
            answer["edit"] = workspace_edit(server, edits)
    return answer


async def _later(
    server: NvmServer, opened: OpenDocument, kind: str
) -> dict[str, Any]:
    """The edit of an action for the whole file, or what it is made from when it is asked for."""
    capabilities = getattr(server.client_capabilities.text_document, "code_action", None)
    support = getattr(capabilities, "resolve_support", None)
    if getattr(capabilities, "data_support", False) and "edit" in (
        getattr(support, "properties", None) or ()
    ):
        return {"data": {"uri": opened.uri, "kind": kind}}
    return {"edit": workspace_edit(server, await _edits_of_source(server, opened, kind))}


async def _edits_of_source(
    server: NvmServer, opened: OpenDocument, kind: str
) -> tuple[Edit, ...]:
    """The edits of an action for the whole file, found while others have their turn.

    There are none if the text has changed meanwhile.
    """
    before = opened.document
    if kind == FIX_ALL:
        edits = await asyncio.to_thread(_fix_all, server, opened)
    else:
        assembly = server.documents.assembly(opened)
        last = len(before.lines)
        fixes = await asyncio.to_thread(lambda: list(stack_comment_fixes(assembly, 0, last)))
        edits = tuple(edit for fix in fixes for edit in fix.edits)
    return edits if opened.document is before else ()


def _fix_all(server: NvmServer, opened: OpenDocument) -> tuple[Edit, ...]:
    """One edit from the first line that changes to the last."""
    path = opened.document.path
    loader = server.documents.loader(opened)
    settings = server.documents.lint_settings(opened)
    fork = server.documents.assembly(opened).fork
    declared = any(
        isinstance(line.statement, t.ForkDirective)
        for chunk in opened.tree.chunks if chunk.has_structure for line in chunk.lines
    )

    def look(text: str) -> Trial:
        tree = parse_lines(path, split_lines(text))
        assembly = assemble(tree, loader=loader, fork=None if declared else fork)
        found = check(assembly, settings=settings)
        return Trial(found, errors_of_assembly(found))

    before = opened.document.lines
    mended = mend(path, opened.document.text, look)
    after = split_lines(mended.text)
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    if first == len(before) == len(after):
        return ()
    span = Span(Position(first, 0), Position(len(before) - last, 0))
    return (Edit(Location(path, span), "".join(after[first : len(after) - last])),)


def _has_safe_fix(found: tuple[Diagnostic, ...], kind: str) -> bool:
    return kind == FIX_ALL and any(
        fix.applicability is Applicability.SAFE
        for diagnostic in found
        for fix in diagnostic.fixes
    )


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


def _offers(
    server: NvmServer, opened: OpenDocument, span: Span, wanted: list[str],
    found_here: tuple[Diagnostic, ...],
) -> Iterator[_Offer]:
    if _is_wanted("quickfix", wanted):
        here = [d for d in found_here if _touches(d, opened, span)]
        for diagnostic in here:
            yield from _fixes(diagnostic, opened)
        for diagnostic in here:
            fix = _suppression(diagnostic, opened)
            if fix is not None:
                yield _Offer("quickfix", fix, diagnostic)
    assembly = server.documents.assembly(opened)
    first, last = span.start.line, _last_line(span)
    if _is_wanted("refactor.extract", wanted):
        for fix in extract_constant(assembly, span):
            yield _Offer("refactor.extract", fix)
        if span.start != span.end:
            found = extract_macro(assembly, first, last)
            if found is not None:
                yield _Offer("refactor.extract", found)
    if _is_wanted("refactor.inline", wanted):
        for found in (inline_macro(assembly, first), inline_all(assembly, first)):
            if found is not None:
                yield _Offer("refactor.inline", found)
    if _is_wanted("refactor.rewrite", wanted):
        for fix in push_conversions(assembly, first, last):
            yield _Offer("refactor.rewrite", fix)
        if assembly.ok and last - first <= _LONGEST_FOR_STACK:
            for fix in stack_comment_fixes(assembly, first, last):
                yield _Offer("refactor.rewrite", fix)
        result = server.runs.results.get(opened.uri)
        if result is not None:
            for fix in freeze(assembly, first, last, result.json):
                yield _Offer("refactor.rewrite", fix)
    tests = server.runs.tests.get(opened.uri)
    if tests is not None and _is_wanted("quickfix", wanted):
        for fix in update(assembly, first, last, tests.cases):
            yield _Offer("quickfix", fix)


def _last_line(span: Span) -> int:
    """The last line of which something is selected."""
    if span.end.column == 0 and span.end.line > span.start.line:
        return span.end.line - 1
    return span.end.line


def _touches(diagnostic: Diagnostic, opened: OpenDocument, span: Span) -> bool:
    place = diagnostic.location
    return (
        place.path == opened.document.path
        and place.span.start.line <= _last_line(span)
        and place.span.end.line >= span.start.line
        and (
            span.start.line != span.end.line
            or (span.start == span.end and _near(place.span, span.start))
            or (place.span.start <= span.end and span.start <= place.span.end)
        )
    )


def _near(place: Span, position: Position) -> bool:
    """Whether the cursor is in the line of a flaw: people put it there, not on the flaw."""
    return place.start.line <= position.line <= place.end.line


def _fixes(diagnostic: Diagnostic, opened: OpenDocument) -> Iterator[_Offer]:
    fixes = diagnostic.fixes or tuple(_guesses(diagnostic, opened))
    for index, fix in enumerate(fixes):
        title = fix.title
        if fix.applicability is Applicability.UNSAFE:
            title += " (may change what the program does)"
        preferred = index == 0 and fix.applicability is not Applicability.UNSAFE
        yield _Offer("quickfix", replace(fix, title=title), diagnostic, preferred)


def _guesses(diagnostic: Diagnostic, opened: OpenDocument) -> Iterator[Fix]:
    """A replacement by what the hint guesses, where the flaw is one word."""
    found = _GUESS.search(diagnostic.hint)
    span = diagnostic.location.span
    if found is None or span.start.line != span.end.line:
        return
    line = opened.document.lines[span.start.line]
    written = line[span.start.column : span.end.column].rstrip("\r\n")
    if not re.fullmatch(r"%?[\w.\-\[\]]+", written):
        return
    guess = found["guess"]
    if written.startswith("%") and not guess.startswith("%"):
        guess = f"%{guess}"
    yield Fix(
        f"Replace with {guess}", (Edit(diagnostic.location, guess),), Applicability.MANUAL
    )


def _suppression(diagnostic: Diagnostic, opened: OpenDocument) -> Fix | None:
    """A comment that silences a finding on its line."""
    code, number = diagnostic.code, diagnostic.location.span.start.line
    if code.startswith(_NOT_SUPPRESSED) or number >= opened.tree.line_count:
        return None
    line = opened.tree.line(number)
    text = line.text.rstrip()
    path = opened.document.path
    title = f"Ignore {code} on this line, with a reason"
    if line.comment is not None:
        if line.comment.kind != "suppression":
            return None
        inside = re.search(r"ignore\[([^\]]*)\]", line.comment.text)
        if inside is None or code in inside[1]:
            return None
        column = line.comment.start + inside.end(1)
        new, place = f", {code}", Span.of_line(number, column, column)
    else:
        new = f"  # easm: ignore[{code}] -- "
        place = Span.of_line(number, len(text), len(text))
    return Fix(title, (Edit(Location(path, place), new),), Applicability.MANUAL)


# JSON ---------------------------------------------------------------------------------------------


def _to_json(server: NvmServer, opened: OpenDocument, offer: _Offer) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "title": offer.fix.title,
        "kind": offer.kind,
        "edit": workspace_edit(server, offer.fix.edits),
    }
    if offer.diagnostic is not None:
        answer["diagnostics"] = [
            server.converter.diagnostic_json(
                opened.document, offer.diagnostic,
                server.documents.uri_of, server.documents.text_of,
            )
        ]
    if offer.preferred:
        answer["isPreferred"] = True
    return answer


def workspace_edit(server: NvmServer, edits: tuple[Edit, ...]) -> dict[str, Any]:
    """Edits as LSP's WorkspaceEdit; new lines end as those of the file do."""
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.location.path, []).append(edit)
    workspace = server.client_capabilities.workspace
    versioned = getattr(getattr(workspace, "workspace_edit", None), "document_changes", False)
    changes: dict[str, list[dict[str, Any]]] = {}
    documents: list[dict[str, Any]] = []
    for path, inside in by_path.items():
        opened = server.documents.open_at(path)
        uri = server.documents.uri_of(path)
        document = server.documents.text_of(path)
        crlf = document is not None and bool(document.lines) and (
            document.lines[0].endswith("\r\n")
        )
        items = [
            {
                "range": server.converter.range_json(document, edit.location.span),
                "newText": edit.text.replace("\n", "\r\n") if crlf else edit.text,
            }
            for edit in inside
        ]
        changes[uri] = items
        version = opened.version if opened is not None else None
        documents.append({"textDocument": {"uri": uri, "version": version}, "edits": items})
    return {"documentChanges": documents} if versioned else {"changes": changes}
