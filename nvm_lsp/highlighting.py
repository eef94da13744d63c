"""Colours of easm for Vim, Emacs and Sublime Text, made of the opcode table and the grammar.

``python -m nvm_lsp.generate`` writes the files. Like the TextMate grammar they know one line only:
what hangs on others is left to the language server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from nvm_lsp import textmate
from nvm_lsp.assembler.expressions import FUNCTIONS, UNITS
from nvm_lsp.opcodes import ALIASES, OPCODES
from nvm_lsp.syntax.parser import directives

__all__ = ["FOLDER", "texts"]

FOLDER = "nvm_lsp/editor_files"
_NOTE = "Written by `python -m nvm_lsp.generate`; do not edit."
_WIDTH = 96
#: Groups of the opcode table that are coloured apart, by the name that they have here.
_APART = {
    "control": "Control", "push": "Push", "duplicate and exchange": "Stack",
    "calls and creation": "Call",
}


def texts() -> Mapping[str, str]:
    """The files' contents by their path in the repository."""
    lines = {
        "vim/syntax/easm.vim": _vim(),
        "emacs/easm-words.el": _emacs(),
        "sublime/easm.sublime-syntax": _sublime(textmate.grammar()),
    }
    return {f"{FOLDER}/{path}": "\n".join(text) + "\n" for path, text in lines.items()}


def _mnemonics() -> dict[str, list[str]]:
    """Mnemonics and their aliases, by what they are coloured as."""
    found: dict[str, list[str]] = {"Push": ["PUSH"]}
    for row in OPCODES.values():
        also = (alias for alias, name in ALIASES.items() if name == row.name)
        found.setdefault(_APART.get(row.group, "Opcode"), []).extend([row.name, *also])
    return dict(sorted(found.items()))


# Vim ----------------------------------------------------------------------------------------------


def _vim_choice(words: Iterable[str]) -> str:
    return r"\%(" + r"\|".join(sorted(words)) + r"\)"


_WORD = r"\h[[:alnum:]_.]*"
#: Of two that begin at the same place, Vim takes the one that stands later.
_VIM_PATTERNS = {
    "Name": rf"\<{_WORD}",
    "Number": r"\<\d\w*",
    "Unit": rf"\%(\d\s\+\)\@<={_vim_choice(UNITS)}\>",
    "Function": rf"\<{_vim_choice(FUNCTIONS)}\ze\s*(",
    "Modifier": r"\<\%(takes\|returns\)\ze\s*(\|\<\%(width\|fill\)\>",
    "MacroUse": rf"^\s*\zs%{_WORD}",
    "Directive": rf"%{_vim_choice(word[1:] for word in directives())}\>",
    "Label": r"^\s*\zs\.\=\h[[:alnum:]_.]*\ze\s*:",
    "Address": rf"@{_WORD}",
    "Constant": rf"\%(%def\s\+\)\@<={_WORD}",
    "Macro": rf"\%(%macro\s\+\)\@<={_WORD}",
    "Comment": r"\%(#\|;\|\/\/\).*",
    "Picture": r"#\s*\[[^]]*\].*",
    "Suppression": r"#\s*easm:\s*ignore.*",
    "Scenario": "#@.*",
    "Probe": "#?.*",
    "Expectation": "#=.*",
}
_VIM_LINKS = {
    "Control": "Statement", "Push": "Keyword", "Stack": "StorageClass", "Call": "Special",
    "Opcode": "Function", "Name": "Identifier", "Number": "Number", "Unit": "Type",
    "Function": "Function", "Modifier": "StorageClass", "MacroUse": "Macro",
    "Directive": "PreProc", "Label": "Label", "Address": "Label", "Constant": "Constant",
    "Macro": "Macro", "String": "String", "Escape": "SpecialChar", "Comment": "Comment",
    "Picture": "SpecialComment", "Suppression": "PreProc", "Scenario": "PreProc",
    "Probe": "Debug", "Expectation": "Debug",
}


