"""The format ``github``: workflow commands, which GitHub Actions shows at the lines of a change."""

from __future__ import annotations

from typing import TextIO

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.escaping import relative_to_root, repository_root, visible
from nvm_lsp.lint.report import Failure, Report, Reporter, Style

__all__ = ["REPORTER"]

_COMMANDS = {
    Severity.ERROR: "error", Severity.WARNING: "warning",
    Severity.INFO: "notice", Severity.HINT: "notice",
}


def _write(report: Report, stream: TextIO, _style: Style) -> None:
    root = repository_root()
    for file in report.files:
        for failure in file.errors:
            stream.write(_failure(failure, file.path, root) + "\n")
        for diagnostic in file.diagnostics:
            stream.write(_finding(diagnostic, root) + "\n")


REPORTER = Reporter("github", "workflow commands of GitHub Actions", _write)


def _finding(diagnostic: Diagnostic, root: str) -> str:
    start, end = diagnostic.location.span.start, diagnostic.location.span.end
    properties = {
        "title": f"nvm-lsp {diagnostic.code} {diagnostic.kind.name}",
        **_file(diagnostic.location.path, root),
        "line": start.line + 1,
        "endLine": end.line + 1,
    }
    if start.line == end.line:  # columns are refused where there are several lines
        properties |= {"col": start.column + 1, "endColumn": end.column + 1}
    # The log shows only the message, so the place is said in it, too.
    message = [f"{diagnostic.location}: {diagnostic.code} {diagnostic.message}"]
    message += [f"{other.location}: {other.message}" for other in diagnostic.related]
    if diagnostic.hint:
        message.append(f"hint: {diagnostic.hint}")
    return _command(_COMMANDS[diagnostic.severity], properties, "\n".join(message))


def _failure(failure: Failure, path: str, root: str) -> str:
    message = failure.message + (f"\nhint: {failure.hint}" if failure.hint else "")
    title = "nvm-lsp: internal error" if failure.internal else "nvm-lsp"
    return _command("error", {"title": title, **_file(path, root)}, message)


def _file(path: str, root: str) -> dict[str, str | int]:
    return {} if path == "-" else {"file": relative_to_root(path, root) or path}


def _command(name: str, properties: dict[str, str | int], message: str) -> str:
    """A workflow command; what separates its parts is escaped as the runner unescapes it."""
    listed = ",".join(
        f"{key}={_data(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for key, value in properties.items()
    )
    return f"::{name} {listed}::{_data(message)}"


def _data(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return visible(text, keep="\n\t").replace("%", "%25").replace("\n", "%0A")
