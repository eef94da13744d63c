"""Results of earlier lint runs on disk; a result counts only while all that it depends on is equal.

That is the content of the file and of everything it includes, the settings, the code of nvm-lsp,
and which plugins there are. The cache holds plain JSON: a folder that came from somewhere else can
make a result wrong, but nothing run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from nvm_lsp import __version__, plugins
from nvm_lsp.diagnostics import Kind
from nvm_lsp.lint.result import FileResult, content, digest, kind_json, kind_of, of_json, to_json

__all__ = ["FOLDER", "Cache", "open_cache"]

FOLDER = ".nvm-lsp-cache"
_FILE = "lint.json"
#: Raised when the form of the file changes.
_FORM = 2
#: Days after which a result that nobody asked for is dropped.
_DAYS = 14
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache of nvm-lsp; see https://bford.info/cachedir/\n"
)
#: Parts of the package that no finding depends on.
_WITHOUT_INFLUENCE = frozenset({"server", "runner", "cli", "reporters", "__pycache__"})


@dataclass(slots=True)
class Cache:
    """Results by key. ``kinds`` are those that the results are of, once any is known."""

    folder: str
    state: str
    kinds: dict[str, Kind] = field(default_factory=dict)
    _entries: dict[str, list[Any]] = field(default_factory=dict)
    _digests: dict[str, str | None] = field(default_factory=dict)
    _changed: bool = False

    def find(self, path: str, key: Iterable[object], data: bytes) -> FileResult | None:
        """The result for a file with this content, if it still counts.

        ``key`` is all that the result depends on but for the contents of files.
        """
        entry = self._entries.get(_key(path, key))
        if entry is None:
            return None
        self._digests[path] = digest(data)
        try:
            result = of_json(path, entry[1], self.kinds)
            if any(self._digest(name) != known for name, known in result.dependencies):
                return None
        except (KeyError, TypeError, ValueError, IndexError):
            return None
        today = _today()
        if entry[0] != today:
            entry[0] = today
            self._changed = True
        return result

    def keep(self, key: Iterable[object], result: FileResult) -> None:
        """Keeps a result, unless something went wrong in making it."""
        if not result.failures and result.is_whole:
            self._entries[_key(result.path, key)] = [_today(), to_json(result)]
            self._changed = True

    def learn(self, kinds: Iterable[Kind]) -> None:
        """Says which kinds there are."""
        self.kinds = {kind.code: kind for kind in kinds}

    def refresh(self) -> None:
        """Forgets what files hold, as they have been written."""
        self._digests.clear()

    def save(self) -> None:
        """Writes the cache; where that cannot be done, there is none."""
        if not self._changed:
            return
        import tempfile  # noqa: PLC0415 -- a run that finds all it needs writes nothing

        oldest = _today() - _DAYS
        document = {
            "form": _FORM,
            "state": self.state,
            "kinds": [kind_json(kind) for kind in self.kinds.values()],
            "entries": {key: row for key, row in self._entries.items() if row[0] >= oldest},
        }
        try:
            os.makedirs(self.folder, exist_ok=True)
            for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
                path = os.path.join(self.folder, name)
                if not os.path.exists(path):
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
            # At once, so that a run beside this one reads all of it or nothing.
            number, fresh = tempfile.mkstemp(dir=self.folder)
            try:
                with open(number, "w", encoding="utf-8") as file:
                    json.dump(document, file, separators=(",", ":"))
                os.replace(fresh, os.path.join(self.folder, _FILE))
            except BaseException:
                os.unlink(fresh)
                raise
        except OSError:
            pass

    def _digest(self, path: str) -> str | None:
        if path not in self._digests:
            data = content(path)
            self._digests[path] = None if data is None else digest(data)
        return self._digests[path]


def open_cache(folder: str) -> Cache:
    """The cache in a folder, empty where there is none or it is of another state of things."""
    cache = Cache(folder, _state())
    try:
        with open(os.path.join(folder, _FILE), encoding="utf-8") as file:
            document = json.load(file)
        if document["form"] == _FORM and document["state"] == cache.state:
            cache.kinds = {row[0]: kind_of(row) for row in document["kinds"]}
            entries: Mapping[str, Any] = document["entries"]
            cache._entries = {key: row for key, row in entries.items() if _is_entry(row)}
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        cache.kinds, cache._entries = {}, {}
    return cache


def _is_entry(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 2 and isinstance(row[0], int)


def _key(path: str, key: Iterable[object]) -> str:
    # Results hold paths as they were given, which depend on where the command runs.
    return digest(repr((os.getcwd(), path, *key)).encode())


def _today() -> int:
    return int(time.time()) // 86_400


@lru_cache(maxsize=1)
def _state() -> str:
    """What stands for the code that lints: our version, our files, Python's version, plugins."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parts: list[object] = [__version__, sys.version_info[:3], _files(here)]
    parts += _package("nvm_lsp.grammar")
    for plugin in plugins.discovered():
        parts.append((plugin.name, plugin.version, plugin.why_off))
        parts += _package(plugin.package)
    return digest(repr(parts).encode())


def _package(name: str) -> Iterable[object]:
    """The files of a package, which is found but not imported."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is None:  # a module of one file
        return [_file(spec.origin)] if spec.origin is not None else []
    return [_files(folder) for folder in spec.submodule_search_locations]


def _file(path: str) -> tuple[str, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size


def _files(folder: str) -> list[tuple[str, int, int]]:
    """Name, time and size of the files below a folder: they change while something is developed."""
    found: list[tuple[str, int, int]] = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _WITHOUT_INFLUENCE]
        found += (_file(os.path.join(here, name)) for name in names if not name.endswith(".pyc"))
    return sorted(found)
