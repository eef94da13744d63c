"""What a name stands for, as Markdown: labels, tables, constants, macros, parameters.

For hovers, completion and signature help. The definition as it is written comes first, then what
its comments say, then what the program makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from nvm_lsp.analysis.analyzer import analyze
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Macro
from nvm_lsp.assembler.references import MacroScope
from nvm_lsp.assembler.symbols import Symbol
from nvm_lsp.opcodes import FORKS, opcode_by_code
from nvm_lsp.server.actions.stack_comment_edits import picture_text
from nvm_lsp.server.hovers.doc_comments import doc_comment, escaped
from nvm_lsp.server.hovers.figures import effect_of, uses_of_macro
from nvm_lsp.server.hovers.stack_hover import has_flow
from nvm_lsp.server.hovers.values import number_page
from nvm_lsp.server.names import distinct_contexts, macro_uses, uses
from nvm_lsp.server.paths import uri_of
from nvm_lsp.source import Location
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

__all__ = [
    "expansion", "fork_page", "macro_doc", "macro_head", "macro_page", "name_page", "symbol_page",
]

_LINES_OF_MACRO = 20
_INSTRUCTIONS_SHOWN = 24
_MOST_ARGUMENTS = 5


def name_page(
    name: str, assembly: Assembly, macro: MacroScope | None, signatures: Sequence[str] = ()
) -> str:
    """What a name means in a macro, or outside of macros if that is None; nothing if unknown."""
    if macro is not None and name in macro.parameters:
        return _parameter(name, assembly, macro)
    if macro is not None and name in macro.labels:
        return f"**{name}** label of `%{macro.name}`; each use of the macro has its own"
    if name == "pc":
        return "**pc** offset of the instruction or data that it stands in"
    found = assembly.symbols.find(name)
    if found is not None:
        return _symbol(found, assembly, signatures)
    if name == "fork":
        return "**fork** that the program is assembled for; later ones are greater\n\n" + (
            fork_page(assembly.fork)
        )
    return fork_page(name.removeprefix("fork.")) if name.startswith("fork.") else ""


def symbol_page(assembly: Assembly, name: str) -> str:
    """What a label, table or constant stands for; nothing if there is no such name."""
    return name_page(name, assembly, None)


def fork_page(name: str) -> str:
    """A fork with what it brought; nothing if there is none of that name."""
    fork = FORKS.get(name.lower())
    return "" if fork is None else f"**{fork.name}** fork of {fork.year}\n\n{fork.summary}"


def _symbol(symbol: Symbol, assembly: Assembly, signatures: Sequence[str]) -> str:
    parts = [f"**{symbol.name}** {symbol.kind}"]
    tree = _tree(assembly, symbol.location)
    if tree is not None and symbol.location is not None:
        line = symbol.location.span.start.line
        if symbol.kind in ("constant", "table"):
            parts.append(_as_written(tree.line(line)))
        parts.append(doc_comment(tree, line))
    if symbol.kind == "constant":
        parts.append(
            "no value" if symbol.value is None else number_page(symbol.value, signatures)
        )
    else:
        parts += _place_in_code(symbol, assembly)
    count = uses(assembly, symbol.name)
    used = f"{count} use{'s' * (count != 1)}" if count else "never used"
    parts.append(" · ".join([*_where(symbol.location, assembly), used]))
    return "\n\n".join(part for part in parts if part)


def _place_in_code(symbol: Symbol, assembly: Assembly) -> Iterator[str]:
    """Offset and size of what a label marks, and the stack at a destination of jumps."""
    offset = symbol.value
    if offset is None:
        yield "offset unknown"
        return
    length = assembly.layout.length(symbol.name) if symbol.kind != "label" else None
    size = f" · {length:,} byte{'s' * (length != 1)}" if length is not None else ""
    yield f"offset `{offset:#06x}` ({offset:,}){size}"
    if symbol.kind == "label" and assembly.ok and has_flow(assembly):
        picture = analyze(assembly).before(offset)
        if picture is not None:
            yield f"stack there `{picture_text(picture)}`"


def _parameter(name: str, assembly: Assembly, macro: MacroScope) -> str:
    """A parameter, with what uses of the macro say that it is."""
    found = assembly.program.macros.get(macro.name or "")
    text = f"**{name}** parameter of `%{macro.name}`"
    if found is None:
        return text
    index = [word.text for word in found.definition.parameters].index(name)
    given: dict[str, None] = {}
    for path, line, statement in uses_of_macro(assembly, macro.name or ""):
        tree = next((c.tree for c in distinct_contexts(assembly) if c.path == path), None)
        if tree is not None and index < len(statement.arguments):
            argument = statement.arguments[index]
            given[tree.line(line).text[argument.start : argument.end].replace("`", "'")] = None
    if not given:
        return text
    shown = ", ".join(f"`{argument}`" for argument in list(given)[:_MOST_ARGUMENTS])
    return f"{text}\n\nin its uses {shown}{', …' * (len(given) > _MOST_ARGUMENTS)}"


# Macros -------------------------------------------------------------------------------------------


def macro_page(assembly: Assembly, name: str) -> str:
    """A macro's head, body, comments, effect and uses in Markdown; nothing if there is none."""
    macro = assembly.program.macros.get(name)
    if macro is None:
        return ""
    body = "".join(line.text for line in macro.body[:_LINES_OF_MACRO]).rstrip("\r\n")
    more = "\n    …" if len(macro.body) > _LINES_OF_MACRO else ""
    count = macro_uses(assembly, name)
    symbol = assembly.symbols.macro(name)
    last = [
        *_effect(assembly, macro),
        *_where(symbol.location if symbol is not None else None, assembly),
        f"{count or 'no'} use{'s' * (count != 1)}",
    ]
    code = f"```easm\n{macro_head(macro)}\n{body}{more}\n%end\n```"
    return "\n\n".join(filter(None, (code, macro_doc(macro), " · ".join(last))))


