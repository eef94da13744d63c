"""The language server: state, wiring, and nothing else; features are pure functions elsewhere.

It never imports py-evm: guests run in processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp import get_method_options_type
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from nvm_lsp import __version__
from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Severity
from nvm_lsp.runner.prepare import comment_diagnostics, prepare
from nvm_lsp.runner.run import Request
from nvm_lsp.runner.service import ExecutionService, RunFailedError
from nvm_lsp.server.convert import Converter
from nvm_lsp.server.features import COMMANDS, FEATURES, Command, Feature
from nvm_lsp.server.workspace import OpenDocument, Workspace, path_of, uri_of

__all__ = ["NvmServer", "serve"]

log = logging.getLogger(__name__)

#: Seconds of quiet after an edit before diagnostics are made: as long as they took last time, so
#: that they never take more than half of the time, within these bounds.
_LEAST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
#: Diagnostics shown of one document; the last one says that there are more.
_MAX_DIAGNOSTICS = 500
_REQUEST_FAILED = -32803  # LSP 3.17, LSPErrorCodes.RequestFailed
_INVALID_PARAMS = -32602  # JSON-RPC 2.0


class _Protocol(LanguageServerProtocol):
    """pygls's protocol, except for documents and cancelling.

    pygls rebuilds the whole text at each edit; ours are lists of lines. And cancelling an
    executeCommand must stop the command, not only its answer.
    """

    _server: NvmServer

    @lsp_method(lsp.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: lsp.DidOpenTextDocumentParams) -> None:
        self._server.did_open(params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: lsp.DidChangeTextDocumentParams) -> None:
        self._server.did_change(params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: lsp.DidCloseTextDocumentParams) -> None:
        self._server.did_close(params)

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(
        self, params: lsp.ExecuteCommandParams
    ) -> Generator[Any, Any, Any]:
        # pygls wants every argument that a handler could take; ours are optional.
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcException(f"unknown command {params.command}", _INVALID_PARAMS)
        result = yield handler, tuple(params.arguments or ()), None
        return result

    def notify(self, method: str, params: Any | None = None) -> None:
        """Sends a notification; plain JSON goes out as it is, which is 3 times as fast."""
        if isinstance(params, dict):
            self._send_data({"jsonrpc": self.VERSION, "method": method, "params": params})
        else:
            super().notify(method, params)

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if error is None and (result is None or isinstance(result, dict | list)):
            self._result_types.pop(msg_id, None)
            self._send_data({"jsonrpc": self.VERSION, "id": msg_id, "result": result})
        else:
            super()._send_response(msg_id, result, error)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        task = self._server.running.get(msg_id)
        if task is not None:
            task.cancel()
        super()._handle_cancel_notification(msg_id)


@dataclass(frozen=True, slots=True)
class _Result:
    """A run's result and the version of the text that it belongs to."""

    version: int
    json: dict[str, Any]


