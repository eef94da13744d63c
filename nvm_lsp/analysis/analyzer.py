"""All that is known of a program before it runs, found when it is asked for.

The entry point of the analysis: `analyze` ties control flow, stack pictures, memory and gas to an
assembled program. It works alike on source and on disassembled bytecode.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from nvm_lsp.analysis.control_flow import STACK_LIMIT, Block, ControlFlow, control_flow
from nvm_lsp.analysis.gas import Gas, Overhead, block_gas, program_gas
from nvm_lsp.analysis.memory import KnownMemory
from nvm_lsp.analysis.pictures import Named, Picture, Pictures, Sources
from nvm_lsp.analysis.signatures import names_in
from nvm_lsp.analysis.stack import Step, Value, constants_of
from nvm_lsp.analysis.stack_comments import StackComment, stack_comments
from nvm_lsp.assembler import Assembly, Origin
from nvm_lsp.assembler.expressions import checksum_address
from nvm_lsp.opcodes import Opcode, opcode_by_code
from nvm_lsp.syntax import tree as t

__all__ = ["NVM_STACK_LIMIT", "Analysis", "CallReading", "Instruction", "analyze", "forget"]

#: Words of stack that a guest of the NestedVM can use; the kernel needs the others
#: (docs/kernel.md, held by tests/kernel).
NVM_STACK_LIMIT = 1021
_MOST_BLOCKS_BACK = 64
#: Bytes of a call's arguments that are looked at.
_LONGEST_DATA = 4 + 32 * 32
_JUMPDEST, _CODECOPY = 0x5B, 0x39
_CALLS = frozenset({0xF1, 0xF2, 0xF4, 0xFA})


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a block that is reached, with its values."""

    pc: int
    row: Opcode | None
    step: Step


@dataclass(frozen=True, slots=True)
class CallReading:
    """A call as a reader would say it. ``arguments`` are words, as far as they are known."""

    pc: int
    row: Opcode
    target: Named
    value: Named | None
    selector: int | None
    signature: str | None
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        target = self.target.name()
        if self.target.value is not None and target.startswith("0x"):
            address = checksum_address(self.target.value & ((1 << 160) - 1))
            target = f"{address[:6]}…{address[-4:]}"
        what = self.signature or (f"{self.selector:#010x}" if self.selector is not None else "")
        sends = ""
        if self.value is not None and self.value.value != 0:
            sends = f" with {self.value.name()} wei"
        return f"{self.row.name.lower()} {target}" + (f".{what}" if what else "") + sends


def analyze(assembly: Assembly, target: str = "nvm") -> Analysis:
    """The analysis of a program for ``nvm`` or ``evm``; made once for each assembly."""
    key = f"analysis for {target}"
    known = assembly.__dict__.get(key)
    if known is None:
        known = assembly.__dict__[key] = Analysis(assembly, target)
    assert isinstance(known, Analysis)
    return known


