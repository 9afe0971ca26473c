"""ISO 15118-20 both ways over a memory channel, with a hand-set clock."""

import asyncio
from datetime import UTC, datetime

import pytest

from chargepoint_sim.clock import HandClock
from chargepoint_sim.ev.battery import Battery, BatteryModel
from chargepoint_sim.ev.vehicle import Current, DriverNeeds, PowerLimits, Vehicle, VehicleModel
from chargepoint_sim.iso15118 import messages
from chargepoint_sim.iso15118.channel import Body, ChannelClosed, MemoryChannel
from chargepoint_sim.iso15118.evcc import Evcc
from chargepoint_sim.iso15118.evcc import State as EvState
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.secc import Hardware, Secc
from chargepoint_sim.iso15118.secc import State as StationState
from chargepoint_sim.station.evse import Evse

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
RATING = PowerLimits(11_000, 11_000)
BATTERY = BatteryModel(60_000, 11_000, 10_000)


def a_vehicle(current: Current = Current.DC, bidirectional: bool = True, soc: float = 50.0) -> Vehicle:
    model = VehicleModel("test", BATTERY, bidirectional, current, 400.0 if current is Current.DC else 230.0)
    needs = DriverNeeds(target_soc=80, min_soc=20, v2x_min_soc=30, departure_s=3600)
    return Vehicle("EVCC01", model, Battery.at(BATTERY, soc), needs)


class Listening(MemoryChannel):
    """A channel end that writes down what it sends."""

    def __init__(self, clock: HandClock, message_clock: HandClock) -> None:
        super().__init__(clock, message_clock)
        self.sent: list[tuple[str, Body]] = []

    async def send(self, namespace: str, name: str, body: Body) -> None:
        assert namespace == messages.namespace_of(name)
        self.sent.append((name, body))
        await super().send(namespace, name, body)


class Bench:
    """A vehicle and an outlet on one table."""

    def __init__(self, vehicle: Vehicle, services: frozenset[int] = frozenset(messages.FLAVOURS)) -> None:
        self.clock = HandClock(START)
        self.vehicle = vehicle
        self.evse = Evse(1, RATING, self.clock)
        self.evse.plug(vehicle)
        self.evse.granted = Permission.GRANTED
        vehicle_end, station_end = Listening.pair(self.clock, self.clock)
        assert isinstance(vehicle_end, Listening)
        assert isinstance(station_end, Listening)
        self.vehicle_end, self.station_end = vehicle_end, station_end
        self.evcc = Evcc(vehicle_end, vehicle, self.clock)
        self.secc = Secc(station_end, self.evse, self.clock, Hardware("ZZTEST1", services))

    def start(self, tasks: asyncio.TaskGroup) -> tuple[asyncio.Task[Ending], asyncio.Task[Ending]]:
        return tasks.create_task(self.evcc.run()), tasks.create_task(self.secc.run())

    def requests(self) -> list[str]:
        """Names of all requests, each only once in a row."""
        names = [name for name, _ in self.vehicle_end.sent]
        return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]

    def vehicle_is(self, state: EvState) -> bool:
        return self.evcc.state is state

    async def until_loop(self) -> None:
        await self.clock.advance(1)
        assert self.evcc.state is EvState.LOOP


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


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("current", "sequence"), [(Current.DC, DC), (Current.AC, AC)])
async def test_the_whole_sequence_ended_by_the_driver(
    current: Current, sequence: list[str], bidirectional: bool
) -> None:
    bench = Bench(a_vehicle(current, bidirectional))
    async with asyncio.TaskGroup() as tasks:
        vehicle, station = bench.start(tasks)
        await bench.until_loop()
        assert bench.evse.power_w == 11_000
        await bench.clock.advance(60)
        bench.evcc.stop()
        bench.secc.nudge()
        await bench.clock.advance(1)
    assert (vehicle.result(), station.result()) == (Ending.BY_VEHICLE, Ending.BY_VEHICLE)
    assert bench.requests() == sequence
    assert not bench.evse.closed
    assert bench.secc.flavour == messages.flavour_for(current, bidirectional)


