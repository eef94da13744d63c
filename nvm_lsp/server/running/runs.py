"""Runs of open programs, and what came of the last ones; guests run in other processes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException

from nvm_lsp.assembler import Assembly, Origin
from nvm_lsp.diagnostics import Severity
from nvm_lsp.runner.jobs import Checking, Comparing, Job
from nvm_lsp.runner.prepare import prepare
from nvm_lsp.runner.probes import ConstantNames, Plan
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.service import RunFailedError
from nvm_lsp.runner.testing import Verdict, of_assembly
from nvm_lsp.server.paths import path_of
from nvm_lsp.server.protocol import REQUEST_FAILED
from nvm_lsp.server.running.run_lines import FileRun, LineRun, Moves, by_file
from nvm_lsp.server.running.run_progress import run_progress
from nvm_lsp.server.running.run_reports import snapshot_difference
from nvm_lsp.server.workspace import OpenDocument

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["Result", "Runs", "TestRun", "Trace"]

#: Steps that a trace for an editor keeps at most.
_MAX_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """A run's result and the version of the text that it belongs to.

    ``lines`` is what it did line by line, ``origin`` where it ended; both have the lines of that
    text, which ``moves`` tells the present place of. ``included`` is what it did in other files
    that are open, by path.
    """

    version: int
    json: dict[str, Any]
    lines: dict[int, LineRun] = field(default_factory=dict)
    origin: Origin | None = None
    moves: Moves = field(default_factory=Moves)
    included: dict[str, FileRun] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TestRun:
    """What tests have shown of a version of the text; ``cases`` as `Runs.test` gives them."""

    version: int
    cases: list[dict[str, Any]]
    moves: Moves


@dataclass(frozen=True, slots=True)
class Trace:
    """The steps of a run; ``key`` says of which text and request, ``log`` is `StepLog.to_json`.

    ``labels`` are the scenario's names of addresses.
    """

    key: tuple[Any, ...]
    version: int
    assembly: Assembly
    log: dict[str, Any]
    labels: Mapping[bytes, str]


class Runs:
    """Runs programs for one client.

    ``results`` and ``traces`` are the last ones by URI, ``previous`` the results before those,
    ``tests`` what the last tests have shown.
    """

    def __init__(self, server: NvmServer) -> None:
        self._server = server
        self.results: dict[str, Result] = {}
        self.previous: dict[str, Result] = {}
        self.tests: dict[str, TestRun] = {}
        self.traces: dict[str, Trace] = {}

    async def run(self, uri: str, options: dict[str, Any]) -> dict[str, Any]:
        """Runs a document's program; its JSON, with lines.

        ``options``: target, case, and ``snapshots``: all, changes, end, or one-based lines.

        Raises:
            JsonRpcException: it is not open, has errors, or gave no result.
        """
        opened, assembly, request = self.program(uri, options)
        uri = opened.uri
        version = opened.version
        before = opened.document.lines
        wanted = _snapshots(options.get("snapshots"), assembly)
        result = await self._run(opened, replace(request, snapshots=wanted))
        _add_lines(result, assembly)
        still_open = self._server.documents.documents.get(uri)
        if still_open is not None:
            last = result["last"]
            origin = assembly.source_map.origin(last["pc"]) if last else None
            files = by_file(result, assembly)
            lines = files.pop(opened.document.path, {})
            made = Result(version, result, lines, origin, included=self._included(files))
            made.moves.note(before, still_open.document.lines)  # edits while it ran
            if uri in self.results:
                self.previous[uri] = self.results[uri]
            self.results[uri] = made
            self._server.refresh_inlay_hints()
            self._server.diagnoser.run_ended(uri)
            self._server.push_run(uri)
        return result

    def changed(self, uri: str, before: Sequence[str], after: Sequence[str]) -> None:
        """The text of a program has changed: what is known of its lines moves with them."""
        for known in (self.results.get(uri), self.previous.get(uri), self.tests.get(uri)):
            if known is not None:
                known.moves.note(before, after)
        path = path_of(uri)
        for result in self.results.values():
            if path in result.included:
                result.included[path].moves.note(before, after)

    def _included(self, files: dict[str, dict[int, LineRun]]) -> dict[str, FileRun]:
        """What a run did in files that are open beside its program."""
        found = {}
        for path, lines in files.items():
            opened = self._server.documents.open_at(path)
            if opened is not None:
                found[path] = FileRun(opened.version, lines)
        return found

    async def compare(self, uri: str, options: dict[str, Any]) -> dict[str, Any]:
        """Two runs of a program compared; see `nvm_lsp.runner.compare.to_json`.

        ``options``: case, target, and ``against``, what to compare with, "native" if unsaid.

        Raises:
            JsonRpcException: as for `run`, or there is nothing of that name to compare with.
        """
        opened, assembly, request = self.program(uri, options)
        uri = opened.uri
        against = options.get("against") or "native"
        lines = {
            pc: origin.root_line
            for pc, size, is_data, origin in assembly.source_map.entries()
            if size and not is_data
        }
        job = Comparing(replace(request, plan=Plan()), str(against), lines)
        return await self._perform(opened, job, "Comparing")

    async def test(self, uri: str, options: dict[str, Any]) -> dict[str, Any]:
        """What became of the expectations of a program's cases, kept for the diagnostics.

        ``options``: ``case`` for one case alone. Gives ``{"passed", "cases"}``; of each
        case name, passed, outcome, gas, problem, and the findings of `nvm_lsp.runner.jobs`.

        Raises:
            JsonRpcException: as for `run`.
        """
        opened, assembly, request = self.program(uri, options)
        uri = opened.uri
        tests = of_assembly(
            opened.document.path, assembly, self._server.documents.loader(opened),
            self._server.documents.file_settings(opened),
        )
        if isinstance(tests, Verdict):
            first = tests.diagnostics[0]
            raise JsonRpcException(f"{first.location}: {first.message}", REQUEST_FAILED)
        made = TestRun(opened.version, [], Moves())
        before = opened.document.lines
        for case, expectations in tests.cases:
            if options.get("case") not in (None, case.name):
                continue
            names = ConstantNames.of(assembly)
            job = Checking(
                replace(request, scenario=case.scenario, plan=Plan((), names), native=False),
                expectations,
            )
            row: dict[str, Any] = {"name": case.name, "problem": "", "findings": []}
            try:
                found = await self._perform(opened, job, "Testing")
            except JsonRpcException as error:
                row |= {"passed": False, "outcome": "none", "gas": None, "problem": str(error)}
            else:
                row |= {
                    "passed": all(finding["passed"] for finding in found["findings"]),
                    "outcome": found["outcome"], "gas": found["run"]["gas"]["used"],
                    "findings": found["findings"],
                }
            made.cases.append(row)
        still_open = self._server.documents.documents.get(uri)
        if still_open is not None:
            made.moves.note(before, still_open.document.lines)
            self.tests[uri] = made
            self._server.refresh_inlay_hints()
            self._server.diagnoser.run_ended(uri)
            self._server.push_run(uri)
        return {"passed": all(row["passed"] for row in made.cases), "cases": made.cases}

    async def difference(
        self, uri: str, options: dict[str, Any], first: int, second: int | None
    ) -> dict[str, Any]:
        """How the guest's state before a line differs from that before another, or at the end.

        Lines count from one; of a line that runs more than once, the first time counts.

        Raises:
            JsonRpcException: as for `run`, or a line was not reached.
        """
        opened, assembly, request = self.program(uri, options)
        uri = opened.uri
        path = opened.document.path
        pcs = {
            line: assembly.source_map.pcs(path, line - 1)[:1]
            for line in (first, *([second] if second is not None else []))
        }
        wanted = frozenset(pc for found in pcs.values() for pc in found)
        result = await self._run(opened, replace(request, snapshots=wanted, plan=Plan()))
        states = []
        for line, found in pcs.items():
            state = next((row for row in result["snapshots"] if row["pc"] in found), None)
            if state is None:
                raise JsonRpcException(f"line {line} was not reached", REQUEST_FAILED)
            states.append((state, f"before line {line}"))
        if second is None:
            states.append((result, "at the end"))
        elif second == first:
            states.append(states[0])
        (before, left), (after, right) = states
        _add_lines(result, assembly)
        return snapshot_difference(before, after, left, right, _writers(result, after))

    async def _perform(
        self, opened: OpenDocument, job: Job, verb: str
    ) -> dict[str, Any]:
        return await self._served(self._server.service.perform, job, opened, verb)

    async def _run(
        self, opened: OpenDocument, request: Request
    ) -> dict[str, Any]:
        return await self._served(self._server.service.run, request, opened, "Running")

    async def _served(
        self, serve: Callable[..., Awaitable[dict[str, Any]]], wanted: Job | Request,
        opened: OpenDocument, verb: str,
    ) -> dict[str, Any]:
        """Has the service do something with a program, with progress; its failure is the answer."""
        title = f"{verb} {os.path.basename(opened.document.path)}"
        async with run_progress(self._server, title) as progress:
            try:
                return await serve(wanted, owner=opened.uri, progress=progress)
            except RunFailedError as error:
                raise JsonRpcException(str(error), REQUEST_FAILED) from error

    async def run_saved(self, uri: str) -> None:
        """Runs a program that was saved; one with errors is left alone."""
        try:
            await self.run(uri, {})
        except JsonRpcException as error:
            self._server.log_message(f"{uri} was not run: {error}")

    async def trace(self, uri: str, options: dict[str, Any]) -> Trace:
        """The steps of a program's run, kept until it or what is asked for changes.

        ``options`` are those of `run`, and ``maxSteps``.

        Raises:
            JsonRpcException: as for `run`.
        """
        opened, assembly, request = self.program(uri, options)
        uri = opened.uri
        most = options.get("maxSteps")
        most = most if isinstance(most, int) and 0 < most <= _MAX_STEPS else _MAX_STEPS
        key = (opened.version, request, most)
        known = self.traces.get(uri)
        if known is not None and known.key == key:
            return known
        logged = replace(request, log_steps=most, native=False, plan=Plan())
        try:
            log = await self._server.service.steps(logged, owner=uri)
        except RunFailedError as error:
            raise JsonRpcException(str(error), REQUEST_FAILED) from error
        trace = Trace(key, opened.version, assembly, log, request.scenario.labels)
        if uri in self._server.documents.documents:
            self.traces[uri] = trace
        return trace

    def forget(self, uri: str) -> None:
        """A program was closed: nothing of its runs is kept."""
        self.results.pop(uri, None)
        self.previous.pop(uri, None)
        self.tests.pop(uri, None)
        self.traces.pop(uri, None)

    def program(
        self, uri: str, options: dict[str, Any]
    ) -> tuple[OpenDocument, Assembly, Request]:
        """An open program ready to run. ``options``: target, case.

        Raises:
            JsonRpcException: it is not open, has errors, or wants more trust than there is.
        """
        server, case = self._server, options.get("case")
        # Who calls a command may spell the URI another way than who has opened the document.
        opened = server.documents.documents.get(uri) or server.documents.open_at(path_of(uri))
        if opened is None:
            raise JsonRpcException(f"{uri} is not open", REQUEST_FAILED)
        if opened.too_large:
            raise JsonRpcException(f"{opened.uri} is too large", REQUEST_FAILED)
        assembly = server.documents.assembly(opened)
        project = server.documents.file_settings(opened)
        try:
            prepared = prepare(assembly, server.documents.loader(opened), case, project)
        except KeyError:
            raise JsonRpcException(f"there is no case {case}", REQUEST_FAILED) from None
        found = (*assembly.diagnostics, *prepared.diagnostics)
        errors = [d for d in found if d.severity is Severity.ERROR]
        if errors:
            first = errors[0]
            raise JsonRpcException(
                f"the program has errors, so it was not run: {first.location}: {first.message}",
                REQUEST_FAILED,
            )
        request = prepared.request
        if request.scenario.forked is not None and server.trusted is not True:
            raise JsonRpcException(
                "the program reads state from a node (#@ rpc), which only a trusted workspace may: "
                'trust it in the editor, or start the server with {"trusted": true}',
                REQUEST_FAILED,
            )
        run = server.settings.run
        target = options.get("target") or (run.target if run.target in ("nvm", "evm") else None)
        if target in ("nvm", "evm") and target != request.scenario.target:
            # Natively, a program runs on its own fork, however old, as on the command line.
            fork = assembly.fork if target == "evm" else request.scenario.fork
            request = replace(
                request, scenario=replace(request.scenario, target=target, fork=fork)
            )
        seconds = (request.limits.seconds, run.seconds, project.run.timeout or run.seconds)
        return opened, assembly, replace(
            request,
            backend=run.backend or project.run.backend or request.backend,
            limits=replace(request.limits, seconds=min(seconds)),
            trust_rpc=server.trusted is True,
            steps=True,  # lines are shown with what they did
        )


def _snapshots(wish: Any, assembly: Assembly) -> frozenset[int] | str:
    """What to keep states at, from what a client asks for."""
    if wish in ("all", "changes"):
        return str(wish)
    if isinstance(wish, list):
        path = assembly.program.root.path
        lines = [line for line in wish if isinstance(line, int)]
        return frozenset(pc for line in lines for pc in assembly.source_map.pcs(path, line - 1))
    return "end"


def _writers(result: dict[str, Any], state: dict[str, Any]) -> list[dict[str, Any]]:
    """What wrote the words of a state: the last writer, of words that nothing has changed since."""
    end, then = (bytes.fromhex(json["memory"][2:]) for json in (result, state))
    return [
        row
        for row in result["writers"]
        if end[row["offset"] : row["offset"] + 32] == then[row["offset"] : row["offset"] + 32]
    ]


def _add_lines(result: dict[str, Any], assembly: Assembly) -> None:
    """Fills in the lines, which the worker, having no source, could not."""
    ends = [result["last"]] if result["last"] else []
    written = (row for row in result["decoded"]["storage"] if row["pc"] is not None)
    for row in (*result["snapshots"], *result["writers"], *written, *ends):
        origin = assembly.source_map.origin(row["pc"])
        row["line"] = None if origin is None else origin.root_line + 1
