"""The control-flow graph as text: Graphviz DOT, Mermaid, JSON, or a listing of blocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nvm_lsp.analysis.analyzer import Analysis, Instruction
from nvm_lsp.analysis.control_flow import Block
from nvm_lsp.analysis.gas import Overhead

__all__ = ["FORMATS", "graph"]

_MOST_LINES = 24


def graph(analysis: Analysis, form: str, overhead: Overhead | None = None) -> str:
    """The graph of a program in one of `FORMATS`, the gas of each block with it.

    Raises:
        KeyError: there is no such format.
    """
    return FORMATS[form](analysis, overhead)


def _dot(analysis: Analysis, overhead: Overhead | None) -> str:
    lines = [
        "digraph program {", '  node [shape=box, fontname="monospace", fontsize=10];',
        '  edge [fontname="monospace", fontsize=9];',
    ]
    for block in _shown(analysis):
        label = "".join(f"{_escaped(line)}\\l" for line in _text(analysis, block, overhead))
        style = "" if block.reachable else ', style=dashed, color="gray"'
        lines.append(f'  b{block.start} [label="{label}"{style}];')
        for target, kind in _edges(block):
            color = {"jump": "blue", "taken": "darkgreen", "not taken": "red"}.get(kind, "black")
            text = f', label="{kind}"' if kind in ("taken", "not taken") else ""
            lines.append(f"  b{block.start} -> b{target} [color={color}{text}];")
        for missing in _open_ends(block):
            name = f"x{block.start}"
            lines.append(f'  {name} [label="{_escaped(missing)}", shape=plaintext];')
            lines.append(f"  b{block.start} -> {name} [style=dotted];")
    return "\n".join([*lines, "}", ""])


def _mermaid(analysis: Analysis, overhead: Overhead | None) -> str:
    lines = ["flowchart TD"]
    for block in _shown(analysis):
        text = "<br/>".join(_entities(line) for line in _text(analysis, block, overhead))
        lines.append(f'  b{block.start}["{text}"]')
        for target, kind in _edges(block):
            arrow = f"-->|{kind}|" if kind in ("taken", "not taken") else "-->"
            lines.append(f"  b{block.start} {arrow} b{target}")
        lines.extend(
            f'  b{block.start} -.-> x{block.start}["{_entities(missing)}"]'
            for missing in _open_ends(block)
        )
        if not block.reachable:
            lines.append(f"  style b{block.start} stroke-dasharray: 4")
    return "\n".join([*lines, ""])


def _listing(analysis: Analysis, overhead: Overhead | None) -> str:
    lines: list[str] = []
    heads = {min(members) for _, members in analysis.flow.loops()}
    merges = set(analysis.flow.merge_points())
    for block in _shown(analysis):
        head, *body = _text(analysis, block, overhead, longest=None)
        notes = [] if block.reachable else ["unreachable"]
        notes += ["loop"] if block.start in heads else []
        if block.start in merges:
            notes.append(f"{len(analysis.flow.predecessors[block.start])} ways in")
        lines.append(head + (f"  ({', '.join(notes)})" if notes else ""))
        pictures = [analysis.after(i.pc) for i in analysis.instructions(block)]
        lines += [
            f"    {line:<20}  # {picture}" if picture is not None else f"    {line}"
            for line, picture in zip(body, pictures, strict=False)
        ]
        ends = [f"{kind} {_name(analysis, target)}" for target, kind in _edges(block)]
        lines += [f"  -> {end}" for end in (*ends, *_open_ends(block))]
        lines.append("")
    total = analysis.gas(overhead)
    lines.append(f"gas of a run that succeeds: {total}")
    lines += [f"  depends on {what}" for what in total.dynamic]
    return "\n".join([*lines, ""])


def _json(analysis: Analysis, overhead: Overhead | None) -> str:
    total = analysis.gas(overhead)
    blocks: list[dict[str, Any]] = []
    for block in _shown(analysis):
        gas = analysis.block_gas(block, overhead)
        origin = analysis.origin(block.start)
        blocks.append(
            {
                "start": block.start, "end": block.end, "name": _name(analysis, block.start),
                "line": origin.location.span.start.line + 1 if origin else None,
                "path": origin.location.path if origin else None,
                "reachable": block.reachable, "unresolved": block.unresolved,
                "successors": [
                    {"start": target, "kind": kind} for target, kind in _edges(block)
                ],
                "bad_targets": list(block.bad_targets),
                "heights": sorted({len(s.words) for s in block.states if s.exact}),
                "gas": {"least": gas.least, "most": gas.most, "dynamic": list(gas.dynamic)},
                "instructions": [
                    {"pc": i.pc, "text": _line(analysis, block, i)}
                    for i in analysis.instructions(block)
                ],
            }
        )
    answer = {
        "complete": analysis.flow.complete,
        "gas": {"least": total.least, "most": total.most, "dynamic": list(total.dynamic)},
        "loops": [sorted(members) for _, members in analysis.flow.loops()],
        "merge_points": list(analysis.flow.merge_points()),
        "blocks": blocks,
    }
    return json.dumps(answer, indent=2) + "\n"


#: By name, what writes a format.
FORMATS: Mapping[str, Callable[[Analysis, Overhead | None], str]] = {
    "text": _listing, "dot": _dot, "mermaid": _mermaid, "json": _json,
}


def _shown(analysis: Analysis) -> Iterator[Block]:
    """The blocks of instructions; data that nothing runs into is left out."""
    for block in analysis.flow.blocks.values():
        if block.states or not analysis.is_data(block.start):
            yield block


def _text(
    analysis: Analysis, block: Block, overhead: Overhead | None, longest: int | None = _MOST_LINES
) -> Iterator[str]:
    gas = f"gas {analysis.block_gas(block, overhead)}" if block.summary is not None else "never run"
    yield f"{_name(analysis, block.start)}  [{block.start:#06x}]  {gas}"
    instructions = list(analysis.instructions(block))
    shown = instructions if longest is None else instructions[:longest]
    for instruction in shown:
        yield _line(analysis, block, instruction)
    if len(instructions) > len(shown):
        yield f"… {len(instructions) - len(shown)} more"


def _line(analysis: Analysis, block: Block, instruction: Instruction) -> str:
    row, step = instruction.row, instruction.step
    if row is None:
        return f"{analysis.flow.code[instruction.pc]:#04x} (undefined)"
    if not row.immediate_size or not isinstance(step.output, int):
        return row.name
    operand = analysis.operand(instruction.pc) or f"{step.output:#x}"
    return f"{row.name} {operand}"


def _edges(block: Block) -> Iterator[tuple[int, str]]:
    ends = block.summary.ends if block.summary is not None else "stop"
    for target in block.successors:
        if ends == "jumpi":
            yield target, "not taken" if target == block.end else "taken"
        else:
            yield target, "jump" if ends == "jump" else "falls through"


def _open_ends(block: Block) -> Iterator[str]:
    if block.unresolved:
        yield "unknown destination"
    for target in block.bad_targets:
        yield f"bad jump to {target:#x}"


def _name(analysis: Analysis, start: int) -> str:
    return analysis.label_at(start) or ("start" if start == 0 else f"block {start:#x}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _entities(text: str) -> str:
    """For Mermaid, which takes HTML entities, written with # for &."""
    return "".join(c if c.isalnum() or c in " _.,:+-/()|" else f"#{ord(c)};" for c in text)
