"""Records of a session that went wrong: done again, and made fewer while it still goes wrong."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.server.fuzzing.client import Client
from tests.server.fuzzing.comparison import check_against_fresh
from tests.server.fuzzing.text import Flaw

__all__ = ["replay", "shrink"]

#: Comparisons at other places of the texts: what differs may not be asked for by the first.
_LOOKS = 2
#: Seconds for diagnostics to settle; more would make many attempts slow.
_PATIENCE = 3.0


async def replay(text: str) -> str | None:
    """What goes wrong when a written session is done again; None if nothing does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve()
        client = await Client.start(path)
        try:
            records = Client.read(text, path)
            for record in records:
                await client.perform(record, noted=False)
                client.check()
            for number in list(client._sent):
                await client.answer(number)
            client.check()
            pulls = any(
                "diagnostic" in record["send"]["params"]["capabilities"]["textDocument"]
                for record in records if record.get("send", {}).get("method") == "initialize"
            )
            for look in range(_LOOKS):
                await check_against_fresh(
                    client, random.Random(look), pulls=pulls, patience=_PATIENCE
                )
            await client.leave()
        except Flaw as flaw:
            return str(flaw)
        finally:
            await client.end_now()
    return None


async def shrink(
    text: str, fails: Callable[[str], Awaitable[str | None]], most: int = 300
) -> str:
    """A shorter session that fails in the same way, after at most so many attempts."""
    wanted = _kind(await fails(text) or "")
    lines = text.strip().split("\n")
    kept = [line for line in lines if _is_needed(line)]
    size, attempts = max(len(lines) // 2, 1), 0
    while size and attempts < most:
        start, shorter = 0, False
        while start < len(lines) and attempts < most:
            part = [line for line in lines[start : start + size] if line not in kept]
            rest = [*lines[:start], *(
                line for line in lines[start : start + size] if line in kept
            ), *lines[start + size :]]
            attempts += bool(part)
            if part and _kind(await fails("\n".join(rest)) or "") == wanted:
                lines, shorter = rest, True
                start += size - len(part)
            else:
                start += size
        size = size if shorter and size > 1 else size // 2
    return "".join(f"{line}\n" for line in lines)


def _kind(flaw: str) -> str:
    """What two flaws of one kind have in common: how they begin, paths and numbers aside."""
    return re.sub(r"\S*/\S*|[\d{}\[\]]", "", flaw.partition("\n")[0])[:40]


def _is_needed(line: str) -> bool:
    return '"method": "initialize"' in line or '"method": "initialized"' in line


