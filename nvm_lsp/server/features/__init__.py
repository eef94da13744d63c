"""The table of what the server answers: one row a method or command, one module a feature.

A row names its handler; the module is imported when the first request comes, so that starting
costs nothing. A handler takes the server and the request's parameters, looks up the document,
calls a pure function of an assembly or analysis and a position, and returns plain JSON (dicts
serialize 3 times faster than lsprotocol's objects) or lsprotocol objects where they are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nvm_lsp.server.token_legend import MODIFIERS, TYPES

__all__ = ["COMMANDS", "FEATURES", "PLUGIN_COMMAND", "Command", "Feature"]


@dataclass(frozen=True, slots=True)
class Feature:
    """An LSP method; ``handler`` is ``module:function`` below this package.

    ``options`` are the registration options of the method as JSON. ``asynchronous`` handlers are
    coroutines, which a client can cancel.
    """

    method: str
    handler: str
    options: dict[str, Any] | None = None
    asynchronous: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command of workspace/executeCommand; its handler is a coroutine that takes the server and
    the command's arguments as a tuple."""

    name: str
    handler: str


FEATURES: tuple[Feature, ...] = (
    Feature(
        "textDocument/diagnostic", "diagnostic:handle",
        {"identifier": "nvm-lsp", "interFileDependencies": True, "workspaceDiagnostics": True},
        asynchronous=True,
    ),
    Feature("workspace/diagnostic", "diagnostic:handle_workspace", asynchronous=True),
    Feature("textDocument/hover", "hover:handle"),
    Feature("textDocument/codeLens", "code_lens:handle", {"resolveProvider": True}),
    Feature("codeLens/resolve", "code_lens:resolve", asynchronous=True),
    Feature("textDocument/inlayHint", "inlay_hint:handle", asynchronous=True),
    # Authoring
    Feature(
        "textDocument/completion", "completion:handle",
        {
            "triggerCharacters": ["%", "@", "#", "?", "=", '"', "/", "(", "[", ".", " "],
            "resolveProvider": True,
        },
        asynchronous=True,
    ),
    Feature("completionItem/resolve", "completion:resolve"),
    Feature(
        "textDocument/signatureHelp", "signature_help:handle",
        {"triggerCharacters": ["(", ",", " "], "retriggerCharacters": [")"]},
    ),
    Feature(
        "textDocument/codeAction", "code_action:handle",
        {
            "codeActionKinds": [
                "quickfix", "refactor.extract", "refactor.inline", "refactor.rewrite",
                "source.fixAll.nvm-lsp", "source.organizeImports.nvm-lsp",
                "source.stackComments.nvm-lsp",
            ],
            "resolveProvider": True,
        },
        asynchronous=True,
    ),
    Feature("codeAction/resolve", "code_action:resolve", asynchronous=True),
    Feature("nvm/virtualDocument", "virtual_document:handle"),
    Feature("workspace/textDocumentContent", "virtual_document:content"),
    # Navigation and structure
    Feature("textDocument/definition", "definition:handle", asynchronous=True),
    Feature("textDocument/declaration", "definition:declare", asynchronous=True),
    Feature("textDocument/references", "references:handle", asynchronous=True),
    Feature("textDocument/documentHighlight", "document_highlight:handle"),
    Feature("textDocument/prepareRename", "rename:prepare", asynchronous=True),
    Feature("textDocument/rename", "rename:handle", asynchronous=True),
    Feature(
        "workspace/willRenameFiles", "rename_files:handle",
        {"filters": [{"scheme": "file", "pattern": {"glob": "**"}}]}, asynchronous=True,
    ),
    Feature("textDocument/documentSymbol", "document_symbol:handle"),
    Feature("workspace/symbol", "workspace_symbol:handle", asynchronous=True),
    Feature("textDocument/foldingRange", "folding_range:handle"),
    Feature("textDocument/selectionRange", "selection_range:handle"),
    Feature("textDocument/prepareCallHierarchy", "call_hierarchy:prepare", asynchronous=True),
    Feature("callHierarchy/incomingCalls", "call_hierarchy:incoming", asynchronous=True),
    Feature("callHierarchy/outgoingCalls", "call_hierarchy:outgoing", asynchronous=True),
    Feature("textDocument/documentLink", "document_link:handle"),
    Feature("textDocument/linkedEditingRange", "linked_editing_range:handle"),
    Feature("textDocument/formatting", "formatting:handle"),
    Feature(
        "textDocument/rangeFormatting", "formatting:handle_range", {"rangesSupport": True},
    ),
    Feature("textDocument/rangesFormatting", "formatting:handle_ranges"),
    Feature(
        "textDocument/onTypeFormatting", "formatting:handle_on_type",
        {"firstTriggerCharacter": ":", "moreTriggerCharacter": ["\n"]},
    ),
    Feature(
        "textDocument/semanticTokens/full", "semantic_tokens:handle",
        {"tokenTypes": list(TYPES), "tokenModifiers": list(MODIFIERS)},
    ),
    Feature("textDocument/semanticTokens/full/delta", "semantic_tokens:handle_delta"),
    Feature("textDocument/semanticTokens/range", "semantic_tokens:handle_range"),
)

#: Carries out the commands of plugins' lenses, whatever their names.
PLUGIN_COMMAND = "nvm.plugin"
COMMANDS: tuple[Command, ...] = (
    Command("nvm.run", "run:handle"),
    Command("nvm.trace", "trace:handle"),
    Command("nvm.compare", "program_commands:compare"),
    Command("nvm.test", "program_commands:test"),
    Command("nvm.assemble", "program_commands:assemble_program"),
    Command("nvm.disassemble", "program_commands:disassemble_bytecode"),
    Command("nvm.cfg", "program_commands:control_flow"),
    Command("nvm.snapshotDiff", "program_commands:snapshot_diff"),
    Command(PLUGIN_COMMAND, "plugin_command:handle"),
)
