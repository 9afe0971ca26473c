"""ISO 15118-20 both ways, over memory and over the wire, with a hand-set clock."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from ssl import SSLContext

import pytest

from chargepoint_sim.ev.vehicle import Current, PowerLimits
from chargepoint_sim.iso15118.appprotocol.messages import AppProtocolType, supportedAppProtocolReq
from chargepoint_sim.iso15118.evcc import Plan
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.pki import Curve, make_pki
from chargepoint_sim.iso15118.protocols import from_frame, to_frame
from chargepoint_sim.iso15118.secc import Answer, Handler, Hardware, Memory, Secc, on
from chargepoint_sim.iso15118.services import Control, Wish, service_for
from chargepoint_sim.iso15118.tls import station_context, vehicle_context
from chargepoint_sim.iso15118.v2gtp import Frames
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20 import station, vehicle
from chargepoint_sim.iso15118.v20.numbers import number, rational
from chargepoint_sim.iso15118.v20.vehicle import State as EvState
from tests.unit.chargepoint_sim.iso15118.table import Over, Setting, Table, Watched, a_vehicle, laid, session

PLAN = Plan(vehicle.DIALECTS)
COMMON = [
    "supportedAppProtocolReq",
    "SessionSetupReq",
    "AuthorizationSetupReq",
    "AuthorizationReq",
    "ServiceDiscoveryReq",
    "ServiceDetailReq",
    "ServiceSelectionReq",
]
DC = [
    *COMMON,
    "DC_ChargeParameterDiscoveryReq",
    "ScheduleExchangeReq",
    "DC_CableCheckReq",
    "DC_PreChargeReq",
    "PowerDeliveryReq",
    "DC_ChargeLoopReq",
    "PowerDeliveryReq",
    "DC_WeldingDetectionReq",
    "SessionStopReq",
]
AC = [
    *COMMON,
    "AC_ChargeParameterDiscoveryReq",
    "ScheduleExchangeReq",
    "PowerDeliveryReq",
    "AC_ChargeLoopReq",
    "PowerDeliveryReq",
    "SessionStopReq",
]
SEQUENCES = {Current.AC: AC, Current.DC: DC}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[SSLContext, SSLContext]:
    pki = make_pki(tmp_path_factory.mktemp("pki"), Curve.P256)
    return station_context(pki.station), vehicle_context(pki.vehicle)


@pytest.fixture(params=list(Over))
def over(request: pytest.FixtureRequest) -> Over:
    assert isinstance(request.param, Over)
    return request.param


async def to_the_loop(table: Table) -> None:
    await table.advance(3)
    assert table.evcc.state is EvState.LOOP


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


# Renegotiation, pause and resume


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


# Time-outs


async def test_a_silent_vehicle_is_given_20_seconds_and_then_a_minute() -> None:
    async with laid(Setting(a_vehicle())) as table, asyncio.TaskGroup() as tasks:
        station_ = tasks.create_task(table.secc.run())
        await table.clock.advance(19)
        await table.vehicle_end.send(handshake())
        await table.clock.advance(59)
        assert not station_.done()
        await table.clock.advance(2)
    assert station_.result() is Ending.LOST
    async with laid(Setting(a_vehicle())) as table, asyncio.TaskGroup() as tasks:
        station_ = tasks.create_task(table.secc.run())
        await table.clock.advance(20.1)
    assert station_.result() is Ending.LOST


def handshake(
    namespace: str = "urn:iso:std:iso:15118:-20:DC", major: int = 1, minor: int = 0
) -> supportedAppProtocolReq:
    offer = AppProtocolType(
        ProtocolNamespace=namespace,
        VersionNumberMajor=major,
        VersionNumberMinor=minor,
        SchemaID=7,
        Priority=1,
    )
    return supportedAppProtocolReq(AppProtocol=(offer,))


TIMEOUTS_S = {
    "supportedAppProtocolReq": 2.0,
    "SessionSetupReq": 2.0,
    "AuthorizationSetupReq": 2.0,
    "AuthorizationReq": 2.0,
    "ServiceDiscoveryReq": 2.0,
    "ServiceDetailReq": 5.0,
    "ServiceSelectionReq": 2.0,
    "DC_ChargeParameterDiscoveryReq": 2.0,
    "ScheduleExchangeReq": 2.0,
    "DC_CableCheckReq": 2.0,
    "DC_PreChargeReq": 2.0,
    "PowerDeliveryReq": 2.0,
    "DC_ChargeLoopReq": 0.5,
}


@pytest.mark.parametrize("name", list(TIMEOUTS_S))
async def test_a_station_that_falls_silent_is_left_in_time(name: str) -> None:
    """The station answers up to one message, and that one not."""
    async with laid(Setting(a_vehicle())) as table, asyncio.TaskGroup() as tasks:
        vehicle_ = tasks.create_task(table.evcc.run())
        while True:
            request = await table.station_end.recv(10)
            if type(request).__name__ == name:
                break
            await table.station_end.send(table.secc.answer(request))
        await table.clock.advance(TIMEOUTS_S[name] - 0.01)
        assert not vehicle_.done()
        await table.clock.advance(0.02)
        assert vehicle_.done()
    assert vehicle_.result() is Ending.LOST


async def test_a_cable_check_may_take_40_seconds_and_no_more() -> None:
    for takes_s, ending in ((35.0, Ending.BY_STATION), (60.0, Ending.BROKEN)):
        hardware = Hardware("ZZTEST1", cable_check_s=takes_s)
        async with session(Setting(a_vehicle(), hardware=hardware)) as table:
            await table.advance(50)
            table.secc.terminate()
            await table.advance(6)
        assert table.endings[0] is ending


@pytest.mark.parametrize(
    ("processing", "left_after_s"),
    [("Ongoing", 66), ("Ongoing_WaitingForCustomerInteraction", None)],
)
async def test_only_people_may_keep_a_vehicle_waiting(
    processing: m.processingType, left_after_s: float | None
) -> None:
    """60 s for a station that is busy, no limit where somebody looks for a card."""

    def busy(secc: Secc, asked: m.AuthorizationReq) -> Answer:
        header = m.MessageHeaderType(SessionID=secc.session_id, TimeStamp=1)
        response = m.AuthorizationRes(Header=header, ResponseCode="OK", EVSEProcessing=processing)
        return Answer(station.State.AUTHORIZATION, response)

    rows: dict[StrEnum, dict[type[Element], Handler]] = {
        station.State.AUTHORIZATION: dict([on(m.AuthorizationReq, busy)])
    }
    async with session(Setting(a_vehicle(), granted=Permission.PENDING)) as table:
        dialects = [replace(one, allowed={**one.allowed, **rows}) for one in station.DIALECTS]
        table.secc._dialects = table.secc._dialects + tuple(dialects)
        table.secc._dialect = dialects[0]
        await table.advance(50)
        assert table.over() == (False, False)
        await table.advance(left_after_s or 500)
        assert table.over()[0] is (left_after_s is not None)
        table.evcc.stop()
        await table.advance(6)
    assert ("ongoing for more than 60 s" in table.evcc.failure) is (left_after_s is not None)


async def test_a_vehicle_that_does_not_stop_is_cut_off_after_a_minute() -> None:
    dc = vehicle.DIALECTS[0]
    deaf = replace(dc.steps[EvState.LOOP], answer=lambda evcc, response: EvState.LOOP)
    plan = replace(PLAN, dialects=(replace(dc, steps={**dc.steps, EvState.LOOP: deaf}),))
    async with session(Setting(a_vehicle(), plan=plan)) as table:
        await to_the_loop(table)
        table.secc.terminate()
        await table.advance(59)
        assert table.path_closed()
        assert table.over() == (False, False)
        await table.advance(6)
        assert not table.path_closed()
    assert table.endings == (Ending.LOST, Ending.BY_STATION)


# What is out of order


async def until(table: Table, name: str, times: int = 1) -> Element:
    """Play the real vehicle up to a request, which is returned and not answered."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(table.evcc.run())
        while True:
            request = await table.station_end.recv(10)
            times -= type(request).__name__ == name
            if not times:
                running.cancel()
                return request
            await table.station_end.send(table.secc.answer(request))
            if type(request).__name__ == "DC_ChargeLoopReq":
                table.evcc.stop()


