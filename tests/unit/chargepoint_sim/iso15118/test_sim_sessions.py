"""ISO 15118-20 both ways, over memory and over the wire, with a hand-set clock."""

from dataclasses import replace
from ssl import SSLContext

import pytest

from chargepoint_sim.ev.vehicle import Current, PowerLimits
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.pki import Curve, make_pki
from chargepoint_sim.iso15118.protocols import from_frame, to_frame
from chargepoint_sim.iso15118.secc import Hardware, Memory
from chargepoint_sim.iso15118.services import Control, Wish, service_for
from chargepoint_sim.iso15118.tls import station_context, vehicle_context
from chargepoint_sim.iso15118.v2gtp import Frames
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import number
from chargepoint_sim.iso15118.v20.vehicle import State as EvState
from tests.unit.chargepoint_sim.iso15118.sequence import DC, PLAN, SEQUENCES, to_the_loop
from tests.unit.chargepoint_sim.iso15118.table import Over, Setting, a_vehicle, session


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[SSLContext, SSLContext]:
    pki = make_pki(tmp_path_factory.mktemp("pki"), Curve.P256)
    return station_context(pki.station), vehicle_context(pki.vehicle)


@pytest.fixture(params=list(Over))
def over(request: pytest.FixtureRequest) -> Over:
    assert isinstance(request.param, Over)
    return request.param


@pytest.mark.parametrize("control", list(Control))
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("current", list(Current))
async def test_the_whole_sequence_ended_by_the_driver(
    current: Current, bidirectional: bool, control: Control
) -> None:
    setting = Setting(a_vehicle(current, bidirectional), plan=replace(PLAN, control=control))
    async with session(setting) as table:
        await to_the_loop(table)
        await table.advance(60)
        assert table.evse.power_w == pytest.approx(11_000)
        assert table.evcc.power_w == pytest.approx(11_000, rel=0.001)
        table.evcc.stop()
        await table.advance(5)
    assert table.endings == (Ending.BY_VEHICLE, Ending.BY_VEHICLE)
    assert table.traffic.names("Req") == SEQUENCES[current]
    assert not table.path_closed()
    assert table.secc.service == service_for(current, bidirectional)
    assert table.secc.control is control


async def played(setting: Setting) -> list[Element]:
    """One scenario for every channel: charge, discharge, pause between, renegotiate, end by the station."""
    async with session(setting) as table:
        await to_the_loop(table)
        for limit_w in (-7_000.0, 0.0, 3_600.0, -10_000.0):
            table.evse.set_limit(limit_w)
            await table.advance(12)
        table.secc.wish = Wish.NEW_SCHEDULE
        await table.advance(12)
        table.evcc.want(Wish.NEW_SERVICE)
        await table.advance(15)
        assert table.evcc.state is EvState.LOOP
        table.secc.wish = Wish.STOP
        await table.advance(6)
    return table.traffic.sent


@pytest.mark.parametrize("control", list(Control))
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("current", list(Current))
async def test_a_scenario_has_the_same_trace_in_memory_and_on_the_wire(
    current: Current, bidirectional: bool, control: Control, tls: tuple[SSLContext, SSLContext]
) -> None:
    plan = replace(PLAN, control=control)
    traces = {
        over: await played(Setting(a_vehicle(current, bidirectional), over, plan, tls=tls)) for over in Over
    }
    assert len(traces[Over.MEMORY]) > 50
    assert traces[Over.TCP] == traces[Over.MEMORY]
    assert traces[Over.TLS] == traces[Over.MEMORY]
    for message in traces[Over.MEMORY]:
        ((payload_type, payload),) = Frames().feed(to_frame(message))
        assert from_frame(payload_type, payload, agreed=False) == message


async def test_a_station_without_bidirectional_services_gets_a_one_way_session() -> None:
    hardware = Hardware("ZZTEST1", services=frozenset({2}))
    async with session(Setting(a_vehicle(), hardware=hardware)) as table:
        await to_the_loop(table)
        table.evse.set_limit(-7_000)
        await table.advance(5)
        assert table.evse.power_w == 0
        table.secc.terminate()


@pytest.mark.parametrize("current", list(Current))
async def test_a_negative_limit_reaches_the_vehicle_in_its_next_loop(
    current: Current, over: Over, tls: tuple[SSLContext, SSLContext]
) -> None:
    async with session(Setting(a_vehicle(current), over, tls=tls)) as table:
        await to_the_loop(table)
        meter, battery = table.evse.meter, table.vehicle.battery
        table.evse.settle()
        meter.import_wh = meter.export_wh = 0.0
        start_wh = battery.energy_wh
        for limit_w in (11_000.0, -10_000.0, 0.0, 3_600.0):
            before = len(table.traffic.sent)
            table.evse.set_limit(limit_w)
            await table.advance(5)
            assert len(table.traffic.sent) == before + 2
            assert table.evse.power_w == limit_w
            assert table.evcc.power_w == pytest.approx(limit_w, rel=0.001)
        table.evse.settle()
        assert meter.export_wh == pytest.approx(10_000 * 5 / 3600, rel=0.01)
        assert battery.energy_wh == pytest.approx(start_wh + meter.import_wh * 0.95 - meter.export_wh / 0.95)
        table.evcc.stop()


