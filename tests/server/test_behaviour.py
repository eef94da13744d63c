"""What a server owes a client beside its features: life and death, settings, folders, limits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from tests.server.test_server import workers
from tests.server.wire import Wire, start

URI = "file:///work/program.easm"
PULL = {"textDocument": {"diagnostic": {"relatedDocumentSupport": True}}}


@pytest.fixture
async def wire():
    wires = []

    async def started(*arguments, **keywords):
        wires.append(await start(*arguments, **keywords))
        return wires[-1]

    yield started
    for one in wires:
        if one.process.returncode is None:
            one.process.kill()
        await one.process.wait()
        one.process._transport.close()


def errors(report) -> list[str]:
    return [item["code"] for item in report["items"] if item["severity"] == 1]


def _is_worker(pid: int) -> bool:
    try:
        return b"nvm_lsp.runner.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


# Life and death ----------------------------------------------------------------------------------


async def test_exit_codes_are_those_of_lsp(wire):
    one = await wire()
    await one.initialize()
    assert await one.end() == 0
    one = await wire()
    await one.initialize()
    one.notify("exit")
    assert await asyncio.wait_for(one.process.wait(), 20) == 1


async def test_the_end_of_input_ends_the_server_and_its_workers(wire):
    one = await wire()
    await one.initialize()
    for _ in range(100):
        left = workers(one.process.pid)
        if left:
            break
        await asyncio.sleep(0.1)
    assert left
    one.writer.close()
    assert await asyncio.wait_for(one.process.wait(), 20) == 1
    for _ in range(50):  # the kernel takes a moment
        left = {pid for pid in left if _is_worker(pid)}
        if not left:
            break
        await asyncio.sleep(0.1)
    assert not left


async def test_a_server_whose_client_has_died_leaves(wire):
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(60)"
    )
    one = await wire()
    await one.initialize(processId=client.pid)
    await asyncio.sleep(3.5)  # it must have seen it alive
    assert one.process.returncode is None
    client.kill()
    await client.wait()
    assert await asyncio.wait_for(one.process.wait(), 20) == 1


async def test_messages_at_the_wrong_time_are_refused(wire):
    one = await wire()
    assert (await one.fails("textDocument/hover", {}))["code"] == -32002
    await one.initialize()
    assert (await one.fails("initialize", {"capabilities": {}}))["code"] == -32600
    assert (await one.fails("textDocument/nonsense", {}))["code"] == -32601
    assert (await one.fails("textDocument/hover", {"textDocument": 3}))["code"] == -32602
    await one.ask("shutdown")
    assert (await one.fails("textDocument/hover", {}))["code"] == -32600


async def test_rubbish_does_not_stop_the_server(wire):
    one = await wire()
    await one.initialize()
    one.raw(b"Content-Length: 9\r\n\r\n{not json")
    assert (await one.answer(None))["error"]["code"] == -32700
    one.notify("textDocument/didChange", {"textDocument": None})
    one.notify("textDocument/didOpen", {"textDocument": 1})
    one.notify("$/whatever", {})
    one.open(URI, "ADDD\n")
    assert await one.diagnostics(URI) == ["ASM001"]


async def test_a_waiting_request_that_was_cancelled_costs_nothing(wire):
    one = await wire()
    await one.initialize()
    one.open(URI, "".join(f"l{n}:\n PUSH l{n}\n JUMP\n" for n in range(4000)))
    place = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 2}}
    numbers = [one.request("textDocument/hover", place) for _ in range(20)]
    for number in numbers[1:]:
        one.notify("$/cancelRequest", {"id": number})
    answers = [await one.answer(number) for number in numbers]
    assert "result" in answers[0]
    assert [a["error"]["code"] for a in answers[1:] if "error" in a] == [-32800] * 19


async def test_a_feature_that_fails_is_reported_and_the_others_go_on(wire, tmp_path):
    # A module of that name is found before ours, and fails as a bug of ours would.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, types\n"
        "module = types.ModuleType('nvm_lsp.server.features.hover')\n"
        "def handle(server, params): raise ValueError('a bug')\n"
        "module.handle = handle\n"
        "sys.modules[module.__name__] = module\n"
        "from nvm_lsp.server.server import NvmServer\n"
        "def change_trust(self, trusted): raise ValueError('another bug')\n"
        "NvmServer.change_trust = change_trust\n"
        "import nvm_lsp.lint.rules.magic_selector as rule\n"
        "rule.names_in = None\n"
    )
    one = await wire(env={**os.environ, "PYTHONPATH": str(tmp_path)})
    await one.initialize(clientInfo={"name": "Wire", "version": "1"})
    one.open(URI, "STOP\n")
    place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 2}}
    assert await one.ask("textDocument/hover", place) is None
    assert await one.ask("textDocument/hover", place) is None
    said = one.said("window/showMessage")
    assert len(said) == 1
    assert "textDocument/hover failed: ValueError: a bug" in said[0]
    assert "issues" in said[0]
    one.notify("nvm/didChangeTrust", {"trusted": True})  # nobody is answered, yet it is said
    assert await one.ask("textDocument/codeLens", {"textDocument": {"uri": URI}}) is not None
    assert "nvm/didChangeTrust failed: ValueError: another bug" in one.said("window/showMessage")[1]
    logged = one.said("window/logMessage")[-1]
    assert str(tmp_path) not in logged
    for wanted in ("nvm-lsp 0.", "Python 3.", "Wire 1", "sitecustomize.py:7 in", "issues"):
        assert wanted in logged

    # A rule of ours is no plugin to whoever reads this, and the other rules go on.
    one.open(URI, "unused:\nPUSH4 0x0902f1ac\nPOP\nSTOP\n")
    while "LBL001" not in await one.diagnostics(URI):
        pass
    while len(one.said("window/showMessage")) < 3:
        await one.receive()
    said = one.said("window/showMessage")[2]
    assert "rule VAL001 failed: TypeError" in said
    assert "plugin" not in said
    assert "issues" in said
    # A client that can open pages is offered the one where it is written already.
    two = await wire(env={**os.environ, "PYTHONPATH": str(tmp_path)})
    two.replies["window/showMessageRequest"] = lambda params: params["actions"][0]
    await two.initialize({"window": {"showDocument": {"support": True}}})
    two.notify("nvm/didChangeTrust", {"trusted": True})
    while not (shown := [r for r in two.requests if r["method"] == "window/showDocument"]):
        await two.receive()
    page = unquote_plus(shown[0]["params"]["uri"])
    assert page.startswith("https://github.com/nvm-lsp/nvm-lsp/issues/new?title=nvm/didChangeTrust")
    assert "another bug\n" in page
    assert shown[0]["params"]["external"] is True


# Diagnostics by pull -----------------------------------------------------------------------------


async def test_a_client_that_pulls_is_not_pushed_to(wire):
    one = await wire()
    result = await one.initialize(PULL)
    assert result["capabilities"]["diagnosticProvider"] == {
        "identifier": "nvm-lsp", "interFileDependencies": True, "workspaceDiagnostics": True,
    }
    one.open(URI, "ADDD\n")
    ask = {"textDocument": {"uri": URI}}
    first = await one.ask("textDocument/diagnostic", ask)
    assert (first["kind"], errors(first)) == ("full", ["ASM001"])
    again = await one.ask("textDocument/diagnostic", {**ask, "previousResultId": first["resultId"]})
    assert again == {"kind": "unchanged", "resultId": first["resultId"]}
    one.set_text(URI, "ADD\n", 2)
    third = await one.ask("textDocument/diagnostic", {**ask, "previousResultId": first["resultId"]})
    assert (third["kind"], "ASM001" in errors(third)) == ("full", False)
    assert not [m for m in one.notifications if m["method"] == "textDocument/publishDiagnostics"]


async def test_files_that_are_included_come_as_related_documents(wire, tmp_path):
    (tmp_path / "library.easm").write_text("ADDD\n")
    program = (tmp_path / "program.easm").as_uri()
    one = await wire()
    await one.initialize(PULL, rootUri=tmp_path.as_uri())
    one.open(program, '%include "library.easm"\nSTOP\n')
    report = await one.ask("textDocument/diagnostic", {"textDocument": {"uri": program}})
    related = report["relatedDocuments"][(tmp_path / "library.easm").as_uri()]
    assert errors(related) == ["ASM001"]


async def test_the_workspace_is_pulled_in_parts_with_progress(wire, tmp_path):
    for number in range(5):
        (tmp_path / f"p{number}.easm").write_text("ADDD\n" if number == 3 else "STOP\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.easm").write_text("ADDD\n")
    one = await wire()
    await one.initialize(PULL, workspaceFolders=[{"uri": tmp_path.as_uri(), "name": "w"}])
    ask = {"previousResultIds": [], "partialResultToken": "part", "workDoneToken": "work"}
    last = await one.ask("workspace/diagnostic", ask)
    assert last == {"items": []}
    parts, kinds = {}, []
    for message in one.notifications:
        value = message["params"].get("value", {})
        if message["params"].get("token") == "part":
            parts.update({item["uri"]: item for item in value["items"]})
        elif message["params"].get("token") == "work":
            kinds.append(value["kind"])
    assert (kinds[0], kinds[-1]) == ("begin", "end")
    assert {uri.rsplit("/", 1)[1]: errors(report) for uri, report in parts.items()} == {
        f"p{n}.easm": ["ASM001"] if n == 3 else [] for n in range(5)
    }
    known = [{"uri": uri, "value": report["resultId"]} for uri, report in parts.items()]
    (tmp_path / "p3.easm").write_text("STOP\n")
    (tmp_path / "p4.easm").unlink()
    again = await one.ask("workspace/diagnostic", {"previousResultIds": known})
    assert {item["uri"].rsplit("/", 1)[1]: item["kind"] for item in again["items"]} == {
        "p0.easm": "unchanged", "p1.easm": "unchanged", "p2.easm": "unchanged",
        "p3.easm": "full", "p4.easm": "full",
    }


async def test_looking_through_the_workspace_can_be_cancelled(wire, tmp_path):
    body = "".join(f"l{n}:\n PUSH l{n}\n JUMP\n" for n in range(300))
    for number in range(60):
        (tmp_path / f"p{number}.easm").write_text(body)
    one = await wire()
    await one.initialize(PULL, rootUri=tmp_path.as_uri())
    number = one.request("workspace/diagnostic", {"previousResultIds": [], "workDoneToken": "w"})
    await one.notified("$/progress")
    one.notify("window/workDoneProgress/cancel", {"token": "w"})
    assert (await one.answer(number))["error"]["code"] == -32800
    reports = [m for m in one.notifications if m["method"] == "$/progress"]
    assert len(reports) < 50
    number = one.request("workspace/diagnostic", {"previousResultIds": []})
    await asyncio.sleep(0.1)
    one.notify("$/cancelRequest", {"id": number})
    assert (await one.answer(number))["error"]["code"] == -32800


# Settings, folders, files ------------------------------------------------------------------------

CONFIGURABLE = {"workspace": {"configuration": True, "didChangeWatchedFiles": {
    "dynamicRegistration": True}}}


async def test_settings_are_asked_for_and_followed_live(wire):
    one = await wire()
    one.replies["workspace/configuration"] = [{"lint": {"ignore": ["ALL"]}, "nonsense": 1}]
    await one.initialize(CONFIGURABLE)
    one.open(URI, "unused:\nSTOP\n")
    while await one.diagnostics(URI):
        pass
    one.replies["workspace/configuration"] = [{"lint.severity": {"LBL001": "error"}}]
    one.notify("workspace/didChangeConfiguration", {"settings": None})
    while "LBL001" not in await one.diagnostics(URI):
        pass
    one.notify("workspace/didChangeConfiguration",
               {"settings": {"nvm-lsp": {"lint": {"enable": False}}}})
    while await one.diagnostics(URI):
        pass


async def test_what_is_wrong_with_settings_is_logged(wire):
    one = await wire()
    await one.initialize(initializationOptions={
        "lint": {"run": "sometimes", "severity": {"LBL001": "awful"}, "select": ["XYZ", "ALL"]},
        "limits": 3, "run": {"seconds": float("inf")}, "fork": "cancum",
    })
    one.open(URI, "STOP\n")
    await one.diagnostics(URI)
    said = one.said("window/logMessage")
    wanted = [
        "nvm-lsp.lint.run is one of onType, onSave, not 'sometimes'",
        "nvm-lsp.lint.severity is an object of levels (error, warning, info, hint, off), not ",
        "nvm-lsp.limits is an object, not 3",
        "nvm-lsp.run.seconds is a number above zero, not inf",
        "nvm-lsp.fork is one of frontier, ",
        "nvm-lsp.lint.select: there is no code 'XYZ'; ",
    ]
    assert [a.startswith(b) for a, b in zip(said, wanted, strict=True)] == [True] * 6, said


async def test_the_projects_files_count_and_their_changes_are_noticed(wire, tmp_path):
    configuration = tmp_path / "nvm-lsp.toml"
    configuration.write_text('ignore = ["LBL001"]\n')
    program = (tmp_path / "program.easm").as_uri()
    one = await wire()
    await one.initialize(CONFIGURABLE, rootUri=tmp_path.as_uri())
    one.open(program, "unused:\nSTOP\n")
    assert await one.diagnostics(program) == []
    while not (asked := [m for m in one.requests if m["method"] == "client/registerCapability"]):
        await one.receive()
    (registration,) = asked[0]["params"]["registrations"]
    watched = [item["globPattern"] for item in registration["registerOptions"]["watchers"]]
    assert watched == ["**/*.easm", "**/*.toml", "**/*.json", "**/*.{bin,hex}"]
    configuration.write_text('igmore = ["LBL001"]\n[levels]\nLBL001 = "error"\n')
    one.notify("workspace/didChangeWatchedFiles",
               {"changes": [{"uri": configuration.as_uri(), "type": 2}]})
    while "LBL001" not in await one.diagnostics(program):
        pass
    flaws = await one.notified("textDocument/publishDiagnostics", uri=configuration.as_uri())
    assert "igmore" in flaws["diagnostics"][0]["message"]


async def test_runs_follow_the_projects_files_as_on_the_command_line(wire, tmp_path):
    configuration = tmp_path / "nvm-lsp.toml"
    configuration.write_text('[run]\nkernel-profile = "threaded"\ngas = 123456\n')
    one = await wire()
    await one.initialize(rootUri=tmp_path.as_uri())
    program = (tmp_path / "program.easm").as_uri()
    one.open(program, "#= return\nGAS\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n")
    result = (await run(one, program))["result"]
    assert result["build"]["profile"] == "threaded"
    assert int(result["memory"], 16) < 123456
    configuration.write_text('target = "evm"\n[run]\nbackend = "nonsense"\n')
    one.notify("workspace/didChangeWatchedFiles",
               {"changes": [{"uri": configuration.as_uri(), "type": 2}]})
    assert "unknown backend 'nonsense'" in (await run(one, program))["error"]["message"]
    one.notify("workspace/didChangeConfiguration",
               {"settings": {"nvm-lsp": {"run": {"backend": "py-evm"}}}})
    assert (await run(one, program))["result"]["target"] == "evm"
    test = {"command": "nvm.test", "arguments": [program]}
    assert (await one.ask("workspace/executeCommand", test))["passed"]


async def test_each_folder_has_its_own_configuration_and_loses_it_at_once(wire, tmp_path):
    texts = {"one": 'ignore = ["LBL001"]\n', "two": '[levels]\nLBL001 = "error"\n',
             "two/inner": 'levels = {LBL001 = "hint"}\n', "none": None}
    programs = {}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "nvm-lsp.toml").write_text(text)
        programs[name] = (tmp_path / name / "program.easm").as_uri()
    folders = [{"uri": (tmp_path / name).as_uri(), "name": name} for name in ("one", "two", "none")]
    one = await wire()
    await one.initialize(workspaceFolders=folders)

    async def levels(name):
        params = await one.notified("textDocument/publishDiagnostics", uri=programs[name])
        return [item["severity"] for item in params["diagnostics"]]

    for uri in programs.values():
        one.open(uri, "unused:\nSTOP\n")
    assert [await levels(name) for name in programs] == [[], [1], [4], [2]]
    # Nobody watches files here, and not even a first look has been taken.
    (tmp_path / "two" / "nvm-lsp.toml").unlink()
    while await levels("two") != [2]:
        pass


async def test_a_file_that_changes_on_disk_is_noticed_without_watchers(wire, tmp_path):
    library = tmp_path / "library.easm"
    library.write_text("%def A = 1\n")
    program = (tmp_path / "program.easm").as_uri()
    one = await wire()
    await one.initialize(rootUri=tmp_path.as_uri())
    one.open(program, '%include "library.easm"\nPUSH A\nPUSH B\nSTOP\n')
    assert await one.diagnostics(program) == ["ASM006"]
    library.write_text("%def A = 1\n%def B = 2\n")
    while "ASM006" in await one.diagnostics(program):
        pass


async def test_a_scenarios_file_that_changes_on_disk_is_noticed(wire, tmp_path):
    scenario = tmp_path / "scenario.toml"
    program = (tmp_path / "program.easm").as_uri()
    one = await wire()
    await one.initialize(CONFIGURABLE, rootUri=tmp_path.as_uri())
    one.open(program, "#@ scenario scenario.toml\nSTOP\n")
    assert await one.diagnostics(program) == ["SCN001"]
    scenario.write_text('caller = "0x00000000000000000000000000000000000000aa"\n')
    change = {"changes": [{"uri": scenario.as_uri(), "type": 1}]}
    one.notify("workspace/didChangeWatchedFiles", change)
    while await one.diagnostics(program):
        pass


async def test_folders_come_and_go(wire, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.easm").write_text("STOP\n")
    folders = [{"uri": (tmp_path / name).as_uri(), "name": name} for name in ("one", "two")]
    one = await wire()
    await one.initialize(PULL, workspaceFolders=folders[:1])

    async def names():
        found = await one.ask("workspace/diagnostic", {"previousResultIds": []})
        return [item["uri"].rsplit("/", 1)[1] for item in found["items"]]

    assert await names() == ["one.easm"]
    event = {"added": folders[1:], "removed": []}
    one.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    assert await names() == ["one.easm", "two.easm"]
    event = {"added": [], "removed": folders[:1]}
    one.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    assert await names() == ["two.easm"]


# What an opened workspace may not do -------------------------------------------------------------


async def check_outside(wire, tmp_path, text, allowed, **options):
    """Opens a text in a folder beside ``outside``; whether what it names there was read."""
    outside = tmp_path / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "secret.easm").write_text("%def SECRET = 1\n")
    (outside / "secret.bin").write_bytes(b"\x01")
    inside = tmp_path / "inside"
    inside.mkdir(exist_ok=True)
    link = inside / "link.easm"
    if not link.is_symlink():
        link.symlink_to(outside / "secret.easm")
    one: Wire = await wire()
    await one.initialize(PULL, rootUri=inside.as_uri(), initializationOptions=options)
    program = (inside / "program.easm").as_uri()
    one.open(program, text)
    report = await one.ask("textDocument/diagnostic", {"textDocument": {"uri": program}})
    said = " ".join(item["message"] for item in report["items"])
    assert ("lies outside the workspace" not in said) is allowed, said


@pytest.mark.parametrize("text", [
    '%include "../outside/secret.easm"\n',
    '%include "link.easm"\n',
    '%incbin "../outside/secret.bin"\n',
    "#@ deploy 0x00000000000000000000000000000000000000aa ../outside/secret.easm\n",
    "#@ scenario ../outside/secret.toml\n",
    "#@ abi ../outside/secret.json\n",
])
async def test_files_outside_of_the_workspace_are_not_read(wire, tmp_path, text):
    await check_outside(wire, tmp_path, text + "STOP\n", False)


@pytest.mark.parametrize(("options", "allowed"), [
    ({"includes": {"allowOutside": True}}, True),
    ({"includes": {"allowOutside": True}, "trusted": False}, False),
    ({"trusted": True}, False),
])
async def test_files_outside_are_read_if_the_user_says_so(wire, tmp_path, options, allowed):
    text = '%include "../outside/secret.easm"\nPUSH SECRET\nSTOP\n'
    await check_outside(wire, tmp_path, text, allowed, **options)


async def run(one: Wire, uri: str = URI):
    params = {"command": "nvm.run", "arguments": [uri]}
    return await one.answer(one.request("workspace/executeCommand", params))


async def test_a_node_is_only_asked_for_a_trusted_workspace(wire):
    one = await wire()
    await one.initialize()
    one.open(URI, "#@ rpc http://127.0.0.1:9 block=1\nSTOP\n")
    assert "trusted workspace" in (await run(one))["error"]["message"]
    one.notify("nvm/didChangeTrust", {"trusted": True})
    assert "trusted workspace" not in (await run(one))["error"]["message"]


async def test_nothing_of_the_folder_that_it_is_started_in_is_imported(wire, tmp_path):
    for name in ("lark", "pluggy", "eth", "asyncio", "nvm_lsp_plugin", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w')\n")
    one = await wire(cwd=str(tmp_path))
    await one.initialize()
    one.open(URI, "STOP\n")
    assert (await run(one))["result"]["outcome"] == "stop"
    assert not (tmp_path / "loaded").exists()


# Sizes -------------------------------------------------------------------------------------------


async def test_a_file_past_the_limit_is_said_to_be_too_large(wire):
    one = await wire()
    await one.initialize(initializationOptions={"limits": {"fileSize": 1000}})
    one.open(URI, "ADDD\n" * 300)
    found = await one.notified("textDocument/publishDiagnostics", uri=URI)
    assert [d["code"] for d in found["diagnostics"]] == ["ASM027"]
    assert "limits.fileSize" in found["diagnostics"][0]["message"]
    place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
    assert await one.ask("textDocument/hover", place) is None
    one.set_text(URI, "ADDD\n", 2)
    assert await one.diagnostics(URI) == ["ASM001"]


# Start -------------------------------------------------------------------------------------------


def test_until_initialize_is_answered_hardly_anything_of_ours_is_imported():
    code = (
        "import sys, json\n"
        "from nvm_lsp.server.server import create_server\n"
        "server = create_server()\n"
        "class Writer:\n"
        "    def write(self, data): pass\n"
        "    def close(self): pass\n"
        "server.protocol.set_writer(Writer())\n"
        "server.protocol.receive({'jsonrpc': '2.0', 'id': 1, 'method': 'initialize', 'params': {\n"
        "    'capabilities': {}, 'processId': None, 'rootUri': 'file:///work'}})\n"
        "print([name for name in sys.modules if name in ('lark', 'eth', 'pluggy', 'tomllib')\n"
        "       or name.startswith('nvm_lsp.') and not name.startswith('nvm_lsp.server')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
