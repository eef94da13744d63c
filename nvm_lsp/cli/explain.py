"""``nvm-lsp explain``: the page of a diagnostic or of an opcode."""

from __future__ import annotations

import argparse
import importlib
from difflib import get_close_matches

from nvm_lsp.cli.arguments import complain
from nvm_lsp.diagnostics import KINDS, Kind
from nvm_lsp.lint.linter import rules
from nvm_lsp.opcode_page import opcode_page
from nvm_lsp.opcodes import OPCODES, opcode_by_name

NAME = "explain"
HELP = "explain a diagnostic's code or an opcode"

#: Modules that define kinds, beside the rules; tests/cli/test_explain.py compares.
_DEFINING = (
    "nvm_lsp.assembler",
    "nvm_lsp.importer",
    "nvm_lsp.runner.expectations",
    "nvm_lsp.runner.probes",
    "nvm_lsp.runner.scenario_reader",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="CODE|MNEMONIC", help="a code like ASM006, its name, or an opcode like ADD"
    )


def run(arguments: argparse.Namespace) -> int:
    what = arguments.what
    row = opcode_by_name(what)
    if row is not None:
        print(opcode_page(row))
        return 0
    kinds = _kinds()
    kind = kinds.get(what.upper()) or next((k for k in kinds.values() if k.name == what), None)
    if kind is None:
        names = [*kinds, *(k.name for k in kinds.values()), *OPCODES]
        near = get_close_matches(what, names, n=1) or get_close_matches(what.upper(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else "codes are in the diagnostics themselves"
        return complain(f"nothing is known of {what!r}", hint)
    print(f"# {kind.name} ({kind.code}, {kind.severity.value})\n\n{kind.page}")
    return 0


def _kinds() -> dict[str, Kind]:
    # Kinds are defined where they are found; importing those modules makes them known.
    for module in _DEFINING:
        importlib.import_module(module)
    rules()
    return dict(KINDS)
