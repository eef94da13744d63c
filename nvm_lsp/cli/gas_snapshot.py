"""``nvm-lsp test --gas-snapshot``: the gas of tests in a file, a line each, and its changes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nvm_lsp.cli.arguments import complain
from nvm_lsp.cli.write import write_file

if TYPE_CHECKING:
    from nvm_lsp.runner.testing import Result

__all__ = ["compare_gas"]

_GAS_LINE = re.compile(r"(?P<id>.+) \(gas: (?P<used>\d+)(?:, native: (?P<native>\d+))?\)$")


def compare_gas(
    path: str, results: Sequence[Result], *, update: bool, tolerance: float
) -> bool | None:
    """Compares with the snapshot, or writes it; None if the file cannot be used.

    ``tolerance`` is in percent. False if some test takes more gas than that, or is not in it.
    """
    current = {result.test_id: result for result in results if not result.problem}
    before = _read_gas(path) if os.path.exists(path) else {}
    if before is None:
        return None
    if update or not before:
        # Tests that were left out this time keep their lines.
        lines = {name: line for name, (_, line) in before.items()}
        lines.update({name: _gas_line(result) for name, result in current.items()})
        if write_file("".join(f"{lines[name]}\n" for name in sorted(lines)).encode(), path):
            return None
        print(f"wrote gas of {len(current)} tests to {path}")
        return True
    ok = True
    for name in sorted(current):
        used, old = current[name].gas_used, before.get(name, (None, ""))[0]
        if old is None:
            print(f"gas   {name}: {used:,}, not in {path}")
            ok = False
        elif used != old:
            percent = 100 * (used - old) / old if old else float("inf")
            worse = used > old * (1 + tolerance / 100)
            ok &= not worse
            mark = "MORE" if worse else "less" if used < old else "near"
            print(f"gas   {name}: {old:,} -> {used:,} ({used - old:+,}, {percent:+.2f} %) {mark}")
    if not ok:
        print(f"  hint: if this is meant, write the snapshot anew: --gas-snapshot {path} --update")
    return ok


def _gas_line(result: Result) -> str:
    native = "" if result.native is None else f", native: {result.native}"
    return f"{result.test_id} (gas: {result.gas_used}{native})"


def _read_gas(path: str) -> dict[str, tuple[int, str]] | None:
    """Gas and whole line by test, None if the file cannot be used."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        complain(f"cannot read {path}: {error}")
        return None
    before: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _GAS_LINE.match(line)
        if found is None:
            complain(f"{path}:{number}: this is no line of a gas snapshot")
            return None
        before[found["id"]] = int(found["used"]), line
    return before
