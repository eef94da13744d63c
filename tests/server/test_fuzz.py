"""Sessions at random leave a server that knows what a fresh one does; see fuzzing.py."""

from __future__ import annotations

import pytest

from tests.server.fuzzing import UNKNOWN, Session, check_against_fresh
from tests.server.wire import start

STEPS = 120


def test_every_method_is_asked_for():
    assert not UNKNOWN


@pytest.mark.parametrize("seed", range(4))
async def test_a_session_leaves_what_a_fresh_server_knows(tmp_path, seed):
    wire = await start()
    session = Session(wire, tmp_path, seed)
    try:
        await session.begin()
        for _ in range(STEPS):
            await session.step()
        await check_against_fresh(session)
        assert await wire.end() == 0
    finally:
        if wire.process.returncode is None:
            wire.process.kill()
            await wire.process.wait()
        wire.process._transport.close()
