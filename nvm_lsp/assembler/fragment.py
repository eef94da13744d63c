"""From a piece of emitting lines to relocatable code, with macros expanded; offsets come later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from nvm_lsp.assembler import errors as e
from nvm_lsp.assembler.effect import check_effect
from nvm_lsp.assembler.environment import AlreadyReported, Environment, ExpansionNames
from nvm_lsp.assembler.expressions import (
    EvaluationError,
    Names,
    NeedsLayout,
    evaluate,
    evaluate_any,
)
from nvm_lsp.assembler.guess import nearest_name
from nvm_lsp.assembler.loader import FileLoader, Loader, Unreadable, parse_hex_file
from nvm_lsp.assembler.program import (
    Context,
    Finding,
    Fixup,
    Fragment,
    LabelSite,
    Macro,
    Piece,
    Scope,
    Trail,
    Variable,
)
from nvm_lsp.diagnostics import Problem
from nvm_lsp.opcodes import InstructionSet, is_reserved, nearest_mnemonics, opcode_by_name
from nvm_lsp.syntax import tree as t
from nvm_lsp.syntax.parser import directives

__all__ = ["MAX_EXPANSION_DEPTH", "fragment_of"]

#: Limits of one piece's expansion: nested uses of macros, and instructions or runs of data.
MAX_EXPANSION_DEPTH = 64
_MAX_CACHED_ENCODINGS = 200_000
#: Lines that a macro expands to when it is looked at by itself, used or not.
_LINES_OF_A_CHECK = 1_000
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")

# Encodings that depend on the instruction and the fork alone.
_encodings: dict[str, dict[t.Statement, bytes]] = {}


def fragment_of(
    piece: Piece, environment: Environment, loader: Loader, followed: Callable[[], bool]
) -> Fragment:
    """The piece's fragment, taken from the chunk's cache if what it depends on is unchanged.

    ``followed`` tells whether an explicit JUMPDEST follows the piece; it is asked only if the
    piece ends with a label.
    """
    cache = piece.chunk.cache
    fork = piece.context.instructions.fork.name
    key = ("fragment", piece.low, piece.high, fork, piece.context.path)
    known = cache.get(key)
    if isinstance(known, Fragment) and _holds(known, environment, loader, followed):
        environment.excused |= known.excuses
        environment.expandable -= known.expanded
        return known
    builder = _Builder(piece, environment, loader, followed)
    builder.build()
    cache[key] = builder.fragment
    environment.expandable -= builder.fragment.expanded
    return builder.fragment


def check_macro(macro: Macro, environment: Environment) -> Iterator[tuple[int, Problem]]:
    """What is wrong in a macro's body whatever its arguments are: line of the body, problem."""
    piece = Piece(macro.context, t.Chunk((), False, False), 0, 0, macro.line)
    builder = _Builder(piece, environment, FileLoader(), lambda: False)
    builder.limit, builder.complains = _LINES_OF_A_CHECK, False
    words = macro.definition.parameters
    scope = Scope({}, {}, {word.text for word in words})
    use = t.MacroUse(0, 0, macro.definition.name, ())
    builder.expand(macro, scope, use)
    for finding in builder.fragment.findings:
        if len(finding.trail) == 1:
            yield finding.trail[0][1], finding.problem


def _holds(
    fragment: Fragment, environment: Environment, loader: Loader, followed: Callable[[], bool]
) -> bool:
    if fragment.held_in is not None and fragment.held_in is environment.state and (
        not environment.excused
    ):
        return True
    only_names = not environment.excused
    for (kind, name), found in fragment.dependencies.items():
        now: object
        if kind == "name":
            now = environment.lookup(name)
        elif kind == "macro":
            now = _macro_state(name, environment)
        elif kind == "macros":
            now = frozenset(environment.macros)
        elif kind == "data":
            now, only_names = loader.data(name), False
        elif kind == "expandable":
            now, only_names = environment.expandable, False
        else:
            now, only_names = followed(), False
        if now != found:
            return False
    if only_names:
        fragment.held_in = environment.state
    return True


def _macro_state(name: str, environment: Environment) -> object:
    """What a use of a macro depends on: how it expands, or why it does not."""
    macro = environment.macros.get(name)
    return macro.key if macro is not None else f"%{name}" in environment.excused


