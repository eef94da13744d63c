"""Diagnostics by push and by pull: what is made when, and what the client is shown.

Errors of the assembler come first, findings of rules when they are there; what belongs to a text
that is no more is dropped. A client that pulls is not pushed to.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from nvm_lsp.assembler.errors import LIMIT_EXCEEDED
from nvm_lsp.configuration import Configuration
from nvm_lsp.diagnostics import Diagnostic, Problem, Severity
from nvm_lsp.lint.linter import Examination, examine_in_steps
from nvm_lsp.runner.prepare import comment_diagnostics
from nvm_lsp.server.paths import path_of
from nvm_lsp.server.running.run_diagnostics import run_diagnostics
from nvm_lsp.server.scenario_toml import is_scenario_file, scenario_diagnostics
from nvm_lsp.server.workspace import OpenDocument
from nvm_lsp.source import Document, Location, Position, Span

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Diagnoser", "Outdated"]

#: Seconds of quiet after an edit before diagnostics are made: as long as they took last time, so
#: that they never take more than half of the time; at once where there was quiet before.
_LONGEST_PAUSE = 0.5
#: Seconds that rules may take for their findings to come with the assembler's, in one go.
_AT_ONCE = 0.1
#: Seconds of work that an edit may cost without a pause for the next one.
_UNNOTICED = 0.05
#: Seconds from one key to the next: rules that take longer wait whether there is a next one.
_KEYSTROKE = 0.1
#: Lines from which on they come later in any case.
_MANY_LINES = 500

Json = dict[str, Any]
T = TypeVar("T")


class Outdated(Exception):  # noqa: N818 -- no error: there is a newer text
    """The text has changed while its diagnostics were being made."""


@dataclass(slots=True)
class _State:
    """What is known of a document's diagnostics. ``shown`` are those of each file, by URI.

    ``late`` is what assembler and rules said of the last text that they were asked about. Rules
    rest ``rest_until`` they have rested for as long as they worked, to the end or not.
    """

    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None
    took: float = 0.0
    rules_took: float = 0.0
    rest_until: float = 0.0
    last: float = 0.0
    asked: float = 0.0
    late: tuple[Diagnostic, ...] = ()
    shown: dict[str, list[Json]] = field(default_factory=dict)


class Diagnoser:
    """Makes and sends diagnostics for one client."""

    def __init__(self, server: NvmServer) -> None:
        self._server = server
        self._states: dict[str, _State] = {}
        self._pushed: dict[str, str] = {}
        self._reports: dict[str, tuple[object, str, list[Json]]] = {}
        self._flawed: set[str] = set()
        self._busy = 0  # programs that rules are looking at now

    # Push ----------------------------------------------------------------------------------------

    def schedule(self, uri: str, *, saved: bool = False) -> None:
        """Makes diagnostics soon; on a long text, once typing pauses."""
        if self._server.client_pulls:
            return
        state = self._states.setdefault(uri, _State())
        loop = asyncio.get_running_loop()
        if state.task is not None:
            state.task.cancel()
            state.task = None
        if state.timer is not None:
            state.timer.cancel()
        else:
            state.asked = loop.time()
        quiet = loop.time() - state.last
        # What takes no time is worth no pause; a flood of edits is seen in `_begin`.
        at_once = quiet > state.took or state.took < _UNNOTICED
        delay = 0.0 if at_once else min(state.took, _LONGEST_PAUSE)
        state.timer = loop.call_later(delay, self._begin, uri, saved)

    def run_ended(self, uri: str) -> None:
        """A run or a test of a program has shown something new about the same text."""
        self._reports.pop(uri, None)
        self.schedule(uri, saved=True)
        if self._server.client_pulls:
            self._server.refresh_diagnostics()

    def _begin(self, uri: str, saved: bool) -> None:
        state = self._states.get(uri)
        if state is None:
            return
        state.timer = None
        loop = asyncio.get_running_loop()
        if self._server.is_behind() and loop.time() - state.asked < _LONGEST_PAUSE:
            # More edits have come already.
            state.timer = loop.call_later(0.001, self._begin, uri, saved)
            return
        opened = self._server.documents.documents.get(uri)
        if opened is None:
            return
        try:
            rules_left = self._push_first(opened, state, saved)
        except Exception as error:
            self._server.report("diagnostics", error)
            return
        if rules_left:
            state.task = asyncio.ensure_future(self._push_later(opened, state))

    def _push_first(self, opened: OpenDocument, state: _State, saved: bool) -> bool:
        """Shows what is quickly known; whether the rules' findings are to follow."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = self._comments(opened)
        follow = False
        judging = self._server.documents.judging(opened)
        if opened.too_large:
            state.late = (_too_large(opened),)
        elif judging is not None:
            assemblies = [self._server.documents.assembly(program) for program in judging]
            follow = self._wants_rules(saved) and any(assembly.ok for assembly in assemblies)
            said = self._server.documents.said_of_part(opened, [a.diagnostics for a in assemblies])
            if follow:  # as below
                said = (
                    *(d for d in said if d.severity is Severity.ERROR),
                    *(d for d in state.late if d.severity is not Severity.ERROR),
                )
            state.late = said
        elif not self._wants_rules(saved):
            state.late = self._server.documents.assembly(opened).diagnostics
        elif self._is_quick(opened, state):
            before = loop.time()
            state.late = self._server.documents.diagnostics(opened)
            if self._server.documents.assembly(opened).ok:
                state.rules_took = loop.time() - before
        else:
            # The findings of the text before are better than none for a moment: no flicker.
            state.late = tuple(d for d in state.late if d.severity is not Severity.ERROR)
            follow = True
        self._show(opened, state, (*found, *state.late))
        state.last = loop.time()
        state.took = state.last - began
        if not follow and not self._busy:
            opened.bury()
        return follow

    def _is_quick(self, opened: OpenDocument, state: _State) -> bool:
        """Whether rules take no longer than nobody notices; with errors, none is applied."""
        return (
            opened.diagnostics is not None
            or (state.rules_took < _AT_ONCE and opened.tree.line_count < _MANY_LINES)
            or not self._server.documents.assembly(opened).ok
        )

    async def _push_later(self, opened: OpenDocument, state: _State) -> None:
        try:
            loop = asyncio.get_running_loop()
            pause = state.rest_until - loop.time()
            if state.rules_took > _KEYSTROKE:
                pause = max(pause, _KEYSTROKE)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))
            await self._bury(opened)
            began = loop.time()
            try:
                late = await self.findings(opened)
                state.rules_took = loop.time() - began
            finally:
                state.rest_until = 2 * loop.time() - began
            if not self._is_open(opened):
                return
            state.late = late
            self._show(opened, state, (*self._comments(opened), *late))
        except Outdated:
            pass  # the edit that did it has scheduled anew
        except Exception as error:
            self._server.report("diagnostics", error)

    def moved(self, uri: str, first: int, removed: int, added: int) -> None:
        """Lines of a document were replaced: what is shown below them moves along.

        Of what was said of them, only that of the first stays for now: it may be much the same.
        """
        state = self._states.get(uri)
        if state is None or removed == added or not state.late:
            return
        path, by = path_of(uri), added - removed
        below, kept = first + removed, first + (added > 0)
        state.late = tuple(
            d if d.location.path != path or d.location.span.start.line < kept
            else replace(d, location=_moved(d.location, by))
            for d in state.late
            if d.location.path != path or not kept <= d.location.span.start.line < below
        )

    def forget(self, uri: str) -> None:
        """Takes back what was shown of a document that is no longer open."""
        state = self._states.pop(uri, None)
        self._reports.pop(uri, None)
        if state is None:
            return
        if state.timer is not None:
            state.timer.cancel()
        if state.task is not None:
            state.task.cancel()
        for file in state.shown:
            self._push(file, None)

    def _show(self, opened: OpenDocument, state: _State, found: tuple[Diagnostic, ...]) -> None:
        before = state.shown
        state.shown = self._by_file(opened, found)
        for file in {**before, **state.shown}:
            self._push(file, opened.version if file == opened.uri else None)
        self._server.shown(opened.uri)

    def _push(self, file: str, version: int | None) -> None:
        """Sends a file's diagnostics, those of all programs that it is part of.

        Of an open one its own alone: what others have shown of it was about the text on disk.
        """
        is_open = file in self._server.documents.documents and file in self._states
        states = [self._states[file]] if is_open else self._states.values()
        items = _union(state.shown.get(file, []) for state in states)
        key = json.dumps(items) if items else ""
        # What is of a version is said even if it is the same: it tells that the version was seen.
        if version is None and self._pushed.get(file, "") == key:
            return
        self._pushed[file] = key
        if not items:
            del self._pushed[file]
        params: Json = {"uri": file, "diagnostics": items}
        if version is not None:
            params["version"] = version
        self._server.protocol.notify("textDocument/publishDiagnostics", params)

    # Pull ----------------------------------------------------------------------------------------

    async def pull(self, params: lsp.DocumentDiagnosticParams) -> Json:
        """The report of one document.

        Raises:
            Outdated: the text has changed meanwhile.
        """
        uri = params.text_document.uri
        opened = self._server.documents.documents.get(uri)
        if opened is None:
            path = path_of(uri)
            allowed = self._server.documents.boundary().allows(path)
            opened = self._server.documents.closed(path) if allowed else None
        if opened is None:
            return {"kind": "full", "items": []}
        number, by_file = await self._report(opened)
        report: Json = {"kind": "full", "resultId": number, "items": by_file.pop(uri, [])}
        if params.previous_result_id == number:
            report = {"kind": "unchanged", "resultId": number}
        if by_file and self._server.client_shows_related:
            report["relatedDocuments"] = {
                file: {"kind": "full", "resultId": _result_id(items), "items": items}
                for file, items in by_file.items()
            }
        return report

    async def pull_workspace(self, params: lsp.WorkspaceDiagnosticParams) -> Json:
        """The reports of all programs in the workspace's folders, as parts if those are wanted."""
        known = {previous.uri: previous.value for previous in params.previous_result_ids}
        reports: list[Json] = []
        seen: set[str] = set()
        token = params.partial_result_token
        async with self._server.reporting(params.work_done_token, "Checking programs") as progress:
            async for opened in self._server.documents.programs():
                seen.add(opened.uri)
                progress(os.path.basename(opened.document.path))
                try:
                    number, by_file = await self._report(opened)
                except Outdated:
                    continue  # its own pull will tell
                report: Json = {
                    "uri": opened.uri,
                    "version": opened.version if self._is_open(opened) else None,
                    "kind": "full", "resultId": number, "items": by_file.get(opened.uri, []),
                }
                if known.get(opened.uri) == number:
                    report["kind"] = "unchanged"
                    del report["items"]
                reports.append(report)
                if token is not None:
                    self._server.send_progress(token, {"items": [reports.pop()]})
        reports += [  # files that were deleted, folders that were closed
            {"uri": gone, "version": None, "kind": "full", "items": []}
            for gone in known.keys() - seen
        ]
        return {"items": reports}

    async def _report(self, opened: OpenDocument) -> tuple[str, dict[str, list[Json]]]:
        """A program's diagnostics with their result id, kept until its assembly is outdated."""
        await self._bury(opened)
        documents = self._server.documents
        assembly, judging = documents.assembly(opened), documents.judging(opened)
        # Compared by identity: assemblies are not compared otherwise.
        # To be judged by no program, as conditions leave it out, is not to be judged by itself.
        judges = () if judging is None else tuple(map(documents.assembly, judging))
        made_of = (assembly, judging is None, *judges)
        known = self._reports.get(opened.uri)
        if known is not None and known[0] == made_of:
            return known[1], {opened.uri: known[2]}
        if opened.too_large:
            found: tuple[Diagnostic, ...] = (_too_large(opened),)
        elif self._wants_rules(saved=True):
            found = (*self._comments(opened), *await self.findings(opened))
        else:
            said = assembly.diagnostics
            if judging is not None:
                said = documents.said_of_part(opened, [a.diagnostics for a in judges])
            found = (*self._comments(opened), *said)
        by_file = self._by_file(opened, found)
        number = _result_id(by_file)
        if len(by_file) == 1:
            self._reports[opened.uri] = (made_of, number, by_file[opened.uri])
        return number, by_file

    def _is_open(self, opened: OpenDocument) -> bool:
        return self._server.documents.documents.get(opened.uri) is opened

    # What there is to say ------------------------------------------------------------------------

    def _wants_rules(self, saved: bool) -> bool:
        lint = self._server.settings.lint
        return lint.enable and (lint.run == "onType" or saved)

    def _comments(self, opened: OpenDocument) -> tuple[Diagnostic, ...]:
        """What is wrong with comments that are no mere comments: scenarios, probes and so on."""
        if opened.too_large:
            return ()
        documents = self._server.documents
        assembly, loader = documents.assembly(opened), documents.loader(opened)
        found = tuple(comment_diagnostics(assembly, loader))
        opened.read |= loader.read  # scenarios name files, too
        return found

    async def _bury(self, opened: OpenDocument) -> None:
        """Frees what is known of former texts, unless somebody may be looking at it."""
        if opened.former and not self._busy:
            await _on_a_thread(opened.bury)

    async def findings(self, opened: OpenDocument) -> tuple[Diagnostic, ...]:
        """What the assembler and the rules say; of a part of programs, what is said of them.

        Raises:
            Outdated: the text has changed meanwhile.
        """
        documents = self._server.documents
        judging = documents.judging(opened)
        if judging is None:
            return await self._findings(opened)
        assembly = documents.assembly(opened)
        said = [await self._findings(program) for program in judging]
        if opened.assembly is not assembly:
            raise Outdated
        return documents.said_of_part(opened, said)

    async def _findings(self, opened: OpenDocument) -> tuple[Diagnostic, ...]:
        """What is said of a program; rules run on a thread, so others have their turn."""
        documents = self._server.documents
        assembly = documents.assembly(opened)
        if opened.diagnostics is not None:
            return opened.diagnostics
        steps = examine_in_steps(assembly, settings=documents.lint_settings(opened))
        gone = threading.Event()

        def work() -> tuple[Diagnostic, ...] | None:
            while opened.assembly is assembly and not gone.is_set():
                try:
                    next(steps)
                except StopIteration as end:
                    examination: Examination = end.value
                    return examination.diagnostics
            return None

        self._busy += 1
        try:
            found = await _on_a_thread(work, gone.set)
        finally:
            self._busy -= 1
            steps.close()
        if found is None or opened.assembly is not assembly:
            raise Outdated
        opened.diagnostics = found
        return found

    def _by_file(
        self, opened: OpenDocument, found: tuple[Diagnostic, ...]
    ) -> dict[str, list[Json]]:
        """As JSON by URI: of the document, and of files that it includes and nobody opened."""
        documents, converter = self._server.documents, self._server.converter
        texts: dict[str, Document | None] = {opened.document.path: opened.document}

        def text_of(path: str) -> Document | None:
            if path not in texts:
                texts[path] = documents.text_of(path)
            return texts[path]

        if is_scenario_file(opened.uri):  # read as a program, it would be one error after another
            found = tuple(scenario_diagnostics(documents, opened))
        by_file: dict[str, list[Json]] = {opened.uri: []}
        for diagnostic in sorted(found, key=lambda d: d.sort_key):
            path = diagnostic.location.path
            uri = opened.uri if path == opened.document.path else documents.uri_of(path)
            if uri != opened.uri and uri in documents.documents:
                continue  # shown with that document itself
            by_file.setdefault(uri, []).append(
                converter.diagnostic_json(
                    text_of(path) or _NO_TEXT, diagnostic, documents.uri_of, text_of
                )
            )
        if self._is_open(opened):
            by_file[opened.uri] += run_diagnostics(self._server, opened)
        most = self._server.settings.limits.diagnostics
        for items in by_file.values():
            if len(items) > most:
                more = len(items) - most
                del items[most:]
                items[-1]["message"] += f"\n({more} more are not shown)"
        return by_file

    # Configuration files -------------------------------------------------------------------------

    def show_configuration_flaws(self) -> None:
        """Shows what is wrong with the project's files, in those files."""
        flawed: dict[str, list[Json]] = {}
        documents = self._server.documents
        for place in (*documents.folders, *(d.document.path for d in documents.documents.values())):
            if not os.path.isabs(place):
                continue
            configuration = documents.configurations.of(place)
            if configuration.path is not None and configuration.flaws:
                uri = documents.uri_of(os.path.abspath(configuration.path))
                flawed[uri] = _flaws(configuration)
        for uri in self._flawed - flawed.keys():
            self._push_flaws(uri, [])
        for uri, items in flawed.items():
            self._push_flaws(uri, items)
        self._flawed = set(flawed)

    def _push_flaws(self, uri: str, items: list[Json]) -> None:
        self._server.protocol.notify(
            "textDocument/publishDiagnostics", {"uri": uri, "diagnostics": items}
        )