def forget(assembly: Assembly) -> None:
    """Frees what is known of a program that nobody looks at any more.

    Its parts refer to each other, so without this an editor's session holds the analyses of many
    former texts until they are searched for. Whoever still has a part must not use it.
    """
    for key in [key for key in assembly.__dict__ if key.startswith("analysis for ")]:
        analysis = assembly.__dict__.pop(key)
        made = analysis.__dict__
        if "pictures" in made:
            made["pictures"].__dict__.clear()
        if "flow" in made:
            for block in made["flow"].blocks.values():
                for state in block.states:
                    state.leads_to.clear()
        made.clear()


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known of a program; see `analyze`."""

    assembly: Assembly
    target: str = "nvm"

    @cached_property
    def flow(self) -> ControlFlow:
        """Blocks and the jumps between them."""
        limit = NVM_STACK_LIMIT if self.target == "nvm" else STACK_LIMIT
        return control_flow(self.assembly.bytecode, limit=limit)

    @cached_property
    def is_certain(self) -> bool:
        """All jumps are known, and the work was not bounded: what is not seen does not happen."""
        return self.flow.complete and not self.flow.unresolved

    @cached_property
    def comments(self) -> dict[int, list[StackComment]]:
        """Stack comments by the instruction that they stand at."""
        return stack_comments(self.assembly)

    @cached_property
    def pictures(self) -> Pictures:
        """The stack before and after each instruction."""
        assembly = self.assembly
        return Pictures(
            self.flow,
            Sources(
                self.operand,
                self._labels,
                {**assembly.symbols.constants, **assembly.labels()},
                assembly.source_map.trail,
            ),
            self.comments,
        )

    @cached_property
    def _labels(self) -> dict[int, str]:
        return {offset: name for name, offset in self.assembly.labels().items()}

    def label_at(self, pc: int) -> str | None:
        """The name of the label at an offset."""
        return self._labels.get(pc)

    def blocks(self) -> Iterator[Block]:
        """The blocks that are known to be entered, in order."""
        return (
            block for block in self.flow.blocks.values()
            if block.states and block.summary is not None
        )

    def instructions(self, block: Block) -> Iterator[Instruction]:
        """The instructions of a block with their values, as far as execution comes."""
        if block.summary is not None:
            for step in block.summary.steps:
                yield Instruction(block.start + step.offset, opcode_by_code(step.code), step)

    def find(self, codes: frozenset[int]) -> Iterator[tuple[Block, Instruction]]:
        """The instructions with one of these opcodes that are known to be reached, in order."""
        holding = self._blocks_with
        found = [holding[code] for code in codes if code in holding]
        blocks = found[0] if len(found) == 1 else sorted(
            set().union(*found), key=lambda block: block.start
        )
        for block in blocks:
            assert block.summary is not None
            for step in block.summary.steps:
                if step.code in codes:
                    yield block, Instruction(
                        block.start + step.offset, opcode_by_code(step.code), step
                    )

    @cached_property
    def _blocks_with(self) -> dict[int, list[Block]]:
        """The blocks that are entered, by the opcodes that are in them: rules ask for few."""
        found: dict[int, list[Block]] = {}
        for block in self.blocks():
            assert block.summary is not None
            for code in block.summary.codes:
                if code in found:
                    found[code].append(block)
                else:
                    found[code] = [block]
        return found

    def constant(self, block: Block, value: Value | None) -> int | None:
        """The constant that a value of a block is on every way there, None if it is none."""
        if value is None or type(value) is int:
            return value
        found: int | None = None
        for state in block.states:
            words = state.words

            def entry(depth: int, words: tuple[int | frozenset[int], ...] = words) -> (
                int | frozenset[int] | None
            ):
                word = words[-1 - depth] if depth < len(words) else None
                return None if word is None or (isinstance(word, int) and word < 0) else word

            known = constants_of(value, entry)
            if not isinstance(known, int) or (found is not None and known != found):
                return None
            found = known
        return found

    def constants(self, block: Block, step: Step) -> tuple[int | None, ...]:
        """The inputs of an instruction, as far as they are constants."""
        return tuple(self.constant(block, value) for value in step.inputs)

    def is_data(self, pc: int) -> bool:
        """The byte was written as data, not as an instruction."""
        ranges = self.assembly.data_ranges
        index = bisect_right(ranges, (pc, 1 << 62)) - 1
        return index >= 0 and ranges[index][0] <= pc < ranges[index][1]

    @cached_property
    def copied(self) -> tuple[tuple[int, int], ...]:
        """The stretches of code that CODECOPY reads, as a constructor does with what it deploys.

        Where it is not known, it may be anywhere.
        """
        found = []
        for block, instruction in self.find(frozenset({_CODECOPY})):
            _, offset, size = self.constants(block, instruction.step)
            start, stop = 0, len(self.flow.code)
            if offset is not None and size is not None:
                start, stop = offset, offset + size
            found.append((start, stop))
        return tuple(sorted(found))

    def origin(self, pc: int) -> Origin | None:
        """Where an instruction comes from."""
        return self.assembly.source_map.origin(pc)

    def before(self, pc: int) -> Picture | None:
        """The stack before an instruction; None where no execution comes."""
        return self.pictures.before(pc)

    def after(self, pc: int) -> Picture | None:
        """The stack after an instruction; None where no execution comes."""
        return self.pictures.after(pc)

    def gas(self, overhead: Overhead | None = None) -> Gas:
        """What a run costs that ends with success."""
        return program_gas(self.flow, self.assembly.fork, overhead)

    def block_gas(self, block: Block, overhead: Overhead | None = None) -> Gas:
        """What a block costs."""
        return block_gas(block, self.assembly.fork, overhead)

    @cached_property
    def calls(self) -> tuple[CallReading, ...]:
        """All calls of accounts, in order, with what is known of target and arguments."""
        return tuple(
            self.call(instruction.pc)
            for _, instruction in self.find(_CALLS)
            if len(self.pictures.inputs(instruction.pc)) >= 6
        )

    @cached_property
    def _names_of_selector(self) -> Callable[[int], tuple[str, ...]]:
        return names_in(self.assembly, "selector")

    def call(self, pc: int) -> CallReading:
        """How the call at ``pc`` reads."""
        row = opcode_by_code(self.flow.code[pc])
        assert row is not None
        words = dict(zip(row.inputs, self.pictures.inputs(pc), strict=True))
        offset, size = words["args_offset"].value, words["args_size"].value
        selector = signature = None
        arguments: tuple[str, ...] = ()
        if offset is not None and size is not None and size >= 4:
            memory = self.memory_at(pc)
            head = memory.read(offset, 4)
            if head is not None:
                selector = int.from_bytes(head, "big")
                names = self._names_of_selector(selector)
                signature = names[0].split(" (")[0] if names else None
            places = range(offset + 4, offset + min(size, _LONGEST_DATA), 32)
            arguments = tuple(self._argument(memory, at) for at in places)
        return CallReading(
            pc, row, words["address"], words.get("value"), selector, signature, arguments
        )

    def memory_at(self, pc: int) -> KnownMemory:
        """What is known of memory before an instruction."""
        flow = self.flow
        block = flow.block_of(pc)
        chain: list[Block] = []
        while block is not None and block not in chain and len(chain) < _MOST_BLOCKS_BACK:
            chain.append(block)
            before = flow.predecessors.get(block.start, ())
            entered_from_anywhere = bool(flow.unresolved) and flow.code[block.start] == _JUMPDEST
            if len(before) != 1 or entered_from_anywhere or block.start == 0:
                break
            block = flow.blocks[before[0]]
        first = chain[-1] if chain else None
        starts = first is not None and first.start == 0 and not flow.predecessors.get(0)
        memory = KnownMemory(zero=starts)
        for block in reversed(chain):
            for instruction in self.instructions(block):
                if instruction.pc >= pc and block is chain[0]:
                    return memory
                if instruction.row is not None and instruction.row.inputs:
                    inputs = [word.value for word in self.pictures.inputs(instruction.pc)]
                    memory.step(instruction.pc, instruction.step.code, inputs, flow.code)
        return memory

    def _argument(self, memory: KnownMemory, offset: int) -> str:
        """A word of a call's arguments: the name of what was stored there, or its value."""
        pc = memory.words.get(offset)
        if pc is not None:
            words = self.pictures.inputs(pc)
            if len(words) > 1:
                return words[1].name(self.pictures.sources.scope(pc))
        data = memory.read(offset, 32)
        return "?" if data is None else f"{int.from_bytes(data, 'big'):#x}"

    def operand(self, pc: int) -> str | None:
        """The text of a push's operand where it is more telling than its value."""
        line = self.assembly.source_map.line(pc)
        statement = line.statement if line is not None else None
        if not isinstance(statement, t.Instruction) or statement.operand is None:
            return None
        if isinstance(statement.operand, t.Number):
            return None
        assert line is not None
        text = line.text[statement.operand.start : statement.operand.end].strip()
        return text if len(text) <= 48 else None