class _Builder:
    """Builds one fragment; holds what is the same for all its lines."""

    def __init__(
        self,
        piece: Piece,
        environment: Environment,
        loader: Loader,
        followed: Callable[[], bool],
    ) -> None:
        self.piece = piece
        self.environment = environment
        self.loader = loader
        self.followed = followed
        self.fragment = Fragment()
        self.code = bytearray()
        self.line = 0
        self.trail: Trail = ()
        self.context: Context = piece.context
        self.instructions: InstructionSet = piece.context.instructions
        self.active: list[str] = []  # macros being expanded
        self.limit = environment.expandable
        self.complains = True

    def build(self) -> None:
        piece = self.piece
        fragment = self.fragment
        lines = piece.chunk.lines
        encodings = _encodings_of(self.instructions)
        known = encodings.get
        code, offsets, numbers = self.code, fragment.offsets, fragment.lines
        for number in range(piece.low, piece.high):
            statement = lines[number].statement
            if statement is None:
                continue
            encoding = known(statement)
            if encoding is not None:
                offsets.append(len(code))
                numbers.append(number)
                code += encoding
                continue
            self.line = number
            self.statement(statement, None, partial(self._jumpdest_after, number))
        fragment.code = bytes(code)

    # Statements ----------------------------------------------------------------------------------

    def statement(
        self, statement: t.Statement, scope: Scope | None, jumpdest_follows: Callable[[], bool]
    ) -> None:
        """Emits one statement of the piece or of a macro's body."""
        match statement:
            case t.Instruction():
                self.instruction(statement, scope)
            case t.Label() | t.PositionLabel():
                self.label(statement, scope, jumpdest_follows)
            case t.MacroUse():
                self.macro_use(statement, scope)
            case t.Bytes():
                self.raw_bytes(statement, scope)
            case t.Table():
                self.table(statement, scope)
            case t.Incbin():
                self.incbin(statement)
            case t.Org() | t.Align():
                self.padding(statement, scope)
            case t.Assertion():
                message = statement.message.value.decode("utf-8", "replace") if (
                    statement.message is not None
                ) else ""
                self.fragment.fixups.append(
                    Fixup(
                        "assert", len(self.fragment.offsets), len(self.code), 0, self.line,
                        self.trail, statement.condition, scope, message,
                    )
                )
            case _:
                pass

    def instruction(self, node: t.Instruction, scope: Scope | None) -> None:
        mnemonic, operand = node.mnemonic, node.operand
        if mnemonic == "PUSH":
            if operand is None:
                self.problem(_missing_operand(node))
            else:
                self.sized_push(operand, scope)
            return
        row = self.instructions.by_name.get(mnemonic)
        if row is None:
            self.problem(self._unknown_mnemonic(node))
            return
        width = row.immediate_size
        if operand is None:
            if width:
                self.problem(_missing_operand(node))
                self.item(bytes([row.code]) + bytes(width))
            else:
                encoding = bytes([row.code])
                _remember(self.instructions, node, encoding)
                self.item(encoding)
            return
        if not width:
            self.problem(
                Problem(
                    e.SUPERFLUOUS_OPERAND, operand.start, operand.end,
                    f"{mnemonic} takes no operand",
                    "PUSH0 pushes 0 by itself" if row.code == 0x5F
                    else "its inputs come from the stack: push the value in a line before",
                )
            )
            self.item(bytes([row.code]))
            return
        value = self.value(operand, scope)
        if value is None:
            self._fixup("push", operand, width, scope, 1)
            self.item(bytes([row.code]) + bytes(width))
            return
        problem = push_problem(operand, value, width)
        if problem is not None:
            self.problem(problem)
            value = 0
        encoding = bytes([row.code]) + value.to_bytes(width, "big")
        if isinstance(operand, t.Number) and problem is None:
            _remember(self.instructions, node, encoding)
        self.item(encoding)

    def sized_push(self, operand: t.Expression, scope: Scope | None) -> None:
        value = self.value(operand, scope)
        if value is not None:
            self.item(encode_push(value, push_width(value, self.instructions)))
            return
        fragment = self.fragment
        fragment.variables.append(
            Variable(
                "push", len(fragment.offsets), len(self.code), self.line, self.trail, operand,
                scope,
            )
        )
        self.item(b"")

    def label(
        self, node: t.Label | t.PositionLabel, scope: Scope | None,
        jumpdest_follows: Callable[[], bool],
    ) -> None:
        kind = "label" if isinstance(node, t.Label) else "position"
        self._define_label(node.name, scope, kind)
        if kind == "label" and not jumpdest_follows():
            self.item(b"\x5b")

    def _define_label(
        self, word: t.Word, scope: Scope | None, kind: str, size: int | None = None
    ) -> None:
        problem = reserved_name_problem(word)
        if problem is not None:
            self.problem(problem)
            self.environment.excused.add(word.text)
            self.fragment.excuses.add(word.text)
            return
        local = scope.labels.get(word.text) if scope is not None else None
        self.fragment.labels.append(
            LabelSite(
                word, local, len(self.code), len(self.fragment.variables), self.line, self.trail,
                kind, size,
            )
        )

    def raw_bytes(self, node: t.Bytes, scope: Scope | None) -> None:
        start = len(self.code)
        out = bytearray()
        for item in node.items:
            out += self._byte_item(item, scope, start + len(out))
        self.item(bytes(out), data=True)

    def _byte_item(self, item: t.ByteItem, scope: Scope | None, offset: int) -> bytes:
        value = item.value
        if item.width is None:
            if isinstance(value, t.Number) and value.text[:2] in ("0x", "0X"):
                digits = value.text[2:].replace("_", "")
                if not _HEX_DIGITS.issuperset(digits):
                    return b""  # the parser has said so
                return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
            result = self.value_or_text(value, scope)
            if isinstance(result, bytes):
                return result
            self.problem(
                Problem(
                    e.WIDTH_NEEDED, item.start, item.end,
                    "it is not said how many bytes this takes",
                    "write the width in bytes behind it, like x:4",
                )
            )
            return b""
        width = item.width
        if not 1 <= width <= 32:
            self.problem(
                Problem(e.WIDTH_NEEDED, item.start, item.end, "a width is from 1 to 32 bytes")
            )
            return b""
        number = self.value(value, scope)
        if number is None:
            self._fixup("bytes", value, width, scope, offset - len(self.code))
            return bytes(width)
        if number.bit_length() > width * 8:
            self.problem(_too_wide(value, number, f"{width} byte{'s' * (width > 1)}", ""))
            return bytes(width)
        return number.to_bytes(width, "big")

    def table(self, node: t.Table, scope: Scope | None) -> None:
        width = node.width.value
        size = len(node.entries) * width
        if not 1 <= width <= 32:
            self.problem(
                Problem(
                    e.TABLE_WIDTH, node.width.start, node.width.end,
                    "the width of a table's entries is from 1 to 32 bytes",
                    "2 bytes hold any offset of a contract",
                )
            )
            width = size = 0
        self._define_label(node.name, scope, "table", size)
        out = bytearray()
        for entry in node.entries if width else ():
            value = self.value(entry, scope)
            if value is None:
                self._fixup("table", entry, width, scope, len(out))
                value = 0
            elif value.bit_length() > width * 8:
                self.problem(table_problem(entry, value, width))
                value = 0
            out += value.to_bytes(width, "big")
        self.item(bytes(out), data=True)

    def incbin(self, node: t.Incbin) -> None:
        path = self.loader.resolve(
            node.path.value.decode("utf-8", "replace"), self.context.path
        )
        data = self.loader.data(path)
        self.fragment.dependencies["data", path] = data
        if isinstance(data, Unreadable):
            self.problem(
                Problem(
                    e.INCLUDE_UNREADABLE, node.path.start, node.path.end, data.message, data.hint
                )
            )
            return
        decoded = parse_hex_file(data)
        self.item(data if decoded is None else decoded, data=True)

    def padding(self, node: t.Org | t.Align, scope: Scope | None) -> None:
        kind = "org" if isinstance(node, t.Org) else "align"
        expression = node.target if isinstance(node, t.Org) else node.unit
        amount = self._constant(expression, scope)
        fill = self._constant(node.fill, scope) if node.fill is not None else 0
        if amount is None or fill is None:
            return
        if fill > 0xFF:
            assert node.fill is not None
            self.problem(_too_wide(node.fill, fill, "the fill byte", ""))
            return
        if kind == "align" and not 1 <= amount <= 0x10000:
            self.problem(
                Problem(
                    e.EXPRESSION_RANGE, expression.start, expression.end,
                    "the unit of %align is from 1 to 65536",
                )
            )
            return
        fragment = self.fragment
        fragment.variables.append(
            Variable(
                kind, len(fragment.offsets), len(self.code), self.line, self.trail, expression,
                scope, amount, fill,
            )
        )
        self.item(b"", data=True)

    def _constant(self, expression: t.Expression, scope: Scope | None) -> int | None:
        value = self.value(expression, scope)
        if value is None:
            self.problem(
                Problem(
                    e.NOT_CONSTANT, expression.start, expression.end,
                    "this must be known before the program is laid out",
                    "use numbers and constants, no labels",
                )
            )
        return value

    # Macros --------------------------------------------------------------------------------------

    def macro_use(self, node: t.MacroUse, scope: Scope | None) -> None:
        name = node.name.text
        macro = self.environment.macros.get(name)
        self.fragment.dependencies["macro", name] = _macro_state(name, self.environment)
        if macro is None:
            if "%" + name not in self.environment.excused:
                self.problem(self._unknown_macro(node))
            return
        self.fragment.macros_used.add(name)
        parameters = macro.definition.parameters
        if len(parameters) != len(node.arguments):
            self.problem(_arity_problem(node, macro))
            return
        if name in self.active or len(self.active) >= MAX_EXPANSION_DEPTH:
            chain = " -> ".join("%" + step for step in [*self.active, name])
            self.problem(
                Problem(
                    e.MACRO_RECURSION, node.start, node.name.end,
                    f"macro recursion: {chain}" if name in self.active
                    else f"macros are nested deeper than {MAX_EXPANSION_DEPTH}",
                    "a loop is a label and a jump",
                )
            )
            return
        inner = Scope({}, {})
        for parameter, argument in zip(parameters, node.arguments, strict=True):
            inner.parameters[parameter.text] = (argument, scope, self.line, self.trail)
            self._read_argument(parameter.text, argument, scope, inner)
        self.expand(macro, inner, node)

    def _read_argument(
        self, name: str, argument: t.Expression, scope: Scope | None, inner: Scope
    ) -> None:
        """Notes in ``inner`` what an argument is worth, or that it is broken."""
        try:
            inner.values[name] = evaluate_any(argument, self._names(scope))
        except NeedsLayout:
            pass  # once there are offsets
        except AlreadyReported:
            inner.broken.add(name)
        except EvaluationError as error:
            self.problem(error.problem, error.site)
            inner.broken.add(name)

    def expand(self, macro: Macro, scope: Scope, use: t.MacroUse) -> None:
        """Emits a macro's body."""
        fragment = self.fragment
        self._number_labels(macro, scope)
        outer_trail, outer_context, outer_instructions = (
            self.trail, self.context, self.instructions,
        )
        self.context, self.instructions = macro.context, macro.context.instructions
        first = len(fragment.offsets)
        before = len(fragment.findings)
        self.active.append(use.name.text)
        for number, line in self._chosen_lines(macro, scope, outer_trail):
            statement = line.statement
            if statement is None:
                continue
            fragment.expanded += 1
            self.trail = (*outer_trail, (use.name.text, number))
            self.statement(statement, scope, partial(_body_jumpdest, macro.body, number))
            if fragment.expanded > self.limit:
                self._expanded_too_much(use, outer_trail)
                break
        self.active.pop()
        self.trail, self.context, self.instructions = (
            outer_trail, outer_context, outer_instructions,
        )
        if len(fragment.findings) == before:
            problem = check_effect(macro, fragment, self.code, first, scope)
            if problem is not None:
                self.problem(problem, (self.line, (*outer_trail, (use.name.text, -1))))

    def _expanded_too_much(self, use: t.MacroUse, trail: Trail) -> None:
        self.fragment.dependencies["expandable", ""] = self.limit
        self.trail = trail
        if self.complains and not self.active[1:]:  # once, where it began
            self.problem(
                Problem(
                    e.LIMIT_EXCEEDED, use.start, use.end, "macros expand to too many lines",
                    "look for macros that use each other many times over",
                )
            )

    def _number_labels(self, macro: Macro, scope: Scope) -> None:
        for number, line in enumerate(macro.body):
            statement = line.statement
            if not isinstance(statement, t.Label | t.PositionLabel | t.Table):
                continue
            word = statement.name
            if word.text in scope.labels or word.text in scope.parameters:
                if isinstance(statement, t.Label | t.PositionLabel | t.Table):
                    self.problem(
                        Problem(
                            e.DUPLICATE_NAME, word.start, word.end,
                            f"{word.text} is defined twice in the macro", "rename one of them",
                        ),
                        (self.line, (*self.trail, (macro.definition.name.text, number))),
                    )
                continue
            scope.labels[word.text] = self.fragment.local_labels
            self.fragment.local_labels += 1

    def _chosen_lines(
        self, macro: Macro, scope: Scope, outer_trail: Trail
    ) -> list[tuple[int, t.Line]]:
        """The lines of a body that its conditions let through."""
        chosen: list[tuple[int, t.Line]] = []
        states: list[tuple[bool, bool]] = []  # (this branch counts, the block counts at all)
        for number, line in enumerate(macro.body):
            statement = line.statement
            active = not states or states[-1][0]
            if isinstance(statement, t.Condition):
                taken = False
                if active:
                    self.trail = (*outer_trail, (macro.definition.name.text, number))
                    taken = bool(self._constant(statement.condition, scope))
                    self.trail = outer_trail
                states.append((taken, active))
            elif isinstance(statement, t.Alternative) and states:
                states[-1] = (states[-1][1] and not states[-1][0], states[-1][1])
            elif isinstance(statement, t.End) and states:
                states.pop()
            elif active:
                chosen.append((number, line))
        return chosen

    # Values and problems -------------------------------------------------------------------------

    def value(self, expression: t.Expression, scope: Scope | None) -> int | None:
        """The value, or None if it must wait for the layout. A flaw is reported and gives 0."""
        found = self.value_or_text(expression, scope, evaluate)
        assert not isinstance(found, bytes)
        return found

    def value_or_text(
        self,
        expression: t.Expression,
        scope: Scope | None,
        evaluator: Callable[[t.Expression, Names], int | bytes] = evaluate_any,
    ) -> int | bytes | None:
        """As `value`, but a string is a value, too."""
        try:
            return evaluator(expression, self._names(scope))
        except NeedsLayout:
            return None
        except AlreadyReported:
            return 0
        except EvaluationError as error:
            self.problem(error.problem, error.site)
            return 0

    def _names(self, scope: Scope | None) -> ExpansionNames:
        return ExpansionNames(self.environment, scope, self.fragment.dependencies)

    def item(self, encoding: bytes, *, data: bool = False) -> None:
        """Emits one item of the current line."""
        fragment = self.fragment
        if self.trail:
            fragment.trails[len(fragment.offsets)] = self.trail
        if data:
            fragment.data.add(len(fragment.offsets))
        fragment.offsets.append(len(self.code))
        fragment.lines.append(self.line)
        self.code += encoding

    def _fixup(
        self, kind: str, expression: t.Expression, width: int, scope: Scope | None, skip: int
    ) -> None:
        self.fragment.fixups.append(
            Fixup(
                kind, len(self.fragment.offsets), len(self.code) + skip, width, self.line,
                self.trail, expression, scope,
            )
        )

    def problem(self, problem: Problem, site: tuple[int, Trail] | None = None) -> None:
        line, trail = site if site is not None else (self.line, self.trail)
        self.fragment.findings.append(Finding(line, trail, problem))

    def _jumpdest_after(self, number: int) -> bool:
        for line in self.piece.chunk.lines[number + 1 : self.piece.high]:
            statement = line.statement
            if statement is not None:
                return isinstance(statement, t.Instruction) and statement.mnemonic == "JUMPDEST"
        answer = self.followed()
        self.fragment.dependencies["followed", ""] = answer
        return answer

    def _unknown_mnemonic(self, node: t.Instruction) -> Problem:
        name = node.mnemonic
        row = opcode_by_name(name)
        start, end = node.start, node.mnemonic_end
        target = self.instructions.fork.name
        if row is not None:
            return Problem(
                e.LATER_FORK, start, end,
                f"{name} was added in fork {row.since}, this file targets {target}",
                f"target {row.since} or newer" + (", or write PUSH 0" if name == "PUSH0" else ""),
            )
        near = nearest_mnemonics(name, target)
        self.fragment.dependencies["macros", ""] = frozenset(self.environment.macros)
        macros = [m for m in self.environment.macros if m.upper() == name]
        if macros:
            hint, replacement = f"{macros[0]} is a macro: write %{macros[0]}", "%" + macros[0]
        elif near:
            hint, replacement = f"did you mean {' or '.join(near)}?", near[0]
        else:
            hint = "a label is declared with a colon, a macro used with a percent sign"
            replacement = None
        return Problem(
            e.UNKNOWN_MNEMONIC, start, end, f"unknown mnemonic {name}", hint, replacement
        )

    def _unknown_macro(self, node: t.MacroUse) -> Problem:
        name = node.name.text
        self.fragment.dependencies["macros", ""] = frozenset(self.environment.macros)
        known = [*self.environment.macros, *(word[1:] for word in directives())]
        near = nearest_name(name, known)
        hint = f"did you mean %{near}?" if near else "define it with %macro, or include its file"
        return Problem(
            e.UNDEFINED_MACRO, node.start, node.name.end, f"undefined macro %{name}", hint,
            f"%{near}" if near else None,
        )


