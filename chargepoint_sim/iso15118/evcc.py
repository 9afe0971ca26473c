"""The vehicle's end of ISO 15118-20: always the one that asks.

`_STEPS` is the state machine: which request belongs to a state, and what its answer leads to.
Dynamic control, external identification (EIM); AC and DC, one-way and bidirectional.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import cast

from chargepoint_sim.clock import Clock
from chargepoint_sim.ev.vehicle import Current, Vehicle
from chargepoint_sim.iso15118 import messages
from chargepoint_sim.iso15118.channel import Body, Channel, ChannelClosed
from chargepoint_sim.iso15118.messages import NO_SESSION, Flavour
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, VehicleState

_POLL_S = 1.0  # between two questions while the station says "Ongoing"
_LONGEST_POLL_S = 5.0


class State(StrEnum):
    """Where the vehicle is in the sequence."""

    PROTOCOL = auto()
    SETUP = auto()
    AUTHORIZATION_SETUP = auto()
    AUTHORIZATION = auto()
    DISCOVERY = auto()
    DETAIL = auto()
    SELECTION = auto()
    PARAMETERS = auto()
    SCHEDULE = auto()
    CABLE_CHECK = auto()
    PRE_CHARGE = auto()
    POWER_ON = auto()
    LOOP = auto()
    POWER_OFF = auto()
    WELDING = auto()
    STOP = auto()
    END = auto()


class SessionFailed(Exception):
    """The station answered with a failure, or with another message than the one asked for."""


@dataclass(frozen=True)
class MessageTimeouts:
    """How long the vehicle waits for an answer, s."""

    ordinary: float = 2.0
    service_detail: float = 5.0
    charge_loop: float = 0.5

    def of(self, state: State) -> float:
        """The time-out in a state."""
        if state is State.DETAIL:
            return self.service_detail
        return self.charge_loop if state is State.LOOP else self.ordinary


class Evcc:
    """One charging session of a vehicle. `power_w` is what flows (+ into the vehicle)."""

    def __init__(
        self,
        channel: Channel,
        vehicle: Vehicle,
        clock: Clock,
        loop_period_s: float = 5.0,
        timeouts: MessageTimeouts | None = None,
    ) -> None:
        self.vehicle = vehicle
        self.clock = clock
        self.flavour = messages.flavour_for(vehicle.model.current, vehicle.model.bidirectional)
        self.state = State.PROTOCOL
        self.session_id = NO_SESSION
        self.power_w = 0.0
        self.stopping = False
        self.terminated_by_station = False
        self._channel = channel
        self._loop_period_s = loop_period_s
        self._timeouts = timeouts or MessageTimeouts()
        self._polls = 0

    def stop(self) -> None:
        """The driver leaves: end the session at the next turn of the charge loop."""
        self.stopping = True

    async def run(self) -> Ending:
        """Charge until the driver or the station ends it."""
        try:
            while self.state is not State.END:
                await self._turn()
        except (TimeoutError, ChannelClosed):
            return Ending.LOST
        except SessionFailed:
            return Ending.BROKEN
        finally:
            self.power_w = 0.0
            self._channel.close()
        return Ending.BY_STATION if self.terminated_by_station else Ending.BY_VEHICLE

    async def _turn(self) -> None:
        """One request, its answer, and the pause after it."""
        step, asked_in = _STEPS[self.state], self.state
        stem = step.stem(self)
        namespace = messages.namespace_of(stem)
        header: Body = {} if self.state is State.PROTOCOL else {"Header": self._header()}
        await self._channel.send(namespace, f"{stem}Req", header | step.request(self))
        name, body = await self._channel.recv(self._timeouts.of(self.state))
        code = str(body.get("ResponseCode", ""))
        if name != f"{stem}Res" or code.upper().startswith("FAILED"):
            raise SessionFailed(name, code)
        self.state = step.answer(self, body)
        if self.state is not asked_in:
            self._polls = 0
        elif self.state is State.LOOP:
            await self._channel.pause(self._loop_period_s)
        else:
            self._polls += 1
            await self._channel.pause(min(_LONGEST_POLL_S, _POLL_S * self._polls))

    def _header(self) -> Body:
        return {"SessionID": self.session_id, "TimeStamp": int(self.clock.now().timestamp())}

    def departure_in_s(self) -> float | None:
        """Seconds until the driver leaves."""
        departure = self.vehicle.needs.departure_s
        return None if departure is None else departure - self.clock.monotonic()

    def vehicle_state(self) -> VehicleState:
        """What the charge loop tells of the vehicle."""
        return VehicleState(
            ability=self.vehicle.ability(),
            requests=self.vehicle.requests(),
            bidirectional=self.vehicle.model.bidirectional,
            soc=self.vehicle.battery.soc,
            departure_in_s=self.departure_in_s(),
        )


@dataclass(frozen=True)
class _Step:
    """What is asked in a state: the message's stem, its request, and what its answer leads to."""

    stem: Callable[[Evcc], str]
    request: Callable[[Evcc], Body]
    answer: Callable[[Evcc, Body], State]


