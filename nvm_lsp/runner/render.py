"""A run as text for people: plain lines, with colours where the terminal has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.text import Text

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import checksum_address
from nvm_lsp.runner.abi import EMPTY_ABI
from nvm_lsp.runner.compare import Comparison
from nvm_lsp.runner.guest_trace import Snapshot
from nvm_lsp.runner.probes import show
from nvm_lsp.runner.run import Run
from nvm_lsp.runner.run_json import mnemonic
from nvm_lsp.runner.scenario import CONSOLE

__all__ = [
    "decode_error",
    "decode_words",
    "hexdump",
    "meaning_of",
    "render",
    "render_comparison",
    "render_state",
]

_OUTCOME_STYLE = {
    "return": "bold green", "stop": "bold green", "revert": "bold yellow", "halt": "bold red",
    "limit": "bold red",
}
_LABEL = 14
_MAX_CALLS = 100


def render(run: Run, assembly: Assembly | None = None) -> Iterator[Text]:
    """The lines of a report."""
    yield _row("outcome", Text(run.outcome, _OUTCOME_STYLE[run.outcome]), _where(run, assembly))
    if run.error:
        yield _row("cause", Text(run.error, "red"), Text(run.detail))
    yield from _output(run)
    yield from _gas(run)
    if "steps" not in run.execution.missing:
        yield _row("steps", Text(f"{run.step_count:,} guest, {run.host_steps:,} host"))
    for note in run.execution.notes:
        yield _row("note", Text(note))
    yield from _changes(run)
    if run.stack:
        yield _heading("stack, top first")
        for index, word in enumerate(run.stack[:32]):
            yield _row(f"  [{index}]", Text(f"{word:#x}"), Text(meaning_of(word), "dim"))
        if len(run.stack) > 32:
            yield Text(f"  … {len(run.stack) - 32} more", "dim")
    yield from _probes(run)
    if run.execution.missing:
        yield _row("not told", Text(", ".join(run.execution.missing)))
    if "memory" in run.execution.missing:
        return
    yield _heading(f"guest memory, {len(run.memory)} bytes")
    yield from hexdump(run.memory, notes=_writers(run, assembly))
    if run.base is not None:
        yield _heading(f"kernel words, below guest memory at {run.base:#x}")
        yield from _kernel(run)
    before: Snapshot | None = None
    for snapshot in run.snapshots:
        line = _line(assembly, snapshot.pc)
        yield _heading(f"snapshot before pc {snapshot.pc:#06x}{line}, gas {snapshot.gas:,}")
        yield from render_state(snapshot, before)
        before = snapshot


def render_state(state: Snapshot, before: Snapshot | None) -> Iterator[Text]:
    """A state; what differs from the one before is marked, and stands out in colour."""
    words = Text("[")
    size = len(state.stack)
    for index, word in enumerate(state.stack):
        place = size - index  # from the bottom, so that a push does not shift what stays
        old = None if before is None or place > len(before.stack) else before.stack[-place]
        changed = before is not None and old != word
        words.append(f"{', ' if index else ''}")
        words.append(f"{word:#x}", "bold yellow" if changed else "")
    yield _row("  stack", words.append("]"))
    yield from hexdump(state.memory, before=None if before is None else before.memory)
    for name in ("storage", "transient"):
        held = getattr(state, name)
        for slot, value in held.items():
            old = None if before is None else getattr(before, name).get(slot)
            changed = before is not None and old != value
            mark = "*" if changed else " "
            text = Text(f"{mark} [{slot:#x}] = {value:#x}", "bold yellow" if changed else "")
            yield _row(f"  {name}", text)


def hexdump(
    memory: bytes, *, before: bytes | None = None, notes: Mapping[int, str] | None = None
) -> Iterator[Text]:
    """Rows of 32 bytes with their offset and what of them is text; runs of zero rows folded.

    Rows that differ from those ``before`` get a ``*`` and colour the bytes that changed. ``notes``
    stand behind the rows of their number.
    """
    folded = 0
    for offset in range(0, len(memory), 32):
        row = memory[offset : offset + 32]
        old = row if before is None else before[offset : offset + 32].ljust(len(row), b"\0")
        last = offset + 32 >= len(memory)
        if not any(row) and offset and not last and old == row:
            folded += 1
            continue
        if folded:
            yield Text(f"  … {folded} row{'s' * (folded > 1)} of zeros", "dim")
            folded = 0
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        mark = "*" if old != row else " "
        line = Text.assemble((f"{mark} {offset:#06x}  ", "cyan"))
        for index, byte in enumerate(row):
            gap = " " if index and index % 8 == 0 else ""
            changed = old[index] != byte
            line.append(f"{gap}{byte:02x}", "bold yellow" if changed else "" if any(row) else "dim")
        line.append(f"  {text}", "dim")
        note = (notes or {}).get(offset // 32)
        if note:
            line.append(f"  {note}", "green")
        yield line


def render_comparison(comparison: Comparison, assembly: Assembly | None) -> Iterator[Text]:
    """The lines of a report on two runs."""
    left, right = comparison.left, comparison.right
    names = comparison.names
    for name, run in zip(names, (left, right), strict=True):
        cause = f" ({run.error})" if run.error else ""
        yield _row(
            name[: _LABEL - 1], Text(run.outcome, _OUTCOME_STYLE[run.outcome]),
            Text(f"{cause}gas {run.gas_used:,}, {run.step_count:,} steps"),
        )
    divergence = comparison.divergence
    if comparison.same:
        yield _row("compared", Text("same steps, same result", "bold green"))
    elif divergence is None:
        yield _row("compared", Text("same steps, other result", "bold yellow"))
    else:
        yield _heading(f"the runs part before step {divergence.step + 1}")
        if divergence.cause is not None:
            cause_row = f"{mnemonic(divergence.cause.opcode)} at pc {divergence.cause.pc:#06x}"
            yield _row("  after", Text(cause_row + _line(assembly, divergence.cause.pc)))
        for name, state in zip(names, (divergence.left, divergence.right), strict=True):
            if state is None:
                yield _row(f"  {name}", Text("has ended"))
                continue
            place = f"{mnemonic(state.opcode)} at pc {state.pc:#06x}{_line(assembly, state.pc)}"
            yield _row(f"  {name}", Text(place))
            other = divergence.right if state is divergence.left else divergence.left
            yield from render_state(state, other)
    for difference in comparison.differences:
        yield _row("", Text(difference, "yellow"))
    if comparison.by_design:
        yield _row("by design", Text(comparison.by_design, "green"))
    yield from _line_costs(comparison, assembly)


def _line_costs(comparison: Comparison, assembly: Assembly | None) -> Iterator[Text]:
    head = "line" if assembly is not None else "pc"
    yield _heading(f"gas by {head}")
    yield Text(
        f"  {head:>6}  {'hits':>7}  {comparison.names[0]:>12}  {comparison.names[1]:>12}  "
        f"{'difference':>12}", "dim",
    )
    tree = assembly.program.root.tree if assembly is not None else None
    for row in comparison.lines:
        key = f"{row.key}" if assembly is not None else f"{row.key:#x}"
        source = ""
        if tree is not None and 0 < row.key <= tree.line_count:
            source = tree.line(row.key - 1).text.strip()
        yield Text.assemble(
            f"  {key:>6}  {row.hits:>7,}  {row.left:>12,}  {row.right:>12,}  ",
            (f"{row.left - row.right:>+12,}", "yellow" if row.left > row.right else "green"),
            (f"  {source[:48]}", "dim"),
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
            meaning = meaning_of(word)
            yield f"word {offset // 32}: {word:#x}" + (f"  {meaning}" if meaning else "")


def decode_error(data: bytes) -> str | None:
    """The revert reason of Solidity's Error(string) and Panic(uint256), if the data is one."""
    return EMPTY_ABI.describe_error(data)


