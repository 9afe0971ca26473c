"""One vehicle's stay at one EVSE, from plug-in to departure, and the OCPP transaction it makes.

A transaction starts when one of the points in TxStartPoint is reached and ends when one of those in
TxStopPoint is lost.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chargepoint_sim.clock import Timer
from chargepoint_sim.ev.vehicle import Vehicle
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.meter import Context
from chargepoint_sim.profiles.profile import Mode, Profile, earliest
from chargepoint_sim.station.agreement import Agreement
from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.evse import Evse, Flow
from chargepoint_sim.station.knobs import Knob
from chargepoint_sim.station.lies import told_needs
from chargepoint_sim.station.sampling import Sampling
from chargepoint_sim.station.sessions import Sessions, Sleeper
from chargepoint_sim.station.steering import order_w
from chargepoint_sim.station.transaction import Transaction
from chargepoint_sim.station.words import (
    EventType,
    IdToken,
    NeedsNews,
    StoppedReason,
    Trigger,
)

CONNECTOR_ID = 1
_LONGEST_LIMIT_WAIT_S = 60.0


class Point(StrEnum):
    """What TxStartPoint and TxStopPoint name."""

    CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    PATH_CLOSED = "PowerPathClosed"
    ENERGY = "EnergyTransfer"


@dataclass(frozen=True)
class Grant:
    """A driver's permission: whose, how it came, and what a remote start or a reservation brought along."""

    token: IdToken
    trigger: Trigger
    group: IdToken | None = None
    remote_start_id: int | None = None
    profile: Profile | None = None
    reservation_id: int | None = None

    def under(self, reservation_id: int | None) -> "Grant":
        """The same, under a reservation."""
        return replace(self, reservation_id=reservation_id)