def _named(name: str) -> Callable[[Evcc], str]:
    return lambda evcc: name


def _empty(evcc: Evcc) -> Body:
    return {}


def _then(state: State) -> Callable[[Evcc, Body], State]:
    return lambda evcc, body: state


def _when_finished(here: State, following: State) -> Callable[[Evcc, Body], State]:
    return lambda evcc, body: following if body["EVSEProcessing"] == "Finished" else here


def _protocol_request(evcc: Evcc) -> Body:
    offer = {
        "ProtocolNamespace": evcc.flavour.namespace,
        "VersionNumberMajor": 1,
        "VersionNumberMinor": 0,
        "SchemaID": 1,
        "Priority": 1,
    }
    return {"AppProtocol": [offer]}


def _keep_session(evcc: Evcc, body: Body) -> State:
    evcc.session_id = str(messages.part(body, "Header")["SessionID"])
    return State.AUTHORIZATION_SETUP


def _authorization_request(evcc: Evcc) -> Body:
    return {"SelectedAuthorizationService": "EIM", "EIM_AReqAuthorizationMode": {}}


def _authorization_answer(evcc: Evcc, body: Body) -> State:
    if evcc.stopping:
        return State.STOP
    refused = str(body["ResponseCode"]).startswith("WARNING")
    return State.DISCOVERY if body["EVSEProcessing"] == "Finished" and not refused else State.AUTHORIZATION


def _choose_service(evcc: Evcc, body: Body) -> State:
    """Bidirectional if both can, else one-way."""
    services = cast("list[Body]", messages.part(body, "EnergyTransferServiceList")["Service"])
    offered = {service["ServiceID"] for service in services}
    one_way = messages.flavour_for(evcc.flavour.current, bidirectional=False)
    for flavour in (evcc.flavour, one_way):
        if flavour.service_id in offered:
            evcc.flavour = flavour
            return State.DETAIL
    raise SessionFailed("ServiceDiscoveryRes", "no service in common")


def _selection_request(evcc: Evcc) -> Body:
    chosen = {"ServiceID": evcc.flavour.service_id, "ParameterSetID": 1}
    return {"SelectedEnergyTransferService": chosen}


def _parameters_request(evcc: Evcc) -> Body:
    model, flavour = evcc.vehicle.model, evcc.flavour
    mode = messages.discovery_elements("EV", flavour, evcc.vehicle.rating(), model.voltage_v)
    if flavour.current is Current.DC:
        mode["TargetSOC"] = round(evcc.vehicle.needs.target_soc)
    return {flavour.discovery_mode("Req"): mode}


def _schedule_request(evcc: Evcc) -> Body:
    model, needs = evcc.vehicle.model, evcc.vehicle.needs
    told = ChargingNeeds(
        evccid=evcc.vehicle.evccid,
        current=model.current,
        bidirectional=evcc.flavour.bidirectional,
        rating=evcc.vehicle.rating(),
        max_current_a=model.battery.max_charge_w / model.voltage_v,
        max_voltage_v=model.voltage_v,
        requests=evcc.vehicle.requests(),
        departure_in_s=evcc.departure_in_s(),
    )
    return messages.schedule_request(told, needs.target_soc, needs.min_soc)


