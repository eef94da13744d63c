"""Code actions that concern several files, and clients of various abilities."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.loader import MemoryLoader
from tests.server.wire import Wire, start

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIBRARY = """\
# Payments.

# Adds a fee.
%macro pay(amount) takes(1) returns(1)
    PUSH amount + FEE
    ADD
done:
    PUSH done
    POP
%end

%macro unused()
    STOP
%end
"""
FILES = {
    "lib/pay.easm": LIBRARY,
    "one.easm": '%include "lib/pay.easm"\n%def FEE = 3\n'
    "PUSH1 1  # [sum]\n%pay(FEE)  # [total]\nSTOP\n",
    "two.easm": '%include "lib/pay.easm"\r\n%def FEE = 4\r\n%def VALUE = 9\r\nPUSH1 VALUE\r\n'
    "%pay(1)\r\n%pay(2)\r\nSTOP\r\n",
    "rates.easm": "%def RATE = 5\n%def SPREAD = 2\n",
    "alone.easm": '%include "rates.easm"\nPUSH1 7\nPOP\nSTOP\n',
}
ROOTS = ("one.easm", "two.easm", "alone.easm")
RESOLVING = {"dataSupport": True, "resolveSupport": {"properties": ["edit"]}}
ABLE = {
    "workspace": {
        "workspaceEdit": {
            "documentChanges": True, "resourceOperations": ["create"],
            "changeAnnotationSupport": {},
        },
    },
    "textDocument": {
        "codeAction": {**RESOLVING, "disabledSupport": True, "honorsChangeAnnotations": True}
    },
    "experimental": {"commands": ["nvm-lsp.rename"]},
}


class Project:
    """Files in a folder, and a server that has it open."""

    def __init__(self, root: Path, wire: Wire) -> None:
        self.root, self.wire = root, wire
        self.texts: dict[str, str] = {}
        self.opened: set[str] = set()

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def write(self, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        self.texts.update(texts)

    async def actions(
        self, name: str, marked: str, only: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """What is offered at the mark in a line of a file, which is opened."""
        self.wire.open(self.uri(name), self.texts[name])
        self.opened.add(name)
        lines = self.texts[name].splitlines()
        line = lines.index(marked.replace("|", ""))
        place = {"line": line, "character": marked.index("|")}
        return await self.wire.ask("textDocument/codeAction", {
            "textDocument": {"uri": self.uri(name)}, "range": {"start": place, "end": place},
            "context": {"diagnostics": [], **({"only": only} if only else {})},
        })

    async def chosen(self, name: str, marked: str, title: str) -> dict[str, Any]:
        found = await self.actions(name, marked)
        (action,) = [a for a in found if a["title"].startswith(title)]
        return await self.wire.ask("codeAction/resolve", action) if "data" in action else action

    def after(self, action: dict[str, Any]) -> dict[str, str]:
        """All files after an action."""
        edit = action["edit"]
        changes = [(c["textDocument"]["uri"], c["edits"]) for c in edit.get("documentChanges", ())]
        texts = dict(self.texts)
        for uri, edits in [*changes, *edit.get("changes", {}).items()]:
            name = uri.removeprefix(self.root.as_uri() + "/")
            lines = texts[name].splitlines(keepends=True)
            starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
            for item in sorted(
                edits, key=lambda item: list(item["range"]["start"].values()), reverse=True
            ):
                start, end = (
                    starts[place["line"]] + place["character"]
                    for place in (item["range"]["start"], item["range"]["end"])
                )
                texts[name] = texts[name][:start] + item["newText"] + texts[name][end:]
        return texts


def built(texts: dict[str, str]) -> dict[str, bytes]:
    loader = MemoryLoader(dict(texts))
    found = {name: assemble_text(texts[name], name, loader=loader) for name in ROOTS}
    assert all(a.ok for a in found.values()), [a.diagnostics for a in found.values()]
    return {name: a.bytecode for name, a in found.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[ABLE])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A server with an empty folder as its workspace."""
    wire = await start("--stdio")
    root = tmp_path_factory.mktemp("project").resolve()
    await wire.initialize(request.param, workspaceFolders=[{"uri": root.as_uri(), "name": "p"}])
    yield wire, root
    assert await wire.end() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def project(server: tuple[Wire, Path]):
    wire, root = server
    project = Project(root, wire)
    project.write(FILES)
    yield project
    for name in project.opened:
        wire.notify("textDocument/didClose", {"textDocument": {"uri": project.uri(name)}})
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


