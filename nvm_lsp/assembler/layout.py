"""From fragments to bytes: offsets by fixed point, then the code with every field filled in.

Self-sizing pushes start at their narrowest and only ever grow, so the search ends: each round but
the last widens at least one push, and no push grows past 33 bytes. After a few rounds all pushes
that still grow are widened together, which bounds the work on programs made to be slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

from nvm_lsp.assembler import errors as e
from nvm_lsp.assembler.dependencies import Dependencies, circular_constant
from nvm_lsp.assembler.environment import AlreadyReported, predefined
from nvm_lsp.assembler.expressions import EvaluationError, NeedsLayout, evaluate, evaluate_any
from nvm_lsp.assembler.fragment import (
    bytes_problem,
    encode_push,
    push_problem,
    push_width,
    table_problem,
)
from nvm_lsp.assembler.guess import nearest_name
from nvm_lsp.assembler.program import (
    Constant,
    Fixup,
    Fragment,
    LabelSite,
    Program,
    Scope,
    Trail,
    Variable,
)
from nvm_lsp.diagnostics import Problem
from nvm_lsp.syntax import tree as t

__all__ = ["Layout", "LayoutFinding", "lay_out"]

_PATIENT_ROUNDS = 12
_MOST_GUESSES = 20


@dataclass(frozen=True, slots=True, eq=False)
class LayoutFinding:
    """A problem with the piece it belongs to."""

    piece: int
    line: int
    trail: Trail
    problem: Problem


@dataclass(slots=True, eq=False)
class Layout:
    """Where everything stands. Lists run parallel to the program's fragments.

    ``prefixes[i][k]`` is the size of the first k variables of fragment i together, in bytes.
    """

    program: Program
    starts: list[int] = field(default_factory=list)
    sizes: list[list[int]] = field(default_factory=list)
    prefixes: list[list[int]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    sites: dict[str, tuple[int, LabelSite]] = field(default_factory=dict)
    local: list[list[int]] = field(default_factory=list)
    code: bytes = b""
    findings: list[LayoutFinding] = field(default_factory=list)
    size: int = 0
    has_duplicates: bool = False
    guesses: int = 0  # made about undefined names
    dependencies: Dependencies = field(init=False)
    #: Values of the constants made of labels, as everything stands now; None until asked for.
    late: dict[str, int | bytes] | None = None

    def __post_init__(self) -> None:
        self.dependencies = Dependencies(self.program.constants, self.program.late)

    def offset(self, piece: int, item: int) -> int:
        """The offset in the code of an item of a fragment."""
        fragment = self.program.fragments[piece]
        before = _variables_before(fragment, item)
        return self.starts[piece] + fragment.offsets[item] + self.prefixes[piece][before]

    def length(self, name: str) -> int | None:
        """The bytes from a label to the next position label or table, or those of a table."""
        if name not in self.sites:
            return None
        site = self.sites[name][1]
        if site.size is not None:
            return site.size
        start = self.labels[name]
        later = [
            self.labels[other]
            for other, (_, candidate) in self.sites.items()
            if candidate.kind != "label" and other != name and self.labels[other] >= start
            and (candidate.kind == "table" or self.labels[other] > start
                 or self._follows(name, other))
        ]
        return min(later, default=self.size) - start

    def constant(self, name: str) -> int | bytes | None:
        """The value of a constant, None where it has none, or another wherever it is used."""
        constant = self.program.constants[name]
        if constant.value is not None:
            return constant.value
        known = self.program.values.get(name)
        return self.late_values().get(name) if known is None else known

    def late_values(self) -> dict[str, int | bytes]:
        """The values of the constants that are made of labels, where they have one."""
        if self.late is None:
            self.late = _values(self.dependencies.fixed, _LayoutNames(self, 0, quiet=True))
        return self.late

    def constant_problems(self) -> Iterator[tuple[Constant, Problem]]:
        """Why constants that are made of labels have no value, where they have none."""
        names = _LayoutNames(self, 0)
        known = self.late_values()
        for name, constant in self.program.constants.items():
            definition = constant.definition
            if definition is None or name in known or name not in self.program.late:
                continue
            circle = self.dependencies.circles.get(name)
            if circle is not None:
                yield constant, circular_constant(definition.name, circle)
                continue
            try:
                evaluate_any(definition.value, names)
            except EvaluationError as error:
                # What depends on the place of the use is said there.
                if name in self.dependencies.of_place and error.problem.kind in _OF_VALUES:
                    continue
                yield constant, error.problem
            except AlreadyReported:
                continue

    def _follows(self, name: str, other: str) -> bool:
        (piece, site), (other_piece, other_site) = self.sites[name], self.sites[other]
        return (other_piece, other_site.line) > (piece, site.line)


#: Flaws that an expression has by the values of its parts.
_OF_VALUES = (e.EXPRESSION_RANGE, e.DIVISION_BY_ZERO)


def lay_out(program: Program) -> Layout:
    """Finds all offsets and emits the code; problems are in the layout's findings."""
    layout = Layout(program)
    _collect_labels(layout)
    has_push0 = program.root.instructions.has_push0
    layout.sizes = [
        [(1 if has_push0 else 2) if v.kind == "push" else 0 for v in fragment.variables]
        for fragment in program.fragments
    ]
    _place(layout)
    grew = any(fragment.variables for fragment in program.fragments)
    rounds = 0
    while grew and layout.size <= program.max_bytes:
        rounds += 1
        grew = _grow(layout, together=rounds > _PATIENT_ROUNDS)
        if grew:
            _place(layout)
    if layout.size > program.max_bytes:
        _too_large(layout)
        return layout
    _emit(layout)
    return layout


