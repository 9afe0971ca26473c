"""Acknowledged means kept: section 3 rows 31 to 38."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from csms.domain.facts import SecurityAlarmRaised, TransactionUpdated
from csms.domain.transaction import Transaction
from csms.store import transactions
from tests.flows.gateway.front import STATION, WAIT_S, Client, Front, event, now_text


async def stored(door: Front, transaction_id: str = "tx-1") -> Transaction:
    transaction = await transactions.load(door.db, STATION, transaction_id)
    assert transaction is not None
    return transaction


async def healthy(door: Front) -> None:
    async with asyncio.timeout(WAIT_S):
        while not door.writer.healthy:  # noqa: ASYNC110 - it probes by itself once a second
            await asyncio.sleep(0.05)


async def test_row_31_a_store_that_fails_ends_the_session_and_never_refuses_an_event(door: Front) -> None:
    async with door.connected() as client:
        with door.break_store():
            await client.send([2, "m", "TransactionEvent", event(0, "Started")])
            assert await client.closed() in (1011, 1013)  # and no CALLERROR before it
            with pytest.raises(InvalidStatus) as caught:
                async with door.knock():
                    pass
            assert caught.value.response.status_code == 503
            assert int(caught.value.response.headers["Retry-After"]) > 0
    await healthy(door)
    async with door.connected(boot=False) as client:
        assert await client.result("TransactionEvent", event(0, "Started")) == {}
    assert (await stored(door)).seen == ((0, 0),)


async def test_row_31_a_store_that_fails_ends_the_sessions_of_all_stations(door: Front) -> None:
    await door.add_station("cs-2")
    async with door.connected() as one, door.connected("cs-2") as two:
        with door.break_store():
            await one.send([2, "m", "TransactionEvent", event(0, "Started")])
            assert await two.closed() in (1011, 1013)


async def test_row_31_a_store_that_cannot_be_read_ends_the_session(door: Front) -> None:
    async with door.connected() as client:
        with door.break_store("id_token"):
            token = {"idToken": "t", "type": "ISO14443"}
            await client.send([2, "m", "TransactionEvent", event(0, "Started", idToken=token)])
            assert await client.closed() in (1011, 1013)
    assert await transactions.load(door.db, STATION, "tx-1") is None


async def test_row_31_meter_values_wait_too(door: Front) -> None:
    values = [{"timestamp": now_text(), "sampledValue": [{"value": 1.0}]}]
    async with door.connected() as client:
        with door.break_store("probe", "reading"):
            await client.send([2, "m", "MeterValues", {"evseId": 1, "meterValue": values}])
            assert await client.closed() in (1011, 1013)


async def test_row_32_the_answer_comes_after_the_commit_and_the_fact_after_the_answer(door: Front) -> None:
    async with door.connected() as client:
        async with door.db.turn():  # somebody else is writing
            await client.send([2, "m", "TransactionEvent", event(0, "Started")])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.socket.recv(), 0.1)
            assert await transactions.load(door.db, STATION, "tx-1") is None
        assert (await client.receive())[0] == 3
        await door.fact(TransactionUpdated)
    assert (await stored(door)).seen == ((0, 0),)


async def test_row_33_a_repeat_on_a_new_connection_changes_nothing(door: Front) -> None:
    payload = event(0, "Started", idToken={"idToken": "t", "type": "ISO14443"})
    answers = []
    for _ in range(3):
        async with door.connected() as client:
            answers.append(await client.result("TransactionEvent", payload))
        await door.connections(0)
    assert answers == [{"idTokenInfo": {"status": "Unknown"}}] * 3
    assert len([fact for fact in door.facts if isinstance(fact, TransactionUpdated)]) == 1


async def test_row_33_an_event_whose_answer_was_lost_is_answered_again(door: Front) -> None:
    payload = event(0, "Started")
    async with door.connected() as client:
        await client.send([2, "m", "TransactionEvent", payload])
        client.socket.transport.abort()
    await door.connections(0)
    async with door.connected() as client:
        assert await client.result("TransactionEvent", payload) == {}
    assert (await stored(door)).seen == ((0, 0),)


async def test_row_34_another_content_under_a_taken_number_is_answered_and_alarmed(door: Front) -> None:
    async with door.connected() as client:
        await client.result("TransactionEvent", event(0, "Started"))
        other = event(0, "Started", triggerReason="Authorized")
        assert await client.result("TransactionEvent", other) == {}
        alarm = await door.fact(SecurityAlarmRaised)
        assert isinstance(alarm, SecurityAlarmRaised)
        assert alarm.kind == "transaction event conflict"
    assert (await stored(door)).conflicts == 1


async def test_row_36_numbers_restart_or_run_on(door: Front) -> None:
    async with door.connected() as client:
        for transaction_id, first in (("a", 0), ("b", 0), ("c", 2)):
            await client.result("TransactionEvent", event(first, "Started", transaction_id))
            await client.result("TransactionEvent", event(first + 1, "Ended", transaction_id))
            assert (await stored(door, transaction_id)).seen == ((first, first + 1),)


async def test_row_37_ended_before_started_and_updated_after_ended(door: Front) -> None:
    async with door.connected() as client:
        for seq_no, kind in ((2, "Ended"), (0, "Started"), (1, "Updated"), (3, "Updated")):
            assert await client.result("TransactionEvent", event(seq_no, kind)) == {}
    transaction = await stored(door)
    assert transaction.started_at is not None
    assert transaction.ended_at is not None
    assert transaction.seen == ((0, 3),)


async def test_row_38_an_offline_event_is_taken_and_answered(door: Front) -> None:
    token = {"idToken": "t", "type": "ISO14443"}
    payload = event(0, "Started", offline=True, idToken=token, timestamp="2026-01-01T00:00:00Z")
    async with door.connected() as client:
        assert await client.result("TransactionEvent", payload) == {"idTokenInfo": {"status": "Unknown"}}
    assert (await door.station()).clock_skew_s is None


async def test_many_stations_at_once_lose_nothing(door: Front) -> None:
    names = [f"many-{number}" for number in range(30)]
    for name in names:
        await door.add_station(name)

    async def live(name: str) -> None:
        async with door.connected(name) as client:
            for seq_no in range(20):
                await client.result("TransactionEvent", event(seq_no, "Updated", f"tx-{name}"))

    await asyncio.gather(*(live(name) for name in names))
    for name in names:
        transaction = await transactions.load(door.db, name, f"tx-{name}")
        assert transaction is not None
        assert transaction.seen == ((0, 19),)


async def test_a_station_that_vanishes_in_the_middle_leaves_no_trace_in_the_gateway(door: Front) -> None:
    for number in range(10):
        client = Client(await door.knock())
        await client.boot()
        await client.send([2, f"x{number}", "TransactionEvent", event(number)])
        client.socket.transport.abort()
        with pytest.raises(ConnectionClosed):
            await client.socket.recv()
    await door.connections(0)
