"""A second connection with a live identity: section 2.2 rows 2, 3, 4."""

import asyncio
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import InvalidStatus

from csms.bus.bus import AskHandler
from csms.bus.memory import MemoryBus
from csms.domain.facts import SecurityAlarmRaised, StationConnected, StationDisconnected
from csms.store import stations
from csms.wire import words
from tests.flows.gateway.front import STATION, Client, Front, RawClient, front

HEARTBEAT = words.TriggerMessageRequest(requested_message="Heartbeat")


async def routed_to(door: Front, client: Client) -> None:
    """An ask for the station reaches this client."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(door.ask(HEARTBEAT))
        await client.answer({"status": "Accepted"}, "TriggerMessage")
    assert isinstance(asked.result(), words.TriggerMessageResponse)


async def half_open(door: Front) -> RawClient:
    """A connection that is up and will never answer a ping."""
    client = await door.raw()
    assert client.status == 101
    await door.fact(StationConnected)
    return client


async def test_section_2_2_row_02_both_alive_the_newcomer_is_refused_and_the_station_held(
    door: Front,
) -> None:
    async with door.connected() as incumbent:
        with pytest.raises(InvalidStatus) as caught:
            async with door.knock():
                pass
        assert caught.value.response.status_code == 409
        alarm = await door.fact(SecurityAlarmRaised)
        assert isinstance(alarm, SecurityAlarmRaised)
        assert (alarm.station_id, alarm.kind) == (STATION, "duplicate identity")
        assert (await door.station()).hold == "duplicate identity"
        assert door.gateway.connections == 1
        await routed_to(door, incumbent)


async def test_section_2_2_row_02_the_newest_wins_where_a_person_has_said_so(door: Front) -> None:
    """For a station behind a proxy that answers pings itself."""
    async with door.db.begin() as conn:
        await stations.change(conn, STATION, newest_wins=True)
    async with door.connected() as old, door.connected() as new:
        assert await old.closed() == 1001
        assert (await door.station()).hold is None
        await routed_to(door, new)


async def test_section_2_2_row_02_a_newcomer_with_a_wrong_password_does_not_disturb(door: Front) -> None:
    async with door.connected() as incumbent:
        with pytest.raises(InvalidStatus) as caught:
            async with door.knock(password="wrong"):
                pass
        assert caught.value.response.status_code == 401
        assert (await door.station()).hold is None
        await routed_to(door, incumbent)


async def test_section_2_2_row_04_a_half_open_socket_does_not_lock_the_station_out(door: Front) -> None:
    dead = await half_open(door)
    before = time.monotonic()
    async with door.connected() as client:
        assert time.monotonic() - before < 6
        await routed_to(door, client)
        assert door.gateway.connections == 1
        assert (await door.station()).hold is None
    dead.abort()


async def test_section_2_2_row_02_two_newcomers_at_once_one_gets_in(door: Front) -> None:
    dead = await half_open(door)

    async def try_it() -> Client | int:
        try:
            return Client(await door.knock())
        except InvalidStatus as error:
            return error.response.status_code

    outcomes = await asyncio.gather(try_it(), try_it())
    clients = [outcome for outcome in outcomes if isinstance(outcome, Client)]
    # Both may have passed the handshake before either was registered: then the later one is closed.
    codes = [client.socket.close_code for client in clients]
    alive = []
    for client in clients:
        try:
            assert await client.boot() == "Accepted"
            alive.append(client)
        except Exception:
            codes.append(client.socket.close_code)
    assert len(alive) == 1
    assert door.gateway.connections == 1
    await routed_to(door, alive[0])
    for client in clients:
        await client.socket.close()
    dead.abort()


async def test_section_2_2_row_04_a_station_that_hangs_up_can_come_back_at_once(door: Front) -> None:
    for _ in range(5):
        async with door.connected():
            pass
    assert (await door.station()).hold is None


class HeldBus(MemoryBus):
    """Holds the end of the first server of a station until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self._first = True
        self.let_go: Callable[[], None]

    def serve(self, station_id: str, handler: AskHandler) -> Callable[[], None]:
        end = super().serve(station_id, handler)
        if not self._first:
            return end
        self._first = False
        self.let_go = end
        return self.reached.set


async def test_section_2_2_row_03_an_old_connections_end_cannot_remove_the_new_one() -> None:
    bus = HeldBus()
    async with front(bus=bus) as door:
        old = await half_open(door)
        async with door.connected() as new:
            async with asyncio.timeout(5):
                await bus.reached.wait()
            bus.let_go()
            await routed_to(door, new)
            await new.result("Heartbeat", {})
            row = await door.station()
            assert (row.connected, row.connection_epoch) == (True, 2)
            assert door.gateway.connections == 1
            assert not [fact for fact in door.facts if isinstance(fact, StationDisconnected)]
        gone = await door.fact(StationDisconnected)
        assert isinstance(gone, StationDisconnected)
        assert gone.epoch == 2
        old.abort()


async def test_epochs_go_on_after_a_restart(door: Front) -> None:
    async with door.db.begin() as conn:
        await stations.change(conn, STATION, connection_epoch=41)
    async with door.connected():
        assert (await door.station()).connection_epoch == 42


async def test_presence_is_kept_and_told(door: Front) -> None:
    async with door.connected():
        row = await door.station()
        assert (row.connected, row.version, row.connection_epoch) == (True, "2.0.1", 1)
        await door.fact(StationConnected)
    await door.fact(StationDisconnected)
    assert not (await door.station()).connected
