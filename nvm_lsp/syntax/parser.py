"""Parsing of easm into a lossless tree, line by line; the only module that knows Lark.

A line's text decides its node, so nodes are cached by text. Nothing here raises on any input.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedInput
from lark.visitors import v_args

from nvm_lsp.diagnostics import Problem
from nvm_lsp.syntax import tree as t
from nvm_lsp.syntax.errors import BAD_NUMBER, BAD_STRING, SYNTAX_ERROR

__all__ = ["directives", "edit", "parse_expression", "parse_line", "parse_lines", "terminals"]

#: Lines of a new chunk. Small enough that redoing one is cheap, large enough that a pass over all
#: chunks of a long file is, too.
CHUNK_LINES = 64
#: Lines that are remembered lately, and about as many of those before.
_MAX_CACHED_LINES = 60_000
#: Levels of an expression. Whoever walks over one does so by recursion.
MAX_NESTING = 100


def parse_lines(path: str, lines: Sequence[str]) -> t.SyntaxTree:
    """The tree of a text that was split by `nvm_lsp.source.split_lines`."""
    nodes = _nodes(lines)
    return t.SyntaxTree(path, tuple(_chunks(nodes)))


def edit(tree: t.SyntaxTree, first: int, removed: int, lines: Sequence[str]) -> t.SyntaxTree:
    """The tree with ``removed`` lines from ``first`` on replaced; untouched chunks are shared."""
    starts = tree.starts
    chunks = tree.chunks
    low = 0
    while low < len(chunks) and starts[low + 1] <= first and low + 1 < len(chunks):
        low += 1
    high = low
    while high < len(chunks) and starts[high] < first + removed:
        high += 1
    high = max(high, min(low + 1, len(chunks)))
    old = [line for chunk in chunks[low:high] for line in chunk.lines]
    offset = first - starts[low]
    new = old[:offset] + _nodes(lines) + old[offset + removed :]
    return t.SyntaxTree(tree.path, (*chunks[:low], *_chunks(new), *chunks[high:]))


def parse_line(text: str) -> t.Line:
    """The node of one line, its line end included or not."""
    node = _cache.get(text)
    if node is None:
        node = _older.get(text) or _parse_line(text)
        if len(_cache) >= _MAX_CACHED_LINES:
            _older.clear()
            _older.update(_cache)
            _cache.clear()
        _cache[text] = node
    return node


def parse_expression(text: str, column: int = 0) -> tuple[t.Expression | None, tuple[Problem, ...]]:
    """An expression that stands alone, as in a probe; columns count from ``column``."""
    builder = _Builder(column)
    try:
        result = _lark_expression().parse(text)
        problem = _nesting_problem(result, text, column) if isinstance(result, Tree) else None
        if problem is not None:
            return None, (problem,)
        return builder.transform(result), tuple(builder.problems)
    except UnexpectedInput as error:
        return None, (_explain(text, error, column),)


@lru_cache(maxsize=1)
def terminals() -> dict[str, str]:
    """The regular expression of each terminal of the grammar."""
    return {terminal.name: terminal.pattern.to_regexp() for terminal in _lark().terminals}


@lru_cache(maxsize=1)
def directives() -> tuple[str, ...]:
    """The directives' names, with their percent sign."""
    return tuple(
        sorted(
            terminal.pattern.value
            for terminal in _lark().terminals
            if terminal.pattern.type == "str" and terminal.pattern.value[0] == "%"
            and len(terminal.pattern.value) > 1
        )
    )


def _nodes(lines: Sequence[str]) -> list[t.Line]:
    cached = _cache.get
    nodes = []
    for text in lines:
        node = cached(text)
        nodes.append(parse_line(text) if node is None else node)
    return nodes


def _chunks(nodes: list[t.Line]) -> list[t.Chunk]:
    return [_chunk(tuple(nodes[i : i + CHUNK_LINES])) for i in range(0, len(nodes), CHUNK_LINES)]


