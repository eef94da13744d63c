"""Reads scenarios: the ``#@`` lines of a program, and the TOML files that they name.

A TOML file is turned into the same keys and texts as ``#@`` lines, so each key has one meaning.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from nvm_lsp.assembler import Unreadable
from nvm_lsp.assembler.assembler import Assembly
from nvm_lsp.assembler.expressions import EvaluationError, evaluate
from nvm_lsp.assembler.layout import undefined_name
from nvm_lsp.assembler.loader import Loader
from nvm_lsp.configuration import FileSettings
from nvm_lsp.diagnostics import Diagnostic, define_kind
from nvm_lsp.opcodes import DEFAULT_FORK, FORKS
from nvm_lsp.runner.abi import Abi
from nvm_lsp.runner.artifacts import load_abi, load_contract
from nvm_lsp.runner.scenario import ForkedState, Scenario
from nvm_lsp.runner.scenario_toml import entries
from nvm_lsp.runner.state_provider import provider_of, schemes
from nvm_lsp.runner.world import Account
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import parse_expression
from nvm_lsp.syntax import tree as t
from nvm_lsp.toml_text import read_toml

__all__ = ["BAD_SCENARIO", "KEYS", "Case", "base_scenario", "read_cases", "read_scenario"]

BAD_SCENARIO = define_kind(
    "SCN001",
    "bad-scenario",
    """
    A `#@` line is not understood.

    ## What it means
    `#@` lines say what a run starts from. Known are `target nvm|evm`, `fork NAME`,
    `kernel table|threaded|verifier|debug|strict-jumpdest|delegatecall-only …`,
    `mode call|delegatecall`, `caller ADDRESS`, `wallet ADDRESS`, `verifier ADDRESS`, `value WEI`,
    `gas N`, `balance WEI`, `calldata 0x…`, `storage [ADDRESS] SLOT = VALUE`,
    `account ADDRESS balance=… nonce=…`, `deploy ADDRESS PATH [balance=…]` (easm, hexadecimal
    digits, or the JSON of solc, Foundry, Hardhat or Vyper, `file.json:Name` for one of several),
    `abi PATH`, `label ADDRESS NAME`, `rpc URL block=N` (state of a node), `block.number N` and so
    on with `timestamp`, `base_fee`, `chain_id`, `coinbase`, `gas_limit`, `prevrandao`,
    `excess_blob_gas`, `slot_number`. `case NAME` begins a case of its own: the `#@` and `#=` lines
    below it, up to the next one or to the code, hold for it alone. `scenario FILE.toml` reads the
    same keys from a file. Values are expressions and may use the file's constants.

    ## Example
    ```easm
    #@ blance 1 ether
    ```

    ## What to do
    Mend the key or the value. A comment that is no scenario starts with `#` and a blank.
    """,
)

_KERNEL_OPTIONS = {
    "verifier": "verifier",
    "debug": "debug",
    "strict-jumpdest": "strict_jumpdest",
    "delegatecall-only": "delegatecall_only",
}
_BLOCK_NUMBERS = (
    "number", "timestamp", "prevrandao", "gas_limit", "base_fee", "excess_blob_gas", "chain_id",
    "slot_number",
)
#: What may stand after ``#@``.
KEYS = (
    "matches",
    "target", "fork", "kernel", "mode", "caller", "wallet", "verifier", "value", "gas", "balance",
    "calldata", "storage", "account", "deploy", "abi", "label", "rpc", "case", "scenario",
    "block.coinbase", *(f"block.{key}" for key in _BLOCK_NUMBERS),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario with its name, None if it is a program's only one.

    ``lines`` are those of the program that belong to it alone, first and one past the last.
    ``expect`` are expectations from a TOML file, as texts.
    """

    name: str | None
    scenario: Scenario
    lines: tuple[int, int] = (0, 0)
    expect: tuple[str, ...] = ()


def read_scenario(
    assembly: Assembly, loader: Loader, base: Scenario | None = None
) -> tuple[Scenario, tuple[Diagnostic, ...]]:
    """The scenario of a program, the first case if there are several, and what is wrong."""
    cases, diagnostics = read_cases(assembly, loader, base)
    return cases[0].scenario, diagnostics


