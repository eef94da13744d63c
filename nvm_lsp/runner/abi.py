"""Names and types from ABIs: calls, results, logs, errors and storage slots read as such.

Types are decoded by eth-abi. What no ABI names is told by the signatures that everybody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nvm_lsp.assembler.expressions import checksum_address, keccak256

__all__ = ["EMPTY_ABI", "PANICS", "Abi", "Entry", "decode_console"]

#: What a code of Panic(uint256) means in Solidity.
PANICS: Mapping[int, str] = {
    0x00: "generic panic",
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "value out of an enum's range",
    0x22: "bad storage byte array",
    0x31: "pop of an empty array",
    0x32: "array index out of bounds",
    0x41: "out of memory",
    0x51: "call of an uninitialised function",
}


def _event(name: str, *inputs: tuple[str, str, bool]) -> dict[str, Any]:
    return {
        "type": "event", "name": name,
        "inputs": [{"name": n, "type": t, "indexed": i} for n, t, i in inputs],
    }


def _function(kind: str, name: str, *inputs: tuple[str, str]) -> dict[str, Any]:
    return {"type": kind, "name": name, "inputs": [{"name": n, "type": t} for n, t in inputs]}


_COMMON: tuple[dict[str, Any], ...] = (
    _function("error", "Error", ("", "string")),
    _function("error", "Panic", ("", "uint256")),
    _event("Transfer", ("from", "address", True), ("to", "address", True),
           ("value", "uint256", False)),
    _event("Approval", ("owner", "address", True), ("spender", "address", True),
           ("value", "uint256", False)),
    _event("Deposit", ("sender", "address", True), ("owner", "address", True),
           ("assets", "uint256", False), ("shares", "uint256", False)),
    _event("Withdraw", ("sender", "address", True), ("receiver", "address", True),
           ("owner", "address", True), ("assets", "uint256", False), ("shares", "uint256", False)),
    _function("function", "transfer", ("to", "address"), ("value", "uint256")),
    _function("function", "transferFrom", ("from", "address"), ("to", "address"),
              ("value", "uint256")),
    _function("function", "approve", ("spender", "address"), ("value", "uint256")),
    _function("function", "balanceOf", ("owner", "address")),
    _function("function", "deposit", ("assets", "uint256"), ("receiver", "address")),
    _function("function", "deposit", ("assets", "uint256")),
    # The NestedVM's own: what its builds revert with, and what it asks the verifier.
    _function("error", "CallRefused"),
    _function("error", "SlotGuarded"),
    _function("error", "Reentered"),
    _function("error", "OnlyDelegateCall"),
    _function("function", "verifyCall", ("opcode", "uint8"), ("target", "address"),
              ("value", "uint256"), ("data", "bytes"), ("truncated", "bool")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A function, event or error: its name and its inputs as (name, type, indexed)."""

    kind: str
    name: str
    inputs: tuple[tuple[str, str, bool], ...]
    outputs: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(type_ for _, type_, _ in self.inputs)})"


@dataclass(frozen=True)
class Abi:
    """The ABIs of a scenario, and the storage slots that they name.

    ``slots`` gives a label for a slot of any address that holds a contract with that layout.
    """

    entries: tuple[Entry, ...] = ()
    slots: Mapping[int, str] | None = None

    @staticmethod
    def of(
        items: Iterable[Mapping[str, Any]], storage: Iterable[Mapping[str, Any]] = ()
    ) -> Abi:
        """From the JSON of ABIs and of a storage layout; what makes no sense is left out."""
        slots: dict[int, str] = {}
        for row in storage:
            try:
                slots.setdefault(int(str(row["slot"]), 0), str(row["label"]))
            except (KeyError, ValueError):
                continue
        return Abi(tuple(_entries(items)), slots)

    def __add__(self, other: Abi) -> Abi:
        return Abi(self.entries + other.entries, {**(other.slots or {}), **(self.slots or {})})

    @cached_property
    def _by_selector(self) -> Mapping[tuple[str, bytes], Entry]:
        found: dict[tuple[str, bytes], Entry] = {}
        for entry in (*self.entries, *_entries(_COMMON)):
            if entry.kind in ("function", "error"):
                key = (entry.kind, keccak256(entry.signature.encode())[:4])
                found.setdefault(key, entry)
        return found

    @cached_property
    def _by_topic(self) -> Mapping[tuple[bytes, int], Entry]:
        found: dict[tuple[bytes, int], Entry] = {}
        for entry in (*self.entries, *_entries(_COMMON)):
            if entry.kind == "event":
                indexed = sum(flag for _, _, flag in entry.inputs)
                found.setdefault((keccak256(entry.signature.encode()), indexed), entry)
        return found

    def describe_call(self, data: bytes) -> str | None:
        """A call's data as ``name(argument: value, …)``, None if the selector is not known."""
        entry = self._by_selector.get(("function", data[:4])) if len(data) >= 4 else None
        return None if entry is None else _with_values(entry, data[4:])

    def describe_error(self, data: bytes) -> str | None:
        """A revert's data, None if the selector is not known."""
        entry = self._by_selector.get(("error", data[:4])) if len(data) >= 4 else None
        if entry is None:
            return None
        values = _decode([type_ for _, type_, _ in entry.inputs], data[4:])
        if values is None:
            return None
        if entry.signature == "Panic(uint256)":
            return f"Panic({values[0]:#x}): {PANICS.get(values[0], 'unknown code')}"
        return _with_values(entry, data[4:])

    def describe_log(self, topics: Sequence[int], data: bytes) -> str | None:
        """A log as ``Event(name: value, …)``, None if its topic is not known."""
        if not topics:
            return None
        entry = self._by_topic.get((topics[0].to_bytes(32, "big"), len(topics) - 1))
        if entry is None:
            return None
        plain = _decode([type_ for _, type_, indexed in entry.inputs if not indexed], data)
        if plain is None:
            return None
        rest, words = list(plain), list(topics[1:])
        parts = []
        for name, type_, indexed in entry.inputs:
            value = (
                _topic_value(type_, words.pop(0)) if indexed else show_value(type_, rest.pop(0))
            )
            parts.append(f"{name}: {value}" if name else value)
        return f"{entry.name}({', '.join(parts)})"

    def slot_name(self, slot: int) -> str | None:
        """What a storage layout calls a slot."""
        return (self.slots or {}).get(slot)


