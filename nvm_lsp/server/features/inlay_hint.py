"""textDocument/inlayHint: stacks, gas and offsets beside the lines, and what the last run did.

What is computed are pure functions of an assembly; what a run did moves along when the text is
edited, and says that it is older.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nvm_lsp.analysis.analyzer import Analysis, analyze
from nvm_lsp.assembler import Assembly
from nvm_lsp.runner.render import hexdump, meaning_of
from nvm_lsp.server.actions.stack_comment_edits import picture_text
from nvm_lsp.server.hovers.stack_hover import has_flow, prepare
from nvm_lsp.server.mended import mended
from nvm_lsp.server.scenario_toml import is_scenario_file
from nvm_lsp.syntax import tree as t

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.running.run_lines import FileRun, LineRun
    from nvm_lsp.server.running.runs import Result, TestRun
    from nvm_lsp.server.server import NvmServer
    from nvm_lsp.server.workspace import OpenDocument

__all__ = [
    "Hint",
    "handle",
    "included_hints",
    "probe_label",
    "result_label",
    "run_hints",
    "run_tooltip",
    "static_hints",
    "test_hints",
]

_ROWS_SHOWN = 32
_MOST_BLOCKS = 3
_LONGEST_STACK = 60
_LONGEST_VALUE = 48
#: Said of what an older text did.
_STALE = "from before the last edits"


@dataclass(frozen=True, slots=True)
class Hint:
    """A label in a line: at a column, or at the end of the line if that is None."""

    line: int
    label: str
    tooltip: str = ""
    column: int | None = None
    order: int = 0


async def handle(server: NvmServer, params: lsp.InlayHintParams) -> list[dict[str, Any]]:
    opened = server.documents.documents.get(params.text_document.uri)
    settings = server.settings.inlay_hints
    if opened is None or not settings.enable or is_scenario_file(opened.uri):
        return []
    first = params.range.start.line
    last = min(params.range.end.line, len(opened.document.lines) - 1)
    assembly = server.documents.assembly(opened)
    above = mended(server.documents, opened)
    known = above.assembly if above is not None else assembly
    if known.ok and (settings.stack or settings.gas) and not has_flow(known):
        await asyncio.to_thread(prepare, known, cost=False)
        if opened.assembly is not assembly:
            return []  # the client asks again for the text that it has now
    hints = list(
        static_hints(
            assembly, first, last, stack=settings.stack, gas=settings.gas, offsets=settings.offsets
        )
    )
    if above is not None:
        hints += static_hints(
            known, first, min(last, above.line - 1), stack=settings.stack, gas=settings.gas,
            offsets=False, stop=above.line,
        )
    result = server.results.get(opened.uri)
    if settings.results and result is not None:
        hints += run_hints(result, opened, first, last)
    elif settings.results:
        for other in server.results.values():
            included = other.included.get(opened.document.path)
            if included is not None:
                hints += included_hints(included, opened, first, last)
    tests = server.runs.tests.get(opened.uri)
    if settings.results and tests is not None:
        hints += test_hints(tests, opened, first, last)
    hints.sort(key=lambda hint: (hint.line, hint.order))
    return [_to_json(server, opened, hint) for hint in hints]


def _to_json(server: NvmServer, opened: OpenDocument, hint: Hint) -> dict[str, Any]:
    text = opened.document.lines[hint.line].rstrip("\r\n")
    column = len(text) if hint.column is None else hint.column
    answer: dict[str, Any] = {
        "position": {"line": hint.line, "character": server.converter.units(text, column)},
        "label": hint.label,
        "paddingLeft": True,
    }
    if hint.tooltip:
        answer["tooltip"] = {"kind": "markdown", "value": hint.tooltip}
    return answer


# Before a run -------------------------------------------------------------------------------------


def static_hints(
    assembly: Assembly,
    first: int,
    last: int,
    *,
    stack: bool = True,
    gas: bool = True,
    offsets: bool = True,
    stop: int | None = None,
) -> Iterator[Hint]:
    """What is known of lines without a run: stack after each, gas of blocks, offsets of labels.

    With errors in the program, only offsets are known. Of blocks that reach to the line ``stop``
    the gas is not told.
    """
    path = assembly.program.root.path
    tree = assembly.program.root.tree
    last = min(last, tree.line_count - 1)
    if offsets:
        yield from _offsets(assembly, first, last)
    if not (stack or gas) or not assembly.ok or not assembly.bytecode:
        return
    analysis = analyze(assembly)
    ends: dict[int, int] = {}
    begins: dict[int, list[int]] = {}
    for line, pc, size, is_data in assembly.source_map.items_between(path, first, last + 1):
        if size and not is_data:
            ends[line] = pc
            begins.setdefault(line, []).append(pc)
    if gas:
        for line, pcs in begins.items():
            yield from _block_hints(analysis, line, pcs, stop)
    if stack:
        for line, pc in ends.items():
            comment = tree.line(line).comment
            if comment is None or comment.kind != "stack":
                yield from _stack_hint(analysis, line, pc)


def _offsets(assembly: Assembly, first: int, last: int) -> Iterator[Hint]:
    tree, labels = assembly.program.root.tree, assembly.layout.labels
    for number in range(first, last + 1):
        statement = tree.line(number).statement
        if isinstance(statement, t.Label | t.PositionLabel | t.Table):
            symbol = assembly.symbols.find(statement.name.text)
            place = symbol.location if symbol is not None else None
            if place is None or place.path != tree.path or place.span.start.line != number:
                continue  # a macro's own, or defined a second time
            offset = labels.get(statement.name.text)
            if offset is not None:
                yield Hint(number, f"{offset:#06x}", f"offset {offset:,}", statement.end, 0)


def _block_hints(
    analysis: Analysis, line: int, pcs: list[int], stop: int | None
) -> Iterator[Hint]:
    """The gas of the blocks that begin in a line, of each one where a macro has several."""
    blocks = [analysis.flow.blocks.get(pc) for pc in pcs]
    shown, told = [], []
    for block in blocks:
        if block is None or block.summary is None or not block.states:
            continue
        origin = analysis.origin(block.last) if stop is not None else None
        if stop is not None and (origin is None or origin.root_line >= stop):
            continue
        cost = analysis.block_gas(block)
        shown.append(str(cost))
        depends = f"; depends on {', '.join(cost.dynamic)}" if cost.dynamic else ""
        told.append(f"- `{block.start:#06x}` to `{block.end:#06x}`: {cost} gas{depends}")
    if not shown:
        return
    more = " / …" if len(shown) > _MOST_BLOCKS else ""
    label = f"{' / '.join(shown[:_MOST_BLOCKS])}{more} gas"
    which = "this block" if len(shown) == 1 else f"the {len(shown)} blocks that begin here"
    tooltip = (
        f"Gas of {which} natively; interpretation costs extra gas on the NestedVM.\n\n"
        + "\n".join(told[:_ROWS_SHOWN])
    )
    yield Hint(line, label, tooltip, None, 2)


def _stack_hint(analysis: Analysis, line: int, pc: int) -> Iterator[Hint]:
    picture = analysis.after(pc)
    if picture is not None:
        text = picture_text(picture)
        whole = text if len(text) <= _LONGEST_STACK else f"{text[: _LONGEST_STACK - 1]}…"
        yield Hint(line, whole, f"Stack after this line, top first:\n\n`{picture}`", None, 1)


# After a run --------------------------------------------------------------------------------------


def run_hints(result: Result, opened: OpenDocument, first: int, last: int) -> Iterator[Hint]:
    """What the last run did in lines: hits, top of the stack and gas, probes, and how it ended."""
    stale = result.version != opened.version
    place = result.json["last"]
    end = place["line"] - 1 if place is not None and place["line"] is not None else 0
    for old, run in result.lines.items():
        line = result.moves.now(old)
        if line is not None and first <= line <= last:
            yield _line_hint(line, run, stale)
    path = opened.document.path
    for row in result.json["probes"]:
        line = result.moves.now(row["line"] - 1) if row["file"] == path else None
        if line is not None and first <= line <= last:
            yield _probe_hint(line, row, stale)
    line = result.moves.now(end)
    if line is not None and first <= line <= last:
        label = result_label(result.json, stale)
        yield Hint(line, label, run_tooltip(result.json), None, 5)


def included_hints(
    run: FileRun, opened: OpenDocument, first: int, last: int
) -> Iterator[Hint]:
    """What the last run of a program did in the lines of a file that it includes."""
    stale = run.version != opened.version
    for old, found in run.lines.items():
        line = run.moves.now(old)
        if line is not None and first <= line <= last:
            yield _line_hint(line, found, stale)


def test_hints(tests: TestRun, opened: OpenDocument, first: int, last: int) -> Iterator[Hint]:
    """Which expectations in lines the last tests have found met."""
    stale = tests.version != opened.version
    rows: dict[int, list[tuple[str | None, dict[str, Any]]]] = {}
    for case in tests.cases:
        for row in case["findings"]:
            line = tests.moves.now(row["line"] - 1)
            if row["file"] == opened.document.path and line is not None and first <= line <= last:
                rows.setdefault(line, []).append((case["name"], row))
    for line, found in rows.items():
        failed = [(name, row) for name, row in found if not row["passed"]]
        label = f"✗ got {_short(failed[0][1]['got'])}" if failed else "✓"
        said = [
            f"{'✓' if row['passed'] else '✗'} {name or 'the program'}: got `{row['got']}`"
            for name, row in found
        ]
        if stale:
            label = f"({label})"
            said.append(f"*{_STALE}*")
        yield Hint(line, label, "\n\n".join(said), None, 4)


def _line_hint(line: int, run: LineRun, stale: bool) -> Hint:
    top = "" if run.top is None else f" · {_short(run.top)}"
    label = f"{run.hits:,}x{top} · {run.gas:,} gas"
    said = f"ran {run.hits:,} times, took {run.gas:,} gas, calls and interpretation included"
    if run.top is not None:
        said += f"\n\ntop of the stack after the last time: `{run.top}`"
    if stale:
        return Hint(line, f"({label})", f"{said}\n\n*{_STALE}*", None, 3)
    return Hint(line, label, said, None, 3)


def _probe_hint(line: int, row: dict[str, Any], stale: bool) -> Hint:
    label, value = probe_label(row), row["value"]
    tooltip = f"`{row['text'].strip()}` = `{value}`" if value is not None else ""
    if stale:
        label, tooltip = f"({label})", f"{tooltip}\n\n*{_STALE}*".strip()
    return Hint(line, label, tooltip, None, 4)


def probe_label(row: dict[str, Any]) -> str:
    """What a probe has shown: a value, an error, or that it was not reached."""
    if row["error"] is not None:
        return f"! {row['error']}"
    if row["value"] is None:
        return "not reached"
    return f"= {_short(row['value'])}" + (f" ({row['hits']:,}x)" if row["hits"] > 1 else "")


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else (
        f"{value[: _LONGEST_VALUE - 9]}…{value[-8:]}"
    )


def result_label(result: dict[str, Any], stale: bool) -> str:
    """The hint: outcome, value, gas."""
    gas = result["gas"]["used"]
    outcome = result["outcome"]
    value = result["decoded"]["reason"] or _value(result["return_data"])
    if result["error"]:
        value = result["error"]
    parts = [outcome + (f" {value}" if value else ""), f"{gas:,} gas"]
    label = "⇒ " + " · ".join(parts)
    return label + " (text changed since)" if stale else label


def run_tooltip(result: dict[str, Any]) -> str:
    """The hint's hover: gas, stack and the memory snapshot, in Markdown."""
    gas = result["gas"]
    lines = [f"**{result['outcome']}**" + (f": {result['error']}" if result["error"] else "")]
    native = (
        f", native {gas['native']:,}, overhead {gas['overhead']:,}"
        if gas["native"] is not None and result["kernel"] is not None
        else ""
    )
    if result["decoded"]["reason"]:
        lines.append(f"reason `{result['decoded']['reason']}`")
    if result["decoded"]["detail"]:
        lines.append(result["decoded"]["detail"])
    lines.append(f"gas {gas['used']:,}{native} · {result['steps']:,} steps")
    lines.append(f"return data `{_shortened(result['return_data'])}`")
    lines += [f"*{note}*" for note in result.get("notes", ())]
    if result["stack"]:
        lines.append("stack, top first: " + ", ".join(f"`{word}`" for word in result["stack"][:16]))
    lines += [
        f"storage `{change['address']}`[`{change['slot']}`]: "
        f"`{change['before']}` → `{change['after']}`"
        for change in result["storage"][:16]
    ]
    memory = bytes.fromhex(result["memory"][2:])
    lines.append(f"guest memory, {len(memory)} bytes\n```text\n{_dump(memory, result)}\n```")
    return "\n\n".join(lines)


