"""Answers to repeated requests are remembered, and not for ever."""

import asyncio
from datetime import timedelta

from csms.api.idempotency import KEPT_FOR, forget_old_answers
from csms.store import users
from csms.store.writer import Writer
from tests.api.conftest import Api, HandClock


class _Hourly(HandClock):
    """Stands still, and tells that somebody waits for the next hour."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waits.set()
        await asyncio.Event().wait()


async def test_old_answers_are_forgotten_and_new_ones_are_not(house: Api) -> None:
    clock = _Hourly()
    rows = [
        users.IdempotencyRow(user="u", key=key, digest="d", status=200, body="{}", at=clock.now() - age)
        for key, age in (("old", KEPT_FOR + timedelta(seconds=1)), ("new", KEPT_FOR))
    ]
    async with house.wiring.db.begin() as conn:
        for row in rows:
            await users.remember(conn, row)
    writer = Writer(house.wiring.db)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        forgetting = group.create_task(forget_old_answers(writer, clock))
        await clock.waits.wait()
        forgetting.cancel()
        await writer.close()
    assert await users.remembered(house.wiring.db, "u", "old") is None
    assert await users.remembered(house.wiring.db, "u", "new") is not None
