"""pygls's protocol, except where an editor's pace or LSP 3.17 ask for more.

Documents are ours, plain JSON goes out as it is, cancelling stops the work, and what cannot be
understood or comes at the wrong time is answered as LSP says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

from nvm_lsp.server.transport import NO_JSON

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = [
    "INVALID_PARAMS",
    "REQUEST_FAILED",
    "SERVER_CANCELLED",
    "WORK_DONE_TOKEN",
    "Protocol",
]

log = logging.getLogger(__name__)

#: The token under which the client wants progress of the command that is carried out.
WORK_DONE_TOKEN: ContextVar[int | str | None] = ContextVar("work done token", default=None)

#: What is being handled, for the report should it fail.
_METHOD: ContextVar[str] = ContextVar("method", default="the protocol")

REQUEST_FAILED = -32803  # LSP 3.17, LSPErrorCodes.RequestFailed
INVALID_PARAMS = -32602  # JSON-RPC 2.0, as the three below
_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_METHOD_NOT_FOUND = -32601
_NOT_INITIALIZED = -32002  # LSP 3.17, ErrorCodes.ServerNotInitialized
SERVER_CANCELLED = -32802  # LSP 3.17, LSPErrorCodes.ServerCancelled
_CANCELLED = -32800  # LSP 3.17, LSPErrorCodes.RequestCancelled

#: Notifications whose parameters say so little that some clients leave them out.
_WITHOUT_MUCH: dict[str, Any] = {
    lsp.INITIALIZED: {}, lsp.WORKSPACE_DID_CHANGE_CONFIGURATION: {"settings": None},
}


class Protocol(LanguageServerProtocol):
    """One conversation with a client."""

    _server: NvmServer

    def __init__(self, server: NvmServer, converter: Any) -> None:
        super().__init__(server, converter)
        self._initialized = False

    def receive(self, data: Any, *, cancelled: bool = False) -> None:
        """Handles a decoded message; ``cancelled`` requests are answered as such, unseen."""
        if data is NO_JSON:
            self.refuse(None, _PARSE_ERROR, "this is no JSON")
            return
        fields = data if isinstance(data, dict) else {}
        method, number = fields.get("method"), fields.get("id")
        sound = isinstance(method, str | None) and isinstance(number, str | int | float | None)
        if fields.get("jsonrpc") != self.VERSION or not sound:
            known = number if isinstance(number, str | int) else None
            self.refuse(known, _INVALID_REQUEST, "this is no message of JSON-RPC 2.0")
            return
        is_request = "id" in data and method is not None
        if is_request and cancelled:
            self.refuse(number, _CANCELLED, f"request {number} was cancelled")
            return
        if method is not None and self._comes_too_soon_or_late(method):
            if is_request:
                code = _INVALID_REQUEST if self._initialized else _NOT_INITIALIZED
                when = "before initialize"
                if self._initialized:
                    when = "after shutdown" if self._shutdown else "a second time"
                self.refuse(number, code, f"{method} came {when}")
            return
        if method == lsp.INITIALIZE and not is_request:
            return
        if is_request and not self._knows(method):
            self.refuse(number, _METHOD_NOT_FOUND, f"unknown method {method}")
            return
        if method == lsp.TEXT_DOCUMENT_DID_CHANGE and not is_request:
            self._change(data.get("params"))
            return
        if method == lsp.INITIALIZE:
            _as_in_lsp(data.get("params"))
        elif method in _WITHOUT_MUCH and data.get("params") is None:
            data = {**data, "params": _WITHOUT_MUCH[method]}
        try:
            message = self.structure_message(data)
        except JsonRpcException:
            if is_request:
                self.refuse(number, INVALID_PARAMS, f"the parameters of {method} are not as in LSP")
            else:
                log.warning("a message that cannot be understood: %s", method or "response")
                self._give_up_waiting(number)
            return
        self._initialized = self._initialized or method == lsp.INITIALIZE
        _METHOD.set(method or "an answer")
        self.handle_message(message)

    def _give_up_waiting(self, number: Any) -> None:
        """Whoever waits for an answer that makes no sense waits for nothing."""
        future = self._request_futures.pop(number, None) if isinstance(number, str | int) else None
        if future is not None and not future.done():
            future.set_exception(JsonRpcException("the answer cannot be understood", 0))

    def refuse(self, number: Any, code: int, message: str) -> None:
        """Answers a request with an error."""
        self._result_types.pop(number, None)
        self._send_data(
            {"jsonrpc": self.VERSION, "id": number, "error": {"code": code, "message": message}}
        )

    def _comes_too_soon_or_late(self, method: str) -> bool:
        if method == lsp.EXIT:
            return False
        if self._shutdown:
            return True
        return (method == lsp.INITIALIZE) is self._initialized

    def _knows(self, method: object) -> bool:
        return method in self.fm.builtin_features or method in self.fm.features

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(
        self, params: lsp.InitializeParams
    ) -> Generator[Any, Any, lsp.InitializeResult]:
        result = yield from super().lsp_initialize(params)
        # pygls does not know yet how LSP 3.18 advertises texts of a server's own.
        workspace = result.capabilities.workspace
        if workspace is not None:
            workspace.text_document_content = lsp.TextDocumentContentOptions(schemes=["nvm-lsp"])
        return result

    @lsp_method(lsp.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        # As in pygls, but over a copy: what is cancelled leaves the table at once.
        handler = self.fm.features.get(lsp.SHUTDOWN)
        if handler is not None:
            yield handler, args, None
        current = self.msg_id
        for number, future in tuple(self._request_futures.items()):
            if number != current and not future.done():
                future.cancel()
        self._shutdown = True

    @lsp_method(lsp.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]
        # pygls ends the process; ours may have other clients.
        self._server.leave(0 if self._shutdown else 1)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: lsp.DidOpenTextDocumentParams) -> None:
        self._guarded("didOpen", self._server.did_open, params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: lsp.DidCloseTextDocumentParams) -> None:
        self._guarded("didClose", self._server.did_close, params)

    def _change(self, params: Any) -> None:
        """Applies an edit without taking it apart into lsprotocol's objects first."""
        try:
            self._server.did_change(params)
        except (KeyError, TypeError, AttributeError) as error:
            self._server.log_message(f"a didChange that names no document: {error!r}")
        except Exception as error:
            self._server.report("didChange", error)

    def _guarded(self, name: str, function: Callable[[Any], None], params: Any) -> None:
        try:
            function(params)
        except Exception as error:
            self._server.report(name, error)

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(
        self, params: lsp.ExecuteCommandParams
    ) -> Generator[Any, Any, Any]:
        # pygls wants every argument that a handler could take; ours are optional.
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcException(f"unknown command {params.command}", INVALID_PARAMS)
        WORK_DONE_TOKEN.set(params.work_done_token)
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

    def _check_handler_result(self, future: Any) -> None:
        # pygls makes a failed notification an answer's error, though nobody is answered.
        if not future.cancelled() and (error := future.exception()) is not None:
            self._server.report(_METHOD.get(), error)

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: Any = None
    ) -> None:
        # pygls notes what handlers of notifications and commands give, and never strikes it off:
        # each result of a run would be kept for as long as the server lives. Nor does it look at
        # the error of a command that was cancelled as it failed, which then is logged as lost.
        def done(future: Any) -> None:
            self._request_futures.pop(msg_id, None)
            if not future.cancelled():
                future.exception()
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    def _run_generator(self, future: Any, *, gen: Any, result_future: Any) -> None:
        # As in pygls, which lets what was cancelled as the server ends be logged as an error.
        if future is not None and future.cancelled():
            result_future.cancel()
            gen.close()
            return
        super()._run_generator(future, gen=gen, result_future=result_future)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        if not isinstance(msg_id, str | int) or msg_id not in self._request_futures:
            return  # answered already, as cancelled requests mostly are
        task = self._server.running.get(msg_id)
        if task is not None:
            task.cancel()
        super()._handle_cancel_notification(msg_id)

    @lsp_method(lsp.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: lsp.WorkDoneProgressCancelParams) -> None:
        server = self._server
        task = server.progress_tasks.get(params.token)
        number = next((n for n, other in server.running.items() if other is task), None)
        if number is not None:
            self._handle_cancel_notification(number)  # so that its request is answered, too
        elif task is not None:
            task.cancel()


def _as_in_lsp(params: Any) -> None:
    """Renames what widespread clients call otherwise than LSP does.

    Clients in Rust (the crate `lsp-types`: Helix, Zed) say of `workspace/diagnostic/refresh` that
    they take it under the key ``diagnostic`` instead of ``diagnostics``.
    """
    capabilities = params.get("capabilities") if isinstance(params, dict) else None
    workspace = capabilities.get("workspace") if isinstance(capabilities, dict) else None
    if isinstance(workspace, dict) and "diagnostic" in workspace:
        workspace.setdefault("diagnostics", workspace["diagnostic"])
