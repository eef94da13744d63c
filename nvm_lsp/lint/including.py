"""Which programs a file is a part of, by the text of `%include` lines: what CLI and server share.

Most files that are looked through for them are not parsed. It reads no files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

__all__ = ["LACKS", "included_paths", "programs_above"]

#: The codes of what is said of a file that uses names of the programs that it is a part of.
LACKS = frozenset({"ASM006", "ASM021", "ASM022"})
_INCLUDE = re.compile(rb'%include\s+"([^"\r\n]*)"')


def included_paths(text: bytes) -> list[str]:
    """The paths that a text includes as they are written, whatever their conditions are."""
    return [path.decode("utf-8", "replace") for path in _INCLUDE.findall(text)]


def programs_above(path: str, included_by: Mapping[str, Collection[str]]) -> list[str]:
    """The files that include a file, directly or not, and that none includes; sorted.

    Where they include one another, all of them.
    """
    above: set[str] = set()
    work = [path]
    while work:
        for file in included_by.get(work.pop(), ()):
            if file != path and file not in above:
                above.add(file)
                work.append(file)
    return sorted({file for file in above if not included_by.get(file)} or above)
