"""What other tools read: EIP-3155 traces, speedscope profiles, lcov coverage.

Each is written from a run's steps and its program's source map; none knows how a run comes about.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TextIO

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.runner.code_sources import CodeSources, Source, assembly_of
from nvm_lsp.runner.guest_trace import Step
from nvm_lsp.runner.run import Request, Run
from nvm_lsp.runner.world import FrameStart

__all__ = [
    "Coverage", "Lines", "TraceWriter", "coverage", "lcov", "lcov_text", "lines_of_code", "merged",
    "speedscope",
]

_JUMPI = 0x57


@dataclass(frozen=True)
class Lines:
    """Offsets of a program as places: file, one-based line, the label and the macros around.

    ``begin`` is where in the assembly's code the offsets begin to count.
    """

    assembly: Assembly | None
    begin: int = 0

    def place(self, pc: int) -> tuple[str, int] | None:
        if self.assembly is None:
            return None
        origin = self.assembly.source_map.origin(self.begin + pc)
        if origin is None:
            return None
        return origin.location.path, origin.location.span.start.line + 1

    def stack(self, pc: int) -> tuple[tuple[str, str, int], ...]:
        """The frames of a flame graph, outermost first: name, file, line."""
        if self.assembly is None:
            return ((f"pc {pc:#06x}", "", 0),)
        origin = self.assembly.source_map.origin(pc)
        if origin is None:
            return (("end of the code", "", 0),)
        frames = [self._label(pc)]
        for use in reversed(origin.uses):
            line = use.location.span.start.line + 1
            frames.append((f"{use.message} ({use.location.path}:{line})", use.location.path, line))
        path, line = origin.location.path, origin.location.span.start.line + 1
        frames.append((f"{path}:{line}", path, line))
        return tuple(frames)

    @cached_property
    def _labels(self) -> tuple[list[int], list[tuple[str, str, int]]]:
        assert self.assembly is not None
        found = sorted(
            (symbol.value, symbol.name, symbol.location)
            for symbol in self.assembly.symbols.all
            if symbol.kind == "label" and symbol.value is not None and symbol.location is not None
        )
        return (
            [value for value, _, _ in found],
            [
                (name, location.path, location.span.start.line + 1)
                for _, name, location in found
            ],
        )

    def _label(self, pc: int) -> tuple[str, str, int]:
        values, frames = self._labels
        index = bisect_right(values, pc) - 1
        if index >= 0:
            return frames[index]
        assert self.assembly is not None
        return "entry", self.assembly.program.root.path, 1


def lines_of_code(
    request: Request, assembly: Assembly | None, loader: Loader | None
) -> Callable[[bytes | None], Lines]:
    """What gives the lines of the code of a frame: of None, the program's own."""
    sources = CodeSources(request.code, request.scenario)
    assemblies: dict[str | None, Assembly | None] = {None: assembly}

    @cache
    def find(code: bytes | None) -> Lines:
        source = Source(None, 0) if code is None else sources.find(code)
        if source is None:
            return Lines(None)
        if source.path not in assemblies:
            assert source.path is not None
            assemblies[source.path] = (
                assembly_of(source.path, loader) if loader is not None else None
            )
        return Lines(assemblies[source.path], source.offset)

    return find


# EIP-3155 -----------------------------------------------------------------------------------------


