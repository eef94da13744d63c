"""Which plugins of others are installed, and which the user wants; nothing is loaded here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from nvm_lsp.hookspecs import GROUP

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["OWN", "Plugin", "discover", "may_be_installed"]

#: The name of our own distribution.
OWN = "nvm-lsp"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of somebody else's that is installed. ``why_off`` is empty if it is on."""

    name: str
    distribution: str
    version: str
    target: str
    why_off: str = ""

    @property
    def package(self) -> str:
        """The package of Python that it lies in."""
        return self.target.partition(":")[0].partition(".")[0]

    @property
    def label(self) -> str:
        """Its name, with that of its package where the two differ."""
        package = f"{self.distribution} {self.version}".strip()
        return f"{self.name} ({package})" if package else self.name


def discover(
    reserved: Iterable[str], complain: Callable[[str], None]
) -> Iterator[tuple[Plugin, EntryPoint]]:
    """The entry points of the group, each with what is known of it before it is loaded.

    ``reserved`` are names that no plugin of others may have. What is wrong with the user's settings
    goes to ``complain``.
    """
    if not may_be_installed():
        return
    # Only now, as most have no plugins, and these are slow to import.
    from importlib.metadata import entry_points  # noqa: PLC0415

    from nvm_lsp import plugin_settings as settings  # noqa: PLC0415

    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)

    allowed = settings.third_party_allowed()
    try:
        unwanted = settings.disabled()
    except settings.SettingsError as error:
        unwanted = frozenset()
        complain(str(error))
    # Nobody passes for what is built in.
    names = set(reserved)
    for entry in entries:
        package = entry.dist.name if entry.dist is not None else ""
        name = entry.name if entry.name not in names else f"{package}.{entry.name}"
        names.add(name)
        why = ""
        if package != OWN:
            if not allowed:
                why = "NVM_LSP_PLUGINS is 0"
            elif {settings.canonical(name), settings.canonical(package)} & unwanted:
                why = f"disabled in {settings.settings_file()}"
        version = entry.dist.version if entry.dist is not None else ""
        yield Plugin(name, package, version, entry.value, why), entry


def may_be_installed() -> bool:
    """Whether anything has entry points in our group; importlib.metadata tells what.

    It takes ten times as long to import as to look for ourselves, which every command would pay.
    """
    if any(hasattr(f, "find_distributions") and f is not PathFinder for f in sys.meta_path):
        return True
    group = f"[{GROUP}]".encode()
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            return True  # an archive
        except OSError:
            continue
        for name in names:
            if name.endswith(".egg"):
                return True
            if name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                        if group in file.read().replace(b" ", b""):
                            return True
                except OSError:
                    continue
    return False
