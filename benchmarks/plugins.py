"""What plugins cost those who have none, and what the protection against them costs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from nvm_lsp import plugins
from nvm_lsp.hookspecs import hookimpl

_RUNS = 15
_CALLS = 20_000


def main() -> None:
    look = _process("import nvm_lsp.plugins as p; p.manager()")
    bare = _process("import nvm_lsp.plugins")
    metadata = _process("import nvm_lsp.plugins, importlib.metadata as m; m.entry_points()")
    print(f"finding out that there are none: {1e3 * (look - bare):.1f} ms,")
    print(f"  by importlib.metadata alone {1e3 * (metadata - bare):.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.easm")
        file.write_text("PUSH 1\nPOP\nSTOP\n")
        site = Path(folder, "site", "acme-1.dist-info")
        site.mkdir(parents=True)
        (site / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
        (site / "entry_points.txt").write_text("[nvm_lsp]\nacme = acme\n")
        (site.parent / "acme.py").write_text(_PLUGIN)
        none = _process(_LINT, str(file))
        one = _process(_LINT, str(file), PYTHONPATH=str(site.parent))
        print(f"cold lint of a small file: {none:.3f} s of the processor,")
        print(f"  with a plugin of one rule {one:.3f} s")
    direct, asked, foreign = _calls()
    print(f"a call of a built-in plugin through `ask`: {asked - direct:.2f} µs above the call,")
    print(f"  of somebody else's, with its limit of time: {foreign - direct:.2f} µs")


_PLUGIN = '''"""A rule that finds nothing."""
from nvm_lsp.api import hookimpl, rule

@rule("ACM001", "acme")
def RULE(context):
    yield from ()

@hookimpl
def nvm_lsp_rules():
    return [RULE]
'''
_LINT = "import sys; from nvm_lsp.cli.main import main; main(['lint', '--no-cache', sys.argv[1]])"


def _process(code: str, *arguments: str, **variables: str) -> float:
    """Seconds of the processor that a process takes, the median of some."""
    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", code, *arguments], check=False, env={**os.environ, **variables},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return median(run() for _ in range(_RUNS))


def _calls() -> tuple[float, float, float]:
    """Microseconds of a call: as it is, asked of a built-in plugin, asked of another."""
    class Foreign:
        @staticmethod
        @hookimpl
        def nvm_lsp_rules() -> list[object]:
            return []

    plugins.manager().register(Foreign(), name="foreign")

    def nothing() -> int:
        return 1

    return (
        _microseconds(nothing),
        _microseconds(lambda: plugins.ask("nvm_lsp.lint.rules", "x", nothing, 0)),
        _microseconds(lambda: plugins.ask("foreign", "x", nothing, 0)),
    )


def _microseconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(_CALLS):
        function()
    return (time.perf_counter() - began) / _CALLS * 1e6


if __name__ == "__main__":
    main()
