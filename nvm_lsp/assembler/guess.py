"""Which name was probably meant; comparing is slow, so not all that there are are candidates."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest_name"]

#: Names that differ more in length are not compared.
_SLACK = 3
#: With more candidates only those that begin, and then those that end, alike are compared.
_MANY = 200
_LONGEST = 80


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The name that looks most like another, if any does."""
    from difflib import get_close_matches  # noqa: PLC0415 -- only on errors

    length = len(name)
    if not 0 < length <= _LONGEST:
        return None
    candidates = [other for other in known if abs(len(other) - length) <= _SLACK]
    for place in (0, -1):
        if len(candidates) > _MANY:
            candidates = [other for other in candidates if other[place] == name[place]]
    return next(iter(get_close_matches(name, candidates[: 5 * _MANY], n=1, cutoff=0.6)), None)
