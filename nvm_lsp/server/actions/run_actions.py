"""Code actions that run or test a program, for clients that show no code lenses.

Helix, eglot and ALE are such. What came of it they show as diagnostics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvm_lsp.source import Span

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = ["RUN", "run_actions"]

RUN = "source.run.nvm-lsp"
_COMMANDS = ("nvm.run", "nvm.test")


def run_actions(server: NvmServer, opened: OpenDocument, span: Span) -> list[dict[str, Any]]:
    """What the lenses above the program would do, and above the cases in the lines of ``span``."""
    text = server.client_capabilities.text_document
    if text is not None and text.code_lens is not None:
        return []
    from nvm_lsp.server.contributions import program_of  # noqa: PLC0415 -- for few clients
    from nvm_lsp.server.features.code_lens import run_lenses  # noqa: PLC0415 -- for few clients

    program = program_of(server, opened)
    lenses = list(run_lenses(program)) if program.assembly.ok else []
    return [
        {
            "title": lens.title,
            "kind": RUN,
            "command": {
                "title": lens.title, "command": lens.command,
                "arguments": [opened.uri, *lens.arguments],
            },
        }
        for lens in lenses
        if lens.command in _COMMANDS
        and (lens.line == lenses[0].line or span.start.line <= lens.line <= span.end.line)
    ]