def _collect_labels(layout: Layout) -> None:
    program = layout.program
    for index, fragment in enumerate(program.fragments):
        layout.local.append([0] * fragment.local_labels)
        for site in fragment.labels:
            if site.local is not None:
                continue
            name = site.word.text
            if name in layout.sites or name in program.constants:
                layout.has_duplicates = True
                layout.findings.append(
                    LayoutFinding(
                        index, site.line, site.trail,
                        Problem(
                            e.DUPLICATE_NAME, site.word.start, site.word.end,
                            f"{name} is defined twice", "rename one of them",
                        ),
                    )
                )
            else:
                layout.sites[name] = (index, site)


def _place(layout: Layout) -> None:
    """Offsets of fragments, variables and labels from the sizes of the variables."""
    position = 0
    starts, prefixes = [], []
    labels = layout.labels
    for index, fragment in enumerate(layout.program.fragments):
        starts.append(position)
        prefix = _ZERO
        if not fragment.variables and not fragment.labels:
            prefixes.append(prefix)
            position += len(fragment.code)
            continue
        if fragment.variables:
            sizes = layout.sizes[index]
            if not _plain_pushes(fragment):
                _pad(fragment, sizes, position, layout.program.max_bytes)
            prefix = [0, *accumulate(sizes)]
        prefixes.append(prefix)
        if fragment.local_labels or layout.has_duplicates:
            for site in fragment.labels:
                offset = position + site.offset + prefix[site.variables]
                if site.local is not None:
                    layout.local[index][site.local] = offset
                elif layout.sites.get(site.word.text, (0, None))[1] is site:
                    labels[site.word.text] = offset
        else:
            for name, offset, before in _global_labels(fragment):
                labels[name] = position + offset + prefix[before]
        position += len(fragment.code) + prefix[-1]
    layout.starts, layout.prefixes, layout.size = starts, prefixes, position
    layout.late = None


_ZERO = [0]


def _global_labels(fragment: Fragment) -> tuple[tuple[str, int, int], ...]:
    """Name, offset in the template and number of variables before it, of labels without scope."""
    if fragment.global_labels is None:
        fragment.global_labels = tuple(
            (site.word.text, site.offset, site.variables)
            for site in fragment.labels
            if site.local is None
        )
    return fragment.global_labels


def _plain_pushes(fragment: Fragment) -> tuple[str, ...]:
    """The labels that the fragment's variables push; empty if any of them is something else.

    By far the most fragments are so, and their sizes and values are found in one go.
    """
    if fragment.plain_pushes is None:
        names: list[str] = []
        for variable in fragment.variables:
            expression = variable.expression
            if variable.kind != "push" or variable.scope is not None or (
                type(expression) is not t.Name
            ):
                names = []
                break
            names.append(expression.text)
        fragment.plain_pushes = tuple(names)
    return fragment.plain_pushes


def _pad(fragment: Fragment, sizes: list[int], start: int, most: int) -> None:
    """Sizes of the padding in a fragment, in place."""
    taken = 0
    for index, variable in enumerate(fragment.variables):
        here = start + variable.offset + taken
        if variable.kind == "org":
            sizes[index] = max(min(variable.amount, most + 1) - here, 0)
        elif variable.kind == "align":
            sizes[index] = -here % variable.amount
        taken += sizes[index]


