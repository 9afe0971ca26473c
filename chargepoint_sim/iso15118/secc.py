"""The station's end of ISO 15118-20: answers, never asks.

`_ALLOWED` is the state machine: which requests a state takes, and who answers them. Anything else gets
the matching response with FAILED_SequenceError, an open contactor and the end of the session.
A new setpoint or a stop reaches the vehicle with the next response.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import cast

from chargepoint_sim.clock import Clock
from chargepoint_sim.ev.vehicle import Current, PowerLimits
from chargepoint_sim.iso15118 import messages
from chargepoint_sim.iso15118.channel import Body, Channel, ChannelClosed
from chargepoint_sim.iso15118.messages import FLAVOURS, NO_SESSION, Flavour
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Outlet, Permission
from chargepoint_sim.iso15118.refusals import refusal

_FIRST_REQUEST_S = 20.0
_NEXT_REQUEST_S = 60.0
_STOP_GRACE_S = 60.0


class State(StrEnum):
    """Where the session is."""

    PROTOCOL = auto()
    SETUP = auto()
    AUTHORIZATION_SETUP = auto()
    AUTHORIZATION = auto()
    DISCOVERY = auto()
    SELECTION = auto()
    PARAMETERS = auto()
    SCHEDULE = auto()
    CABLE_CHECK = auto()
    PRE_CHARGE = auto()
    POWER_ON = auto()
    LOOP = auto()
    WELDING = auto()
    STOP = auto()
    END = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Hardware:
    """What is fixed in this outlet."""

    evse_id: str
    services: frozenset[int] = frozenset(FLAVOURS)
    voltage_v: float = 400.0


class Secc:
    """One session at one outlet."""

    def __init__(self, channel: Channel, outlet: Outlet, clock: Clock, hardware: Hardware) -> None:
        self.outlet = outlet
        self.clock = clock
        self.hardware = hardware
        self.state = State.PROTOCOL
        self.session_id = NO_SESSION
        self.flavour: Flavour | None = None
        self.evccid = ""
        self.rating = PowerLimits(0.0, 0.0)
        self.target_soc: float | None = None
        self._channel = channel
        self._terminate_by: float | None = None

    def terminate(self) -> None:
        """Ask the vehicle to end the session; it hears it with the next response."""
        if self._terminate_by is None:
            self._terminate_by = self.clock.monotonic() + _STOP_GRACE_S
            self._channel.nudge()

    def nudge(self) -> None:
        """Have the vehicle ask again soon, because something has changed."""
        self._channel.nudge()

    @property
    def terminating(self) -> bool:
        """Whether the station wants the session to end."""
        return self._terminate_by is not None

    async def run(self) -> Ending:
        """Answer until the session is over; the contactor is open afterwards."""
        try:
            timeout_s = _FIRST_REQUEST_S
            while self.state not in (State.END, State.FAILED):
                name, body = await self._channel.recv(timeout_s)
                answered, response = self.answer(name, body)
                await self._channel.send(messages.namespace_of(answered), answered, response)
                timeout_s = _NEXT_REQUEST_S
                if self._terminate_by is not None and self.clock.monotonic() > self._terminate_by:
                    return Ending.BY_STATION
        except (TimeoutError, ChannelClosed):
            return Ending.LOST
        finally:
            self.outlet.set_contactor(False)
            self._channel.close()
        if self.state is State.FAILED:
            return Ending.BROKEN
        return Ending.BY_STATION if self.terminating else Ending.BY_VEHICLE

    def answer(self, name: str, body: Body) -> tuple[str, Body]:
        """The response to a request, with the step to the next state."""
        stem = name.removesuffix("Req")
        if stem == name or (empty := refusal(stem, self.flavour)) is None:
            raise ChannelClosed(f"not a request of -20: {name}")
        header = cast("Body", body.get("Header", {}))
        if stem != "supportedAppProtocol" and header.get("SessionID") != self.session_id:
            return self._fail(stem, empty, "FAILED_UnknownSession")
        handler = _ALLOWED[self.state].get(stem) or _ANYWHERE.get(stem)
        if handler is None or (self.flavour is not None and not _fits(stem, self.flavour)):
            return self._fail(stem, empty, "FAILED_SequenceError")
        answer = handler(self, body)
        if answer.code.upper().startswith("FAILED"):
            return self._fail(stem, empty, answer.code)
        self.state = answer.state
        return f"{stem}Res", self._header(stem) | {"ResponseCode": answer.code} | answer.body

    def _fail(self, stem: str, empty: Body, code: str) -> tuple[str, Body]:
        """Refuse, open the contactor, be done."""
        self.outlet.set_contactor(False)
        self.state = State.FAILED
        return f"{stem}Res", self._header(stem) | {"ResponseCode": code} | empty

    def _header(self, stem: str) -> Body:
        if stem == "supportedAppProtocol":
            return {}
        return {"Header": {"SessionID": self.session_id, "TimeStamp": int(self.clock.now().timestamp())}}


def _fits(stem: str, flavour: Flavour) -> bool:
    """Whether a message of AC or DC belongs to the chosen service."""
    return not stem.startswith(("AC_", "DC_")) or stem.startswith(f"{flavour.current}_")


@dataclass(frozen=True)
class _Answer:
    """A response's own elements, the state it leads to, and its code."""

    state: State
    body: Body
    code: str = "OK"


