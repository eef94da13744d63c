"""What a plugin may provide. All hooks are here, each with the one place that calls it.

A plugin is a module or object with functions of these names, marked with `hookimpl`; it is found
through the entry-point group ``nvm_lsp``. What is built in comes through the same hooks. A hook
takes nothing and gives entries, which are data: what an entry costs is paid when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:  # what commands and editors need is no affair of a process without them
    import argparse

    from nvm_lsp.chain import ForkEntry, OpcodeEntry
    from nvm_lsp.editor_hooks import CodeLensEntry, CompletionEntry, HoverEntry
    from nvm_lsp.importer import Imported
    from nvm_lsp.lint.report import Reporter
    from nvm_lsp.lint.rule import Rule
    from nvm_lsp.runner.backend import Backend
    from nvm_lsp.runner.world import Account

__all__ = [
    "API_ATTRIBUTE",
    "API_VERSION",
    "GROUP",
    "BackendEntry",
    "CommandEntry",
    "CommandModule",
    "ImporterEntry",
    "StateProvider",
    "StateProviderEntry",
    "hookimpl",
    "hookspec",
]

GROUP = "nvm_lsp"
#: Version of all that plugins may use, by semantic versioning: the first number rises when a plugin
#: must change, the second when there is more than before.
API_VERSION = "1.0"
#: The name under which a plugin says for which version it was written.
API_ATTRIBUTE = "nvm_lsp_api"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """An execution backend: its name, and what imports and gives it when it is used."""

    name: str
    summary: str
    load: Callable[[], Backend]


class CommandModule(Protocol):
    """What a command is: a module or object with these two functions."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's arguments to its parser."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Runs the command; the exit code: 0 success, 1 the command's own no, 2 wrong usage."""


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command of the shell: ``nvm-lsp NAME``. ``load`` imports what it needs."""

    name: str
    summary: str
    load: Callable[[], CommandModule]


@dataclass(frozen=True, slots=True)
class ImporterEntry:
    """A language that programs can be translated from: ``nvm-lsp import --from NAME``.

    ``load`` gives the translation, a function of text and path.
    """

    name: str
    summary: str
    load: Callable[[], Callable[[str, str], Imported]]


class StateProvider(Protocol):
    """State of a chain at one block, read where a run needs it.

    What cannot be read raises `nvm_lsp.runner.state_provider.StateError`. The same questions must
    have the same answers for ever, or no two runs are the same.
    """

    def block(self) -> Mapping[str, Any]:
        """Fields of the block by the names of `nvm_lsp.runner.world.Block`."""

    def account(self, address: bytes) -> Account | None:
        """Balance, nonce and code, None if there is none."""

    def storage(self, address: bytes, slot: int) -> int:
        """A word of storage, 0 where nothing was written."""

    def block_hash(self, number: int) -> bytes | None:
        """The hash of an earlier block, None where it is not known."""


@dataclass(frozen=True, slots=True)
class StateProviderEntry:
    """Where forked scenarios may read state from: the URLs of these schemes.

    ``load`` gives a function of URL and block number that makes a `StateProvider`. It is called
    only for a run that may reach what the URL names (``--allow-rpc``).
    """

    name: str
    summary: str
    schemes: tuple[str, ...]
    load: Callable[[], Callable[[str, int], StateProvider]]


# The hooks ----------------------------------------------------------------------------------------


@hookspec
def nvm_lsp_rules() -> Iterable[Rule]:  # type: ignore[empty-body]
    """Lint rules: instances of `nvm_lsp.lint.rule.Rule`. Called by the linter, once a process."""


@hookspec
def nvm_lsp_backends() -> Iterable[BackendEntry]:  # type: ignore[empty-body]
    """Execution backends: name and loader of each. Called when a run chooses its backend."""


@hookspec
def nvm_lsp_reporters() -> Iterable[Reporter]:  # type: ignore[empty-body]
    """Output formats of lint: instances of `nvm_lsp.lint.report.Reporter`. Called by `lint`."""


@hookspec
def nvm_lsp_commands() -> Iterable[CommandEntry]:  # type: ignore[empty-body]
    """Commands of the shell. Called by `nvm_lsp.cli.main`."""


@hookspec
def nvm_lsp_importers() -> Iterable[ImporterEntry]:  # type: ignore[empty-body]
    """Languages that programs are translated from. Called by ``nvm-lsp import``."""


@hookspec
def nvm_lsp_state_providers() -> Iterable[StateProviderEntry]:  # type: ignore[empty-body]
    """Sources of forked state. Called when a scenario names a URL and when it is run."""


@hookspec
def nvm_lsp_hovers() -> Iterable[HoverEntry]:  # type: ignore[empty-body]
    """What the editor shows under the cursor. Called by the language server."""


@hookspec
def nvm_lsp_completions() -> Iterable[CompletionEntry]:  # type: ignore[empty-body]
    """What the editor offers at the cursor. Called by the language server."""


@hookspec
def nvm_lsp_code_lenses() -> Iterable[CodeLensEntry]:  # type: ignore[empty-body]
    """Commands that the editor shows above lines. Called by the language server."""


@hookspec
def nvm_lsp_forks() -> Iterable[ForkEntry]:  # type: ignore[empty-body]
    """Forks and chains. Called once a process, when forks or opcodes are first looked up."""


@hookspec
def nvm_lsp_opcodes() -> Iterable[OpcodeEntry]:  # type: ignore[empty-body]
    """Opcodes of forks. Called after `nvm_lsp_forks`, so that they may name a fork from there."""