class TraceWriter:
    """Writes steps as JSON lines (EIP-3155) while the run goes on; see `Sink`.

    Beside the fields of the standard each line has the source ``line`` and ``file``. Lines of the
    kernel's own steps have ``"kernel": true`` and the host's offsets; they stand before the line
    of the guest step that they make up, whose cost is known only then. The steps of an inner frame
    stand behind that of the call, at its ``depth``, the outermost being 1; the cost of such a call
    is what it hands over, too. ``lines`` gives those of the code of a frame, of None for the
    program. ``close`` writes the summary.
    """

    def __init__(self, file: TextIO, lines: Callable[[bytes | None], Lines]) -> None:
        self._file = file
        self._lines_of = lines
        #: The lines of the code of each open frame.
        self._lines = [lines(None)]
        self._guest: dict[str, Any] | None = None
        self._host: dict[str, Any] | None = None

    def step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int
    ) -> None:
        """A guest step begins, so that the cost of the one before is known."""
        self._flush_guest(gas)
        place = self._lines[-1].place(pc)
        self._guest = _line(pc, opcode, gas, stack, memory_size, len(self._lines))
        if place is not None:
            self._guest["file"], self._guest["line"] = place

    def entered(self, frame: FrameStart, code: bytes) -> None:
        """The call begins that the last step makes."""
        self._flush_guest(frame.caller_gas)
        self._flush_host(frame.caller_gas)
        self._lines.append(self._lines_of(code))

    def left(self, gas: int) -> None:
        """The inner frame has ended."""
        self._flush_guest(gas)
        self._lines.pop()

    def host_step(
        self, pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int
    ) -> None:
        """A step of the kernel begins."""
        self._flush_host(gas)
        self._host = {**_line(pc, opcode, gas, stack, memory_size, 1), "kernel": True}

    def close(self, run: Run) -> None:
        """Writes what is left and the summary of the run."""
        left = run.request.scenario.gas - run.gas_used
        self._flush_guest(left)
        self._flush_host(left)
        self._write(
            {
                "output": "0x" + run.output.hex(),
                "gasUsed": hex(run.gas_used),
                "pass": run.outcome in ("return", "stop"),
                "fork": run.request.scenario.fork,
                "outcome": run.outcome,
                **({"error": run.error} if run.error else {}),
            }
        )

    def _flush_guest(self, gas: int) -> None:
        if self._guest is not None:
            self._guest["gasCost"] = hex(max(int(self._guest["gas"], 16) - gas, 0))
            self._flush_host(gas)
            self._write(self._guest)
            self._guest = None

    def _flush_host(self, gas: int) -> None:
        if self._host is not None:
            self._host["gasCost"] = hex(max(int(self._host["gas"], 16) - gas, 0))
            self._write(self._host)
            self._host = None

    def _write(self, document: dict[str, Any]) -> None:
        self._file.write(json.dumps(document, separators=(",", ":")) + "\n")


def _line(
    pc: int, opcode: int, gas: int, stack: Sequence[int | bytes], memory_size: int, depth: int
) -> dict[str, Any]:
    row = opcode_by_code(opcode)
    return {
        "pc": pc,
        "op": opcode,
        "gas": hex(gas),
        "gasCost": "0x0",
        "memSize": memory_size,
        "stack": [
            hex(word if isinstance(word, int) else int.from_bytes(word, "big")) for word in stack
        ],
        "depth": depth,
        "refund": 0,
        "opName": row.name if row is not None else f"opcode {opcode:#04x} not defined",
    }


# speedscope ---------------------------------------------------------------------------------------


def speedscope(run: Run, assembly: Assembly | None) -> dict[str, Any]:
    """A flame graph of label, macros and line: one profile of gas, one of steps."""
    lines = Lines(assembly)
    frames: dict[tuple[str, str, int], int] = {}
    samples: list[list[int]] = []
    gas: list[int] = []
    counts: list[int] = []
    known: dict[int, list[int]] = {}
    for step, cost in _costs(run):
        if step.pc not in known:
            known[step.pc] = [
                frames.setdefault(frame, len(frames)) for frame in lines.stack(step.pc)
            ]
        sample = known[step.pc]
        if samples and samples[-1] == sample:
            gas[-1] += cost
            counts[-1] += 1
        else:
            samples.append(sample)
            gas.append(cost)
            counts.append(1)
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": assembly.program.root.path if assembly is not None else "bytecode",
        "exporter": "nvm-lsp",
        "activeProfileIndex": 0,
        "shared": {
            "frames": [
                {"name": name, **({"file": file, "line": line} if file else {})}
                for name, file, line in frames
            ]
        },
        "profiles": [
            {
                "type": "sampled", "name": name, "unit": "none", "startValue": 0,
                "endValue": sum(weights), "samples": samples, "weights": weights,
            }
            for name, weights in (("gas", gas), ("steps", counts))
        ],
    }