async def test_a_station_without_bidirectional_services_gets_a_one_way_session() -> None:
    bench = Bench(a_vehicle(), services=frozenset({2}))
    async with asyncio.TaskGroup() as tasks:
        bench.start(tasks)
        await bench.until_loop()
        bench.evse.set_limit(-7_000)
        bench.secc.nudge()
        await bench.clock.advance(1)
        assert bench.evse.power_w == 0
        bench.secc.terminate()
        await bench.clock.advance(1)


@pytest.mark.parametrize("current", list(Current))
async def test_setpoints_inside_a_session(current: Current) -> None:
    bench = Bench(a_vehicle(current))
    meter, battery = bench.evse.meter, bench.vehicle.battery
    async with asyncio.TaskGroup() as tasks:
        bench.start(tasks)
        await bench.until_loop()
        bench.evse.settle()
        meter.import_wh, start_wh = 0.0, battery.energy_wh
        for limit_w in (11_000.0, -10_000.0, 0.0, 3_600.0):
            bench.evse.set_limit(limit_w)
            bench.secc.nudge()
            await bench.clock.advance(0)
            assert bench.evse.power_w == limit_w
            assert bench.evcc.power_w == pytest.approx(limit_w, rel=0.001)
            await bench.clock.advance(360)
        bench.evse.settle()
        assert meter.import_wh == pytest.approx(11_000 * 0.1 + 3_600 * 0.1)
        assert meter.export_wh == pytest.approx(10_000 * 0.1)
        assert battery.energy_wh == pytest.approx(start_wh + 1_460 * 0.95 - 1_000 / 0.95)
        assert bench.evse.soc == int(battery.soc)
        bench.evcc.stop()
        bench.secc.nudge()
        await bench.clock.advance(1)


async def test_dc_discharge_is_published_as_limits_and_a_negative_current() -> None:
    bench = Bench(a_vehicle())
    async with asyncio.TaskGroup() as tasks:
        bench.start(tasks)
        await bench.until_loop()
        bench.evse.set_limit(-7_000)
        bench.secc.nudge()
        await bench.clock.advance(0)
        name, body = bench.station_end.sent[-1]
        mode = messages.part(body, "BPT_Dynamic_DC_CLResControlMode")
        assert name == "DC_ChargeLoopRes"
        assert mode["EVSEMaximumChargePower"] == {"Exponent": 0, "Value": 0}
        assert mode["EVSEMaximumDischargePower"] == {"Exponent": 0, "Value": 7000}
        assert body["EVSEPresentCurrent"] == {"Exponent": -1, "Value": -175}
        bench.secc.terminate()
        await bench.clock.advance(1)


async def test_discharge_stops_at_the_v2x_minimum_and_is_possible_again_after_charging() -> None:
    bench = Bench(a_vehicle(soc=30.5))
    async with asyncio.TaskGroup() as tasks:
        bench.start(tasks)
        await bench.until_loop()
        bench.evse.set_limit(-10_000)
        await bench.clock.advance(1800)
        assert bench.evse.power_w == 0
        assert bench.vehicle.battery.soc == pytest.approx(30, abs=0.01)
        assert bench.evse.vehicle is not None
        assert bench.evse.vehicle.ability.discharge_w == 0
        assert bench.evse.vehicle.requests.v2x_minimum_wh == pytest.approx(0, abs=1)
        bench.evse.set_limit(11_000)
        await bench.clock.advance(600)
        bench.evse.set_limit(-5_000)
        await bench.clock.advance(10)
        assert bench.evse.power_w == -5_000
        bench.secc.terminate()
        await bench.clock.advance(10)


async def test_the_station_ends_the_session() -> None:
    bench = Bench(a_vehicle())
    async with asyncio.TaskGroup() as tasks:
        vehicle, station = bench.start(tasks)
        await bench.until_loop()
        bench.secc.terminate()
        await bench.clock.advance(0)
    assert (vehicle.result(), station.result()) == (Ending.BY_STATION, Ending.BY_STATION)
    assert bench.requests() == DC


