"""The TextMate grammar of easm, made of the opcode table and the terminals of the parser's grammar.

``python -m nvm_lsp.textmate`` writes ``grammar/easm.tmLanguage.json``. Editors colour by it before
the server runs; it knows one line only, so what depends on others (is this name a label or a
constant?) is left to semantic tokens.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nvm_lsp.assembler.expressions import FUNCTIONS, UNITS
from nvm_lsp.opcodes import ALIASES, OPCODES
from nvm_lsp.syntax.parser import directives, terminals

__all__ = ["PATH", "grammar", "grammar_text"]

PATH = Path(__file__).parent.parent / "grammar" / "easm.tmLanguage.json"

#: Scopes of the table's groups of opcodes, in the words that themes know. A group without a row
#: here is coloured as a function of the language.
_GROUPS = {
    "control": "keyword.control.flow.easm",
    "push": "keyword.operator.new.push.easm",
    "duplicate and exchange": "storage.modifier.stack.easm",
    "calls and creation": "entity.name.function.call.easm",
}
_OTHER_GROUP = "support.function.opcode.easm"
#: What the word after a directive defines or names.
_DEFINES = {
    "%def": "variable.other.constant.definition.easm",
    "%macro": "entity.name.function.macro.easm",
    "%table": "entity.name.type.table.easm",
    "%fork": "support.constant.fork.easm",
}
#: Comments that mean something: the mark after ``#``, its scope and that of what follows.
_MARKS = {
    "@": ("keyword.other.scenario.easm", "meta.scenario.easm"),
    r"\?": ("keyword.other.probe.easm", "meta.probe.easm"),
    "=": ("keyword.other.expectation.easm", "meta.expectation.easm"),
}

Pattern = dict[str, Any]


def grammar_text() -> str:
    """The file's content."""
    return json.dumps(grammar(), indent=2, ensure_ascii=False) + "\n"


def grammar() -> Pattern:
    """The grammar as TextMate's JSON."""
    repository = {
        "comments": _any_of(_comments()),
        "strings": _any_of([_string()]),
        "definitions": _any_of(_definitions()),
        "directives": _any_of(_directives()),
        "labels": _any_of(_labels()),
        "mnemonics": _any_of(_mnemonics()),
        "values": _any_of(_values()),
    }
    return {
        "information_for_contributors": [
            "Generated from the opcode table by python -m nvm_lsp.textmate; do not edit."
        ],
        "name": "easm",
        "scopeName": "source.easm",
        "fileTypes": ["easm"],
        "patterns": _include(*repository),
        "repository": repository,
    }


def _any_of(patterns: list[Pattern]) -> Pattern:
    return {"patterns": patterns}


def _include(*names: str) -> list[Pattern]:
    return [{"include": f"#{name}"} for name in names]


def _captures(*scopes: str) -> dict[str, Pattern]:
    return {str(number): {"name": scope} for number, scope in enumerate(scopes, 1)}


def _comments() -> list[Pattern]:
    marked: list[Pattern] = [
        {
            "name": "comment.line.number-sign.easm",
            "begin": f"(#)({mark})[ \\t]*([A-Za-z_][\\w.-]*)?",
            "beginCaptures": _captures("punctuation.definition.comment.easm", scope, scope),
            "end": "$",
            "contentName": content,
            "patterns": _include("strings", "values"),
        }
        for mark, (scope, content) in _MARKS.items()
    ]
    suppression = {
        "name": "comment.line.number-sign.easm",
        "match": r"(#)[ \t]*(easm:[ \t]*ignore)(\[[^\]]*\])?.*$",
        "captures": _captures(
            "punctuation.definition.comment.easm", "keyword.other.suppression.easm",
            "constant.other.code.easm",
        ),
    }
    stack = {
        "name": "comment.line.number-sign.easm",
        "match": r"(#)[ \t]*(\[[^\]]*\]).*$",
        "captures": _captures("punctuation.definition.comment.easm", "comment.block.stack.easm"),
    }
    plain = {
        "match": f"({terminals()['COMMENT']})",
        "captures": _captures("comment.line.easm"),
    }
    return [*marked, suppression, stack, plain]


def _string() -> Pattern:
    # A pair of begin and end, not the terminal: an unfinished string should look like one.
    return {
        "name": "string.quoted.double.easm",
        "begin": '"',
        "end": '"|(?=[\\r\\n])|$',
        "beginCaptures": {"0": {"name": "punctuation.definition.string.begin.easm"}},
        "endCaptures": {"0": {"name": "punctuation.definition.string.end.easm"}},
        "patterns": [
            {"name": "constant.character.escape.easm", "match": r"\\(x[0-9A-Fa-f]{2}|[nrt0\\\"])"},
            {"name": "invalid.illegal.escape.easm", "match": r"\\."},
        ],
    }