def refusal(response: Element) -> tuple[str, str]:
    assert isinstance(response, m.V2GResponseType)
    return type(response).__name__, response.ResponseCode


def head(table: Table, session_id: bytes | None = None) -> m.MessageHeaderType:
    return m.MessageHeaderType(SessionID=session_id or table.secc.session_id, TimeStamp=1)


ALL_REQUESTS = [*DC[1:], "AC_ChargeParameterDiscoveryReq", "AC_ChargeLoopReq"]
EXPECTED = {
    "ServiceDetailReq": {"ServiceDetailReq", "ServiceSelectionReq"},
    "ServiceSelectionReq": {"ServiceDetailReq", "ServiceSelectionReq"},
    "DC_ChargeLoopReq": {"DC_ChargeLoopReq", "PowerDeliveryReq"},
}


async def example_requests() -> dict[str, Element]:
    """One of each request, as real vehicles send them."""
    found: dict[str, Element] = {}
    for current in Current:
        async with session(Setting(a_vehicle(current))) as table:
            await to_the_loop(table)
            table.evcc.stop()
            await table.advance(5)
        found |= {type(one).__name__: one for one in table.traffic.sent}
    return found


@pytest.mark.parametrize("reached", DC[1:])
async def test_every_wrong_request_gets_its_own_response_and_ends_the_session(reached: str) -> None:
    """In every state every request that is not for it, in an open and a closed power path."""
    examples = await example_requests()
    for name in dict.fromkeys(ALL_REQUESTS):
        if name in EXPECTED.get(reached, {reached}) or (name == "SessionStopReq" and reached != DC[1]):
            continue
        async with laid(Setting(a_vehicle())) as table:
            await until(table, reached)
            header = head(table, bytes(8) if reached == DC[1] else None)
            wrong = replace_header(examples[name], header)
            response = table.secc.answer(wrong)
            assert refusal(response) == (name.replace("Req", "Res"), "FAILED_SequenceError"), reached
            to_frame(response)
            assert table.secc.failed
            assert not table.path_closed()


