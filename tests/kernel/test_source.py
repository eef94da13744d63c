"""The kernel's source as something to read: its stack comments are right, its names are used."""

from __future__ import annotations

import re

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.loader import MemoryLoader
from nvm_lsp.assembler.program import Macro
from nvm_lsp.kernel.image import sources
from nvm_lsp.opcodes import Opcode, opcode_by_name
from nvm_lsp.syntax import parse
from nvm_lsp.syntax import tree as t

_HEADING = re.compile(r"#   stack +\[(?P<inputs>.*)\] -> \[(?P<outputs>.*)\]")
_ENDS = {"JUMP", "STOP", "RETURN", "REVERT", "INVALID"}
#: A word that no comment has named yet.
_UNNAMED = "?"

Stack = list[str] | None


def names(text: str) -> list[str]:
    """The words of a stack comment, split at the commas outside of brackets."""
    found, depth, word = [], 0, ""
    for character in text:
        depth += character in "[("
        depth -= character in "])"
        if character == "," and depth == 0:
            found.append(word.strip())
            word = ""
        else:
            word += character
    return [*found, word.strip()] if word.strip() else found


def macros() -> dict[str, Macro]:
    texts = dict(sources())
    assembly = assemble_text(
        texts["nestedvm.easm"], "nestedvm.easm", loader=MemoryLoader(texts),
    )
    return dict(assembly.program.macros)


class Reader:
    """Goes through a file with the stack that its comments and instructions make.

    ``stack`` is None where it is not known: after a jump, until a comment tells. It ends with
    ``..`` where more may lie below.
    """

    def __init__(self, macros: dict[str, Macro]) -> None:
        self.macros = macros
        self.stack: Stack = None
        self.heading: tuple[list[str], list[str]] | None = None
        self.results: list[str] | None = None
        self.branches: list[tuple[Stack, Stack]] = []

    def line(self, line: t.Line) -> None:
        comment = line.comment
        if comment is not None and (found := _HEADING.match(comment.text)):
            self.heading = names(found["inputs"]), names(found["outputs"])
            if "…" in self.heading[0]:  # for many handlers at once
                self.heading = None
        match line.statement:
            case t.Instruction(mnemonic=mnemonic):
                row = opcode_by_name(mnemonic) or opcode_by_name("PUSH1")
                assert row is not None
                self.instruction(row)
            case t.MacroUse(name=name):
                self.macro(name.text)
            case t.Label(name=name):
                self.label(name.text)
            case t.Condition():
                self.branches.append((copy(self.stack), None))
            case t.Alternative():
                before, _ = self.branches[-1]
                self.branches[-1] = before, self.stack
                self.stack = copy(before)
            case t.End() if self.branches:
                before, first = self.branches.pop()
                if self.stack is None:
                    self.stack = first if first is not None else before
            case t.MacroDefinition():
                self.stack, self.results = None, None
        if comment is not None and comment.kind == "stack" and line.statement is not None:
            self.check(names(comment.body[1:-1]))
        if isinstance(line.statement, t.Instruction) and line.statement.mnemonic in _ENDS:
            self.stack = None

    def instruction(self, row: Opcode) -> None:
        if self.stack is None:
            return
        if row.is_dup or row.is_swap:
            depth = row.code - (0x7F if row.is_dup else 0x8F)
            self.reach(depth + row.is_swap)
            if self.stack[-1] == ".." and len(self.stack) <= depth:
                self.stack = None
            elif row.is_dup:
                self.stack.insert(0, self.stack[depth - 1])
            else:
                self.stack[0], self.stack[depth] = self.stack[depth], self.stack[0]
        else:
            self.replace(len(row.inputs), len(row.outputs))

    def macro(self, name: str) -> None:
        definition = self.macros[name].definition
        if definition.takes is None:
            return
        if name == "next" and self.stack is not None and self.results is not None:
            left = self.stack[: self.stack.index("..")]
            assert len(left) == len(self.results), f"leaves {left}, the heading {self.results}"
        if self.stack is not None:
            self.replace(definition.takes, definition.returns or 0)
        if definition.returns is None:
            self.stack = None

    def label(self, name: str) -> None:
        if name.startswith("op.") and self.heading is not None:
            inputs, outputs = self.heading
            self.stack = [*inputs, ".."]
            self.results = outputs
            self.heading = None
        elif name.startswith("op."):
            self.stack, self.results = None, None

    def replace(self, inputs: int, outputs: int) -> None:
        assert self.stack is not None
        self.reach(inputs)
        taken = min(inputs, len(self.stack) - (self.stack[-1:] == [".."]))
        self.stack[:taken] = [_UNNAMED] * outputs

    def reach(self, depth: int) -> None:
        assert self.stack is not None
        if self.stack[-1:] != [".."]:
            assert len(self.stack) >= depth, f"needs {depth} words of {self.stack}"
        while self.results is None and len(self.stack) - 1 < depth and self.stack[-1:] == [".."]:
            self.stack.insert(-1, _UNNAMED)

    def check(self, said: list[str]) -> None:
        if self.stack is None:
            self.stack = said
            return
        whole = said[-1:] != [".."]
        words = said if whole else said[:-1]
        computed = self.stack if self.stack[-1:] != [".."] else self.stack[:-1]
        for word, known in zip(words, computed, strict=False):
            assert known in (_UNNAMED, word), f"says {said}, computed {self.stack}"
        if whole:
            assert len(words) == len(computed), f"says {said}, computed {self.stack}"
        elif self.results is not None:
            assert len(words) <= len(computed), f"says {said}, computed {self.stack}"
        self.stack = [*words, *self.stack[len(words) :]]
        if self.stack[-1:] != [".."] and not whole:
            self.stack.append("..")


def copy(stack: Stack) -> Stack:
    return None if stack is None else list(stack)


@pytest.mark.parametrize("name", sources())
def test_stack_comments(name: str) -> None:
    tree = parse(sources()[name], name)
    reader = Reader(macros())
    wrong = []
    for number, line in enumerate(tree.lines(), 1):
        try:
            reader.line(line)
        except AssertionError as error:
            wrong.append(f"{name}:{number}: {line.text.strip()}: {error}")
            reader.stack = None
    assert not wrong, "\n".join(wrong)


def test_every_instruction_has_its_stack_comment() -> None:
    for name, text in sources().items():
        for number, line in enumerate(parse(text, name).lines(), 1):
            statement = line.statement
            if isinstance(statement, t.Instruction) and statement.mnemonic not in _ENDS - {"JUMP"}:
                assert line.comment is not None, f"{name}:{number}: {line.text.strip()}"
                assert line.comment.kind == "stack", f"{name}:{number}: {line.text.strip()}"


def test_lines_are_short() -> None:
    for name, text in sources().items():
        for number, line in enumerate(text.splitlines(), 1):
            assert len(line) <= 100, f"{name}:{number}"