_NO_TEXT = Document("", ())


def _too_large(opened: OpenDocument) -> Diagnostic:
    problem = Problem(
        LIMIT_EXCEEDED, 0, 0,
        f"this file is longer than {opened.limit:,} characters, so it is not analysed",
        "split it, or raise nvm-lsp.limits.fileSize",
    )
    return problem.at(opened.document.path, 0)


async def _on_a_thread(function: Callable[[], T], stop: Callable[[], None] = lambda: None) -> T:
    """Like asyncio.to_thread, but cancelling says so to the thread and waits until it has ended."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([work])
        raise


def _union(programs: Iterable[list[Json]]) -> list[Json]:
    """What several programs say of one file: once, with the places that each of them names."""
    union: dict[str, Json] = {}
    parts = [items for items in programs if items]
    if len(parts) < 2:
        return parts[0] if parts else []
    for item in chain.from_iterable(parts):
        related = item.get("relatedInformation", [])
        key = json.dumps({**item, "relatedInformation": None})
        known = union.setdefault(key, item)
        more = [place for place in related if place not in known.get("relatedInformation", ())]
        if more:
            union[key] = {
                **known, "relatedInformation": [*known.get("relatedInformation", ()), *more]
            }
    return list(union.values())


def _moved(location: Location, by: int) -> Location:
    start, end = location.span.start, location.span.end
    return Location(
        location.path,
        Span(Position(start.line + by, start.column), Position(end.line + by, end.column)),
    )


def _flaws(configuration: Configuration) -> list[Json]:
    return [
        {
            "range": {
                "start": {"line": flaw.line or 0, "character": 0},
                "end": {"line": (flaw.line or 0) + 1, "character": 0},
            },
            "severity": 1,
            "code": "configuration",
            "source": "nvm-lsp",
            "message": flaw.message + (f"\n{flaw.hint}" if flaw.hint else ""),
        }
        for flaw in configuration.flaws
    ]


def _result_id(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=12).hexdigest()
