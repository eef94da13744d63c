"""Which kinds of flaws a configuration asks for, and at which level; it finds none itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from nvm_lsp.configuration import FileSettings, Layer
from nvm_lsp.diagnostics import Kind, Severity
from nvm_lsp.shapes import near_miss

__all__ = ["ALL", "level_of", "unknown_codes"]

#: The word that selects every kind.
ALL = "ALL"


def level_of(kind: Kind, settings: FileSettings) -> Severity:
    """How bad a flaw of this kind is for a file; ``OFF`` where it is not asked for.

    In one layer the longest beginning of the code decides, and to pass over wins a tie; a later
    layer outweighs an earlier one, and one with ``select`` forgets all before it.
    """
    level = kind.severity
    for code, word in settings.levels:  # in each table, longer beginnings come later
        if kind.code.startswith(code):
            level = Severity(word)
    if level is Severity.OFF and kind.severity is not Severity.OFF:
        return level
    asked = level is not Severity.OFF
    for layer in settings.layers:
        wanted = _longest((layer.select or ()) + layer.extend_select, kind.code)
        unwanted = _longest(layer.ignore, kind.code)
        if wanted >= 0 or unwanted >= 0:
            asked = wanted > unwanted
        elif layer.select is not None:
            asked = False
    if not asked:
        return Severity.OFF
    return Severity.WARNING if level is Severity.OFF else level


def unknown_codes(
    layers: Iterable[Layer], levels: Iterable[tuple[str, str]], kinds: Iterable[Kind]
) -> Iterator[tuple[str, str, str]]:
    """Codes that no kind begins with: the key that holds each, the code, and a hint."""
    known = [kind.code for kind in kinds]
    letters = sorted({code.rstrip("0123456789") for code in known})

    def hint(code: str) -> str:
        near = get_close_matches(code, [*letters, *known], n=1)
        return near_miss(code, near or letters) if code else "write ALL for all"

    def is_known(code: str) -> bool:
        return code != "" and any(name.startswith(code) for name in known)

    for layer in layers:
        for key, codes in (
            ("select", layer.select or ()), ("extend-select", layer.extend_select),
            ("ignore", layer.ignore),
        ):
            for code in codes:
                if code != ALL and not is_known(code):
                    yield key, code, hint(code)
    for code, _ in levels:
        if not is_known(code):
            yield "levels", code, hint(code)


def _longest(beginnings: Iterable[str], code: str) -> int:
    lengths = [
        0 if start == ALL else len(start)
        for start in beginnings
        if start == ALL or (start and code.startswith(start))
    ]
    return max(lengths, default=-1)
