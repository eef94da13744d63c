"""All that a plugin may use of nvm-lsp, by semantic versioning; see `docs/plugins.md`.

What is not named here may change with any release. Each name is imported when it is first used, so
that a plugin costs a process only what it needs of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nvm_lsp.assembler import (
        Assembly,
        MemoryLoader,
        Operation,
        Origin,
        Symbol,
        assemble_text,
        disassemble,
    )
    from nvm_lsp.chain import ForkEntry, Halt, Machine, OpcodeEntry, Precompile, pure
    from nvm_lsp.diagnostics import (
        Applicability,
        Diagnostic,
        Edit,
        Fix,
        Kind,
        Related,
        Severity,
        define_kind,
    )
    from nvm_lsp.editor_hooks import (
        CodeLens,
        CodeLensEntry,
        CommandResult,
        Completion,
        CompletionEntry,
        CompletionKind,
        CompletionList,
        Cursor,
        Hover,
        HoverEntry,
        OpenProgram,
    )
    from nvm_lsp.hookspecs import (
        API_VERSION,
        BackendEntry,
        CommandEntry,
        CommandModule,
        ImporterEntry,
        StateProvider,
        StateProviderEntry,
        hookimpl,
    )
    from nvm_lsp.importer import Imported
    from nvm_lsp.lint.report import FileReport, Report, Reporter, Style
    from nvm_lsp.lint.rule import LintContext, Rule, rule
    from nvm_lsp.opcodes import FORKS, OPCODES, Opcode, opcode_by_code, opcode_by_name
    from nvm_lsp.plugins import backends
    from nvm_lsp.runner.backend import Backend
    from nvm_lsp.runner.run import Request, Run, run
    from nvm_lsp.runner.scenario import Scenario
    from nvm_lsp.runner.state_provider import StateError
    from nvm_lsp.runner.world import (
        Account,
        Block,
        Call,
        Execution,
        Frame,
        Limits,
        Log,
        Message,
        StorageChange,
        Watcher,
        World,
    )
    from nvm_lsp.source import Location, Position, Span

__all__ = [
    "API_VERSION",
    "FORKS",
    "OPCODES",
    "Account",
    "Applicability",
    "Assembly",
    "Backend",
    "BackendEntry",
    "Block",
    "Call",
    "CodeLens",
    "CodeLensEntry",
    "CommandEntry",
    "CommandModule",
    "CommandResult",
    "Completion",
    "CompletionEntry",
    "CompletionKind",
    "CompletionList",
    "Cursor",
    "Diagnostic",
    "Edit",
    "Execution",
    "FileReport",
    "Fix",
    "ForkEntry",
    "Frame",
    "Halt",
    "Hover",
    "HoverEntry",
    "Imported",
    "ImporterEntry",
    "Kind",
    "Limits",
    "LintContext",
    "Location",
    "Log",
    "Machine",
    "MemoryLoader",
    "Message",
    "Opcode",
    "OpcodeEntry",
    "OpenProgram",
    "Operation",
    "Origin",
    "Position",
    "Precompile",
    "Related",
    "Report",
    "Reporter",
    "Request",
    "Rule",
    "Run",
    "Scenario",
    "Severity",
    "Span",
    "StateError",
    "StateProvider",
    "StateProviderEntry",
    "StorageChange",
    "Style",
    "Symbol",
    "Watcher",
    "World",
    "assemble_text",
    "backends",
    "define_kind",
    "disassemble",
    "hookimpl",
    "opcode_by_code",
    "opcode_by_name",
    "pure",
    "rule",
    "run",
]

_HOME = {
    "nvm_lsp.assembler": "Assembly MemoryLoader Operation Origin Symbol assemble_text disassemble",
    "nvm_lsp.chain": "ForkEntry Halt Machine OpcodeEntry Precompile pure",
    "nvm_lsp.diagnostics": "Applicability Diagnostic Edit Fix Kind Related Severity define_kind",
    "nvm_lsp.editor_hooks": (
        "CodeLens CodeLensEntry CommandResult Completion CompletionEntry CompletionKind "
        "CompletionList Cursor Hover HoverEntry OpenProgram"
    ),
    "nvm_lsp.hookspecs": (
        "API_VERSION BackendEntry CommandEntry CommandModule ImporterEntry StateProvider "
        "StateProviderEntry hookimpl"
    ),
    "nvm_lsp.importer": "Imported",
    "nvm_lsp.lint.report": "FileReport Report Reporter Style",
    "nvm_lsp.lint.rule": "LintContext Rule rule",
    "nvm_lsp.opcodes": "FORKS OPCODES Opcode opcode_by_code opcode_by_name",
    "nvm_lsp.plugins": "backends",
    "nvm_lsp.runner.backend": "Backend",
    "nvm_lsp.runner.run": "Request Run run",
    "nvm_lsp.runner.scenario": "Scenario",
    "nvm_lsp.runner.state_provider": "StateError",
    "nvm_lsp.runner.world": (
        "Account Block Call Execution Frame Limits Log Message StorageChange Watcher World"
    ),
    "nvm_lsp.source": "Location Position Span",
}
_MODULES = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"nvm_lsp.api has no {name!r}; all that there is, is in __all__")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
