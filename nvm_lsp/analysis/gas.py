"""Static gas: what an instruction, a block or a way through a program costs, least and most.

Prices of Berlin and later are those of the opcode table with EIP-2929 and EIP-3529; older forks
have older prices for access to state. What interpretation on the NestedVM costs on top is given by
the caller. It knows no source.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from nvm_lsp.analysis.control_flow import Block, ControlFlow
from nvm_lsp.analysis.memory import memory_opcodes, ranges_read, ranges_written
from nvm_lsp.analysis.stack import Step
from nvm_lsp.opcodes import FORKS, Opcode, opcode_by_code

__all__ = ["FREE", "Gas", "Overhead", "block_gas", "instruction_gas", "prices", "program_gas"]

_WORD = 32


@dataclass(frozen=True, slots=True)
class Overhead:
    """What interpretation adds: least and most gas by opcode, and the gas of an empty program.

    ``memory`` is how many bytes of memory lie below the program's, which expansion is paid from.
    """

    by_code: Mapping[int, tuple[int, int]]
    start: int = 0
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Gas:
    """A range, in gas; ``most`` is None where nothing bounds it. ``dynamic`` says what it is that
    depends on operands or on the state, each once."""

    least: int
    most: int | None
    dynamic: tuple[str, ...] = ()

    def __add__(self, other: Gas) -> Gas:
        most = None if self.most is None or other.most is None else self.most + other.most
        return Gas(
            self.least + other.least, most, tuple(dict.fromkeys(self.dynamic + other.dynamic))
        )

    def __str__(self) -> str:
        if self.most == self.least:
            return f"{self.least:,}"
        return f"{self.least:,}+" if self.most is None else f"{self.least:,}-{self.most:,}"


#: No gas at all.
FREE = Gas(0, 0)

#: Opcodes whose price was another one before: (from that fork on, gas), oldest first.
_OLD_PRICES: Mapping[str, tuple[tuple[str, int], ...]] = {
    "EXTCODESIZE": (("frontier", 20), ("tangerine", 700), ("berlin", 100)),
    "EXTCODECOPY": (("frontier", 20), ("tangerine", 700), ("berlin", 100)),
    "EXTCODEHASH": (("frontier", 400), ("istanbul", 700), ("berlin", 100)),
    "BALANCE": (("frontier", 20), ("tangerine", 400), ("istanbul", 700), ("berlin", 100)),
    "SLOAD": (("frontier", 50), ("tangerine", 200), ("istanbul", 800), ("berlin", 100)),
    "CALL": (("frontier", 40), ("tangerine", 700), ("berlin", 100)),
    "CALLCODE": (("frontier", 40), ("tangerine", 700), ("berlin", 100)),
    "DELEGATECALL": (("frontier", 40), ("tangerine", 700), ("berlin", 100)),
    "STATICCALL": (("frontier", 700), ("berlin", 100)),
    "SELFDESTRUCT": (("frontier", 0), ("tangerine", 5000)),
}
_ACCOUNTS = frozenset({"BALANCE", "EXTCODESIZE", "EXTCODECOPY", "EXTCODEHASH"})
_COLD_ACCOUNT, _COLD_SLOT = "cold account", "cold slot"
#: Gas for each word of so many bytes as an input says: which input, gas, bytes of a unit.
_UNITS: Mapping[str, tuple[int, int, int, str]] = {
    "KECCAK256": (1, 6, _WORD, "words hashed"), "CALLDATACOPY": (2, 3, _WORD, "words copied"),
    "CODECOPY": (2, 3, _WORD, "words copied"), "RETURNDATACOPY": (2, 3, _WORD, "words copied"),
    "EXTCODECOPY": (3, 3, _WORD, "words copied"), "MCOPY": (2, 3, _WORD, "words copied"),
    "LOG0": (1, 8, 1, "bytes logged"), "LOG1": (1, 8, 1, "bytes logged"),
    "LOG2": (1, 8, 1, "bytes logged"), "LOG3": (1, 8, 1, "bytes logged"),
    "LOG4": (1, 8, 1, "bytes logged"), "CREATE": (2, 2, _WORD, "words of init code"),
    "CREATE2": (2, 8, _WORD, "words of init code"),
}


def instruction_gas(step: Step, fork: str, overhead: Overhead | None = None) -> Gas:
    """What one instruction costs. Without ``overhead`` it is the price of the EVM."""
    row = opcode_by_code(step.code)
    if row is None or row.name == "INVALID":
        return Gas(0, None, ("all gas that is left",))
    gas = Gas(price := _price(row.name, row.gas, fork), price)
    index = FORKS[fork].index
    berlin = index >= FORKS["berlin"].index
    name = row.name
    if name in _UNITS:
        gas += _units(step, *_UNITS[name])
    if step.code in memory_opcodes():
        gas += _memory(step, overhead.memory if overhead is not None else 0)
    if name in _ACCOUNTS and berlin:
        gas += Gas(0, 2500, (_COLD_ACCOUNT,))
    elif name == "SLOAD" and berlin:
        gas += Gas(0, 2000, (_COLD_SLOT,))
    elif name == "SSTORE":
        # EIP-2200 and EIP-2929: 100 for no change, 20000 to set, 2100 more for a cold slot.
        gas += Gas(0, 22000, ("value stored before", _COLD_SLOT)) if berlin else Gas(
            100, 19900, ("value stored before",)
        )
    elif name == "EXP":
        gas += _exponent(step, 50 if index >= FORKS["spurious"].index else 10)
    elif name == "SELFDESTRUCT":
        gas += Gas(0, 27600, (_COLD_ACCOUNT, "new account"))
    elif name in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"):
        gas += _call(step, name, berlin)
    elif name in ("CREATE", "CREATE2"):
        gas += Gas(0, None, ("the deployment",))
    if overhead is not None and step.code in overhead.by_code:
        gas += Gas(*overhead.by_code[step.code])
    return gas


def block_gas(block: Block, fork: str, overhead: Overhead | None = None) -> Gas:
    """What a block costs from its start to its end; free if nothing enters it."""
    least, most = 0, 0
    bounded = True
    dynamic: dict[str, None] = {}
    for step in block.summary.steps if block.summary is not None else ():
        gas = instruction_gas(step, fork, overhead)
        least += gas.least
        if gas.most is None:
            bounded = False
        else:
            most += gas.most
        dynamic.update(dict.fromkeys(gas.dynamic))
    return Gas(least, most if bounded else None, tuple(dynamic))


def program_gas(flow: ControlFlow, fork: str, overhead: Overhead | None = None) -> Gas:
    """What an execution costs that ends with success, from pc 0 on; if none does, any execution.

    ``most`` is None where a loop, or a price, has no bound, or a jump's destination is not known.
    """
    start = overhead.start if overhead is not None else 0
    return Gas(start, start) + _program_gas(flow, fork, overhead)


def _program_gas(flow: ControlFlow, fork: str, overhead: Overhead | None) -> Gas:
    if not flow.blocks:
        return FREE
    gas = {s: block_gas(b, fork, overhead) for s, b in flow.blocks.items() if b.reachable}
    ends = [start for start in gas if _succeeds(flow.blocks[start])] or [
        start for start in gas if not flow.blocks[start].successors
    ]
    if not ends:  # it never ends
        return Gas(gas[0].least, None, ("loops",))
    least = _cheapest(flow, gas, ends)
    useful = flow.leading_to(ends)
    dynamic = tuple(dict.fromkeys(what for start in useful for what in gas[start].dynamic))
    if flow.unresolved or not flow.complete:
        return Gas(least, None, (*dynamic, "jumps to unknown destinations"))
    if any(members & useful for _, members in flow.loops()):
        return Gas(least, None, (*dynamic, "loops"))
    return Gas(least, _dearest(flow, gas, useful), dynamic)


def prices(row: Opcode) -> Mapping[str, int]:
    """What an opcode costs beside all that is dynamic, by the fork from which on it does."""
    old = dict(_OLD_PRICES.get(row.name, ()))
    since = FORKS[row.since].index
    earlier = {fork: gas for fork, gas in old.items() if FORKS[fork].index >= since}
    return {row.since: _price(row.name, row.gas, row.since)} | earlier


def _price(name: str, gas: int, fork: str) -> int:
    old = _OLD_PRICES.get(name)
    if old is None:
        return gas
    index = FORKS[fork].index
    return [price for since, price in old if FORKS[since].index <= index][-1]


def _constant(step: Step, index: int) -> int | None:
    value = step.inputs[index] if index < len(step.inputs) else None
    return value if type(value) is int else None


def _units(step: Step, index: int, gas: int, unit: int, what: str) -> Gas:
    size = _constant(step, index)
    if size is None:
        return Gas(0, None, (what,))
    cost = gas * -(-size // unit)
    return Gas(cost, cost)


def _memory(step: Step, below: int) -> Gas:
    """Expansion: at most what it costs from empty memory (Yellow Paper, appendix H, C_mem)."""
    highest = 0
    inputs = [_constant(step, index) for index in range(len(step.inputs))]
    for offset, size in (*ranges_read(step.code, inputs), *ranges_written(step.code, inputs)):
        if size == 0:
            continue
        if size is None or offset is None:
            return Gas(0, None, ("memory expansion",))
        highest = max(highest, below + offset + size)
    words = -(-highest // _WORD)
    cost = 3 * words + words * words // 512
    return Gas(0, cost, ("memory expansion",)) if cost else FREE


def _exponent(step: Step, per_byte: int) -> Gas:
    exponent = _constant(step, 1)
    if exponent is None:
        return Gas(0, 32 * per_byte, ("bytes of the exponent",))
    cost = per_byte * -(-exponent.bit_length() // 8)
    return Gas(cost, cost)


def _call(step: Step, name: str, berlin: bool) -> Gas:
    gas = Gas(0, 2500 if berlin else 0, (_COLD_ACCOUNT,) if berlin else ())
    if name in ("CALL", "CALLCODE"):
        value = _constant(step, 2)
        if value is None:
            gas += Gas(0, 9000 + 25000 * (name == "CALL"), ("value sent",))
        elif value:
            gas += Gas(9000, 9000)
            if name == "CALL":
                gas += Gas(0, 25000, ("new account",))
    return gas + Gas(0, None, ("the code called",))


def _succeeds(block: Block) -> bool:
    summary = block.summary
    if summary is None or block.underflows or block.overflows:
        return False
    last = summary.steps[-1].code if summary.steps else 0
    if summary.ends == "fall":
        return not block.successors
    return summary.ends == "stop" and last in (0x00, 0xF3, 0xFF)


def _cheapest(flow: ControlFlow, gas: Mapping[int, Gas], ends: list[int]) -> int:
    """The least gas from pc 0 through one of ``ends`` (Dijkstra)."""
    goal = set(ends)
    best = {0: gas[0].least}
    queue = [(gas[0].least, 0)]
    while queue:
        cost, start = heapq.heappop(queue)
        if start in goal:
            return cost
        if cost > best[start]:
            continue
        for following in flow.blocks[start].successors:
            total = cost + gas[following].least
            if total < best.get(following, total + 1):
                best[following] = total
                heapq.heappush(queue, (total, following))
    return gas[0].least


def _dearest(flow: ControlFlow, gas: Mapping[int, Gas], useful: frozenset[int]) -> int | None:
    """The most gas from pc 0 on, through blocks without a cycle."""
    order: list[int] = []
    seen: set[int] = set()
    if 0 not in useful:
        return gas[0].most
    work: list[tuple[int, bool]] = [(0, False)]
    while work:
        start, done = work.pop()
        if done:
            order.append(start)
        elif start not in seen:
            seen.add(start)
            work.append((start, True))
            work += [
                (following, False)
                for following in flow.blocks[start].successors
                if following in useful and following not in seen
            ]
    most: dict[int, int] = {}
    for start in order:
        own = gas[start].most
        if own is None:
            return None
        most[start] = own + max(
            (most[s] for s in flow.blocks[start].successors if s in most), default=0
        )
    return most[0]