EMPTY_ABI = Abi()


def _entries(items: Iterable[Mapping[str, Any]]) -> Iterable[Entry]:
    for item in items:
        kind = item.get("type", "function")
        if kind not in ("function", "event", "error") or not isinstance(item.get("name"), str):
            continue
        inputs = item.get("inputs") or []
        outputs = item.get("outputs") or []
        try:
            yield Entry(
                str(kind), item["name"],
                tuple(
                    (str(i.get("name") or ""), _canonical(i), bool(i.get("indexed", False)))
                    for i in inputs
                ),
                tuple(_canonical(o) for o in outputs),
            )
        except (KeyError, AttributeError, TypeError):
            continue


def _canonical(item: Mapping[str, Any]) -> str:
    """The type as signatures write it: tuples by their components."""
    type_: str = item["type"]
    if not type_.startswith("tuple"):
        return {"uint": "uint256", "int": "int256"}.get(type_, type_)
    inner = ",".join(_canonical(component) for component in item["components"])
    return f"({inner}){type_[5:]}"


def _decode(types: list[str], data: bytes) -> tuple[Any, ...] | None:
    if not types:
        return ()
    import eth_abi  # noqa: PLC0415 -- only where there is something to decode
    from eth_abi.exceptions import (  # noqa: PLC0415
        DecodingError,
        InsufficientDataBytes,
        ParseError,
    )

    try:
        values: tuple[Any, ...] = eth_abi.decode(types, data, strict=False)
    except (DecodingError, InsufficientDataBytes, ParseError, ValueError, OverflowError):
        return None
    return values


def _with_values(entry: Entry, data: bytes) -> str | None:
    values = _decode([type_ for _, type_, _ in entry.inputs], data)
    if values is None:
        return None
    parts = [
        f"{name}: {show_value(type_, value)}" if name else show_value(type_, value)
        for (name, type_, _), value in zip(entry.inputs, values, strict=True)
    ]
    return f"{entry.name}({', '.join(parts)})"


def _topic_value(type_: str, word: int) -> str:
    """An indexed value; of dynamic types a topic holds the hash only."""
    if type_.endswith("]") or type_.startswith("(") or type_ in ("string", "bytes"):
        return f"keccak256 {word:#066x}"
    values = _decode([type_], word.to_bytes(32, "big"))
    return f"{word:#x}" if values is None else show_value(type_, values[0])


def show_value(type_: str, value: Any) -> str:
    """A decoded value as people write it: checksummed addresses, quoted strings, 0x bytes."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    if type_ == "address":
        return checksum_address(int(value, 16))
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        inner = type_[: type_.rindex("[")] if type_.endswith("]") else ""
        return "[" + ", ".join(show_value(inner, item) for item in value) + "]"
    return str(value)


# The console convention ---------------------------------------------------------------------------

_CONSOLE_TYPES = ("uint256", "string", "bool", "address")


def decode_console(data: bytes) -> str:
    """What a call of ``log(…)`` prints: its arguments with blanks between, format marks filled in.

    Up to four arguments of uint256, string, bool, address; int, bytes and bytes1 to bytes32 alone;
    the legacy ``uint`` and ``int`` spellings too. Anything else is shown as bytes.
    """
    types = _console_signatures().get(data[:4])
    values = None if types is None else _decode(list(types), data[4:])
    if types is None or values is None:
        return "0x" + data.hex()
    words = [
        value if isinstance(value, str) and type_ == "string" else show_value(type_, value)
        for type_, value in zip(types, values, strict=True)
    ]
    if types and types[0] == "string" and len(words) > 1:
        return _formatted(words)
    return " ".join(words)


def _formatted(words: list[str]) -> str:
    text, rest = words[0], words[1:]
    for mark in ("%s", "%d", "%i", "%o"):
        while rest and mark in text:
            text = text.replace(mark, rest.pop(0), 1)
    return " ".join([text, *rest])


_SIGNATURES: dict[bytes, tuple[str, ...]] = {}


def _console_signatures() -> Mapping[bytes, tuple[str, ...]]:
    if not _SIGNATURES:
        from itertools import product  # noqa: PLC0415 -- only where something is logged

        single = ["int256", "bytes", *(f"bytes{n}" for n in range(1, 33))]
        for types in [(), *((type_,) for type_ in single)]:
            _SIGNATURES[keccak256(f"log({','.join(types)})".encode())[:4]] = types
        for count in range(1, 5):
            for types in product(_CONSOLE_TYPES, repeat=count):
                names = ",".join(types)
                for text in {names, names.replace("uint256", "uint")}:
                    _SIGNATURES[keccak256(f"log({text})".encode())[:4]] = types
        _SIGNATURES[keccak256(b"log(int)")[:4]] = ("int256",)
    return _SIGNATURES
