"""ISO 15118-2 both ways: the same table, another dialect; nothing ever flows back."""

from dataclasses import replace
from ssl import SSLContext

import pytest

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.evcc import Plan
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.pki import Curve, make_pki
from chargepoint_sim.iso15118.protocols import from_frame, to_frame
from chargepoint_sim.iso15118.secc import Hardware, Memory
from chargepoint_sim.iso15118.services import Wish, service_for
from chargepoint_sim.iso15118.tls import station_context, vehicle_context
from chargepoint_sim.iso15118.v2 import messages as m
from chargepoint_sim.iso15118.v2 import vehicle
from chargepoint_sim.iso15118.v2.values import number, physical, whole
from chargepoint_sim.iso15118.v2.vehicle import State, evccid_bytes
from chargepoint_sim.iso15118.v2gtp import Frames
from chargepoint_sim.iso15118.v20 import vehicle as vehicle_20
from tests.unit.chargepoint_sim.iso15118.table import Over, Setting, Table, a_vehicle, laid, session

PLAN = Plan(vehicle.DIALECTS)
COMMON = [
    "SessionSetupReq",
    "ServiceDiscoveryReq",
    "PaymentServiceSelectionReq",
    "AuthorizationReq",
    "ChargeParameterDiscoveryReq",
]
DC = [
    *COMMON,
    "CableCheckReq",
    "PreChargeReq",
    "PowerDeliveryReq",
    "CurrentDemandReq",
    "PowerDeliveryReq",
    "WeldingDetectionReq",
    "SessionStopReq",
]
AC = [*COMMON, "PowerDeliveryReq", "ChargingStatusReq", "PowerDeliveryReq", "SessionStopReq"]
SEQUENCES = {Current.AC: AC, Current.DC: DC}


def body(message: Element) -> Element | None:
    return message.Body.BodyElement if isinstance(message, m.V2G_Message) else None


def names(table: Table, ending: str = "Req") -> list[str]:
    """Names of bodies, each only once in a row."""
    found = [type(one).__name__ for one in map(body, table.traffic.sent) if one is not None]
    found = [name for name in found if name.endswith(ending)]
    return [name for number, name in enumerate(found) if number == 0 or found[number - 1] != name]


async def to_the_loop(table: Table) -> None:
    await table.advance(3)
    assert table.evcc.state is State.LOOP


@pytest.mark.parametrize("current", list(Current))
async def test_the_whole_sequence_ended_by_the_driver(current: Current) -> None:
    async with session(Setting(a_vehicle(current), plan=PLAN)) as table:
        await to_the_loop(table)
        await table.advance(60)
        assert table.evse.power_w == pytest.approx(11_000, rel=0.001)
        assert table.evcc.power_w == pytest.approx(11_000, rel=0.001)
        table.evcc.stop()
        await table.advance(5)
    assert table.endings == (Ending.BY_VEHICLE, Ending.BY_VEHICLE)
    assert names(table) == SEQUENCES[current]
    assert not table.path_closed()
    assert table.secc.service == service_for(current, bidirectional=False)


@pytest.mark.parametrize("current", list(Current))
async def test_a_negative_limit_is_no_power_and_a_positive_one_is_followed(current: Current) -> None:
    async with session(Setting(a_vehicle(current), plan=PLAN)) as table:
        await to_the_loop(table)
        for limit_w, power_w in ((-7_000.0, 0.0), (3_680.0, 3_680.0), (0.0, 0.0), (11_000.0, 11_000.0)):
            table.evse.set_limit(limit_w)
            await table.advance(10)
            assert table.evse.power_w == pytest.approx(power_w, abs=1)
            assert table.evcc.power_w == pytest.approx(power_w, abs=1)
        table.evse.settle()
        assert table.evse.meter.export_wh == 0
        table.secc.terminate()
        await table.advance(5)
    assert table.endings == (Ending.BY_STATION, Ending.BY_STATION)


@pytest.mark.parametrize("current", list(Current))
async def test_the_needs_reach_the_station(current: Current) -> None:
    told: list[ChargingNeeds] = []
    async with session(Setting(a_vehicle(current), plan=PLAN, on_needs=told.append)) as table:
        await to_the_loop(table)
        table.secc.terminate()
    (needs,) = told
    assert (needs.current, needs.bidirectional) == (current, False)
    assert needs.evccid == evccid_bytes("EVCC01").hex().upper()
    assert needs.rating.charge_w == pytest.approx(11_000, abs=5)
    assert needs.rating.discharge_w == 0
    assert needs.departure_in_s == 3600
    assert needs.requests.target_wh == 18_000
    assert needs.requests.v2x_minimum_wh == 0
    if current is Current.DC:
        assert (needs.soc, needs.capacity_wh) == (50, 60_000)


async def played(setting: Setting) -> list[Element]:
    async with session(setting) as table:
        await to_the_loop(table)
        for limit_w in (-7_000.0, 3_600.0):
            table.evse.set_limit(limit_w)
            await table.advance(12)
        table.secc.wish = Wish.NEW_SCHEDULE
        await table.advance(12)
        assert table.evcc.state is State.LOOP
        table.secc.wish = Wish.STOP
        await table.advance(6)
    return table.traffic.sent


