"""Every refactoring that is offered in the examples leaves all programs there as they were."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nvm_lsp.assembler import assemble_text
from nvm_lsp.assembler.loader import MemoryLoader
from tests.server.test_workspace_actions import Project, server

__all__ = ["server"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES = Path(__file__).parents[2] / "examples"
#: What says itself that it changes the bytecode.
CHANGES = ("Let ", "Fold ", "Write GT for", "Write LT for", "Write SGT for", "Write SLT for")
PLACES = 25


def built(texts: dict[str, str]) -> dict[str, tuple[bool, bytes]]:
    loader = MemoryLoader(dict(texts))
    found = {name: assemble_text(text, name, loader=loader) for name, text in texts.items()}
    return {name: (assembly.ok, assembly.bytecode) for name, assembly in found.items()}


async def test_bytecode_stays(server):
    wire, root = server
    project = Project(root, wire)
    project.write({
        str(path.relative_to(EXAMPLES)): path.read_text() for path in EXAMPLES.glob("**/*.easm")
    })
    before = built(project.texts)
    choose = random.Random(8)
    kinds = set()
    for name in [choose.choice(sorted(project.texts)) for _ in range(PLACES)]:
        wire.open(project.uri(name), project.texts[name])
        lines = project.texts[name].splitlines()
        # Half of them where names are used, which are few.
        named = [n for n, line in enumerate(lines) if " %" in line or line.endswith("_SLOT")]
        number = choose.choice(named if named and choose.random() < 0.5 else range(len(lines)))
        code = lines[number].split("#")[0].rstrip()
        start = end = {"line": number, "character": max(len(code) - 1, 0)}
        if choose.random() < 0.4:
            start, end = {"line": number, "character": 0}, {"line": number + 3, "character": 0}
        found = await wire.ask("textDocument/codeAction", {
            "textDocument": {"uri": project.uri(name)}, "range": {"start": start, "end": end},
            "context": {"diagnostics": [], "only": ["refactor"]},
        })
        for action in found:
            if "disabled" in action or action["title"].startswith(CHANGES):
                continue
            kinds.add(action["kind"])
            if "data" in action:
                action = await wire.ask("codeAction/resolve", action)
            after = project.after(action)
            assert after != project.texts, f"{action['title']} does nothing"
            assert built(after) == before, f"{action['title']} in {name}, line {number + 1}"
        wire.notify("textDocument/didClose", {"textDocument": {"uri": project.uri(name)}})
    assert len(kinds) >= 4, kinds
