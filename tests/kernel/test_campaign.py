"""The campaign command, and the files that it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.conformance import ACCOUNTS, compare, write_program
from benchmarks.guest_programs import program
from nvm_lsp.assembler import assemble_file
from nvm_lsp.kernel.image import build

ROOT = Path(__file__).parents[2]


def campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.campaign", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )


def test_a_short_campaign(tmp_path: Path) -> None:
    done = campaign("--programs", "20", "--seed", "test", "--shard", "2/3", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "table prague: 20 programs compared, 0 disagreements" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_bad_shard_is_refused() -> None:
    done = campaign("--shard", "4/3")
    assert done.returncode == 2
    assert "'4/3' is no shard: write 1/4 for the first of four" in done.stderr


def test_programs_are_named_by_seed_and_number() -> None:
    assert program(Random("s/1"), ACCOUNTS) == program(Random("s/1"), ACCOUNTS)
    assert len({program(Random(f"s/{n}"), ACCOUNTS) for n in range(50)}) > 45


def test_what_differs_is_found() -> None:
    """CALLCODE differs by design, so the comparison has to say so."""
    found = compare(b"\x60\x00" * 7 + b"\xf2\x00", build())
    assert found is not None
    assert found[0] == "outcome: native success, kernel revert"


@pytest.mark.parametrize("options", [{}, {"verifier": True, "fork": "paris"}], ids=str)
def test_written_programs_run_as_they_are(tmp_path, nvm, options) -> None:
    kernel = build(**options)
    for number in range(3):
        code = program(Random(f"files/{number}"), ACCOUNTS, kernel.build.fork)
        path = write_program(tmp_path, f"case-{number}", code, kernel, ["for a test"])
        assembly = assemble_file(str(path))
        assert assembly.ok
        assert assembly.bytecode == code
        done = nvm("run", str(path))
        assert done.returncode in (0, 1), done.stderr