class NvmServer(LanguageServer):
    """Open documents, results of runs, and the processes that make them."""

    def __init__(self) -> None:
        super().__init__(
            "nvm-lsp", __version__, protocol_cls=_Protocol, converter_factory=default_converter
        )
        self.documents = Workspace()
        self.converter = Converter()
        self.results: dict[str, _Result] = {}
        self.running: dict[Any, asyncio.Task[Any]] = {}
        self.service: ExecutionService | None = None
        self._pending: dict[str, asyncio.TimerHandle] = {}
        self._took = 0.0
        self._published: dict[str, set[str]] = {}

    # Documents -----------------------------------------------------------------------------------

    def did_open(self, params: lsp.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        self.documents.open(item.uri, item.text, item.version)
        self.refresh(item.uri)

    def did_change(self, params: lsp.DidChangeTextDocumentParams) -> None:
        uri, version = params.text_document.uri, params.text_document.version
        opened = self.documents.documents.get(uri)
        if opened is None:
            log.warning("a change of %s, which is not open", uri)
            return
        for change in params.content_changes:
            if isinstance(change, lsp.TextDocumentContentChangePartial):
                span = self.converter.span(opened.document, change.range)
                opened.change(span, change.text, version)
            else:
                opened.set_text(change.text, version)
        for other in self.documents.includers(opened.document.path):
            other.assembly = other.diagnostics = None
            self.schedule(other.uri)
        self.schedule(uri)

    def did_close(self, params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        self.documents.close(uri)
        self.results.pop(uri, None)
        self._cancel_pending(uri)
        for other in self._published.pop(uri, {uri}):
            self._publish(other, None, [])
        for opened in self.documents.documents.values():
            self.schedule(opened.uri)

    # Diagnostics ---------------------------------------------------------------------------------

    def schedule(self, uri: str) -> None:
        """Makes diagnostics once typing pauses; the pause grows with what they cost."""
        self._cancel_pending(uri)
        delay = min(max(_LEAST_PAUSE, self._took), _LONGEST_PAUSE)
        loop = asyncio.get_event_loop()
        self._pending[uri] = loop.call_later(delay, self.refresh, uri)

    def refresh(self, uri: str) -> None:
        """Makes and publishes the diagnostics of a document now."""
        self._cancel_pending(uri)
        opened = self.documents.documents.get(uri)
        if opened is None:
            return
        loop = asyncio.get_event_loop()
        began = loop.time()
        try:
            by_file = self._diagnostics(opened)
        except Exception as error:
            self.report("diagnostics", error)
            return
        self._took = loop.time() - began
        before = self._published.get(uri, set())
        for gone in before - set(by_file):
            self._publish(gone, None, [])
        for other, found in by_file.items():
            self._publish(other, opened.version if other == uri else None, found)
        self._published[uri] = set(by_file)
        if self.results.get(uri) is not None:
            self._refresh_inlay_hints()

    def _diagnostics(self, opened: OpenDocument) -> dict[str, list[dict[str, Any]]]:
        """Diagnostics by URI: of the document, and of files that it includes and nobody opened."""
        assembly = self.documents.assembly(opened)
        found = list(self.documents.diagnostics(opened))
        found += comment_diagnostics(assembly, self.documents.loader())
        by_file: dict[str, list[dict[str, Any]]] = {opened.uri: []}
        for diagnostic in found:
            path = diagnostic.location.path
            uri = opened.uri if path == opened.document.path else uri_of(path)
            if uri != opened.uri and uri in self.documents.documents:
                continue  # shown with that document itself
            document = self.documents.text_of(path)
            by_file.setdefault(uri, []).append(
                self.converter.diagnostic_json(
                    document or opened.document if uri == opened.uri else document or _NO_TEXT,
                    diagnostic, self._uri, self.documents.text_of,
                )
            )
        for items in by_file.values():
            if len(items) > _MAX_DIAGNOSTICS:
                more = len(items) - _MAX_DIAGNOSTICS
                del items[_MAX_DIAGNOSTICS:]
                items[-1]["message"] += f"\n({more} more are not shown)"
        return by_file

    def _uri(self, path: str) -> str:
        return uri_of(path)

    def _publish(self, uri: str, version: int | None, found: list[dict[str, Any]]) -> None:
        params: dict[str, Any] = {"uri": uri, "diagnostics": found}
        if version is not None:
            params["version"] = version
        self.protocol.notify(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    def _cancel_pending(self, uri: str) -> None:
        handle = self._pending.pop(uri, None)
        if handle is not None:
            handle.cancel()

    # Runs ----------------------------------------------------------------------------------------

    async def run_program(self, uri: str, options: dict[str, Any]) -> dict[str, Any]:
        """Runs a document's program; its JSON, with lines."""
        opened = self.documents.documents.get(uri)
        if opened is None:
            raise JsonRpcException(f"{uri} is not open", _REQUEST_FAILED)
        assembly, request = self._program(opened, options.get("case"))
        if options.get("target") in ("nvm", "evm"):
            request = replace(request, scenario=replace(request.scenario, target=options["target"]))
        version = opened.version
        if self.service is None:
            self.service = ExecutionService()
        try:
            result = await self.service.run(request, owner=uri)
        except RunFailedError as error:
            raise JsonRpcException(str(error), _REQUEST_FAILED) from error
        _add_lines(result, assembly)
        self.results[uri] = _Result(version, result)
        self._refresh_inlay_hints()
        return result

    def _program(self, opened: OpenDocument, case: str | None = None) -> tuple[Assembly, Request]:
        assembly = self.documents.assembly(opened)
        try:
            prepared = prepare(assembly, self.documents.loader(), case)
        except KeyError:
            raise JsonRpcException(f"there is no case {case}", _REQUEST_FAILED) from None
        found = (*assembly.diagnostics, *prepared.diagnostics)
        errors = [d for d in found if d.severity is Severity.ERROR]
        if errors:
            first = errors[0]
            raise JsonRpcException(
                f"the program has errors, so it was not run: {first.location}: {first.message}",
                _REQUEST_FAILED,
            )
        return assembly, prepared.request

    def _refresh_inlay_hints(self) -> None:
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.inlay_hint is not None and (
            workspace.inlay_hint.refresh_support
        ):
            self.protocol.send_request(lsp.WORKSPACE_INLAY_HINT_REFRESH, None)

    # Failures ------------------------------------------------------------------------------------

    def report(self, feature: str, error: Exception) -> None:
        """Says that a feature failed; the others go on."""
        log.exception("%s failed", feature, exc_info=error)
        self.window_log_message(
            lsp.LogMessageParams(
                type=lsp.MessageType.Error,
                message=f"nvm-lsp: {feature} failed: {type(error).__name__}: {error}",
            )
        )


_NO_TEXT = Workspace().open("untitled:", "", 0).document


def _add_lines(result: dict[str, Any], assembly: Assembly) -> None:
    """Fills in the lines, which the worker, having no source, could not."""
    for row in (*result["snapshots"], *([result["last"]] if result["last"] else [])):
        origin = assembly.source_map.origin(row["pc"])
        row["line"] = None if origin is None else origin.root_line + 1


def create_server() -> NvmServer:
    """A server with its features, ready to start."""
    server = NvmServer()

    @server.feature(lsp.INITIALIZE)
    def _initialize(params: lsp.InitializeParams) -> None:
        general = params.capabilities.general
        offered = (general.position_encodings if general else None) or []
        for encoding in ("utf-32", "utf-8", "utf-16"):
            if encoding in offered:
                server.converter = Converter(encoding)
                break

    @server.feature(lsp.INITIALIZED)
    async def _initialized(params: lsp.InitializedParams) -> None:
        server.service = ExecutionService()
        await server.service.start()

    @server.feature(lsp.SHUTDOWN)
    async def _shutdown(params: None) -> None:
        if server.service is not None:
            await server.service.close()

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def _changed_on_disk(params: lsp.DidChangeWatchedFilesParams) -> None:
        paths = {path_of(change.uri) for change in params.changes}
        affected = [d for path in paths for d in server.documents.includers(path)]
        server.documents.invalidate()
        for opened in affected:
            server.schedule(opened.uri)

    for feature in FEATURES:
        _add_feature(server, feature)
    for command in COMMANDS:
        _add_command(server, command)
    return server


def _add_feature(server: NvmServer, feature: Feature) -> None:
    """Makes the server answer a method; a handler that fails is reported, and answers null."""

    def answer(params: Any) -> Any:
        try:
            return _handler(feature.handler)(server, params)
        except JsonRpcException:
            raise
        except Exception as error:
            server.report(feature.method, error)
            return None

    async def answer_later(params: Any) -> Any:
        try:
            return await _handler(feature.handler)(server, params)
        except JsonRpcException:
            raise
        except Exception as error:
            server.report(feature.method, error)
            return None

    options = None
    if feature.options is not None:
        kind: Any = get_method_options_type(feature.method)
        options = server.protocol._converter.structure(feature.options, kind)
    server.feature(feature.method, options)(answer_later if feature.asynchronous else answer)


def _add_command(server: NvmServer, command: Command) -> None:
    """Makes the server carry out a command; cancelling its request cancels the handler."""

    @server.command(command.name)
    async def _carry_out(*arguments: Any) -> Any:
        message = server.protocol.msg_id
        task = asyncio.current_task()
        if task is not None:
            server.running[message] = task
        try:
            return await _handler(command.handler)(server, arguments)
        except (JsonRpcException, asyncio.CancelledError):
            raise
        except Exception as error:
            server.report(command.name, error)
            raise JsonRpcException(
                f"{command.name} failed: {error} (the log has more)", _REQUEST_FAILED
            ) from error
        finally:
            server.running.pop(message, None)


@cache
def _handler(name: str) -> Any:
    """The function that ``module:function`` names, imported now."""
    module, function = name.split(":")
    return getattr(importlib.import_module(f"nvm_lsp.server.features.{module}"), function)


def serve() -> None:
    """Serves on standard input and output, until the client leaves."""
    server = create_server()
    with contextlib.suppress(KeyboardInterrupt):
        server.start_io()
