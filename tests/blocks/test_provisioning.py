"""Block B."""

from typing import cast

import pytest

from csms.domain.facts import ReportCompleted, SecurityAlarmRaised, StationBooted
from csms.store import requests, stations, variables
from csms.wire import words
from tests.blocks.bench import STATION, Bench


def _boot(serial: str | None = "SN-1", firmware: str = "1.0") -> words.BootNotificationRequest:
    return words.BootNotificationRequest(
        reason="PowerUp",
        charging_station=words.ChargingStationType(
            vendor_name="Vendor", model="Model", serial_number=serial, firmware_version=firmware
        ),
    )


async def _answer(bench: Bench, request: words.BootNotificationRequest) -> words.BootNotificationResponse:
    return cast(words.BootNotificationResponse, await bench.tell(request))


async def test_b01_fr_06_the_answer_tells_our_time_and_the_heartbeat_interval(bench: Bench) -> None:
    answer = await _answer(bench, _boot())
    assert answer.status == "Accepted"
    assert answer.current_time == "2026-03-01T12:00:00.000Z"
    assert answer.interval == bench.policy.heartbeat_interval_s
    assert bench.told(StationBooted) == [StationBooted(bench.clock.now(), STATION, "Accepted")]


async def test_b01_fr_01_what_the_station_says_of_itself_is_kept(bench: Bench) -> None:
    await _answer(bench, _boot())
    row = await bench.station()
    assert (row.vendor, row.model, row.serial_number, row.firmware) == ("Vendor", "Model", "SN-1", "1.0")
    assert (row.boot_epoch, row.boot_reason, row.booted_at) == (1, "PowerUp", bench.clock.now())


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_b02_b03_the_answer_is_what_the_station_is_registered_as(bench: Bench, status: str) -> None:
    await bench.change_station(registration=status)
    answer = await _answer(bench, _boot())
    assert answer.status == status
    assert answer.interval == bench.policy.pending_interval_s


async def test_b02_fr_08_after_approval_the_next_boot_is_accepted(bench: Bench) -> None:
    await bench.change_station(registration="Pending")
    await _answer(bench, _boot())
    await bench.change_station(registration="Accepted")
    assert (await _answer(bench, _boot())).status == "Accepted"
    assert (await bench.station()).boot_epoch == 2


async def test_b03_a_station_that_is_not_registered_any_more_is_rejected(bench: Bench) -> None:
    async with bench.db.begin() as conn:
        await stations.remove(conn, STATION)
    assert (await _answer(bench, _boot())).status == "Rejected"


async def test_a_different_serial_number_than_registered_is_noted(bench: Bench) -> None:
    await bench.change_station(serial_number="SN-REGISTERED")
    assert (await _answer(bench, _boot("SN-OTHER"))).status == "Accepted"
    assert [alarm.kind for alarm in bench.told(SecurityAlarmRaised)] == ["serial number differs"]
    assert (await bench.station()).serial_number == "SN-REGISTERED"


def _report(seq_no: int, *, tbc: bool, request_id: int) -> words.NotifyReportRequest:
    return words.NotifyReportRequest(
        request_id=request_id,
        generated_at="2026-03-01T12:00:00Z",
        seq_no=seq_no,
        tbc=tbc,
        report_data=(
            words.ReportDataType(
                component=words.ComponentType(name="EVSE", evse=words.EVSEType(id=seq_no)),
                variable=words.VariableType(name="Power"),
                variable_attribute=(words.VariableAttributeType(value="11000", mutability="ReadOnly"),),
                variable_characteristics=words.VariableCharacteristicsType(
                    data_type="decimal", unit="W", supports_monitoring=False
                ),
            ),
        ),
    )


async def test_b08_fr_parts_are_gathered_and_the_last_one_completes(bench: Bench) -> None:
    async with bench.db.begin() as conn:
        request_id = await requests.open(conn, STATION, "inventory", bench.clock.now())
    await bench.tell(_report(1, tbc=True, request_id=request_id))
    assert not bench.told(ReportCompleted)
    await bench.tell(_report(2, tbc=False, request_id=request_id))
    assert [fact.request_id for fact in bench.told(ReportCompleted)] == [request_id]
    request = await requests.get(bench.db, STATION, request_id)
    assert request is not None
    assert (request.state, request.parts) == ("complete", 2)
    rows = await variables.reported(bench.db, STATION)
    assert [(row.evse_id, row.variable, row.value, row.unit) for row in rows] == [
        (1, "Power", "11000", "W"),
        (2, "Power", "11000", "W"),
    ]


async def test_b08_a_report_that_nobody_asked_for_is_answered(bench: Bench) -> None:
    assert await bench.tell(_report(0, tbc=False, request_id=77)) is None
