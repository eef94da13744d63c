"""textDocument/signatureHelp: the parameters of a macro or function, the inputs of an opcode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import FUNCTIONS
from nvm_lsp.opcodes import instruction_set
from nvm_lsp.server.completions.call_site import innermost_call
from nvm_lsp.server.hovers.markup import markup
from nvm_lsp.server.hovers.name_pages import macro_doc, macro_page
from nvm_lsp.server.hovers.stack_hover import inputs_page
from nvm_lsp.syntax import parse_line

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["Signature", "handle", "signature_at"]

_MNEMONIC = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)(?:\s.*)?$", re.DOTALL)
_ARGUMENTS = {
    "len": "label", "selector": '"name(types)"', "topic": '"Name(types)"', "keccak256": '"text"',
    "address": "0x…",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """What is being written. ``active`` is the parameter at the cursor, None where none is."""

    label: str
    parameters: tuple[str, ...]
    active: int | None
    text: str


def handle(server: NvmServer, params: lsp.SignatureHelpParams) -> dict[str, Any] | None:
    opened = server.documents.documents.get(params.text_document.uri)
    if opened is None:
        return None
    position = server.converter.position(opened.document, params.position)
    lines = opened.document.lines
    if position.line >= len(lines):
        return None
    found = signature_at(
        server.documents.assembly(opened), lines[position.line][: position.column], position.line
    )
    if found is None:
        return None
    client = getattr(server.client_capabilities.text_document, "signature_help", None)
    information = getattr(client, "signature_information", None)
    parameters = getattr(information, "parameter_information", None)
    return _to_json(
        found, getattr(information, "documentation_format", None),
        offsets=bool(getattr(parameters, "label_offset_support", False)),
    )


def _to_json(
    found: Signature, formats: Sequence[Any] | None, *, offsets: bool
) -> dict[str, Any]:
    # A parameter is given by its place in the label if the client takes that: words may be part of
    # each other.
    parameters = []
    start = found.label.index("(") + 1 if "(" in found.label else found.label.index("[") + 1
    for name in found.parameters:
        start = found.label.index(name, start)
        parameters.append({"label": [start, start + len(name)] if offsets else name})
        start += len(name)
    signature: dict[str, Any] = {"label": found.label, "parameters": parameters}
    if found.text:
        signature["documentation"] = markup(found.text, formats)
    answer: dict[str, Any] = {"signatures": [signature], "activeSignature": 0}
    # An index past the parameters marks none of them.
    answer["activeParameter"] = len(parameters) if found.active is None else found.active
    return answer


def signature_at(
    assembly: Assembly, before: str, line: int | None = None
) -> Signature | None:
    """What is being written at the end of ``before``, the text of the line up to the cursor.

    ``line`` is that line's number, for what is known of the stack there.
    """
    comment = parse_line(before).comment
    if comment is not None and len(before.rstrip("\r\n")) >= comment.start:
        return None
    call = innermost_call(before)
    if call is not None:
        name, index = call
        return _macro(assembly, name[1:], index) if name.startswith("%") else _function(name, index)
    return _opcode(assembly, before, line)


def _macro(assembly: Assembly, name: str, index: int) -> Signature | None:
    macro = assembly.program.macros.get(name)
    if macro is None:
        return None
    head = macro.definition
    parameters = tuple(word.text for word in head.parameters)
    effect = "" if head.takes is None and head.returns is None else (
        f" takes({head.takes or 0}) returns({head.returns or 0})"
    )
    active = index if index < len(parameters) else None
    label = f"%{name}({', '.join(parameters)}){effect}"
    return Signature(label, parameters, active, macro_doc(macro) or macro_page(assembly, name))


def _function(name: str, index: int) -> Signature | None:
    if name not in FUNCTIONS:
        return None
    argument = _ARGUMENTS.get(name, "value")
    return Signature(
        f"{name}({argument})", (argument,), 0 if index == 0 else None, FUNCTIONS[name]
    )


def _opcode(assembly: Assembly, before: str, line: int | None) -> Signature | None:
    """The words that an opcode takes from the stack and leaves there, once it is written out."""
    found = _MNEMONIC.match(before)
    if found is None or not before[found.end(1) :]:
        return None
    row = instruction_set(assembly.fork).by_name.get(found[1].upper())
    if row is None or not row.inputs or row.is_dup or row.is_swap:
        return None
    label = f"{row.name} [{', '.join(row.inputs)}] -> [{', '.join(row.outputs)}]"
    here = inputs_page(assembly, line) if line is not None else ""
    text = f"{row.summary}\n\n{here}" if here else row.summary
    return Signature(label, row.inputs, 0, text)
