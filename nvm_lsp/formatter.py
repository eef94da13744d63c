"""Formatting of easm: one style, the same bytecode.

Statements are written anew from the syntax tree, line by line; comments, numbers and strings keep
their text. It knows nothing of files or of configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nvm_lsp.configuration import FormatStyle
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.syntax import SyntaxTree
from nvm_lsp.syntax import tree as t

__all__ = ["format_lines", "format_tree", "line_end"]

INDENT = "    "
_LONG_CODE = 48
_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}


def format_tree(tree: SyntaxTree, style: FormatStyle | None = None) -> str | None:
    """The text in our style, None if the file has a line that cannot be parsed.

    Formatting twice gives the same as formatting once, and the bytecode stays as it is. Lines end
    as the first one does, unless the style says otherwise.
    """
    if next(tree.problems(), None) is not None:
        return None
    text = format_lines(tree.lines(), style)
    ending = _LINE_ENDS.get(style.line_ending if style else "auto") or line_end(tree)
    return text if ending == "\n" else text.replace("\n", ending)


def line_end(tree: SyntaxTree) -> str:
    """How the first line of a file ends; a line feed where it does not."""
    head = next((line.text for line in tree.lines()), "")
    return head[len(head.rstrip("\r\n")) :] or "\n"


def format_lines(
    lines: Iterable[t.Line], style: FormatStyle | None = None, depth: int = 0
) -> str:
    """Lines that were parsed without problems, in our style.

    ``depth`` is the number of blocks that they stand in.
    """
    style = style or FormatStyle()
    out: list[str] = []
    run: list[tuple[str, str]] = []  # code and comment of lines that stand together
    blank = False
    for line in lines:
        statement = line.statement
        comment = line.comment.text.rstrip() if line.comment is not None else ""
        if statement is None and not comment:
            blank = True
            continue
        if blank or statement is None:
            out += _aligned(run, style)
            run.clear()
        if blank and out:
            out.append("")
        blank = False
        if statement is None:
            # A comment alone stands at the margin, or with the code, as its author chose.
            indented = line.comment is not None and line.comment.start > 0
            out.append(INDENT + comment if indented else comment)
            continue
        if isinstance(statement, t.End):
            depth = max(depth - 1, 0)
        code = _indent(statement, depth) + _statement(statement, line.text, style)
        if isinstance(statement, t.MacroDefinition | t.Condition):
            depth += 1
        run.append((code, comment))
    out += _aligned(run, style)
    return "".join(f"{text}\n" for text in out)


def _aligned(run: list[tuple[str, str]], style: FormatStyle) -> Iterator[str]:
    """Lines that stand together, their comments in one column.

    It is the style's, or the next multiple of four that the code leaves free; code that is longer
    than most pushes no comments but its own.
    """
    widths = [len(code) for code, comment in run if comment and len(code) < _LONG_CODE]
    needed = max(widths, default=0) + 1
    column = max(style.comment_column, -(-needed // 4) * 4 if needed > style.comment_column else 0)
    for code, comment in run:
        if not comment:
            yield code
        elif len(code) < column:
            yield code.ljust(column) + comment
        else:
            yield f"{code}  {comment}"


def _indent(statement: t.Statement, depth: int) -> str:
    """Labels, definitions and blocks stand at the margin, code is indented.

    What may be either, a macro that works like a directive for one, stays where its author put it.
    """
    match statement:
        case t.Instruction() | t.Bytes() | t.Incbin():
            return INDENT
        case t.MacroUse() | t.Org() | t.Align() | t.Assertion():
            return INDENT if depth or statement.start else ""
        case _:
            return ""


def _statement(node: t.Statement, text: str, style: FormatStyle) -> str:
    def show(expression: t.Expression) -> str:
        return _expression(expression, text)

    match node:
        case t.Instruction(operand=operand):
            word = _mnemonic(text[node.start : node.mnemonic_end], style)
            return word if operand is None else f"{word} {show(operand)}"
        case t.Label(name=name):
            return f"{name.text}:"
        case t.PositionLabel(name=name):
            return f".{name.text}:"
        case t.ConstantDefinition(name=name, value=value):
            return f"%def {name.text} = {show(value)}"
        case t.MacroDefinition():
            return _macro_head(node)
        case t.MacroUse(name=name, arguments=arguments):
            return f"%{name.text}({', '.join(map(show, arguments))})"
        case t.Include(path=path):
            return f"%include {show(path)}"
        case t.Incbin(path=path):
            return f"%incbin {show(path)}"
        case t.Bytes(items=items):
            return "%bytes " + ", ".join(
                show(item.value) + (f":{item.width}" if item.width is not None else "")
                for item in items
            )
        case t.Table(name=name, entries=entries, width=width):
            return f"%table {name.text} [{', '.join(map(show, entries))}] width {width.text}"
        case t.Org(target=amount, fill=fill):
            return f"%org {show(amount)}" + (f" fill {show(fill)}" if fill is not None else "")
        case t.Align(unit=amount, fill=fill):
            return f"%align {show(amount)}" + (f" fill {show(fill)}" if fill is not None else "")
        case t.Assertion(condition=condition, message=message):
            tail = f" {show(message)}" if message is not None else ""
            return f"%assert {show(condition)}{tail}"
        case t.ForkDirective(name=name):
            return f"%fork {name.text}"
        case t.Condition(condition=condition):
            return f"%if {show(condition)}"
        case t.Alternative():
            return "%else"
        case t.End():
            return "%end"
        case t.Malformed():
            return text[node.start : node.end]


def _macro_head(node: t.MacroDefinition) -> str:
    head = f"%macro {node.name.text}({', '.join(word.text for word in node.parameters)})"
    if node.takes is not None:
        head += f" takes({node.takes})"
    if node.returns is not None:
        head += f" returns({node.returns})"
    return head


def _mnemonic(word: str, style: FormatStyle) -> str:
    known = opcode_by_name(word) is not None or word.upper() == "PUSH"
    if not known or style.mnemonic_case == "keep":
        return word
    return word.upper() if style.mnemonic_case == "upper" else word.lower()


def _expression(node: t.Expression, text: str) -> str:
    match node:
        case t.Number() | t.String():
            return text[node.start : node.end]
        case t.Quantity():
            number = text[node.start : node.unit.start].rstrip()
            return f"{number} {node.unit.text}"
        case t.Name(text=name, at=at):
            return f"@{name}" if at else name
        case t.Unary(operator=operator, operand=operand):
            return operator + _expression(operand, text)
        case t.Binary(operator=operator, left=left, right=right):
            return f"{_expression(left, text)} {operator} {_expression(right, text)}"
        case t.Call(function=function, arguments=arguments):
            return f"{function.text}({', '.join(_expression(a, text) for a in arguments)})"
        case t.Group(inner=inner):
            return f"({_expression(inner, text)})"
