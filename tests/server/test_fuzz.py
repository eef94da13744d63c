"""Sessions at random leave a server that knows what a fresh one does; see fuzzing/."""

from __future__ import annotations

import pytest

from tests.server.fuzzing.client import Client
from tests.server.fuzzing.parameters import UNKNOWN
from tests.server.fuzzing.session import Session

STEPS = 100


def test_every_method_and_command_is_asked_for():
    assert not UNKNOWN


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
@pytest.mark.parametrize("seed", range(2))
async def test_a_session_leaves_what_a_fresh_server_knows(tmp_path, seed, pulls):
    client = await Client.start(tmp_path)
    session = Session(client, seed, pulls=pulls)
    try:
        await session.begin()
        for _ in range(STEPS):
            await session.step()
        await session.compare()
        await client.leave()
    finally:
        await client.end_now()
