"""Stack pictures: the stack before and after each instruction, with names a reader knows.

Names come from stack comments, operands, labels and what opcodes call their outputs. A value keeps
its name through DUP and SWAP, and in other blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nvm_lsp.analysis.control_flow import Block, ControlFlow, Word, place_of_unknown
from nvm_lsp.analysis.stack import Value, fold
from nvm_lsp.analysis.stack_comments import Scope, StackComment, Term
from nvm_lsp.opcodes import Opcode, opcode_by_code
from nvm_lsp.source import Location, Span

__all__ = ["Mismatch", "Named", "Picture", "Pictures", "Sources", "place_of"]

_LONGEST = 40
_JUMPDEST = 0x5B
_WORD_IN_OUTPUT = re.compile(r"[a-z_][a-z_0-9]*")


#: How a text is made when it is asked for: a function and its arguments.
_Made = tuple[Any, ...]


class Named:
    """A value with what it is called: ``names`` by stack comments, ``text`` otherwise.

    ``value`` is its constant if it is known, ``pc`` the instruction that made it. ``known`` tells
    that the text says more than that nothing is known.
    """

    __slots__ = ("_text", "known", "names", "pc", "value")

    def __init__(
        self, text: str | _Made, value: int | None = None, pc: int | None = None,
        known: bool = True,
    ) -> None:
        self._text = text
        self.value = value
        self.pc = pc
        self.names: dict[Scope, str] | None = None
        self.known = known

    @property
    def text(self) -> str:
        """What it is called where no comment gives it a name; made when it is asked for."""
        if not isinstance(self._text, str):
            make, *arguments = self._text
            self._text = "?"  # a value that is made of itself ends here
            text: str = make(*arguments)
            self._text = text
        return self._text

    def name(self, scope: Scope = ()) -> str:
        """What it is called in an expansion of a macro: its name there, or further out."""
        if self.names:
            for length in range(len(scope), -1, -1):
                if scope[:length] in self.names:
                    return self.names[scope[:length]]
        return self.text


@dataclass(frozen=True, slots=True)
class Picture:
    """A stack: words top first. If not ``exact``, unknown words may lie below."""

    words: tuple[Named, ...]
    exact: bool
    scope: Scope = ()

    def __str__(self) -> str:
        names = [word.name(self.scope) for word in self.words]
        return f"[{', '.join(names if self.exact else [*names, '..'])}]"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A stack comment that is wrong: which words of it, and what the stack is."""

    pc: int
    comment: StackComment
    words: tuple[int, ...]  # indices of the comment's words; empty if the heights differ
    message: str
    computed: Picture


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known of a program beside its bytecode.

    ``operand`` is the text of a push's operand if it is a name or an expression, ``labels`` names
    offsets, ``values`` are the values of names, ``scope`` is the expansion of an instruction.
    """

    operand: Callable[[int], str | None] = lambda pc: None
    labels: Mapping[int, str] = field(default_factory=dict)
    values: Mapping[str, int] = field(default_factory=dict)
    scope: Callable[[int], Scope] = lambda pc: ()


class Pictures:
    """Pictures of a program, made block by block when they are asked for."""

    def __init__(
        self, flow: ControlFlow, sources: Sources, comments: Mapping[int, list[StackComment]]
    ) -> None:
        self.flow = flow
        self.sources = sources
        self.comments = comments
        self.mismatches: list[Mismatch] = []
        self._before: dict[int, Picture] = {}
        self._after: dict[int, Picture] = {}
        self._values: dict[int, Named] = {}
        self._done: set[int] = set()
        self._kept: set[int] = set()
        self._exits: dict[int, list[Named]] = {}

    def before(self, pc: int) -> Picture | None:
        """The stack before an instruction; None where no execution comes."""
        self._keep(pc)
        return self._before.get(pc)

    def after(self, pc: int) -> Picture | None:
        """The stack after an instruction; None where no execution comes."""
        self._keep(pc)
        return self._after.get(pc)

    def inputs(self, pc: int) -> tuple[Named, ...]:
        """The words that an instruction takes, top first, as far as they are there."""
        picture = self.before(pc)
        row = opcode_by_code(self.flow.code[pc]) if pc < len(self.flow.code) else None
        return picture.words[: len(row.inputs)] if picture is not None and row else ()

    def check(self) -> list[Mismatch]:
        """All stack comments that are wrong, in order of their instructions."""
        end = 0
        for pc in sorted(self.comments):
            if pc >= end:
                block = self.flow.block_of(pc)
                if block is not None:
                    end = block.end
                    self._run(block)
        return sorted(self.mismatches, key=lambda mismatch: mismatch.pc)

    def _keep(self, pc: int) -> None:
        """Makes the pictures of the block that an instruction belongs to."""
        block = self.flow.block_of(pc)
        if block is not None and block.start not in self._kept:
            self._kept.add(block.start)
            self._run(block)
            self._run(block, keep=True)

    def _run(self, block: Block, *, keep: bool = False) -> None:
        """Follows a block: first for names and what comments say, then for its pictures."""
        if (block.start in self._done and not keep) or block.summary is None or not block.states:
            return
        self._done.add(block.start)
        start, comments, rows, values = block.start, self.comments, _rows(), self._values
        stack, exact = self._entry(block)
        scope: Scope = ()
        for offset, code, _, output in block.summary.steps:
            pc = start + offset
            row, needed, shape = rows[code]
            if len(stack) < needed:
                if exact:
                    return  # an underflow, which is said elsewhere
                stack[:0] = [_unknown() for _ in range(needed - len(stack))]
            if keep:
                scope = self.sources.scope(pc)
                self._before[pc] = Picture(tuple(reversed(stack)), exact, scope)
            if shape == _DUP:
                stack.append(stack[-needed])
            elif shape == _SWAP:
                stack[-1], stack[-needed] = stack[-needed], stack[-1]
            elif row is not None:
                if needed:
                    taken = stack[: -needed - 1 : -1]
                    del stack[-needed:]
                else:
                    taken = []
                if row.outputs:
                    key = -2 * pc - 1
                    made = values.get(key)
                    if made is None or not made.known:
                        before = made
                        made = values[key] = (
                            Named((self._pushed, pc, output), output, pc)
                            if shape == _PUSH and type(output) is int
                            else self._made(pc, output, row, taken)
                        )
                        if before is not None:
                            made.names = before.names
                    stack.append(made)
                    stack.extend(Named(name, None, pc) for name in row.outputs[1:])
            if pc in comments:
                for comment in comments[pc]:
                    self._commented(stack, exact, pc, comment, check=not keep)
            if keep:
                self._after[pc] = Picture(tuple(reversed(stack)), exact, scope)
        self._exits[start] = stack

    def _entry(self, block: Block) -> tuple[list[Named], bool]:
        """The stack that all ways into a block have in common, bottom first."""
        states = block.states
        if len(states) == 1:
            return [self._word(word) for word in states[0].words], states[0].exact
        height = min(len(state.words) for state in states)
        exact = all(state.exact and len(state.words) == height for state in states)
        first = states[0].words[len(states[0].words) - height :]
        words: list[Named] = []
        for index, word in enumerate(first):
            alike = all(
                state.words[len(state.words) - height + index] == word for state in states[1:]
            )
            words.append(
                self._word(word) if alike else self._met(block.start, height - index)
            )
        return words, exact

    def _met(self, start: int, depth: int) -> Named:
        """A word that several ways bring to a block, ``depth`` words down (1 is the top).

        It is called what it is called on all of them, if that is one name.
        """

        word = Named("?", known=False)
        word._text = (self._name_of_met, start, depth, word)
        return word

    def _name_of_met(self, start: int, depth: int, word: Named) -> str:
        names = set()
        for before in self.flow.predecessors.get(start, ()):
            self._run(self.flow.blocks[before])
            exit_ = self._exits.get(before, [])
            if len(exit_) >= depth and exit_[-depth] is not word:
                names.add(exit_[-depth].name())
        return names.pop() if len(names) == 1 else "?"

    def _word(self, word: Word) -> Named:
        if isinstance(word, frozenset):
            return Named(" | ".join(self._constant(value) for value in sorted(word))[:_LONGEST])
        if word >= 0:
            return Named((self._constant, word), word)
        known = self._values.get(word)
        if known is not None:
            return known
        if word % 2:
            block = self.flow.block_of(-(word + 1) // 2)
            if block is not None:
                self._run(block)
        if word not in self._values:
            start, depth = place_of_unknown(word)
            self._values[word] = (
                _unknown() if word % 2 else self._met(start, depth)
            )
        return self._values[word]

    def _constant(self, value: int) -> str:
        if value in self.sources.labels and self.flow.code[value : value + 1] == b"\x5b":
            return self.sources.labels[value]
        return f"{value:#x}"

    def _pushed(self, pc: int, number: int) -> str:
        return self.sources.operand(pc) or f"{number:#x}"

    def _made(self, pc: int, output: Value | None, row: Opcode, taken: list[Named]) -> Named:
        value = output if type(output) is int else None
        if taken:
            if value is None and all(word.value is not None for word in taken):
                value = fold(row.code, *[word.value for word in taken if word.value is not None])
            if value is not None:
                return Named((self._constant, value), value, pc)
        return Named((self._text, pc, row, taken), value, pc)

    def _text(self, pc: int, row: Opcode, taken: list[Named]) -> str:
        return _text(row, taken, self.sources.scope(pc))

    # Comments ------------------------------------------------------------------------------------

    def _commented(
        self, stack: list[Named], exact: bool, pc: int, comment: StackComment, *, check: bool
    ) -> None:
        """Checks a comment, and gives the values the names that it says."""
        terms, scope = comment.said.terms, comment.scope
        if not exact and len(terms) > len(stack):
            stack[:0] = [_unknown() for _ in range(len(terms) - len(stack))]
        # A macro does not know what lies below the words that it is given.
        whole = exact and not scope and comment.said.exact
        if len(terms) > len(stack) or (whole and len(terms) != len(stack)):
            if check:
                self._mismatch(
                    pc, comment, (), stack, exact,
                    f"the comment says {len(terms)} word{'s' * (len(terms) != 1)}, the stack "
                    f"holds {len(stack)}",
                )
            return
        constants = self.sources.values
        wrong: dict[int, str] = {}
        fresh: list[tuple[Named, str]] = []
        index = 0
        for term in terms:
            index += 1
            text, number, is_any = term
            if is_any:
                continue
            value = stack[-index]
            names = value.names
            if number is not None or text in constants:
                if value.value is not None or names:
                    reason = self._disagrees(term, value, scope)
                    if reason:
                        wrong[index - 1] = reason
                        continue
                if number is not None:
                    continue
            elif names and names.get(scope, text) != text:
                known = names[scope]
                is_copy = any(  # `DUP1 # [copy, value]`: the name that is known is said, too
                    other.text == known and stack[-1 - at] is value
                    for at, other in enumerate(terms)
                )
                reason = "" if is_copy else self._disagrees(term, value, scope)
                if reason:
                    wrong[index - 1] = reason
                    continue
            if names is None or scope not in names:
                fresh.append((value, text))
        for value, text in fresh:  # not before: one value may be said twice, by two names
            if value.names is None:
                value.names = {scope: text}
            else:
                value.names.setdefault(scope, text)
        if wrong and check:
            self._mismatch(pc, comment, tuple(wrong), stack, exact, "; ".join(wrong.values()))

    def _disagrees(self, term: Term, value: Named, scope: Scope) -> str:
        """Why a comment's word is not the value, empty if it may be."""
        word = term.text
        said = self.sources.values.get(word) if term.number is None else term.number
        if said is not None:
            differs = value.value is not None and said != value.value
            named = value.name(scope) if value.names else value.text
            return f"{word} is {named} here" if differs else ""
        known = value.names.get(scope) if value.names else None
        if (
            known is not None and _plain(known) != _plain(word)
            and not (value.value is not None and known in self.sources.values)
        ):
            return f"{word} was called {known} before"
        return ""

    def _mismatch(
        self, pc: int, comment: StackComment, words: tuple[int, ...], stack: list[Named],
        exact: bool, message: str,
    ) -> None:
        picture = Picture(tuple(reversed(stack)), exact, comment.scope)
        self.mismatches.append(Mismatch(pc, comment, words, message, picture))


