"""Opcodes and precompiles of `nvm_lsp.chain`, made to what py-evm calls.

It imports nothing of py-evm: it is given its exceptions, and works on its computation objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nvm_lsp import plugins
from nvm_lsp.chain import Halt, OpcodeEntry, Precompile
from nvm_lsp.runner.world import Block

__all__ = ["as_opcode", "as_precompile", "at_another_price"]

Operation = Callable[[Any], None]

_WORD = 2**256 - 1


def as_opcode(entry: OpcodeEntry, exceptions: Any) -> Operation:
    """What runs an opcode: takes its static gas, then does what its entry says."""
    row = entry.row
    plugin = plugins.provider("nvm_lsp_opcodes", row.name)
    execute = entry.execute if plugin is None else plugins.timed(entry.execute)

    def run(computation: Any) -> None:
        computation.consume_gas(row.gas, row.name)
        try:
            execute(_PlainMachine(computation))
        except Halt as halt:
            raise exceptions.VMError(str(halt) or f"{row.name} halted") from None
        except exceptions.VMError:
            raise
        except Exception as error:  # of a plugin: its own mistake, and no reason to end the process
            raise _foreign(plugin, f"opcode {row.name}", error) from error

    return run


class ForeignError(ValueError):
    """An opcode or a precompile of a plugin raised what it must not."""


def _foreign(plugin: str | None, what: str, error: Exception) -> ForeignError:
    if plugin is not None:
        return ForeignError(plugins.failed(plugin, what, error))
    return ForeignError(f"{what} failed: {type(error).__name__}: {error}")


def as_precompile(entry: Precompile, exceptions: Any) -> Callable[[Any], Any]:
    """What runs a precompile: gas, then output, or a halt that takes all."""

    def run(computation: Any) -> Any:
        data = bytes(computation.msg.data_as_bytes)
        try:
            cost = entry.gas(data)
            computation.consume_gas(cost, entry.name)
            output = entry.run(data)
        except exceptions.VMError:
            raise
        except Halt as halt:
            raise exceptions.VMError(str(halt) or f"{entry.name} failed") from None
        except Exception as error:  # as above
            raise _foreign(None, f"precompile {entry.name}", error) from error
        if output is None:
            raise exceptions.VMError(f"{entry.name} failed")
        computation.output = output
        return computation

    return run


def at_another_price(operation: Operation, extra: int, exceptions: Any) -> Operation:
    """An opcode that costs more, or with a negative ``extra`` less, than it did."""

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        left = meter.gas_remaining - extra
        if left < 0:
            raise exceptions.OutOfGas
        meter.gas_remaining = left
        operation(computation)

    return run


class _PlainMachine:
    """A `Machine` on py-evm's computation."""

    __slots__ = ("_computation",)

    def __init__(self, computation: Any) -> None:
        self._computation = computation

    @property
    def gas(self) -> int:
        return int(self._computation._gas_meter.gas_remaining)

    @property
    def address(self) -> bytes:
        return bytes(self._computation.msg.storage_address)

    @property
    def caller(self) -> bytes:
        return bytes(self._computation.msg.sender)

    @property
    def origin(self) -> bytes:
        return bytes(self._computation.transaction_context.origin)

    @property
    def value(self) -> int:
        return int(self._computation.msg.value)

    @property
    def data(self) -> bytes:
        message = self._computation.msg
        return b"" if message.is_create else bytes(message.data_as_bytes)

    @property
    def code(self) -> bytes:
        return bytes(self._computation.msg.code)

    @property
    def is_static(self) -> bool:
        return bool(self._computation.msg.is_static)

    @property
    def block(self) -> Mapping[str, int | bytes]:
        block: Block = self._computation.state.run.world.block
        return {
            "number": block.number, "timestamp": block.timestamp, "prevrandao": block.prevrandao,
            "gas_limit": block.gas_limit, "base_fee": block.base_fee, "chain_id": block.chain_id,
            "slot_number": block.slot, "coinbase": block.coinbase,
        }

    def pop(self) -> int:
        return int(self._computation.stack_pop1_int())

    def push(self, word: int) -> None:
        self._computation.stack_push_int(word & _WORD)

    def use_gas(self, amount: int) -> None:
        self._computation.consume_gas(amount, "opcode")

    def read(self, offset: int, size: int) -> bytes:
        self._computation.extend_memory(offset, size)
        return bytes(self._computation.memory_read_bytes(offset, size))

    def write(self, offset: int, data: bytes) -> None:
        self._computation.extend_memory(offset, len(data))
        self._computation.memory_write(offset, len(data), data)

    def load(self, slot: int) -> int:
        return int(self._computation.state.get_storage(self.address, slot))

    def store(self, slot: int, word: int) -> None:
        if self.is_static:
            raise Halt("state change in a static call")
        self._computation.state.set_storage(self.address, slot, word & _WORD)

    def balance(self, address: bytes) -> int:
        return int(self._computation.state.get_balance(address))
