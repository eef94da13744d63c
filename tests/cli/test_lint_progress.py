"""What a long lint run says on a terminal while it goes on, and that it says it nowhere else."""

from __future__ import annotations

import io

import pytest

from nvm_lsp.cli import lint_progress
from nvm_lsp.cli.lint_progress import LintProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (Terminal, "\r\x1b[2K3 of 9 files\r\x1b[2K5 of 9 files\r\x1b[2K"),
        (io.StringIO, ""),
    ],
)
def test_progress_shows_after_a_second_and_is_gone_at_the_end(monkeypatch, stream, said):
    clock = iter([0.0, 0.5, 1.0, 1.05, 1.2])
    monkeypatch.setattr(lint_progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(lint_progress.sys, "stderr", stream())
    with LintProgress(9) as progress:
        for done in (2, 3, 4, 5):
            progress.show(done)
    assert lint_progress.sys.stderr.getvalue() == said