def _grow(layout: Layout, *, together: bool) -> bool:
    """Widens the pushes whose value needs it. Whether any did."""
    program = layout.program
    instructions = program.root.instructions
    widest = 0
    pending: list[tuple[list[int], int, int]] = []
    for index, fragment in enumerate(program.fragments):
        if not fragment.variables:
            continue
        sizes = layout.sizes[index]
        plain = list(map(layout.labels.get, _plain_pushes(fragment)))
        if plain and None not in plain:
            sized = _sizes(plain, instructions.has_push0)
            if sized != sizes:
                for position, needed in enumerate(sized):
                    if needed > sizes[position]:
                        pending.append((sizes, position, needed))
                        widest = max(widest, needed)
            continue
        names = _LayoutNames(layout, index, quiet=True)
        for position, variable in enumerate(fragment.variables):
            if variable.kind != "push":
                continue
            value = names.value(variable)
            if value is None:
                continue
            needed = 1 + push_width(value, instructions)
            if needed > sizes[position]:
                pending.append((sizes, position, needed))
                widest = max(widest, needed)
    for sizes, position, needed in pending:
        sizes[position] = widest if together else needed
    return bool(pending)


def _sizes(values: list[int | None], has_push0: bool) -> list[int]:
    """The sizes of the pushes of offsets."""
    zero = 1 if has_push0 else 2
    return [
        3 if 256 <= value < 65536 else 2 if 0 < value < 256 else zero if value == 0
        else 1 + (value.bit_length() + 7) // 8
        for value in values
        if value is not None
    ]


def _variables_before(fragment: Fragment, item: int) -> int:
    """How many variables stand before an item."""
    variables = fragment.variables
    low, high = 0, len(variables)
    while low < high:
        middle = (low + high) // 2
        if variables[middle].item < item:
            low = middle + 1
        else:
            high = middle
    return low


@dataclass(slots=True)
class _LayoutNames:
    """Names once offsets are known, in one fragment; ``scope`` and ``pc`` change by item."""

    layout: Layout
    piece: int
    scope: Scope | None = None
    pc: int = 0
    quiet: bool = False  # nobody will read the problems
    #: Values of constants that are made of ``pc``, as far as they are known for this place.
    here: dict[str, int | bytes] = field(default_factory=dict)
    #: Values of arguments in this place, by expansion and parameter.
    arguments: dict[tuple[int, str], int | bytes] = field(default_factory=dict)

    def value(self, site: Variable | Fixup) -> int | None:
        """The value of a field, None where it has none."""
        expression, scope = site.expression, site.scope
        if scope is None and type(expression) is t.Name:
            known = self.layout.labels.get(expression.text)
            if known is not None:
                return known
        try:
            return self.evaluate(site)
        except (EvaluationError, AlreadyReported, NeedsLayout):
            return None

    def evaluate(self, site: Variable | Fixup) -> int:
        self.scope = site.scope
        self.here, self.arguments = {}, {}
        items = len(self.layout.program.fragments[self.piece].offsets)
        self.pc = (
            self.layout.offset(self.piece, site.item) if site.item < items
            else self._end_of_fragment()
        )
        return evaluate(site.expression, self)

    def _end_of_fragment(self) -> int:
        layout = self.layout
        fragment = layout.program.fragments[self.piece]
        return layout.starts[self.piece] + len(fragment.code) + layout.prefixes[self.piece][-1]

    def name(self, name: t.Name) -> int | bytes:
        text = name.text
        scope = self.scope
        if scope is not None:
            if text in scope.broken:
                raise AlreadyReported
            if text in scope.values:
                return scope.values[text]
            if text in scope.parameters:
                key = (id(scope), text)
                value = self.arguments.get(key)
                if value is None:
                    value = self.arguments[key] = self._parameter(scope, text)
                return value
            if text in scope.labels:
                return self.layout.local[self.piece][scope.labels[text]]
        known = self.layout.labels.get(text)
        if known is not None:
            return known
        if not name.at:
            if text == "pc":
                return self.pc
            found = self._constant(name)
            if found is not None:
                return found
        if text in self.layout.program.excused:
            raise AlreadyReported
        raise EvaluationError(self._undefined(name))

    def _parameter(self, scope: Scope, text: str) -> int | bytes:
        expression, outer, line, trail = scope.parameters[text]
        self.scope = outer
        try:
            return evaluate_any(expression, self)
        except EvaluationError as error:
            if error.site is None:
                error.site = (line, trail)
            raise
        finally:
            self.scope = scope

    def _constant(self, name: t.Name) -> int | bytes | None:
        """The value of a constant or built-in name, None if there is none of that name."""
        text = name.text
        layout = self.layout
        built_in = predefined(text, layout.program.root.instructions.fork.index)
        if built_in is not None:
            return built_in
        if text not in layout.program.constants:
            return None
        if text in layout.dependencies.of_place:
            return self._of_place(name)
        value = layout.constant(text)
        if value is None:
            # Said where the constant is defined, by the check of all constants.
            raise AlreadyReported
        return value

    def _of_place(self, name: t.Name) -> int | bytes:
        """The value that a constant made of ``pc`` has at this place."""
        text, here, dependencies = name.text, self.here, self.layout.dependencies
        if text in here:
            return here[text]
        scope, self.scope = self.scope, None
        try:
            for part in dependencies.needed(text, here):
                definition = self.layout.program.constants[part].definition
                assert definition is not None
                here[part] = evaluate_any(definition.value, self)
        except EvaluationError as error:
            if error.problem.kind not in _OF_VALUES:
                raise AlreadyReported from None
            raise EvaluationError(
                replace(
                    error.problem, start=name.start, end=name.end,
                    message=f"{name.text} has no value here: {error.problem.message}",
                )
            ) from None
        finally:
            self.scope = scope
        return here[text]

    def length(self, name: t.Name) -> int:
        length = self.layout.length(name.text)
        if length is None:
            if name.text in self.layout.program.excused:
                raise AlreadyReported
            raise EvaluationError(self._undefined(name))
        return length

    def _undefined(self, name: t.Name) -> Problem:
        if self.quiet:
            return Problem(e.UNDEFINED_NAME, name.start, name.end, name.text)
        return undefined_name(name, self.layout, self.scope)