def _vim() -> Iterator[str]:
    yield f'" Colours of easm, EVM assembly. {_NOTE}'
    yield "if exists('b:current_syntax')\n  finish\nendif\n"
    # A dot is part of a word: in the name op.ADD there is no mnemonic.
    yield "syn iskeyword @,48-57,_,.\nsyn sync minlines=1\n\nsyn case ignore"
    for name, words in _mnemonics().items():
        yield f"syn keyword easm{name}"
        yield from (f"  \\ {line}" for line in wrap(" ".join(words), _WIDTH))
    yield "\nsyn case match"
    yield from (f"syn match easm{name} /{pattern}/" for name, pattern in _VIM_PATTERNS.items())
    yield r"syn match easmEscape /\\./ contained"
    yield r'syn region easmString start=/"/ skip=/\\./ end=/"/ end=/$/ oneline contains=easmEscape'
    yield ""
    yield from (f"hi def link easm{name} {group}" for name, group in _VIM_LINKS.items())
    yield "\nlet b:current_syntax = 'easm'"


# Emacs --------------------------------------------------------------------------------------------


def _emacs() -> Iterator[str]:
    yield ";;; easm-words.el --- the words of easm  -*- lexical-binding: t -*-\n"
    yield f";; {_NOTE}\n\n;;; Code:\n"
    for name, words in _mnemonics().items():
        yield from _emacs_list(f"{name.lower()}-mnemonics", "Mnemonics that are coloured alike.",
                               words)
    yield from _emacs_list("directives", "Directives.", directives())
    yield from _emacs_list("units", "Units after numbers.", sorted(UNITS))
    yield from _emacs_list("functions", "Functions of expressions.", sorted(FUNCTIONS))
    yield "(provide 'easm-words)\n;;; easm-words.el ends here"


def _emacs_list(name: str, says: str, words: Iterable[str]) -> Iterator[str]:
    text = " ".join(f'"{word}"' for word in words)
    yield f"(defconst easm-{name}"
    yield "\n".join(wrap(f"({text})", _WIDTH, initial_indent="  '", subsequent_indent="    "))
    yield f'  "{says}")\n'


# Sublime Text -------------------------------------------------------------------------------------


def _sublime(grammar: Mapping[str, Any]) -> Iterator[str]:
    """The TextMate grammar in Sublime's form."""
    yield f"%YAML 1.2\n---\n# {_NOTE}"
    yield f"name: {grammar['name']}\nscope: {grammar['scopeName']}"
    yield f"file_extensions: [{', '.join(grammar['fileTypes'])}]\n\ncontexts:"
    yield "  main:"
    yield from _sublime_rules(grammar["patterns"], "    ")
    for name, entry in grammar["repository"].items():
        yield f"\n  {name}:"
        yield from _sublime_rules(entry["patterns"], "    ")


def _sublime_rules(patterns: Iterable[Mapping[str, Any]], indent: str) -> Iterator[str]:
    for pattern in patterns:
        if "include" in pattern:
            yield f"{indent}- include: {pattern['include'].removeprefix('#')}"
            continue
        is_pair = "begin" in pattern
        yield f"{indent}- match: {_quoted(pattern['begin' if is_pair else 'match'])}"
        if "name" in pattern and not is_pair:
            yield f"{indent}  scope: {pattern['name']}"
        yield from _sublime_captures(pattern, "beginCaptures" if is_pair else "captures", indent)
        if is_pair:
            yield f"{indent}  push:"
            inner = f"{indent}    "
            scopes = " ".join(pattern[k] for k in ("name", "contentName") if k in pattern)
            yield f"{inner}- meta_scope: {scopes}"
            yield f"{inner}- match: {_quoted(pattern['end'])}"
            yield from _sublime_captures(pattern, "endCaptures", inner)
            yield f"{inner}  pop: true"
            yield from _sublime_rules(pattern["patterns"], inner)


def _sublime_captures(pattern: Mapping[str, Any], key: str, indent: str) -> Iterator[str]:
    if key in pattern:
        yield f"{indent}  captures:"
        for number, capture in pattern[key].items():
            yield f"{indent}    {number}: {capture['name']}"


def _quoted(pattern: str) -> str:
    """The pattern as a YAML scalar: JSON's strings are YAML's."""
    return json.dumps(pattern, ensure_ascii=False)