async def test_authorisation_is_waited_for() -> None:
    bench = Bench(a_vehicle())
    bench.evse.granted = Permission.PENDING
    async with asyncio.TaskGroup() as tasks:
        bench.start(tasks)
        await bench.clock.advance(300)
        assert bench.vehicle_is(EvState.AUTHORIZATION)
        bench.evse.granted = Permission.GRANTED
        bench.secc.nudge()
        await bench.clock.advance(0)
        assert bench.vehicle_is(EvState.LOOP)
        bench.secc.terminate()
        await bench.clock.advance(1)


async def test_a_refused_driver_gets_a_warning_and_no_energy() -> None:
    bench = Bench(a_vehicle())
    bench.evse.granted = Permission.REFUSED
    async with asyncio.TaskGroup() as tasks:
        _, station = bench.start(tasks)
        await bench.clock.advance(1)
        assert bench.station_end.sent[-1][1]["ResponseCode"] == "WARNING_EIMAuthorizationFailure"
        bench.evcc.stop()
        bench.secc.nudge()
        await bench.clock.advance(10)
    assert station.result() is Ending.BY_VEHICLE
    assert not bench.evse.closed


async def test_the_needs_reach_the_station() -> None:
    bench = Bench(a_vehicle(soc=55))
    told: list[ChargingNeeds] = []
    bench.evse.on_needs = told.append
    async with asyncio.TaskGroup() as tasks:
        bench.start(tasks)
        await bench.until_loop()
        bench.secc.terminate()
        await bench.clock.advance(1)
    (needs,) = told
    assert needs.evccid == "EVCC01"
    assert needs.bidirectional
    assert needs.departure_in_s == pytest.approx(3600)
    assert needs.capacity_wh == pytest.approx(60_000)
    assert needs.soc == pytest.approx(55)
    assert needs.requests.target_wh == pytest.approx(15_000)
    assert needs.requests.v2x_minimum_wh == pytest.approx(-15_000)
    assert needs.rating == PowerLimits(11_000, 10_000)


async def test_a_vanished_vehicle_opens_the_contactor_at_once() -> None:
    bench = Bench(a_vehicle())
    async with asyncio.TaskGroup() as tasks:
        _, station = bench.start(tasks)
        await bench.until_loop()
        bench.vehicle_end.close()
        await bench.clock.advance(0)
    assert station.result() is Ending.LOST
    assert not bench.evse.closed
    assert bench.evse.power_w == 0


async def test_a_silent_vehicle_is_given_20_seconds_and_then_a_minute() -> None:
    bench = Bench(a_vehicle())
    async with asyncio.TaskGroup() as tasks:
        station = tasks.create_task(bench.secc.run())
        await bench.clock.advance(19)
        offer = {"ProtocolNamespace": messages.flavour_for(Current.DC, True).namespace, "SchemaID": 1}
        body: Body = {"AppProtocol": [offer | {"Priority": 1}]}
        await bench.vehicle_end.send(messages.SAP, "supportedAppProtocolReq", body)
        await bench.clock.advance(59)
        assert not station.done()
        await bench.clock.advance(2)
    assert station.result() is Ending.LOST


async def test_a_station_that_does_not_answer_is_left() -> None:
    clock = HandClock(START)
    vehicle_end, _ = MemoryChannel.pair(clock, clock)
    async with asyncio.TaskGroup() as tasks:
        vehicle = tasks.create_task(Evcc(vehicle_end, a_vehicle(), clock).run())
        await clock.advance(1.9)
        assert not vehicle.done()
        await clock.advance(0.2)
    assert vehicle.result() is Ending.LOST


class Scripted:
    """A vehicle played by hand against a station."""

    def __init__(self) -> None:
        self.bench = Bench(a_vehicle())
        self.secc = self.bench.secc

    def header(self, session_id: str | None = None) -> Body:
        return {"Header": {"SessionID": session_id or self.secc.session_id, "TimeStamp": 1}}

    def ask(self, stem: str, body: Body | None = None, session_id: str | None = None) -> tuple[str, Body]:
        return self.secc.answer(f"{stem}Req", self.header(session_id) | (body or {}))


