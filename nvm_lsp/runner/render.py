"""A run as text for people: plain lines, with colours where the terminal has them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import checksum_address
from nvm_lsp.runner.run import Run

__all__ = ["decode_error", "decode_words", "hexdump", "render"]

_OUTCOME_STYLE = {
    "return": "bold green", "stop": "bold green", "revert": "bold yellow", "halt": "bold red",
    "limit": "bold red",
}
_PANIC = {
    0x01: "assertion failed", 0x11: "arithmetic overflow or underflow", 0x12: "division by zero",
    0x21: "bad enum value", 0x22: "bad storage byte array", 0x31: "pop of an empty array",
    0x32: "array index out of bounds", 0x41: "out of memory", 0x51: "call of an empty function",
}
_LABEL = 14


def render(run: Run, assembly: Assembly | None = None) -> Iterator[Text]:
    """The lines of a report."""
    yield _row("outcome", Text(run.outcome, _OUTCOME_STYLE[run.outcome]), _where(run, assembly))
    if run.error:
        yield _row("cause", Text(run.error, "red"))
    yield from _output(run)
    yield from _gas(run)
    yield _row("steps", Text(f"{run.step_count:,} guest, {run.host_steps:,} host"))
    yield from _changes(run)
    if run.stack:
        yield _heading("stack, top first")
        for index, word in enumerate(run.stack[:32]):
            yield _row(f"  [{index}]", Text(f"{word:#x}"), Text(_meaning(word), "dim"))
        if len(run.stack) > 32:
            yield Text(f"  … {len(run.stack) - 32} more", "dim")
    yield _heading(f"guest memory, {len(run.memory)} bytes")
    yield from hexdump(run.memory)
    if run.base is not None:
        yield _heading(f"kernel words, below guest memory at {run.base:#x}")
        yield from _kernel(run)
    for snapshot in run.snapshots:
        line = _line(assembly, snapshot.pc)
        yield _heading(f"snapshot before pc {snapshot.pc:#06x}{line}, gas {snapshot.gas:,}")
        stack = ", ".join(f"{word:#x}" for word in snapshot.stack)
        yield _row("  stack", Text(f"[{stack}]"))
        yield from hexdump(snapshot.memory)


def hexdump(memory: bytes) -> Iterator[Text]:
    """Rows of 32 bytes with their offset and what of them is text; runs of zero rows folded."""
    folded = 0
    for offset in range(0, len(memory), 32):
        row = memory[offset : offset + 32]
        last = offset + 32 >= len(memory)
        if not any(row) and offset and not last:
            folded += 1
            continue
        if folded:
            yield Text(f"  … {folded} row{'s' * (folded > 1)} of zeros", "dim")
            folded = 0
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        groups = " ".join(row[i : i + 8].hex() for i in range(0, len(row), 8))
        yield Text.assemble(
            (f"  {offset:#06x}  ", "cyan"), (groups, "" if any(row) else "dim"),
            (f"  {text}", "dim"),
        )


def decode_words(data: bytes) -> Iterator[str]:
    """What return data may mean: each word as hexadecimal, integer and text where it is one."""
    text = _as_text(data)
    if text is not None:
        yield f'text "{text}"'
    for offset in range(0, len(data) - len(data) % 32, 32):
        word = int.from_bytes(data[offset : offset + 32], "big")
        if offset >= 32 * 16:
            yield f"… {(len(data) - offset) // 32} more words"
            return
        if word or offset == 0:
            meaning = _meaning(word)
            yield f"word {offset // 32}: {word:#x}" + (f"  {meaning}" if meaning else "")


def decode_error(data: bytes) -> str | None:
    """The revert reason of Solidity's Error(string) and Panic(uint256), if the data is one."""
    if data[:4] == bytes.fromhex("08c379a0") and len(data) >= 68:
        length = int.from_bytes(data[36:68], "big")
        if length <= len(data) - 68:
            return f'Error("{data[68 : 68 + length].decode("utf-8", "replace")}")'
    if data[:4] == bytes.fromhex("4e487b71") and len(data) >= 36:
        code = int.from_bytes(data[4:36], "big")
        return f"Panic({code:#x}): {_PANIC.get(code, 'unknown code')}"
    return None


