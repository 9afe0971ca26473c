"""Block K."""

from datetime import UTC, datetime

from csms.blocks import calls, smart_charging
from csms.blocks.calls import Order
from csms.blocks.smart_charging import LIMITS_MAX, SOURCES_MAX, TOO_MANY
from csms.domain.facts import ChargingNeedsReported, SecurityAlarmRaised
from csms.domain.profile import ClearProfile, InstallProfile, ProfileAnswer, lease_profile
from csms.store import external_limits, requests
from csms.wire import words
from tests.blocks.bench import START, STATION, Bench


async def test_k15_fr_03_what_a_vehicle_needs_is_kept(bench: Bench) -> None:
    needs = words.ChargingNeedsType(
        requested_energy_transfer="DC",
        departure_time="2026-03-01T18:00:00Z",
        dc_charging_parameters=words.DCChargingParametersType(
            ev_max_current=100.0,
            ev_max_voltage=500.0,
            ev_max_power=11000.0,
            ev_energy_capacity=60000.0,
            energy_amount=20000.0,
            state_of_charge=55,
        ),
    )
    answer = await bench.tell(words.NotifyEVChargingNeedsRequest(evse_id=1, charging_needs=needs))
    assert isinstance(answer, words.NotifyEVChargingNeedsResponse)
    assert answer.status == "Accepted"
    assert bench.told(ChargingNeedsReported) == [ChargingNeedsReported(START, STATION, 1)]
    (change,) = bench.kept
    row = (
        dict(zip(change.statement.names, change.rows[0], strict=True))
        if isinstance(change.rows[0], tuple)
        else change.rows[0]
    )
    assert (row["capacity_wh"], row["soc"], row["energy_request_wh"]) == (60000.0, 55, 20000.0)
    assert row["max_charge_w"] == 11000.0


async def test_k15_fr_10_the_vehicles_own_schedule_is_accepted(bench: Bench) -> None:
    schedule = words.ChargingScheduleType(
        id=1,
        charging_rate_unit="W",
        charging_schedule_period=(words.ChargingSchedulePeriodType(start_period=0, limit=1.0),),
    )
    request = words.NotifyEVChargingScheduleRequest(
        time_base="2026-03-01T12:00:00Z", evse_id=1, charging_schedule=schedule
    )
    answer = await bench.tell(request)
    assert isinstance(answer, words.NotifyEVChargingScheduleResponse)
    assert answer.status == "Accepted"


async def test_k09_reported_profiles_complete_their_request(bench: Bench) -> None:
    async with bench.db.begin() as conn:
        request_id = await requests.open(conn, STATION, "profiles", START)
    profile = words.ChargingProfileType(
        id=1,
        stack_level=0,
        charging_profile_purpose="TxDefaultProfile",
        charging_profile_kind="Relative",
        charging_schedule=(),
    )
    report = words.ReportChargingProfilesRequest(
        request_id=request_id, charging_limit_source="CSO", charging_profile=(profile,), evse_id=1
    )
    assert await bench.tell(report) is None
    request = await requests.get(bench.db, STATION, request_id)
    assert request is not None
    assert request.state == "complete"


async def test_k12_k13_limits_of_others_are_kept(bench: Bench) -> None:
    limit = words.ChargingLimitType(charging_limit_source="EMS", is_grid_critical=True)
    assert await bench.tell(words.NotifyChargingLimitRequest(charging_limit=limit, evse_id=1)) is None
    assert await bench.tell(words.NotifyChargingLimitRequest(charging_limit=limit)) is None
    assert await bench.tell(words.ClearedChargingLimitRequest(charging_limit_source="EMS")) is None
    rows = await external_limits.limits(bench.db, STATION)
    assert [(row.evse_id, row.grid_critical, row.cleared_at) for row in rows] == [
        (0, True, START),
        (1, True, None),
    ]


def limit_of(source: str, evse_id: int) -> words.NotifyChargingLimitRequest:
    limit = words.ChargingLimitType(charging_limit_source=source)
    return words.NotifyChargingLimitRequest(charging_limit=limit, evse_id=evse_id)


async def in_force(bench: Bench) -> int:
    return sum(row.cleared_at is None for row in await external_limits.limits(bench.db, STATION))


async def test_k12_a_limit_that_cannot_be_kept_stops_all_orders(bench: Bench) -> None:
    for number in range(SOURCES_MAX):
        assert await bench.tell(limit_of(f"energy manager {number}", 1)) is None
    await bench.tell(limit_of("energy manager 0", 1))  # known: its newer word takes the place of the older
    assert (await bench.station()).hold is None
    assert await bench.tell(limit_of("one more", 1)) is None
    assert (await bench.station()).hold == TOO_MANY
    assert await in_force(bench) == SOURCES_MAX
    assert [fact.kind for fact in bench.told(SecurityAlarmRaised)] == ["TooManyChargingLimits"]
    await bench.tell(limit_of("one more", 2))
    assert await in_force(bench) == SOURCES_MAX + 1


async def test_k12_limits_at_evses_without_end_are_bounded_too(bench: Bench) -> None:
    for evse_id in range(LIMITS_MAX):
        await bench.tell(limit_of("EMS", evse_id))
    assert (await bench.station()).hold is None
    await bench.tell(limit_of("EMS", 1 << 30))
    assert (await bench.station()).hold == TOO_MANY
    assert await in_force(bench) == LIMITS_MAX


async def test_k13_limits_that_are_over_make_room(bench: Bench) -> None:
    for number in range(3 * SOURCES_MAX):
        await bench.tell(limit_of(f"manager {number}", 1))
        gone = words.ClearedChargingLimitRequest(charging_limit_source=f"manager {number}", evse_id=1)
        await bench.tell(gone)
    assert (await bench.station()).hold is None
    assert len(await external_limits.limits(bench.db, STATION)) <= SOURCES_MAX
    assert await in_force(bench) == 0


async def test_k01_k09_k10_what_we_ask(bench: Bench) -> None:
    asked: list[object] = []

    async def station(ask: object, _: float) -> object:
        asked.append(ask)
        if isinstance(ask, InstallProfile | ClearProfile):
            return ProfileAnswer(isinstance(ask, InstallProfile), None)
        return words.GetChargingProfilesResponse(status="NoProfiles")

    profile = lease_profile(7, "tx", -7000.0, datetime.now(UTC), 300)
    async with bench.bus.answer(STATION, station):
        assert (await smart_charging.install(bench.bus, STATION, InstallProfile(1, profile))).accepted
        assert not await smart_charging.clear(bench.bus, STATION, 7)
        criterion = words.ChargingProfileCriterionType(charging_profile_id=(7,))
        order = Order(await bench.station(), smart_charging.get_profiles(criterion, 1))
        answer = await calls.call(bench.desk, order)
        assert answer == words.GetChargingProfilesResponse(status="NoProfiles")
    assert asked[0] == InstallProfile(1, profile)
    assert asked[1] == ClearProfile(7)
    request = await requests.get(bench.db, STATION, 1)
    assert request is not None
    assert (request.state, request.status) == ("complete", "NoProfiles")
