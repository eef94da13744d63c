"""What is registered comes through hooks, and a bad plugin costs nothing but itself."""

from __future__ import annotations

import importlib.machinery
import subprocess
import sys
import time
import types
from collections import Counter

import pytest

from nvm_lsp import diagnostics, plugin_discovery, plugin_failures, plugins
from nvm_lsp.assembler import assemble_text
from nvm_lsp.diagnostics import (
    KINDS,
    OWN_PREFIXES,
    Diagnostic,
    Edit,
    Fix,
    Related,
    define_kind,
)
from nvm_lsp.hookspecs import BackendEntry, ImporterEntry, hookimpl
from nvm_lsp.lint import linter
from nvm_lsp.lint.rule import Rule
from nvm_lsp.source import Location, Span

PLACE = Location("-", Span.of_line(0, 0, 1))


@pytest.fixture
def register(monkeypatch, tmp_path):
    """Registers a module of hooks for one test."""
    monkeypatch.setenv("NVM_LSP_LOG", str(tmp_path))
    plugins.manager()
    for name, fresh in (
        ("_failures", []), ("_counts", Counter()), ("_off", {}), ("_clashes", []),
        ("_listeners", []),
    ):
        monkeypatch.setattr(plugin_failures, name, fresh)
    monkeypatch.setattr(diagnostics, "_prefix_owners", dict(diagnostics._prefix_owners))
    added = []
    linter.owned_rules.cache_clear()

    def add(name, **hooks):
        module = types.ModuleType(name)
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function))
        plugins.manager().register(module, name=name)
        added.append(module)

    yield add
    for module in added:
        plugins.manager().unregister(module)
    for code in [c for c in KINDS if c.startswith("TS") or c == "STK951"]:
        del diagnostics._KINDS[code]
    linter.owned_rules.cache_clear()


def a_rule(code, check, name=""):
    return Rule(define_kind(code, name or f"rule-{code.lower()}", "A page."), check)


def finds(code):
    """A rule that reports the first character."""
    made = a_rule(code, lambda context: iter([Diagnostic(made.kind, PLACE, "found")]))
    return made


def raises(*_):
    raise RuntimeError("broken on purpose")


def loops(*_):
    while True:
        pass


def codes(text="STOP\n"):
    return [d.code for d in linter.check(assemble_text(text))]


# One that fails -----------------------------------------------------------------------------------


def test_a_plugins_rule_is_run(register):
    register("good", nvm_lsp_rules=lambda: [finds("TST001")])
    assert codes() == ["TST001"]


def test_a_rule_that_raises_costs_no_other_rule_its_findings(register):
    bad, good = a_rule("TST002", raises), finds("TST003")
    register("bad", nvm_lsp_rules=lambda: [bad])
    register("good", nvm_lsp_rules=lambda: [good])
    assert codes() == ["TST003"]
    failure = plugins.failures()[-1]
    assert (failure.plugin, failure.hook) == ("bad", "rule TST002")
    assert failure.message == "RuntimeError: broken on purpose"
    assert failure.place.startswith(f"{__file__}:"), "it says where the plugin failed"


def test_a_plugin_that_raises_is_named(register, caplog):
    register("worse", nvm_lsp_rules=raises)
    assert codes("ADD\n") == ["STK001"]
    assert plugins.failures()[-1].plugin == "worse"
    assert "broken on purpose" in plugins.failures()[-1].message
    assert "plugin worse failed in nvm_lsp_rules" in caplog.text


def test_the_log_has_the_traceback(register, tmp_path):
    register("worse", nvm_lsp_rules=raises)
    codes()
    log = (tmp_path / "plugins.log").read_text()
    assert "plugin worse failed in nvm_lsp_rules" in log
    assert "Traceback (most recent call last)" in log
    assert 'raise RuntimeError("broken on purpose")' in log


@pytest.mark.parametrize("swallows", [False, True], ids=["loops", "swallows what stops it"])
def test_a_rule_without_end_is_stopped_and_switched_off(register, monkeypatch, swallows):
    def stubborn(context):
        while True:
            try:
                sum(range(1000))
            except BaseException:
                continue

    monkeypatch.setenv("NVM_LSP_PLUGIN_SECONDS", "0.2")
    endless, good = a_rule("TST004", stubborn if swallows else loops), finds("TST005")
    register("endless", nvm_lsp_rules=lambda: [endless])
    register("good", nvm_lsp_rules=lambda: [good])
    assert codes() == ["TST005"]
    assert "longer than 0.2 s" in plugins.off()["endless"]
    assert plugins.failures()[-1].switched_off
    count = len(plugins.failures())
    assert codes() == ["TST005"]
    assert len(plugins.failures()) == count, "it is not called again"


