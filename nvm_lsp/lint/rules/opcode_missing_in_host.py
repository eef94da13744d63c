"""The host that the scenario names does not have an opcode that the program uses.

## What it does
Compares the program's opcodes with the fork that its `#@ fork` line says for the host, where the
kernel is built for that fork.

## Why it is bad
The kernel's build for an older fork has no handler for the opcode: the guest halts exceptionally,
though the program assembles.

## Example
```easm
#@ fork paris
%fork cancun
    PUSH 1
    PUSH 2
    TSTORE
    STOP
```

## What to do
Say the same fork with `%fork` as with `#@ fork`, so that the assembler refuses the opcode, or run
on a newer host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nvm_lsp.diagnostics import Diagnostic, Severity
from nvm_lsp.lint.rule import LintContext, rule
from nvm_lsp.opcodes import FORKS, find_fork, instruction_set, opcode_by_code
from nvm_lsp.syntax import tree as t

_FORK_LINE = re.compile(r"#@\s*fork\s+([A-Za-z]+)")


@rule("NVM007", "opcode-missing-in-host", Severity.ERROR)
def RULE(context: LintContext) -> Iterator[Diagnostic]:  # noqa: N802 -- the hook's name for it
    name = _host_fork(context.assembly.program.root.tree)
    if context.target != "nvm" or name is None:
        return
    if FORKS[name].index >= FORKS[context.assembly.fork].index:
        return
    there = instruction_set(name).by_code
    missing = [
        row.code for row in instruction_set(context.assembly.fork).by_code.values()
        if row.code not in there
    ]
    if not missing:
        return
    pattern = re.compile(b"[" + b"".join(b"\\x%02x" % code for code in missing) + b"]")
    for (pc,) in context.runs(pattern):
        row = opcode_by_code(context.assembly.bytecode[pc])
        if row is not None:
            yield from context.at(
                RULE.kind, pc, f"the host of {name} has no {row.name}, which came with {row.since}",
                f"write %fork {name}, or run on a newer host",
            )


def _host_fork(tree: t.SyntaxTree) -> str | None:
    for line in tree.lines():
        if line.statement is not None:
            return None
        if line.comment is not None and line.comment.kind == "scenario":
            found = _FORK_LINE.match(line.comment.text)
            if found is not None and find_fork(found[1]) is not None:
                return found[1].lower()
    return None