def _chunk(lines: tuple[t.Line, ...]) -> t.Chunk:
    structure = problems = False
    for line in lines:
        if line.problems:
            problems = True
        if isinstance(line.statement, t.STRUCTURAL):
            structure = True
    return t.Chunk(lines, structure, problems)


_cache: dict[str, t.Line] = {}
_older: dict[str, t.Line] = {}


def _parse_line(text: str) -> t.Line:
    found = _patterns().plain.match(text)
    if found is not None:
        mnemonic, number, comment = found.groups()
        operand: t.Expression | None = None
        end = found.end(1)
        if number is not None:
            value = _number_value(number)
            if value is None:
                return _parse_any(text)
            operand = t.Number(found.start(2), found.end(2), value, number)
            end = found.end(2)
        note = None
        if comment is not None:
            note = t.Comment(found.start(3), found.end(3), comment)
        return t.Line(text, t.Instruction(found.start(1), end, mnemonic.upper(), operand), note)
    return _parse_any(text)


def _parse_any(text: str) -> t.Line:
    """Any line, through the grammar."""
    body = text.rstrip("\r\n")
    split = _patterns().code.match(body)
    cut = split.end() if split else 0
    comment = None
    code = body
    if _patterns().comment.match(body, cut):
        comment = t.Comment(cut, len(body), body[cut:])
        code = body[:cut]
    if not code.strip():
        return t.Line(text, None, comment)
    builder = _Builder(0)
    try:
        parsed = _lark().parse(code)
    except UnexpectedInput as error:
        return t.Line(text, _malformed(code), comment, (_explain(code, error, 0),))
    problem = _nesting_problem(parsed, code, 0)
    if problem is not None:
        return t.Line(text, _malformed(code), comment, (problem,))
    return t.Line(text, builder.transform(parsed), comment, tuple(builder.problems))


def _nesting_problem(parsed: Tree[Token], code: str, column: int) -> Problem | None:
    """What is said of a tree too deep for whoever walks over it, lark's transformer first."""
    if len(code) <= MAX_NESTING:
        return None  # each level takes a character at least
    work: list[tuple[Tree[Token], int]] = [(parsed, 0)]
    while work:
        tree, depth = work.pop()
        if depth > MAX_NESTING:
            start = column + len(code) - len(code.lstrip())
            return Problem(
                SYNTAX_ERROR, start, column + len(code.rstrip()),
                f"the expression is nested deeper than {MAX_NESTING} levels",
                "split it with %def constants",
            )
        work += [(child, depth + 1) for child in tree.children if isinstance(child, Tree)]
    return None


class _Patterns:
    """What is matched apart from the grammar, made of the grammar's own terminals."""

    def __init__(self) -> None:
        term = terminals()
        word, number, comment = term["WORD"], term["NUMBER"], term["COMMENT"]
        blank, string = term["BLANK"], term["STRING"]
        #: An instruction with at most a number, nothing else but a comment.
        self.plain = re.compile(
            rf"(?:{blank})?({word})(?:{blank}({number}))?(?:{blank})?({comment})?[\r\n]*\Z"
        )
        self.comment = re.compile(comment)
        #: What stands before the comment; comment markers in strings do not count.
        self.code = re.compile(rf'(?:{string}|(?!{comment})[^"])*')
        self.malformed = re.compile(
            rf"\s*(?P<head>%?{word})?(?:\s+(?P<name>{word}))?|\s*[@.]?(?P<label>{word})\s*:"
        )
        self.label = re.compile(rf"\s*\.?(?P<label>{word})\s*:")


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    return _Patterns()


@lru_cache(maxsize=1)
def _lark() -> Lark:
    return _make_lark("line")


@lru_cache(maxsize=1)
def _lark_expression() -> Lark:
    return _make_lark("expression")


