"""The vehicle's end of ISO 15118: always the one that asks.

Here is what all protocols share: agreeing on one, asking and waiting, time-outs, how it all ends. What is
asked in which state is a `Dialect`: `v20.vehicle`, `v2.vehicle`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar, cast

from chargepoint_sim.clock import Clock
from chargepoint_sim.ev.vehicle import Vehicle
from chargepoint_sim.iso15118.appprotocol.messages import (
    AppProtocolType,
    supportedAppProtocolReq,
    supportedAppProtocolRes,
)
from chargepoint_sim.iso15118.channel import Channel, ChannelClosed, Undecodable
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import Ending, Stretch, VehicleState
from chargepoint_sim.iso15118.services import Control, Service, Wish, service_for

NO_SESSION = bytes(8)
_HANDSHAKE_S = 2.0
_POLL_S = 1.0  # between two questions while the station says "Ongoing"
_LONGEST_POLL_S = 5.0


class SessionFailed(Exception):
    """The station answered with a failure, or with another message than the one asked for."""


@dataclass(frozen=True)
class Protocol:
    """A protocol's name in the handshake."""

    namespace: str
    major: int
    minor: int


@dataclass(frozen=True)
class Reply:
    """What of a response every protocol has. `code` is empty where the body has none."""

    body: Element
    session_id: bytes
    code: str


@dataclass(frozen=True)
class Step:
    """What is asked in a state: the request, the class of its response, where that leads to.

    `within_s` is what the response may take, `ongoing_s` how long the station may put the vehicle off.
    """

    request: Callable[["Evcc"], Element]
    expects: type[Element]
    answer: Callable[["Evcc", Element], StrEnum]
    within_s: float = 2.0
    ongoing_s: float = 60.0


_Response = TypeVar("_Response", bound=Element)


def step(
    request: Callable[["Evcc"], Element],
    expects: type[_Response],
    answer: Callable[["Evcc", _Response], StrEnum],
    within_s: float = 2.0,
    ongoing_s: float = 60.0,
) -> Step:
    """A step whose answer is typed; `Evcc` gives it nothing but what it expects."""
    typed = cast("Callable[[Evcc, Element], StrEnum]", answer)
    return Step(request, expects, typed, within_s, ongoing_s)


@dataclass(frozen=True)
class Dialect:
    """A protocol as a vehicle speaks it. `offers` names the protocols that fit a vehicle, best first."""

    offers: Callable[[Vehicle], tuple[Protocol, ...]]
    steps: Mapping[StrEnum, Step]
    first: StrEnum
    loop: StrEnum
    stop: StrEnum
    end: StrEnum
    read: Callable[[Element], Reply | None]


@dataclass(frozen=True)
class Plan:
    """How a vehicle behaves. `least_timeout_s` is for machines too busy for the standard's time-outs.

    `session_id` is the one of a paused session to go on with. `on_power` hears of every charge loop's
    power, W, + into the vehicle.
    """

    dialects: tuple[Dialect, ...]
    loop_period_s: float = 5.0
    control: Control = Control.DYNAMIC
    least_timeout_s: float = 0.0
    session_id: bytes = NO_SESSION
    on_power: Callable[[float], None] = field(default=lambda power_w: None)


