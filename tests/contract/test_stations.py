"""Stations, tokens, users, requests, profiles and the journal, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from csms.domain.station import ConnectorStatus, EvseRating, Registration, StatusReport
from csms.errors import Conflict, NotFound
from csms.store import journal, leader, profiles, requests, stations, tokens, users, variables
from csms.store.database import Database
from csms.store.profiles import Outcome, ProfileRow
from csms.store.writer import Writer
from csms.wire import words
from tests.contract.telling import booted

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


async def registered(db: Database, *identities: str) -> None:
    async with db.begin() as conn:
        for identity in identities:
            row = stations.StationRow(identity=identity, password_hash="x", created_at=NOW)
            await stations.add(conn, row, [EvseRating(1, 11_000.0, 10_000.0), EvseRating(2, None, None)])


async def station(db: Database, identity: str = "a") -> stations.StationRow:
    row = await stations.get(db, identity)
    assert row is not None
    return row


async def test_a_station_s_life(db: Database) -> None:
    await registered(db, "b", "a", "c")
    assert [row.identity for row in await stations.listing(db, None, 2)] == ["a", "b"]
    assert [row.identity for row in await stations.listing(db, "b", 2)] == ["c"]
    assert [(row.evse_id, row.max_discharge_w) for row in await stations.evses(db, "a")] == [
        (1, 10_000.0),
        (2, None),
    ]
    async with db.begin() as conn:
        await stations.change(conn, "a", registration="Pending", hold="checked")
        await stations.put_evse(conn, "a", EvseRating(2, 1.0, 2.0))
    assert (await station(db)).registration == "Pending"
    assert (await stations.evses(db, "a"))[1].max_charge_w == 1.0
    with pytest.raises(Conflict):
        async with db.begin() as conn:
            await stations.add(conn, await station(db))
    async with db.begin() as conn:
        await stations.remove(conn, "a")
    assert await stations.get(db, "a") is None
    assert await stations.evses(db, "a") == []
    for act in (stations.remove, lambda conn, name: stations.change(conn, name, hold=None)):
        with pytest.raises(NotFound):
            async with db.begin() as conn:
                await act(conn, "a")


async def test_a_misspelt_column_is_our_own_mistake(db: Database) -> None:
    await registered(db, "a")
    with pytest.raises(TypeError):
        async with db.begin() as conn:
            await stations.change(conn, "a", colour="red")


async def test_sites(db: Database) -> None:
    async with db.begin() as conn:
        await stations.put_site(conn, stations.SiteRow(site_id="s", export_limit_w=1.0))
        await stations.put_site(conn, stations.SiteRow(site_id="s", import_limit_w=2.0))
    site = await stations.get_site(db, "s")
    assert site is not None
    assert (site.import_limit_w, site.export_limit_w) == (2.0, None)
    assert len(await stations.sites(db)) == 1


async def test_what_a_station_tells_of_itself(db: Database, writer: Writer) -> None:
    await registered(db, "a", "b")
    await writer.commit([stations.connected("a", 7, "ocpp2.0.1", NOW)])
    await writer.commit([stations.disconnected("a", 6, LATER)])
    assert (await station(db)).connected
    booted = stations.booted(
        "a",
        vendor="V",
        model="M",
        serial="S1",
        firmware="1.0",
        reason="PowerUp",
        at=NOW,
        registration=Registration.ACCEPTED,
    )
    again = stations.booted(
        "a",
        vendor="V",
        model="M",
        serial=None,
        firmware=None,
        reason="Watchdog",
        at=LATER,
        registration=Registration.PENDING,
    )
    await writer.commit([booted, again, stations.clock_skew("a", -1.5), stations.seen("b", LATER)])
    await writer.commit([stations.held("a", "TamperDetectionActivated"), stations.held("a", "another")])
    row = await station(db)
    assert (row.boot_epoch, row.serial_number, row.firmware, row.boot_reason) == (2, "S1", "1.0", "Watchdog")
    assert (row.boot_answer, row.registration) == ("Pending", "Accepted")
    assert (row.clock_skew_s, row.booted_at, row.hold) == (-1.5, LATER, "TamperDetectionActivated")
    assert (await station(db, "b")).last_seen_at == LATER
    await writer.commit([stations.disconnected("a", 7, LATER)])
    assert not (await station(db)).connected
    await writer.commit([stations.connected("b", 1, "ocpp2.0.1", NOW), stations.all_disconnected()])
    assert not (await station(db, "b")).connected


async def test_g01_the_newest_connector_status_wins(db: Database, writer: Writer) -> None:
    newer = StatusReport(1, 1, ConnectorStatus.OCCUPIED, LATER)
    older = StatusReport(1, 1, ConnectorStatus.AVAILABLE, NOW)
    await writer.commit([stations.connector_status("a", newer), stations.connector_status("a", older)])
    (row,) = await stations.connectors(db, "a")
    assert (row.status, row.status_at) == ("Occupied", LATER)


async def test_b07_variables_are_replaced(db: Database, writer: Writer) -> None:
    def value(text: str) -> variables.VariableRow:
        return variables.VariableRow(
            identity="a", component="OCPPCommCtrlr", variable="RetryBackOff", value=text, reported_at=NOW
        )

    await writer.commit([variables.values_reported("a", [value("1")])])
    await writer.commit([variables.values_reported("a", [value("2\0")])])
    (row,) = await variables.reported(db, "a")
    assert row.value == "2\N{REPLACEMENT CHARACTER}"


async def test_tokens_are_case_insensitive(db: Database) -> None:
    async with db.begin() as conn:
        await tokens.put(conn, tokens.IdTokenRow(token="AbC", type="ISO14443", driver_id="d"))
    row = await tokens.get(db, "aBc")
    assert row is not None
    assert (row.token, row.status) == ("abc", "Accepted")
    async with db.begin() as conn:
        await tokens.change(conn, "ABC", status="Blocked", expiry=NOW)
    row = await tokens.get(db, "abc")
    assert row is not None
    assert (row.status, row.expiry) == ("Blocked", NOW)
    assert len(await tokens.listing(db, None, 10)) == 1
    assert await tokens.listing(db, "ABC", 10) == []
    async with db.begin() as conn:
        await tokens.remove(conn, "Abc")
    for act in (tokens.remove, lambda conn, name: tokens.change(conn, name, status="x")):
        with pytest.raises(NotFound):
            async with db.begin() as conn:
                await act(conn, "abc")


async def test_users_and_remembered_answers(db: Database, writer: Writer) -> None:
    assert not await users.any_administrator(db)
    async with db.begin() as conn:
        await users.add(conn, "ada", "administrator", "hash", NOW)
    assert await users.any_administrator(db)
    row = await users.by_key_hash(db, "hash")
    assert row is not None
    assert row.name == "ada"
    assert await users.by_key_hash(db, "other") is None
    assert len(await users.listing(db)) == 1
    for name, key_hash in (("ada", "new"), ("bob", "hash")):
        with pytest.raises(Conflict):
            async with db.begin() as conn:
                await users.add(conn, name, "viewer", key_hash, NOW)
    answer = users.IdempotencyRow(user="ada", key="k", digest="d", status=201, body="{}", at=NOW)
    async with db.begin() as conn:
        await users.remember(conn, answer)
    kept = await users.remembered(db, "ada", "k")
    assert kept is not None
    assert kept.status == 201
    with pytest.raises(Conflict):
        async with db.begin() as conn:
            await users.remember(conn, answer)
    await writer.commit([users.answers_forgotten(NOW)])
    assert await users.remembered(db, "ada", "k") is not None
    await writer.commit([users.answers_forgotten(LATER)])
    assert await users.remembered(db, "ada", "k") is None


async def test_requests_are_numbered_by_station_and_completed_once(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        assert await requests.open(conn, "a", "report", NOW) == 1
        assert await requests.open(conn, "a", "report", NOW) == 2
        assert await requests.open(conn, "b", "report", NOW) == 1
    await writer.commit([requests.part("a", 1, LATER, False), requests.part("a", 1, LATER, True)])
    await writer.commit([requests.part("a", 1, LATER, False), requests.part("a", 99, LATER, True)])
    row = await requests.get(db, "a", 1)
    assert row is not None
    assert (row.parts, row.state, row.changed_at) == (3, "complete", LATER)
    assert await requests.get(db, "a", 99) is None


def profile(evse_id: int, role: str, state: str, boot_epoch: int, valid_to: datetime | None) -> ProfileRow:
    return ProfileRow(
        identity="a",
        evse_id=evse_id,
        profile_id=evse_id * 10 + len(role),
        role=role,
        purpose="TxProfile",
        limit_w=-7000.0,
        valid_to=valid_to,
        state=state,
        boot_epoch=boot_epoch,
        changed_at=NOW,
    )


async def test_a_fallback_counts_in_the_boot_in_which_it_was_acknowledged(
    db: Database, writer: Writer
) -> None:
    await registered(db, "a")
    row = profile(1, "fallback", "sent", 0, None)
    async with db.begin() as conn:
        await profiles.sent(conn, row)
    assert await profiles.fallbacks(db) == set()
    async with db.begin() as conn:
        await profiles.outcome(conn, Outcome("a", 1, row.profile_id, "accepted", None, LATER))
    assert await profiles.fallbacks(db) == {("a", 1)}
    await writer.commit([booted("a", NOW)])
    assert await profiles.fallbacks(db) == set()


async def test_leases_live_until_they_end_are_refused_or_cleared(db: Database) -> None:
    rows = [
        profile(1, "lease", "accepted", 0, LATER),
        profile(2, "lease", "sent", 0, LATER),
        profile(3, "lease", "rejected", 0, LATER),
        profile(4, "lease", "cleared", 0, LATER),
        profile(5, "lease", "accepted", 0, NOW),
        profile(6, "fallback", "accepted", 0, None),
        profile(7, "lease", "failed", 0, LATER),  # no answer came: it may be in force
    ]
    async with db.begin() as conn:
        for row in rows:
            await profiles.sent(conn, row)
    assert [row.evse_id for row in await profiles.live_leases(db, NOW)] == [1, 2, 7]
    assert len(await profiles.of_station(db, "a")) == 7
    async with db.begin() as conn:
        await profiles.forget(conn, "a")
    assert await profiles.of_station(db, "a") == []


async def test_the_journal(db: Database, writer: Writer) -> None:
    call = journal.CallRow(
        call_id="c1",
        identity="a",
        action="Reset",
        payload="{}",
        state="accepted",
        created_at=NOW,
        changed_at=NOW,
    )
    async with db.begin() as conn:
        await journal.call_added(conn, call)
        await journal.call_changed(conn, "c1", "answered", at=LATER, answer="{}")
    (row,) = await journal.calls(db, "a", 10)
    assert (row.state, row.answer, row.changed_at) == ("answered", "{}", LATER)
    assert await journal.call(db, "c1") is not None
    with pytest.raises(NotFound):
        async with db.begin() as conn:
            await journal.call_changed(conn, "c2", "sent", at=NOW)
    with pytest.raises(Conflict):
        async with db.begin() as conn:
            await journal.call_added(conn, call)


async def test_a04_security_and_notified_events_are_kept_once(db: Database, writer: Writer) -> None:
    event = journal.security_event("a", "TamperDetectionActivated", "2026-01-01T00:00:00Z", NOW, "door\0")
    await writer.commit([event, event])
    await writer.commit([event])
    (row,) = await journal.security_events(db, "a", 10)
    assert row.tech_info == "door\N{REPLACEMENT CHARACTER}"
    told = words.EventDataType(
        event_id=2**40,
        timestamp="2026-01-01T00:00:00Z",
        trigger="Alerting",
        actual_value="Faulted",
        component=words.ComponentType(name="EVSE"),
        event_notification_type="CustomMonitor",
        variable=words.VariableType(name="AvailabilityState"),
    )
    for _ in range(2):
        notified = journal.notified_event("a", generated_at="t", seq_no=0, event=told, at=NOW)
        await writer.commit([notified])
    assert len(await db.all(journal.NOTIFIED_EVENT.select())) == 1


async def test_frames_are_read_on_and_trimmed(db: Database, writer: Writer) -> None:
    await writer.commit([journal.frame("a", NOW, "in", f"[2,{n}]") for n in range(10)])
    await writer.commit([journal.frame("b", NOW, "out", "[3]")])
    first = await journal.frames(db, "a", 0, 4)
    assert [row.text for row in first] == [f"[2,{n}]" for n in range(4)]
    assert first[-1].id is not None
    assert len(await journal.frames(db, "a", first[-1].id, 100)) == 6
    async with db.begin() as conn:
        await journal.trim_frames(conn, "a", 3)
    assert [row.text for row in await journal.frames(db, "a", 0, 100)] == ["[2,7]", "[2,8]", "[2,9]"]
    assert len(await journal.frames(db, "b", 0, 100)) == 1


async def test_one_node_holds_a_role(db: Database) -> None:
    async def hold(node: str, now: datetime) -> bool:
        async with db.begin() as conn:
            return await leader.hold(conn, "grid", node, now, 10.0)

    assert await hold("one", NOW)
    assert await hold("one", NOW + timedelta(seconds=5))
    assert not await hold("two", NOW + timedelta(seconds=14))
    assert await hold("two", NOW + timedelta(seconds=15))
    assert not await hold("one", NOW + timedelta(seconds=16))
    async with db.begin() as conn:
        await leader.release(conn, "grid", "one")
    assert not await hold("one", NOW + timedelta(seconds=16))
    async with db.begin() as conn:
        await leader.release(conn, "grid", "two")
    assert await hold("one", NOW + timedelta(seconds=16))
