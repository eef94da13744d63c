"""TOML of files that may be anybody's: what would take for ever, or overflow, is refused."""

from __future__ import annotations

import re
import tomllib
from typing import Any

__all__ = ["read_toml"]

#: The parser of the standard library takes time that grows with the square of a key's dots.
_ENDLESS_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){64}""")


def read_toml(text: str) -> dict[str, Any]:
    """The document of a text.

    Raises:
        tomllib.TOMLDecodeError: it is none, or none that anybody would write.
    """
    found = _ENDLESS_KEY.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise tomllib.TOMLDecodeError(f"a key of more than 64 parts (at line {line}, column 1)")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("values nested too deeply") from None
