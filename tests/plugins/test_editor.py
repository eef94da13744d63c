"""Plugins in the language server: what they add, and that it outlives what they do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.plugins.conftest import settings, write_plugin

URI = "file:///work/program.easm"
PROGRAM = "start:\n    PUSH1 1\n    POP\n    STOP\n"
AT = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 5}}

GOOD = '''\
import time
from nvm_lsp.api import (
    CodeLens, CodeLensEntry, CommandResult, Completion, CompletionEntry, CompletionKind,
    CompletionList, Edit, Hover, HoverEntry, Location, Span, hookimpl,
)

def hover(cursor):
    return Hover(f"**acme** {cursor.line.strip()}", Span.of_line(cursor.position.line, 0, 3))

def complete(cursor):
    return CompletionList([Completion("PUSH_ACME", CompletionKind.CONSTANT, "of acme", rank=0,
                                      documentation="All of **acme**.")])

def lenses(program):
    yield CodeLens(0, "Count", "count", (2,))
    yield CodeLens(0, "Mark", "mark")
    yield CodeLens(0, "Wait", "wait")
    yield CodeLens(0, arguments=(5,))
    yield CodeLens(0, "Run as ever", "nvm.run", ({"target": "evm"},))

def late(program, lens):
    return CodeLens(lens.line, f"made late: {lens.arguments[0]}", "count", lens.arguments)

def count(program, factor):
    return CommandResult("counted", data={"twice": factor * len(program.assembly.bytecode)})

def mark(program):
    start = Location(program.assembly.program.root.path, Span.of_line(0, 0, 0))
    return CommandResult(edits=(Edit(start, "# marked\\n"),))

def wait(program):
    while True:
        pass

@hookimpl
def nvm_lsp_hovers():
    return [HoverEntry("acme", hover)]

@hookimpl
def nvm_lsp_completions():
    return [CompletionEntry("acme", complete)]

@hookimpl
def nvm_lsp_code_lenses():
    return [CodeLensEntry("acme", lenses, {"count": count, "mark": mark, "wait": wait},
                          late)]
'''
BAD = '''\
from nvm_lsp.api import (
    CodeLens, CodeLensEntry, CompletionEntry, HoverEntry, hookimpl,
)

def raises(*_):
    raise RuntimeError("no good")

def rubbish(*_):
    return 7

def nowhere(program):
    return [CodeLens(99, "nowhere", "x")]

@hookimpl
def nvm_lsp_hovers():
    return [HoverEntry("raises", raises), HoverEntry("rubbish", rubbish), 7]

@hookimpl
def nvm_lsp_completions():
    return [CompletionEntry("raises", raises), CompletionEntry("rubbish", rubbish)]

@hookimpl
def nvm_lsp_code_lenses():
    return [CodeLensEntry("raises", raises), CodeLensEntry("rubbish", rubbish),
            CodeLensEntry("nowhere", nowhere)]
'''
CHATTY = '''\
import os, subprocess, sys
from nvm_lsp.api import Hover, HoverEntry, Span, hookimpl

print("loading")

def hover(cursor):
    print("hovering")
    os.write(1, b"Content-Length: 3\\r\\n\\r\\nxyz")
    subprocess.run([sys.executable, "-c", "print('beside')"])
    return Hover("**chatty**", Span.of_line(0, 0, 1))

@hookimpl
def nvm_lsp_hovers():
    return [HoverEntry("chatty", hover)]
'''
ENDLESS = '''\
import re
from nvm_lsp.api import CodeLensEntry, CompletionEntry, HoverEntry, hookimpl

def hangs(*_):
    while True:
        try:
            re.match("(a+)+$", "a" * 60 + "b")
        except BaseException:
            pass

@hookimpl
def nvm_lsp_hovers():
    return [HoverEntry("hangs", hangs)]
'''


def test_what_plugins_add_stands_beside_what_is_built_in(serve, installed):
    server = serve(installed({"acme": GOOD, "bad": BAD}))
    server.open(URI, PROGRAM)
    hover = server.ask("textDocument/hover", AT)["contents"]["value"]
    assert "PUSH1" in hover
    assert "**acme** PUSH1 1" in hover
    # `bad` has failed three times by now, and was said to.
    said = server.wait_for("window/showMessage", "plugin bad (bad 1.5)")["message"]
    assert "failed in nvm_lsp_hovers" in said
    items = server.ask("textDocument/completion", AT)["items"]
    labels = [item["label"] for item in items]
    assert "PUSH2" in labels
    assert items[labels.index("PUSH_ACME")]["documentation"]["value"] == "All of **acme**."
    lenses = server.ask("textDocument/codeLens", {"textDocument": {"uri": URI}})
    shown = [lens if "command" in lens else server.ask("codeLens/resolve", lens) for lens in lenses]
    commands = {lens["command"]["title"]: lens["command"] for lens in shown}
    assert commands["made late: 5"]["arguments"] == [URI, "acme", "count", 5]
    assert {"▶ Run on NestedVM", "Count", "Run as ever"} <= set(commands)
    assert commands["Run as ever"]["arguments"] == [URI, {"target": "evm"}]

    def carry_out(title):
        command = commands[title]
        return server.ask(
            "workspace/executeCommand",
            {"command": command["command"], "arguments": command["arguments"]},
        )

    assert carry_out("Run as ever")["outcome"] == "stop"
    assert carry_out("Count") == {"twice": 10}
    assert server.wait_for("window/showMessage", "counted")
    assert carry_out("Mark") is None
    server.ask("textDocument/hover", AT)  # what was sent before has come by then
    edit = next(r for r in server.requests if r["method"] == "workspace/applyEdit")
    assert edit["params"]["edit"]["changes"][URI][0]["newText"] == "# marked\n"


def test_a_plugin_that_fails_is_switched_off_and_the_server_goes_on(serve, installed):
    server = serve(installed({"bad": BAD}))
    server.open(URI, PROGRAM)
    for _ in range(3):
        assert "PUSH1" in server.ask("textDocument/hover", AT)["contents"]["value"]
    assert server.wait_for("window/showMessage", "switched off until the next start")
    count = len(server.notifications)
    assert server.ask("textDocument/completion", AT)["items"]
    assert server.ask("textDocument/codeLens", {"textDocument": {"uri": URI}})
    assert not [n for n in server.notifications[count:] if "plugin bad" in str(n)]
    assert server.wait_for("window/logMessage", "Traceback (most recent call last)")


def test_what_a_plugin_prints_is_no_message(serve, installed):
    server = serve(installed({"chatty": CHATTY}))
    server.open(URI, PROGRAM)
    assert "**chatty**" in server.ask("textDocument/hover", AT)["contents"]["value"]


def test_a_hover_without_end_costs_its_limit_once(serve, installed):
    server = serve(installed({"endless": ENDLESS}) | {"NVM_LSP_PLUGIN_SECONDS": "0.3"})
    server.open(URI, PROGRAM)
    assert "PUSH1" in server.ask("textDocument/hover", AT)["contents"]["value"]
    said = server.wait_for("window/showMessage", "endless")["message"]
    assert "longer than 0.3 s; it is switched off" in said


def test_the_server_goes_on_beside_a_command_without_end(serve, installed):
    server = serve(installed({"acme": GOOD}))
    server.open(URI, PROGRAM)
    server._send(
        {"jsonrpc": "2.0", "id": "long", "method": "workspace/executeCommand",
         "params": {"command": "nvm.plugin", "arguments": [URI, "acme", "wait"]}}
    )
    assert "PUSH1" in server.ask("textDocument/hover", AT)["contents"]["value"]
    server.tell("$/cancelRequest", {"id": "long"})
    assert "PUSH1" in server.ask("textDocument/hover", AT)["contents"]["value"]


def test_commands_that_are_none_are_refused(serve, installed):
    server = serve(installed({"acme": GOOD}))
    server.open(URI, PROGRAM)
    for arguments, word in (
        ([URI, "acme", "none"], "no plugin has a command none"),
        ([URI], "takes a URI"),
        (["file:///closed.easm", "acme", "count"], "is not open"),
    ):
        answer = server.ask(
            "workspace/executeCommand", {"command": "nvm.plugin", "arguments": arguments}
        )
        assert word in answer["error"]["message"]


# A workspace that means harm ----------------------------------------------------------------------


def harm(folder: Path) -> Path:
    """A workspace full of what Python would import from the folder that it is started in."""
    mark = folder.parent / "harmed"
    write = f"open({str(mark)!r}, 'a').write(__name__ + chr(10))\n"
    folder.mkdir()
    write_plugin(folder, "evil", write)
    for name in ("sitecustomize", "usercustomize", "pluggy", "json", "lark", "eth", "platformdirs"):
        (folder / f"{name}.py").write_text(write)
    (folder / "nvm_lsp").mkdir()
    for name in ("__init__", "evil"):
        (folder / "nvm_lsp" / f"{name}.py").write_text(write)
    egg = folder / "evil2.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: evil2\nVersion: 1\n")
    (egg / "entry_points.txt").write_text("[nvm_lsp]\nevil2 = evil\n")
    (folder / "evil.pth").write_text(f"import os; {write}")
    (folder / "pyproject.toml").write_text("[project.entry-points.nvm_lsp]\nevil = 'evil'\n")
    (folder / "program.easm").write_text(PROGRAM)
    return mark


def test_nothing_is_loaded_from_an_opened_workspace(serve, tmp_path):
    workspace = tmp_path / "workspace"
    mark = harm(workspace)
    script = Path(sys.executable).with_name("nvm-lsp.exe" if os.name == "nt" else "nvm-lsp")
    env = {k: v for k, v in settings(tmp_path).items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    server = serve(env, cwd=workspace, command=[str(script), "serve"])
    uri = (workspace / "program.easm").as_uri()
    server.open(uri, PROGRAM)
    server.wait_for("textDocument/publishDiagnostics")
    # A run has a process of its own, and that is started in the workspace, too.
    done = server.ask("workspace/executeCommand", {"command": "nvm.run", "arguments": [uri]})
    assert done["outcome"] == "stop"
    listed = subprocess.run(
        [str(script), "plugins", "list"], cwd=workspace, env=env, capture_output=True, text=True,
        check=False,
    )
    assert "evil" not in listed.stdout
    assert not mark.exists(), mark.read_text()


def test_python_m_forgets_the_folder_that_it_is_called_in(tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    write_plugin(workspace, "evil", "raise RuntimeError('loaded from the workspace')")
    env = {k: v for k, v in settings(tmp_path).items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    listed = subprocess.run(
        [sys.executable, "-m", "nvm_lsp", "plugins", "list"], cwd=workspace, env=env,
        capture_output=True, text=True, check=False,
    )
    assert listed.returncode == 0
    assert "evil" not in listed.stdout + listed.stderr