def macro_doc(macro: Macro) -> str:
    """What the comments above a macro say."""
    return doc_comment(macro.context.tree, macro.line)


def macro_head(macro: Macro) -> str:
    """The line that begins a macro, as one would write it."""
    head = macro.definition
    parameters = ", ".join(word.text for word in head.parameters)
    effect = "".join(
        f" {word}({count})"
        for word, count in (("takes", head.takes), ("returns", head.returns))
        if count is not None
    )
    return f"%macro {head.name.text}({parameters}){effect}"


def _effect(assembly: Assembly, macro: Macro) -> Iterator[str]:
    """What a macro takes from the stack and leaves there, declared or found in a use."""
    head = macro.definition
    if head.takes is not None or head.returns is not None:
        takes, returns = head.takes or 0, head.returns or 0
        yield f"takes {takes} word{'s' * (takes != 1)}, returns {returns}"
        return
    for path, line, _ in uses_of_macro(assembly, head.name.text):
        items = list(assembly.source_map.line_items(path, line))
        found = effect_of(assembly, items) if items and assembly.ok else None
        if found is not None:
            takes, returns = found
            yield f"takes {takes} word{'s' * (takes != 1)}, returns {returns} (found in a use)"
        return


def expansion(assembly: Assembly, line: int) -> str:
    """The instructions that a use of a macro in the root file became."""
    items = list(assembly.source_map.line_items(assembly.program.root.path, line))
    code = assembly.bytecode
    if not items or not code:
        return ""
    rows = []
    for pc, size, is_data in items[:_INSTRUCTIONS_SHOWN]:
        operand = f" 0x{code[pc + 1 : pc + size].hex()}" if size > 1 else ""
        row = opcode_by_code(code[pc]) if not is_data and size else None
        shown = f"%bytes 0x{code[pc : pc + size].hex()}" if row is None else row.name + operand
        rows.append(f"{shown:<24} # {pc:#06x}")
    if len(items) > _INSTRUCTIONS_SHOWN:
        rows.append(f"# {len(items) - _INSTRUCTIONS_SHOWN} more instructions")
    total = sum(size for _, size, _ in items)
    length = f"{total:,} byte{'s' * (total != 1)}"
    return f"\n\nhere it becomes {length}\n\n```easm\n" + "\n".join(rows) + "\n```"


# Places -------------------------------------------------------------------------------------------


def _tree(assembly: Assembly, location: Location | None) -> SyntaxTree | None:
    """The file that a location is in."""
    if location is None:
        return None
    return next((c.tree for c in assembly.program.contexts if c.path == location.path), None)


def _as_written(line: t.Line) -> str:
    statement = line.statement
    if statement is None:
        return ""
    return f"```easm\n{line.text[statement.start : statement.end].rstrip()}\n```"


def _where(location: Location | None, assembly: Assembly) -> Iterator[str]:
    """A link to a place, if the path is one that an editor can open."""
    if location is None:
        yield "a build option"
        return
    number = location.span.start.line + 1
    name = f"line {number}"
    if location.path != assembly.program.root.path:
        name = f"{os.path.basename(location.path)}, {name}"
    if os.path.isabs(location.path):
        yield f"[{escaped(name)}]({uri_of(location.path)}#L{number})"
    else:
        yield escaped(name)
