"""``nvm-lsp cfg`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOOP = "PUSH 3\nnext:\nPUSH 1\nSWAP1\nSUB\nDUP1\nPUSH next\nJUMPI\nCALLER\nJUMP\n"


def check(*arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs the command; its exit code must be ``code``."""
    done = subprocess.run(
        [sys.executable, "-m", "nvm_lsp", "cfg", *arguments], input=stdin, capture_output=True,
        text=True, check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_text_shows_stack_edges_and_gas():
    out = check("-", stdin=LOOP).stdout
    assert "next  [0x0002]  gas" in out
    assert "    SUB                   # [0x2]" not in out, "in a loop the value is not known"
    assert "  -> taken next\n  -> not taken block" in out
    assert "  -> unknown destination" in out
    assert "depends on jumps to unknown destinations" in out


@pytest.mark.parametrize(
    ("form", "begin", "edge"),
    [("dot", "digraph program {", "b2 -> b2 [color=darkgreen"),
     ("mermaid", "flowchart TD", "b2 -->|taken| b2")],
)
def test_graphs_have_blocks_and_edges(form, begin, edge):
    out = check("-", "--format", form, stdin=LOOP).stdout
    assert out.startswith(begin)
    assert edge in out
    assert "unknown destination" in out


def test_json_says_where_blocks_stand_and_what_they_cost():
    answer = json.loads(check("-", "--format", "json", stdin=LOOP).stdout)
    blocks = {block["start"]: block for block in answer["blocks"]}
    assert blocks[2]["line"] == 2
    assert {edge["kind"] for edge in blocks[2]["successors"]} == {"taken", "not taken"}
    assert blocks[0]["gas"] == {"least": 3, "most": 3, "dynamic": []}


def test_bytecode_and_the_kernel_s_gas():
    native = json.loads(check("0x600160005500", "--format", "json").stdout)["gas"]
    kernel = json.loads(
        check("0x600160005500", "--format", "json", "--gas", "table").stdout
    )["gas"]
    assert kernel["least"] > native["least"] + 200


def test_a_program_with_errors_is_said_to_have_them():
    done = check("-", stdin="PUHS 1\n", code=2)
    assert "ASM001" in done.stderr
    assert "digraph" not in done.stdout