_Handler = Callable[[Secc, Body], _Answer]


def _protocol(secc: Secc, body: Body) -> _Answer:
    offers = cast("list[Body]", body["AppProtocol"])
    known = {
        flavour.namespace for flavour in FLAVOURS.values() if flavour.service_id in secc.hardware.services
    }
    for offer in sorted(offers, key=lambda offer: cast("int", offer["Priority"])):
        if offer["ProtocolNamespace"] in known:
            return _Answer(State.SETUP, {"SchemaID": offer["SchemaID"]}, "OK_SuccessfulNegotiation")
    return _Answer(State.FAILED, {}, "Failed_NoNegotiation")


def _setup(secc: Secc, body: Body) -> _Answer:
    secc.session_id = secrets.token_hex(8).upper()
    secc.evccid = str(body["EVCCID"])
    return _Answer(State.AUTHORIZATION_SETUP, {"EVSEID": secc.hardware.evse_id}, "OK_NewSessionEstablished")


def _authorization_setup(secc: Secc, body: Body) -> _Answer:
    empty = refusal("AuthorizationSetup", None)
    return _Answer(State.AUTHORIZATION, empty or {})


def _authorization(secc: Secc, body: Body) -> _Answer:
    match secc.outlet.permission():
        case Permission.GRANTED:
            return _Answer(State.DISCOVERY, {"EVSEProcessing": "Finished"})
        case Permission.REFUSED:
            refused = "WARNING_EIMAuthorizationFailure"
            return _Answer(State.AUTHORIZATION, {"EVSEProcessing": "Finished"}, refused)
        case Permission.PENDING:
            waiting = {"EVSEProcessing": "Ongoing_WaitingForCustomerInteraction"}
            return _Answer(State.AUTHORIZATION, cast("Body", waiting))


def _discovery(secc: Secc, body: Body) -> _Answer:
    services = [{"ServiceID": one, "FreeService": False} for one in sorted(secc.hardware.services)]
    listed: Body = {"ServiceRenegotiationSupported": False}
    return _Answer(State.SELECTION, listed | {"EnergyTransferServiceList": {"Service": services}})


def _detail(secc: Secc, body: Body) -> _Answer:
    service = cast("int", body["ServiceID"])
    if service not in secc.hardware.services:
        return _Answer(State.FAILED, {}, "FAILED_ServiceIDInvalid")
    sets = {"ParameterSet": [messages.parameter_set(FLAVOURS[service])]}
    return _Answer(State.SELECTION, {"ServiceID": service, "ServiceParameterList": sets})


def _selection(secc: Secc, body: Body) -> _Answer:
    chosen = messages.part(body, "SelectedEnergyTransferService")
    service = cast("int", chosen["ServiceID"])
    if service not in secc.hardware.services:
        return _Answer(State.FAILED, {}, "FAILED_NoEnergyTransferServiceSelected")
    if chosen["ParameterSetID"] != 1:
        return _Answer(State.FAILED, {}, "FAILED_ServiceSelectionInvalid")
    secc.flavour = FLAVOURS[service]
    return _Answer(State.PARAMETERS, {})


def _chosen(secc: Secc) -> Flavour:
    """The chosen service; every state that asks comes after the choice."""
    return cast("Flavour", secc.flavour)


def _parameters(secc: Secc, body: Body) -> _Answer:
    flavour = _chosen(secc)
    if flavour.discovery_mode("Req") not in body:
        return _Answer(State.FAILED, {}, "FAILED_WrongChargeParameter")
    mode = messages.part(body, flavour.discovery_mode("Req"))
    secc.rating = messages.read_limits("EV", mode)
    own = messages.discovery_elements("EVSE", flavour, secc.outlet.rating, secc.hardware.voltage_v)
    return _Answer(State.SCHEDULE, {flavour.discovery_mode("Res"): own})