def test_a_sleeping_plugin_and_a_regular_expression_are_stopped(register, monkeypatch):
    import re

    monkeypatch.setenv("NVM_LSP_PLUGIN_SECONDS", "0.2")
    register("sleeps", nvm_lsp_importers=lambda: time.sleep(10_000))
    register("matches", nvm_lsp_importers=lambda: re.match("(a+)+$", "a" * 60 + "b"))
    assert "geas" in plugins.named("nvm_lsp_importers", ImporterEntry)
    assert set(plugins.off()) == {"sleeps", "matches"}


def test_off_the_main_thread_it_is_left_behind(register, monkeypatch):
    import threading

    monkeypatch.setenv("NVM_LSP_PLUGIN_SECONDS", "0.2")
    endless = a_rule("TST006", loops)
    register("endless", nvm_lsp_rules=lambda: [endless])
    found = []
    thread = threading.Thread(target=lambda: found.append(codes("ADD\n")))
    thread.start()
    thread.join(60)
    assert found == [["STK001"]]
    assert "endless" in plugins.off()


def test_after_three_failures_a_plugin_is_switched_off(register):
    bad = [a_rule(f"TST01{i}", raises) for i in range(5)]
    register("bad", nvm_lsp_rules=lambda: bad)
    codes()
    assert [f.switched_off for f in plugins.failures()] == [False, False, True]
    assert "until the next start" in plugins.failures()[-1].text
    assert "broken on purpose" in plugins.off()["bad"]


@pytest.mark.parametrize(
    ("rubbish", "word"),
    [
        ([7], "Diagnostic"),
        (["a text"], "Diagnostic"),
        (7, "not iterable"),
        ([Diagnostic(KINDS["ASM001"], PLACE, "not mine")], "another kind"),
    ],
    ids=["number", "text", "no list", "another's kind"],
)
def test_rubbish_is_named_and_not_shown(register, rubbish, word):
    bad, good = a_rule("TST020", lambda context: rubbish), finds("TST021")
    register("bad", nvm_lsp_rules=lambda: [bad])
    register("good", nvm_lsp_rules=lambda: [good])
    assert codes() == ["TST021"]
    assert word in plugins.failures()[-1].message


@pytest.mark.parametrize(
    "location",
    [Location("-", Span.of_line(99, 0, 1)), Location("-", Span.of_line(0, 5, 1)),
     Location("elsewhere.easm", Span.of_line(0, 0, 1)), None],
    ids=["below the end", "backwards", "another file", "none"],
)
def test_a_finding_that_is_nowhere_is_refused(register, location):
    made = a_rule("TST022", lambda context: [Diagnostic(made.kind, location, "where?")])
    register("bad", nvm_lsp_rules=lambda: [made])
    assert codes() == []
    assert "TST022" in plugins.failures()[-1].message


@pytest.mark.parametrize(
    "parts",
    [
        {"fixes": (7,)}, {"fixes": (Fix("Do it", ()),)}, {"fixes": 7}, {"related": ("there",)},
        {"fixes": (Fix("Do it", (Edit(Location("-", Span.of_line(9, 0, 0)), "x"),)),)},
        {"fixes": (Fix("Do it", (Edit(PLACE, 7),)),)}, {"related": (Related(None, "there"),)},
    ],
    ids=["no fix", "no edits", "no fixes", "no place", "edit nowhere", "no text", "no location"],
)
def test_fixes_and_places_that_make_no_sense_are_refused(register, parts):
    made = a_rule("TST025", lambda context: [Diagnostic(made.kind, PLACE, "found", **parts)])
    register("bad", nvm_lsp_rules=lambda: [made])
    assert codes() == []
    assert "TST025" in plugins.failures()[-1].message


def test_what_is_no_rule_is_refused(register):
    good = finds("TST023")
    register("odd", nvm_lsp_rules=lambda: [print, None, good])
    assert codes() == ["TST023"]
    assert len(plugins.failures()) == 2


def test_the_same_failure_is_said_once(register):
    said = []
    plugins.listen(said.append)
    bad = a_rule("TST024", raises)
    register("bad", nvm_lsp_rules=lambda: [bad])
    codes()
    codes()
    assert len(said) == 1
    codes()
    assert [f.switched_off for f in said] == [False, True]