def _schedule_answer(evcc: Evcc, body: Body) -> State:
    if body["EVSEProcessing"] != "Finished":
        return State.SCHEDULE
    return State.CABLE_CHECK if evcc.flavour.current is Current.DC else State.POWER_ON


def _pre_charge_request(evcc: Evcc) -> Body:
    voltage = messages.rational(evcc.vehicle.model.voltage_v)
    return {"EVProcessing": "Finished", "EVPresentVoltage": voltage, "EVTargetVoltage": voltage}


def _power_request(progress: str) -> Callable[[Evcc], Body]:
    return lambda evcc: {"EVProcessing": "Finished", "ChargeProgress": progress}


def _loop_request(evcc: Evcc) -> Body:
    model, needs = evcc.vehicle.model, evcc.vehicle.needs
    display: Body = {
        "MinimumSOC": round(needs.min_soc),
        "TargetSOC": round(needs.target_soc),
        "MaximumSOC": round(needs.max_soc),
        "ChargingComplete": evcc.vehicle.battery.soc >= needs.max_soc,
        "BatteryEnergyCapacity": messages.rational(model.battery.capacity_wh),
    }
    return messages.loop_request(evcc.flavour, evcc.vehicle_state(), display, model.voltage_v)


def _loop_answer(evcc: Evcc, body: Body) -> State:
    evcc.power_w, _ = messages.read_loop_response(evcc.flavour, body)
    if "EVSEStatus" in body and messages.part(body, "EVSEStatus")["EVSENotification"] == "Terminate":
        evcc.terminated_by_station = True
    return State.POWER_OFF if evcc.stopping or evcc.terminated_by_station else State.LOOP


def _power_off_answer(evcc: Evcc, body: Body) -> State:
    evcc.power_w = 0.0
    return State.WELDING if evcc.flavour.current is Current.DC else State.STOP


def _stop_request(evcc: Evcc) -> Body:
    return {"ChargingSession": "Terminate"}


_STEPS: dict[State, _Step] = {
    State.PROTOCOL: _Step(_named("supportedAppProtocol"), _protocol_request, _then(State.SETUP)),
    State.SETUP: _Step(_named("SessionSetup"), lambda evcc: {"EVCCID": evcc.vehicle.evccid}, _keep_session),
    State.AUTHORIZATION_SETUP: _Step(_named("AuthorizationSetup"), _empty, _then(State.AUTHORIZATION)),
    State.AUTHORIZATION: _Step(_named("Authorization"), _authorization_request, _authorization_answer),
    State.DISCOVERY: _Step(_named("ServiceDiscovery"), _empty, _choose_service),
    State.DETAIL: _Step(
        _named("ServiceDetail"),
        lambda evcc: {"ServiceID": evcc.flavour.service_id},
        _then(State.SELECTION),
    ),
    State.SELECTION: _Step(_named("ServiceSelection"), _selection_request, _then(State.PARAMETERS)),
    State.PARAMETERS: _Step(lambda evcc: evcc.flavour.parameters, _parameters_request, _then(State.SCHEDULE)),
    State.SCHEDULE: _Step(_named("ScheduleExchange"), _schedule_request, _schedule_answer),
    State.CABLE_CHECK: _Step(
        _named("DC_CableCheck"), _empty, _when_finished(State.CABLE_CHECK, State.PRE_CHARGE)
    ),
    State.PRE_CHARGE: _Step(_named("DC_PreCharge"), _pre_charge_request, _then(State.POWER_ON)),
    State.POWER_ON: _Step(_named("PowerDelivery"), _power_request("Start"), _then(State.LOOP)),
    State.LOOP: _Step(lambda evcc: evcc.flavour.loop, _loop_request, _loop_answer),
    State.POWER_OFF: _Step(_named("PowerDelivery"), _power_request("Stop"), _power_off_answer),
    State.WELDING: _Step(
        _named("DC_WeldingDetection"), lambda evcc: {"EVProcessing": "Finished"}, _then(State.STOP)
    ),
    State.STOP: _Step(_named("SessionStop"), _stop_request, _then(State.END)),
}

__all__ = ["Evcc", "Flavour", "MessageTimeouts", "SessionFailed", "State"]
