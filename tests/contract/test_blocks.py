"""What the blocks keep beside transactions, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from csms.domain.device_model import Place
from csms.domain.local_list import Entry, Update
from csms.errors import NotFound
from csms.store import (
    displays,
    external_limits,
    installed_certificates,
    journal,
    local_lists,
    monitors,
    requests,
    reservations,
    stations,
    tariffs,
    tokens,
    transactions,
    variables,
)
from csms.store.database import Database
from csms.store.writer import Writer
from csms.wire import words

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


async def test_a_request_to_its_end(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        first = await requests.open(conn, "a", "log", NOW)
        second = await requests.open(conn, "a", "log", LATER)
        await requests.change(conn, "a", second, call_id="c")
        await requests.replaced_by(conn, "a", "log", second, LATER)
    parts = [(1, "later\0"), (0, "sooner"), (0, "told twice")]
    await writer.commit([requests.result("a", second, number, LATER, text) for number, text in parts])
    await writer.commit([requests.told("a", second, LATER, state="open", status="Uploading")])
    await writer.commit([requests.told("a", second, LATER, state="complete", status="Uploaded", detail="x")])
    await writer.commit([requests.told("a", second, LATER, state="failed", status="UploadFailure")])
    newest, oldest = await requests.listing(db, "a", 10)
    assert (oldest.request_id, oldest.state) == (first, "replaced")
    assert (newest.state, newest.status, newest.detail) == ("complete", "Uploaded", "x")
    assert (newest.parts, newest.call_id) == (3, "c")
    assert [part.payload for part in await requests.parts(db, newest)] == [
        "sooner",
        "later\N{REPLACEMENT CHARACTER}",
    ]
    async with db.begin() as conn:
        await requests.forget(conn, "a", second)
    assert await requests.get(db, "a", second) is None


async def test_a_reservation(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        number = await reservations.next_id(conn, "a")
        row = reservations.ReservationRow(
            identity="a", reservation_id=number, id_token="t", id_token_type="Central", expiry=LATER,
            state="active", made_at=NOW, changed_at=NOW,
        )  # fmt: skip
        await reservations.put(conn, row)
        assert await reservations.next_id(conn, "a") == number + 1
    await writer.commit([reservations.used("a", number, LATER, "tx")])
    found = await reservations.get(db, "a", number)
    assert found is not None
    assert (found.state, found.transaction_id, found.expiry) == ("used", "tx", LATER)
    await writer.commit([reservations.ended("a", number, LATER, "expired", "Expired")])
    assert [one.state for one in await reservations.listing(db, "a", "expired", 5)] == ["expired"]
    assert await reservations.listing(db, "b", None, 5) == []


async def test_monitors_messages_limits_and_plans(db: Database, writer: Writer) -> None:
    monitor = monitors.MonitorRow(
        identity="a", monitor_id=1, component="C", variable="V", kind="Delta", value=1.5, severity=3,
        reported_at=NOW,
    )  # fmt: skip
    await writer.commit([monitors.reported([monitor, monitor.model_copy(update={"monitor_id": 2})])])
    message = displays.DisplayMessageRow(
        identity="a",
        message_id=4,
        priority="InFront",
        content="{}",
        status="Reported",
        changed_at=NOW,
        end=LATER,
    )
    await writer.commit([displays.reported([message])])
    await writer.commit(
        [
            external_limits.limited("a", 0, "EMS", grid_critical=True, schedule="[]", at=NOW),
            external_limits.cleared("a", 0, "EMS", LATER),
            external_limits.planned("a", 1, "{}", NOW),
        ]
    )
    async with db.begin() as conn:
        await monitors.drop(conn, "a", [1])
        await displays.refused(conn, message.model_copy(update={"status": "Rejected", "content": "[]"}))
    assert [one.monitor_id for one in await monitors.listing(db, "a")] == [2]
    (shown,) = await displays.listing(db, "a")
    assert (shown.status, shown.content, shown.end) == ("Rejected", "{}", LATER)
    assert await displays.next_id(db, "a") == 5
    (limit,) = await external_limits.limits(db, "a")
    assert (limit.grid_critical, limit.cleared_at) == (True, LATER)
    assert [one.schedule for one in await external_limits.vehicle_schedules(db, "a")] == ["{}"]


async def test_the_device_model(db: Database, writer: Writer) -> None:
    row = variables.VariableRow(
        identity="a", component="EVSE", evse_id=1, variable="Power", value="1", min_limit=0.5, max_elements=7,
        constant=False, supports_monitoring=True, reported_at=NOW,
    )  # fmt: skip
    await writer.commit([variables.values_reported("a", [row])])
    place = Place("evse", "POWER", evse_id=1)
    async with db.begin() as conn:
        await variables.value_read(conn, "a", place, "2", LATER)
        await variables.value_read(conn, "a", Place("New", "One"), None, LATER)
        wanted = variables.WantedVariableRow(
            identity="a", component="EVSE", evse_id=1, variable="Power", value="3", status="Accepted",
            ordered_at=NOW,
        )  # fmt: skip
        await variables.put_wanted(conn, wanted)
    (found,) = await variables.reported(db, "a", component="Evse", variable="power")
    assert (found.value, found.min_limit, found.max_elements, found.reported_at) == ("2", 0.5, 7, LATER)
    assert len(await variables.reported(db, "a")) == 2
    assert [one.value for one in await variables.wanted(db, "a")] == ["3"]
    async with db.begin() as conn:
        await variables.drop_wanted(conn, "a", Place("EVSE", "Power", evse_id=1))
    assert await variables.wanted(db, "a") == []


async def test_local_lists(db: Database) -> None:
    full = Update(True, 1, (Entry("a", "Central", "Accepted", "g", LATER), Entry("b", "Central", "Blocked")))
    change = Update(False, 2, (Entry("b", "Central", "Accepted"),), (Entry("a", "Central", ""),))
    async with db.begin() as conn:
        await local_lists.want(conn, "cs", '["a"]', NOW)
        await local_lists.acknowledge(conn, "cs", full, NOW)
    assert await local_lists.entries(db, "cs") == list(full.entries)
    async with db.begin() as conn:
        await local_lists.acknowledge(conn, "cs", change, LATER)
    assert await local_lists.entries(db, "cs") == [Entry("b", "Central", "Accepted")]
    row = await local_lists.get(db, "cs")
    assert row is not None
    assert (row.version, row.state, row.tokens, row.changed_at) == (2, "in step", '["a"]', LATER)


async def test_certificates_tariffs_and_tokens(db: Database, writer: Writer) -> None:
    def certificate(use: str, serial: str) -> installed_certificates.InstalledCertificateRow:
        return installed_certificates.InstalledCertificateRow(
            identity="a", use=use, hash_algorithm="SHA256", issuer_name_hash="n", issuer_key_hash="k",
            serial_number=serial, reported_at=NOW,
        )  # fmt: skip

    tariff = tariffs.TariffRow(tariff_id="t", currency="EUR", energy_per_kwh="0.30", changed_at=NOW)
    async with db.begin() as conn:
        await installed_certificates.told(conn, "a", None, [certificate("X", "1"), certificate("Y", "2")])
        await installed_certificates.told(conn, "a", ["X"], [])
        await tariffs.put_tariff(conn, tariff)
        row = stations.StationRow(
            identity="a", password_hash="x", tariff_id="t", enrolled=True, created_at=NOW
        )
        await stations.add(conn, row.model_copy(update={"registration": "Pending"}))
        for name in ("one", "two"):
            await tokens.put(conn, tokens.IdTokenRow(token=name, type="Central", concurrent=False))
    assert [one.use for one in await installed_certificates.listing(db, "a")] == ["Y"]
    assert await tariffs.of_station(db, "a") == tariff
    assert await tariffs.of_station(db, "b") is None
    assert await stations.waiting(db) == 1
    assert [one.token for one in await tokens.all_of(db, ["TWO", "three"])] == ["two"]
    assert [one.concurrent for one in await tokens.all_of(db)] == [False, False]
    cost = tariffs.TransactionCostRow(
        identity="a", transaction_id="x", tariff_id="t", currency="EUR", total="1.20", final=True, at=NOW
    )
    await writer.commit([tariffs.cost_kept(cost)])
    async with db.begin() as conn:
        await tariffs.put_cost(conn, cost.model_copy(update={"total": "1.10", "final": False}))
    assert await tariffs.cost(db, "a", "x") == cost
    assert await tariffs.running(db) == {}
    assert list(await transactions.open_of_token(db, "one")) == []
    async with db.begin() as conn:
        await tariffs.remove(conn, "t")
    with pytest.raises(NotFound):
        async with db.begin() as conn:
            await tariffs.remove(conn, "t")


async def test_the_journal(db: Database, writer: Writer) -> None:
    def call(number: int, state: str, deadline: datetime | None) -> journal.CallRow:
        return journal.CallRow(
            call_id=str(number), identity="a", action="Reset", payload="{}", state=state, deadline=deadline,
            created_at=NOW, changed_at=NOW,
        )  # fmt: skip

    async with db.begin() as conn:
        for number, (state, deadline) in enumerate(
            [("sent", NOW), ("accepted", None), ("sent", LATER), ("answered", NOW)]
        ):
            await journal.call_added(conn, call(number, state, deadline))
        assert await journal.calls_lapsed(conn, NOW + timedelta(seconds=1)) == 2
    assert {one.call_id for one in await journal.calls(db, "a", 10, state="expired")} == {"0", "1"}
    assert len(await journal.calls(db, "a", 10, action="Reset")) == 4
    event = words.EventDataType(
        event_id=1, timestamp="2026-01-01T00:00:00Z", trigger="Delta", actual_value="v", cleared=True,
        severity=3, event_notification_type="CustomMonitor", variable=words.VariableType(name="V"),
        component=words.ComponentType(name="C", evse=words.EVSEType(id=1, connector_id=2)),
    )  # fmt: skip
    for _ in "ab":
        change = journal.notified_event("a", generated_at="g", seq_no=0, event=event, at=NOW)
        await writer.commit([change])
    (told,) = await journal.notified_events(db, "a", 10)
    assert (told.evse_id, told.connector_id, told.cleared, told.severity) == (1, 2, True, 3)
