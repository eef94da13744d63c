"""The format ``jsonl``: an object of JSON a line and finding, for tools that read as it comes."""

from __future__ import annotations

import json
from typing import TextIO

from nvm_lsp.lint.report import Report, Reporter, Style
from nvm_lsp.lint.reporters.json import findings

__all__ = ["REPORTER"]


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    for finding in findings(report):
        stream.write(json.dumps(finding) + "\n")


REPORTER = Reporter("jsonl", "a line of JSON a finding", _write)
