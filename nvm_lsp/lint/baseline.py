"""Findings that are known and accepted for now, kept in a file that is checked in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from nvm_lsp.lint.report import FileReport

__all__ = ["Baseline", "BaselineError", "Outcome", "load", "within"]

_VERSION = 1


class BaselineError(ValueError):
    """A baseline that cannot be read or written; the message says why."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Accepted findings: by file, relative to the baseline's folder, code and message of each
    fingerprint."""

    path: str
    findings: dict[str, dict[str, tuple[str, str]]]

    def name_of(self, path: str) -> str:
        """What a file is called in the baseline."""
        relative = os.path.relpath(path, os.path.dirname(os.path.abspath(self.path)))
        return relative.replace(os.sep, "/")

    def exists(self, name: str) -> bool:
        """Whether a file of the baseline is still there."""
        return os.path.exists(os.path.join(os.path.dirname(os.path.abspath(self.path)), name))

    def save(self) -> None:
        """Writes the file, sorted, so that its history is of what changed.

        Raises:
            BaselineError: it cannot be written.
        """
        document = {
            "version": _VERSION,
            "findings": {
                name: [
                    {"code": code, "fingerprint": fingerprint, "message": message}
                    for fingerprint, (code, message) in sorted(
                        found.items(), key=lambda item: (item[1], item[0])
                    )
                ]
                for name, found in sorted(self.findings.items())
                if found
            },
        }
        fresh = f"{self.path}.{os.getpid()}"
        try:
            with open(fresh, "w", encoding="utf-8") as file:
                file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
            os.replace(fresh, self.path)
        except OSError as error:
            raise BaselineError(f"cannot write {self.path}: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a baseline made of a run: findings left, how many it covers, and entries that nothing
    matches any more, by file and fingerprint."""

    files: tuple[FileReport, ...]
    covered: int
    stale: tuple[tuple[str, str], ...]


def load(path: str) -> Baseline | None:
    """The baseline in a file, None where there is no such file.

    Raises:
        BaselineError: the file cannot be read, or is no baseline.
    """
    try:
        with open(path, encoding="utf-8") as file:
            document: Any = json.load(file)
        if document["version"] != _VERSION:
            raise BaselineError(f"{path} is of another version of nvm-lsp: write it anew")
        return Baseline(path, {
            str(name): {
                str(row["fingerprint"]): (str(row["code"]), str(row["message"])) for row in rows
            }
            for name, rows in document["findings"].items()
        })
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BaselineError(f"cannot read {path}: {error.strerror}") from None
    except BaselineError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BaselineError(f"{path} is no baseline of nvm-lsp") from None


def within(
    baseline: Baseline, files: Iterable[FileReport], looked_for: Callable[[str, str], bool]
) -> tuple[Outcome, Baseline]:
    """What is left of a run's findings, and the baseline that would leave none.

    A finding counts for the file that it lies in, which may be one that the linted file includes.
    ``looked_for`` tells whether a file (by its path in the baseline) was searched for a code:
    entries of all others can be neither stale nor pruned, unless their file is gone.
    """
    left: list[FileReport] = []
    matched: set[tuple[str, str]] = set()
    fresh: dict[str, dict[str, tuple[str, str]]] = {}
    for file in files:
        open_: list[tuple[Any, str]] = []
        for diagnostic, fingerprint in file.findings():
            name = baseline.name_of(diagnostic.location.path)
            fresh.setdefault(name, {})[fingerprint] = (diagnostic.code, diagnostic.message)
            if fingerprint in baseline.findings.get(name, {}):
                matched.add((name, fingerprint))
            else:
                open_.append((diagnostic, fingerprint))
        left.append(replace(
            file,
            diagnostics=tuple(diagnostic for diagnostic, _ in open_),
            fingerprints=tuple(fingerprint for _, fingerprint in open_),
        ))
    stale: list[tuple[str, str]] = []
    for name, known in baseline.findings.items():
        gone = not baseline.exists(name)
        for fingerprint, entry in known.items():
            if (name, fingerprint) in matched:
                continue
            if gone or looked_for(name, entry[0]):
                stale.append((name, fingerprint))
            else:
                fresh.setdefault(name, {})[fingerprint] = entry
    return (
        Outcome(tuple(left), len(matched), tuple(stale)), Baseline(baseline.path, fresh)
    )