class Visit:
    """A plugged-in vehicle. `transaction` is None before and after it; `charging` is set
    once power could flow, `over` when the vehicle is gone."""

    def __init__(self, equipment: Equipment, evse: Evse, vehicle: Vehicle, in_service: bool = True) -> None:
        self.evse = evse
        self.vehicle = vehicle
        self.transaction: Transaction | None = None
        self.holder: Grant | None = None
        self.needs_told = False
        self.charging = asyncio.Event()
        self.over = asyncio.Event()
        self._equipment = equipment
        self._points: set[Point] = set()
        self._in_service = in_service
        self._grant: Grant | None = None
        self._sessions = Sessions(equipment, evse, vehicle, self._session_ended)
        if in_service:
            self._sessions.allow()
        self._agreement = Agreement(
            equipment, evse, lambda: self.transaction, lambda: self.renegotiate(by_station=True)
        )
        self._gone = asyncio.Event()
        self._flow = Flow.NONE
        self._sampling = Sampling(equipment, evse, self._rate_changed)
        self._held = False
        self._limit_coming: float | None = None
        self._reactions: set[Timer] = set()

    async def run(self) -> None:
        """Stay until `leave` or `vanish`."""
        self.evse.on_needs, self.evse.on_change = self._take_needs, self._power_changed
        self.evse.two_way = self._equipment.may_give_back(None)
        self._agreement.begin()
        self.evse.plug(self.vehicle)
        self._follow_limit()
        if self._in_service:
            self._equipment.status_changed(self.evse.evse_id)
            self._gain(Point.CONNECTED, Trigger.CABLE_PLUGGED_IN)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._sessions.run()),
                    tasks.create_task(self._sampling.every("TxUpdatedInterval", self._periodic)),
                    tasks.create_task(self._sampling.every("TxEndedInterval", self._keep)),
                    tasks.create_task(self._watch_limit()),
                ]
                await self._gone.wait()
                for task in running:
                    task.cancel()
        finally:
            self.evse.unplug()
            self._sampling.cancel()
            self._sessions.cancel()
            self._react_no_more()
            self.evse.on_needs, self.evse.on_change = lambda needs: None, lambda: None
            self._agreement.end()
        if self.transaction is not None:
            self.transaction.charging_state = "Idle"
        self._lose(Point.CONNECTED, Trigger.EV_DEPARTED, StoppedReason.EV_DISCONNECTED)
        self._end(Trigger.EV_DEPARTED, StoppedReason.EV_DISCONNECTED)

    async def leave(self) -> None:
        """The driver ends the session and unplugs."""
        await self._sessions.end_by_driver()
        self._gone.set()

    def pause(self, by: Sleeper = Sleeper.VEHICLE) -> None:
        """Let the session sleep, for the vehicle's or the station's own reasons; the transaction goes on."""
        self._sessions.pause(by)

    def wake(self) -> None:
        """Go on with a session that sleeps."""
        self._sessions.wake()

    def renegotiate(self, by_station: bool = False) -> None:
        """Have needs and schedule talked about again."""
        self._sessions.renegotiate(by_station)

    def vanish(self) -> None:
        """The vehicle is torn off its cable."""
        self._sessions.vanish()
        self._gone.set()

    async def stop(self, trigger: Trigger, reason: StoppedReason, by: IdToken | None = None) -> None:
        """End the energy transfer in order, then the transaction; the vehicle stays plugged in.

        `by` is the token that somebody has shown to end it.
        """
        self.holder = None
        self.evse.granted = Permission.PENDING
        await self._sessions.end_by_station()
        self._points.discard(Point.PATH_CLOSED)
        self._points.discard(Point.ENERGY)
        if by is not None and self.transaction is not None:
            self.transaction.ended_by(by)
        self._lose(Point.AUTHORIZED, trigger, reason)
        if trigger is Trigger.RESET_COMMAND:
            self._end(trigger, reason)

    def begin_again(self) -> None:
        """After a restart or a return to service: all that the vehicle did on arrival, once more."""
        self._points.clear()
        self._in_service = True
        self._sessions.allow()
        self._equipment.status_changed(self.evse.evse_id)
        self._gain(Point.CONNECTED, Trigger.CABLE_PLUGGED_IN)

    @property
    def authorized(self) -> bool:
        """Whether the driver is known."""
        return Point.AUTHORIZED in self._points

    def grant(self, grant: Grant) -> None:
        """The driver may charge."""
        self.evse.granted = Permission.GRANTED
        self._sessions.allow()
        self.holder = self._grant = grant
        self.permit(self._equipment.may_give_back(grant.token))
        self._use_grant()
        self._gain(Point.AUTHORIZED, grant.trigger)
        self._sessions.nudge()

    def permit(self, two_way: bool) -> None:
        """Energy may come back from the vehicle, or may not; the vehicle hears of it."""
        if self.evse.two_way is two_way:
            return
        self.evse.two_way = two_way
        self._sessions.offer()

    def refuse(self) -> None:
        """The driver may not charge."""
        self.evse.granted = Permission.REFUSED

    def hold(self) -> None:
        """No more energy in or out, though the transaction goes on (E05.FR.10)."""
        self._held = True
        self._equipment.profiles_changed.ring()

    def report(self, trigger: Trigger, context: Context) -> None:
        """Send the meter values of a running transaction."""
        self._tell(EventType.UPDATED, trigger, context)

    def _session_ended(self, ending: Ending, sleeper: Sleeper | None) -> None:
        if sleeper is not None and self.transaction is not None:
            self.transaction.charging_state = sleeper.value
            self._tell(EventType.UPDATED, Trigger.CHARGING_STATE_CHANGED, Context.OTHER)
            self._observe("paused", by=sleeper.name.lower())
        elif ending in (Ending.LOST, Ending.BROKEN):
            self._tell(EventType.UPDATED, Trigger.EV_COMMUNICATION_LOST, Context.OTHER)

    def _periodic(self) -> None:
        self.report(Trigger.METER_VALUE_PERIODIC, Context.PERIODIC)

    def _keep(self) -> None:
        self.keep(Context.PERIODIC)

    def keep(self, context: Context) -> None:
        """Measure for the transaction's last event."""
        if self.transaction is not None:
            self._sampling.keep(context)

    async def _watch_limit(self) -> None:
        """Follow the charging profiles, when they change and when time moves them."""
        while True:
            until = self._follow_limit()
            wait = _LONGEST_LIMIT_WAIT_S
            if until is not None:
                wait = min(wait, max(0.0, (until - self._equipment.clock.now()).total_seconds()) + 0.001)
            await self._equipment.profiles_changed.wait(self._equipment.clock, wait)

    def _follow_limit(self) -> datetime | None:
        """Take the limit that holds now; return until when it does."""
        closed_at = self.transaction.path_closed_at if self.transaction is not None else None
        now = self._equipment.clock.now()
        equipment, knobs = self._equipment, self._equipment.knobs
        if knobs.on(Knob.KEEP_OFFLINE) and equipment.profiles.offline_since is not None:
            return None
        if knobs.on(Knob.IGNORE_PROFILES):
            self._limited(self.evse.rating.charge_w)
            return None
        found = equipment.profiles.limit_at(self.evse.evse_id, now, closed_at, self.evse.soc)
        # K04: a station's maximum is for the sum; those that could charge share it evenly.
        whole = equipment.profiles.station_limit_at(now)
        share = (whole.limit_w or 0.0) / max(1, equipment.closed_paths())
        order = order_w(found, equipment.around, now, self.evse.power_w, equipment.balancing())
        self._limited(0.0 if self._held else min(order, share))
        self._follow_mode(found.mode)
        self._agreement.check()
        return earliest(found.until, whole.until)

    def _limited(self, limit_w: float) -> None:
        """A limit holds from now on, or after the time that this station takes to react."""
        late_s = self._equipment.knobs.number(Knob.REACT_LATE)
        if late_s is None or self._limit_coming is None:
            self._react_no_more()
            self._take_limit(limit_w)
        elif limit_w != self._limit_coming:
            self._react(limit_w, late_s)
        self._limit_coming = limit_w

    def _react(self, limit_w: float, late_s: float) -> None:
        """Take a limit after a while."""

        def react() -> None:
            self._reactions.discard(timer)
            self._take_limit(limit_w)

        timer = self._equipment.clock.call_later(late_s, react)
        self._reactions.add(timer)

    def _react_no_more(self) -> None:
        for timer in self._reactions:
            timer.cancel()
        self._reactions.clear()

    def _take_limit(self, limit_w: float) -> None:
        if self.evse.set_limit(limit_w):
            self._sessions.follow(limit_w)

    def _follow_mode(self, mode: Mode) -> None:
        """Say that another operation mode has begun (K01.FR.110)."""
        transaction = self.transaction
        if transaction is not None and transaction.operation_mode != mode:
            transaction.operation_mode = mode
            self._tell(EventType.UPDATED, Trigger.OPERATION_MODE_CHANGED, Context.OTHER)

    def _take_needs(self, needs: ChargingNeeds) -> None:
        self.needs_told = True
        self._agreement.needs_told()
        told = told_needs(needs, self._equipment.knobs)
        self._equipment.emit(NeedsNews(self.evse.evse_id, told, self._equipment.clock.now()))

    def _power_changed(self) -> None:
        """The power path has changed: say so, a new state at once, a new rate not too often."""
        flow = self.evse.flow()
        power_w = f"{self.evse.power_w:.1f}"
        self._equipment.model.put(Place("EVSE", self.evse.evse_id), "Power", power_w)
        if flow is self._flow:
            if self.transaction is not None:
                self._sampling.rate()
            return
        if Flow.NONE in (flow, self._flow):
            self._equipment.profiles_changed.ring()  # another one shares the station's maximum
        self._flow = flow
        if self.transaction is not None:
            self.transaction.flows(flow)
        if flow is Flow.NONE:
            lost = StoppedReason.STOPPED_BY_EV
            self._points.discard(Point.ENERGY)
            self._lose(Point.PATH_CLOSED, Trigger.CHARGING_STATE_CHANGED, lost)
            return
        self.charging.set()
        if flow is Flow.CHARGING:
            self._points.add(Point.ENERGY)
        self._gain(Point.PATH_CLOSED, Trigger.CHARGING_STATE_CHANGED)

    def _rate_changed(self) -> None:
        self._tell(EventType.UPDATED, Trigger.CHARGING_RATE_CHANGED, Context.OTHER)

    def _use_grant(self) -> None:
        """The transaction, once there is one, learns whose it is and gets the profile of a remote start."""
        grant, transaction = self._grant, self.transaction
        if grant is None or transaction is None:
            return
        self._grant = None
        transaction.authorized(grant.token, grant.remote_start_id, grant.reservation_id)
        if grant.profile is not None:
            profile = replace(grant.profile, transaction_id=transaction.id)
            self._equipment.profiles.install(self.evse.evse_id, profile, transaction.id)
            self._equipment.profiles_changed.ring()

    def _gain(self, point: Point, trigger: Trigger) -> None:
        """A point is reached: start the transaction, or tell how it goes on."""
        self._points.add(point)
        wanted = self._equipment.model.members("TxCtrlr", "TxStartPoint")
        if self.transaction is None:
            if any(reached.value in wanted for reached in self._points):
                self._start(trigger)
            return
        if point is Point.PATH_CLOSED and self.transaction.path_closed_at is None:
            self.transaction.path_closed_at = self._equipment.clock.now()
            self._equipment.profiles_changed.ring()
        self._tell(EventType.UPDATED, trigger, Context.OTHER)

    def _lose(self, point: Point, trigger: Trigger, reason: StoppedReason) -> None:
        """A point is lost: end the transaction, or tell how it goes on."""
        self._points.discard(point)
        if point.value in self._equipment.model.members("TxCtrlr", "TxStopPoint"):
            self._end(trigger, reason)
        else:
            self._tell(EventType.UPDATED, trigger, Context.OTHER)

    def _start(self, trigger: Trigger) -> None:
        equipment, now = self._equipment, self._equipment.clock.now()
        self.transaction = Transaction(
            equipment.new_id(), self.evse.evse_id, CONNECTOR_ID, now, equipment.clock.monotonic
        )
        self.transaction.flows(self.evse.flow())
        self._use_grant()
        if Point.PATH_CLOSED in self._points:
            self.transaction.path_closed_at = now
        self._tell(EventType.STARTED, trigger, Context.BEGIN)
        self._observe("transaction_started")

    def _end(self, trigger: Trigger, reason: StoppedReason) -> None:
        if self.transaction is None:
            return
        self._sampling.cancel()
        self._tell(EventType.ENDED, trigger, Context.END, reason)
        self._observe("transaction_ended", reason=reason.value)
        self._equipment.profiles.end_transaction(self.transaction.id)
        self._equipment.profiles.priority.discard(self.evse.evse_id)
        self.transaction, self.needs_told, self._held = None, False, False
        self._equipment.profiles_changed.ring()
        self._equipment.transaction_over()

    def _tell(
        self, kind: EventType, trigger: Trigger, context: Context, stopped: StoppedReason | None = None
    ) -> None:
        transaction, now = self.transaction, self._equipment.clock.now()
        if transaction is None:
            return
        samples = self._sampling.take(kind.value, context)
        earlier = self._sampling.release() if kind is EventType.ENDED else ()
        self._equipment.emit(transaction.event(kind, trigger, now, samples, stopped, earlier))

    def _observe(self, event: str, **fields: object) -> None:
        if self.transaction is not None:
            known: dict[str, object] = {"evse": self.evse.evse_id, "transaction": self.transaction.id}
            self._equipment.observe(event, known | fields)