def _costs(run: Run) -> Iterator[tuple[Step, int]]:
    """Each step with the gas it took, that of its calls included."""
    steps = run.steps
    end = run.request.scenario.gas - run.gas_used
    for index, step in enumerate(steps):
        after = steps[index + 1].gas if index + 1 < len(steps) else end
        yield step, max(step.gas - after, 0)


# lcov ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often lines ran and JUMPIs jumped or did not, by file and one-based line.

    ``jumps`` are pairs of taken and not taken.
    """

    lines: Mapping[str, Mapping[int, int]]
    jumps: Mapping[str, Mapping[int, tuple[int, int]]]


def coverage(run: Run, assembly: Assembly) -> Coverage:
    """What a run covered of its program and of the files that it includes."""
    hits, branches = _hits(run)
    by_file: dict[str, dict[int, int]] = {}
    jumps: dict[str, dict[int, tuple[int, int]]] = {}
    for pc, size, is_data, origin in assembly.source_map.entries():
        if not size or is_data:
            continue
        path, line = origin.location.path, origin.location.span.start.line + 1
        lines = by_file.setdefault(path, {})
        lines[line] = max(lines.get(line, 0), hits.get(pc, 0))
        if assembly.bytecode[pc] == _JUMPI:
            taken, missed = branches.get(pc, (0, 0))
            before = jumps.setdefault(path, {}).get(line, (0, 0))
            jumps[path][line] = (before[0] + taken, before[1] + missed)
    return Coverage(by_file, jumps)


def merged(parts: Iterable[Coverage]) -> Coverage:
    """What several runs covered together."""
    by_file: dict[str, dict[int, int]] = {}
    jumps: dict[str, dict[int, tuple[int, int]]] = {}
    for part in parts:
        for path, lines in part.lines.items():
            counts = by_file.setdefault(path, {})
            for line, count in lines.items():
                counts[line] = counts.get(line, 0) + count
        for path, found in part.jumps.items():
            ways = jumps.setdefault(path, {})
            for line, (taken, missed) in found.items():
                before = ways.get(line, (0, 0))
                ways[line] = (before[0] + taken, before[1] + missed)
    return Coverage(by_file, jumps)


def lcov(run: Run, assembly: Assembly) -> str:
    """Which lines ran and how often, and how often each JUMPI jumped or did not (lcov 1.x)."""
    return lcov_text(coverage(run, assembly))


def lcov_text(covered: Coverage) -> str:
    """Coverage as lcov 1.x has it."""
    out = ["TN:"]
    for path, lines in covered.lines.items():
        out.append(f"SF:{path}")
        found = covered.jumps.get(path, {})
        for line, counts in sorted(found.items()):
            for branch, count in enumerate(counts):
                shown = str(count) if lines[line] else "-"
                out.append(f"BRDA:{line},0,{branch},{shown}")
        out.append(f"BRF:{2 * len(found)}")
        out.append(f"BRH:{sum(bool(count) for counts in found.values() for count in counts)}")
        out += [f"DA:{line},{count}" for line, count in sorted(lines.items())]
        out.append(f"LF:{len(lines)}")
        out.append(f"LH:{sum(bool(count) for count in lines.values())}")
        out.append("end_of_record")
    return "\n".join(out) + "\n"


def _hits(run: Run) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    """How often each offset ran, and how often each JUMPI jumped and did not."""
    hits: dict[int, int] = {}
    branches: dict[int, tuple[int, int]] = {}
    steps = run.steps
    for index, step in enumerate(steps):
        hits[step.pc] = hits.get(step.pc, 0) + 1
        if step.opcode == _JUMPI and index + 1 < len(steps):
            taken, missed = branches.get(step.pc, (0, 0))
            jumped = steps[index + 1].pc != step.pc + 1
            branches[step.pc] = (taken + jumped, missed + (not jumped))
    return hits, branches