# Encodings and messages that the layout needs, too ------------------------------------------------


def push_width(value: int, instructions: InstructionSet) -> int:
    """The bytes that a self-sizing push gives a value: 0 only where the fork has PUSH0."""
    return max((value.bit_length() + 7) // 8, 0 if instructions.has_push0 else 1)


def encode_push(value: int, width: int) -> bytes:
    """The push of a value with that many bytes of push data, 0 to 32."""
    return bytes([0x5F + width]) + value.to_bytes(width, "big")


def push_problem(operand: t.Expression, value: int, width: int) -> Problem | None:
    """What is wrong with pushing a value with a PUSH of that width, if anything is."""
    needed = (value.bit_length() + 7) // 8
    if needed <= width:
        return None
    return _too_wide(
        operand, value, f"PUSH{width} ({width} byte{'s' * (width > 1)})",
        f"PUSH{needed} holds it, PUSH sizes itself",
    )


def table_problem(entry: t.Expression, value: int, width: int) -> Problem:
    """A table's entry that its width does not hold."""
    needed = (value.bit_length() + 7) // 8
    return Problem(
        e.TABLE_WIDTH, entry.start, entry.end,
        f"{value:#x} does not fit in the {width} byte{'s' * (width > 1)} of an entry",
        f"make the table's width {needed}",
    )


def bytes_problem(expression: t.Expression, value: int, width: int) -> Problem:
    """An item of %bytes that its width does not hold."""
    return _too_wide(expression, value, f"{width} byte{'s' * (width > 1)}", "")


def reserved_name_problem(word: t.Word) -> Problem | None:
    """What is wrong with a name that is defined, if it is a mnemonic."""
    is_mnemonic = is_reserved(word.text)
    if not is_mnemonic and word.text not in ("pc", "fork"):
        return None
    what = "a mnemonic" if is_mnemonic else "a built-in name"
    return Problem(
        e.RESERVED_NAME, word.start, word.end, f"{word.text} is {what} and cannot be a name",
        f"choose another, like {word.text}_ or my_{word.text}",
    )


def _too_wide(node: t.Expression, value: int, where: str, hint: str) -> Problem:
    return Problem(
        e.OPERAND_TOO_WIDE, node.start, node.end, f"{value:#x} does not fit in {where}", hint
    )


def _missing_operand(node: t.Instruction) -> Problem:
    return Problem(
        e.MISSING_OPERAND, node.start, node.end, f"{node.mnemonic} needs an operand",
        f"write the value behind it: {node.mnemonic} 0x01",
    )


def _arity_problem(node: t.MacroUse, macro: Macro) -> Problem:
    parameters = [word.text for word in macro.definition.parameters]
    name = node.name.text
    count = len(node.arguments)
    return Problem(
        e.MACRO_ARITY, node.start, node.end,
        f"%{name} takes {len(parameters)} argument{'s' * (len(parameters) != 1)}, not {count}",
        f"it reads %{name}({', '.join(parameters)})",
    )


def _body_jumpdest(body: tuple[t.Line, ...], number: int) -> bool:
    for line in body[number + 1 :]:
        statement = line.statement
        if statement is not None:
            return isinstance(statement, t.Instruction) and statement.mnemonic == "JUMPDEST"
    return False


def _encodings_of(instructions: InstructionSet) -> dict[t.Statement, bytes]:
    return _encodings.setdefault(instructions.fork.name, {})


def _remember(instructions: InstructionSet, node: t.Instruction, encoding: bytes) -> None:
    known = _encodings_of(instructions)
    if len(known) >= _MAX_CACHED_ENCODINGS:
        known.clear()
    known[node] = encoding


