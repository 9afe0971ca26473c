"""What 2.1 stations tell and are told, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

from csms.domain.transaction import IdToken, Transaction
from csms.store import (
    battery_swaps,
    der_controls,
    event_streams,
    fleet,
    particulars,
    payments,
    programs,
    station_tariffs,
    stations,
    tokens,
    transactions,
)
from csms.store.database import Database
from csms.store.der_controls import ACTIVE, ENDED, LIMIT, SUPERSEDED, DerAlarmRow, DerControlRow
from csms.store.particulars import PRIORITY
from csms.store.station_tariffs import StationTariffRow
from csms.store.stations import StationRow
from csms.store.writer import Writer

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
LARGE = 1 << 40


def control(name: str, **fields: Any) -> DerControlRow:
    row: dict[str, Any] = {
        "identity": "a",
        "control_id": name,
        "control_type": LIMIT,
        "is_default": False,
        "priority": LARGE,
        "settings": "{}",
        "state": ACTIVE,
        "discharge_pct": 40.0,
        "changed_at": NOW,
    }
    return DerControlRow(**row | fields)


async def states(db: Database) -> dict[str, str]:
    return {row.control_id: row.state for row in await der_controls.controls(db, "a")}


async def test_der_controls(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        await der_controls.keep(conn, control("one"))
        await der_controls.superseded(conn, "a", ["one"], LATER)
    await writer.commit([der_controls.reported([control("two"), control("three", is_default=True)])])
    await writer.commit([der_controls.changed("a", ["two", "unknown"], ENDED, LATER)])
    assert await states(db) == {"one": SUPERSEDED, "two": ENDED, "three": ACTIVE}
    row = await der_controls.control(db, "a", "one")
    assert row is not None
    assert (row.priority, row.changed_at) == (LARGE, LATER)
    async with db.begin() as conn:
        await der_controls.drop(conn, "a", is_default=True, control_type=None, control_id=None)
        await der_controls.drop(conn, "a", is_default=False, control_type="VoltVar", control_id=None)
        await der_controls.drop(conn, "a", is_default=False, control_type=None, control_id="one")
    assert await states(db) == {"two": ENDED}


def alarm(fault: str, at: datetime) -> DerAlarmRow:
    return DerAlarmRow(identity="a", control_type="HVMustTrip", fault=fault, at=at, heard_at=at)


async def open_alarms(db: Database) -> set[str]:
    return {row.fault for row in await der_controls.alarms(db, "a") if row.ended_at is None}


async def test_grid_alarms(db: Database, writer: Writer) -> None:
    told = [alarm("OverVoltage", LATER), alarm("OverVoltage", NOW), alarm("", NOW)]
    await writer.commit([change for row in told for change in der_controls.alarmed(row)])
    await writer.commit(
        [der_controls.alarm_ended("a", "HVMustTrip", "OverVoltage", NOW, LATER)]
    )  # an older one
    assert await open_alarms(db) == {"OverVoltage", ""}
    await writer.commit([der_controls.alarm_ended("a", "LVMustTrip", "", LATER, LATER)])
    assert await open_alarms(db) == {"OverVoltage", ""}
    await writer.commit([der_controls.alarm_ended("a", "HVMustTrip", "OverVoltage", LATER, LATER)])
    assert await open_alarms(db) == {""}
    await writer.commit([der_controls.alarm_ended("a", "HVMustTrip", "", LATER, LATER)])
    assert await open_alarms(db) == set()
    # a clock that was ahead and is right now: what comes is new all the same
    await writer.commit(der_controls.alarmed(alarm("OverVoltage", NOW)))
    assert await open_alarms(db) == {"OverVoltage"}


async def test_particulars_the_newest_word_counts(db: Database, writer: Writer) -> None:
    for value, at in (("1", NOW), ("3", LATER), ("2", NOW)):
        await writer.commit([particulars.told("a", "t\0", [("x", value), ("y", "[]")], at)])
    name = "t\N{REPLACEMENT CHARACTER}"
    rows = await particulars.of_transaction(db, "a", name)
    assert [(row.name, row.value, row.at) for row in rows] == [("x", "3", LATER), ("y", "[]", LATER)]
    async with db.begin() as conn:
        await particulars.agreed(conn, "a", name, ("x", "4"), NOW)
    assert (await particulars.of_transaction(db, "a", name))[0].value == "4"


async def test_event_streams(db: Database, writer: Writer) -> None:
    row = event_streams.EventStreamRow(
        identity="a", stream_id=LARGE, monitor_id=LARGE, interval_s=LARGE, values=None, opened_at=NOW
    )
    await writer.commit([event_streams.opened(row)])
    await writer.commit([event_streams.heard("a", LARGE, LATER, "1\0", LARGE)])
    await writer.commit([event_streams.closed("a", LARGE, LATER), event_streams.closed("a", 1, LATER)])
    (kept,) = await event_streams.streams(db, "a")
    assert (kept.last_value, kept.pending, kept.closed_at) == ("1\N{REPLACEMENT CHARACTER}", LARGE, LATER)
    async with db.begin() as conn:
        await event_streams.adjusted(conn, "a", LARGE, None, 5)
    (kept,) = await event_streams.streams(db, "a")
    assert (kept.interval_s, kept.values) == (None, 5)
    async with db.begin() as conn:
        await event_streams.reported(conn, "a", [])
    assert await event_streams.streams(db, "a") == []


async def test_swaps_and_payments(db: Database, writer: Writer) -> None:
    for event in ("BatteryIn", "BatteryOut"):
        swap = battery_swaps.BatterySwapRow(
            identity="a", request_id=LARGE, event=event, id_token="t", batteries="[]", at=NOW
        )
        await writer.commit([battery_swaps.kept(swap)])
    assert [row.event for row in await battery_swaps.listing(db, "a", 1)] == ["BatteryOut"]
    for status, at in (("Settled", LATER), ("Failed", NOW)):
        payment = payments.PaymentRow(
            identity="a", reference="r", status=status, amount=1.5, settled_at=at, heard_at=LATER
        )
        await writer.commit([payments.told(payment)])
    assert [row.status for row in await payments.listing(db, "a", 9)] == ["Settled"]


async def test_station_tariffs(db: Database) -> None:
    def tariff(evse_id: int, name: str, content: str | None = "{}") -> StationTariffRow:
        return StationTariffRow(
            identity="a", evse_id=evse_id, tariff_id=name, content=content, changed_at=NOW
        )

    async with db.begin() as conn:
        await station_tariffs.keep(conn, tariff(1, "x"))
        await station_tariffs.keep(conn, tariff(2, "y"))
        await station_tariffs.reported(conn, "a", [tariff(1, "y", None), tariff(3, "z", None)])
    rows = await station_tariffs.of_station(db, "a")
    assert [(row.evse_id, row.tariff_id, row.content) for row in rows] == [(1, "y", "{}"), (3, "z", None)]
    async with db.begin() as conn:
        await station_tariffs.drop(conn, "a", "z", 1)
        await station_tariffs.drop(conn, "a", None, 1)
    assert [row.tariff_id for row in await station_tariffs.of_station(db, "a")] == ["z"]


async def open_transaction(db: Database, writer: Writer) -> None:
    row = StationRow(identity="a", password_hash="x", created_at=NOW)
    async with db.begin() as conn:
        await stations.add(conn, row)
    started = Transaction("a", "t", 1, evse_id=1, id_token=IdToken("Tok", "ISO14443"), started_at=NOW)
    await writer.commit([transactions.state_kept(started)])


async def test_the_fleet_is_seen_with_it(db: Database, writer: Writer) -> None:
    await open_transaction(db, writer)
    (row,) = await fleet.all_open(db)
    assert (row.faulted, row.der_discharge_pct, row.priority, row.ev_min_v2x_wh) == (False, None, False, None)
    needs = transactions.ChargingNeedsRow(
        identity="a", evse_id=1, at=NOW, transfer="DC_BPT", min_v2x_wh=-5.0, max_v2x_wh=9.0, told="{}"
    )
    await writer.commit(
        [
            *der_controls.alarmed(alarm("", NOW)),
            der_controls.reported(
                [control("l"), control("m", discharge_pct=30.0), control("n", discharge_pct=None)]
            ),
            particulars.told("a", "t", [(PRIORITY, "true")], NOW),
            particulars.told("b", "t", [(PRIORITY, "false")], NOW),
            transactions.needs_kept(needs),
        ]
    )
    (row,) = await fleet.all_open(db)
    assert (row.faulted, row.der_discharge_pct, row.priority, row.ev_min_v2x_wh) == (True, 30.0, True, -5.0)
    await writer.commit(
        [
            der_controls.alarm_ended("a", "HVMustTrip", "", LATER, LATER),
            der_controls.changed("a", ["l", "m"], ENDED, LATER),
            particulars.told("a", "t", [(PRIORITY, "false")], LATER),
        ]
    )
    (row,) = await fleet.all_open(db)
    assert (row.faulted, row.der_discharge_pct, row.priority) == (False, None, False)


async def test_whose_token_takes_part(db: Database) -> None:
    async with db.begin() as conn:
        await programs.put_vehicle(conn, programs.VehicleRow(vehicle_id="v", driver_id="by-vehicle"))
        for name, driver, vehicle in (("one", "d", None), ("two", None, "v"), ("three", None, None)):
            row = tokens.IdTokenRow(token=name, type="ISO14443", driver_id=driver, vehicle_id=vehicle)
            await tokens.put(conn, row)
        for driver in ("d", "by-vehicle"):
            await programs.enrol(conn, driver, "p", NOW)
    parts = [await programs.takes_part(db, name) for name in ("ONE", "two", "three", "four")]
    assert parts == [True, True, False, False]
