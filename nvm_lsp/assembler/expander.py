"""From a syntax tree to a program: includes, conditions, definitions, then the code between them.

First a pass over the structural lines alone finds what is defined and which lines emit; chunks of
plain code are passed over whole. Then each piece of emitting lines becomes a fragment, or is found
to have one already that still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial

from nvm_lsp.assembler import errors as e
from nvm_lsp.assembler.environment import LATE, AlreadyReported, Environment, ExpansionNames
from nvm_lsp.assembler.expressions import EvaluationError, NeedsLayout, evaluate
from nvm_lsp.assembler.fragment import fragment_of, reserved_name_problem
from nvm_lsp.assembler.loader import Loader, Unreadable
from nvm_lsp.assembler.program import Constant, Context, Fragment, Macro, Piece, Program
from nvm_lsp.diagnostics import Diagnostic, Problem, Related
from nvm_lsp.opcodes import FORKS, instruction_set
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import tree as t

__all__ = ["MAX_INCLUDE_DEPTH", "Limits", "expand"]

MAX_INCLUDE_DEPTH = 64
#: What including a file costs beside its lines, in lines.
_LINES_AN_INCLUDE = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may grow to.

    ``expansion`` in lines of macros, and in lines of files that are included once more; ``output``
    in bytes.
    """

    expansion: int = 1_000_000
    output: int = 1 << 24


_LIMITS = Limits()


def expand(
    tree: t.SyntaxTree,
    loader: Loader,
    fork: str,
    options: Mapping[str, int],
    *,
    fork_given: bool = False,
    limits: Limits = _LIMITS,
) -> tuple[Program, tuple[Diagnostic, ...]]:
    """The program of a root file.

    ``fork`` must be a known one; with ``fork_given`` it outweighs the files' own ``%fork``.
    ``options`` outweigh the definitions of the same name. What grows past ``limits`` is an error.
    """
    expander = _Expander(loader, fork_given, limits)
    environment = expander.environment
    environment.expandable = limits.expansion
    for name, value in options.items():
        environment.constants[name] = Constant(name, None, value)
    root = Context(tree.path, tree, instruction_set(fork))
    if not fork_given:
        root = replace(root, instructions=instruction_set(_declared_fork(tree) or fork))
    environment.fork = root.instructions.fork.index
    expander.walk(root)
    environment.forget_values()
    # An error in a constant is one, used or not.
    values = {name: environment.lookup(name) for name in environment.constants}
    late = frozenset(name for name, value in values.items() if value is LATE)
    environment.settle()
    fragments = _fragments(expander.pieces, environment, loader)
    program = Program(
        root, tuple(expander.contexts), tuple(expander.pieces), tuple(fragments),
        environment.constants, environment.macros, frozenset(environment.excused), late,
        {name: value for name, value in values.items() if isinstance(value, (int, bytes))},
        limits.output,
    )
    return program, tuple(expander.diagnostics)


def _fragments(pieces: list[Piece], environment: Environment, loader: Loader) -> list[Fragment]:
    return [
        fragment_of(piece, environment, loader, partial(_next_is_jumpdest, pieces, i + 1))
        for i, piece in enumerate(pieces)
    ]


def _next_is_jumpdest(pieces: list[Piece], index: int) -> bool:
    """Whether the first statement from a piece on is an explicit JUMPDEST."""
    for piece in pieces[index:]:
        for line in piece.chunk.lines[piece.low : piece.high]:
            statement = line.statement
            if statement is not None:
                return isinstance(statement, t.Instruction) and statement.mnemonic == "JUMPDEST"
    return False


def _declared_fork(tree: t.SyntaxTree) -> str | None:
    """The fork that a root file declares, found before anything else is done with it."""
    for chunk in tree.chunks:
        if chunk.has_structure:
            for line in chunk.lines:
                statement = line.statement
                if isinstance(statement, t.ForkDirective):
                    name = statement.name.text.lower()
                    return name if name in FORKS else None
    return None


