"""What all tests share: one profile for Hypothesis, and the command line as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A build in the background of a shell inherits an ignored Ctrl-C, and so would all it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]

# No test may depend on how fast the machine is.
settings.register_profile(
    "ci", deadline=None, max_examples=100, suppress_health_check=list(HealthCheck)
)
settings.load_profile("ci")

Nvm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def nvm(tmp_path: Path) -> Nvm:
    """Runs ``nvm-lsp`` as a process in an empty folder; ``stdin`` may be text or bytes.

    ``env`` comes on top of this process's environment, but for what a CI service sets.
    """

    def run(
        *arguments: str, stdin: str | bytes = b"", cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ):
        data = stdin.encode() if isinstance(stdin, str) else stdin
        outside = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
        done = subprocess.run(
            [sys.executable, "-m", "nvm_lsp", *arguments],
            input=data,
            capture_output=True,
            cwd=cwd or tmp_path,
            timeout=120,
            env={**outside, "NO_COLOR": "1", **(env or {})},
            check=False,
        )
        out = done.stdout.decode("utf-8", "replace")
        err = done.stderr.decode("utf-8", "replace")
        assert "Traceback" not in err, f"a user must never see a traceback:\n{err}"
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run
