"""``nvm-lsp explain``: the page of a diagnostic or of an opcode, or a list of all."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from nvm_lsp.cli.arguments import complain
from nvm_lsp.diagnostics import Kind
from nvm_lsp.opcode_page import opcode_page
from nvm_lsp.opcodes import OPCODES, Opcode
from nvm_lsp.pages import family, find_page, kinds, near_words

NAME = "explain"
HELP = "explain a diagnostic's code or an opcode"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="CODE|MNEMONIC", nargs="?",
        help="a code like ASM006, its name, or an opcode like ADD; without it, all are listed",
    )
    parser.add_argument(
        "--format", choices=("text", "markdown", "json"), default="text",
        help="text: laid out on a terminal, else as markdown (default: text)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the page; 2 if there is none."""
    if arguments.what is None:
        return _list_all(arguments.format)
    found = find_page(arguments.what)
    if found is None:
        near = near_words(arguments.what)
        hint = f"did you mean {' or '.join(near)}?" if near else "`nvm-lsp explain` lists all"
        return complain(f"nothing is known of {arguments.what!r}", hint)
    if arguments.format == "json":
        print(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
    else:
        _show(_page(found), arguments.format)
    return 0


def _page(found: Kind | Opcode) -> str:
    if isinstance(found, Opcode):
        return opcode_page(found)
    return f"# {found.name} ({found.code}, {found.severity.value})\n\n{found.page}"


def _show(markdown: str, form: str) -> None:
    """Prints Markdown as it is, or laid out where a person reads it."""
    if form == "markdown" or not sys.stdout.isatty():
        print(markdown)
        return
    from rich.console import Console  # noqa: PLC0415 -- slow to import, and only for terminals
    from rich.markdown import Markdown  # noqa: PLC0415

    console = Console(width=min(Console().width, 100))
    console.print(Markdown(markdown, code_theme="ansi_dark"))


def _list_all(form: str) -> int:
    known = kinds()
    if form == "json":
        rows: list[Kind | Opcode] = [*known.values(), *OPCODES.values()]
        listed = [{k: v for k, v in _as_json(row).items() if k != "page"} for row in rows]
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return 0
    if form == "text" and not sys.stdout.isatty():
        print("\n".join(_plain_list(known)))
        return 0
    _show("\n".join(_markdown_list(known)), form)
    return 0


def _plain_list(known: dict[str, Kind]) -> Iterator[str]:
    """A line each, to search with other tools."""
    for kind in known.values():
        yield f"{kind.code:7} {kind.severity.value:8} {kind.name:32} {kind.summary}"
    for row in OPCODES.values():
        yield f"0x{row.code:02x}    {'opcode':8} {row.name:32} {row.summary}"


def _markdown_list(known: dict[str, Kind]) -> Iterator[str]:
    for title, members in groupby(known.values(), key=family):
        yield f"## {title}\n"
        yield "| code | level | name | what is said |\n|---|---|---|---|"
        for kind in members:
            said = kind.summary.replace("|", "\\|")
            yield f"| {kind.code} | {kind.severity.value} | {kind.name} | {said} |"
        yield ""
    yield "## Opcodes\n"
    yield ", ".join(OPCODES)


def _as_json(found: Kind | Opcode) -> dict[str, Any]:
    if isinstance(found, Kind):
        return {
            "kind": "diagnostic", "code": found.code, "name": found.name,
            "level": found.severity.value, "summary": found.summary, "page": found.page,
        }
    return {
        "kind": "opcode", "code": f"0x{found.code:02x}", "name": found.name,
        "group": found.group, "inputs": list(found.inputs), "outputs": list(found.outputs),
        "gas": found.gas, "gas_note": found.gas_note or None, "since": found.since,
        "summary": found.summary, "nvm": found.nvm or None, "page": opcode_page(found),
    }
