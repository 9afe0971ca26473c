"""The grid's sense of the fleet, on both databases."""

from datetime import datetime

from msgspec.structs import replace

from csms.domain.meter import Reading
from csms.domain.station import ConnectorStatus, EvseRating, StatusReport
from csms.domain.transaction import EventType
from csms.store import profiles, programs, readings, stations, tokens, transactions
from csms.store.database import Database
from csms.store.writer import Writer
from tests.contract.telling import ENDED, MEASURED, OF_A, START, STARTED, at, booted, folded, told


async def furnished(db: Database, writer: Writer) -> None:
    """One station at a site, one driver with vehicle and need, one open transaction with readings."""
    async with db.begin() as conn:
        row = stations.StationRow(identity="a", password_hash="x", site_id="s", created_at=START)
        row.discharge = "negative_limit"
        await stations.add(conn, row, [EvseRating(1, 11_000.0, 10_000.0)])
        site = stations.SiteRow(site_id="s", import_limit_w=1e6, export_limit_w=5e5)
        await stations.put_site(conn, site)
        card = tokens.IdTokenRow(token="card", type="ISO14443", driver_id="d", vehicle_id="v")
        await tokens.put(conn, card)
        vehicle = programs.VehicleRow(vehicle_id="v", capacity_wh=60_000.0, bidirectional=True)
        await programs.put_vehicle(conn, vehicle)
        need = programs.NeedRow(driver_id="d", reserve_soc=40.0, departure=at(3600), changed_at=START)
        await programs.put_need(conn, need)
    await writer.commit([stations.connected("a", 1, "ocpp2.0.1", START), stations.clock_skew("a", 0.5)])
    await writer.commit([transactions.state_kept(folded(STARTED, MEASURED))])


async def only(db: Database) -> transactions.FleetRow:
    (row,) = await transactions.all_open(db)
    return row


def needs(when: datetime) -> transactions.ChargingNeedsRow:
    return transactions.ChargingNeedsRow(
        identity="a",
        evse_id=1,
        at=when,
        transfer="AC_BPT",
        soc=50.0,
        energy_request_wh=9000.0,
        departure=at(7200),
    )