def _value(data: str) -> str:
    raw = bytes.fromhex(data[2:])
    if not raw:
        return ""
    if len(raw) >= 32:
        return f"{int.from_bytes(raw[:32], 'big'):#x}" + (
            f" (+{len(raw) - 32} bytes)" if len(raw) > 32 else ""
        )
    return data


def _shortened(data: str) -> str:
    return data if len(data) <= 200 else f"{data[:194]}…"


def _dump(memory: bytes, result: dict[str, Any]) -> str:
    """Rows of memory, with what each word looks like and the line that wrote it."""
    notes: dict[int, str] = {}
    for row in result["writers"]:
        if row["line"] is not None:
            notes[row["offset"] // 32] = f"line {row['line']}"
    for word in range(min(len(memory) // 32, _ROWS_SHOWN)):
        meaning = meaning_of(int.from_bytes(memory[32 * word : 32 * word + 32], "big"))
        if meaning:
            notes[word] = f"{meaning}  {notes.get(word, '')}".rstrip()
    shown = memory[: 32 * _ROWS_SHOWN]
    rows = [line.plain.rstrip() for line in hexdump(shown, notes=notes)]
    if len(memory) > len(shown):
        rows.append(f"… {len(memory) - len(shown):,} bytes more")
    return "\n".join(rows) or "empty"
