"""Writes what is derived from something else in this repository, or checks that it is up to date.

``python -m nvm_lsp.generate`` writes, ``--check`` only compares and exits with 1 if anything
differs. It works in a checkout, not in an installed package. `GENERATORS` is the whole list; what
is derived knows nothing of it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from nvm_lsp import configuration, highlighting, textmate
from nvm_lsp.analysis.gas import prices
from nvm_lsp.assembler import assemble_text
from nvm_lsp.diagnostics import Applicability, Kind
from nvm_lsp.kernel.gas import CLASSES, overheads
from nvm_lsp.kernel.image import PROFILES, Build
from nvm_lsp.lint.linter import check
from nvm_lsp.opcode_page import opcode_page
from nvm_lsp.opcodes import ALIASES, DEFAULT_FORK, OPCODES, Opcode
from nvm_lsp.pages import FAMILIES, family, kinds

__all__ = ["GENERATORS", "ROOT", "Generator", "differences"]

ROOT = Path(__file__).parents[1]
_NOTE = "<!-- Written by `python -m nvm_lsp.generate`; do not edit. -->\n\n"
_EXAMPLE = re.compile(r"## Example\n.*?```easm\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Generator:
    """What makes files: their texts by path from the repository's root.

    ``folder`` is set where all of a folder is generated, so that what is left over goes.
    """

    name: str
    texts: Callable[[], Mapping[str, str]]
    folder: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks all; 1 if ``--check`` finds a difference, 2 outside a checkout."""
    parser = argparse.ArgumentParser(prog="python -m nvm_lsp.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, tell what differs")
    check_only = parser.parse_args(arguments).check
    if not (ROOT / "pyproject.toml").is_file():
        print(f"{ROOT} is no checkout of nvm-lsp", file=sys.stderr)
        return 2
    found = {path: text for generator in GENERATORS for path, text in differences(generator)}
    for path, text in found.items():
        print(f"{'differs' if check_only else 'removed' if text is None else 'wrote'}: {path}")
        if check_only:
            continue
        file = ROOT / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
    return int(check_only and bool(found))


def differences(generator: Generator) -> Iterator[tuple[str, str | None]]:
    """The files that are not as they should be, with the right text, or None to remove one."""
    texts = generator.texts()
    for path, text in texts.items():
        file = ROOT / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            yield path, text
    if generator.folder:
        for file in sorted((ROOT / generator.folder).rglob("*")):
            path = file.relative_to(ROOT).as_posix()
            if file.is_file() and path not in texts:
                yield path, None


def _rule_pages() -> Iterator[tuple[str, str]]:
    # A plugin that happens to be installed documents its own.
    own = [kind for kind in kinds().values() if family(kind) in FAMILIES.values()]
    index = [
        "# Diagnostics\n",
        "Every diagnostic has a code and a name; either works in `nvm-lsp explain`, in the "
        "configuration and in suppressions. The level is that without configuration. A fix is safe "
        "where it keeps what the program does; manual fixes are choices that an editor offers.\n",
    ]
    for title, members in groupby(own, key=family):
        index.append(f"## {title}\n")
        index.append("| code | name | level | fix | |\n|---|---|---|---|---|")
        for kind in members:
            fix = fix_of(kind)
            index.append(
                f"| [{kind.code}]({kind.code}.md) | {kind.name} | {kind.severity.value} | "
                f"{fix.value if fix else ''} | {_cell(kind.summary)} |"
            )
            head = f"# {kind.name} ({kind.code})\n\n"
            facts = f"{family(kind)} · level `{kind.severity.value}` · "
            facts += f"{fix.value} fix" if fix else "no fix"
            yield f"docs/rules/{kind.code}.md", f"{_NOTE}{head}{facts}\n\n{kind.page.rstrip()}\n"
        index.append("")
    yield "docs/rules/README.md", _NOTE + "\n".join(index).rstrip() + "\n"


def fix_of(kind: Kind) -> Applicability | None:
    """The safest fix that the page's example is given, or None."""
    example = _EXAMPLE.search(kind.page)
    if example is None:
        return None
    # Includes in examples are from the root of the repository.
    assembly = assemble_text(example[1], str(ROOT / "example.easm"))
    found = {
        fix.applicability
        for diagnostic in check(assembly)
        if diagnostic.kind == kind
        for fix in diagnostic.fixes
    }
    return next((a for a in Applicability if a in found), None)


def _opcode_pages() -> Iterator[tuple[str, str]]:
    index = [
        "# Opcodes\n",
        "Stack pictures have the top first. Gas is the part that depends neither on operands nor "
        "on the state, under the rules of Paris and later; the pages say what comes on top.\n",
    ]
    for group, rows in groupby(sorted(OPCODES.values(), key=_by_group), key=lambda r: r.group):
        index.append(f"## {group.capitalize()}\n")
        index.append("| code | name | stack | gas | since | |\n|---|---|---|---|---|---|")
        for row in rows:
            index.append(
                f"| `0x{row.code:02x}` | [{row.name}]({row.name}.md) | `{_cell(row.effect)}` | "
                f"{row.gas} | {row.since} | {_cell(row.summary)} |"
            )
            yield f"docs/opcodes/{row.name}.md", _opcode_page(row)
        index.append("")
    yield "docs/opcodes/README.md", _NOTE + "\n".join(index).rstrip() + "\n"