def _probes(run: Run) -> Iterator[Text]:
    plan = run.request.plan.probes
    if not plan:
        return
    yield _heading("probes")
    for (place, probe), seen in zip(plan, run.seen, strict=True):
        shown = "not reached" if seen.value is None else show(seen.value)
        if seen.error:
            shown = seen.error
        hits = f"{seen.hits:,} times" if seen.hits > 1 else ""
        yield _row(
            f"  line {place.line + 1}", Text(f"{probe.text} = {shown}"), Text(hits, "dim")
        )


def _writers(run: Run, assembly: Assembly | None) -> dict[int, str]:
    """What wrote each word of memory, where there is a source to point to."""
    if assembly is None:
        return {}
    notes = {}
    for word, pc in run.writers.items():
        origin = assembly.source_map.origin(pc)
        if origin is not None:
            meaning = ""
            if len(run.memory) >= 32 * word + 32:
                meaning = meaning_of(int.from_bytes(run.memory[32 * word : 32 * word + 32], "big"))
            line = origin.location.span.start.line + 1
            notes[word] = f"{meaning + '  ' if meaning else ''}line {line}"
    return notes


def _output(run: Run) -> Iterator[Text]:
    data = run.output
    if not data:
        yield _row("return data", Text("none", "dim"))
        return
    shown = data.hex() if len(data) <= 64 else data[:64].hex() + "…"
    yield _row("return data", Text(f"0x{shown}"), Text(f"{len(data)} bytes", "dim"))
    abi = run.request.scenario.abi
    reason = abi.describe_error(data) if run.outcome == "revert" else None
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
            name = run.request.scenario.abi.slot_name(change.slot)
            yield Text.assemble(
                f"  {_who(run, change.address)}  [{change.slot:#x}]  ",
                (f"{change.before:#x}", "red"), " -> ", (f"{change.after:#x}", "green"),
                (f"  {name}" if name else "", "dim"),
            )
    if execution.transient:
        yield _heading("transient storage, at the end")
        for change in execution.transient:
            yield Text(f"  {_who(run, change.address)}  [{change.slot:#x}]  {change.after:#x}")
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
            yield Text(f"  {_who(run, log.address)}  topics [{topics}]  data 0x{log.data.hex()}")
            event = run.request.scenario.abi.describe_log(log.topics, log.data)
            if event is not None:
                yield Text(f"    {event}", "green")
    if run.console:
        yield _heading("console")
        for printed in run.console:
            yield Text(f"  {printed}")
    yield from _calls(run)


