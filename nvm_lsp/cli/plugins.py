"""``nvm-lsp plugins``: what is installed, what ails it, and switching it off and on."""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import sys
from collections.abc import Iterable
from difflib import get_close_matches

from nvm_lsp import __version__, hookspecs, plugin_settings, plugins
from nvm_lsp.plugins import Plugin

__all__ = ["add_arguments", "run"]

_KINDS = ("rule", "backend", "command")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser("list", help="list the plugins that are installed")
    listing.add_argument("--json", action="store_true", help="as JSON")
    actions.add_parser("doctor", help="call every plugin and say what is wrong with it")
    for name, text in (("disable", "switch plugins off"), ("enable", "switch plugins on again")):
        switch = actions.add_parser(name, help=f"{text}, for this user")
        switch.add_argument("names", metavar="NAME", nargs="+", help="a plugin or its package")
    new = actions.add_parser("new", help="write a package that begins a plugin")
    new.add_argument("name", metavar="NAME", help="the package's name, such as house-rules")
    new.add_argument(
        "--kind", choices=_KINDS, default="rule", help="what it provides first (default: rule)"
    )
    new.add_argument(
        "--directory", metavar="FOLDER", help="where to write it (default: a folder of that name)"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        match arguments.action:
            case "list":
                return _list(arguments.json)
            case "doctor":
                return _doctor()
            case "disable":
                return _switch(arguments.names, on=False)
            case "enable":
                return _switch(arguments.names, on=True)
            case _:
                return _new(arguments.name, arguments.kind, arguments.directory)
    except plugin_settings.SettingsError as error:
        return _complain(str(error))


def _list(as_json: bool) -> int:
    found = plugins.installed()
    if as_json:
        rows = [
            {
                "name": plugin.name, "package": plugin.distribution, "version": plugin.version,
                "hooks": list(plugins.hooks_of(plugin.name)), "on": not plugin.why_off,
                "why_off": plugin.why_off,
            }
            for plugin in found
        ]
        print(json.dumps({"api": hookspecs.API_VERSION, "plugins": rows}, indent=2))
        return 0
    if not found:
        print("no plugins are installed", file=sys.stderr)
    for plugin in found:
        hooks = ", ".join(name.removeprefix("nvm_lsp_") for name in plugins.hooks_of(plugin.name))
        state = f"off: {plugin.why_off}" if plugin.why_off else f"on: {hooks or 'no hooks'}"
        print(f"{plugin.label}  {state}")
    return 0


# What ails them -----------------------------------------------------------------------------------


def _doctor() -> int:
    """Calls all hooks of all plugins; 1 if anything is wrong."""
    # What failed so far was said as it happened, and is said below in full.
    before = len(plugins.failures())
    installed = plugins.installed()
    _try_all()
    print(
        f"nvm-lsp {__version__}, plugin API {hookspecs.API_VERSION}, "
        f"Python {platform.python_version()} on {platform.system()}"
    )
    print(f"settings: {plugin_settings.settings_file()}")
    print(f"log: {plugin_settings.log_file()}")
    failures = plugins.failures()
    for plugin in installed:
        ails = [f for f in failures if f.plugin == plugin.label]
        off = plugins.off().get(plugin.name, "")
        state = f"off: {off}" if off else "fails" if ails else "fine"
        served = plugins.hooks_of(plugin.name)
        print(f"\n{plugin.label}: {state}")
        print(f"  from {plugin.target}")
        if served:
            print(f"  serves {', '.join(served)}")
        for failure in ails:
            print(f"  {failure.hook}: {failure.message}")
            for line in failure.trace.rstrip().splitlines():
                print(f"    {line}")
    known = {plugin.label for plugin in installed}
    others = [failure for failure in failures if failure.plugin not in known]
    for failure in others:
        print(f"\n{failure.text}")
    for clash in plugins.clashes():
        print(f"\n{clash}")
    if not installed:
        print("\nno plugins are installed")
    wrong = len(failures) > 0 or bool(plugins.clashes()) or before > 0
    print("\nsomething is wrong" if wrong else "\nall is well")
    return int(wrong)


def _try_all() -> None:
    """Has every plugin give what it provides, so that what is wrong shows."""
    from nvm_lsp import editor_hooks, opcodes  # noqa: PLC0415 -- only the doctor needs all of it
    from nvm_lsp.lint import linter  # noqa: PLC0415

    assert opcodes.FORKS  # forks and opcodes of plugins are added as they are looked up
    with contextlib.suppress(plugins.ClashError):  # said with the other clashes
        linter.owned_rules()
    kinds: tuple[tuple[str, type[object]], ...] = (
        ("nvm_lsp_backends", hookspecs.BackendEntry),
        ("nvm_lsp_commands", hookspecs.CommandEntry),
        ("nvm_lsp_importers", hookspecs.ImporterEntry),
        ("nvm_lsp_state_providers", hookspecs.StateProviderEntry),
        ("nvm_lsp_hovers", editor_hooks.HoverEntry),
        ("nvm_lsp_completions", editor_hooks.CompletionEntry),
        ("nvm_lsp_code_lenses", editor_hooks.CodeLensEntry),
    )
    for hook, kind in kinds:
        for found in plugins.each(hook, kind):
            load = getattr(found.entry, "load", None)
            if load is not None and not plugins.is_built_in(found.plugin):
                try:
                    load()
                except plugins.PluginError:
                    continue  # noted, as all failures


# Off and on ---------------------------------------------------------------------------------------


def _switch(names: Iterable[str], *, on: bool) -> int:
    canonical = plugin_settings.canonical
    # Nothing is loaded here: what is to be switched off may be what hangs.
    known = plugins.discovered()
    off = set(plugin_settings.disabled())
    for name in names:
        chosen = _chosen(name, known)
        wanted = canonical(name)
        if on:
            if wanted not in off and not any(canonical(p.name) in off for p in chosen):
                return _complain(f"{name} is not switched off", _names(off, "there is off"))
            off -= {wanted} | {canonical(p.name) for p in chosen}
        elif not chosen:
            near = get_close_matches(wanted, [canonical(p.name) for p in known], n=1)
            hint = f"did you mean {near[0]}?" if near else _names(
                {p.name for p in known}, "there are"
            )
            return _complain(f"no plugin is named {name}", hint)
        else:
            off.add(wanted)
    plugin_settings.set_disabled(off)
    for name in names:
        print(f"{name} is {'on again' if on else 'off'}, in {plugin_settings.settings_file()}")
    return 0


def _chosen(name: str, known: Iterable[Plugin]) -> list[Plugin]:
    canonical = plugin_settings.canonical
    return [p for p in known if canonical(name) in (canonical(p.name), canonical(p.distribution))]


def _names(names: Iterable[str], before: str) -> str:
    listed = ", ".join(sorted(names))
    return f"{before} {listed}" if listed else f"{before} none"


# A new one ----------------------------------------------------------------------------------------


def _new(name: str, kind: str, directory: str | None) -> int:
    from nvm_lsp import scaffold  # noqa: PLC0415 -- only here

    entries: dict[str, tuple[str, type[object]]] = {
        "backend": ("nvm_lsp_backends", hookspecs.BackendEntry),
        "command": ("nvm_lsp_commands", hookspecs.CommandEntry),
    }
    if kind in entries and name in plugins.named(*entries[kind]):
        return _complain(f"there is a {kind} {name} already; choose another name")
    written = scaffold.write(name, kind, directory)
    if isinstance(written, str):
        return _complain(written)
    print(f"{written} is a package with tests of its own. To try it:")
    print(f"  cd {written}\n  pip install -e .[test]\n  pytest\n  nvm-lsp plugins doctor")
    return 0


def _complain(message: str, hint: str = "") -> int:
    print(f"nvm-lsp: {message}", file=sys.stderr)
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)
    return 2