def replace_header(message: Element, header: m.MessageHeaderType) -> Element:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return type(message)(**(fields | {"Header": header}))


async def test_before_the_handshake_everything_is_out_of_order() -> None:
    async with laid(Setting(a_vehicle())) as table:
        response = table.secc.answer(m.SessionSetupReq(Header=head(table), EVCCID="A"))
        assert refusal(response) == ("SessionSetupRes", "FAILED_SequenceError")


@pytest.mark.parametrize("reached", DC[2:])
async def test_an_unknown_session_is_refused(reached: str) -> None:
    async with laid(Setting(a_vehicle())) as table:
        request = await until(table, reached)
        response = table.secc.answer(replace_header(request, head(table, b"\xff" * 8)))
        assert refusal(response) == (reached.replace("Req", "Res"), "FAILED_UnknownSession")
        to_frame(response)
        assert not table.path_closed()
        assert table.secc.failed


@pytest.mark.parametrize("reached", DC[2:])
async def test_session_stop_is_taken_anywhere(reached: str) -> None:
    async with laid(Setting(a_vehicle())) as table:
        await until(table, reached)
        stop = m.SessionStopReq(Header=head(table), ChargingSession="Terminate")
        assert refusal(table.secc.answer(stop)) == ("SessionStopRes", "OK")
        assert not table.path_closed()
        assert not table.secc.failed


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        (handshake(), "OK_SuccessfulNegotiation"),
        (handshake(minor=3), "OK_SuccessfulNegotiationWithMinorDeviation"),
        (handshake(major=2), "Failed_NoNegotiation"),
        (handshake("urn:din:70121:2012:MsgDef"), "Failed_NoNegotiation"),
    ],
)
async def test_handshakes(offer: supportedAppProtocolReq, code: str) -> None:
    async with laid(Setting(a_vehicle())) as table:
        response = table.secc.answer(offer)
        assert getattr(response, "ResponseCode", None) == code
        assert getattr(response, "SchemaID", None) == (None if code.startswith("Failed") else 7)
        assert table.secc.failed is code.startswith("Failed")


async def test_a_wrong_choice_is_refused() -> None:
    detail = m.ServiceDetailReq
    for service, parameters, code in (
        (9, 1, "FAILED_NoEnergyTransferServiceSelected"),
        (6, 3, "FAILED_ServiceSelectionInvalid"),
    ):
        async with laid(Setting(a_vehicle())) as table:
            await until(table, "ServiceSelectionReq")
            chosen = m.SelectedServiceType(ServiceID=service, ParameterSetID=parameters)
            asked = m.ServiceSelectionReq(Header=head(table), SelectedEnergyTransferService=chosen)
            assert refusal(table.secc.answer(asked)) == ("ServiceSelectionRes", code)
    async with laid(Setting(a_vehicle())) as table:
        await until(table, "ServiceDetailReq")
        response = table.secc.answer(detail(Header=head(table), ServiceID=9))
        assert refusal(response) == ("ServiceDetailRes", "FAILED_ServiceIDInvalid")


async def test_one_way_parameters_for_a_bidirectional_service_are_refused() -> None:
    async with laid(Setting(a_vehicle())) as table:
        await until(table, "DC_ChargeParameterDiscoveryReq")
        async with session(Setting(a_vehicle(bidirectional=False))) as other:
            other.evcc.stop()
            await other.advance(5)
        wrong = replace_header(other.traffic.last(m.DC_ChargeParameterDiscoveryReq), head(table))
        assert refusal(table.secc.answer(wrong)) == (
            "DC_ChargeParameterDiscoveryRes",
            "FAILED_WrongChargeParameter",
        )