def _calls(run: Run) -> Iterator[Text]:
    calls = [call for call in run.execution.calls if call.address != CONSOLE]
    if not calls:
        return
    yield _heading("calls")
    abi = run.request.scenario.abi
    for call in calls[:_MAX_CALLS]:
        creates = call.kind.startswith("CREATE")
        what = None if creates else abi.describe_call(call.data)
        shown = call.data.hex()[:72] + "…" * (len(call.data) > 36)
        value = f" with {call.value:,} wei" if call.value else ""
        yield Text.assemble(
            "  " * call.depth, (call.kind, "bold"),
            f" {_who(run, call.address if creates else call.code_address)} "
            f"{what or '0x' + shown}{value}",
            (f"  gas {call.gas_used:,}", "dim"),
        )
        if not call.success:
            reason = abi.describe_error(call.output) or call.error or "reverted"
            yield Text("  " * call.depth + f"  failed: {reason}", "yellow")
        elif call.output and len(call.output) <= 32 and not creates:
            word = int.from_bytes(call.output, "big")
            yield Text("  " * call.depth + f"  gave {word:#x}", "dim")
    if len(calls) > _MAX_CALLS:
        yield Text(f"  … {len(calls) - _MAX_CALLS:,} more", "dim")


def _who(run: Run, address: bytes) -> str:
    """An address with the name that the scenario gives it."""
    name = run.request.scenario.labels.get(address)
    return f"{_address(address)} ({name})" if name else _address(address)


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


def meaning_of(word: int) -> str:
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