class Evcc:
    """One charging session of a vehicle. `power_w` is what flows (+ into the vehicle)."""

    def __init__(self, channel: Channel, vehicle: Vehicle, clock: Clock, plan: Plan) -> None:
        self.vehicle = vehicle
        self.clock = clock
        self.plan = plan
        self.service: Service = service_for(vehicle.model.current, vehicle.model.bidirectional)
        self.control = plan.control
        self.parameter_set = 0
        self.schedule_id = 0
        self.offered: tuple[Stretch, ...] = ()
        self.state: StrEnum | None = None
        self.session_id = plan.session_id
        self.resumed = False
        self.limits = vehicle.rating()  # what the station allows, as last heard
        self.power_w = 0.0
        self.wish = Wish.GO_ON
        self.energised = False
        self.terminated_by_station = False
        self.failure = ""
        self._channel = channel
        self._polls = 0
        self._since = 0.0

    def stop(self) -> None:
        """The driver leaves: end the session at the next turn."""
        self.wish = Wish.STOP

    def want(self, wish: Wish) -> None:
        """Pause or renegotiate at the next turn of the charge loop."""
        if self.wish is not Wish.STOP:
            self.wish = wish

    async def run(self) -> Ending:
        """Charge until the driver or the station ends it."""
        try:
            dialect = await self._agree()
            self.state = dialect.first
            self._since = self.clock.monotonic()
            while self.state is not dialect.end:
                await self._turn(dialect)
        except (TimeoutError, ChannelClosed):
            return Ending.LOST
        except (SessionFailed, Undecodable) as failure:
            self.failure = str(failure)
            return Ending.BROKEN
        finally:
            self.flow(0.0)
            self._channel.close()
        if self.wish is Wish.PAUSE:
            return Ending.PAUSED
        return Ending.BY_STATION if self.terminated_by_station else Ending.BY_VEHICLE

    async def _agree(self) -> Dialect:
        """The handshake: offer all protocols, take the one that the station has chosen."""
        offers = [
            (protocol, dialect) for dialect in self.plan.dialects for protocol in dialect.offers(self.vehicle)
        ]
        listed = tuple(
            AppProtocolType(
                ProtocolNamespace=protocol.namespace,
                VersionNumberMajor=protocol.major,
                VersionNumberMinor=protocol.minor,
                SchemaID=number,
                Priority=number,
            )
            for number, (protocol, _) in enumerate(offers, start=1)
        )
        await self._channel.send(supportedAppProtocolReq(AppProtocol=listed))
        response = await self._channel.recv(max(_HANDSHAKE_S, self.plan.least_timeout_s))
        if not isinstance(response, supportedAppProtocolRes):
            raise SessionFailed(f"{type(response).__name__} as an answer to supportedAppProtocolReq")
        chosen = response.SchemaID
        agreed = response.ResponseCode != "Failed_NoNegotiation"
        if not agreed or chosen is None or not 1 <= chosen <= len(offers):
            raise SessionFailed(f"handshake: {response.ResponseCode}, {chosen}")
        return offers[chosen - 1][1]

    async def _turn(self, dialect: Dialect) -> None:
        """One request, its answer, and the pause after it."""
        asked_in = self.state
        assert asked_in is not None
        current = dialect.steps[asked_in]
        await self._channel.send(current.request(self))
        message = await self._channel.recv(max(current.within_s, self.plan.least_timeout_s))
        reply = self._checked(dialect.read(message), current.expects, opening=asked_in is dialect.first)
        self.state = current.answer(self, reply.body)
        if self.state is not asked_in:
            self._polls, self._since = 0, self.clock.monotonic()
        elif self.state is dialect.loop:
            await self._channel.pause(self.plan.loop_period_s)
        else:
            await self._put_off(dialect, current)

    def _checked(self, reply: Reply | None, expects: type[Element], opening: bool) -> Reply:
        """The response, if it is one to this request, in this session (which an opening one names)."""
        if reply is None or type(reply.body) is not expects:
            found = "nothing of this protocol" if reply is None else type(reply.body).__name__
            raise SessionFailed(f"{found} instead of {expects.__name__}")
        if reply.code.startswith("FAILED"):
            raise SessionFailed(f"{expects.__name__}: {reply.code}")
        if opening:
            self.session_id, self.resumed = reply.session_id, reply.code == "OK_OldSessionJoined"
        if self.session_id != reply.session_id:
            raise SessionFailed(f"{expects.__name__}: of another session")
        return reply

    async def _put_off(self, dialect: Dialect, current: Step) -> None:
        """The station is not ready: ask again later, but not for ever; a driver who leaves is let go."""
        if self.wish is Wish.STOP and self.state is not dialect.stop:
            self.state = dialect.stop
            return
        if self.clock.monotonic() - self._since > current.ongoing_s:
            raise SessionFailed(f"{self.state}: ongoing for more than {current.ongoing_s:g} s")
        self._polls += 1
        await self._channel.pause(min(_LONGEST_POLL_S, _POLL_S * self._polls))

    def wait_for_people(self) -> None:
        """What the station waits for is a person: the time it may put the vehicle off begins anew."""
        self._since = self.clock.monotonic()

    def flow(self, power_w: float) -> None:
        """Power flows from now on, W."""
        self.power_w = power_w
        self.plan.on_power(power_w)

    def departure_in_s(self) -> float | None:
        """Seconds until the driver leaves."""
        departure = self.vehicle.needs.departure_s
        return None if departure is None else max(0.0, departure - self.clock.monotonic())

    def vehicle_state(self) -> VehicleState:
        """What the charge loop tells of the vehicle."""
        return VehicleState(
            ability=self.vehicle.ability(),
            requests=self.vehicle.requests(),
            bidirectional=self.service.bidirectional,
            soc=self.vehicle.battery.soc,
            departure_in_s=self.departure_in_s(),
        )


FOR_EVER = math.inf
