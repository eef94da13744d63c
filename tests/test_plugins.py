"""Rules and backends come through hooks, and a bad plugin costs nothing but itself."""

from __future__ import annotations

import types

import pytest

from nvm_lsp import plugins
from nvm_lsp.assembler import assemble_text
from nvm_lsp.diagnostics import KINDS, Diagnostic, define_kind
from nvm_lsp.hookspecs import BackendEntry, hookimpl
from nvm_lsp.lint import linter
from nvm_lsp.lint.rule import Rule
from nvm_lsp.source import Location, Span


@pytest.fixture
def register():
    """Registers a module of hooks for one test."""
    added = []
    before = len(plugins._failures)

    def add(name, **hooks):
        module = types.ModuleType(name)
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function))
        plugins.manager().register(module, name=name)
        added.append(module)
        linter.rules.cache_clear()

    yield add
    for module in added:
        plugins.manager().unregister(module)
    del plugins._failures[before:]
    linter.rules.cache_clear()


def raises():
    raise RuntimeError("broken on purpose")


def test_a_plugins_rule_is_run(register):
    kind = KINDS.get("TST001") or define_kind("TST001", "test-rule", "A page.")
    place = Location("-", Span.of_line(0, 0, 1))
    register("good", nvm_lsp_rules=lambda: [
        Rule(kind, lambda context: iter([Diagnostic(kind, place, "found")]))
    ])
    assert [d.code for d in linter.check(assemble_text("STOP\n"))] == ["TST001"]


def test_a_rule_that_raises_costs_no_other_rule_its_findings(register):
    kind = KINDS.get("TST002") or define_kind("TST002", "raising-rule", "A page.")
    register("bad", nvm_lsp_rules=lambda: [Rule(kind, lambda context: raises())])
    assert [d.code for d in linter.check(assemble_text("ADD\n"))] == ["STK001"]


def test_a_plugin_that_raises_is_named(register):
    register("worse", nvm_lsp_rules=raises)
    assert [d.code for d in linter.check(assemble_text("ADD\n"))] == ["STK001"]
    assert plugins.failures()[-1].plugin == "worse"
    assert "broken on purpose" in plugins.failures()[-1].message


def test_a_second_backend_of_a_name_is_refused(register):
    register("twin", nvm_lsp_backends=lambda: [
        BackendEntry("py-evm", "another", raises), BackendEntry("mine", "a new one", raises), 7,
    ])
    found = plugins.backends()
    assert found["py-evm"].summary != "another"
    assert "mine" in found
    assert len([f for f in plugins.failures() if f.plugin == "twin"]) == 2
