"""Contracts from files: easm source, hexadecimal digits, or the JSON of solc, Foundry, Hardhat or
Vyper. Files come through a `Loader`; nothing here touches the disk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nvm_lsp.assembler import Unreadable, assemble
from nvm_lsp.assembler.loader import Loader, parse_hex_file
from nvm_lsp.diagnostics import Severity

__all__ = ["Contract", "load_abi", "load_contract"]

_LINK = re.compile(r"__\$?[^_].{0,36}?\$?__|__[A-Za-z0-9_./:$]{36}__")


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract: its runtime code, and its ABI and storage layout as JSON where they are known.

    ``source`` is the easm file that the code was assembled from.
    """

    name: str
    code: bytes
    abi: tuple[dict[str, Any], ...] = ()
    storage: tuple[dict[str, Any], ...] = ()
    source: str | None = None


def load_contract(path: str, name: str | None, loader: Loader) -> Contract | Unreadable:
    """The contract of a resolved path. ``name`` chooses one of a JSON file that holds several."""
    data = loader.data(path)
    if isinstance(data, Unreadable):
        return data
    if path.endswith(".json"):
        return _from_json(path, data, name)
    decoded = parse_hex_file(data)
    if decoded is not None:
        return Contract(_stem(path), decoded)
    tree = loader.source(path)
    if isinstance(tree, Unreadable):
        return tree
    assembly = assemble(tree, loader=loader)
    errors = [d for d in assembly.diagnostics if d.severity is Severity.ERROR]
    if errors:
        return Unreadable(
            f"{path} does not assemble: {errors[0].location}: {errors[0].message}",
            f"nvm-lsp asm {path} shows all its errors",
        )
    return Contract(_stem(path), assembly.bytecode, source=path)


def load_abi(
    path: str, name: str | None, loader: Loader
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]] | Unreadable:
    """The ABI and the storage layout of an artifact, or of a file that is an ABI alone."""
    data = loader.data(path)
    if isinstance(data, Unreadable):
        return data
    document = _parse(path, data)
    if isinstance(document, Unreadable):
        return document
    if isinstance(document, list):
        return tuple(entry for entry in document if isinstance(entry, dict)), ()
    found = _choose(path, list(_contracts(document)), name)
    if isinstance(found, Unreadable):
        return found
    return _abi(found[1]), _storage(found[1])


def _from_json(path: str, data: bytes, name: str | None) -> Contract | Unreadable:
    document = _parse(path, data)
    if isinstance(document, Unreadable):
        return document
    found = _choose(path, list(_contracts(document)), name)
    if isinstance(found, Unreadable):
        return found
    title, entry = found
    digits = _runtime(entry)
    if not digits:
        return Unreadable(
            f"{path}: {title} has no runtime code",
            "compile with the deployed (runtime) bytecode among the outputs; interfaces and "
            "abstract contracts have none",
        )
    digits = digits.removeprefix("0x")
    link = _LINK.search(digits)
    if link is not None:
        return Unreadable(
            f"{path}: {title} is not linked: {link[0]} stands for a library's address",
            "link the contract first",
        )
    try:
        code = bytes.fromhex(digits)
    except ValueError:
        return Unreadable(f"{path}: the code of {title} is not hexadecimal")
    return Contract(title, code, _abi(entry), _storage(entry))


def _parse(path: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: " if isinstance(error, json.JSONDecodeError) else ""
        return Unreadable(f"{path}: {where}this is no JSON: {error}")


def _contracts(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The contracts of a document with their names, whichever tool wrote it."""
    if not isinstance(document, dict):
        return
    if _is_contract(document):
        yield str(document.get("contractName", "the contract")), document
        return
    inner = document.get("contracts")
    for key, value in (inner if isinstance(inner, dict) else document).items():
        if not isinstance(value, dict):
            continue
        if _is_contract(value):  # solc --combined-json, vyper -f combined_json
            yield key.rpartition(":")[2], value
            continue
        for name, entry in value.items():  # standard JSON of solc and Vyper
            if isinstance(entry, dict) and _is_contract(entry):
                yield name, entry


def _is_contract(entry: dict[str, Any]) -> bool:
    return "abi" in entry or bool(_runtime(entry))


def _runtime(entry: dict[str, Any]) -> str:
    """The digits of the runtime code, wherever the tool puts them."""
    for keys in (
        ("deployedBytecode", "object"), ("deployedBytecode",),
        ("evm", "deployedBytecode", "object"), ("bin-runtime",), ("bytecode_runtime",),
    ):
        value: Any = entry
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value.removeprefix("0x"):
            return value
    return ""


def _abi(entry: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    abi = entry.get("abi")
    if isinstance(abi, str):  # solc --combined-json before 0.8
        abi = _parse("", abi.encode())
    return tuple(item for item in abi if isinstance(item, dict)) if isinstance(abi, list) else ()


def _storage(entry: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    layout = entry.get("storageLayout", entry.get("storage-layout"))
    rows = layout.get("storage") if isinstance(layout, dict) else None
    return tuple(row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def _choose(
    path: str, found: list[tuple[str, dict[str, Any]]], name: str | None
) -> tuple[str, dict[str, Any]] | Unreadable:
    if not found:
        return Unreadable(
            f"{path} holds no contract",
            "known are the outputs of solc, Foundry, Hardhat and Vyper, and bare ABI files",
        )
    if name is None:
        coded = [item for item in found if _runtime(item[1])] or found
        if len(coded) == 1:
            return coded[0]
        names = ", ".join(title for title, _ in coded[:8])
        return Unreadable(f"{path} holds several contracts: {names}", f"write {path}:{coded[0][0]}")
    for title, entry in found:
        if title == name:
            return title, entry
    names = ", ".join(title for title, _ in found[:8])
    return Unreadable(f"{path} holds no contract {name}; there are {names}")


def _stem(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2].partition(".")[0]