async def test_a_macro_is_inlined_in_every_program(project: Project):
    action = await project.chosen("one.easm", "%pa|y(FEE)  # [total]", "Inline %pay everywhere")
    after = project.after(action)
    assert built(after) == built(FILES)
    assert after["lib/pay.easm"] == "# Payments.\n\n%macro unused()\n    STOP\n%end\n"
    assert "ADD  # [FEE + FEE + sum" not in after["one.easm"]
    assert after["two.easm"].count("\r\n") == after["two.easm"].count("\n"), "its own line ends"
    assert after["two.easm"].count("pay_done") == 4, "labels of each use are its own"


async def test_a_constant_is_inlined_in_every_program(project: Project):
    project.write({"rates.easm": "%def RATE = 2 + 3\n%def SPREAD = RATE * 2\n",
                   "alone.easm": '%include "rates.easm"\nPUSH1 RATE * SPREAD\nPOP\nSTOP\n',
                   "two.easm": '%include "rates.easm"\nPUSH1 RATE\nPOP\nSTOP\n'})
    before = built(project.texts)
    action = await project.chosen("alone.easm", "PUSH1 RA|TE * SPREAD", "Inline constant RATE ev")
    after = project.after(action)
    assert built(after) == before
    assert after["rates.easm"] == "%def SPREAD = (2 + 3) * 2\n"
    assert "PUSH1 2 + 3\n" in after["two.easm"]
    here = await project.chosen("alone.easm", "PUSH1 RA|TE * SPREAD", "Inline constant RATE here")
    assert project.after(here)["alone.easm"].splitlines()[1] == "PUSH1 (2 + 3) * SPREAD"


async def test_a_new_name_is_free_in_every_program(project: Project):
    project.write({"lib/pay.easm": LIBRARY.replace("amount + FEE", "3 * 4")})
    before = built(project.texts)
    action = await project.chosen("lib/pay.easm", "    PUSH 3 |* 4", "Extract to constant VALUE")
    after = project.after(action)
    assert "%def VALUE_2 = 3 * 4\n" in after["lib/pay.easm"], "two.easm has a VALUE already"
    assert built(after) == before
    line = after["lib/pay.easm"].splitlines().index("    PUSH VALUE_2")
    assert action["command"] == {
        "title": "Rename", "command": "nvm-lsp.rename",
        "arguments": [project.uri("lib/pay.easm"), {"line": line, "character": 9}],
    }


async def test_what_cannot_be_done_says_why(project: Project):
    found = await project.actions("lib/pay.easm", "%macro u|nused()")
    reasons = {a["title"]: a["disabled"]["reason"] for a in found if "disabled" in a}
    assert reasons == {"Inline %unused everywhere and remove it": "nothing uses %unused"}
    # What hinders it stands in another program, which is looked at when the action is chosen.
    project.write({"two.easm": project.texts["two.easm"].replace("%pay(2)", "%pay(pc)")})
    found = await project.actions("one.easm", "%pa|y(FEE)  # [total]")
    (action,) = [a for a in found if a["title"].startswith("Inline %pay everywhere")]
    error = await project.wire.fails("codeAction/resolve", action)
    assert error["message"].endswith("pc is another number in every line")
    project.wire.set_text(project.uri("one.easm"), "STOP\n", 2)
    error = await project.wire.fails("codeAction/resolve", action)
    assert (error["code"], "has changed" in error["message"]) == (-32801, True)


