"""Stack pictures: the stack before and after each instruction, with names a reader knows.

Names come from stack comments, operands, labels and what opcodes call their outputs. A value keeps
its name through DUP and SWAP, and in other blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nvm_lsp.analysis.control_flow import Block, ControlFlow, Word, place_of_unknown
from nvm_lsp.analysis.stack import Step, fold
from nvm_lsp.analysis.stack_comments import Scope, StackComment
from nvm_lsp.opcodes import Opcode, opcode_by_code
from nvm_lsp.source import Location, Span

__all__ = ["Mismatch", "Named", "Picture", "Pictures", "Sources", "place_of"]

_LONGEST = 40
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*")
_JUMPDEST = 0x5B
_WORD_IN_OUTPUT = re.compile(r"[a-z_][a-z_0-9]*")


class Named:
    """A value with what it is called: ``names`` by stack comments, ``text`` otherwise.

    ``value`` is its constant if it is known, ``pc`` the instruction that made it. ``known`` tells
    that the text says more than that nothing is known.
    """

    __slots__ = ("_text", "known", "names", "pc", "value")

    def __init__(
        self, text: str | Callable[[], str], value: int | None = None, pc: int | None = None, *,
        known: bool = True,
    ) -> None:
        self._text = text
        self.value = value
        self.pc = pc
        self.names: dict[Scope, str] = {}
        self.known = known

    @property
    def text(self) -> str:
        """What it is called where no comment gives it a name; made when it is asked for."""
        if not isinstance(self._text, str):
            make, self._text = self._text, "?"  # a value that is made of itself ends here
            self._text = make()
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
        for pc in sorted(self.comments):
            self._of(pc)
        return sorted(self.mismatches, key=lambda mismatch: mismatch.pc)

    def _of(self, pc: int) -> None:
        block = self.flow.block_of(pc)
        if block is not None:
            self._run(block)

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
        start, comments = block.start, self.comments
        stack, exact = self._entry(block)
        for step in block.summary.steps:
            pc = start + step.offset
            row = opcode_by_code(step.code)
            needed = len(row.inputs) if row else 0
            if len(stack) < needed:
                if exact:
                    return  # an underflow, which is said elsewhere
                stack[:0] = [
                    Named("?", known=False) for _ in range(needed - len(stack))
                ]
            if keep:
                scope = self.sources.scope(pc)
                self._before[pc] = Picture(tuple(reversed(stack)), exact, scope)
            self._step(stack, pc, step, row)
            for comment in comments.get(pc, ()):
                stack, exact = self._commented(stack, exact, pc, comment, check=not keep)
            if keep:
                self._after[pc] = Picture(tuple(reversed(stack)), exact, scope)
        self._exits[block.start] = stack

    def _entry(self, block: Block) -> tuple[list[Named], bool]:
        """The stack that all ways into a block have in common, bottom first."""
        states = block.states
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

        def name() -> str:
            names = set()
            for before in self.flow.predecessors.get(start, ()):
                self._run(self.flow.blocks[before])
                exit_ = self._exits.get(before, [])
                if len(exit_) >= depth and exit_[-depth] is not word:
                    names.add(exit_[-depth].name())
            return names.pop() if len(names) == 1 else "?"

        word = Named(name, known=False)
        return word

    def _word(self, word: Word) -> Named:
        if isinstance(word, frozenset):
            return Named(" | ".join(self._constant(value) for value in sorted(word))[:_LONGEST])
        if word >= 0:
            return Named(self._constant(word), word)
        if word % 2 and word not in self._values:
            block = self.flow.block_of(-(word + 1) // 2)
            if block is not None:
                self._run(block)
        if word not in self._values:
            start, depth = place_of_unknown(word)
            self._values[word] = (
                Named("?", known=False) if word % 2 else self._met(start, depth)
            )
        return self._values[word]

    def _constant(self, value: int) -> str:
        if value in self.sources.labels and self.flow.code[value : value + 1] == b"\x5b":
            return self.sources.labels[value]
        return f"{value:#x}"

    def _step(self, stack: list[Named], pc: int, step: Step, row: Opcode | None) -> None:
        if row is None:
            return
        if row.is_dup:
            stack.append(stack[-len(row.inputs)])
            return
        if row.is_swap:
            stack[-1], stack[-len(row.inputs)] = stack[-len(row.inputs)], stack[-1]
            return
        taken = [stack.pop() for _ in row.inputs]
        if not row.outputs:
            return
        made = self._values.get(-2 * pc - 1)
        if made is None or not made.known:
            before, made = made, self._made(pc, step, row, taken)
            if before is not None:
                made.names = before.names
            self._values[-2 * pc - 1] = made
        stack.append(made)
        stack.extend(Named(name, pc=pc) for name in row.outputs[1:])

    def _made(self, pc: int, step: Step, row: Opcode, taken: list[Named]) -> Named:
        if row.is_push:
            number = step.output
            assert isinstance(number, int)
            return Named(lambda: self.sources.operand(pc) or f"{number:#x}", number, pc)
        value = step.output if isinstance(step.output, int) else None
        known = [word.value for word in taken if word.value is not None]
        if value is None and len(known) == len(taken):
            value = fold(row.code, *known)
        if value is not None and row.inputs:
            return Named(self._constant(value), value, pc)
        return Named(lambda: _text(row, taken, self.sources.scope(pc)), value, pc)

    # Comments ------------------------------------------------------------------------------------

    def _commented(
        self, stack: list[Named], exact: bool, pc: int, comment: StackComment, *, check: bool
    ) -> tuple[list[Named], bool]:
        """Checks a comment, and gives the values the names that it says."""
        said = comment.words
        computed = list(reversed(stack))
        if not exact and len(said) > len(computed):
            computed += [Named("?", known=False) for _ in range(len(said) - len(computed))]
        # A macro does not know what lies below the words that it is given.
        whole = comment.exact and exact and not comment.scope
        if len(said) > len(computed) or (whole and len(said) != len(computed)):
            if check:
                self._mismatch(
                    pc, comment, (), computed, exact,
                    f"the comment says {len(said)} word{'s' * (len(said) != 1)}, the stack "
                    f"holds {len(computed)}",
                )
            return stack, exact
        wrong: list[int] = []
        reasons: list[str] = []
        for index, (word, value) in enumerate(zip(said, computed, strict=False)):
            reason = self._disagrees(word, value, comment.scope)
            if reason:
                wrong.append(index)
                reasons.append(reason)
        if wrong and check:
            self._mismatch(pc, comment, tuple(wrong), computed, exact, "; ".join(reasons))
        for index, (word, value) in enumerate(zip(said, computed, strict=False)):
            if index not in wrong and not _NUMBER.fullmatch(word) and word not in ("_", "?"):
                value.names.setdefault(comment.scope, word)
        return list(reversed(computed)), exact

    def _disagrees(self, word: str, value: Named, scope: Scope) -> str:
        """Why a comment's word is not the value, empty if it may be."""
        if word in ("_", "?", ""):
            return ""
        said: int | None = None
        if _NUMBER.fullmatch(word):
            try:
                said = int(word.replace("_", ""), 0)
            except ValueError:
                said = int(word.replace("_", ""))
        elif word in self.sources.values:
            said = self.sources.values[word]
        if said is not None and value.value is not None and said != value.value:
            return f"{word} is {value.name(scope) if value.names else value.text} here"
        known = value.names.get(scope)
        if (
            said is None and known is not None and _plain(known) != _plain(word)
            and not (value.value is not None and known in self.sources.values)
        ):
            return f"{word} was called {known} before"
        return ""

    def _mismatch(
        self, pc: int, comment: StackComment, words: tuple[int, ...], computed: list[Named],
        exact: bool, message: str,
    ) -> None:
        picture = Picture(tuple(computed), exact, comment.scope)
        self.mismatches.append(Mismatch(pc, comment, words, message, picture))


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
    start = comment.columns[mismatch.words[0]][0]
    end = comment.columns[mismatch.words[-1]][1]
    return Location(
        comment.location.path, Span.of_line(comment.location.span.start.line, start, end)
    )