def _make_lark(start: str) -> Lark:
    text = files("nvm_lsp.grammar").joinpath("easm.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", start=start, maybe_placeholders=True)


# From Lark's tree to ours ------------------------------------------------------------------------


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds our nodes; a method a rule. Collects the problems of numbers and strings."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column
        self.problems: list[Problem] = []

    def line(self, statement: Any = None, _comment: Any = None) -> Any:
        return statement

    # Statements

    def instruction(self, word: Token, operand: Any) -> Any:
        end = operand.end if operand is not None else self._end(word)
        return t.Instruction(self._start(word), end, str(word).upper(), operand)

    def label(self, word: Token) -> Any:
        return t.Label(self._start(word), self._end(word) + 1, self._word(word))

    def position_label(self, word: Token) -> Any:
        name = t.Word(self._start(word) + 1, self._end(word), str(word)[1:])
        return t.PositionLabel(self._start(word), self._end(word) + 1, name)

    def constant_definition(self, key: Token, name: Token, value: Any) -> Any:
        return t.ConstantDefinition(self._start(key), value.end, self._word(name), value)

    def macro_definition(
        self, key: Token, name: Token, parameters: Any, takes: Any, returns: Any
    ) -> Any:
        # Each part ends with a parenthesis, which it brings along to tell where the head ends.
        parts = [part for part in (parameters, takes, returns) if part is not None]
        end = parts[-1][1] if parts else self._end(name)
        return t.MacroDefinition(
            self._start(key), end, self._word(name),
            parameters[0] if parameters is not None else (),
            takes[0] if takes is not None else None,
            returns[0] if returns is not None else None,
        )

    def parameters(self, *words: Token | None) -> Any:
        names = tuple(self._word(word) for word in words[:-1] if word is not None)
        assert words[-1] is not None
        return names, self._end(words[-1])

    def takes(self, number: Token, closing: Token) -> Any:
        return self._plain_number(number), self._end(closing)

    returns = takes

    def macro_use(self, directive: Token, arguments: Any) -> Any:
        end = arguments[1] if arguments is not None else self._end(directive)
        name = t.Word(self._start(directive) + 1, self._end(directive), str(directive)[1:])
        return t.MacroUse(
            self._start(directive), end, name, arguments[0] if arguments is not None else ()
        )

    def arguments(self, *items: Any) -> Any:
        return tuple(item for item in items[:-1] if item is not None), self._end(items[-1])

    def include(self, key: Token, path: Token) -> Any:
        string = self.string(path)
        return t.Include(self._start(key), string.end, string)

    def incbin(self, key: Token, path: Token) -> Any:
        string = self.string(path)
        return t.Incbin(self._start(key), string.end, string)

    def bytes(self, key: Token, *items: Any) -> Any:
        return t.Bytes(self._start(key), items[-1].end, items)

    def byte_item(self, value: Any, width: Token | None) -> Any:
        if width is None:
            return t.ByteItem(value.start, value.end, value, None)
        return t.ByteItem(value.start, self._end(width), value, self._plain_number(width))

    def table(self, key: Token, name: Token, entries: Any, width: Token) -> Any:
        return t.Table(
            self._start(key), self._end(width), self._word(name), entries, self.number(width)
        )

    def entries(self, *items: Any) -> Any:
        return tuple(item for item in items if item is not None)

    def org(self, key: Token, target: Any, fill: Any) -> Any:
        return t.Org(self._start(key), (fill or target).end, target, fill)

    def align(self, key: Token, unit: Any, fill: Any) -> Any:
        return t.Align(self._start(key), (fill or unit).end, unit, fill)

    def assertion(self, key: Token, condition: Any, message: Token | None) -> Any:
        string = self.string(message) if message is not None else None
        return t.Assertion(self._start(key), (string or condition).end, condition, string)

    def fork_directive(self, key: Token, name: Token) -> Any:
        return t.ForkDirective(self._start(key), self._end(name), self._word(name))

    def condition(self, key: Token, condition: Any) -> Any:
        return t.Condition(self._start(key), condition.end, condition)

    def alternative(self, key: Token) -> Any:
        return t.Alternative(self._start(key), self._end(key))

    def end(self, key: Token) -> Any:
        return t.End(self._start(key), self._end(key))

    # Expressions

    def number(self, token: Token) -> Any:
        return t.Number(
            self._start(token), self._end(token), self._plain_number(token), str(token)
        )

    def quantity(self, token: Token, unit: Token) -> Any:
        return t.Quantity(
            self._start(token), self._end(unit), self._plain_number(token), self._word(unit)
        )

    def string(self, token: Token) -> Any:
        start, end = self._start(token), self._end(token)
        value, bad = _unescape(str(token)[1:-1])
        if bad is not None:
            self.problems.append(
                Problem(
                    BAD_STRING, start + 1 + bad, start + 3 + bad, "unknown escape in string",
                    r"known are \\ \" \n \r \t \0 and \xHH",
                )
            )
        return t.String(start, end, value)

    def name(self, token: Token) -> Any:
        return t.Name(self._start(token), self._end(token), str(token))

    def label_name(self, at: Token, token: Token) -> Any:
        return t.Name(self._start(token), self._end(token), str(token), at=True)

    def unary(self, operator: Token, operand: Any) -> Any:
        return t.Unary(self._start(operator), operand.end, str(operator), operand)

    def binary(self, left: Any, operator: Token, right: Any) -> Any:
        return t.Binary(left.start, right.end, str(operator), left, right)

    def call(self, word: Token, arguments: Any) -> Any:
        return t.Call(self._start(word), arguments[1], self._word(word), arguments[0])

    def group(self, opening: Token, inner: Any, closing: Token) -> Any:
        return t.Group(self._start(opening), self._end(closing), inner)

    # Tokens

    def _start(self, token: Token) -> int:
        return (token.start_pos or 0) + self.column

    def _end(self, token: Token) -> int:
        return (token.end_pos or 0) + self.column

    def _word(self, token: Token) -> t.Word:
        return t.Word(self._start(token), self._end(token), str(token))

    def _plain_number(self, token: Token) -> int:
        value = _number_value(str(token))
        if value is None:
            self.problems.append(_bad_number(str(token), self._start(token)))
            return 0
        return value


