"""What goes wrong around a connection: takeovers, changes in the middle of a handshake, tasks beside it."""

import asyncio
import time

import pytest
from sqlalchemy import text

from csms.blocks.context import Context
from csms.domain.facts import StationConnected, StationRegistered
from csms.domain.station import Heartbeat, HeartbeatAnswer
from csms.store import stations
from csms.wire.router import Router
from tests.flows.gateway.front import STATION, WAIT_S, Front, front


async def forbid(door: Front, what: str, table: str) -> None:
    """The database refuses to do this to a table, as one does whose rights were taken."""
    async with door.db.begin() as conn:
        trigger = f"CREATE TRIGGER no BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'not allowed'); END"
        await conn.execute(text(trigger))


async def test_section_2_2_row_03_a_replaced_connection_handles_nothing_more() -> None:
    """What it folded and kept from now on would be behind the newcomer's back."""
    at_work, stopped, barrier = asyncio.Event(), asyncio.Event(), asyncio.Event()
    router = Router()

    @router.on(Heartbeat)
    async def slow(_: Heartbeat, ctx: Context) -> HeartbeatAnswer:
        at_work.set()
        try:
            await barrier.wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return HeartbeatAnswer(ctx.now)

    async with front(router, close_timeout_s=5.0) as door:
        await door.add_station("cs-2", booted=True)
        old = await door.raw("cs-2")
        old.send_text(b'[2,"a","Heartbeat",{}]')
        async with asyncio.timeout(WAIT_S):
            await at_work.wait()
            async with door.connected("cs-2", boot=False):
                assert stopped.is_set()
        old.abort()


@pytest.mark.parametrize("change", ["removed", "password"])
async def test_a_station_that_is_changed_during_its_handshake_is_not_let_in_on_old_terms(
    door: Front, change: str
) -> None:
    dead = await door.raw()
    await door.fact(StationConnected)
    knocking = asyncio.ensure_future(door.knock().__aenter__())
    await asyncio.sleep(0.1)  # inside the probe of the dead one: its row is read, its place is not taken
    async with door.db.begin() as conn:
        if change == "removed":
            await stations.remove(conn, STATION)
        else:
            await stations.change(conn, STATION, password_hash="x")
    door.bus.publish(StationRegistered(door.gateway.house.clock.now(), STATION))
    async with asyncio.timeout(WAIT_S):
        socket = await knocking
        await socket.wait_closed()
    assert socket.close_code == 1008
    dead.abort()


async def test_a_frame_log_that_cannot_be_trimmed_does_not_end_the_gateway() -> None:
    async with front(frames_kept=4) as door:
        await forbid(door, "DELETE", "frame")
        async with door.connected() as client:
            for _ in range(2):
                for _ in range(5):
                    await client.result("Heartbeat", {})
                await asyncio.sleep(0.4)  # it writes four times a second
            await client.result("Heartbeat", {})


async def test_an_inventory_that_cannot_be_opened_does_not_end_the_gateway(door: Front) -> None:
    await forbid(door, "INSERT", "request")
    await door.add_station("cs-2", onboarding="full")
    async with door.connected("cs-2") as client:
        await asyncio.sleep(0.2)
        await client.result("Heartbeat", {})


async def test_who_never_says_a_word_does_not_hold_up_the_end() -> None:
    async with front() as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.gateway.port)
        await asyncio.sleep(0.05)
        before = time.monotonic()
    assert time.monotonic() - before < 3
    writer.close()
