"""What a run starts from: target, kernel, accounts, call; and the ``#@`` lines that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nvm_lsp.assembler import Unreadable, assemble
from nvm_lsp.assembler.assembler import Assembly
from nvm_lsp.assembler.expressions import EvaluationError, evaluate
from nvm_lsp.assembler.layout import undefined_name
from nvm_lsp.assembler.loader import Loader, parse_hex_file
from nvm_lsp.diagnostics import Diagnostic, Severity, define_kind
from nvm_lsp.kernel.image import Build
from nvm_lsp.opcodes import DEFAULT_FORK, FORKS
from nvm_lsp.runner.machine import Account, Block, World
from nvm_lsp.source import Location, Span
from nvm_lsp.syntax import parse_expression
from nvm_lsp.syntax import tree as t

__all__ = ["BAD_SCENARIO", "KERNEL_ADDRESS", "WALLET", "Scenario", "read_scenario"]

WALLET = bytes.fromhex("3a11e70000000000000000000000000000000001")
#: Where the kernel stands in a run, unless it is deployed for real.
KERNEL_ADDRESS = bytes.fromhex("4e57ed0000000000000000000000000000000001")
CALLER = bytes.fromhex("ca11e00000000000000000000000000000000001")

BAD_SCENARIO = define_kind(
    "SCN001",
    "bad-scenario",
    """
    A `#@` line is not understood.

    ## What it means
    `#@` lines say what a run starts from. Known are `target nvm|evm`, `fork NAME`,
    `kernel table|threaded|verifier|debug|strict-jumpdest|delegatecall-only …`,
    `mode call|delegatecall`, `caller ADDRESS`, `wallet ADDRESS`, `value WEI`, `gas N`,
    `balance WEI`, `storage [ADDRESS] SLOT = VALUE`, `account ADDRESS balance=… nonce=…`,
    `deploy ADDRESS PATH [balance=…]`, `calldata 0x…`, and `block.number N`, `block.timestamp N`,
    `block.base_fee N`, `block.chain_id N`, `block.coinbase ADDRESS`, `block.gas_limit N`,
    `block.prevrandao N`. Values are expressions and may use the file's constants.

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
)
_KEYS = (
    "target", "fork", "kernel", "mode", "caller", "wallet", "value", "gas", "balance", "storage",
    "account", "deploy", "calldata", "block.coinbase", *(f"block.{key}" for key in _BLOCK_NUMBERS),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a run depends on, beside the program.

    ``target`` is ``nvm`` or ``evm``; ``mode`` is how the kernel is called, ``delegatecall`` (as the
    wallet) or ``call`` (as itself). ``balance`` and ``storage`` are the wallet's.
    """

    target: str = "nvm"
    fork: str = DEFAULT_FORK
    profile: str = "table"
    options: frozenset[str] = frozenset()
    mode: str = "delegatecall"
    caller: bytes = CALLER
    wallet: bytes = WALLET
    value: int = 0
    gas: int = 30_000_000
    balance: int = 0
    calldata: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)
    accounts: Mapping[bytes, Account] = field(default_factory=dict)
    block: Block = field(default_factory=Block)

    @property
    def build(self) -> Build:
        """The kernel's build.

        Raises:
            ValueError: the fork cannot be a kernel's host.
        """
        return Build(
            self.profile, self.fork,
            **{name: name in self.options for name in _KERNEL_OPTIONS.values()},
        )

    @property
    def account(self) -> bytes:
        """The account that the guest acts as."""
        return self.wallet if self.target == "evm" or self.mode == "delegatecall" else (
            KERNEL_ADDRESS
        )

    def world(self, code: bytes) -> World:
        """The state before: accounts, the caller, and the acting account with its code."""
        accounts = dict(self.accounts)
        caller = accounts.get(self.caller, Account())
        if caller.balance < self.value:
            caller = replace(caller, balance=self.value + 10**18)
        accounts[self.caller] = caller
        acting = accounts.get(self.account, Account())
        accounts[self.account] = replace(
            acting,
            balance=self.balance or acting.balance,
            code=code,
            storage={**acting.storage, **self.storage},
        )
        return World(accounts, self.block)


def read_scenario(
    assembly: Assembly, loader: Loader, base: Scenario | None = None
) -> tuple[Scenario, tuple[Diagnostic, ...]]:
    """The scenario of a file's ``#@`` lines, on top of ``base``, and what is wrong with them."""
    reader = _Reader(assembly, loader, base or Scenario(fork=_host_fork(assembly.fork)))
    for number, comment in _scenario_lines(assembly.program.root.tree):
        reader.line(number, comment)
    return reader.scenario, tuple(reader.diagnostics)


def _host_fork(fork: str) -> str:
    return fork if FORKS[fork].index >= FORKS["paris"].index else DEFAULT_FORK


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


class _Reader:
    """Reads ``#@`` lines one by one."""

    def __init__(self, assembly: Assembly, loader: Loader, scenario: Scenario) -> None:
        self.assembly = assembly
        self.loader = loader
        self.scenario = scenario
        self.diagnostics: list[Diagnostic] = []
        self.number = 0

    def line(self, number: int, comment: t.Comment) -> None:
        self.number = number
        start = comment.body_start
        body = comment.body
        key = body.split(None, 1)[0] if body else ""
        rest = body[len(key) :]
        column = start + len(key) + len(rest) - len(rest.lstrip())
        try:
            self._apply(key, rest.strip(), start, column)
        except _BadError as bad:
            self.problem(bad.start, bad.end, str(bad), bad.hint)
        except EvaluationError as error:
            problem = error.problem
            self.diagnostics.append(
                problem.at(self.assembly.program.root.path, number)
            )

    def problem(self, start: int, end: int, message: str, hint: str = "") -> None:
        location = Location(
            self.assembly.program.root.path, Span.of_line(self.number, start, end)
        )
        self.diagnostics.append(Diagnostic(BAD_SCENARIO, location, message, hint))

    def _apply(self, key: str, text: str, start: int, column: int) -> None:
        end = start + len(key)
        scenario = self.scenario
        changes: dict[str, Any] = {}
        match key:
            case "target":
                changes["target"] = _choice(text, ("nvm", "evm"), column)
            case "mode":
                changes["mode"] = _choice(text, ("call", "delegatecall"), column)
            case "fork":
                changes["fork"] = _choice(text.lower(), tuple(FORKS), column)
            case "kernel":
                changes = self._kernel(text, column)
            case "caller" | "wallet":
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
            case "block.coinbase":
                changes["block"] = replace(scenario.block, coinbase=self.address(text, column))
            case _ if key.startswith("block.") and key[6:] in _BLOCK_NUMBERS:
                number: Any = {key[6:]: self.number_of(text, column)}
                changes["block"] = replace(scenario.block, **number)
            case _:
                raise _unknown(key, _KEYS, start, end)
        self.scenario = replace(scenario, **changes)

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
        return {"accounts": {**self.scenario.accounts, address: account}}

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
        where = column + found.start(2), column + found.end(2)
        path = self.loader.resolve(found[2].strip('"'), self.assembly.program.root.path)
        code = self._code(path, where)
        account = self.scenario.accounts.get(address, Account())
        account = replace(account, code=code, nonce=account.nonce or 1)
        account = self._fields(account, found[3], column + found.start(3))
        return {"accounts": {**self.scenario.accounts, address: account}}

    def _code(self, path: str, where: tuple[int, int]) -> bytes:
        data = self.loader.data(path)
        if isinstance(data, Unreadable):
            raise _BadError(data.message, *where, data.hint)
        decoded = parse_hex_file(data)
        if decoded is not None:
            return decoded
        tree = self.loader.source(path)
        if isinstance(tree, Unreadable):
            raise _BadError(tree.message, *where, tree.hint)
        deployed = assemble(tree, loader=self.loader)
        errors = [d for d in deployed.diagnostics if d.severity is Severity.ERROR]
        if errors:
            raise _BadError(
                f"{path} does not assemble: {errors[0].location}: {errors[0].message}", *where,
                f"nvm-lsp asm {path} shows all its errors",
            )
        return deployed.bytecode

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