def read_cases(
    assembly: Assembly, loader: Loader, base: Scenario | None = None
) -> tuple[tuple[Case, ...], tuple[Diagnostic, ...]]:
    """The cases of a program, at least one, on top of ``base``, and what is wrong with them."""
    reader = _Reader(assembly, loader, base or Scenario(fork=_host_fork(assembly.fork)))
    tree = assembly.program.root.tree
    for number, comment in _scenario_lines(tree):
        reader.line(number, comment)
    cases = reader.cases(_first_code(assembly))
    return cases, tuple(reader.diagnostics)


def base_scenario(assembly: Assembly, settings: FileSettings) -> Scenario:
    """What the scenario of a program begins with: what the configuration says of its file."""
    run, target = settings.run, settings.target
    scenario = Scenario(
        target,
        # No kernel needs a host natively, so the program's own fork will do, however old.
        assembly.fork if target == "evm" else _host_fork(assembly.fork),
    )
    if run.gas is not None:
        scenario = replace(scenario, gas=run.gas)
    if run.kernel_profile is not None:
        scenario = replace(scenario, profile=run.kernel_profile)
    return scenario


def _host_fork(fork: str) -> str:
    return fork if FORKS[fork].index >= FORKS["paris"].index else DEFAULT_FORK


def _first_code(assembly: Assembly) -> int:
    """The first line that emits anything; the number of lines if none does."""
    for _, size, _, origin in assembly.source_map.entries():
        if size:
            return origin.root_line
    return assembly.program.root.tree.line_count


def _scenario_lines(tree: t.SyntaxTree) -> Iterator[tuple[int, t.Comment]]:
    number = 0
    for chunk in tree.chunks:
        found = chunk.cache.get("scenario")
        if not isinstance(found, tuple):
            found = tuple(
                (offset, line.comment)
                for offset, line in enumerate(chunk.lines)
                if line.comment is not None and line.comment.text.startswith("#@")
            )
            chunk.cache["scenario"] = found
        for offset, comment in found:
            yield number + offset, comment
        number += len(chunk.lines)


@dataclass(slots=True)
class _OpenCase:
    """A case while its lines are read; ``line`` is None if a file of its own holds it."""

    name: str
    scenario: Scenario
    line: int | None
    expect: list[str] = field(default_factory=list)


