"""What a lint rule is: a kind of flaw, and a function that finds it in an assembled program."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from nvm_lsp.analysis.analyzer import Analysis, analyze
from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.program import Context
from nvm_lsp.diagnostics import (
    Applicability,
    Diagnostic,
    Edit,
    Fix,
    Kind,
    Related,
    Severity,
    define_kind,
)
from nvm_lsp.source import Location, Position, Span
from nvm_lsp.syntax import tree as t

__all__ = ["Check", "LintContext", "Rule", "rule"]

_PC, _CODECOPY, _CODESIZE = 0x58, 0x39, 0x38


@dataclass(frozen=True, eq=False)
class LintContext:
    """What rules look at. ``target`` is ``nvm`` or ``evm``."""

    assembly: Assembly
    target: str = "nvm"
    _said: set[tuple[object, ...]] = field(default_factory=set, repr=False)

    @cached_property
    def path(self) -> str:
        """The root file."""
        return self.assembly.program.root.path

    @property
    def analysis(self) -> Analysis:
        """Control flow, stack and gas of the program."""
        return analyze(self.assembly, self.target)

    # Findings ------------------------------------------------------------------------------------

    def at(
        self, kind: Kind, pc: int, message: str, hint: str = "", *,
        related: Iterable[Related] = (), fixes: Iterable[Fix] = (),
        severity: Severity = Severity.OFF,
    ) -> Iterator[Diagnostic]:
        """A finding at the instruction at ``pc``: once, however often a macro is expanded."""
        origin = self.assembly.source_map.origin(pc)
        if origin is None:
            return
        key = (kind.code, origin.location, message)
        if key not in self._said:
            self._said.add(key)
            yield Diagnostic(
                kind, origin.location, message, hint, (*related, *origin.uses), tuple(fixes),
                severity,
            )

    def place(self, pc: int, message: str, *, is_step: bool = False) -> Iterator[Related]:
        """The instruction at ``pc`` as another place of a finding."""
        origin = self.assembly.source_map.origin(pc)
        if origin is not None:
            yield Related(origin.location, message, is_step)

    # Instructions in the order they are written --------------------------------------------------

    @cached_property
    def _written(self) -> tuple[bytes, tuple[int, ...]]:
        """The opcodes of all instructions, without operands and data, and their offsets."""
        code = self.assembly.bytecode
        pcs = tuple(pc for pc, size, data in self.assembly.items() if size and not data)
        return bytes([code[pc] for pc in pcs]), pcs

    def runs(self, pattern: re.Pattern[bytes]) -> Iterator[tuple[int, ...]]:
        """The offsets of instructions whose opcodes match, one after the other without data."""
        opcodes, pcs = self._written
        code = self.assembly.bytecode
        for found in pattern.finditer(opcodes):
            run = pcs[found.start() : found.end()]
            if all(
                following == pc + 1 + _push_size(code[pc])
                for pc, following in pairwise(run)
            ):
                yield run

    # Fixes ---------------------------------------------------------------------------------------

    @cached_property
    def is_relocatable(self) -> bool:
        """No number in the program stands for an offset, so instructions may come and go."""
        analysis = self.analysis
        code = self.assembly.bytecode
        opcodes, pcs = self._written
        if any(op in opcodes for op in (_PC, _CODECOPY, _CODESIZE)) or not analysis.is_certain:
            return False
        jumped_to: set[int] = set()
        for block in analysis.blocks():
            if block.summary is not None and block.summary.target is not None:
                target = analysis.constant(block, block.summary.target)
                jumped_to |= set(block.successors) if target is None else {target}
        for pc, opcode in zip(pcs, opcodes, strict=True):
            size = _push_size(opcode)
            if size and int.from_bytes(code[pc + 1 : pc + 1 + size], "big") in jumped_to:
                line = self.assembly.source_map.line(pc)
                statement = line.statement if line is not None else None
                named = (
                    isinstance(statement, t.Instruction)
                    and statement.operand is not None
                    and any(t.names_in(statement.operand))
                )
                if not named:
                    return False
        return True

    def rewrite(
        self, title: str, run: tuple[int, ...], texts: tuple[str, ...],
        applicability: Applicability = Applicability.SAFE,
    ) -> tuple[Fix, ...]:
        """A fix that puts ``texts``, one an instruction, in the place of a run of instructions.

        There is none unless each stands on a line of its own, outside of macros used there. What
        would move code that a number may stand for is unsafe.
        """
        lines = self._lines_of(run)
        if lines is None or len(texts) > len(lines):
            return ()
        if applicability is Applicability.SAFE and not self.is_relocatable:
            applicability = Applicability.UNSAFE
        edits = []
        for index, (context, number, line) in enumerate(lines):
            statement = line.statement
            assert statement is not None
            comment = line.comment
            stale = comment is not None and comment.kind == "stack"
            if index < len(texts):
                end = comment.end if stale and comment is not None else statement.end
                edits.append(Edit(_span(context, number, statement.start, end), texts[index]))
            elif comment is not None and not stale:
                edits.append(Edit(_span(context, number, statement.start, comment.start), ""))
            else:
                span = Span(Position(number, 0), Position(number + 1, 0))
                edits.append(Edit(Location(context.path, span), ""))
        return (Fix(title, tuple(edits), applicability),)

    def _lines_of(self, run: tuple[int, ...]) -> list[tuple[Context, int, t.Line]] | None:
        """File, number and line of instructions, if each has a line of its own in one file."""
        program = self.assembly.program
        found = []
        for pc in run:
            line = self.assembly.source_map.line(pc)
            origin = self.assembly.source_map.origin(pc)
            if line is None or origin is None or not isinstance(line.statement, t.Instruction):
                return None
            contexts = [c for c in program.contexts if c.path == origin.location.path]
            if not contexts:
                return None
            found.append((contexts[0], origin.location.span.start.line, line))
        numbers = [number for _, number, _ in found]
        if numbers != sorted(set(numbers)) or len({c.path for c, _, _ in found}) > 1:
            return None
        if len({self.assembly.source_map.trail(pc) for pc in run}) > 1:
            return None
        # What stands between, as the edge of a condition, may put one of them where another is not.
        tree = found[0][0].tree if found else None
        if tree is not None and any(
            tree.line(number).statement is not None
            for number in range(numbers[0] + 1, numbers[-1]) if number not in numbers
        ):
            return None
        return found


def _span(context: Context, line: int, start: int, end: int) -> Location:
    return Location(context.path, Span.of_line(line, start, end))


def _push_size(opcode: int) -> int:
    return opcode - 0x5F if 0x60 <= opcode <= 0x7F else 0


Check: TypeAlias = Callable[[LintContext], Iterator[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. Its page is the docstring of the module that defines it."""

    kind: Kind
    check: Check


def rule(code: str, name: str, severity: Severity = Severity.WARNING) -> Callable[[Check], Rule]:
    """Makes a function a rule; the page comes from the docstring of the function's module."""

    def make(check: Check) -> Rule:
        page = sys.modules[check.__module__].__doc__ or ""
        return Rule(define_kind(code, name, page, severity, module=check.__module__), check)

    return make
