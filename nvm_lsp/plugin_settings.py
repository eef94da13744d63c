"""Which plugins the user wants, and where their failures are written down; nothing is loaded here.

A file of the user's, not of a workspace: what is opened in an editor must not choose what runs.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

import platformdirs

__all__ = [
    "SettingsError",
    "canonical",
    "disabled",
    "log_file",
    "set_disabled",
    "settings_file",
    "third_party_allowed",
    "write_log",
]

#: Set to 0, no third party's plugin is loaded.
_ALL = "NVM_LSP_PLUGINS"
_CONFIG = "NVM_LSP_CONFIG"
_LOG = "NVM_LSP_LOG"
_LOG_BYTES = 2**18


class SettingsError(ValueError):
    """The file of settings cannot be read or written; the message says why."""


def third_party_allowed() -> bool:
    """Whether plugins of others may be loaded in this process at all."""
    return os.environ.get(_ALL, "1").strip().lower() not in ("0", "no", "off", "false")


def canonical(name: str) -> str:
    """A plugin's name as it is compared: case and the kind of dash do not count."""
    return re.sub(r"[-_.]+", "-", name).lower()


def settings_file() -> Path:
    """The user's settings: in ``NVM_LSP_CONFIG``, or where the system keeps settings."""
    given = os.environ.get(_CONFIG)
    folder = Path(given) if given else platformdirs.user_config_path("nvm-lsp", appauthor=False)
    return folder / "plugins.json"


def disabled() -> frozenset[str]:
    """Canonical names of the plugins that the user has switched off.

    Raises:
        SettingsError: the file is there and says something else.
    """
    path = settings_file()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}; mend the file or remove it") from None
    names = document.get("disabled") if isinstance(document, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(
            f'{path}: it must be like {{"disabled": ["NAME"]}}; mend the file or remove it'
        )
    return frozenset(map(canonical, names))


def set_disabled(names: Iterable[str]) -> None:
    """Writes which plugins are off.

    Raises:
        SettingsError: the file cannot be written.
    """
    path = settings_file()
    text = json.dumps({"disabled": sorted(set(map(canonical, names)))}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)  # at once, so that nobody reads half of it
    except OSError as error:
        raise SettingsError(f"{path}: {error}") from None


def log_file() -> Path:
    """Where failures are written with their tracebacks: in ``NVM_LSP_LOG``, or the user's logs."""
    given = os.environ.get(_LOG)
    folder = Path(given) if given else platformdirs.user_log_path("nvm-lsp", appauthor=False)
    return folder / "plugins.log"


def write_log(text: str) -> None:
    """Appends to the log, which keeps its last entries only; a log that cannot be written is no
    reason to fail once more."""
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        pass
