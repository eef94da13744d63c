"""The language server: state, wiring, and nothing else; features are pure functions elsewhere.

Until initialize is answered it imports pygls alone. It never imports py-evm: guests run in
processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import platform
import sys
from collections.abc import AsyncIterator, Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp import get_method_options_type
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from nvm_lsp import __version__
from nvm_lsp.server.features import COMMANDS, FEATURES, Command, Feature
from nvm_lsp.server.protocol import REQUEST_FAILED, Protocol

# What is below is imported by name when it is first needed.
if TYPE_CHECKING:
    from nvm_lsp.plugins import PluginFailure
    from nvm_lsp.runner.service import ExecutionService
    from nvm_lsp.server.convert import Converter
    from nvm_lsp.server.diagnoser import Diagnoser
    from nvm_lsp.server.running.runs import Runs
    from nvm_lsp.server.settings import Settings
    from nvm_lsp.server.text_refresh import Texts
    from nvm_lsp.server.transport import Inbox
    from nvm_lsp.server.workspace import Workspace

__all__ = ["NvmServer", "create_server"]

log = logging.getLogger(__name__)

#: Where somebody may tell of a bug.
BUGS = "https://github.com/nvm-lsp/nvm-lsp/issues"
#: What opens a page where it is written already.
_REPORT = "Report …"
#: Seconds between looks at the disk for clients that do not watch files.
_POLL_SECONDS = 2.0
#: Programs, scenarios and configurations, ABIs and artifacts, bytecode.
_WATCHED = ("**/*.easm", "**/*.toml", "**/*.json", "**/*.{bin,hex}")
_CONFIGURATION_FILES = ("pyproject.toml", "nvm-lsp.toml")
_WATCHER_ID = "nvm-lsp.files"


class NvmServer(LanguageServer):
    """What one client has opened, set and run."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__(
            "nvm-lsp", __version__, protocol_cls=Protocol, converter_factory=default_converter
        )
        self.encoding = "utf-16"
        self.running: dict[Any, asyncio.Task[Any]] = {}
        self.progress_tasks: dict[Any, asyncio.Task[Any]] = {}
        self.inbox: Inbox | None = None
        self.exit_code: int | None = None
        self.client_pulls = self.client_shows_related = self.client_watches = False
        self._client = "unknown client"
        self._initial_options: Any = None
        self._pushed_runs: set[str] = set()
        self._initial_folders: tuple[str, ...] = ()
        self._hears_plugins = False
        self._reported: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    # Parts, each imported and made when it is first needed ---------------------------------------

    @cached_property
    def documents(self) -> Workspace:
        from nvm_lsp.server.workspace import Workspace  # noqa: PLC0415 -- after initialize

        documents = Workspace()
        settings, trusted = self._read_options(self._initial_options)
        documents.configure(settings, trusted, self._initial_folders)
        return documents

    @cached_property
    def converter(self) -> Converter:
        from nvm_lsp.server.convert import Converter  # noqa: PLC0415 -- after initialize

        return Converter(self.encoding)

    @cached_property
    def diagnoser(self) -> Diagnoser:
        from nvm_lsp.server.diagnoser import Diagnoser  # noqa: PLC0415 -- after initialize

        return Diagnoser(self)

    @cached_property
    def runs(self) -> Runs:
        from nvm_lsp.server.running.runs import Runs  # noqa: PLC0415 -- after initialize

        return Runs(self)

    @cached_property
    def service(self) -> ExecutionService:
        from nvm_lsp.runner.service import ExecutionService  # noqa: PLC0415 -- after initialize

        return ExecutionService()

    @cached_property
    def texts(self) -> Texts:
        from nvm_lsp.server.text_refresh import Texts  # noqa: PLC0415 -- after initialize

        return Texts(self)

    @property
    def results(self) -> dict[str, Any]:
        """The last results of runs, by the program's URI."""
        return self.runs.results

    @property
    def settings(self) -> Settings:
        return self.documents.settings

    @property
    def trusted(self) -> bool | None:
        """Whether the user trusts the workspace; None where nobody has said."""
        return self.documents.trusted

    async def run_program(self, uri: str, options: dict[str, Any]) -> dict[str, Any]:
        """Runs a document's program; its JSON, with lines."""
        return await self.runs.run(uri, options)

    # Life ----------------------------------------------------------------------------------------

    def initialize(self, params: lsp.InitializeParams) -> None:
        """Notes who the client is; nothing of ours is imported yet."""
        capabilities = params.capabilities
        general = capabilities.general
        offered = (general.position_encodings if general else None) or []
        for encoding in ("utf-32", "utf-8", "utf-16"):
            if encoding in offered:
                self.encoding = encoding
                break
        text = capabilities.text_document
        pull = text.diagnostic if text is not None else None
        self.client_pulls = pull is not None
        self.client_shows_related = pull is not None and bool(pull.related_document_support)
        watched = capabilities.workspace and capabilities.workspace.did_change_watched_files
        self.client_watches = bool(watched and watched.dynamic_registration)
        if params.client_info is not None:
            info = params.client_info
            self._client = f"{info.name} {info.version or ''}".rstrip()
        self._initial_options = params.initialization_options
        uris = [folder.uri for folder in params.workspace_folders or ()]
        if not uris and params.root_uri:
            uris = [params.root_uri]
        elif not uris and params.root_path:
            uris = [_uri_of_folder(params.root_path)]
        self._initial_folders = tuple(filter(None, map(_folder_of, uris)))

    async def warm_up(self) -> None:
        """Imports what every request needs, registers for changes, reads settings, starts a worker.

        Between the steps a request that has come already has its turn.
        """
        for module in ("nvm_lsp.assembler", "nvm_lsp.server.workspace", "nvm_lsp.server.diagnoser"):
            importlib.import_module(module)
            await asyncio.sleep(0)
        from nvm_lsp import plugins  # noqa: PLC0415 -- after initialize

        # Those that failed before there was anybody to tell, and those that will.
        for failure in plugins.failures():
            self.report_plugin(failure)
        plugins.listen(self.report_plugin)
        self._hears_plugins = True
        self._keep(self.service.start())
        self._keep(self.read_client_settings())
        await self._register_watchers()
        self._keep(self._look_at_disk())

    def leave(self, code: int) -> None:
        """The client wants no more of us."""
        self.exit_code = code

    @property
    def was_shut_down(self) -> bool:
        return bool(self.protocol._shutdown)

    async def close(self) -> None:
        """Ends everything that goes on for this client; no process is left behind."""
        if self._hears_plugins:
            from nvm_lsp import plugins  # noqa: PLC0415 -- imported by now

            plugins.unlisten(self.report_plugin)
        tasks = {*self._tasks, *self.running.values(), *self.progress_tasks.values()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if "service" in self.__dict__:
            await self.service.close()

    def is_behind(self) -> bool:
        """Whether messages have come that are not handled yet."""
        return self.inbox is not None and len(self.inbox) > 0

    def _keep(self, coroutine: Any) -> None:
        """Runs something on the side until the client leaves."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Documents -----------------------------------------------------------------------------------

    def did_open(self, params: lsp.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        self.documents.open(item.uri, item.text, item.version)
        self._changed(item.uri, saved=True)
        self._show_dependent()
        self.diagnoser.show_configuration_flaws()

    def did_change(self, params: dict[str, Any]) -> None:
        """Applies edits. As plain JSON, since nothing comes as often."""
        uri, version = params["textDocument"]["uri"], params["textDocument"].get("version")
        opened = self.documents.documents.get(uri)
        if opened is None:
            self.log_message(f"{uri} was changed without being open; the change is passed over")
            return
        if not isinstance(version, int):  # LSP wants one, but the text matters more
            version = opened.version + 1
        before, included = opened.document.lines, opened.includes
        try:
            for change in params["contentChanges"]:
                if change.get("range") is not None:
                    span = self.converter.span_of_json(opened.document, change["range"])
                    self.diagnoser.moved(uri, *opened.change(span, change["text"], version))
                else:
                    self.diagnoser.moved(uri, *opened.set_text(change["text"], version))
        except (KeyError, TypeError, AttributeError) as error:
            # From here on nothing that is said of this text can be relied on.
            self.log_message(
                f"a change of {uri} is not as in LSP ({error!r}); close it and open it again"
            )
        self.runs.changed(uri, before, opened.document.lines)
        self._take_back_run(uri)
        self._changed(uri)
        if included != opened.includes or (
            self.documents.has_scenarios()
            and _lines_on_scenarios(before) != _lines_on_scenarios(opened.document.lines)
        ):
            self._show_dependent()

    def did_close(self, params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        opened = self.documents.documents.get(uri)
        if opened is None:
            return
        includers = self.documents.includers(opened.document.path)
        self.documents.close(uri)
        self.runs.forget(uri)
        self._take_back_run(uri)
        self.texts.forget(uri)
        self.diagnoser.forget(uri)
        for other in includers:
            self.diagnoser.schedule(other.uri)
        self._show_dependent()
        self.diagnoser.show_configuration_flaws()

    def did_save(self, params: lsp.DidSaveTextDocumentParams) -> None:
        uri = params.text_document.uri
        if uri not in self.documents.documents:
            return
        if self.settings.lint.run == "onSave":
            self.diagnoser.schedule(uri, saved=True)
        if self.settings.run.on_save and self.trusted is not False:
            self._keep(self.runs.run_saved(uri))

    def _changed(self, uri: str, *, saved: bool = False) -> None:
        """Has diagnostics made of a document, and of those that include it."""
        opened = self.documents.documents[uri]
        self.diagnoser.schedule(uri, saved=saved)
        self.texts.changed(uri)
        for other in self.documents.includers(opened.document.path):
            other.outdate()
            self.diagnoser.schedule(other.uri)

    def _show_dependent(self) -> None:
        """Has diagnostics made of what hangs on other files: they may name or include it now."""
        for opened in (*self.documents.scenarios(), *self.documents.parts()):
            self.diagnoser.schedule(opened.uri, saved=True)

    def shown(self, uri: str) -> None:
        """Diagnostics of a document were shown: hints that hang on its text may be asked anew."""
        if uri in self.results:
            self.refresh_inlay_hints()

    # Settings, trust, folders, files on disk -----------------------------------------------------

    def _read_options(self, json: Any) -> tuple[Settings, bool | None]:
        """Settings and trust out of initializationOptions or a client's section."""
        from nvm_lsp.server.settings import read_settings  # noqa: PLC0415 -- after initialize

        trusted: bool | None = None
        if isinstance(json, dict):
            trusted = json.get("trusted") if isinstance(json.get("trusted"), bool) else None
            section = json.get("nvm-lsp", json.get("settings"))
            if isinstance(section, dict):
                json = section
        settings = read_settings(json, self.log_message)
        self._complain_of_codes(settings)
        return settings, trusted

    def _complain_of_codes(self, settings: Settings) -> None:
        lint = settings.lint
        if not (lint.select or lint.ignore or lint.severity):
            return
        from nvm_lsp.configuration import Layer  # noqa: PLC0415 -- after initialize
        from nvm_lsp.lint.linter import kinds  # noqa: PLC0415 -- after initialize
        from nvm_lsp.lint.selection import unknown_codes  # noqa: PLC0415 -- after initialize

        layer = Layer(lint.select, (), lint.ignore)
        for key, code, hint in unknown_codes([layer], tuple(lint.severity.items()), kinds()):
            name = "severity" if key == "levels" else key
            self.log_message(f"nvm-lsp.lint.{name}: there is no code {code!r}; {hint}")

    async def read_client_settings(self) -> None:
        """Asks the client for its section ``nvm-lsp``, if it answers such questions."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        try:
            answer = await self.protocol.send_request_async(
                lsp.WORKSPACE_CONFIGURATION,
                lsp.ConfigurationParams(items=[lsp.ConfigurationItem(section="nvm-lsp")]),
            )
        except Exception as error:
            log.warning("the client gave no settings: %s", error)
            return
        if answer and answer[0] is not None:
            self.configure(_plain(answer[0]))

    def configure(self, json: Any) -> None:
        """Takes over settings that the client has sent; trust only changes if it is said."""
        settings, _ = self._read_options(json)
        if settings != self.settings:
            self.documents.configure(settings, self.trusted, self.documents.folders)
            self.refresh_everything()

    async def change_configuration(self, json: Any) -> None:
        """didChangeConfiguration: the settings themselves, or only that they have changed."""
        section = json.get("nvm-lsp") if isinstance(json, dict) else None
        if section is not None:
            self.configure(section)
        else:
            await self.read_client_settings()

    def change_trust(self, trusted: bool) -> None:
        self.documents.configure(self.settings, trusted, self.documents.folders)
        self.refresh_everything()

    def change_folders(self, added: list[str], removed: list[str]) -> None:
        gone = {folder for folder in map(_folder_of, removed) if folder is not None}
        folders = [folder for folder in self.documents.folders if folder not in gone]
        for folder in map(_folder_of, added):
            if folder is not None and folder not in folders:
                folders.append(folder)
        self.documents.configure(self.settings, self.trusted, tuple(folders))
        self.refresh_everything()

    def files_changed(self, paths: list[str]) -> None:
        """Files have changed on disk."""
        if any(os.path.basename(path) in _CONFIGURATION_FILES for path in paths):
            self.documents.invalidate()
            self.refresh_everything()
            return
        refreshed = self._refresh_from_disk(paths)
        self._show_dependent()
        if not refreshed:
            self.refresh_diagnostics()  # those of the workspace

    def _refresh_from_disk(self, told: list[str]) -> bool:
        """Shows anew the documents that changed files are part of; whether there were any."""
        changed = self.documents.refresh_from_disk(told)
        for opened in changed:
            self.diagnoser.schedule(opened.uri)
        if changed:
            self._ask_anew()
        return bool(changed)

    def refresh_everything(self) -> None:
        """Shows everything anew, after a change of what it hangs on."""
        for uri in self.documents.documents:
            self.diagnoser.schedule(uri, saved=True)
        self.diagnoser.show_configuration_flaws()
        self._ask_anew()

    def _ask_anew(self) -> None:
        """Has the client ask again for what it asks for itself."""
        self.refresh_diagnostics()
        self._refresh("code_lens", lsp.WORKSPACE_CODE_LENS_REFRESH)
        self._refresh("semantic_tokens", lsp.WORKSPACE_SEMANTIC_TOKENS_REFRESH)
        self.refresh_inlay_hints()

    def refresh_diagnostics(self) -> None:
        """Has a client that pulls diagnostics do so again."""
        self._refresh("diagnostic", lsp.WORKSPACE_DIAGNOSTIC_REFRESH, attribute="diagnostics")

    def push_run(self, uri: str) -> None:
        """Pushes what a run has found to a client that pulls but cannot be told to pull again.

        Neovim 0.10 and 0.11 are such. With the next edit it pulls, so what was pushed goes.
        """
        opened = self.documents.documents.get(uri)
        workspace = self.client_capabilities.workspace
        refresh = workspace.diagnostics if workspace is not None else None
        if opened is None or not self.client_pulls or (refresh and refresh.refresh_support):
            return
        from nvm_lsp.server.running.run_diagnostics import run_diagnostics  # noqa: PLC0415 -- for few

        self._pushed_runs.add(uri)
        found = run_diagnostics(self, opened)
        self.protocol.notify(
            lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, {"uri": uri, "diagnostics": found}
        )

    def _take_back_run(self, uri: str) -> None:
        if uri in self._pushed_runs:
            self._pushed_runs.discard(uri)
            self.protocol.notify(
                lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, {"uri": uri, "diagnostics": []}
            )

    def refresh_inlay_hints(self) -> None:
        self._refresh("inlay_hint", lsp.WORKSPACE_INLAY_HINT_REFRESH)

    def refresh_code_lenses(self) -> None:
        self._refresh("code_lens", lsp.WORKSPACE_CODE_LENS_REFRESH)

    def _refresh(self, name: str, method: str, attribute: str = "") -> None:
        workspace = self.client_capabilities.workspace
        support = getattr(workspace, attribute or name, None)
        if support is not None and support.refresh_support:
            future = self.protocol.send_request(method, None)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _register_watchers(self) -> None:
        if not self.client_watches:
            return
        watchers = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
        registration = lsp.Registration(
            id=_WATCHER_ID,
            method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            register_options=lsp.DidChangeWatchedFilesRegistrationOptions(watchers=watchers),
        )
        try:
            await self.protocol.send_request_async(
                lsp.CLIENT_REGISTER_CAPABILITY, lsp.RegistrationParams(registrations=[registration])
            )
        except Exception as error:
            self.client_watches = False
            log.warning("the client does not watch files: %s", error)

    async def _look_at_disk(self) -> None:
        """Notices changed files for clients that do not; what programs read is all that counts."""
        while not self.client_watches:
            await asyncio.sleep(_POLL_SECONDS)
            if self.documents.configurations.have_changed():
                self.documents.invalidate()
                self.refresh_everything()
            self._refresh_from_disk([])

    # Progress ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def reporting(self, token: Any, title: str) -> AsyncIterator[Callable[[str], None]]:
        """Reports progress under the client's token, if it gave one; it may be cancelled there."""
        if token is None:
            yield lambda message: None
            return
        task = asyncio.current_task()
        assert task is not None
        self.progress_tasks[token] = task
        self.send_progress(token, {"kind": "begin", "title": title, "cancellable": True})
        try:
            yield lambda message: self.send_progress(
                token, {"kind": "report", "message": message}
            )
        finally:
            self.progress_tasks.pop(token, None)
            self.send_progress(token, {"kind": "end"})

    def send_progress(self, token: Any, value: dict[str, Any]) -> None:
        """Sends progress, or a part of a result."""
        self.protocol.notify(lsp.PROGRESS, {"token": token, "value": value})

    # Failures ------------------------------------------------------------------------------------

    def log_message(self, text: str) -> None:
        """A line in the client's log of the server."""
        self.protocol.notify(
            lsp.WINDOW_LOG_MESSAGE, {"type": int(lsp.MessageType.Warning), "message": text}
        )

    def report(self, feature: str, error: BaseException) -> None:
        """Says that a feature failed, the first time to the user; the others go on."""
        log.error("%s failed", feature, exc_info=error)
        self._report(feature, f"{type(error).__name__}: {error}", _trace(error))

    def _report(self, feature: str, error: str, trace: str) -> None:
        said = f"{feature} failed: {error}"
        about = f"{self._about()}\n{said}\n{trace}"
        self.protocol.notify(
            lsp.WINDOW_LOG_MESSAGE,
            {"type": int(lsp.MessageType.Error), "message":
             f"{about}This is a bug; please report it with these lines: {BUGS}"},
        )
        if feature not in self._reported:
            self._reported.add(feature)
            self._keep(self._offer_to_report(said, about))

    def _about(self) -> str:
        """What of all that is at work here a bug may depend on."""
        python = f"Python {platform.python_version()}"
        return f"nvm-lsp {__version__}, {python}, {sys.platform}, {self._client}"

    async def _offer_to_report(self, said: str, about: str) -> None:
        """Shows a failure; a client that opens pages can open the one where bugs are told of."""
        kind, text = lsp.MessageType.Error, (
            f"nvm-lsp: {said}. Everything else goes on. This is a bug; the log says more, "
            f"please report it: {BUGS}"
        )
        window = self.client_capabilities.window
        if window is None or window.show_document is None or not window.show_document.support:
            self.protocol.notify(lsp.WINDOW_SHOW_MESSAGE, {"type": int(kind), "message": text})
            return
        with contextlib.suppress(Exception):  # a client that cannot do it after all
            chosen = await self.protocol.send_request_async(
                lsp.WINDOW_SHOW_MESSAGE_REQUEST,
                lsp.ShowMessageRequestParams(kind, text, [lsp.MessageActionItem(_REPORT)]),
            )
            if chosen is not None:
                page = urlencode({"title": said[:120], "body": f"```\n{about[:4000]}```\n"})
                await self.protocol.send_request_async(
                    lsp.WINDOW_SHOW_DOCUMENT,
                    lsp.ShowDocumentParams(f"{BUGS}/new?{page}", external=True),
                )

    def report_plugin(self, failure: PluginFailure) -> None:
        """Says that a plugin failed: to the log with its traceback, to the user in a line."""
        log.warning("%s\n%s", failure.text, failure.trace)
        if failure.plugin.startswith("nvm_lsp."):
            self._report(failure.hook, failure.message, failure.trace)  # no plugin, to its user
            return
        error = {"type": int(lsp.MessageType.Warning)}
        self.protocol.notify(
            lsp.WINDOW_LOG_MESSAGE,
            error | {"message": f"nvm-lsp: {failure.text}\n{failure.trace}"},
        )
        self.protocol.notify(
            lsp.WINDOW_SHOW_MESSAGE, error | {"message": f"nvm-lsp: {failure.text}"}
        )

    def report_server_error(self, error: Exception, source: Any) -> None:
        """What pygls has caught; answers to requests carry their errors themselves."""
        if not isinstance(error, JsonRpcException):
            self.report("the protocol", error)


#: What also tells of documents that nothing else can be said of.
_DIAGNOSTICS = (lsp.TEXT_DOCUMENT_DIAGNOSTIC, lsp.WORKSPACE_DIAGNOSTIC)


def create_server() -> NvmServer:
    """A server with its features, for one client."""
    server = NvmServer()

    @server.feature(lsp.INITIALIZE)
    def _initialize(params: lsp.InitializeParams) -> None:
        server.initialize(params)

    @server.feature(lsp.INITIALIZED)
    async def _initialized(params: lsp.InitializedParams) -> None:
        await server.warm_up()

    @server.feature(lsp.SHUTDOWN)
    async def _shutdown(params: None) -> None:
        await server.close()

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def _changed_on_disk(params: lsp.DidChangeWatchedFilesParams) -> None:
        from nvm_lsp.server.paths import path_of  # noqa: PLC0415 -- after initialize

        server.files_changed([path_of(change.uri) for change in params.changes])

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def _configured(params: lsp.DidChangeConfigurationParams) -> None:
        await server.change_configuration(_plain(params.settings))

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def _folders(params: lsp.DidChangeWorkspaceFoldersParams) -> None:
        event = params.event
        server.change_folders([f.uri for f in event.added], [f.uri for f in event.removed])

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def _saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.did_save(params)

    @server.feature("nvm/didChangeTrust")
    def _trust(params: Any) -> None:
        trusted = getattr(params, "trusted", None)
        if isinstance(trusted, bool):
            server.change_trust(trusted)

    for feature in FEATURES:
        _add_feature(server, feature)
    for command in COMMANDS:
        _add_command(server, command)
    return server


def _lines_on_scenarios(lines: tuple[str, ...]) -> list[str]:
    return [line for line in lines if "scenario" in line]


def _add_feature(server: NvmServer, feature: Feature) -> None:
    """Makes the server answer a method; a handler that fails is reported, and answers null."""

    def answer(params: Any) -> Any:
        if _is_passed_over(server, feature, params):
            return None
        try:
            return _handler(feature.handler)(server, params)
        except JsonRpcException:
            raise
        except Exception as error:
            server.report(feature.method, error)
            return None

    async def answer_later(params: Any) -> Any:
        if feature.method not in _DIAGNOSTICS and _is_passed_over(server, feature, params):
            return None
        try:
            return await _handler(feature.handler)(server, params)
        except (JsonRpcException, asyncio.CancelledError):
            raise
        except Exception as error:
            server.report(feature.method, error)
            return None

    options = None
    if feature.options is not None:
        kind: Any = get_method_options_type(feature.method)
        options = server.protocol._converter.structure(feature.options, kind)
    server.feature(feature.method, options)(answer_later if feature.asynchronous else answer)


def _is_passed_over(server: NvmServer, feature: Feature, params: Any) -> bool:
    """Whether a request is about a document that is too large to be analysed, or no program."""
    item = getattr(params, "text_document", None)
    opened = server.documents.documents.get(item.uri) if item is not None else None
    if opened is None:
        return False
    # Scenarios in TOML are completed, explained and checked; a formatter for programs would ruin
    # them.
    is_program = not opened.uri.lower().endswith(".toml")
    for_both = (lsp.TEXT_DOCUMENT_COMPLETION, lsp.TEXT_DOCUMENT_HOVER)
    return opened.too_large or not (is_program or feature.method in for_both)


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
                f"{command.name} failed: {error} (the log has more)", REQUEST_FAILED
            ) from error
        finally:
            server.running.pop(message, None)


@cache
def _handler(name: str) -> Any:
    """The function that ``module:function`` names, imported now."""
    module, function = name.split(":")
    return getattr(importlib.import_module(f"nvm_lsp.server.features.{module}"), function)


def _folder_of(uri: str) -> str | None:
    """The folder of a URI; None if it is no file."""
    from nvm_lsp.server.paths import path_of  # noqa: PLC0415 -- after initialize

    path = path_of(uri)
    return path if os.path.isabs(path) else None


def _uri_of_folder(path: str) -> str:
    from nvm_lsp.server.paths import uri_of  # noqa: PLC0415 -- after initialize

    return uri_of(path)


def _plain(value: Any) -> Any:
    """What pygls has made of JSON of no known type, as the JSON that it was."""
    if hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _trace(error: BaseException) -> str:
    """The last places that an error came through, without the paths of this machine."""
    import traceback  # noqa: PLC0415 -- only when things went wrong

    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return "".join(
        f"  {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}\n" for frame in frames
    )