@dataclass(slots=True)
class _Block:
    """An open `%if` (with whether its lines count) or `%macro` (with the body so far)."""

    line: int
    statement: t.Condition | t.MacroDefinition | t.Malformed
    active: bool = True
    outer_active: bool = True
    seen_else: bool = False
    body: list[t.Line] | None = None
    depth: int = 0  # of blocks inside a macro's body


@dataclass(slots=True)
class _Expander:
    loader: Loader
    fork_given: bool
    limits: Limits
    #: How many more lines of files that have been included before may be included again.
    includable: int = 0
    environment: Environment = field(default_factory=lambda: Environment(0))
    pieces: list[Piece] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    #: Contexts by path, to place problems of constants.
    by_path: dict[str, Context] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment.report = self._constant_problem
        self.includable = self.limits.expansion

    def walk(self, context: Context) -> None:
        """Goes through one file, and through what it includes."""
        self.contexts.append(context)
        self.by_path.setdefault(context.path, context)
        tree = context.tree
        for number, problem in tree.problems():
            self._report(context, number, problem)
        blocks: list[_Block] = []
        state = _State(context, blocks)
        for start, chunk in zip(tree.starts, tree.chunks, strict=False):
            if chunk.has_structure or (blocks and blocks[-1].body is not None):
                self._structured_chunk(state, chunk, start)
            elif not blocks or blocks[-1].active:
                self.pieces.append(Piece(state.context, chunk, 0, len(chunk.lines), start))
        for block in blocks:
            what = "%macro" if block.body is not None else "%if"
            self._report(
                context, block.line,
                Problem(
                    e.UNCLOSED_BLOCK, block.statement.start, block.statement.end,
                    f"{what} is never closed", "put %end behind its body",
                ),
            )
            if block.body is not None:
                self._define_macro(state.context, block)

    def _structured_chunk(self, state: _State, chunk: t.Chunk, start: int) -> None:
        low = 0
        for offset, line in enumerate(chunk.lines):
            statement = line.statement
            blocks = state.blocks
            in_macro = bool(blocks) and blocks[-1].body is not None
            if not in_macro and not isinstance(statement, t.STRUCTURAL):
                continue
            # Lines before this one are a piece of their own.
            active = not blocks or blocks[-1].active
            if active and not in_macro and low < offset:
                self.pieces.append(Piece(state.context, chunk, low, offset, start))
            low = offset + 1
            if in_macro:
                self._line_of_macro(state, line, start + offset)
            else:
                assert statement is not None
                self._structural(state, statement, start + offset)
        blocks = state.blocks
        if low < len(chunk.lines) and (
            not blocks or (blocks[-1].active and blocks[-1].body is None)
        ):
            self.pieces.append(Piece(state.context, chunk, low, len(chunk.lines), start))

    def _line_of_macro(self, state: _State, line: t.Line, number: int) -> None:
        block = state.blocks[-1]
        assert block.body is not None
        statement = line.statement
        if isinstance(statement, t.End):
            if block.depth == 0:
                state.blocks.pop()
                self._define_macro(state.context, block)
                return
            block.depth -= 1
        elif isinstance(statement, t.Condition) or _opens(statement):
            block.depth += 1
        if isinstance(
            statement, t.MacroDefinition | t.ConstantDefinition | t.Include | t.ForkDirective
        ):
            what = {
                t.MacroDefinition: "%macro", t.ConstantDefinition: "%def",
                t.Include: "%include", t.ForkDirective: "%fork",
            }[type(statement)]
            self._report(
                state.context, number,
                Problem(
                    e.MISPLACED_DIRECTIVE, statement.start, statement.end,
                    f"{what} cannot stand in a macro", "move it in front of the macro; is an %end "
                    "missing above?",
                ),
            )
        block.body.append(line)

    def _structural(self, state: _State, statement: t.Statement, number: int) -> None:
        blocks = state.blocks
        active = not blocks or blocks[-1].active
        match statement:
            case t.Condition():
                taken = active and self._condition(state.context, statement, number)
                blocks.append(_Block(number, statement, taken, active))
            case t.Alternative():
                self._else(state, statement, number)
            case t.End():
                if not blocks:
                    self._unmatched(state.context, statement, number, "%end")
                else:
                    blocks.pop()
            case t.MacroDefinition():
                blocks.append(_Block(number, statement, active, active, body=[]))
            case t.Malformed() if _opens(statement):
                body: list[t.Line] | None = [] if statement.head == "%macro" else None
                blocks.append(_Block(number, statement, active, active, body=body))
            case t.Malformed():
                if statement.declares:
                    self.environment.excused.add(statement.declares)
            case _ if not active:
                pass
            case t.ConstantDefinition():
                self._define_constant(state.context, statement, number)
            case t.Include():
                self._include(state, statement, number)
            case t.ForkDirective():
                self._fork(state, statement, number)
            case _:
                pass

    def _else(self, state: _State, statement: t.Alternative, number: int) -> None:
        if not state.blocks or state.blocks[-1].seen_else:
            self._unmatched(state.context, statement, number, "%else")
            return
        block = state.blocks[-1]
        block.seen_else = True
        broken = isinstance(block.statement, t.Malformed)
        block.active = block.outer_active and (broken or not block.active)

    def _unmatched(
        self, context: Context, statement: t.Statement, number: int, what: str
    ) -> None:
        self._report(
            context, number,
            Problem(
                e.UNMATCHED_END, statement.start, statement.end,
                f"{what} belongs to no {'%if' if what == '%else' else '%macro or %if'}",
                "remove it, or look for the opening line that was lost",
            ),
        )

    def _condition(self, context: Context, statement: t.Condition, number: int) -> bool:
        expression = statement.condition
        try:
            return evaluate(expression, ExpansionNames(self.environment, None, {})) != 0
        except AlreadyReported:
            return False
        except EvaluationError as error:
            self._report(context, number, error.problem)
        except NeedsLayout:
            unknown = [
                name for name in t.names_in(expression)
                if self.environment.lookup(name.text) is None
            ]
            name = unknown[0].text if unknown else "this"
            start, end = (
                (unknown[0].start, unknown[0].end) if unknown
                else (expression.start, expression.end)
            )
            self._report(
                context, number,
                Problem(
                    e.NOT_CONSTANT, start, end,
                    f"{name} is no constant that is known here",
                    "a condition uses numbers, build options and constants defined before it",
                ),
            )
        finally:
            # What was computed may change as more constants are defined.
            self.environment.forget_values()
        return False

    def _define_constant(
        self, context: Context, statement: t.ConstantDefinition, number: int
    ) -> None:
        name = statement.name
        if not self._usable(context, name, number):
            return
        known = self.environment.constants.get(name.text)
        if known is not None and known.definition is None:
            if not known.path:  # an option: remember where its default stands
                self.environment.constants[name.text] = replace(
                    known, path=context.path, line=number
                )
            return
        if known is not None:
            if (known.path, known.line) != (context.path, number):
                assert known.definition is not None
                self._duplicate(
                    context, number, name,
                    Location(
                        known.path,
                        Span.of_line(
                            known.line, known.definition.name.start, known.definition.name.end
                        ),
                    ),
                )
            return
        self.environment.constants[name.text] = Constant(
            name.text, statement, None, context.path, number
        )

    def _define_macro(self, context: Context, block: _Block) -> None:
        statement = block.statement
        assert block.body is not None
        if isinstance(statement, t.Malformed):
            if statement.declares:
                self.environment.excused.add("%" + statement.declares)
            return
        if not block.outer_active:
            return
        assert isinstance(statement, t.MacroDefinition)
        word = statement.name
        usable = self._usable(context, word, block.line)
        for parameter in statement.parameters:
            usable = self._usable(context, parameter, block.line) and usable
        if not usable:
            self.environment.excused.add("%" + word.text)
            return
        known = self.environment.macros.get(word.text)
        if known is not None:
            if (known.context.path, known.line) != (context.path, block.line):
                self._duplicate(
                    context, block.line, word,
                    known.location(-1, known.definition.name.start, known.definition.name.end),
                )
            return
        self.environment.macros[word.text] = Macro(
            statement, tuple(block.body), context, block.line
        )

    def _usable(self, context: Context, word: t.Word, number: int) -> bool:
        problem = reserved_name_problem(word)
        if problem is not None:
            self._report(context, number, problem)
            self.environment.excused.add(word.text)
        return problem is None

    def _duplicate(self, context: Context, number: int, word: t.Word, first: Location) -> None:
        problem = Problem(
            e.DUPLICATE_NAME, word.start, word.end, f"{word.text} is defined twice",
            "rename one of them",
        )
        self._report(context, number, problem, (Related(first, "first defined here"),))

    def _fork(self, state: _State, statement: t.ForkDirective, number: int) -> None:
        name = statement.name.text.lower()
        if name not in FORKS:
            near = get_close_matches(name, FORKS, n=1)
            self._report(
                state.context, number,
                Problem(
                    e.UNKNOWN_FORK, statement.name.start, statement.name.end,
                    f"unknown fork {statement.name.text}",
                    f"did you mean {near[0]}?" if near else "forks are " + ", ".join(FORKS),
                    near[0] if near else None,
                ),
            )
        elif not self.fork_given:
            state.context = replace(state.context, instructions=instruction_set(name))
            self.contexts[self.contexts.index(state.original)] = state.context
            state.original = state.context

    def _include(self, state: _State, statement: t.Include, number: int) -> None:
        context = state.context
        written = statement.path.value.decode("utf-8", "replace")
        path = self.loader.resolve(written, context.path)
        span = (statement.path.start, statement.path.end)
        ancestors = [context.path, *(parent.path for parent, _ in context.chain())]
        problem: Problem | None = None
        if path in ancestors:
            chain = [*reversed(ancestors[: ancestors.index(path) + 1]), path]
            problem = Problem(
                e.INCLUDE_CYCLE, *span, f"include cycle: {' -> '.join(chain)}",
                "move what the files share into a third one",
            )
        elif context.depth >= MAX_INCLUDE_DEPTH:
            problem = Problem(
                e.LIMIT_EXCEEDED, *span, f"includes are nested deeper than {MAX_INCLUDE_DEPTH}",
            )
        else:
            tree = self.loader.source(path)
            if not isinstance(tree, Unreadable):
                if not self._may_include(context, path, tree, number, span):
                    return
                inner = Context(
                    path, tree, context.instructions, context, number, span, context.depth + 1
                )
                self.walk(inner)
                return
            problem = Problem(e.INCLUDE_UNREADABLE, *span, tree.message, tree.hint)
        self._report(context, number, problem)

    def _may_include(
        self, context: Context, path: str, tree: t.SyntaxTree, line: int, span: tuple[int, int]
    ) -> bool:
        """Whether a file may be included here: as often as one likes, but not without end."""
        if path not in self.by_path:
            return True
        if self.includable <= 0:
            return False  # as has been said
        self.includable -= tree.line_count + _LINES_AN_INCLUDE
        if self.includable > 0:
            return True
        problem = Problem(
            e.LIMIT_EXCEEDED, *span,
            f"files that are included more than once make over {self.limits.expansion:,} lines",
            "include a file once, where all that need it come after",
        )
        self._report(context, line, problem)
        return False

    def _report(
        self, context: Context, line: int, problem: Problem, related: tuple[Related, ...] = ()
    ) -> None:
        self.diagnostics.append(problem.at(context.path, line, related + context.related()))

    def _constant_problem(self, constant: Constant, problem: Problem) -> None:
        context = self.by_path[constant.path]
        self._report(context, constant.line, problem)


@dataclass(slots=True)
class _State:
    """Where the walk through one file is."""

    context: Context
    blocks: list[_Block]
    original: Context = field(init=False)

    def __post_init__(self) -> None:
        self.original = self.context


def _opens(statement: t.Statement | None) -> bool:
    return isinstance(statement, t.Malformed) and statement.head in ("%macro", "%if")