def _definitions() -> list[Pattern]:
    word = terminals()["WORD"]
    found: list[Pattern] = [
        {
            "match": f"({directive})[ \\t]+({word})",
            "captures": _captures(f"keyword.control.directive.{directive[1:]}.easm", scope),
        }
        for directive, scope in _DEFINES.items()
    ]
    found.append({
        "match": r"\b(takes|returns)(?=[ \t]*\()|\b(width|fill)\b",
        "name": "storage.modifier.easm",
    })
    return found


def _directives() -> list[Pattern]:
    names = "|".join(sorted(directive[1:] for directive in directives()))
    # After a blank "%" may be the remainder's operator; a use of a macro starts its line.
    return [
        {"name": "keyword.control.directive.easm", "match": f"%({names})(?![\\w.])"},
        {
            "match": f"^[ \\t]*(?!%({names})(?![\\w.]))({terminals()['DIRECTIVE']})",
            "captures": {"2": {"name": "entity.name.function.macro.use.easm"}},
        },
    ]


def _labels() -> list[Pattern]:
    dotted, word = terminals()["DOTTED_WORD"], terminals()["WORD"]
    return [
        {
            "match": f"^[ \\t]*({dotted})[ \\t]*(:)",
            "captures": _captures("entity.name.section.easm", "punctuation.separator.easm"),
        },
        {
            "match": f"^[ \\t]*({word})[ \\t]*(:)",
            "captures": _captures("entity.name.label.easm", "punctuation.separator.easm"),
        },
        {
            "match": f"(@)({word})",
            "captures": _captures("keyword.operator.address.easm", "entity.name.label.easm"),
        },
    ]


def _mnemonics() -> list[Pattern]:
    groups: dict[str, list[str]] = {"push": ["PUSH"]}
    aliases: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        aliases.setdefault(name, []).append(alias)
    for row in OPCODES.values():
        groups.setdefault(row.group, []).extend([row.name, *aliases.get(row.name, ())])
    by_scope: dict[str, list[str]] = {}
    for group, names in groups.items():
        by_scope.setdefault(_GROUPS.get(group, _OTHER_GROUP), []).extend(names)
    return [
        {"name": scope, "match": f"(?i)(?<![\\w.%@])({_alternatives(names)})(?![\\w.])"}
        for scope, names in sorted(by_scope.items())
    ]


def _alternatives(names: list[str]) -> str:
    """The names as a regular expression, runs of numbers shortened: ``DUP(1[0-6]|[1-9])``."""
    plain, numbered = [], dict[str, list[int]]()
    for name in sorted(set(names)):
        stem = name.rstrip("0123456789")
        if len(stem) < len(name):
            numbered.setdefault(stem, []).append(int(name[len(stem) :]))
        else:
            plain.append(name)
    for stem, numbers in sorted(numbered.items()):
        if len(numbers) > 2:
            plain.append(f"{stem}({'|'.join(map(str, sorted(numbers, reverse=True)))})")
        else:
            plain += [f"{stem}{number}" for number in sorted(numbers)]
    # The longest first, since the first alternative that fits wins.
    return "|".join(sorted(plain, key=lambda name: (-len(name), name)))


def _values() -> list[Pattern]:
    units = "|".join(sorted(UNITS))
    functions = "|".join(sorted(FUNCTIONS))
    operators: Mapping[str, str] = {
        "keyword.operator.comparison.easm": r"==|!=|<=|>=|<(?!<)|>(?!>)",
        "keyword.operator.logical.easm": r"&&|\|\||!",
        "keyword.operator.bitwise.easm": r"<<|>>|[&|^~]",
        "keyword.operator.arithmetic.easm": r"[-+*/%]",
    }
    return [
        {"name": "constant.numeric.hex.easm", "match": r"\b0[xX][0-9A-Fa-f_]+\b"},
        {"name": "constant.numeric.binary.easm", "match": r"\b0[bB][01_]+\b"},
        {"name": "constant.numeric.decimal.easm", "match": r"\b[0-9][0-9_]*\b"},
        {"name": "invalid.illegal.number.easm", "match": f"\\b{terminals()['NUMBER']}"},
        {"name": "support.type.unit.easm", "match": f"(?<=[0-9][ \\t])({units})\\b"},
        {"name": "support.function.expression.easm",
         "match": f"\\b({functions})(?=[ \\t]*\\()"},
        {"name": "variable.language.easm", "match": r"\b(pc|fork(\.[a-z]+)?)\b(?![\w.])"},
        {"name": "variable.other.easm", "match": f"(?<![\\w.]){terminals()['WORD']}"},
        *({"name": name, "match": match} for name, match in operators.items()),
        {"name": "punctuation.separator.easm", "match": "[,:=]"},
    ]


if __name__ == "__main__":
    PATH.write_text(grammar_text(), encoding="utf-8")
    print(f"wrote {PATH}", file=sys.stderr)