def _schedule(secc: Secc, body: Body) -> _Answer:
    mode, flavour = messages.part(body, "Dynamic_SEReqControlMode"), _chosen(secc)
    told = ChargingNeeds(
        evccid=secc.evccid,
        current=flavour.current,
        bidirectional=flavour.bidirectional,
        rating=secc.rating,
        max_current_a=secc.rating.charge_w / secc.hardware.voltage_v,
        max_voltage_v=secc.hardware.voltage_v,
        requests=messages.read_requests(mode),
        departure_in_s=float(cast("int", mode["DepartureTime"])),
    )
    secc.outlet.take_needs(_with_battery(told, mode))
    following = State.CABLE_CHECK if flavour.current is Current.DC else State.POWER_ON
    return _Answer(following, {"EVSEProcessing": "Finished", "Dynamic_SEResControlMode": {}})


def _with_battery(told: ChargingNeeds, mode: Body) -> ChargingNeeds:
    """Capacity and state of charge follow from two bounds told both in percent and in Wh."""
    if "TargetSOC" not in mode or "MinimumSOC" not in mode:
        return told
    target, minimum = float(cast("int", mode["TargetSOC"])), float(cast("int", mode["MinimumSOC"]))
    if target <= minimum:
        return replace(told, target_soc=target)
    capacity_wh = (told.requests.target_wh - told.requests.minimum_wh) * 100.0 / (target - minimum)
    soc = target - 100.0 * told.requests.target_wh / capacity_wh
    return replace(told, target_soc=target, capacity_wh=capacity_wh, soc=soc)


def _cable_check(secc: Secc, body: Body) -> _Answer:
    return _Answer(State.PRE_CHARGE, {"EVSEProcessing": "Finished"})


def _pre_charge(secc: Secc, body: Body) -> _Answer:
    following = State.POWER_ON if body["EVProcessing"] == "Finished" else State.PRE_CHARGE
    return _Answer(following, {"EVSEPresentVoltage": body["EVTargetVoltage"]})


def _power_delivery(secc: Secc, body: Body) -> _Answer:
    if body["ChargeProgress"] == "Start":
        if secc.state is not State.POWER_ON:
            return _Answer(State.FAILED, {}, "FAILED_SequenceError")
        secc.outlet.set_contactor(True)
        return _Answer(State.LOOP, {})
    secc.outlet.set_contactor(False)
    return _Answer(State.WELDING if _chosen(secc).current is Current.DC else State.STOP, {})


def _charge_loop(secc: Secc, body: Body) -> _Answer:
    flavour = _chosen(secc)
    if flavour.loop_mode("Req") not in body:
        return _Answer(State.FAILED, {}, "FAILED_WrongChargeParameter")
    state = secc.outlet.exchange(messages.read_loop_request(flavour, body))
    response = messages.loop_response(flavour, state, secc.hardware.voltage_v)
    if secc.terminating:
        response["EVSEStatus"] = {"NotificationMaxDelay": 0, "EVSENotification": "Terminate"}
    return _Answer(State.LOOP, response)


def _welding(secc: Secc, body: Body) -> _Answer:
    following = State.STOP if body["EVProcessing"] == "Finished" else State.WELDING
    return _Answer(following, {"EVSEPresentVoltage": messages.rational(0)})


def _session_stop(secc: Secc, body: Body) -> _Answer:
    secc.outlet.set_contactor(False)
    return _Answer(State.END, {})


_LOOPS: dict[str, _Handler] = {"DC_ChargeLoop": _charge_loop, "AC_ChargeLoop": _charge_loop}

_ALLOWED: dict[State, dict[str, _Handler]] = {
    State.PROTOCOL: {"supportedAppProtocol": _protocol},
    State.SETUP: {"SessionSetup": _setup},
    State.AUTHORIZATION_SETUP: {"AuthorizationSetup": _authorization_setup},
    State.AUTHORIZATION: {"Authorization": _authorization},
    State.DISCOVERY: {"ServiceDiscovery": _discovery},
    State.SELECTION: {"ServiceDetail": _detail, "ServiceSelection": _selection},
    State.PARAMETERS: {
        "DC_ChargeParameterDiscovery": _parameters,
        "AC_ChargeParameterDiscovery": _parameters,
    },
    State.SCHEDULE: {"ScheduleExchange": _schedule},
    State.CABLE_CHECK: {"DC_CableCheck": _cable_check},
    State.PRE_CHARGE: {"DC_PreCharge": _pre_charge},
    State.POWER_ON: {"PowerDelivery": _power_delivery},
    State.LOOP: _LOOPS | {"PowerDelivery": _power_delivery},
    State.WELDING: {"DC_WeldingDetection": _welding},
    State.STOP: {},
}
_ANYWHERE: dict[str, _Handler] = {"SessionStop": _session_stop}
