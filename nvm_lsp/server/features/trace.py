"""The command ``nvm.trace``: the steps of a run in chunks, for going back and forth between them.

``[uri, {"target", "case", "maxSteps", "chunk": n}]`` gives ``{"header", "chunk"}``: chunk n as
`nvm_lsp.runner.step_log.read_chunk` describes it, and, with chunk 0, what holds for all:

- ``total`` and ``kept`` steps, ``starts`` (the number of each chunk's first step), the document's
  ``version``, the ``opcodes`` by number;
- ``frames``, in the order of their beginning, the outermost first: first step, one past the last,
  depth from 1, index in ``codes``, index in the run's ``calls``; the last two null for the program;
- ``codes`` of inner frames: ``address``, ``label``, whether it is a nested ``guest``'s, the
  ``path`` of its source (null if there is none or it is the program), and ``places``;
- ``places`` of offsets as ``[line of the program, path, line there]``, lines from one; path and
  line are null where the instruction stands in the program itself, and the first line is null
  where the code is not the program's;
- ``effects``, what the run did to the state: rows of the number of the step before which it has
  happened, a word, and what belongs to it: ``storage``, ``transient`` and ``balance`` with address,
  key, value before and after; ``log`` with address, topics, data (its beginning), size and how it
  reads; ``call``, ``return`` and ``console`` with an index in the run's ``calls`` and ``console``;
  ``data`` with what a call has returned to the frame that goes on (its beginning) and its size;
  ``undo`` with the index of the first effect of those whose change of the state is undone.
  ``untold`` is the step from which on effects are not told, null if all are.

The run is made for the first chunk; the others come from what was kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from nvm_lsp.assembler import Assembly
from nvm_lsp.opcodes import OPCODES
from nvm_lsp.runner.code_sources import assembly_of
from nvm_lsp.runner.step_log import read_chunk

if TYPE_CHECKING:
    from nvm_lsp.server.running.runs import Trace
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
    empty: dict[str, Any] = {"from": 0, "steps": [], "frames": []}
    return {
        "header": None if number else _header(server, uri, trace),
        "chunk": read_chunk(chunks[number]) if chunks else empty,
    }


def _header(server: NvmServer, uri: str, trace: Trace) -> dict[str, Any]:
    log = trace.log
    told = ("total", "kept", "starts", "frames", "effects", "untold")
    return {
        **{key: log[key] for key in told},
        "version": trace.version,
        "opcodes": {str(row.code): row.name for row in OPCODES.values()},
        "places": _places(trace.assembly),
        "codes": _codes(server, uri, trace),
    }


def _codes(server: NvmServer, uri: str, trace: Trace) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(uri)
    loader = server.documents.loader(opened) if opened is not None else None
    program = trace.assembly
    assemblies: dict[str | None, Assembly | None] = {None: program}
    codes = []
    for address, is_guest, source in trace.log["codes"]:
        path, places = None, {}
        if source is not None:
            path, offset = source
            if path not in assemblies:
                assemblies[path] = assembly_of(path, loader) if loader is not None else None
            assembly = assemblies[path]
            places = {} if assembly is None else _places(assembly, offset, program)
        label = trace.labels.get(bytes.fromhex(address[2:]))
        codes.append(
            {"address": address, "label": label, "guest": is_guest, "path": path, "places": places}
        )
    return codes


def _places(
    assembly: Assembly, begin: int = 0, program: Assembly | None = None
) -> dict[str, list[Any]]:
    """The places of offsets from ``begin`` on, as seen from the program."""
    root = assembly.program.root.path
    is_program = program is None or assembly is program
    places: dict[str, list[Any]] = {}
    for pc, size, is_data, origin in assembly.source_map.entries():
        if not size or is_data or pc < begin:
            continue
        path, line = origin.location.path, origin.location.span.start.line + 1
        elsewhere = not is_program or path != root or line != origin.root_line + 1
        places[str(pc - begin)] = [
            origin.root_line + 1 if is_program else None,
            path if elsewhere else None, line if elsewhere else None,
        ]
    return places
