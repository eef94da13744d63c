"""Where lint's report goes: formats, files and terminal; it knows nothing of how findings arise."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from nvm_lsp import plugins
from nvm_lsp.cli.arguments import UsageError
from nvm_lsp.cli.write import write_file
from nvm_lsp.diagnostics import Applicability, Diagnostic, Severity
from nvm_lsp.lint.report import FileReport, Report, Reporter, Style
from nvm_lsp.lint.result import BYTECODE
from nvm_lsp.shapes import near_miss
from nvm_lsp.source import split_lines

__all__ = [
    "Output", "Sources", "outputs", "statistics", "summary", "write",
]

_HOOK = "nvm_lsp_reporters"
STDOUT = "-"
#: Formats for people: what else belongs on the terminal may stand beside them.
_FOR_PEOPLE = frozenset({"full", "concise"})


@dataclass(frozen=True, slots=True)
class Output:
    """A format and where it goes: a file, stdout (``-``) or stderr (empty)."""

    reporter: Reporter
    plugin: str
    target: str


@dataclass(slots=True)
class Sources:
    """The lines of files for a report. ``given`` are contents that are not on disk."""

    given: dict[str, bytes] = field(default_factory=dict)
    _lines: dict[str, Sequence[str]] = field(default_factory=dict)

    def __call__(self, path: str) -> Sequence[str]:
        if path not in self._lines:
            self._lines[path] = self._read(path)
        return self._lines[path]

    def line(self, path: str, number: int) -> str:
        lines = self(path)
        return lines[number] if number < len(lines) else ""

    def refresh(self) -> None:
        """Forgets what files hold, as they have been written."""
        self._lines.clear()

    def _read(self, path: str) -> Sequence[str]:
        try:
            data = self.given.get(path)
            if data is None:
                with open(path, "rb") as file:
                    data = file.read()
            if path.endswith(BYTECODE):
                # Only for findings in bytecode, as it imports the assembler.
                from nvm_lsp.lint.one_file import source_of_bytecode  # noqa: PLC0415

                text = source_of_bytecode(data)
            else:
                text = data.decode("utf-8-sig")
        except (OSError, ValueError):
            return ()
        return tuple(line.rstrip("\r\n") for line in split_lines(text))


def outputs(format_: str, extra: Iterable[str], *, github: bool) -> list[Output]:
    """What ``--format`` and each ``--output FORMAT=FILE`` ask for.

    ``github`` adds the annotations of GitHub Actions, on stdout if that is for people to read.

    Raises:
        UsageError: there is no such format, or no file is named.
    """
    found = [_output(format_, STDOUT)]
    for word in extra:
        name, separator, target = word.partition("=")
        if not separator or not target:
            raise UsageError(
                f"--output takes FORMAT=FILE, not {word!r}",
                f"write --output {name or 'sarif'}=FILE, or --format {name or 'sarif'} for stdout",
            )
        found.append(_output(name, target))
    if github and not any(o.reporter.name == "github" and o.target == STDOUT for o in found):
        stdout = [o.reporter.name for o in found if o.target == STDOUT]
        # GitHub reads both streams; a machine that reads the other one must not see this.
        found.append(_output("github", STDOUT if _FOR_PEOPLE.issuperset(stdout) else ""))
    targets = Counter(os.path.abspath(o.target) for o in found if o.target not in ("", STDOUT))
    for target, count in targets.items():
        if count > 1:
            raise UsageError(f"{count} formats cannot go to one file: {target}")
    return found


def _output(name: str, target: str) -> Output:
    found = plugins.find(_HOOK, Reporter, name)
    if found is None:
        known = [entry.entry.name for entry in plugins.each(_HOOK, Reporter)]
        raise UsageError(f"there is no format {name!r}", near_miss(name, known))
    return Output(found.entry, found.plugin, target)


def write(report: Report, asked: Iterable[Output]) -> int:
    """Writes the report in all formats; 0, or 2 and 3 where a file or a reporter failed."""
    code = 0
    for output in asked:
        if output.target in ("", STDOUT):
            stream = sys.stdout if output.target == STDOUT else sys.stderr
            _any_text(stream)
            code = max(code, _write(report, output, stream))
        else:
            text = io.StringIO()
            code = max(code, _write(report, output, text))
            code = max(code, write_file(text.getvalue().encode("utf-8", "replace"), output.target))
    return code


def _write(report: Report, output: Output, stream: TextIO) -> int:
    style = Style(_wants_color(stream), shutil.get_terminal_size((100, 24)).columns)
    write = output.reporter.write

    def all_of_it() -> bool:
        write(report, stream, style)
        return True

    if plugins.is_built_in(output.plugin):
        all_of_it()
        return 0
    name = f"format {output.reporter.name}"
    return 0 if plugins.ask(output.plugin, name, all_of_it, False) else 3


def _any_text(stream: TextIO) -> None:
    """Lets a stream take text that its encoding lacks: source may hold anything."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _wants_color(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def statistics(files: Iterable[FileReport], *, as_json: bool) -> str:
    """How many findings there are of each code, most first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    fixable: Counter[tuple[str, str, str]] = Counter()
    for diagnostic in _all(files):
        key = (diagnostic.code, diagnostic.kind.name, diagnostic.severity.value)
        counts[key] += 1
        fixable[key] += _is_fixable(diagnostic)
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if as_json:
        document: list[dict[str, Any]] = [
            {"code": code, "name": name, "severity": severity, "count": count,
             "fixable": fixable[code, name, severity]}
            for (code, name, severity), count in rows
        ]
        return json.dumps(document, indent=2) + "\n"
    width = len(str(rows[0][1])) if rows else 0
    return "".join(
        f"{count:{width}}  {code}  {severity:7}  {name}"
        + (f" ({fixable[code, name, severity]} fixable)" if fixable[code, name, severity] else "")
        + "\n"
        for (code, name, severity), count in rows
    )


def summary(files: Sequence[FileReport], *, unsafe: bool) -> str:
    """A run in a line: how many findings of each level, and how many could be fixed."""
    levels = Counter(diagnostic.severity for diagnostic in _all(files))
    if not levels:
        return "no findings"
    parts = ", ".join(
        f"{levels[severity]} {_plural(severity.value, levels[severity])}"
        for severity in Severity
        if levels[severity]
    )
    where = sum(bool(file.diagnostics) for file in files)
    safe = sum(_is_fixable(diagnostic) for diagnostic in _all(files))
    more = sum(_is_fixable(diagnostic, unsafe=True) for diagnostic in _all(files)) - safe
    text = f"{parts} in {where} {_plural('file', where)}"
    if safe:
        text += f"; {safe} can be fixed with --fix"
    if more and not unsafe:
        text += f"{',' if safe else ';'} {more} {'more ' if safe else ''}with --unsafe-fixes"
    return text


def _plural(word: str, count: int) -> str:
    return word if count == 1 or word == "info" else f"{word}s"


def _all(files: Iterable[FileReport]) -> Iterator[Diagnostic]:
    for file in files:
        yield from file.diagnostics


def _is_fixable(diagnostic: Diagnostic, *, unsafe: bool = False) -> bool:
    allowed = {Applicability.SAFE, Applicability.UNSAFE} if unsafe else {Applicability.SAFE}
    return any(fix.applicability in allowed for fix in diagnostic.fixes)