@pytest.mark.parametrize("current", list(Current))
async def test_a_scenario_has_the_same_trace_in_memory_and_on_the_wire(
    current: Current, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pki = make_pki(tmp_path_factory.mktemp("pki"), Curve.P256)
    tls: tuple[SSLContext, SSLContext] = station_context(pki.station), vehicle_context(pki.vehicle)
    traces = {over: await played(Setting(a_vehicle(current), over, PLAN, tls=tls)) for over in Over}
    assert len(traces[Over.MEMORY]) > 30
    assert traces[Over.TCP] == traces[Over.MEMORY]
    assert traces[Over.TLS] == traces[Over.MEMORY]
    for number_, message in enumerate(traces[Over.MEMORY]):
        ((payload_type, payload),) = Frames().feed(to_frame(message))
        assert from_frame(payload_type, payload, agreed=number_ > 1) == message


@pytest.mark.parametrize("both", [True, False])
async def test_of_two_protocols_the_first_offered_is_taken(both: bool) -> None:
    dialects = (*vehicle_20.DIALECTS, *vehicle.DIALECTS) if both else vehicle.DIALECTS
    async with session(Setting(a_vehicle(), plan=replace(PLAN, dialects=dialects))) as table:
        await table.advance(3)
        assert (table.secc.service == service_for(Current.DC, bidirectional=True)) is both
        table.evcc.stop()
        await table.advance(5)


@pytest.mark.parametrize("by_station", [True, False])
async def test_a_new_schedule_is_talked_about_while_energy_flows(by_station: bool) -> None:
    told: list[ChargingNeeds] = []
    async with session(Setting(a_vehicle(), plan=PLAN, on_needs=told.append)) as table:
        await to_the_loop(table)
        (table.secc if by_station else table.evcc).want(Wish.NEW_SCHEDULE)
        await table.advance(6)
        assert table.path_closed()
        assert len(told) == 2
        assert names(table).count("CableCheckReq") == 1
        table.secc.terminate()


async def test_a_paused_session_is_gone_on_with() -> None:
    memory = Memory(new_session_id=lambda: b"\x01" * 8)
    async with session(Setting(a_vehicle(), plan=PLAN, memory=memory)) as table:
        await to_the_loop(table)
        table.evcc.want(Wish.PAUSE)
        await table.advance(5)
    assert table.endings == (Ending.PAUSED, Ending.PAUSED)
    memory.new_session_id = lambda: b"\x02" * 8
    plan = replace(PLAN, session_id=table.evcc.session_id)
    async with session(Setting(a_vehicle(), plan=plan, memory=memory)) as table:
        await to_the_loop(table)
        assert table.evcc.resumed
        assert table.secc.session_id == b"\x01" * 8
        table.secc.terminate()


async def test_a_refused_driver_gets_no_energy() -> None:
    async with session(Setting(a_vehicle(), plan=PLAN, granted=Permission.REFUSED)) as table:
        await table.advance(1)
    assert table.endings == (Ending.BROKEN, Ending.BROKEN)
    assert "FAILED" in table.evcc.failure


async def test_authorisation_is_waited_for() -> None:
    async with session(Setting(a_vehicle(), plan=PLAN, granted=Permission.PENDING)) as table:
        await table.advance(300)
        assert table.evcc.state is State.AUTHORIZATION
        table.evse.granted = Permission.GRANTED
        await table.advance(8)
        table.secc.terminate()


TIMEOUTS_S = {
    "SessionSetupReq": 2.0,
    "AuthorizationReq": 2.0,
    "PowerDeliveryReq": 5.0,
    "CurrentDemandReq": 0.25,
}


async def until(table: Table, name: str) -> m.V2G_Message:
    """The real vehicle's request, after all before it were answered."""
    while True:
        request = await table.station_end.recv(10)
        if type(body(request)).__name__ == name:
            assert isinstance(request, m.V2G_Message)
            return request
        await table.station_end.send(table.secc.answer(request))


@pytest.mark.parametrize("name", list(TIMEOUTS_S))
async def test_a_station_that_falls_silent_is_left_in_time(name: str) -> None:
    async with laid(Setting(a_vehicle(), plan=PLAN)) as table:
        table.begin_vehicle()
        await until(table, name)
        await table.clock.advance(TIMEOUTS_S[name] - 0.01)
        assert not table.vehicle_done()
        await table.clock.advance(0.02)
        assert table.vehicle_done()


async def test_a_cable_check_may_take_40_seconds_and_no_more() -> None:
    for takes_s, ending in ((35.0, Ending.BY_STATION), (60.0, Ending.BROKEN)):
        hardware = Hardware("ZZTEST1", cable_check_s=takes_s)
        async with session(Setting(a_vehicle(), plan=PLAN, hardware=hardware)) as table:
            await table.advance(50)
            table.secc.terminate()
            await table.advance(6)
        assert table.endings[0] is ending


def code_of(response: Element) -> tuple[str, str]:
    found = body(response)
    return type(found).__name__, str(getattr(found, "ResponseCode", ""))


EXPECTED = {
    "PaymentServiceSelectionReq": {"PaymentServiceSelectionReq", "ServiceDetailReq"},
    "PreChargeReq": {"PreChargeReq", "PowerDeliveryReq"},
    "PowerDeliveryReq": {"PreChargeReq", "PowerDeliveryReq"},
    "CurrentDemandReq": {"CurrentDemandReq", "PowerDeliveryReq"},
}


async def examples() -> dict[str, Element]:
    found: dict[str, Element] = {}
    for current in Current:
        async with session(Setting(a_vehicle(current), plan=PLAN)) as table:
            await to_the_loop(table)
            table.evcc.stop()
            await table.advance(5)
        bodies = [one for one in map(body, table.traffic.sent) if one is not None]
        found |= {type(one).__name__: one for one in bodies if type(one).__name__.endswith("Req")}
    return found


@pytest.mark.parametrize("reached", [name for name in dict.fromkeys(DC) if "Welding" not in name][:-1])
async def test_every_wrong_request_gets_its_own_response_and_ends_the_session(reached: str) -> None:
    for name, wrong in (await examples()).items():
        if name in EXPECTED.get(reached, {reached}) or (name == "SessionStopReq" and reached != DC[0]):
            continue
        async with laid(Setting(a_vehicle(), plan=PLAN)) as table:
            table.begin_vehicle()
            await until(table, reached)
            session_id = bytes(8) if reached == DC[0] else table.secc.session_id
            response = table.secc.answer(whole(session_id, wrong))  # type: ignore[arg-type]
            assert code_of(response) == (name.replace("Req", "Res"), "FAILED_SequenceError")
            to_frame(response)
            assert table.secc.failed
            assert not table.path_closed()


@pytest.mark.parametrize("reached", list(dict.fromkeys(DC))[1:9])
async def test_an_unknown_session_is_refused(reached: str) -> None:
    async with laid(Setting(a_vehicle(), plan=PLAN)) as table:
        table.begin_vehicle()
        asked = (await until(table, reached)).Body.BodyElement
        assert asked is not None
        response = table.secc.answer(whole(b"\xff" * 8, asked))
        assert code_of(response) == (reached.replace("Req", "Res"), "FAILED_UnknownSession")
        to_frame(response)
        assert not table.path_closed()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("Contract", 1), "FAILED_PaymentSelectionInvalid"),
        (("ExternalPayment", 2), "FAILED_NoChargeServiceSelected"),
    ],
)
async def test_a_wrong_choice_is_refused(asked: tuple[m.paymentOptionType, int], code: str) -> None:
    async with laid(Setting(a_vehicle(), plan=PLAN)) as table:
        table.begin_vehicle()
        await until(table, "PaymentServiceSelectionReq")
        chosen = m.SelectedServiceListType(SelectedService=(m.SelectedServiceType(ServiceID=asked[1]),))
        request = m.PaymentServiceSelectionReq(SelectedPaymentOption=asked[0], SelectedServiceList=chosen)
        response = table.secc.answer(whole(table.secc.session_id, request))
        assert code_of(response) == ("PaymentServiceSelectionRes", code)