async def test_in_memory_a_nudge_is_faster_than_the_loop() -> None:
    async with session(Setting(a_vehicle())) as table:
        await to_the_loop(table)
        table.evse.set_limit(-7_000)
        table.secc.nudge()
        await table.advance(0)
        assert table.evcc.power_w == pytest.approx(-7_000)
        table.secc.terminate()


async def test_dc_discharge_is_published_as_limits_and_a_negative_current() -> None:
    async with session(Setting(a_vehicle())) as table:
        await to_the_loop(table)
        table.evse.set_limit(-7_000)
        await table.advance(5)
        response = table.traffic.last(m.DC_ChargeLoopRes)
        assert isinstance(response, m.DC_ChargeLoopRes)
        mode = response.CLResControlMode
        assert isinstance(mode, m.BPT_Dynamic_DC_CLResControlModeType)
        assert number(mode.EVSEMaximumChargePower) == 0
        assert number(mode.EVSEMaximumDischargePower) == 7_000
        assert number(response.EVSEPresentCurrent) == -17.5
        table.secc.terminate()


async def test_in_scheduled_control_the_vehicle_asks_for_what_it_gives() -> None:
    async with session(Setting(a_vehicle(), plan=replace(PLAN, control=Control.SCHEDULED))) as table:
        await to_the_loop(table)
        table.evse.set_limit(-7_000)
        await table.advance(5)
        assert table.evse.power_w == 0  # it still asks to be charged
        await table.advance(5)
        assert table.evse.power_w == pytest.approx(-7_000)
        request = table.traffic.last(m.DC_ChargeLoopReq)
        assert isinstance(request, m.DC_ChargeLoopReq)
        assert isinstance(request.CLReqControlMode, m.BPT_Scheduled_DC_CLReqControlModeType)
        assert number(request.CLReqControlMode.EVTargetCurrent) == -17.5
        table.secc.terminate()


async def test_discharge_stops_at_the_v2x_minimum_and_is_possible_again_after_charging() -> None:
    async with session(Setting(a_vehicle(soc=30.5))) as table:
        await to_the_loop(table)
        table.evse.set_limit(-10_000)
        await table.advance(1800)
        assert table.evse.power_w == 0
        assert table.vehicle.battery.soc == pytest.approx(30, abs=0.01)
        assert table.evse.vehicle is not None
        assert table.evse.vehicle.ability.discharge_w == 0
        assert table.evse.vehicle.requests.v2x_minimum_wh == pytest.approx(0, abs=1)
        table.evse.set_limit(11_000)
        await table.advance(600)
        table.evse.set_limit(-5_000)
        await table.advance(10)
        assert table.evse.power_w == -5_000
        table.secc.terminate()


async def test_the_station_ends_the_session(over: Over, tls: tuple[SSLContext, SSLContext]) -> None:
    async with session(Setting(a_vehicle(), over, tls=tls)) as table:
        await to_the_loop(table)
        table.secc.terminate()
        await table.advance(5)
    assert table.endings == (Ending.BY_STATION, Ending.BY_STATION)
    assert table.traffic.names("Req") == DC


async def test_authorisation_is_waited_for_however_long_it_takes() -> None:
    async with session(Setting(a_vehicle(), granted=Permission.PENDING)) as table:
        await table.advance(600)
        assert table.evcc.state == "authorization"
        table.evse.granted = Permission.GRANTED
        await table.advance(8)
        assert table.evcc.state is EvState.LOOP
        table.secc.terminate()


async def test_a_refused_driver_gets_a_warning_and_no_energy() -> None:
    setting = Setting(a_vehicle(), granted=Permission.REFUSED)
    async with session(setting) as table:
        await table.advance(1)
        response = table.traffic.last(m.AuthorizationRes)
        assert isinstance(response, m.AuthorizationRes)
        assert response.ResponseCode == "WARNING_EIMAuthorizationFailure"
        table.evcc.stop()
        await table.advance(10)
    assert table.endings == (Ending.BY_VEHICLE, Ending.BY_VEHICLE)
    assert not table.path_closed()