async def test_a_missing_name_is_included(project: Project):
    project.write({"deep/new.easm": "# New.\n\nstart:\n    PUSH RATE\n    %pay(1)\n    STOP\n"})
    action = await project.chosen("deep/new.easm", "    PUSH RA|TE", "Include")
    assert action["title"] == 'Include "../rates.easm", which defines RATE'
    assert action["isPreferred"]
    assert project.after(action)["deep/new.easm"].startswith(
        '# New.\n\n%include "../rates.easm"\n\nstart:\n'
    )
    action = await project.chosen("deep/new.easm", "    %p|ay(1)", "Include")
    assert action["title"] == 'Include "../lib/pay.easm", which defines %pay'
    project.write({"other.easm": "%def RATE = 6\n"})
    found = await project.actions("deep/new.easm", "    PUSH RA|TE", ["quickfix"])
    includes = [a for a in found if a["title"].startswith("Include")]
    assert [a["title"].split('"')[1] for a in includes] == ["../other.easm", "../rates.easm"]
    assert not any(a.get("isPreferred") for a in includes), "nobody knows which one is meant"


async def test_a_missing_file_is_created(project: Project):
    project.write({"new.easm": '%include "parts/a.easm"\nSTOP\n'})
    action = await project.chosen("new.easm", '%include "par|ts/a.easm"', "Create parts/a.easm")
    (operation,) = action["edit"]["documentChanges"]
    assert (operation["kind"], operation["uri"]) == ("create", project.uri("parts/a.easm"))
    project.write({"new.easm": '%include "../outside.easm"\nSTOP\n'})
    found = await project.actions("new.easm", '%include "|../outside.easm"')
    assert not [a for a in found if a["title"].startswith("Create")], "outside of the workspace"


async def test_includes_that_nothing_is_used_of(project: Project):
    found = await project.actions("alone.easm", "PUSH1| 7", ["source.organizeImports"])
    (action,) = found
    assert action["kind"] == "source.organizeImports.nvm-lsp"
    action = await project.wire.ask("codeAction/resolve", action)
    assert project.after(action)["alone.easm"] == "PUSH1 7\nPOP\nSTOP\n"
    # Here whoever includes the file needs what it includes.
    project.write({"lib/all.easm": '%include "../rates.easm"\nJUMPDEST\n',
                   "two.easm": '%include "lib/all.easm"\nPUSH1 RATE\nPOP\nSTOP\n'})
    found = await project.actions("lib/all.easm", "JUMP|DEST", ["source.organizeImports"])
    for action in found:
        action = await project.wire.ask("codeAction/resolve", action)
        assert "rates" in project.after(action)["lib/all.easm"]


async def test_an_unsafe_fix_asks_first(project: Project):
    action = await project.chosen("alone.easm", '%include "rates|.easm"', "Remove the %include")
    assert action["title"] == "Remove the %include"
    (change,) = action["edit"]["documentChanges"]
    assert [edit["annotationId"] for edit in change["edits"]] == ["unsafe"]
    assert action["edit"]["changeAnnotations"]["unsafe"] == {
        "label": "May change what the program does", "needsConfirmation": True,
    }


PLAIN: list[dict[str, Any]] = [{}, {"workspace": {"workspaceEdit": {"documentChanges": True}}}]


@pytest.mark.parametrize("server", PLAIN, indirect=True)
async def test_a_client_that_knows_little_gets_whole_edits(project: Project):
    found = await project.actions("one.easm", "%pa|y(FEE)  # [total]")
    found = [a for a in found if a["kind"] != "source.run.nvm-lsp"]
    assert not any("data" in a or "disabled" in a or "command" in a for a in found)
    (action,) = [a for a in found if a["title"].startswith("Inline %pay everywhere")]
    assert built(project.after(action)) == built(FILES)
    found = await project.actions("alone.easm", '%include "rates|.easm"')
    titles = [a["title"] for a in found]
    assert "Remove the %include (may change what the program does)" in titles


async def test_kinds_that_are_asked_for(project: Project):
    marked = "%pa|y(FEE)  # [total]"
    for only, expected in [
        (["refactor.inline"], {"refactor.inline.function"}),
        (["refactor"], {"refactor.inline.function"}),
        (["refactor.extract"], set()),
        (["refactor.in"], set()),
        (["source.organizeImports"], set()),
        (["quickfix", "refactor.inline.function"], {"refactor.inline.function"}),
    ]:
        found = await project.actions("one.easm", marked, only)
        assert {a["kind"] for a in found} == expected, only
