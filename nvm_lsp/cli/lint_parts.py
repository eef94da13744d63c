"""Finds the programs that a file is a part of, where it lacks names and nobody named them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from nvm_lsp.cli.walk import SOURCE, STDIN, sources_below
from nvm_lsp.configuration import Configurations
from nvm_lsp.lint.fixes import errors_of_assembly
from nvm_lsp.lint.including import included_paths, programs_above
from nvm_lsp.lint.merge import judges_of_parts, lacks_names
from nvm_lsp.lint.result import FileResult, Request, content

__all__ = ["judged_by", "programs_around"]

#: Programs that judge one file at most, and those that are tried in search of them.
_MOST_JUDGES = 4
_MOST_TRIED = 16
#: What is looked through for one file: folders, easm files, and bytes of them.
_MOST_FOLDERS = 2_000
_MOST_FILES = 5_000
_MOST_BYTES = 64 * 1024 * 1024
#: Folders above a file's own, where no project tells how far it goes.
_PARENTS = 4

_Lint = Callable[[Sequence[Request]], list[FileResult]]


def programs_around(
    results: Sequence[FileResult],
    known: Configurations,
    request_of: Callable[[str], Request],
    lint: _Lint,
) -> tuple[list[Request], list[FileResult]]:
    """The programs that judge files of a run which lack names, and what linting them gave.

    A program counts if the file really becomes part of it; what its text says only tells which to
    try. The results are for these files only.
    """
    judged = judges_of_parts(results)
    asked = {os.path.abspath(result.path) for result in results}
    lacking = {
        path: result for result in results
        if result.path != STDIN and lacks_names(result)
        and (path := os.path.abspath(result.path)) not in judged
    }
    projects: dict[str, _Project] = {}
    waiting: dict[str, Iterator[str]] = {}
    for path in sorted(lacking):
        place = _project_of(path, known)
        project = projects.setdefault(place, _Project(place, known))
        tops = (file for file in project.programs_with(path) if file not in asked)
        waiting[path] = islice(tops, _MOST_TRIED)
    tried: dict[str, tuple[Request, FileResult]] = {}
    wanted: dict[str, set[str]] = {}
    while waiting:
        batch = {path: list(islice(files, _MOST_JUDGES)) for path, files in waiting.items()}
        fresh = sorted({file for files in batch.values() for file in files} - tried.keys())
        requests = [request_of(_named(file, lacking, batch)) for file in fresh]
        tried.update(zip(fresh, zip(requests, lint(requests), strict=True), strict=True))
        for path, files in batch.items():
            for file in files:
                result = tried[file][1]
                if path in {os.path.abspath(part) for part in result.parts}:
                    wanted.setdefault(file, set()).add(path)
                    waiting.pop(path, None)
            if not files:
                waiting.pop(path, None)
    found = [(*tried[file], frozenset(paths)) for file, paths in sorted(wanted.items())]
    return (
        [request for request, _, _ in found],
        [replace(result, only=paths) for _, result, paths in found],
    )


def judged_by(results: Sequence[FileResult]) -> Iterator[str]:
    """What is to be said of files that other programs judge, or of which none was found that does.

    Files that are judged by programs of the same run are nothing to speak of.
    """
    names = {os.path.abspath(r.path): r.path for r in results if r.only is None}
    groups: dict[tuple[str, ...], list[str]] = {}
    judged = judges_of_parts(results)
    for path, judges in sorted(judged.items()):
        programs = tuple(_program(judge) for judge in judges if judge.only is not None)
        if programs:
            groups.setdefault(programs, []).append(names[path])
    for programs, parts in groups.items():
        verb = "is" if len(parts) == 1 else "are"
        yield f"{_some(parts)} {verb} judged as part of {_some(programs)}"
    alone = [
        r.path for r in results
        if r.only is None and os.path.abspath(r.path) not in judged and _is_like_part(r)
    ]
    if alone:
        verb, them = ("is", "both") if len(alone) == 1 else ("are", "all")
        yield (
            f"no program was found that {_some(alone)} {verb} part of; if there is one, lint "
            f"{them} together"
        )


def _program(judge: FileResult) -> str:
    broken = errors_of_assembly([
        d for d in judge.diagnostics if os.path.abspath(d.location.path) not in (judge.only or ())
    ])
    return f"{judge.path} (which has errors itself)" if broken else judge.path


def _is_like_part(result: FileResult) -> bool:
    """Whether a file lacks names that are no misspelt ones of its own."""
    return lacks_names(result) and any(
        d.code in ("ASM006", "ASM021") and not d.hint.startswith("did you mean")
        for d in result.diagnostics
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _named(file: str, lacking: dict[str, FileResult], batch: dict[str, list[str]]) -> str:
    """A program's path, relative if those who want it are."""
    absolute = any(
        os.path.isabs(lacking[path].path) for path, files in batch.items() if file in files
    )
    return file if absolute else os.path.relpath(file)


def _project_of(path: str, known: Configurations) -> str:
    """The folder of the project that a file is in; its own where there is none."""
    found = known.of(path)
    folder = os.path.dirname(path)
    if found.path is not None and _is_below(folder, os.path.abspath(found.folder or "")):
        return os.path.abspath(found.folder or "")
    here = folder
    while True:
        if os.path.exists(os.path.join(here, ".git")):
            return here
        above = os.path.dirname(here)
        if above == here:
            return folder
        here = above


def _is_below(folder: str, other: str) -> bool:
    return os.path.commonpath((folder, other)) == other


@dataclass(slots=True)
class _Project:
    """The `%include` lines of a project's files, read as bytes."""

    folder: str
    known: Configurations
    _included_by: dict[str, set[str]] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)
    _bytes: int = 0

    def programs_with(self, path: str) -> list[str]:
        """The programs whose text says that a file is part of them, and that no other includes."""
        own = os.path.dirname(path)
        self._read_all(_directly_in(own))
        self._read_all(sources_below(self.folder, self.known, _MOST_FOLDERS))
        if self.folder == own:
            for _ in range(_PARENTS):
                own = os.path.dirname(own)
                self._read_all(_directly_in(own))
        return programs_above(path, self._included_by)

    def _read_all(self, files: Iterable[str]) -> None:
        for file in files:
            file = os.path.abspath(file)
            if file in self._read or len(self._read) >= _MOST_FILES or self._bytes > _MOST_BYTES:
                continue
            self._read.add(file)
            data = content(file) or b""
            self._bytes += len(data)
            for written in included_paths(data):
                name = os.path.join(os.path.dirname(file), written)
                if "\0" not in name:
                    self._included_by.setdefault(os.path.abspath(name), set()).add(file)


def _directly_in(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if name.endswith(SOURCE)]
