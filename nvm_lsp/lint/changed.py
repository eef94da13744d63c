"""Which lines of which files changed since a revision, as git tells; it changes nothing itself."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

__all__ = ["Changes", "GitError", "changes_since"]

#: Against what a user may have set.
_PLAIN = (
    "-c", "core.quotePath=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false",
)
_HUNK = re.compile(rb"@@ -\S+ \+(\d+)(?:,(\d+))? @@")


class GitError(ValueError):
    """Git is not there, or does not know the revision; the message says so."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Changed lines, from zero with the end exclusive, by absolute path; None: all of the file."""

    lines: dict[str, list[tuple[int, int]] | None]

    def touches(self, path: str, first: int, last: int) -> bool:
        """Whether any of some lines of a file, both inclusive, changed."""
        found = self.lines.get(os.path.realpath(path), [])
        return found is None or any(start <= last and first < end for start, end in found)


def changes_since(revision: str) -> Changes:
    """What differs in the folder's repository from where its history and a revision parted.

    Files that git does not track yet have changed as a whole.

    Raises:
        GitError: there is no git, no repository, or no such revision.
    """
    top = os.path.realpath(os.fsdecode(_git("rev-parse", "--show-toplevel").rstrip(b"\n")))
    commit = _git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode()
    try:
        base = _git("merge-base", commit.strip(), "HEAD").decode().strip()
    except GitError:  # histories without a common beginning
        base = commit.strip()
    diff = _git(
        *_PLAIN, "diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-renames", "--text",
        base, "--", folder=top,
    )
    lines: dict[str, list[tuple[int, int]] | None] = {}
    ranges: list[tuple[int, int]] = []
    in_head = True
    for line in diff.split(b"\n"):
        if line.startswith(b"diff --git "):
            in_head = True
        elif in_head and line.startswith(b"+++ "):
            ranges = []
            lines[os.path.join(top, _path(line[4:]))] = ranges
        elif found := _HUNK.match(line):
            in_head = False
            first, count = int(found[1]) - 1, int(found[2] or 1)
            if count:
                ranges.append((first, first + count))
    untracked = _git("ls-files", "--others", "--exclude-standard", "-z", folder=top)
    lines.update(
        (os.path.join(top, os.fsdecode(name)), None) for name in untracked.split(b"\0") if name
    )
    return Changes(lines)


def _path(shown: bytes) -> str:
    """The path of a line ``+++ b/path``; git quotes it where it holds odd characters."""
    name = shown.rstrip(b"\r\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = name[1:-1].decode("unicode_escape").encode("latin-1")
    return os.fsdecode(name.removeprefix(b"b/"))


def _git(*arguments: str, folder: str | None = None) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise GitError(f"git says: {said.removeprefix('fatal: ')}")
    return done.stdout