def _output(run: Run) -> Iterator[Text]:
    data = run.output
    if not data:
        yield _row("return data", Text("none", "dim"))
        return
    shown = data.hex() if len(data) <= 64 else data[:64].hex() + "…"
    yield _row("return data", Text(f"0x{shown}"), Text(f"{len(data)} bytes", "dim"))
    reason = decode_error(data) if run.outcome == "revert" else None
    if reason is not None:
        yield _row("", Text(reason, "yellow"))
        return
    for line in decode_words(data):
        yield _row("", Text(line))


def _gas(run: Run) -> Iterator[Text]:
    text = Text(f"{run.gas_used:,}")
    if run.native is not None and run.base is not None:
        text.append(f"  native {run.native:,}, overhead {run.overhead:,}", "dim")
    elif run.base is not None:
        text.append("  a native run ends differently, so there is no overhead to tell", "dim")
    if run.execution.refund:
        text.append(f", refund {run.execution.refund:,}", "dim")
    yield _row("gas", text)


def _changes(run: Run) -> Iterator[Text]:
    execution = run.execution
    if execution.storage:
        yield _heading("storage")
        for change in execution.storage:
            yield Text.assemble(
                f"  {_address(change.address)}  [{change.slot:#x}]  ",
                (f"{change.before:#x}", "red"), " -> ", (f"{change.after:#x}", "green"),
            )
    if execution.balances:
        yield _heading("balances, wei")
        for address, before, after in execution.balances:
            yield Text(f"  {_address(address)}  {before:,} -> {after:,}  ({after - before:+,})")
    if execution.created:
        yield _heading("created")
        for address in execution.created:
            yield Text(f"  {_address(address)}  {len(execution.codes[address])} bytes of code")
    if execution.logs:
        yield _heading("logs")
        for log in execution.logs:
            topics = ", ".join(f"{topic:#x}" for topic in log.topics)
            yield Text(f"  {_address(log.address)}  topics [{topics}]  data 0x{log.data.hex()}")


def _kernel(run: Run) -> Iterator[Text]:
    words = run.kernel_memory
    pointer = "none" if run.pointer is None else f"{run.pointer:#x}"
    yield Text.assemble(("  0x0000  ", "cyan"), f"pointer {pointer}, one past the last opcode")
    used = [i for i in range(32, len(words), 32) if any(words[i : i + 32])]
    if used:
        yield Text(f"  {used[0]:#06x}  to {used[-1] + 32:#06x}: jump table and scratch", "dim")


def _where(run: Run, assembly: Assembly | None) -> Text:
    last = run.last
    if last is None:
        return Text()
    return Text(f"at pc {last.pc:#06x}{_line(assembly, last.pc)}", "dim")


def _line(assembly: Assembly | None, pc: int) -> str:
    if assembly is None:
        return ""
    origin = assembly.source_map.origin(pc)
    if origin is None:
        return ", past the end of the code"
    return f", {origin.location}"


def _meaning(word: int) -> str:
    """What a word looks like beside its hexadecimal form."""
    text = _as_text(word.to_bytes(32, "big").rstrip(b"\0")) if word >> 224 else None
    if text is not None:
        return f'"{text}"'
    if word >= 2**255:
        return f"= {word - 2**256:,}" if word >= 2**256 - 2**128 else ""
    if word >> 96 and not word >> 160:
        return checksum_address(word)
    return f"= {word:,}" if word > 9 and not word >> 128 else ""


def _as_text(data: bytes) -> str | None:
    stripped = data.rstrip(b"\0")
    if len(stripped) < 3 or not all(0x20 <= byte < 0x7F for byte in stripped):
        return None
    return stripped.decode("ascii")


def _address(address: bytes) -> str:
    return checksum_address(int.from_bytes(address, "big"))


def _heading(text: str) -> Text:
    return Text(text, "bold")


def _row(label: str, *parts: Text) -> Text:
    line = Text(f"{label:<{_LABEL}}", "bold" if label else "")
    for index, part in enumerate(parts):
        if index and part:
            line.append("  ")
        line.append_text(part)
    line.rstrip()
    return line
