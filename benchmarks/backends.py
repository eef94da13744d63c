"""How fast each backend runs guests: ``python -m benchmarks.backends``.

Guest operations a second of a loop, of a mix of arithmetic, hashing, memory and reads of storage,
and of a loop that writes storage, natively and on both kernel profiles, from request to result; and
a warm run of the 3+4 example.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nvm_lsp.assembler import assemble_text
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.world import Limits

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "three-plus-four.easm"
#: Source with a number of rounds to fill in, guest steps a round.
PROGRAMS = {
    "loop": (
        "PUSH4 {rounds}\nnext:\nPUSH1 1\nSWAP1\nSUB\nDUP1\nPUSH next\nJUMPI\nSTOP\n", 7,
    ),
    "mix": (
        "PUSH4 {rounds}\nnext:\nDUP1\nPUSH1 64\nMSTORE\nPUSH1 32\nPUSH1 64\nKECCAK256\nPUSH1 7\n"
        "MUL\nPUSH1 96\nMSTORE\nPUSH1 96\nMLOAD\nPUSH1 0\nSLOAD\nADD\nPOP\nPUSH1 1\n"
        "SWAP1\nSUB\nDUP1\nPUSH next\nJUMPI\nSTOP\n", 24,
    ),
    # Every change stands in the text of revm's journal, out of which the state is read.
    "storage": (
        "PUSH4 {rounds}\nnext:\nDUP1\nDUP1\nPUSH1 15\nAND\nSSTORE\nPUSH1 1\nSWAP1\nSUB\nDUP1\n"
        "PUSH next\nJUMPI\nSTOP\n", 12,
    ),
}
_TARGETS = {
    "native": {"target": "evm"}, "table": {"profile": "table"}, "threaded": {"profile": "threaded"},
}


def main() -> None:
    kinds = [("py-evm, with steps", "py-evm", 30_000)]
    if importlib.util.find_spec("pyrevm") is not None:
        kinds.append(("pyrevm, without", "pyrevm", 6_000_000))
    else:
        print("pyrevm is not installed: pip install 'nvm-lsp[fast]'")
    for program in PROGRAMS:
        for target, fields in _TARGETS.items():
            rates = []
            for name, backend, size in kinds:
                rates.append(_rate(program, Scenario(**fields, gas=10**12), backend, size))
                print(
                    f"{program}, {target}, {name}: {rates[-1]:,.0f} guest operations a second",
                    flush=True,
                )
            if len(rates) > 1:
                print(f"{program}, {target}: pyrevm is {rates[1] / rates[0]:,.0f} times as fast")
    code = assemble_text(EXAMPLE.read_text()).bytecode
    for name, backend, _ in kinds:
        took = _best(partial(run, Request(code, backend=backend)), 50)
        print(f"3+4, warm, request to result with its native run, {name}: {took * 1e3:.2f} ms")


def _rate(program: str, scenario: Scenario, backend: str, size: int) -> float:
    source, steps = PROGRAMS[program]
    rounds = size // steps
    code = assemble_text(source.format(rounds=rounds)).bytecode
    request = Request(code, scenario, backend, Limits(seconds=600), native=False)
    results: list[Run] = []
    took = _best(lambda: results.append(run(request)), 3)
    assert results[-1].outcome == "stop", results[-1].error
    assert not results[-1].execution.notes, results[-1].execution.notes
    return rounds * steps / took


def _best(function: Callable[[], object], runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        began = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - began)
    return best


if __name__ == "__main__":
    main()
