"""The directives of easm: how each is written, and what it means, for hovers and completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["DIRECTIVES", "Directive", "directive_page"]


class Directive(NamedTuple):
    """``form`` is how it is written, ``snippet`` the same in LSP's syntax of snippets."""

    form: str
    snippet: str
    meaning: str


DIRECTIVES: Mapping[str, Directive] = {
    "%def": Directive(
        "%def NAME = value", "%def ${1:NAME} = ${2:value}",
        "Defines a constant; a build option of the same name outweighs it.",
    ),
    "%macro": Directive(
        "%macro name(a, b) takes(n) returns(m) … %end", "%macro ${1:name}(${2})\n\t$0\n%end",
        "Defines a macro; `takes(n) returns(m)` declares its effect on the stack, which is "
        "checked.",
    ),
    "%include": Directive(
        '%include "path"', '%include "$1"', "Puts another file here, relative to this one."
    ),
    "%incbin": Directive(
        '%incbin "file"', '%incbin "$1"', "Puts a raw or hexadecimal file here, as data."
    ),
    "%bytes": Directive(
        '%bytes 0x…, "text", value:4', "%bytes ${1}",
        "Puts raw bytes here: hexadecimal, text, or `value:n` for n bytes.",
    ),
    "%table": Directive(
        "%table name [a, b] width 2", "%table ${1:name} [${2}] width ${3:2}",
        "A packed table of offsets; `width` is in bytes.",
    ),
    "%org": Directive(
        "%org offset [fill byte]", "%org ${1:0x20}",
        "Pads with zeros, or with `fill`, up to an offset.",
    ),
    "%align": Directive(
        "%align n [fill byte]", "%align ${1:32}",
        "Pads with zeros, or with `fill`, to a multiple of n.",
    ),
    "%assert": Directive(
        '%assert condition "message"', '%assert ${1:condition} "${2:message}"',
        "Is checked at assembly.",
    ),
    "%fork": Directive("%fork name", "%fork ${1}", "The fork whose opcodes this file may use."),
    "%if": Directive(
        "%if condition … %else … %end", "%if ${1:condition}\n\t$0\n%end",
        "Assembles lines only if a condition on constants and build options holds.",
    ),
    "%else": Directive("%else", "%else", "The other branch of `%if`."),
    "%end": Directive("%end", "%end", "Ends `%macro` or `%if`."),
}


def directive_page(name: str) -> str:
    """How a directive is written and what it means, in Markdown; nothing if there is none."""
    found = DIRECTIVES.get(name)
    return "" if found is None else f"```easm\n{found.form}\n```\n\n{found.meaning}"