async def test_a_start_with_a_schedule_that_was_not_offered_is_refused() -> None:
    setting = Setting(a_vehicle(), plan=replace(PLAN, control=Control.SCHEDULED))
    for profile, code in (
        (None, "FAILED_EVPowerProfileInvalid"),
        (profile_of(2, 1_000), "FAILED_ScheduleSelectionInvalid"),
        (profile_of(1, 99_000), "FAILED_EVPowerProfileViolation"),
    ):
        async with laid(setting) as table:
            await until(table, "PowerDeliveryReq")
            asked = m.PowerDeliveryReq(
                Header=head(table), EVProcessing="Finished", ChargeProgress="Start", EVPowerProfile=profile
            )
            assert refusal(table.secc.answer(asked)) == ("PowerDeliveryRes", code)
            assert not table.path_closed()


def profile_of(schedule: int, power_w: float) -> m.EVPowerProfileType:
    entry = m.PowerScheduleEntryType(Duration=60, Power=rational(power_w))
    return m.EVPowerProfileType(
        TimeAnchor=0,
        Scheduled_EVPPTControlMode=m.Scheduled_EVPPTControlModeType(SelectedScheduleTupleID=schedule),
        EVPowerProfileEntries=m.EVPowerProfileEntryListType(EVPowerProfileEntry=(entry,)),
    )


async def test_standby_is_not_allowed_and_breaks_nothing() -> None:
    async with laid(Setting(a_vehicle())) as table:
        await until(table, "DC_ChargeLoopReq")
        asked = m.PowerDeliveryReq(Header=head(table), EVProcessing="Finished", ChargeProgress="Standby")
        assert refusal(table.secc.answer(asked)) == ("PowerDeliveryRes", "WARNING_StandbyNotAllowed")
        assert table.path_closed()


# What a vehicle does not put up with


def forgeries() -> Iterator[Element]:
    header = m.MessageHeaderType(SessionID=bytes(7) + b"\1", TimeStamp=1)
    yield m.SessionStopRes(Header=header, ResponseCode="OK")
    yield m.AuthorizationSetupRes(
        Header=header,
        ResponseCode="FAILED",
        AuthorizationServices=("EIM",),
        CertificateInstallationService=False,
        EIM_ASResAuthorizationMode=m.EIM_ASResAuthorizationModeType(),
    )
    yield m.AuthorizationSetupRes(
        Header=header,
        ResponseCode="OK",
        AuthorizationServices=("PnC",),
        CertificateInstallationService=False,
        PnC_ASResAuthorizationMode=m.PnC_ASResAuthorizationModeType(GenChallenge=bytes(16)),
    )
    yield m.AuthorizationSetupRes(
        Header=m.MessageHeaderType(SessionID=b"\7" * 8, TimeStamp=1),
        ResponseCode="OK",
        AuthorizationServices=("EIM",),
        CertificateInstallationService=False,
        EIM_ASResAuthorizationMode=m.EIM_ASResAuthorizationModeType(),
    )
    yield handshake()


@pytest.mark.parametrize("forged", list(forgeries()), ids=lambda one: type(one).__name__)
async def test_a_vehicle_leaves_a_station_that_answers_wrong(forged: Element) -> None:
    setting = Setting(a_vehicle())
    async with laid(setting) as table, asyncio.TaskGroup() as tasks:
        table.start(tasks)
        end = table.station_end

        async def send(message: Element) -> None:
            wrong = type(message) is m.AuthorizationSetupRes
            await Watched.send(end, forged if wrong else message)

        end.send = send  # type: ignore[method-assign]
        await table.finish()
    assert table.endings == (Ending.BROKEN, Ending.LOST)
    assert table.evcc.failure


@pytest.mark.parametrize(
    ("value", "exponent", "whole"),
    [
        (10_000, 0, 10_000),
        (60_000, 1, 6_000),
        (26.63, -2, 2663),
        (0, 0, 0),
        (-7_000, 0, -7_000),
        (0.125, -3, 125),
    ],
)
def test_rational_numbers(value: float, exponent: int, whole: int) -> None:
    assert rational(value) == m.RationalNumberType(Exponent=exponent, Value=whole)
    assert number(m.RationalNumberType(Exponent=exponent, Value=whole)) == pytest.approx(value)


def test_a_number_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        rational(1e14)