async def test_the_fleet_in_one_query(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    row = await only(db)
    assert (row.station_id, row.evse_id, row.transaction_id, row.started_at) == ("a", 1, "tx", START)
    assert row.site_id == "s"
    assert (row.connected, row.registration, row.discharge, row.hold) == (
        True,
        "Accepted",
        "negative_limit",
        None,
    )
    assert (row.max_charge_w, row.max_discharge_w, row.clock_skew_s) == (11_000.0, 10_000.0, 0.5)
    assert (row.driver_id, row.vehicle_id, row.vehicle_capacity_wh) == ("d", "v", 60_000.0)
    assert (row.vehicle_bidirectional, row.vehicle_max_charge_w) == (True, None)
    assert (row.soc, row.soc_at, row.soc_refused) == (55.5, at(60), False)
    assert (row.power_w, row.power_at) == (-1.0, at(60))
    assert (row.first_import_wh, row.last_export_wh, row.last_at) == (100.0, 20.0, at(60))
    assert (row.need_reserve_soc, row.need_departure) == (40.0, at(3600))
    assert (row.ev_at, row.fallback_acknowledged, row.faulted) == (None, False, False)
    assert row.charging_state == "Charging"


async def test_needs_of_the_vehicle_before_do_not_count(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    await writer.commit([transactions.needs_kept(needs(at(-60)))])
    assert (await only(db)).ev_at is None
    await writer.commit([transactions.needs_kept(needs(at(5)))])
    row = await only(db)
    assert (row.ev_at, row.ev_energy_request_wh, row.ev_soc) == (at(5), 9000.0, 50.0)
    assert (row.ev_departure, row.ev_transfer, row.ev_max_discharge_w) == (at(7200), "AC_BPT", None)
    await writer.commit([transactions.needs_kept(needs(at(-60)))])  # an older word comes late
    assert (await only(db)).ev_at == at(5)


async def test_a_faulted_connector_marks_its_evse_only(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    other = StatusReport(2, 1, ConnectorStatus.FAULTED, START)
    await writer.commit([stations.connector_status("a", other)])
    assert not (await only(db)).faulted
    mine = StatusReport(1, 2, ConnectorStatus.FAULTED, START)
    await writer.commit([stations.connector_status("a", mine)])
    assert (await only(db)).faulted
    await writer.commit(
        [stations.connector_status("a", replace(mine, status=ConnectorStatus.OCCUPIED, at=at(1)))]
    )
    assert not (await only(db)).faulted


async def test_v_04_a_fallback_counts_in_this_boot_and_for_its_evse_or_all(
    db: Database, writer: Writer
) -> None:
    await furnished(db, writer)
    for evse_id, counts in ((2, False), (1, True), (0, True)):
        row = profiles.ProfileRow(
            identity="a",
            evse_id=evse_id,
            profile_id=1,
            role="fallback",
            purpose="TxDefaultProfile",
            limit_w=0.0,
            state="accepted",
            boot_epoch=0,
            changed_at=START,
        )
        async with db.begin() as conn:
            await profiles.forget(conn, "a")
            await profiles.sent(conn, row)
        assert (await only(db)).fallback_acknowledged is counts
    await writer.commit([booted("a", START)])
    row_after = await only(db)
    assert (row_after.fallback_acknowledged, row_after.boot_epoch) == (False, 1)


async def test_what_is_not_known_is_none(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        await stations.add(conn, stations.StationRow(identity="a", password_hash="x", created_at=START))
    bare = told(3, evse_id=1)
    await writer.commit([transactions.state_kept(folded(bare))])
    await writer.commit([transactions.needs_kept(needs(at(5)))])
    row = await only(db)
    assert (row.site_id, row.max_discharge_w, row.driver_id, row.vehicle_bidirectional) == (None,) * 4
    assert (row.started_at, row.ev_at, row.soc, row.power_w, row.need_reserve_soc) == (None,) * 5


async def test_the_driver_may_be_known_by_the_vehicle(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    async with db.begin() as conn:
        await tokens.change(conn, "card", driver_id=None)
        await programs.put_vehicle(conn, programs.VehicleRow(vehicle_id="v", driver_id="d"))
    row = await only(db)
    assert (row.driver_id, row.need_reserve_soc) == ("d", 40.0)


async def test_who_is_not_in_the_fleet(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    nowhere = replace(folded(told(0, EventType.STARTED)), transaction_id="nowhere", number=2)
    stranger = replace(folded(STARTED), station_id="stranger", number=3)
    await writer.commit([transactions.state_kept(nowhere), transactions.state_kept(stranger)])
    assert (await only(db)).transaction_id == "tx"
    await writer.commit([transactions.state_kept(folded(STARTED, MEASURED, ENDED))])
    assert await transactions.all_open(db) == []


async def test_what_open_transactions_told_first_of_their_soc(db: Database, writer: Writer) -> None:
    assert await readings.first_socs(db) == []
    events = [
        replace(STARTED, readings=(Reading(at(0), 0.0, 90.0, 10.0),)),
        MEASURED,
        told(2, readings=(Reading(at(120), 0.0, 99.0, 30.0, 90.0),)),
    ]
    for event in events:
        await writer.commit([transactions.event_kept(OF_A, event, None, at(0), 1)])
    await writer.commit([transactions.state_kept(folded(*events))])
    assert await readings.first_socs(db) == [("a", "tx", 55.5, at(60), 100.0, 20.0)]
    apart = [Reading(at(30), 0.0, 95.0, 15.0, 60.0), Reading(at(20), 0.0, 94.0, 14.0)]
    await writer.commit([transactions.readings_kept("a", 1, apart, "tx", 0)])
    assert await readings.first_socs(db) == [("a", "tx", 60.0, at(30), 95.0, 15.0)]
    await writer.commit([transactions.state_kept(folded(*events, ENDED))])
    assert await readings.first_socs(db) == []


async def test_each_register_has_its_time(db: Database, writer: Writer) -> None:
    """A meter that tells what flows out more rarely than what flows in."""
    await furnished(db, writer)
    exported = told(1, readings=(Reading(at(60), import_wh=100.0, export_wh=50.0),))
    imported = told(2, readings=(Reading(at(120), import_wh=100.0),))
    for events, expected in (
        ((STARTED, exported, imported), at(60)),
        ((STARTED, exported), at(60)),
        ((STARTED, imported), None),
    ):
        await writer.commit([transactions.state_kept(folded(*events))])
        assert (await only(db)).exported_at == expected
