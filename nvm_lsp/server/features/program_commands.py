"""Commands on a program: ``nvm.compare``, ``nvm.test``, ``nvm.assemble``, ``nvm.disassemble``,
``nvm.cfg``, ``nvm.snapshotDiff``. Each takes the program's URI and an object with options.

What they give is JSON; where there is something to read, it is there as ``markdown`` or ``text``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from nvm_lsp.analysis.graph import FORMATS
from nvm_lsp.assembler import disassemble
from nvm_lsp.opcodes import DEFAULT_FORK, find_fork
from nvm_lsp.server.actions.client_commands import tell
from nvm_lsp.server.features.virtual_document import program
from nvm_lsp.server.protocol import REQUEST_FAILED
from nvm_lsp.server.running.run_reports import (
    comparison_markdown,
    comparison_summary,
    snapshot_difference,
    test_markdown,
    test_summary,
)
from nvm_lsp.server.virtual_documents import document_text

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = [
    "assemble_program",
    "compare",
    "control_flow",
    "disassemble_bytecode",
    "snapshot_diff",
    "test",
]


def _arguments(arguments: tuple[Any, ...], command: str) -> tuple[str, dict[str, Any]]:
    uri, options, *_ = (*arguments, None, None)
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams(f"{command} takes the URI of a document")
    return uri, options if isinstance(options, dict) else {}


async def compare(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """``{"against": "native" | words for a kernel build or fork, "case": name}``."""
    uri, options = _arguments(arguments, "nvm.compare")
    found = await server.runs.compare(uri, options)
    tell(server, comparison_summary(found))
    return {**found, "markdown": comparison_markdown(found)}


async def test(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """``{"case": name}`` tests one case alone. Failures become diagnostics, too."""
    uri, options = _arguments(arguments, "nvm.test")
    found = await server.runs.test(uri, options)
    tell(server, test_summary(found))
    return {**found, "markdown": test_markdown(found)}


async def assemble_program(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The bytecode, None if the program has errors."""
    uri, _ = _arguments(arguments, "nvm.assemble")
    assembly = server.documents.assembly(program(server, uri))
    return {
        "bytecode": "0x" + assembly.bytecode.hex() if assembly.ok else None,
        "size": len(assembly.bytecode) if assembly.ok else None,
        "fork": assembly.fork,
        "errors": [f"{d.location}: {d.message}" for d in assembly.diagnostics][:20]
        if not assembly.ok
        else [],
    }


async def disassemble_bytecode(
    server: NvmServer, arguments: tuple[Any, ...]
) -> dict[str, Any]:
    """``[hexadecimal digits or a program's URI, {"fork": name}]`` to ``{"text": easm}``."""
    what, options = _arguments(arguments, "nvm.disassemble")
    digits = "".join(what.split()).removeprefix("0x")
    try:
        code = bytes.fromhex(digits)
    except ValueError:
        assembly = server.documents.assembly(program(server, what))
        return {"text": document_text(assembly, "disassembly")}
    fork = options.get("fork")
    if fork is not None and (not isinstance(fork, str) or find_fork(fork) is None):
        raise JsonRpcInvalidParams(f"unknown fork {fork}")
    return {"text": disassemble(code, fork=fork or DEFAULT_FORK)}


async def control_flow(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """``{"format": "text" | "dot" | "mermaid" | "json"}`` to ``{"text": …}``."""
    uri, options = _arguments(arguments, "nvm.cfg")
    form = options.get("format", "text")
    if form not in FORMATS:
        raise JsonRpcInvalidParams(f"nvm.cfg gives {', '.join(FORMATS)}, not {form}")
    kind = "cfg" if form == "text" else form
    return {"text": document_text(server.documents.assembly(program(server, uri)), kind)}


async def snapshot_diff(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """``{"from": line, "to": line}``, one-based, of one run; ``to`` may be left out for its end.

    Without ``from``, the ends of the last two runs are compared.
    """
    uri, options = _arguments(arguments, "nvm.snapshotDiff")
    first, second = options.get("from"), options.get("to")
    if first is None:
        before, after = server.runs.previous.get(uri), server.runs.results.get(uri)
        if before is None or after is None:
            raise JsonRpcException("there are no two runs of this program yet", REQUEST_FAILED)
        return snapshot_difference(
            before.json, after.json, "the run before", "the last run", after.json["writers"]
        )
    if not isinstance(first, int) or not isinstance(second, int | None):
        raise JsonRpcInvalidParams("from and to are numbers of lines, from one")
    return await server.runs.difference(uri, options, first, second)