async def reached(state: StationState) -> Scripted:
    """A station whose state was brought about by a real vehicle."""
    script = Scripted()
    bench = script.bench
    script.secc._channel = bench.station_end
    async with asyncio.TaskGroup() as tasks:
        vehicle = tasks.create_task(bench.evcc.run())
        while script.secc.state is not state:
            name, body = await bench.station_end.recv(1)
            answered, response = script.secc.answer(name, body)
            if script.secc.state is state:
                vehicle.cancel()
                break
            bench.evcc.stopping = script.secc.state is StationState.LOOP
            await bench.station_end.send(messages.namespace_of(answered), answered, response)
    return script


WRONG = {
    StationState.PROTOCOL: "SessionSetup",
    StationState.SETUP: "AuthorizationSetup",
    StationState.AUTHORIZATION_SETUP: "ServiceDiscovery",
    StationState.AUTHORIZATION: "ServiceDiscovery",
    StationState.DISCOVERY: "ServiceSelection",
    StationState.SELECTION: "DC_ChargeParameterDiscovery",
    StationState.PARAMETERS: "ScheduleExchange",
    StationState.SCHEDULE: "DC_CableCheck",
    StationState.CABLE_CHECK: "DC_PreCharge",
    StationState.PRE_CHARGE: "DC_ChargeLoop",
    StationState.POWER_ON: "DC_ChargeLoop",
    StationState.LOOP: "DC_PreCharge",
    StationState.WELDING: "DC_ChargeLoop",
}


@pytest.mark.parametrize("state", list(WRONG))
async def test_the_wrong_request_gets_its_own_response_and_ends_the_session(state: StationState) -> None:
    script = await reached(state) if state is not StationState.PROTOCOL else Scripted()
    name, body = script.ask(WRONG[state])
    assert name == f"{WRONG[state]}Res"
    assert body["ResponseCode"] == "FAILED_SequenceError"
    assert script.secc.state is StationState.FAILED
    assert not script.bench.evse.closed


@pytest.mark.parametrize("stem", ["AC_ChargeLoop", "AC_ChargeParameterDiscovery"])
async def test_an_ac_message_in_a_dc_session_is_out_of_order(stem: str) -> None:
    script = await reached(StationState.LOOP)
    name, body = script.ask(stem)
    assert (name, body["ResponseCode"]) == (f"{stem}Res", "FAILED_SequenceError")


async def test_an_unknown_session_is_refused() -> None:
    script = await reached(StationState.LOOP)
    assert script.bench.evse.closed
    name, body = script.ask("DC_ChargeLoop", session_id="FFFFFFFFFFFFFFFF")
    assert (name, body["ResponseCode"]) == ("DC_ChargeLoopRes", "FAILED_UnknownSession")
    assert not script.bench.evse.closed


async def test_session_stop_is_taken_anywhere() -> None:
    for state in (StationState.AUTHORIZATION, StationState.SCHEDULE, StationState.LOOP):
        script = await reached(state)
        name, body = script.ask("SessionStop", {"ChargingSession": "Terminate"})
        assert (name, body["ResponseCode"]) == ("SessionStopRes", "OK")
        assert script.secc.state is StationState.END
        assert not script.bench.evse.closed


async def test_what_is_no_request_of_the_standard_ends_the_talk() -> None:
    with pytest.raises(ChannelClosed):
        Scripted().secc.answer("CurrentDemandReq", {})


@pytest.mark.parametrize(
    ("value", "exponent", "number"),
    [
        (10_000, 0, 10_000),
        (60_000, 1, 6_000),
        (26.63, -2, 2663),
        (0, 0, 0),
        (-7_000, 0, -7_000),
        (0.125, -3, 125),
    ],
)
def test_rational_numbers(value: float, exponent: int, number: int) -> None:
    assert messages.rational(value) == {"Exponent": exponent, "Value": number}
    assert messages.number({"Exponent": exponent, "Value": number}) == pytest.approx(value)