def test_a_value_whose_repr_raises_is_still_refused(register):
    class Odd:
        __repr__ = raises

    register("odd", nvm_lsp_backends=lambda: [Odd()])
    assert "py-evm" in plugins.backends()
    assert "is no BackendEntry" in plugins.failures()[-1].message


# Names and codes ----------------------------------------------------------------------------------


def test_a_second_backend_of_a_name_is_refused(register):
    register("twin", nvm_lsp_backends=lambda: [
        BackendEntry("py-evm", "another", raises), BackendEntry("mine", "a new one", raises), 7,
    ])
    found = plugins.backends()
    assert found["py-evm"].summary != "another"
    assert "mine" in found
    assert len([f for f in plugins.failures() if f.plugin == "twin"]) == 2


def test_a_backend_that_cannot_be_loaded_says_whose_it_is(register):
    register("slow", nvm_lsp_backends=lambda: [BackendEntry("mine", "a new one", raises)])
    with pytest.raises(plugins.PluginError, match="plugin slow failed in nvm_lsp_backends"):
        plugins.backends()["mine"].load()


def test_letters_of_nvm_lsp_are_not_for_others():
    with pytest.raises(ValueError, match="codes that begin with STK belong to nvm_lsp"):
        define_kind("STK950", "my-stack-rule", "A page.")


def test_two_packages_cannot_share_letters(register):
    define_kind("TSU001", "one", "A page.", module="acme.rules")
    define_kind("TSU002", "two", "A page.", module="acme.more")
    with pytest.raises(ValueError, match="TSU belong to acme"):
        define_kind("TSU003", "three", "A page.", module="house.rules")


def test_a_name_that_nvm_lsp_takes_later_is_a_clash_of_the_plugin(register):
    mine = a_rule("TST030", raises, name="some-later-name")
    define_kind("STK951", "some-later-name", "A page.", module="nvm_lsp.lint.rules.later")
    register("first", nvm_lsp_rules=lambda: [mine])
    with pytest.raises(plugins.ClashError, match="first"):
        linter.owned_rules()


def test_the_letters_of_all_own_codes_are_listed():
    from nvm_lsp.pages import kinds

    own = {code.rstrip("0123456789") for code in kinds() if not code.startswith("TS")}
    assert own <= OWN_PREFIXES, "add the letters to diagnostics.OWN_PREFIXES"


# Built in -----------------------------------------------------------------------------------------


def test_every_hook_has_its_built_in_plugins_or_none_by_intent():
    from nvm_lsp import hookspecs

    hooks = {name for name in vars(hookspecs) if name.startswith("nvm_lsp_")}
    assert set(plugins._BUILT_IN) <= hooks


def test_importing_looks_at_no_opcodes():
    """Or plugins would be loaded amid that import, and could not import what they need."""
    code = """
import importlib, pkgutil, nvm_lsp, nvm_lsp.opcodes
for module in pkgutil.walk_packages(nvm_lsp.__path__, "nvm_lsp."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if (error.name or "nvm_lsp").startswith("nvm_lsp"):
                raise  # others are optional
        assert not nvm_lsp.opcodes._extended, f"{module.name} looks at opcodes as it is imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("a-1.dist-info/entry_points.txt", "[nvm_lsp]\na = a\n", True),
        ("a.egg-info/entry_points.txt", "[console_scripts]\nx=y:z\n[ nvm_lsp ]\na = a\n", True),
        ("a-1.egg/EGG-INFO/entry_points.txt", "", True),
        ("a-1.dist-info/entry_points.txt", "[nvm_lsp_other]\na = a\n", False),
        ("a-1.dist-info/METADATA", "Name: a\n", False),
    ],
    ids=["wheel", "develop", "egg", "another group", "no entry points"],
)
def test_the_quick_look_for_plugins_misses_none(monkeypatch, tmp_path, file, text, expected):
    from importlib.metadata import entry_points

    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "none")])
    monkeypatch.setattr(sys, "meta_path", [importlib.machinery.PathFinder])
    assert plugin_discovery.may_be_installed() is expected
    assert expected or not entry_points(group="nvm_lsp")


def test_without_plugins_nothing_slow_is_imported():
    code = (
        "import nvm_lsp.plugins as p, sys; p.manager();"
        "slow = {'importlib.metadata', 'platformdirs', 'ctypes', 'asyncio'} & set(sys.modules);"
        "assert p.discovered() or not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
