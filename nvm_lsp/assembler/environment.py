"""What names mean while a program is expanded, before any offset is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nvm_lsp.assembler.dependencies import circular_constant
from nvm_lsp.assembler.expressions import (
    EvaluationError,
    NeedsLayout,
    evaluate_any,
)
from nvm_lsp.assembler.program import Constant, Macro, Scope, Trail
from nvm_lsp.diagnostics import Problem
from nvm_lsp.opcodes import FORKS
from nvm_lsp.syntax import tree as t

__all__ = ["AlreadyReported", "Environment", "ExpansionNames", "predefined"]

#: Stands for "known only after the layout" among the dependencies of a fragment.
LATE = object()
#: Constants made of constants are evaluated by recursion up to this depth, then by a list.
_MAX_RECURSION = 30
#: Definitions of programs, as they were lately, each with the object that stands for it.
_states: dict[tuple[object, ...], object] = {}
_MAX_STATES = 64


class AlreadyReported(Exception):  # noqa: N818 -- the error itself was said elsewhere
    """A value is missing because of a flaw that has its diagnostic already."""


def predefined(name: str, fork: int) -> int | None:
    """The value of ``fork`` and ``fork.<name>``: the age of forks, so that they compare."""
    if name == "fork":
        return fork
    known = FORKS.get(name[5:]) if name.startswith("fork.") else None
    return known.index if known is not None else None


@dataclass(slots=True)
class Environment:
    """Constants, macros and the target's fork; ``report`` takes problems of constants.

    ``expandable`` is how many lines of macros may yet be expanded.

    ``state`` is the same object as long as every name means the same; see `settle`.
    """

    fork: int
    constants: dict[str, Constant] = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)
    expandable: int = 1_000_000
    report: Callable[[Constant, Problem], None] = lambda constant, problem: None
    state: object = None
    _values: dict[str, int | bytes | object] = field(default_factory=dict)
    _active: list[str] = field(default_factory=list)

    def lookup(self, name: str) -> object:
        """A constant's value, LATE if it needs the layout, AlreadyReported, or None if unknown."""
        value = predefined(name, self.fork)
        if value is not None:
            return value
        constant = self.constants.get(name)
        if constant is None:
            return AlreadyReported if name in self.excused else None
        if constant.value is not None:
            return constant.value
        if name not in self._values:
            if len(self._active) >= _MAX_RECURSION:
                self._evaluate_needed(name)
            self._values[name] = self._evaluate(constant)
        return self._values[name]

    def _evaluate_needed(self, name: str) -> None:
        """Evaluates what a constant is made of, innermost first, however long the chain is."""
        seen = {name, *self._active}
        order: list[Constant] = []
        work = [name]
        while work:
            constant = self.constants.get(work.pop())
            if constant is None or constant.definition is None:
                continue
            order.append(constant)
            needed = {used.text for used in t.names_in(constant.definition.value)}
            work += needed - seen - self._values.keys()
            seen |= needed
        for constant in reversed(order[1:]):
            if constant.name not in self._values:
                self._values[constant.name] = self._evaluate(constant)

    def settle(self) -> None:
        """Says that no more is defined; names mean the same wherever ``state`` is the same.

        While names are excused, what they mean depends on the place, and there is no state.
        """
        self.state = None
        if self.excused:
            return
        content = (
            self.fork,
            *((c.name, c.definition, c.value) for c in self.constants.values()),
            None,
            *((name, macro.key) for name, macro in self.macros.items()),
        )
        self.state = _states.setdefault(content, object())
        if len(_states) > _MAX_STATES:
            del _states[next(iter(_states))]

    def forget_values(self) -> None:
        """Drops what was computed while later constants were not yet defined."""
        self._values.clear()

    def _evaluate(self, constant: Constant) -> object:
        assert constant.definition is not None
        name = constant.name
        if name in self._active:
            chain = [*self._active[self._active.index(name) :], name]
            self.report(constant, circular_constant(constant.definition.name, chain))
            return AlreadyReported
        self._active.append(name)
        try:
            return evaluate_any(constant.definition.value, ExpansionNames(self, None, {}))
        except NeedsLayout:
            return LATE
        except AlreadyReported:
            return AlreadyReported
        except EvaluationError as error:
            self.report(constant, error.problem)
            return AlreadyReported
        finally:
            self._active.pop()


@dataclass(slots=True)
class ExpansionNames:
    """Names at one place of an expansion; notes in ``dependencies`` what was looked up."""

    environment: Environment
    scope: Scope | None
    dependencies: dict[tuple[str, str], object]

    def name(self, name: t.Name) -> int | bytes:
        text = name.text
        scope = self.scope
        if scope is not None:
            if text in scope.broken:
                raise AlreadyReported
            if text in scope.values:
                return scope.values[text]
            if text in scope.parameters:
                expression, outer, line, trail = scope.parameters[text]
                return parameter_value(
                    expression, ExpansionNames(self.environment, outer, self.dependencies),
                    line, trail,
                )
            if text in scope.labels:
                raise NeedsLayout
        if text == "pc" and not name.at:
            raise NeedsLayout
        value = None if name.at else self.environment.lookup(text)
        self.dependencies["name", text] = value
        if value is None or value is LATE:
            raise NeedsLayout
        if value is AlreadyReported:
            raise AlreadyReported
        assert isinstance(value, (int, bytes))
        return value

    def length(self, name: t.Name) -> int:
        raise NeedsLayout


def parameter_value(
    expression: t.Expression, names: ExpansionNames, line: int, trail: Trail
) -> int | bytes:
    """An argument's value; an error in it belongs to the line that passed it."""
    try:
        return evaluate_any(expression, names)
    except EvaluationError as error:
        if error.site is None:
            error.site = (line, trail)
        raise
