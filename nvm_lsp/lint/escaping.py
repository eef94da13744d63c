"""What a name or a text becomes so that a format can hold it; it knows no format as a whole."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

__all__ = ["file_uri", "relative_to_root", "relative_uri", "repository_root", "scalars", "visible"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
# Controls of C0 and C1, line separators, and what turns the direction of writing (of which a
# program can be made that reads differently than it runs, CVE-2021-42574).
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def visible(text: str, *, keep: str = "") -> str:
    """The text with a visible character for each that does not show, or that moves the cursor.

    The length stays, so that columns do. The result is valid in XML 1.0, and no terminal obeys it.
    """
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub(lambda found: found[0] if found[0] in keep else _picture(found[0]), text)


def scalars(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, so that UTF-8 can hold it."""
    return text if text.isascii() else _SURROGATE.sub(_REPLACEMENT, text)


def repository_root() -> str:
    """The folder that a CI service takes paths from: as it says, else the working directory."""
    return os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or os.getcwd()


def relative_to_root(path: str, root: str) -> str | None:
    """A path with forward slashes from a folder, or None if it lies elsewhere."""
    try:
        relative = os.path.relpath(path, root)
    except ValueError:  # another drive
        return None
    posix = PurePath(relative).as_posix()
    return None if posix == ".." or posix.startswith("../") else posix


def relative_uri(path: str) -> str:
    """A relative path as a relative reference (RFC 3986, 4.2)."""
    from urllib.parse import quote  # noqa: PLC0415 -- only some formats need it

    # Surrogates that Python made of the bytes of a name become these bytes again (PEP 383).
    posix = _NO_BYTE.sub(_REPLACEMENT, PurePath(path).as_posix())
    # Quoting the colon, too, keeps `a:b.easm` from being taken for a scheme.
    return quote(posix.encode("utf-8", "surrogateescape"), safe="/")


def file_uri(path: str) -> str:
    """Any path as a file URI."""
    posix = PurePath(os.path.abspath(path)).as_posix()
    return "file://" + ("" if posix.startswith("/") else "/") + relative_uri(posix)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else _REPLACEMENT
