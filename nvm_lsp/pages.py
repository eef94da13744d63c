"""Everything that has a page: kinds of flaws and opcodes, by whatever they are called.

It does not know how a page is shown: that is for `explain` and for the generated documentation.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches

from nvm_lsp.diagnostics import KINDS, Kind
from nvm_lsp.lint.linter import rules
from nvm_lsp.opcodes import ALIASES, OPCODES, Opcode, opcode_by_name

__all__ = ["FAMILIES", "family", "find_page", "kinds", "near_words"]

#: What the letters that begin a code stand for. Those of plugins stand for themselves.
FAMILIES: Mapping[str, str] = {
    "SYN": "Syntax",
    "ASM": "Assembly",
    "IMP": "Import",
    "SCN": "Scenarios",
    "PRB": "Probes",
    "EXP": "Expectations",
    "STK": "Stack",
    "JMP": "Jumps",
    "FLW": "Control flow",
    "UNU": "What nothing uses",
    "LBL": "Labels",
    "MEM": "Memory",
    "CAL": "Calls and storage",
    "OPC": "Opcodes",
    "OPT": "Cheaper ways",
    "VAL": "Values",
    "NVM": "Only on the NestedVM",
    "SUP": "Suppressions",
    "FMT": "Formatting",
    "LNT": "Linting",
}

#: Modules that define kinds, beside the rules; tests/cli/test_explain.py compares.
_DEFINING = (
    "nvm_lsp.assembler",
    "nvm_lsp.importer",
    "nvm_lsp.runner.expectations",
    "nvm_lsp.runner.probes",
    "nvm_lsp.runner.scenario_reader",
)


def kinds() -> dict[str, Kind]:
    """Every kind by code, those of the same letters together, in the order of `FAMILIES`."""
    # Kinds are defined where they are found; importing those modules makes them known.
    for module in _DEFINING:
        importlib.import_module(module)
    rules()
    order = {name: number for number, name in enumerate(FAMILIES)}
    found = sorted(
        KINDS.values(), key=lambda kind: (order.get(letters(kind), len(order)), kind.code)
    )
    return {kind.code: kind for kind in found}


def letters(kind: Kind) -> str:
    """The letters of a kind's code."""
    return kind.code.rstrip("0123456789")


def family(kind: Kind) -> str:
    """The heading that a kind is listed under."""
    return FAMILIES.get(letters(kind), letters(kind))


def find_page(word: str) -> Kind | Opcode | None:
    """What a code (ASM006), a name (undefined-name) or a mnemonic (ADD, sha3) means."""
    row = opcode_by_name(word)
    if row is not None:
        return row
    known = kinds()
    name = word.lower().replace("_", "-").replace(" ", "-")
    return known.get(word.upper()) or next((k for k in known.values() if k.name == name), None)


def near_words(word: str) -> list[str]:
    """Up to three codes, names or mnemonics that were perhaps meant, the nearest first."""
    if len(word) > 60:  # comparing is quadratic
        return []
    known = kinds()
    words = [*known, *(kind.name for kind in known.values()), *OPCODES, *ALIASES]
    folded = {candidate.upper(): candidate for candidate in words}
    near = get_close_matches(word.upper(), folded, n=3)
    near = near or [k for k in folded if word.upper() in k or set(word.upper().split("-"))
                    & set(k.split("-"))][:3]
    return [folded[key] for key in near]
