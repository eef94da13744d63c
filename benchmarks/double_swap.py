"""What a double swap costs: ``python -m benchmarks.double_swap`` prints a table for the README.

The example `swap-two-assets.easm` swaps in two constant-product pools of mock ERC-20 tokens, with
approvals. It runs natively, on both profiles, and is priced for the predecessor by the figures that
are known of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nvm_lsp.assembler import assemble_file
from nvm_lsp.assembler.assembler import Assembly
from nvm_lsp.assembler.loader import FileLoader
from nvm_lsp.kernel.gas import CLASSES, EMPTY, PREDECESSOR
from nvm_lsp.kernel.image import PROFILES
from nvm_lsp.opcodes import opcode_by_code
from nvm_lsp.runner.guest_trace import Step
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario_reader import read_scenario

EXAMPLE = Path(__file__).parents[1] / "examples" / "swap-two-assets.easm"
#: The least that the predecessor adds to an opcode whose figure is not known.
_UNKNOWN = 65


def main() -> None:
    """Prints the table, as Markdown."""
    runs = double_swaps()
    native = runs["table"].native
    assert native is not None
    first = runs["table"]
    before = predecessor(first.steps)
    operations = len(first.steps)
    print(f"{operations} guest operations, gas refunds not taken off.\n")
    print("| | gas | above native | | a guest operation | host operations for each |")
    print("|---|--:|--:|--:|--:|--:|")
    print(f"| native | {native:,} | | | | 1 |")
    for profile in reversed(PROFILES):
        done = runs[profile]
        added = done.gas_used - native
        print(
            f"| {profile} | {done.gas_used:,} | {added:,} | {added / native:.1%} "
            f"| {added / operations:.1f} | {done.host_steps / operations:.1f} |"
        )
    print(
        f"| predecessor, estimated | {native + before:,} | {before:,} | {before / native:.1%} "
        f"| {before / operations:.1f} | |"
    )


def double_swaps() -> dict[str, Run]:
    """The run on each profile."""
    loader = FileLoader()
    assembly = assemble_file(str(EXAMPLE), loader=loader)
    assert isinstance(assembly, Assembly)
    assert assembly.ok
    scenario, problems = read_scenario(assembly, loader)
    assert not list(problems)
    return {
        profile: run(Request(assembly.bytecode, replace(scenario, profile=profile)))
        for profile in PROFILES
    }


def predecessor(steps: Iterable[Step]) -> int:
    """The gas that the predecessor adds to a run of these guest operations.

    A jump that is taken is priced together with its JUMPDEST.
    """
    price = {
        opcode: PREDECESSOR[name]
        for name, opcodes in CLASSES.items()
        if name in PREDECESSOR
        for opcode in opcodes
    }
    names = [row.name if (row := opcode_by_code(step.opcode)) else "" for step in steps]
    total = PREDECESSOR[EMPTY]
    for index, name in enumerate(names):
        following = names[index + 1] if index + 1 < len(names) else ""
        taken = following == "JUMPDEST"
        if name == "JUMPDEST" and index and names[index - 1] in ("JUMP", "JUMPI"):
            continue
        if name == "JUMPI":
            name = "JUMPI taken and its JUMPDEST" if taken else "JUMPI not taken"
            total += PREDECESSOR[name]
        else:
            total += price.get(name, _UNKNOWN)
    return total


if __name__ == "__main__":
    main()
