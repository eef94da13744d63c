"""What rules say of programs is what happens: random programs are linted, run, and compared."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from benchmarks.guest_programs import program
from nvm_lsp.assembler import assemble_text, disassemble
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.linter import check as lint
from nvm_lsp.runner.guest_trace import Snapshot
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario import Scenario

MEMORY = re.compile(r"reads (\d+) bytes of memory at (0x[0-9a-f]+)")
RETURNED = re.compile(r"of (\d+) bytes of memory, (?:only (\d+)|nothing)")
WELL = ("stop", "return")


def check(code: bytes) -> Counter[str]:
    """Compares each finding with each time that its instruction ran; how often, by code."""
    assembly = assemble_text(disassemble(code), "x")
    result = run(Request(code, Scenario(target="evm"), snapshots="all", native=False))
    by_pc: dict[int, list[Snapshot]] = {}
    for step in result.snapshots:
        by_pc.setdefault(step.pc, []).append(step)
    compared: Counter[str] = Counter()
    for found in lint(assembly, "evm"):
        pcs = assembly.source_map.pcs("x", found.location.span.start.line)
        for step in by_pc.get(pcs[0], []) if pcs else []:
            assert is_true(found, step, result), f"{code.hex()}: {found.message} at {pcs[0]:#x}"
            compared[found.code] += 1
    return compared


def is_true(found: Diagnostic, step: Snapshot, result: Run) -> bool:
    """Whether a finding agrees with an execution of its instruction; others may go other ways."""
    match found.code:
        case "FLW001":
            return False  # called unreachable
        case "CAL004" | "NVM006":
            return result.outcome not in WELL
        case "MEM001":
            size, used = RETURNED.search(found.message).groups()
            offset = step.stack[0]
            return not any(step.memory[offset + int(used or 0) : offset + int(size)])
        case "MEM002":
            size, start = MEMORY.search(found.message).groups()
            return not any(step.memory[int(start, 16) : int(start, 16) + int(size)])
    return True


def test_what_rules_say_of_random_programs_is_what_happens():
    compared: Counter[str] = Counter()
    for seed in range(80):
        compared += check(program(Random(f"truth {seed}"), (0x1234, 2)))
    # The programs must be such that there is something to compare.
    assert {"MEM001", "MEM002", "CAL004", "NVM006"} <= set(compared), compared
