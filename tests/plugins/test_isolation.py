"""A bad plugin is named and costs nothing but itself, in the shell and in the editor."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.plugins.conftest import settings, write_plugin

HOOK = "from nvm_lsp.api import hookimpl\n"
#: A rule that reports the first line. ACM stands for the letters of its code.
GOOD = '''\
"""The first line is reported."""
from nvm_lsp.api import Diagnostic, Location, Severity, Span, hookimpl, rule

nvm_lsp_api = "1.0"

@rule("ACM001", "acme-first-line", Severity.WARNING)
def RULE(context):
    place = Location(context.path, Span.of_line(0, 0, 1))
    yield Diagnostic(RULE.kind, place, "acme was here")

@hookimpl
def nvm_lsp_rules():
    return [RULE]
'''


def rule_that(body: str, prefix: str) -> str:
    return GOOD.replace("ACM", prefix).replace("acme-first", prefix.lower()).replace(
        '    yield Diagnostic(RULE.kind, place, "acme was here")', f"    {body}"
    )


BAD = {
    "raises-at-import": ("raise RuntimeError('no good')", "RuntimeError: no good"),
    "exits-at-import": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "misspelled": ("def f(:\n", "SyntaxError"),
    "missing": ("import a_module_that_is_not_there", "No module named"),
    "loops-at-import": ("while True: pass", "longer than 1 s"),
    "from-the-future": ("nvm_lsp_api = '2.0'", "install a newer version of nvm-lsp"),
    "more-than-there-is": ("nvm_lsp_api = '1.99'", "install a newer version of nvm-lsp"),
    "from-the-past": ("nvm_lsp_api = '0.3'", "install a newer version of from-the-past"),
    "no-version": ("nvm_lsp_api = object()", 'must be a version like "1.0"'),
    "raises-in-hook": (HOOK + "@hookimpl\ndef nvm_lsp_rules(): 1/0", "ZeroDivisionError"),
    "wrong-arguments": (HOOK + "@hookimpl\ndef nvm_lsp_rules(x): return []", "in the hookspec"),
    "wrong-hook": (
        HOOK + "@hookimpl\ndef nvm_lsp_rule(): return []", "did you mean nvm_lsp_rules?"
    ),
    "not-marked": ("def nvm_lsp_rules(): return []", "not marked with hookimpl"),
    "gives-nothing": (HOOK + "@hookimpl\ndef nvm_lsp_rules(): return None", "not iterable"),
    "gives-rubbish": (HOOK + "@hookimpl\ndef nvm_lsp_rules(): return [1]", "a rule is a Rule"),
    "rule-raises": (rule_that("raise KeyError(context)", "RRA"), "KeyError"),
    "rule-yields-text": (rule_that("yield 'text'", "RYT"), "Diagnostics, not str"),
    "rule-recurses": (rule_that("yield from RULE.check(context)", "RRC"), "RecursionError"),
    "rule-loops": (rule_that("while True: pass", "RLO"), "longer than 1 s"),
}


@pytest.fixture
def run(tmp_path):
    def nvm(*arguments, env, text="STOP\n"):
        return call(tmp_path, env, *arguments, text=text)

    return nvm


def call(folder, env, *arguments, text="STOP\n"):
    (folder / "a.easm").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "nvm_lsp", *arguments], cwd=folder, env=env,
        capture_output=True, text=True, timeout=120, check=False,
    )


@pytest.fixture(scope="module")
def amid_all(tmp_path_factory):
    """What lint says with all the bad ones and a good one, and the log."""
    folder = tmp_path_factory.mktemp("bad")
    write_plugin(folder / "site", "acme", GOOD)
    for name, (source, _) in BAD.items():
        write_plugin(folder / "site", name, source)
    env = settings(folder) | {
        "PYTHONPATH": str(folder / "site"), "NVM_LSP_PLUGIN_SECONDS": "1"
    }
    done = call(folder, env, "lint", "--format", "concise", "a.easm")
    return done, (folder / "log" / "plugins.log").read_text(), str(folder / "site")


def test_lint_goes_on_amid_all_bad_plugins(amid_all):
    done, log, _ = amid_all
    assert "a.easm:1:1: warning[ACM001] acme was here" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback (most recent call last)" in log


@pytest.mark.parametrize("name", BAD)
def test_lint_names_a_bad_plugin_with_its_file(amid_all, name):
    done, log, site = amid_all
    said = [line for line in done.stderr.splitlines() if f"plugin {name} " in line]
    assert len(said) == 1, done.stderr
    assert BAD[name][1] in said[0]
    assert site in said[0]
    assert said[0][said[0].index("plugin ") :] in log


def test_the_doctor_says_what_ails_each(run, installed):
    names = ("raises-at-import", "wrong-hook", "rule-raises", "gives-rubbish")
    env = installed({"acme": GOOD} | {name: BAD[name][0] for name in names})
    done = run("plugins", "doctor", env=env)
    assert done.returncode == 1
    assert "acme (acme 1.5): fine" in done.stdout
    assert "raises-at-import (raises-at-import 1.5): off: it could not be loaded" in done.stdout
    assert "no good" in done.stdout
    assert "did you mean nvm_lsp_rules?" in done.stdout
    assert "something is wrong" in done.stdout


def test_what_plugins_print_is_no_part_of_an_answer(run, installed):
    chatty = "print('loading')\n" + GOOD.replace("    place =", "    print('looking')\n    place =")
    done = run("lint", "--format", "json", "a.easm", env=installed({"acme": chatty}))
    assert "ACM001" in json.dumps(json.loads(done.stdout))
    assert {"loading", "looking"} <= set(done.stderr.split())


# Codes --------------------------------------------------------------------------------------------


def test_two_plugins_with_the_same_letters_end_lint_and_serve(run, installed):
    env = installed({"acme": GOOD, "house": GOOD.replace("001", "002").replace("first", "other")})
    for command in (("lint", "a.easm"), ("serve",)):
        done = run(*command, env=env)
        assert done.returncode == 2
        assert "plugins acme (acme 1.5) and house (house 1.5) clash" in done.stderr
        assert "begin with ACM" in done.stderr
    # The way out that it names is open.
    assert "nvm-lsp plugins disable house" in done.stderr
    assert run("plugins", "disable", "house", env=env).returncode == 0
    assert "ACM001" in run("lint", "a.easm", env=env).stdout


def test_letters_of_nvm_lsp_are_a_clash_even_if_the_plugin_comes_first(run, installed):
    env = installed({"acme": GOOD.replace("ACM001", "STK001")})
    done = run("lint", "a.easm", env=env)
    assert done.returncode == 2
    assert "acme (acme 1.5) clash: codes that begin with STK belong to nvm_lsp" in done.stderr
    assert run("asm", "a.easm", env=env).returncode == 0, "what needs no rules goes on"


def test_the_name_of_another_finding_is_a_clash(run, installed):
    env = installed({"acme": GOOD.replace("acme-first-line", "stack-underflow")})
    done = run("lint", "a.easm", env=env)
    assert done.returncode == 2
    assert "acme (acme 1.5) clash" in done.stderr


# Off and on ---------------------------------------------------------------------------------------


def test_off_and_on_again(run, installed):
    env = installed({"acme": GOOD, "bad": BAD["loops-at-import"][0]})
    env["NVM_LSP_PLUGIN_SECONDS"] = "1"
    assert run("plugins", "disable", "BAD", "acme", env=env).returncode == 0
    done = run("lint", "a.easm", env=env)
    assert (done.returncode, done.stdout) == (0, "")
    listed = json.loads(run("plugins", "list", "--json", env=env).stdout)["plugins"]
    assert {p["name"]: p["on"] for p in listed} == {"acme": False, "bad": False}
    assert run("plugins", "enable", "acme", env=env).returncode == 0
    assert "ACM001" in run("lint", "a.easm", env=env).stdout
    again = run("plugins", "enable", "acme", env=env)
    assert again.returncode == 2
    assert "acme is not switched off" in again.stderr


def test_a_name_that_is_none_is_said_with_the_nearest(run, installed):
    done = run("plugins", "disable", "acne", env=installed({"acme": GOOD}))
    assert done.returncode == 2
    assert "did you mean acme?" in done.stderr


def test_a_variable_switches_all_off(run, installed):
    env = installed({"acme": GOOD}) | {"NVM_LSP_PLUGINS": "0"}
    assert run("lint", "a.easm", env=env).returncode == 0
    assert "off: NVM_LSP_PLUGINS is 0" in run("plugins", "list", env=env).stdout


def test_broken_settings_are_said_and_plugins_stay_on(run, installed, tmp_path):
    env = installed({"acme": GOOD})
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "plugins.json").write_text("{")
    done = run("lint", "a.easm", env=env)
    assert "ACM001" in done.stdout
    assert "plugins.json" in done.stderr
    assert run("plugins", "enable", "acme", env=env).returncode == 2


def test_a_project_leaves_out_rules(run, installed, tmp_path):
    env = installed({"acme": GOOD})
    (tmp_path / "nvm-lsp.toml").write_text('[plugins]\ndisabled = ["Acme"]\n')
    assert run("lint", "a.easm", env=env).returncode == 0
    (tmp_path / "nvm-lsp.toml").write_text("")
    assert run("lint", "a.easm", env=env).returncode == 1


def test_nothing_is_kept_of_a_run_in_which_a_plugin_was_out_of_order(run, installed, tmp_path):
    """Else a file that was linted without its rules would stay clean when it works again."""
    env = installed({"acme": GOOD + "\nimport os\nassert 'NO_ACME' not in os.environ\n"})
    assert run("lint", "a.easm", env=env | {"NO_ACME": "1"}).returncode == 0
    assert run("lint", "a.easm", env=env).returncode == 1
    assert run("lint", "a.easm", env=env).returncode == 1, "now from the cache"
    (tmp_path / "site" / "acme.py").write_text(GOOD.replace("acme was here", "acme says more"))
    assert "acme says more" in run("lint", "a.easm", env=env).stdout


def test_nobody_passes_for_what_is_built_in(run, installed, tmp_path):
    env = installed({"acme": BAD["rule-loops"][0]}) | {"NVM_LSP_PLUGIN_SECONDS": "1"}
    (tmp_path / "site" / "acme-1.5.dist-info" / "entry_points.txt").write_text(
        "[nvm_lsp]\nnvm_lsp.lint.rules = acme\n"
    )
    done = run("lint", "a.easm", env=env)
    assert "longer than 1 s" in done.stderr
    assert "STK001" in run("lint", "a.easm", env=env, text="ADD\n").stdout


# What else comes through hooks --------------------------------------------------------------------

COMMAND = '''\
import sys
from nvm_lsp.api import CommandEntry, hookimpl

class Greet:
    @staticmethod
    def add_arguments(parser):
        parser.add_argument("name")
    @staticmethod
    def run(arguments):
        if arguments.name == "raise":
            raise LookupError("nobody")
        print(f"hello {arguments.name}")
        return {"text": "text"}.get(arguments.name, 1)

@hookimpl
def nvm_lsp_commands():
    return [CommandEntry("greet", "greet somebody", lambda: Greet),
            CommandEntry("lint", "another lint", lambda: Greet)]
'''


def test_a_command_of_a_plugin(run, installed):
    env = installed({"acme": COMMAND})
    done = run("greet", "you", env=env)
    assert (done.returncode, done.stdout) == (1, "hello you\n")
    shown = run("--help", env=env)
    assert "greet somebody" in shown.stdout
    assert "lint exists already" in shown.stderr
    assert "another lint" not in shown.stdout
    done = run("greet", "raise", env=env)
    assert done.returncode == 3
    assert "plugin acme (acme 1.5) failed in command greet" in done.stderr
    assert "This is a bug" not in done.stderr
    assert run("greet", "text", env=env).returncode == 3
    assert run("greet", env=env).returncode == 2


def test_a_command_that_is_built_in_loads_no_plugin_for_its_name(run, installed):
    env = installed({"acme": "raise RuntimeError('loaded')"})
    assert run("--version", env=env).stderr == ""
    assert run("plugins", "disable", "acme", env=env).stderr == ""


REPORTER = '''\
from nvm_lsp.api import Reporter, hookimpl

def write(report, stream, style):
    stream.write(f"{len(report.files)} files\\n")
    if report.files[0].diagnostics:
        raise LookupError("no words")

@hookimpl
def nvm_lsp_reporters():
    return [Reporter("count", "the number of files", write)]
'''


def test_a_report_format_of_a_plugin(run, installed):
    env = installed({"acme": REPORTER})
    done = run("lint", "--format", "count", "a.easm", env=env)
    assert (done.returncode, done.stdout) == (0, "1 files\n")
    done = run("lint", "--format", "count", "a.easm", env=env, text="ADD\n")
    assert done.returncode == 3
    assert "plugin acme (acme 1.5) failed in format count" in done.stderr


IMPORTER = '''\
from nvm_lsp.api import Imported, ImporterEntry, hookimpl

def translate(text, path):
    if "raise" in text:
        raise ValueError("cannot")
    return Imported([f"    {word.upper()}" for word in text.split()])

@hookimpl
def nvm_lsp_importers():
    return [ImporterEntry("words", "a word an instruction", lambda: translate)]
'''


def test_an_importer_of_a_plugin(run, installed):
    env = installed({"acme": IMPORTER})
    done = run("import", "--from", "words", "a.easm", env=env, text="add stop")
    assert (done.returncode, done.stdout.split()) == (0, ["ADD", "STOP"])
    done = run("import", "--from", "words", "a.easm", env=env, text="raise")
    assert done.returncode == 3
    assert "plugin acme (acme 1.5) failed in nvm_lsp_importers" in done.stderr
    assert "{geas,etk,huff,pyevmasm,evmcodes,words}" in run("import", "-h", env=env).stdout


STATE = '''\
from nvm_lsp.api import Account, StateProviderEntry, hookimpl

class Fixed:
    def __init__(self, url, block):
        self.rubbish = "rubbish" in url
    def block(self):
        return {"number": 7}
    def account(self, address):
        return Account(balance=5)
    def storage(self, address, slot):
        return "many" if self.rubbish else slot + 1
    def block_hash(self, number):
        return None

@hookimpl
def nvm_lsp_state_providers():
    return [StateProviderEntry("fixed", "fixed state", ("fixed",), lambda: Fixed)]
'''
READS = """\
#@ target evm
#@ rpc fixed:{} block=7
PUSH 41
SLOAD
PUSH 0
MSTORE
PUSH 32
PUSH 0
RETURN
"""


def test_a_state_provider_of_a_plugin(run, installed):
    env = installed({"acme": STATE})
    done = run("run", "--json", "--allow-rpc", "a.easm", env=env, text=READS.format("x"))
    assert int(json.loads(done.stdout)["return_data"], 16) == 42, done.stderr
    done = run("run", "--json", "a.easm", env=env, text=READS.format("x"))
    assert done.returncode == 2, "nothing is read unless the user allows it"
    assert "--allow-rpc" in done.stderr
    done = run("run", "--allow-rpc", "a.easm", env=env, text=READS.format("rubbish"))
    assert done.returncode != 0
    assert "plugin acme (acme 1.5) failed in nvm_lsp_state_providers" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scheme_that_nobody_knows_is_said_at_its_place(run, installed):
    done = run("run", "a.easm", env=installed({}), text=READS.format("x"))
    assert done.returncode == 2
    assert "a.easm:2:" in done.stderr
    assert "there are state providers for http, https" in done.stderr


def test_a_backend_that_cannot_be_loaded_or_raises(run, installed):
    env = installed({"acme": '''\
from nvm_lsp.api import BackendEntry, hookimpl

class Raises:
    def execute(self, *_, **__):
        raise LookupError("no machine")

def broken():
    raise ImportError("no library")

@hookimpl
def nvm_lsp_backends():
    return [BackendEntry("broken", "cannot be loaded", broken),
            BackendEntry("raises", "raises", Raises),
            BackendEntry("odd", "gives a number", lambda: 7)]
'''})
    for name, word in (("broken", "no library"), ("raises", "no machine"), ("odd", "execute")):
        done = run("run", "--backend", name, "a.easm", env=env)
        assert done.returncode in (2, 3)
        assert "plugin acme (acme 1.5)" in done.stderr, done.stderr
        assert word in done.stderr
        assert "This is a bug" not in done.stderr
