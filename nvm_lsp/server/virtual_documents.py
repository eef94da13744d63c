"""Texts made from a program, shown beside it: bytecode, listing, control-flow graph, disassembly.

Their URIs are ``nvm-lsp:KIND/NAME?URI``, with the program's own URI, percent-encoded, as query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote, urlsplit

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.analysis.graph import graph
from nvm_lsp.assembler import Assembly, disassemble
from nvm_lsp.assembler.listing import listing

__all__ = ["KINDS", "SCHEME", "document_text", "program_of_uri", "uri_of_document"]

SCHEME = "nvm-lsp"
_ROW = 32


def _bytecode(assembly: Assembly) -> str:
    """The bytecode in rows, each with its offset; the whole on the first line, to be copied."""
    code = assembly.bytecode
    rows = [
        f"{offset:06x}  {code[offset : offset + _ROW].hex()}\n"
        for offset in range(0, len(code), _ROW)
    ]
    return f"0x{code.hex()}\n\n# {len(code):,} bytes, {assembly.fork}\n" + "".join(rows)


def _listing(assembly: Assembly) -> str:
    return "".join(listing(assembly))


def _disassembly(assembly: Assembly) -> str:
    return disassemble(assembly.bytecode, fork=assembly.fork)


def _graph(form: str) -> Callable[[Assembly], str]:
    return lambda assembly: graph(analyze(assembly), form)


#: What makes the text of each kind.
KINDS: Mapping[str, Callable[[Assembly], str]] = {
    "bytecode": _bytecode,
    "listing": _listing,
    "disassembly": _disassembly,
    "cfg": _graph("text"),
    "dot": _graph("dot"),
    "mermaid": _graph("mermaid"),
    "json": _graph("json"),
}


def document_text(assembly: Assembly, kind: str) -> str:
    """A program as a text of a kind; of one with errors, which they are.

    Raises:
        KeyError: there is no such kind.
    """
    make = KINDS[kind]
    if not assembly.ok:
        lines = [line for d in assembly.diagnostics for line in d.lines()]
        return "\n".join(["# The program has errors, so there is no bytecode.", "", *lines, ""])
    return make(assembly)


def uri_of_document(uri: str, kind: str) -> str:
    """The URI of the text of a kind of a program."""
    name = unquote(urlsplit(uri).path).rpartition("/")[2] or "program"
    return f"{SCHEME}:{kind}/{quote(name)}?{quote(uri, safe='')}"


def program_of_uri(uri: str) -> tuple[str, str] | None:
    """The program's URI and the kind of a text, by its URI; None if it is no such URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    kind = parts.path.lstrip("/").partition("/")[0]
    if parts.scheme != SCHEME or kind not in KINDS or not parts.query:
        return None
    return unquote(parts.query), kind
