"""What the rules find in contracts that solc made, and how long that takes.

``python -m benchmarks.real_contracts`` takes the artifacts of an npm package of exact version (once
into the git-ignored ``.cache``), disassembles each bytecode and lints it with all rules and target
evm. The compiler's output works, so nearly every error or warning is a false alarm; hints about
gas may be right. ``--show CODE`` prints findings of a rule with the code around them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from nvm_lsp.assembler import Assembly, assemble_text, disassemble
from nvm_lsp.diagnostics import Diagnostic
from nvm_lsp.lint.linter import check, rules

PACKAGE, VERSION = "@openzeppelin/contracts", "4.9.6"
CACHE = Path(__file__).parents[1] / ".cache" / "real-contracts"
LARGE = 20_000


def artifacts(package: str = PACKAGE, version: str = VERSION) -> Iterator[tuple[str, bytes]]:
    """Names and bytecodes of a package's contracts: those deployed, then those that deploy."""
    archive = CACHE / f"{package.lstrip('@').replace('/', '-')}-{version}.tgz"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"], cwd=CACHE, check=True,
            capture_output=True,
        )
    with tarfile.open(archive) as tar:
        members = [m for m in tar if re.search(r"(build|artifacts)/.*\.json$", m.name)]
        for member in sorted(members, key=lambda m: m.name):
            file = tar.extractfile(member)
            assert file is not None
            described = json.load(file)
            if not isinstance(described, dict):
                continue
            evm = described.get("evm", described)  # as the compiler itself writes it
            for key, suffix in (("deployedBytecode", ""), ("bytecode", " (creation)")):
                found = evm.get(key)
                digits = found.get("object") if isinstance(found, dict) else found
                if isinstance(digits, str) and len(digits) > 2 and "_" not in digits:
                    name = described.get("contractName") or Path(member.name).stem
                    yield name + suffix, bytes.fromhex(digits.removeprefix("0x"))


def lint(text: str, name: str) -> tuple[Assembly, tuple[Diagnostic, ...]]:
    assembly = assemble_text(text, name)
    return assembly, check(assembly, "evm")


def instructions(text: str) -> int:
    """Instructions in a disassembly; a label stands for its JUMPDEST."""
    return sum(
        1 for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith(("#", "%", "."))
    )


def large(count: int = LARGE) -> str:
    """One program of so many instructions: the package's contracts after a dispatcher."""
    dispatcher, bodies, total = ["    PUSH0\n    CALLDATALOAD\n"], [], 0
    for number, (name, code) in enumerate(artifacts()):
        if total >= count or "(creation)" in name:
            continue
        text = disassemble(code)
        total += instructions(text)
        text = re.sub(r"PUSH1 l_", "PUSH2 l_", text)  # it may lie anywhere now
        text = re.sub(r"\b(l_\w+)|^\.(\w+):", rf"c{number}_\1\2", text, flags=re.MULTILINE)
        text = re.sub(rf"^c{number}_data\w*$", f".c{number}_data:", text, flags=re.MULTILINE)
        dispatcher.append(f"    DUP1\n    PUSH2 {number}\n    EQ\n    PUSH2 c{number}\n    JUMPI\n")
        # Data may end with a byte that reads as a push; zeros keep it from the next JUMPDEST.
        bodies.append(f"c{number}:\n    POP\n{text}    %bytes 0x{'00' * 32}\n")
    return "".join([*dispatcher, "    STOP\n", *bodies])


def report(package: str, version: str, show: str | None, samples: int) -> None:
    found: Counter[str] = Counter()
    contracts: dict[str, set[str]] = defaultdict(set)
    levels: dict[str, Counter[str]] = defaultdict(Counter)
    count = total = 0
    spent = 0.0
    for name, code in artifacts(package, version):
        text = disassemble(code)
        began = time.perf_counter()
        assembly, diagnostics = lint(text, name)
        spent += time.perf_counter() - began
        count += 1
        total += instructions(text)
        for diagnostic in diagnostics:
            found[diagnostic.code] += 1
            contracts[diagnostic.code].add(name)
            levels[diagnostic.code][diagnostic.severity.value] += 1
            if diagnostic.code == show and found[show] <= samples:
                print(excerpt(assembly, diagnostic, text))
    print(f"{count} bytecodes, {total:,} instructions, {spent:.1f} s, {len(rules())} rules\n")
    print("| rule | name | levels | findings | in bytecodes |\n|---|---|---|---|---|")
    kinds = {rule.kind.code: rule.kind.name for rule in rules()}
    for code, number in sorted(found.items()):
        said = ", ".join(f"{n} {level}" for level, n in levels[code].items())
        print(f"| {code} | {kinds.get(code, '')} | {said} | {number} | {len(contracts[code])} |")


def excerpt(assembly: Assembly, diagnostic: Diagnostic, text: str, around: int = 8) -> str:
    """A finding with its offset and the lines before and after it."""
    number = diagnostic.location.span.start.line
    pcs = [hex(pc) for pc in assembly.source_map.pcs(assembly.program.root.path, number)]
    lines = text.splitlines()
    shown = [
        f"{'>' if index == number else ' '} {lines[index]}"
        for index in range(max(0, number - around), min(len(lines), number + around + 1))
    ]
    said = "\n".join(diagnostic.lines())
    return f"{said}\n  pc {', '.join(pcs)}\n" + "\n".join(shown) + "\n"


def time_large() -> None:
    text = large()
    began = time.perf_counter()
    assembly, diagnostics = lint(text, "large.easm")
    spent = time.perf_counter() - began
    assert assembly.ok, assembly.diagnostics[:3]
    print(
        f"\none program of {instructions(text):,} instructions ({len(assembly.bytecode):,} bytes): "
        f"{spent:.2f} s to assemble and lint, cold, {len(diagnostics)} findings"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_contracts")
    parser.add_argument("--show", metavar="CODE", help="print findings of this rule")
    parser.add_argument(
        "--package", default=f"{PACKAGE}@{VERSION}", help="(default: %(default)s)"
    )
    parser.add_argument("-n", type=int, default=10, help="how many of them (default: 10)")
    arguments = parser.parse_args()
    package, _, version = arguments.package.rpartition("@")
    list(artifacts(package, version))
    if package == PACKAGE:
        time_large()
    report(package, version, arguments.show, arguments.n)


if __name__ == "__main__":
    main()
