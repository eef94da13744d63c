"""``nvm-lsp lint --fix`` and ``--diff``: changes files, or shows how they would change."""

from __future__ import annotations

import difflib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from nvm_lsp.cli.write import write_file
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.fixes import PASSES, Mended, Trial, errors_of_assembly, fix_of, mend
from nvm_lsp.lint.merge import judges_of_parts, report_of_part
from nvm_lsp.lint.one_file import TracingLoader, lint_file
from nvm_lsp.lint.report import FileReport
from nvm_lsp.lint.result import FileResult, Request
from nvm_lsp.source import split_lines

__all__ = ["Fixed", "fix_files", "show_diff", "write_fixed"]

_MARK = b"\xef\xbb\xbf"

#: Whether a finding, with its fingerprint, may be fixed.
Wanted = Callable[[Diagnostic, str], bool]


@dataclass(slots=True)
class Fixed:
    """What fixing gave: new contents by path, and what was and was not done."""

    contents: dict[str, bytes] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)
    applied: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)

    def summary(self, done: str) -> str:
        """What was done, in a line; ``done`` is ``fixed`` or ``would fix``."""
        total = sum(self.applied.values())
        if not total:
            return ""
        codes = ", ".join(f"{code} {count}×" for code, count in self.applied.most_common())
        files = len(self.contents)
        findings = f"{total} finding{'s' * (total != 1)}"
        return f"{done} {findings} in {files} file{'s' * (files != 1)}: {codes}"


def fix_files(
    requests: Sequence[Request],
    results: Sequence[FileResult],
    reports: Sequence[FileReport],
    wanted: Wanted,
    *,
    unsafe: bool,
    once: bool,
) -> Fixed:
    """Fixes what the reports show, file by file; nothing is written.

    A fix counts only if its file, and all that include it, assemble as well as before; a file that
    is judged by programs need not assemble by itself. ``once`` is for findings that are wanted for
    the line they stand on, which says nothing after a change.
    """
    out = Fixed()
    loader = TracingLoader()
    by_path = {request.path: request for request in requests}
    includers: dict[str, list[Request]] = {}
    for result in results:
        for name, _ in result.dependencies:
            if name != result.path:
                includers.setdefault(os.path.abspath(name), []).append(by_path[result.path])
    judges = judges_of_parts(results)
    for report in reports:
        path = report.path
        if not any(fix_of(found, path, unsafe) for found in report.diagnostics):
            continue
        data = by_path[path].data
        if data is None:
            found = loader.data(path)
            if not isinstance(found, bytes):
                continue
            data = found
        mark = _MARK if data.startswith(_MARK) else b""
        text = data.decode("utf-8-sig")

        full = os.path.abspath(path)
        around = includers.get(full, [])
        judging = frozenset(judge.path for judge in judges.get(full, ()))
        look = partial(_look, by_path[path], around, judging, loader, wanted)
        mended = mend(path, text, look, unsafe=unsafe, passes=1 if once else PASSES)
        _take(out, path, mended)
        after = mark + mended.text.encode()
        loader.replace(path, after)
        if after != data:
            out.before[path], out.contents[path] = data, after
    return out


def _look(
    request: Request,
    includers: Sequence[Request],
    judging: frozenset[str],
    loader: TracingLoader,
    wanted: Wanted,
    text: str,
) -> Trial:
    data = text.encode()
    loader.replace(request.path, data)
    result = lint_file(replace(request, data=data), loader)
    broken = len(result.failures) + (0 if judging else errors_of_assembly(result.diagnostics))
    judged: list[FileResult] = []
    for includer in includers:
        content = loader.data(includer.path) if includer.data is None else includer.data
        if isinstance(content, bytes):
            around = lint_file(replace(includer, data=content, overlay=()), loader)
            broken += errors_of_assembly(around.diagnostics) + len(around.failures)
            if includer.path in judging:
                judged.append(around)
    findings: Iterable[tuple[Diagnostic, str]]
    findings = zip(result.diagnostics, result.fingerprints, strict=False)
    if judging:
        lines = split_lines(text)

        def line_of(name: str, number: int) -> str:
            return lines[number] if number < len(lines) else ""

        findings = report_of_part(result, judged, line_of).findings()
    return Trial(tuple(found for found, name in findings if wanted(found, name)), broken)


def _take(out: Fixed, path: str, mended: Mended) -> None:
    out.applied.update(mended.applied)
    out.left_out += (
        f"{found.location}: {found.code} is left as it is, because after its fix ({fix.title}) "
        "something would no longer assemble"
        for found, fix in mended.left_out
    )
    if not mended.settled:
        out.left_out.append(f"{path}: there is more to fix; run the command once more")


def write_fixed(fixed: Fixed) -> int:
    """Writes the files; 0, or 2 if one cannot be written."""
    return max((write_file(data, path) for path, data in fixed.contents.items()), default=0)


def show_diff(fixed: Fixed) -> None:
    """Prints how the files would change, for ``patch`` or ``git apply -p0``."""
    for path, data in fixed.contents.items():
        before, after = (
            split_lines(content.decode("utf-8-sig")) for content in (fixed.before[path], data)
        )
        name = path.replace(os.sep, "/")
        for line in difflib.unified_diff(before, after, name, name):
            ending = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
            sys.stdout.write(line + ending)
