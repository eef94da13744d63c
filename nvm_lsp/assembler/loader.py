"""Where included files come from; the assembler itself never touches the disk."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nvm_lsp.source import split_lines
from nvm_lsp.syntax import SyntaxTree, parse_lines

__all__ = ["FileLoader", "Loader", "MemoryLoader", "Unreadable", "decode_source", "parse_hex_file"]

#: Largest file that is read, in bytes.
MAX_FILE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file cannot be had, and what to do about it."""

    message: str
    hint: str = ""


class Loader(Protocol):
    """Gives the files that ``%include`` and ``%incbin`` name."""

    def resolve(self, path: str, base: str) -> str:
        """The full path of ``path`` as written in the file ``base``; equal for equal files."""

    def source(self, path: str) -> SyntaxTree | Unreadable:
        """The tree of a resolved path."""

    def data(self, path: str) -> bytes | Unreadable:
        """The bytes of a resolved path."""


@dataclass(slots=True)
class FileLoader:
    """Reads files from disk, each once.

    ``root``, if given, is the folder that no include may leave, symbolic links resolved.
    """

    root: Path | None = None
    _trees: dict[str, SyntaxTree | Unreadable] = field(default_factory=dict)

    def resolve(self, path: str, base: str) -> str:
        folder = "" if base == "-" else os.path.dirname(base)
        return os.path.normpath(os.path.join(folder, path))

    def source(self, path: str) -> SyntaxTree | Unreadable:
        if path not in self._trees:
            data = self.data(path)
            self._trees[path] = data if isinstance(data, Unreadable) else _tree(path, data)
        return self._trees[path]

    def data(self, path: str) -> bytes | Unreadable:
        if self.root is not None and not _is_inside(Path(path), self.root):
            return Unreadable(
                f"{path} lies outside {self.root}", "includes may not leave that folder"
            )
        return read_bytes(path)


@dataclass(slots=True)
class MemoryLoader:
    """Files held in memory, by path: for tests and for text that has no place on disk."""

    files: dict[str, str | bytes] = field(default_factory=dict)

    def resolve(self, path: str, base: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(base), path))

    def source(self, path: str) -> SyntaxTree | Unreadable:
        data = self.data(path)
        return data if isinstance(data, Unreadable) else _tree(path, data)

    def data(self, path: str) -> bytes | Unreadable:
        if path not in self.files:
            return Unreadable(f"no such file: {path}")
        content = self.files[path]
        return content.encode() if isinstance(content, str) else content


def read_bytes(path: str) -> bytes | Unreadable:
    """The content of a file, or why there is none."""
    try:
        if os.path.isdir(path):
            return Unreadable(f"{path} is a folder", "name a file")
        if os.path.getsize(path) > MAX_FILE_BYTES:
            return Unreadable(
                f"{path} is larger than {MAX_FILE_BYTES // 2**20} MiB", "split the file"
            )
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return Unreadable(f"no such file: {path}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Unreadable(f"cannot read {path}: {reason}")


def decode_source(data: bytes, path: str) -> str | Unreadable:
    """Source text of a file's bytes: UTF-8, with or without a byte order mark."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and len(data) % 2 == 0:
        return Unreadable(f"{path} is UTF-16 text", "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        data = error.object
        before = data[: error.start].decode("utf-8")
        return Unreadable(
            f"{_place(path, before)}: byte {data[error.start]:#04x} is not UTF-8 text",
            "save the file as UTF-8; of bytecode, name a file of hexadecimal digits",
        )
    if "\0" in text:
        place = _place(path, text[: text.index("\0")])
        return Unreadable(
            f"{place}: a NUL byte, so this is no UTF-8 text",
            "name an easm file; if it is one, save it as UTF-8",
        )
    return text


def _place(path: str, before: str) -> str:
    """Where a text goes on, line and column from one."""
    return f"{path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def parse_hex_file(data: bytes) -> bytes | None:
    """The bytes that a file of hexadecimal digits stands for, None if it is no such file."""
    if len(data) > MAX_FILE_BYTES:
        return None
    try:
        text = "".join(data.decode("ascii").split())
    except UnicodeDecodeError:
        return None
    text = text[2:] if text[:2] in ("0x", "0X") else text
    if not text or len(text) % 2:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _tree(path: str, data: bytes) -> SyntaxTree | Unreadable:
    text = decode_source(data, path)
    return text if isinstance(text, Unreadable) else parse_lines(path, split_lines(text))


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False
