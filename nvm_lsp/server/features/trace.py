"""The command ``nvm.trace``: the steps of a run in chunks, for going back and forth between them.

``[uri, {"target", "case", "maxSteps", "chunk": n}]`` gives ``{"header", "chunk"}``: chunk n as
`nvm_lsp.runner.step_log.read_chunk` describes it, and, with chunk 0, what holds for all:
``total`` and ``kept`` steps, the ``chunkSize``, the document's ``version``, the ``opcodes`` by
number, and the ``places`` of offsets as ``[line of the program, path, line there]``, lines from
one; path and line are null where the instruction stands in the program itself. The run is made for
the first chunk; the others come from what was kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from nvm_lsp.assembler import Assembly
from nvm_lsp.opcodes import OPCODES
from nvm_lsp.runner.step_log import read_chunk

if TYPE_CHECKING:
    from nvm_lsp.server.runs import Trace
    from nvm_lsp.server.server import NvmServer

__all__ = ["handle"]


async def handle(server: NvmServer, arguments: tuple[Any, ...]) -> dict[str, Any]:
    uri, given, *_ = (*arguments, None, None)
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams("nvm.trace takes the URI of a document")
    options: dict[str, Any] = given if isinstance(given, dict) else {}
    number = options.get("chunk", 0)
    trace = server.runs.traces.get(uri) if number else await server.runs.trace(uri, options)
    if trace is None:
        raise JsonRpcInvalidParams("ask for chunk 0 first: there is no trace of this program")
    chunks = trace.log["chunks"]
    if not isinstance(number, int) or not 0 <= number < max(len(chunks), 1):
        raise JsonRpcInvalidParams(f"there is no chunk {number}; there are {len(chunks)}")
    empty = {"from": 0, "steps": [], "stack": [], "memory": "0x", "writers": []}
    return {
        "header": None if number else _header(trace),
        "chunk": read_chunk(chunks[number]) if chunks else empty,
    }


def _header(trace: Trace) -> dict[str, Any]:
    log = trace.log
    return {
        "total": log["total"],
        "kept": log["kept"],
        "chunkSize": log["chunk_size"],
        "version": trace.version,
        "opcodes": {str(row.code): row.name for row in OPCODES.values()},
        "places": _places(trace.assembly),
    }


def _places(assembly: Assembly) -> dict[str, list[Any]]:
    root = assembly.program.root.path
    places: dict[str, list[Any]] = {}
    for pc, size, is_data, origin in assembly.source_map.entries():
        if not size or is_data:
            continue
        path, line = origin.location.path, origin.location.span.start.line + 1
        elsewhere = path != root or line != origin.root_line + 1
        places[str(pc)] = [
            origin.root_line + 1, path if elsewhere else None, line if elsewhere else None,
        ]
    return places