class _Reader:
    """Reads ``#@`` lines one by one. ``path`` and ``number`` are where it reads."""

    def __init__(self, assembly: Assembly, loader: Loader, scenario: Scenario) -> None:
        self.assembly = assembly
        self.loader = loader
        self.scenario = scenario
        self.diagnostics: list[Diagnostic] = []
        self.path = assembly.program.root.path
        self.number = 0
        self.common: Scenario | None = None
        self.closed: list[_OpenCase] = []
        self.files: list[str] = []
        self.fork_said = False
        #: The whole line is marked, because columns of a TOML file are not known.
        self.whole_line: int | None = None

    def cases(self, first_code: int) -> tuple[Case, ...]:
        """What was read: the cases, or the one scenario."""
        self._close()
        if not self.closed:
            return (Case(None, self.scenario),)
        begins = sorted(case.line for case in self.closed if case.line is not None)
        cases = []
        for case in self.closed:
            lines = (0, 0)
            if case.line is not None:
                end = next((line for line in begins if line > case.line), first_code)
                lines = (case.line, max(end, case.line))
            cases.append(Case(case.name, case.scenario, lines, tuple(case.expect)))
        return tuple(cases)

    def line(self, number: int, comment: t.Comment) -> None:
        self.number = number
        start = comment.body_start
        body = comment.body
        key = body.split(None, 1)[0] if body else ""
        rest = body[len(key) :]
        column = start + len(key) + len(rest) - len(rest.lstrip())
        self.entry(key, rest.strip(), start, column)

    def entry(self, key: str, text: str, start: int, column: int) -> None:
        """One key with its text; what is wrong with it becomes a diagnostic."""
        try:
            self._apply(key, text, start, column)
        except _BadError as bad:
            self.problem(bad.start, bad.end, str(bad), bad.hint)
        except EvaluationError as error:
            problem = error.problem
            if self.whole_line is None:
                self.diagnostics.append(problem.at(self.path, self.number))
            else:
                self.problem(0, 0, problem.message, problem.hint)

    def problem(self, start: int, end: int, message: str, hint: str = "") -> None:
        if self.whole_line is not None:
            start, end = 0, self.whole_line
        location = Location(self.path, Span.of_line(self.number, start, end))
        self.diagnostics.append(Diagnostic(BAD_SCENARIO, location, message, hint))

    def _apply(self, key: str, text: str, start: int, column: int) -> None:
        scenario = self.scenario
        changes: dict[str, Any] = {}
        match key:
            case "target":
                changes["target"] = _choice(text, ("nvm", "evm"), column)
                if text == "evm" and not self.fork_said:
                    # No kernel needs a host, so the program's own fork will do, however old.
                    changes["fork"] = self.assembly.fork
            case "mode":
                changes["mode"] = _choice(text, ("call", "delegatecall"), column)
            case "fork":
                changes["fork"] = _choice(text.lower(), tuple(FORKS), column)
                self.fork_said = True
            case "kernel":
                changes = self._kernel(text, column)
            case "caller" | "wallet" | "verifier":
                changes[key] = self.address(text, column)
            case "value" | "gas" | "balance":
                changes[key] = self.number_of(text, column)
            case "calldata":
                changes["calldata"] = _hex(text, column)
            case "storage":
                changes = self._storage(text, column)
            case "account":
                changes = self._account(text, column)
            case "deploy":
                changes = self._deploy(text, column)
            case "abi":
                changes["abi"] = scenario.abi + self._abi(text, column)
            case "label":
                changes = self._label(text, column)
            case "rpc":
                changes["forked"] = self._rpc(text, column)
            case "case":
                self._begin(text, column)
                return
            case "scenario":
                self._file(text, column)
                return
            case "matches":
                return  # of no meaning to a run; `nvm-lsp verify` reads it
            case _ if key.startswith("block."):
                changes = self._block(key, text, start, column)
            case _:
                raise _unknown(key, KEYS, start, start + len(key))
        self.scenario = replace(scenario, **changes)

    def _block(self, key: str, text: str, start: int, column: int) -> dict[str, Any]:
        name = key[6:]
        value: Any
        if name == "coinbase":
            value = self.address(text, column)
        elif name in _BLOCK_NUMBERS:
            value = self.number_of(text, column)
        else:
            raise _unknown(key, KEYS, start, start + len(key))
        changes: dict[str, Any] = {name: value}
        return {
            "block": replace(self.scenario.block, **changes),
            "block_keys": self.scenario.block_keys | {name},
        }

    def _begin(self, text: str, column: int) -> None:
        """The lines that follow belong to a case of their own."""
        if not text:
            raise _BadError("a case needs a name", max(column - 1, 0), column)
        if any(case.name == text for case in self.closed):
            raise _BadError(f"there is a case {text} already", column, column + len(text))
        self._close()
        if self.common is None:
            self.common = self.scenario
        self.scenario = self.common
        line = None if self.files else self.number
        self.closed.append(_OpenCase(text, self.scenario, line))

    def _close(self) -> None:
        if self.closed:
            self.closed[-1].scenario = self.scenario

    def _kernel(self, text: str, column: int) -> dict[str, Any]:
        profile, options = self.scenario.profile, set(self.scenario.options)
        for found in re.finditer(r"\S+", text):
            word = found[0]
            if word in ("table", "threaded"):
                profile = word
            elif word in _KERNEL_OPTIONS:
                options.add(_KERNEL_OPTIONS[word])
            else:
                raise _unknown(
                    word, ("table", "threaded", *_KERNEL_OPTIONS), column + found.start(),
                    column + found.end(),
                )
        return {"profile": profile, "options": frozenset(options)}

    def _storage(self, text: str, column: int) -> dict[str, Any]:
        left, equals, right = text.partition("=")
        if not equals:
            raise _BadError("storage needs SLOT = VALUE", column, column + len(text))
        words = left.split()
        value = self.number_of(right.strip(), column + len(left) + 1)
        if len(words) == 2 and re.fullmatch(r"0[xX][0-9a-fA-F]{40}", words[0]):
            address = bytes.fromhex(words[0][2:])
            slot = self.number_of(words[1], column + left.index(words[1], len(words[0])))
            account = self.scenario.accounts.get(address, Account())
            account = replace(account, storage={**account.storage, slot: value})
            return {"accounts": {**self.scenario.accounts, address: account}}
        slot = self.number_of(left.strip(), column)
        return {"storage": {**self.scenario.storage, slot: value}}

    def _account(self, text: str, column: int) -> dict[str, Any]:
        head, _, rest = text.partition(" ")
        address = self.address(head, column)
        account = self.scenario.accounts.get(address, Account())
        account = self._fields(account, rest, column + len(head) + 1)
        return {
            "accounts": {**self.scenario.accounts, address: account},
            "said": self._said(address, rest),
        }

    def _said(self, address: bytes, fields: str, *others: str) -> dict[bytes, frozenset[str]]:
        """Which fields of an account are said, those of a text among them."""
        before = self.scenario.said.get(address, frozenset())
        names = re.findall(r"(\w+)=", fields)
        return {**self.scenario.said, address: before.union(names, others)}

    def _fields(self, account: Account, text: str, column: int) -> Account:
        for found in re.finditer(r"(\w+)=(.*?)(?=\s+\w+=|$)", text):
            if found[1] not in ("balance", "nonce"):
                raise _unknown(
                    found[1], ("balance", "nonce"), column + found.start(), column + found.end(1)
                )
            value: Any = {found[1]: self.number_of(found[2].strip(), column + found.start(2))}
            account = replace(account, **value)
        return account

    def _deploy(self, text: str, column: int) -> dict[str, Any]:
        found = re.fullmatch(r"(\S+)\s+(\"[^\"]*\"|\S+)\s*(.*)", text)
        if found is None:
            raise _BadError("deploy needs ADDRESS PATH", column, column + max(len(text), 1))
        address = self.address(found[1], column)
        path, name = self._path(found[2])
        contract = load_contract(path, name, self.loader)
        if isinstance(contract, Unreadable):
            where = column + found.start(2), column + found.end(2)
            raise _BadError(contract.message, *where, contract.hint)
        account = self.scenario.accounts.get(address, Account())
        account = replace(account, code=contract.code, nonce=account.nonce or 1)
        account = self._fields(account, found[3], column + found.start(3))
        return {
            "accounts": {**self.scenario.accounts, address: account},
            "said": self._said(address, found[3], "code"),
            "labels": {address: contract.name, **self.scenario.labels},
            "sources": self.scenario.sources
            if contract.source is None
            else {**self.scenario.sources, address: contract.source},
            "abi": self.scenario.abi + Abi.of(contract.abi, contract.storage),
        }

    def _abi(self, text: str, column: int) -> Abi:
        path, name = self._path(text)
        found = load_abi(path, name, self.loader)
        if isinstance(found, Unreadable):
            raise _BadError(found.message, column, column + max(len(text), 1), found.hint)
        return Abi.of(*found)

    def _path(self, text: str) -> tuple[str, str | None]:
        """A resolved path, and the contract's name behind it in ``file.json:Name``."""
        written = text.strip().strip('"')
        path, colon, name = written.rpartition(":")
        if not (colon and path.endswith(".json")):
            path, name = written, ""
        return self.loader.resolve(path, self.path), name or None

    def _label(self, text: str, column: int) -> dict[str, Any]:
        head, _, name = text.partition(" ")
        if not name.strip():
            raise _BadError("label needs ADDRESS NAME", column, column + max(len(text), 1))
        address = self.address(head, column)
        return {"labels": {**self.scenario.labels, address: name.strip()}}

    def _rpc(self, text: str, column: int) -> ForkedState:
        found = re.fullmatch(r"(\S+)(?:\s+block=(.+))?", text)
        end = column + max(len(text), 1)
        if found is None or not re.match(r"(?!https?:(?!//[^/]))[A-Za-z][\w+.-]*:[^:]", found[1]):
            raise _BadError(
                "rpc needs the URL of a node and a block", column, end,
                "as in rpc http://127.0.0.1:8545 block=22000000",
            )
        if provider_of(found[1]) is None:
            raise _BadError(
                f"nothing is known of the state behind {found[1].partition(':')[0]}:", column,
                column + len(found[1]), f"there are state providers for {', '.join(schemes())}",
            )
        if found[2] is None:
            raise _BadError(
                "a forked state needs a pinned block, or no two runs are the same", column, end,
                "write block=N behind the URL",
            )
        return ForkedState(found[1], self.number_of(found[2], column + found.start(2)))

    def _file(self, text: str, column: int) -> None:
        """Reads a TOML file as if its keys stood here."""
        path, _ = self._path(text)
        end = column + max(len(text), 1)
        if path in self.files:
            raise _BadError(f"{path} reads itself", column, end)
        data = self.loader.data(path)
        if isinstance(data, Unreadable):
            raise _BadError(data.message, column, end, data.hint)
        try:
            source = data.decode("utf-8")
            document = read_toml(source)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _BadError(f"{path}: this is no TOML: {error}", column, end) from None
        here = self.path, self.number, self.whole_line
        self.files.append(path)
        try:
            self._table(path, source.splitlines(), document)
        finally:
            self.files.pop()
            self.path, self.number, self.whole_line = here

    def _table(self, path: str, lines: list[str], document: dict[str, Any]) -> None:
        from_line = 0
        for key, text, word in entries(document):
            self.path = path
            pattern = re.compile(rf"""\s*\[*\s*(?:[\w.-]+\.)?["']?{re.escape(word)}["']?""")
            self.number = next(
                (n for n in range(from_line, len(lines)) if pattern.match(lines[n])),
                next((n for n, line in enumerate(lines) if pattern.match(line)), 0),
            )
            self.whole_line = len(lines[self.number]) if lines else 0
            if key == "case":
                from_line = self.number
            if key == "expect":
                self._expect(text)
            elif key == "?":
                self.problem(0, 0, text)
            else:
                self.entry(key, text, 0, 0)

    def _expect(self, text: str) -> None:
        if not self.closed:
            self.problem(0, 0, "expect belongs to a [[case]]")
            return
        self.closed[-1].expect.append(text)

    def address(self, text: str, column: int) -> bytes:
        """An address, as 40 digits or an expression."""
        if re.fullmatch(r"0[xX][0-9a-fA-F]{40}", text):
            return bytes.fromhex(text[2:])
        value = self.number_of(text, column)
        if value.bit_length() > 160:
            raise _BadError("an address has 20 bytes", column, column + len(text))
        return value.to_bytes(20, "big")

    def number_of(self, text: str, column: int) -> int:
        """The value of an expression, which may use the program's constants."""
        if not text:
            raise _BadError("a value is missing", max(column - 1, 0), column)
        expression, problems = parse_expression(text, column)
        if problems or expression is None:
            raise EvaluationError(problems[0])
        return evaluate(expression, _ConstantNames(self.assembly))