def _by_group(row: Opcode) -> tuple[int, int]:
    groups = list(dict.fromkeys(other.group for other in OPCODES.values()))
    return groups.index(row.group), row.code


def _opcode_page(row: Opcode) -> str:
    others = [alias for alias, name in ALIASES.items() if name == row.name]
    also = f"\nAlso written {' and '.join(others)}.\n" if others else ""
    picture = "\n".join(_stack_picture(row))
    return (
        f"{_NOTE}# {row.name}\n\n{opcode_page(row)}\n{also}\n"
        f"## Stack\n\n```text\n{picture}\n```\n\n## Gas\n\n" + "\n".join(_gas(row)) + "\n"
    )


def _gas(row: Opcode) -> Iterator[str]:
    """The price by fork, and what interpretation adds."""
    yield "| from | gas |\n|---|---|"
    for fork, gas in prices(row).items():
        yield f"| {fork} | {gas} |"
    if row.gas_note:
        yield f"\nFurther: {row.gas_note}."
    added = {
        profile: [
            f"{gas} ({name})" if row.name in ("JUMP", "JUMPI") else str(gas)
            for name, gas in overheads(Build(profile=profile, fork=DEFAULT_FORK)).items()
            if row.name in CLASSES[name]
        ]
        for profile in PROFILES
    }
    if not any(added.values()):
        return
    yield "\nOn the NestedVM, interpretation adds:\n"
    yield "| kernel | gas |\n|---|---|"
    for profile, figures in added.items():
        yield f"| {profile} | {', '.join(figures)} |"


def _stack_picture(row: Opcode) -> Iterator[str]:
    """The stack before and after, the top in the first line."""
    if not row.inputs and not row.outputs:
        yield "as it was"
        return
    before, after = [*row.inputs], [*row.outputs]
    depth = max(len(before), len(after), 1)
    # What lies below stands at the same height on both sides.
    before = [""] * (depth - len(before)) + before + ["…"]
    after = [""] * (depth - len(after)) + after + ["…"]
    width = max(len("before"), *(len(word) for word in before))
    yield f"{'before':{width}}   after"
    for left, right in zip(before, after, strict=True):
        yield f"{left:{width}}   {right}".rstrip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


#: Everything that is generated. A new kind of file is a row.
def _configuration_page() -> str:
    """The page of all keys, out of the schema."""
    schema = configuration.schema()
    parts = [
        f"# Configuration\n\n{_NOTE}"
        "In `[tool.nvm-lsp]` of `pyproject.toml`, or in `nvm-lsp.toml` with the same keys. For\n"
        "each file the nearest one counts, from its folder upwards, and no other; in one folder\n"
        "`nvm-lsp.toml` comes first. What is unknown or of the wrong type is an error that names\n"
        "file, line and key. Editors of TOML complete and check the keys with the JSON schema\n"
        "[`configuration.schema.json`](../nvm_lsp/configuration.schema.json). [Lint](lint.md)\n"
        "says more about what is looked for.\n\n"
        '```toml\n[tool.nvm-lsp]\nfork = "cancun"\nexclude = ["build/"]\n\n'
        '[tool.nvm-lsp.levels]\nOPT = "off"\n\n'
        '[[tool.nvm-lsp.overrides]]\nfiles = ["contracts/**"]\ntarget = "evm"\n```\n\n'
        "| key | type | default | |\n|---|---|---|---|\n",
        *_keys("", schema),
    ]
    return "".join(parts)


def _keys(prefix: str, schema: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in schema["properties"].items():
        inner = entry.get("items", entry)
        if "properties" in inner:
            many = "[]" if "items" in entry else ""
            kind = "tables" if many else "table"
            yield f"| `{prefix}{name}{many}` | {kind} | | {entry['description']} |\n"
            yield from _keys(f"{prefix}{name}{many}.", inner)
        else:
            default = entry.get("default")
            shown = "" if default is None else f" `{json.dumps(default)}`"
            yield (
                f"| `{prefix}{name}` | {_type(entry)} |{shown} | {entry['description']} |\n"
            )


def _type(schema: Mapping[str, Any]) -> str:
    """What a schema allows, in words."""
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    match schema["type"]:
        case "array":
            return f"list of {_type(schema['items'])}s"
        case "object":
            return f"table of {_type(schema['additionalProperties'])}"
        case "integer" | "number" as kind:
            high = f" to {schema['maximum']}" if "maximum" in schema else " on"
            return f"{'whole ' * (kind == 'integer')}number from {schema['minimum']}{high}"
        case "boolean":
            return "`true`, `false`"
        case list():
            return "value"
        case other:
            return str(other)


GENERATORS = (
    Generator("diagnostics", lambda: dict(_rule_pages()), "docs/rules"),
    Generator("opcodes", lambda: dict(_opcode_pages()), "docs/opcodes"),
    Generator(
        "TextMate grammar", lambda: {"grammar/easm.tmLanguage.json": textmate.grammar_text()}
    ),
    Generator("colours in other editors", highlighting.texts),
    Generator(
        "schema of the configuration",
        lambda: {"nvm_lsp/configuration.schema.json": configuration.schema_text()},
    ),
    Generator(
        "page of the configuration", lambda: {"docs/configuration.md": _configuration_page()}
    ),
)


if __name__ == "__main__":
    sys.exit(main())