async def test_an_energy_transfer_mode_that_is_not_there_is_refused() -> None:
    async with laid(Setting(a_vehicle(), plan=PLAN)) as table:
        table.begin_vehicle()
        asked = (await until(table, "ChargeParameterDiscoveryReq")).Body.BodyElement
        assert isinstance(asked, m.ChargeParameterDiscoveryReq)
        for mode, code in (
            ("DC_unique", "FAILED_WrongEnergyTransferMode"),
            ("AC_three_phase_core", "FAILED_WrongChargeParameter"),
        ):
            wrong = m.ChargeParameterDiscoveryReq(
                RequestedEnergyTransferMode=mode,  # type: ignore[arg-type]
                EVChargeParameter=asked.EVChargeParameter,
            )
            response = table.secc.answer(whole(table.secc.session_id, wrong))
            assert code_of(response) == ("ChargeParameterDiscoveryRes", code)


@pytest.mark.parametrize(
    ("value", "multiplier", "scaled"),
    [(230, 0, 230), (15.942, -3, 15942), (60_000, 1, 6_000), (-0.5, -1, -5)],
)
def test_physical_values(value: float, multiplier: int, scaled: int) -> None:
    assert physical(value, "W") == m.PhysicalValueType(Multiplier=multiplier, Unit="W", Value=scaled)
    assert number(physical(value, "W")) == pytest.approx(value)


def test_a_value_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        physical(1e9, "W")


def test_an_evccid_is_six_bytes_in_iso_15118_2() -> None:
    assert evccid_bytes("0011223344AB") == bytes.fromhex("0011223344AB")
    assert evccid_bytes("WMIV1234567890ABCDEX") == b"ABCDEX"
    assert evccid_bytes("AB") == bytes(5) + b"\xab"