class _BadError(Exception):
    """A part of a ``#@`` line that means nothing."""

    def __init__(self, message: str, start: int, end: int, hint: str = "") -> None:
        super().__init__(message)
        self.start, self.end, self.hint = start, end, hint


@dataclass(frozen=True, slots=True)
class _ConstantNames:
    """The names of a program after its assembly."""

    assembly: Assembly

    def name(self, name: t.Name) -> int:
        symbols = self.assembly.symbols
        if name.text in symbols.labels:
            return symbols.labels[name.text]
        if name.text in symbols.constants:
            return symbols.constants[name.text]
        raise EvaluationError(undefined_name(name, self.assembly.layout, None))

    def length(self, name: t.Name) -> int:
        length = self.assembly.layout.length(name.text)
        if length is None:
            raise EvaluationError(undefined_name(name, self.assembly.layout, None))
        return length


def _choice(text: str, known: tuple[str, ...], column: int) -> str:
    if text not in known:
        raise _unknown(text, known, column, column + max(len(text), 1))
    return text


def _unknown(word: str, known: tuple[str, ...], start: int, end: int) -> _BadError:
    from difflib import get_close_matches  # noqa: PLC0415 -- only on errors

    near = get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
    return _BadError(f"unknown {word!r} in a scenario", start, end, hint)


def _hex(text: str, column: int) -> bytes:
    digits = text.removeprefix("0x").replace("_", "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise _BadError(
            "this is no run of hexadecimal bytes", column, column + max(len(text), 1),
            "write 0x and two digits a byte",
        ) from None