def _values(constants: tuple[str, ...], names: _LayoutNames) -> dict[str, int | bytes]:
    """The values of constants, parts before wholes, of those that have one."""
    layout = names.layout
    # The names find here what is known so far.
    layout.late = values = {}
    for name in constants:
        definition = layout.program.constants[name].definition
        assert definition is not None
        try:
            values[name] = evaluate_any(definition.value, names)
        except (EvaluationError, AlreadyReported):
            continue
    return values


def undefined_name(name: t.Name, layout: Layout, scope: Scope | None) -> Problem:
    """The problem of a name that nothing defines."""
    program = layout.program
    if name.at and name.text in program.constants:
        return Problem(
            e.UNDEFINED_NAME, name.start, name.end, f"@{name.text} is a constant, no label",
            "write it without @", None,
        )
    layout.guesses += 1
    near = None
    if layout.guesses <= _MOST_GUESSES:
        own = (*scope.labels, *scope.parameters) if scope is not None else ()
        near = nearest_name(name.text, (*layout.labels, *program.constants, *own))
    if name.text in program.macros:
        hint = f"{name.text} is a macro, which has no value"
    elif near:
        hint = f"did you mean {near}?"
    else:
        hint = f"define it: {name.text}: for a label, %def {name.text} = … for a constant"
    return Problem(
        e.UNDEFINED_NAME, name.start, name.end, f"undefined name {name.text}", hint,
        near,
    )


# Emission ----------------------------------------------------------------------------------------


def _emit(layout: Layout) -> None:
    parts = []
    for index, fragment in enumerate(layout.program.fragments):
        if fragment.variables or fragment.fixups:
            parts.append(_emit_fragment(layout, index, fragment))
        else:
            parts.append(fragment.code)
    layout.code = b"".join(parts)


def _emit_fragment(layout: Layout, index: int, fragment: Fragment) -> bytes:
    plain = list(map(layout.labels.get, _plain_pushes(fragment)))
    if plain and not fragment.fixups and None not in plain:
        key = (tuple(layout.sizes[index]), tuple(plain), ())
        if fragment.emitted is None or fragment.emitted[0] != key:
            fragment.emitted = (key, _emit_pushes(fragment, *key[:2]))
        return fragment.emitted[1]
    names = _LayoutNames(layout, index)
    sizes = layout.sizes[index]
    values = [
        _checked(layout, names, index, variable) if variable.kind == "push" else 0
        for variable in fragment.variables
    ]
    fields = [_checked(layout, names, index, fixup) for fixup in fragment.fixups]
    for variable, size in zip(fragment.variables, sizes, strict=True):
        if variable.kind == "org":
            _check_org(layout, index, variable, size)
    made_of = (tuple(sizes), tuple(values), tuple(fields))
    if fragment.emitted is not None and fragment.emitted[0] == made_of:
        return fragment.emitted[1]
    template = bytearray(fragment.code)
    for fixup, value in zip(fragment.fixups, fields, strict=True):
        if fixup.width:
            template[fixup.offset : fixup.offset + fixup.width] = value.to_bytes(
                fixup.width, "big"
            )
    out = bytearray()
    last = 0
    for variable, size, value in zip(fragment.variables, sizes, values, strict=True):
        out += template[last : variable.offset]
        last = variable.offset
        if variable.kind == "push":
            out += encode_push(value, size - 1)
        else:
            out += bytes([variable.fill]) * size
    out += template[last:]
    fragment.emitted = (made_of, bytes(out))
    return fragment.emitted[1]