_PLAIN, _PUSH, _DUP, _SWAP = range(4)


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[Opcode | None, int, int], ...]:
    """By opcode: its row, the words it needs, its shape."""
    rows: list[tuple[Opcode | None, int, int]] = []
    for code in range(256):
        row = opcode_by_code(code)
        if row is None:
            rows.append((None, 0, _PLAIN))
        else:
            shape = _PUSH if row.is_push else _DUP if row.is_dup else _SWAP if row.is_swap else 0
            rows.append((row, len(row.inputs), shape))
    return tuple(rows)


def _unknown() -> Named:
    return Named("?", known=False)


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _text(row: Opcode, taken: list[Named], scope: Scope) -> str:
    """What an opcode's output is called, with what it was made of put in."""
    if not row.inputs:
        return row.name.lower()
    inputs = {
        name: word.name(scope) for name, word in zip(row.inputs, taken, strict=False)
    }
    if row.name == "MLOAD":
        return _short(f"mem[{inputs['offset']}]", "mem[…]")
    if row.name == "SLOAD":
        return _short(f"storage[{inputs['key']}]", "storage[…]")
    if row.name == "TLOAD":
        return _short(f"transient[{inputs['key']}]", "transient[…]")
    if row.name == "CALLDATALOAD":
        return _short(f"calldata[{inputs['i']}]", "calldata[…]")
    output = row.outputs[0]
    if any(name in inputs for name in _WORD_IN_OUTPUT.findall(output)):
        if "?" in inputs.values():
            return "?"
        text = _WORD_IN_OUTPUT.sub(
            lambda found: _bracketed(inputs.get(found[0], found[0])), output
        )
        return _short(text, row.name.lower())
    return output if len(output) > 1 else row.name.lower()


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text and not text.endswith((")", "]")) else text


def _short(text: str, otherwise: str) -> str:
    return text if len(text) <= _LONGEST else otherwise


def place_of(mismatch: Mismatch) -> Location:
    """Where a mismatch is shown: at the wrong words, or the whole comment."""
    comment = mismatch.comment
    if not mismatch.words:
        return comment.location
    start = comment.said.columns[mismatch.words[0]][0]
    end = comment.said.columns[mismatch.words[-1]][1]
    return Location(
        comment.location.path, Span.of_line(comment.location.span.start.line, start, end)
    )