_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")
_ESCAPES = {"\\": b"\\", '"': b'"', "n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0"}


def _unescape(text: str) -> tuple[bytes, int | None]:
    """The bytes of a string's inside, and the column of the first unknown escape."""
    out = bytearray()
    last = 0
    for found in _ESCAPE.finditer(text):
        out += text[last : found.start()].encode("utf-8", "surrogatepass")
        last = found.end()
        if found[1] is not None:
            out.append(int(found[1], 16))
        elif found[2] in _ESCAPES:
            out += _ESCAPES[found[2]]
        else:
            return bytes(out), found.start()
    out += text[last:].encode("utf-8", "surrogatepass")
    return bytes(out), None


_NUMBER = re.compile(
    r"0[xX](?P<hex>[0-9A-Fa-f]+(?:_+[0-9A-Fa-f]+)*)|0[bB](?P<bin>[01]+(?:_+[01]+)*)"
    r"|(?P<dec>[0-9]+(?:_+[0-9]+)*)"
)
_MAX_DIGITS = 400  # more than any 256-bit number needs, few enough to convert at once


def _number_value(text: str) -> int | None:
    """The value of a number token, None if it is none or takes more than 256 bits."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > _MAX_DIGITS:
        return None
    if found["hex"] is not None:
        value = int(found["hex"], 16)
    elif found["bin"] is not None:
        value = int(found["bin"], 2)
    else:
        value = int(found["dec"])
    return value if value.bit_length() <= 256 else None


def _bad_number(text: str, start: int) -> Problem:
    shown = text if len(text) <= 40 else text[:37] + "..."
    end = start + len(text)
    if _NUMBER.fullmatch(text):
        return Problem(
            BAD_NUMBER, start, end, f"number {shown} is wider than 256 bits",
            "a word of the EVM has 32 bytes",
        )
    if re.fullmatch(r"[0-9A-Fa-f_]+", text):
        return Problem(
            BAD_NUMBER, start, end, f"{shown} is no number",
            f"hexadecimal needs 0x: 0x{shown}", "0x" + text,
        )
    return Problem(
        BAD_NUMBER, start, end, f"{shown} is no number",
        "numbers are 42, 0x2a or 0b101010, with _ between digits",
    )


# Syntax errors -----------------------------------------------------------------------------------


def _malformed(code: str) -> t.Malformed:
    start = len(code) - len(code.lstrip())
    end = len(code.rstrip())
    label = _patterns().label.match(code)
    if label is not None:
        return t.Malformed(start, end, "", label["label"])
    found = _patterns().malformed.match(code)
    head = (found["head"] or "") if found else ""
    declares = None
    if found and head in ("%def", "%macro", "%table"):
        declares = found["name"]
    return t.Malformed(start, end, head, declares)


_EXPECTATIONS = (
    ("%def", "a constant reads %def NAME = expression"),
    ("%macro", "a macro reads %macro name(a, b) takes(n) returns(m)"),
    ("%include", 'an include reads %include "path"'),
    ("%incbin", 'it reads %incbin "file"'),
    ("%bytes", 'bytes read %bytes 0x1234, "text", expression:4'),
    ("%table", "a table reads %table name [a, b, c] width 2"),
    ("%org", "it reads %org expression, or %org expression fill 0xfe"),
    ("%align", "it reads %align n, or %align n fill 0xfe"),
    ("%assert", 'it reads %assert expression "message"'),
    ("%fork", "it reads %fork name"),
    ("%if", "it reads %if expression"),
    ("%else", "%else stands alone on its line"),
    ("%end", "%end stands alone on its line"),
)


def _explain(code: str, error: UnexpectedInput, column: int) -> Problem:
    """The problem of a line that the grammar refuses."""
    quote = _unclosed_string(code)
    if quote is not None:
        return Problem(
            BAD_STRING, column + quote, column + len(code.rstrip()), "string is not closed",
            'close it with " before the line ends',
        )
    position = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    stripped = len(code.rstrip())
    head = code.split(None, 1)[0] if code.split() else ""
    hint = next((text for word, text in _EXPECTATIONS if head == word), "")
    if token is not None and token.type != "$END":
        start, end = token.start_pos or 0, token.end_pos or 0
    elif token is not None or position is None or position >= stripped:
        start = end = stripped
    else:
        start, end = position, position + 1
    if start >= stripped:
        last = max(stripped - 1, 0)
        message = f"the line ends too early after {code[last:stripped]!r}" if code else "nothing"
        return Problem(
            SYNTAX_ERROR, column + last, column + stripped, message,
            hint or "an operand, name or closing bracket is missing",
        )
    text = code[start:end]
    before = code[:start].strip()
    if not hint:
        if text == ":":
            hint = "a label is a name and a colon, alone on its line"
        elif before.endswith(":"):
            hint = "put the label on a line of its own"
        elif before and re.match(r"[\w(\"@]", text):
            hint = "one statement a line, and at most one operand"
        elif not before:
            hint = "a line starts with a mnemonic, a label or a directive"
        else:
            hint = "a line holds one instruction, label or directive"
    return Problem(SYNTAX_ERROR, column + start, column + end, f"unexpected {text!r}", hint)


def _unclosed_string(code: str) -> int | None:
    end = 0
    split = _patterns().code.match(code)
    if split is not None:
        end = split.end()
    return end if code[end : end + 1] == '"' else None
