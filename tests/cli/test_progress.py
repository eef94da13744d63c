"""A long run says on a terminal how far it is, and Ctrl-C ends it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ENDLESS = "#@ gas 1 << 50\nagain:\nPUSH again\nJUMP\n"


def counted(text: bytes) -> set[int]:
    """The counts of steps, but for none, that were shown one over the other so far."""
    shown = re.findall(rb"\x1b\[2K([0-9,]+) guest steps", text)
    return {int(count.replace(b",", b"")) for count in shown} - {0}


def test_steps_are_counted_on_a_terminal_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "p.easm").write_text(ENDLESS)
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nvm_lsp", "run", "p.easm", "--timeout", "120"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=other,
    )
    os.close(other)
    text = b""
    end = time.monotonic() + 100
    while len(counts := counted(text)) < 2 and time.monotonic() < end:
        text += os.read(terminal, 4096)
    process.send_signal(signal.SIGINT)
    while b"interrupted" not in text:
        text += os.read(terminal, 4096)
    process.communicate(timeout=30)
    os.close(terminal)
    assert process.returncode == 130
    assert len(counts) == 2, "the count grows"
    assert b"\r\x1b[2Knvm-lsp: interrupted" in text, "the line is cleared first"


def test_nothing_is_said_where_there_is_no_terminal(nvm) -> None:
    done = nvm("run", "-", "--timeout", "1.5", stdin=ENDLESS)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "time limit reached: 1.5 s" in done.stdout