def _emit_pushes(
    fragment: Fragment, sizes: tuple[int, ...], values: tuple[int | None, ...]
) -> bytes:
    """The code of a fragment whose variables are plain pushes of known offsets."""
    if fragment.stretches is None:
        bounds = [0, *(variable.offset for variable in fragment.variables), len(fragment.code)]
        fragment.stretches = tuple(fragment.code[a:b] for a, b in pairwise(bounds))
    parts = [fragment.stretches[0]]
    for stretch, size, value in zip(fragment.stretches[1:], sizes, values, strict=True):
        assert value is not None
        parts += _PUSHES[size], value.to_bytes(size - 1, "big"), stretch
    return b"".join(parts)


#: The opcode of a push by the size of the whole instruction.
_PUSHES = (b"", *(encode_push(0, width)[:1] for width in range(33)))


def _checked(layout: Layout, names: _LayoutNames, index: int, site: Variable | Fixup) -> int:
    """The value of a field, 0 where it has none; flaws become findings."""
    problem: Problem | None = None
    where = (site.line, site.trail)
    value = 0
    try:
        known = _fast(layout, site)
        value = names.evaluate(site) if known is None else known
        problem = _fit_problem(site, value)
    except AlreadyReported:
        pass
    except EvaluationError as error:
        problem, where = error.problem, error.site or where
    except NeedsLayout:  # pragma: no cover -- all offsets are known here
        raise AssertionError("the layout asked for itself") from None
    if problem is not None:
        layout.findings.append(LayoutFinding(index, *where, problem))
        return 0
    return value


def _fast(layout: Layout, site: Variable | Fixup) -> int | None:
    """The offset of a plain label, the commonest field by far; None if it is anything else."""
    if site.scope is None and type(site.expression) is t.Name:
        return layout.labels.get(site.expression.text)
    return None


def _fit_problem(site: Variable | Fixup, value: int) -> Problem | None:
    if isinstance(site, Variable):
        return None
    if site.kind == "assert":
        if value:
            return None
        return Problem(
            e.ASSERTION_FAILED, site.expression.start, site.expression.end,
            "assertion failed" + (f": {site.message}" if site.message else ""),
            "its expression is 0",
        )
    if value.bit_length() <= site.width * 8:
        return None
    if site.kind == "push":
        return push_problem(site.expression, value, site.width)
    if site.kind == "table":
        return table_problem(site.expression, value, site.width)
    return bytes_problem(site.expression, value, site.width)


def _check_org(layout: Layout, index: int, variable: Variable, size: int) -> None:
    here = layout.offset(index, variable.item)
    if here + size != variable.amount:
        layout.findings.append(
            LayoutFinding(
                index, variable.line, variable.trail,
                Problem(
                    e.ORG_BACKWARDS, variable.expression.start, variable.expression.end,
                    f"%org {variable.amount:#x} goes back: {here:#x} bytes stand before it",
                    f"name {here:#x} or more",
                ),
            )
        )


def _too_large(layout: Layout) -> None:
    for index, fragment in enumerate(layout.program.fragments):
        end = layout.starts[index] + len(fragment.code) + layout.prefixes[index][-1]
        if end > layout.program.max_bytes:
            line = fragment.variables[-1].line if fragment.variables else (
                fragment.lines[-1] if fragment.lines else 0
            )
            node = fragment.variables[-1].expression if fragment.variables else None
            layout.findings.append(
                LayoutFinding(
                    index, line, (),
                    Problem(
                        e.LIMIT_EXCEEDED, node.start if node else 0, node.end if node else 0,
                        f"the program grows past {layout.program.max_bytes:,} bytes",
                        "look for a wrong %org",
                    ),
                )
            )
            return
