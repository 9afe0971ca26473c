"""The power path of one EVSE: plug, contactor, limit, meter. Power in W, + into the vehicle.

P = clamp(limit, -min(EVSE discharge, EV discharge), min(EVSE charge, EV charge)); a negative limit
towards a one-way vehicle is 0. A positive limit is a ceiling, a negative one a setpoint.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from chargepoint_sim.clock import Clock
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.outlet import (
    ChargingNeeds,
    OutletState,
    Permission,
    Slot,
    Stretch,
    VehicleState,
)
from chargepoint_sim.meter import Context, Meter, SampledValue
from chargepoint_sim.station.signing import MeterKey

_NEW_DEPARTURE_S = 60.0


class Terminals(Protocol):
    """The vehicle's inlet as copper: what flows through it really goes into or out of a battery."""

    def transfer(self, power_w: float, seconds: float) -> float:
        """Let power flow; return what really flowed, W."""

    def ability(self) -> PowerLimits:
        """What it can physically take and give now, W."""


class Flow(StrEnum):
    """Why power flows or not; the names of OCPP's charging states that concern it."""

    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    NONE = "EVConnected"


def path_power(limit_w: float, rating: PowerLimits, vehicle: PowerLimits, bidirectional: bool) -> float:
    """The power that flows under a limit, W."""
    if limit_w < 0.0 and not bidirectional:
        return 0.0
    lowest = -min(rating.discharge_w, vehicle.discharge_w)
    return max(lowest, min(limit_w, rating.charge_w, vehicle.charge_w))


@dataclass
class Evse:
    """One EVSE. `on_needs` and `on_change` are called with what its vehicle says and what its power does.

    `two_way` says whether energy may come back.
    """

    evse_id: int
    rating: PowerLimits
    clock: Clock
    on_needs: Callable[[ChargingNeeds], None] = lambda needs: None
    on_change: Callable[[], None] = lambda: None
    on_plan: Callable[[tuple[Stretch, ...]], None] = lambda plan: None
    forecast: Callable[[], tuple[Slot, ...]] = lambda: ()
    """What may flow from now on; nothing said: what the EVSE can."""
    waits: Callable[[], bool] = lambda: False
    """Whether somebody still makes up a schedule for the vehicle."""
    meter: Meter = field(default_factory=Meter)
    meter_key: MeterKey | None = None
    """What its meter signs with; made when it is first needed."""
    granted: Permission = Permission.PENDING
    two_way: bool = True
    closed: bool = False
    power_w: float = 0.0
    exchanges: int = 0
    limit_w: float = field(init=False)
    soc: float | None = None
    vehicle: VehicleState | None = None
    _terminals: Terminals | None = None
    _since: float = 0.0
    _needs: ChargingNeeds | None = None
    _leaves_at: float | None = None

    def __post_init__(self) -> None:
        self.limit_w = self.rating.charge_w

    def plug(self, terminals: Terminals) -> None:
        """A vehicle is connected; nothing flows yet."""
        self._terminals = terminals
        self.granted = Permission.PENDING

    def unplug(self) -> None:
        """The vehicle is gone."""
        self.set_contactor(False)
        self._terminals = None
        self.vehicle = self._needs = None
        self.soc = None

    def permission(self) -> Permission:
        """Whether the driver may charge."""
        return self.granted

    def take_needs(self, needs: ChargingNeeds) -> None:
        """Hear what the vehicle needs, before energy flows."""
        self.soc = needs.soc
        self._needs = needs
        self._leaves_at = self._moment(needs.departure_in_s)
        self.on_needs(needs)

    def _moment(self, in_s: float | None) -> float | None:
        return None if in_s is None else self.clock.monotonic() + in_s

    def _hear_departure(self, in_s: float | None) -> None:
        """A driver who will leave at another time has other needs (K17)."""
        leaves_at = self._moment(in_s)
        if self._needs is None or leaves_at is None or self.vehicle is None:
            return
        if self._leaves_at is None or abs(leaves_at - self._leaves_at) > _NEW_DEPARTURE_S:
            told = replace(
                self._needs, departure_in_s=in_s, requests=self.vehicle.requests, soc=self.vehicle.soc
            )
            self.take_needs(told)

    def deciding(self) -> bool:
        """Whether a schedule for the vehicle is still being made up."""
        return self.waits()

    def offer(self) -> tuple[Slot, ...]:
        """What may flow from now on."""
        return self.forecast() or (Slot(0, self.rating),)

    def take_plan(self, plan: tuple[Stretch, ...]) -> None:
        """Hear what the vehicle means to do."""
        self.on_plan(plan)

    def set_contactor(self, closed: bool) -> None:
        """Close or open the power path."""
        if closed == self.closed:
            return
        self.settle()
        self.closed = closed
        if not closed:
            self.power_w = 0.0
        self.on_change()

    def set_limit(self, limit_w: float) -> bool:
        """Take a new limit; power follows when vehicle and station next speak. Return whether it is new."""
        changed = limit_w != self.limit_w
        self.limit_w = limit_w
        return changed

    def exchange(self, state: VehicleState) -> OutletState:
        """Hear the vehicle, drive the power, tell what is published."""
        before = self.power_w, self.flow()
        self.exchanges += 1
        self.settle()
        self.vehicle, self.soc = state, state.soc
        self._hear_departure(state.departure_in_s)
        if self.closed:
            self.power_w = self._granted_power(state)
            if before != (self.power_w, self.flow()):
                self.on_change()
        return OutletState(self._published(), self.power_w, self.meter.import_wh, self.meter.export_wh)

    def _granted_power(self, state: VehicleState) -> float:
        """What flows, W: a vehicle that decides itself gets what it asks for, within the same bounds."""
        both = state.bidirectional and self.two_way
        power_w = path_power(self.limit_w, self.rating, state.ability, both)
        if state.wish_w is None:
            return power_w
        return max(min(0.0, power_w), min(state.wish_w, max(0.0, power_w)))

    def _published(self) -> PowerLimits:
        """A discharge order is published as no charging and so much discharging, else a ceiling."""
        if self.limit_w < 0.0:
            return PowerLimits(0.0, min(-self.limit_w, self.rating.discharge_w))
        return PowerLimits(min(self.limit_w, self.rating.charge_w), 0.0)

    def settle(self) -> None:
        """Count what has flowed since the last time."""
        now = self.clock.monotonic()
        seconds, self._since = now - self._since, now
        if not self.closed or self._terminals is None or seconds <= 0.0:
            return
        self.meter.flow(self._terminals.transfer(self.power_w, seconds), seconds)
        physical = self._terminals.ability()
        self.power_w = max(-physical.discharge_w, min(self.power_w, physical.charge_w))

    def flow(self) -> Flow:
        """What the power path is doing."""
        if not self.closed or self.vehicle is None:
            return Flow.NONE
        if self.power_w != 0.0:
            return Flow.CHARGING
        if self.limit_w == 0.0 or (self.limit_w < 0.0 and not self.vehicle.bidirectional):
            return Flow.SUSPENDED_EVSE
        return Flow.SUSPENDED_EV

    def sample(self, wanted: Collection[str], context: Context) -> tuple[SampledValue, ...]:
        """Meter values now."""
        self.settle()
        return self.meter.sample(self.power_w, self.soc, wanted, context)