@pytest.mark.parametrize("current", list(Current))
async def test_the_vehicle_s_bounds_reach_the_station_unchanged(
    current: Current, over: Over, tls: tuple[SSLContext, SSLContext]
) -> None:
    told: list[ChargingNeeds] = []
    setting = Setting(a_vehicle(current, soc=55), over, on_needs=told.append, tls=tls)
    async with session(setting) as table:
        await to_the_loop(table)
        heard = table.evse.vehicle
        assert heard is not None
        table.secc.terminate()
    (needs,) = told
    assert needs.evccid == "EVCC01"
    assert needs.bidirectional
    assert needs.departure_in_s == pytest.approx(3600, abs=5)
    assert needs.capacity_wh == pytest.approx(60_000)
    assert needs.soc == pytest.approx(55)
    assert needs.requests.target_wh == pytest.approx(15_000)
    assert needs.requests.minimum_wh == pytest.approx(-21_000)
    assert needs.requests.v2x_minimum_wh == pytest.approx(-15_000)
    assert needs.rating == PowerLimits(11_000, 10_000)
    assert heard.ability == PowerLimits(11_000, 10_000)
    assert heard.requests.v2x_minimum_wh == pytest.approx(-15_000, rel=0.01)


async def test_a_vanished_vehicle_opens_the_contactor_at_once(
    over: Over, tls: tuple[SSLContext, SSLContext]
) -> None:
    async with session(Setting(a_vehicle(), over, tls=tls)) as table:
        await to_the_loop(table)
        assert table.path_closed()
        table.vehicle_end.close()
        await table.finish()
    assert table.endings == (Ending.LOST, Ending.LOST)
    assert not table.path_closed()
    assert table.evse.power_w == 0


@pytest.mark.parametrize("by_station", [True, False])
async def test_a_new_schedule_is_talked_about_while_energy_flows(by_station: bool) -> None:
    told: list[ChargingNeeds] = []
    async with session(Setting(a_vehicle(), on_needs=told.append)) as table:
        await to_the_loop(table)
        before = len(table.traffic.sent)
        (table.secc if by_station else table.evcc).want(Wish.NEW_SCHEDULE)
        await table.advance(6)
        names = [type(one).__name__ for one in table.traffic.sent[before:]]
        assert names[2:8] == [
            "PowerDeliveryReq",
            "PowerDeliveryRes",
            "ScheduleExchangeReq",
            "ScheduleExchangeRes",
            "PowerDeliveryReq",
            "PowerDeliveryRes",
        ]
        assert table.path_closed()
        assert len(told) == 2
        assert table.evcc.wish is table.secc.wish is Wish.GO_ON
        table.secc.terminate()
    assert table.endings == (Ending.BY_STATION, Ending.BY_STATION)


@pytest.mark.parametrize("by_station", [True, False])
async def test_services_are_talked_about_again_with_the_contactor_open(by_station: bool) -> None:
    async with session(Setting(a_vehicle())) as table:
        await to_the_loop(table)
        session_id, before = table.evcc.session_id, len(table.traffic.sent)
        changes: list[bool] = []
        table.evse.on_change = lambda: changes.append(table.path_closed())
        (table.secc if by_station else table.evcc).want(Wish.NEW_SERVICE)
        await table.advance(8)
        assert table.evcc.state is EvState.LOOP
        assert table.evcc.session_id == session_id
        assert [
            one for number, one in enumerate(changes) if not number or changes[number - 1] is not one
        ] == [
            False,
            True,
        ]
        names = [type(one).__name__ for one in table.traffic.sent[before:]]
        assert "SessionSetupReq" not in names
        assert names.index("SessionStopRes") + 1 == names.index("ServiceDiscoveryReq")
        table.secc.terminate()


@pytest.mark.parametrize("by_station", [True, False])
async def test_a_paused_session_is_gone_on_with(
    by_station: bool, over: Over, tls: tuple[SSLContext, SSLContext]
) -> None:
    memory = Memory(new_session_id=lambda: b"\x01" * 8)
    async with session(Setting(a_vehicle(), over, memory=memory, tls=tls)) as table:
        await to_the_loop(table)
        (table.secc if by_station else table.evcc).want(Wish.PAUSE)
        await table.advance(5)
    assert table.endings == (Ending.PAUSED, Ending.PAUSED)
    assert not table.path_closed()
    paused = table.evcc.session_id
    memory.new_session_id = lambda: b"\x02" * 8
    again = Setting(a_vehicle(), over, replace(PLAN, session_id=paused), memory=memory, tls=tls)
    async with session(again) as table:
        await to_the_loop(table)
        assert table.evcc.resumed
        assert table.evcc.session_id == table.secc.session_id == paused
        table.secc.terminate()
    async with session(again) as table:  # only once
        await to_the_loop(table)
        assert not table.evcc.resumed
        assert table.evcc.session_id == b"\x02" * 8
        table.secc.terminate()


async def test_a_station_may_not_allow_a_pause() -> None:
    hardware = Hardware("ZZTEST1", may_pause=False)
    async with session(Setting(a_vehicle(), hardware=hardware)) as table:
        await to_the_loop(table)
        table.evcc.want(Wish.PAUSE)
        await table.advance(5)
    assert table.endings == (Ending.BROKEN, Ending.BROKEN)
    assert table.secc.failure == "SessionStopReq: FAILED_PauseNotAllowed"
