"""The format ``concise``: a line a finding, for people, editors and problem matchers."""

from __future__ import annotations

from typing import TextIO

from nvm_lsp.lint.report import Report, Reporter, Style
from nvm_lsp.lint.reporters.full import heading

__all__ = ["REPORTER"]


def _write(report: Report, stream: TextIO, style: Style) -> None:
    for file in report.files:
        for diagnostic in file.diagnostics:
            stream.write(heading(diagnostic, style) + "\n")


REPORTER = Reporter("concise", "a line a finding", _write)
