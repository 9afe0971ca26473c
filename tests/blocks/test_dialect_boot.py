"""Which dialect record holds after a boot, and what another firmware voids."""

from csms.domain.dialect_choice import Origin, Plate, Standing
from csms.domain.dialect_record import DialectRecord, Discharge, MeterSign
from csms.domain.facts import DialectChanged
from csms.store import dialect_records
from csms.wire import words
from tests.blocks.bench import STATION, Bench

PROVEN = DialectRecord(discharge=Discharge.NEGATIVE_LIMIT, meter_sign=MeterSign.EXPORT)


async def boot(bench: Bench, firmware: str, vendor: str = "Acme") -> Standing:
    told = words.ChargingStationType(vendor_name=vendor, model="V2G-11", firmware_version=firmware)
    await bench.tell(words.BootNotificationRequest(charging_station=told, reason="PowerUp"))
    row = await dialect_records.get(bench.db, STATION)
    return dialect_records.standing_of(row, await bench.station())


def heard(bench: Bench) -> list[str]:
    return [fact.discharge for fact in bench.facts if isinstance(fact, DialectChanged)]


async def test_all_that_ships_makes_sense_and_unknown_models_charge_only(bench: Bench) -> None:
    names = [one.name for one in dialect_records.shipped()]
    assert len(names) == len(set(names)) >= 10
    proven = {one.name for one in dialect_records.shipped() if one.record.may_discharge}
    assert proven == {f"simevse-{version}" for version in ("1.6", "2.0.1", "2.1")}
    assert (await boot(bench, "1.0")).discharge is Discharge.NONE
    assert (await bench.station()).discharge == "none"
    assert heard(bench) == []


async def test_our_simulator_is_known_by_its_name_plate(bench: Bench) -> None:
    standing = await boot(bench, "1.0.0", "SimEVSE")
    assert (standing.origin, standing.name) == (Origin.SHIPPED, "simevse-2.0.1")
    assert (await bench.station()).discharge == "negative_limit"
    assert heard(bench) == ["negative_limit"]
    assert (await boot(bench, "1.0.0", "SimEVSE")) == standing
    assert (await boot(bench, "2.0.0", "SimEVSE")).discharge is Discharge.NONE
    assert heard(bench) == ["negative_limit", "none"]


async def test_another_firmware_takes_discharge_away(bench: Bench) -> None:
    plate = Plate("Acme", "V2G-11", "1.0", "2.0.1")
    async with bench.db.begin() as conn:
        standing = Standing(PROVEN, Origin.PROBE, plate)
        await dialect_records.put_standing(conn, STATION, standing, bench.clock.now(), "probe")
    assert (await bench.station()).discharge == "negative_limit"
    assert (await boot(bench, "1.0")) == standing
    after = await boot(bench, "1.1")
    assert after.void == "firmware was 1.0, is 1.1"
    assert (await bench.station()).discharge == "none"
    assert heard(bench) == ["none"]
    assert (await boot(bench, "1.0")).discharge is Discharge.NONE


async def test_a_station_of_before_stands_as_it_was_registered(bench: Bench) -> None:
    await bench.change_station(discharge="negative_limit", vendor="Acme", model="V2G-11", firmware="1.0")
    assert (await boot(bench, "1.0")).discharge is Discharge.NEGATIVE_LIMIT
    assert (await boot(bench, "1.1")).void == "firmware was 1.0, is 1.1"
    assert (await bench.station()).discharge == "none"
