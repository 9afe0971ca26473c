"""Act: a setpoint becomes a lease on a station; leases and fallbacks are withdrawn again.

One task at most for each EVSE, so a station that hangs holds up nobody else, and a withdrawal always comes
after the order it withdraws. Nothing here plans: withdrawing works while planning is broken (V-16). Whatever
fails is found again in the store by the next tick; nothing is retried from memory alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from csms.blocks import smart_charging
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.dialect_record import UNKNOWN, DialectRecord
from csms.domain.profile import ChargingProfile, InstallProfile, ProfileKind, UpdateSetpoint
from csms.domain.safety import Order, check_order
from csms.errors import (
    CsmsError,
    StationError,
    Unsafe,
)
from csms.grid.delivery import ASK_TIMEOUT_S, RATE_LIMITED, SUPERSEDED, Reply, deliver, shown
from csms.grid.leases import EvseKey, Fallback, Lease, Line, fallback_id, lease_id, moved
from csms.grid.ledger import Ledger
from csms.grid.participation import Part, Roster, Seat
from csms.store.profiles import Outcome

log = structlog.get_logger()

IN_FLIGHT = 200
SILENT_S = 60.0
"""A station that gave no answer is not counted on for so many house seconds."""
RETRY_S = 5.0
"""A withdrawal that got no answer is tried again after so many house seconds."""
NOT_SHOWN = "the composite schedule does not show the order"


@dataclass(frozen=True, slots=True)
class PutFallback:
    """Bring out the fallback."""

    fallback: Fallback
    profile: ChargingProfile
    seat: Seat
    record: DialectRecord = UNKNOWN


@dataclass(frozen=True, slots=True)
class PutLease:
    """Give or renew a lease. `order` is checked once more right before it is sent."""

    lease: Lease
    order: Order
    made_at: datetime
    seat: Seat


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Clear the lease, or the fallback, by id."""

    fallback: bool


Work = PutFallback | PutLease | Withdraw


class _Lane:
    """At most `IN_FLIGHT` pieces of work at a time; the others wait as data, not as tasks."""

    def __init__(self) -> None:
        self._free = IN_FLIGHT
        self._waiting: deque[Callable[[], None]] = deque()

    def enter(self, start: Callable[[], None]) -> None:
        """Start now, or when somebody leaves."""
        if self._free:
            self._free -= 1
            start()
        else:
            self._waiting.append(start)

    def leave(self) -> None:
        """Make room for who waits longest."""
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._free += 1

    def close(self) -> None:
        """Start nothing more."""
        self._waiting.clear()


@dataclass(slots=True)
class _Slot:
    """What is under way to one EVSE. `task` is None while it waits.

    `stale`: the station came back since it was planned, perhaps after a restart without its fallback (V-04).
    """

    work: Work
    tasks: asyncio.TaskGroup
    task: asyncio.Task[None] | None = None
    following: Withdraw | None = None
    stale: bool = False


class Actuator:
    """Carries out the loop's orders in tasks of the loop's task group.

    `lines` is what each EVSE may be following.
    """

    def __init__(
        self, bus: Bus, clock: Clock, ledger: Ledger, roster: Roster, wake: Callable[[], None]
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._ledger = ledger
        self._roster = roster
        self._wake = wake
        self._slots: dict[EvseKey, _Slot] = {}
        self._puts, self._withdrawals = _Lane(), _Lane()
        self._silent: dict[EvseKey, datetime] = {}
        self._resting: dict[EvseKey, datetime] = {}
        self._barred: set[str] = set()
        self._barred_anew: set[str] = set()
        self._back: set[str] = set()
        self.lines: dict[EvseKey, Line] = {}
        self.fallbacks: dict[EvseKey, Fallback] = {}

    def line(self, key: EvseKey) -> Line:
        """The EVSE's line, made when first asked for."""
        return self.lines.setdefault(key, Line())

    def busy(self, key: EvseKey) -> bool:
        """Whether something is under way to this EVSE; then nothing new is planned for it."""
        return key in self._slots

    def silent(self, now: datetime) -> set[EvseKey]:
        """EVSEs whose station left an ask unanswered a short while ago."""
        return {key for key, until in self._silent.items() if until > now}

    def resting(self, key: EvseKey, now: datetime) -> bool:
        """Whether a withdrawal failed here a moment ago."""
        return self._resting.get(key, now) > now

    def busy_keys(self) -> list[EvseKey]:
        """EVSEs with something under way."""
        return list(self._slots)

    def leasing(self, key: EvseKey) -> bool:
        """Whether a lease is on its way to this EVSE."""
        slot = self._slots.get(key)
        return slot is not None and isinstance(slot.work, PutLease)

    def covering(self, key: EvseKey) -> bool:
        """Whether a fallback is on its way to this EVSE."""
        slot = self._slots.get(key)
        return slot is not None and isinstance(slot.work, PutFallback)

    def heard(self, station_id: str) -> None:
        """The station is back: the next tick asks it again, and rewrites what it holds."""
        self._back.add(station_id)

    def bar(self, name: str) -> None:
        """A driver opted out or an event was cancelled: nothing planned for it before goes out (V-07)."""
        self._barred_anew.add(name)

    def reading_anew(self) -> None:
        """From now on the store is read: what was barred until now will be found there, and who is back."""
        self._barred |= self._barred_anew
        self._barred_anew = set()
        if self._back:
            self._welcome(self._back)
            self._back = set()

    def _welcome(self, back: set[str]) -> None:
        """What stations hold that were away is written anew before it is believed (V-09)."""
        self._silent = {key: until for key, until in self._silent.items() if key[0] not in back}
        self._resting = {key: until for key, until in self._resting.items() if key[0] not in back}
        for key, line in self.lines.items():
            line.rewrite = line.rewrite or (key[0] in back and line.live)
        for key, slot in self._slots.items():
            slot.stale = slot.stale or key[0] in back

    def unbar(self) -> None:
        """What was barred before `reading_anew` has been found, and withdrawn."""
        self._barred = set()

    def put(self, tasks: asyncio.TaskGroup, key: EvseKey, work: Work) -> None:
        """Start this work. A withdrawal overtakes an order that is not yet sent; two withdrawals are one."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot(work, tasks)
            self._enter(key, slot)
        elif isinstance(work, Withdraw) and slot.work != work:
            slot.following = work

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while tasks := [slot.task for slot in self._slots.values() if slot.task is not None]:
            await asyncio.wait(tasks)

    def _enter(self, key: EvseKey, slot: _Slot) -> None:
        lane = self._withdrawals if isinstance(slot.work, Withdraw) else self._puts

        def start() -> None:
            slot.task = slot.tasks.create_task(self._run(key, slot, lane))

        lane.enter(start)

    def drop(self) -> None:
        """Another node leads now: stop all work and forget what was known."""
        for slot in self._slots.values():
            if slot.task is not None:
                slot.task.cancel()
        for lane in (self._puts, self._withdrawals):
            lane.close()
        self._puts, self._withdrawals = _Lane(), _Lane()
        self._slots, self._silent, self._resting, self.lines, self.fallbacks = {}, {}, {}, {}, {}

    async def _run(self, key: EvseKey, slot: _Slot, lane: _Lane) -> None:
        try:
            await self._do(key, slot)
        except asyncio.CancelledError:  # the loop ends, or no longer leads: nothing new is started
            lane.close()
            slot.following = None
            raise
        except CsmsError as error:
            # The store, most likely. What was not written down is found and done again by the next tick.
            slot.following = None
            if not isinstance(slot.work, Withdraw):
                self._roster.distrust(slot.work.seat.event_id)
            log.warning("order not recorded", station_id=key[0], evse_id=key[1], error=str(error))
        except Exception:
            slot.following = None
            log.exception("order failed", station_id=key[0], evse_id=key[1])
        finally:
            slot.task = None
            lane.leave()
            self._ended(key, slot)

    def _ended(self, key: EvseKey, slot: _Slot) -> None:
        """Go on with the withdrawal that has come meanwhile, or make the EVSE free for new work."""
        if slot.following is not None and self._slots.get(key) is slot:
            slot.work, slot.following = slot.following, None
            self._enter(key, slot)
            return
        if self._slots.get(key) is slot:
            del self._slots[key]
        self._wake()

    async def _do(self, key: EvseKey, slot: _Slot) -> None:
        work = slot.work
        if isinstance(work, Withdraw):
            await self._withdraw(key, work)
        elif slot.following is not None or self._is_barred(work.seat):
            await self._not_sent(key, work, "withdrawn")
        elif slot.stale or key[0] in self._back:
            await self._not_sent(key, work, "the station came back after it was planned")
        elif isinstance(work, PutLease):
            await self._put_lease(key, work)
        else:
            await self._put_fallback(key, work)

    def _is_barred(self, seat: Seat) -> bool:
        return not {seat.event_id, self._roster.driver(seat)}.isdisjoint(self._barred | self._barred_anew)

    async def _put_fallback(self, key: EvseKey, work: PutFallback) -> None:
        # Raises `Unsafe` for a fallback that is none; the order is then dropped and its seat never steered.
        check_order(Order(work.profile, key[1]), self._clock.now())
        # Who gets no answer may have been obeyed: it stays noted, so that it will be withdrawn.
        self.fallbacks[key] = work.fallback
        reply = await deliver(self._bus, key[0], InstallProfile(key[1], work.profile, work.record))
        answer = self._outcome(key, work.profile, reply)
        if answer.state == "accepted":
            self.fallbacks[key] = replace(work.fallback, acknowledged=True)
        elif answer.state == "rejected":
            del self.fallbacks[key]
        await self._write(key, answer, work.seat, Part.PREPARED)

    async def _put_lease(self, key: EvseKey, work: PutLease) -> None:
        line, lease, now = self.line(key), work.lease, self._clock.now()
        try:
            check_order(_aged(work.order, (now - work.made_at).total_seconds()), now)
        except Unsafe as unsafe:
            log.warning("order withheld", station_id=key[0], evse_id=key[1], rule=unsafe.rule)
            await self._not_sent(key, work, f"{unsafe.rule} {unsafe.detail}")
            return
        profile, record = work.order.profile, work.order.record
        line.settle_s = record.clear_async_s
        # An update keeps the length that the lease was put with: another length is put in full (K28.FR.13).
        lasts_s = profile.duration_s if profile.kind is ProfileKind.DYNAMIC else None
        updated = lasts_s is not None and lasts_s == line.dynamic_s and not (line.rewrite or line.unclear)
        reply = await deliver(
            self._bus,
            key[0],
            UpdateSetpoint(profile.id, lease.limit_w) if updated else InstallProfile(key[1], profile, record),
        )
        if reply.state == "accepted":
            line.accepted(lease, self._clock.now())
            line.dynamic_s = lasts_s
        elif reply.state == "rejected" or reply.reason == SUPERSEDED:
            line.refused(lease)
        if updated and reply.state != "accepted":
            line.dynamic_s = None  # it may be gone: the next lease is put in full
        await self._write(key, self._outcome(key, profile, reply), work.seat, Part.FOLLOWING)
        if reply.state == "accepted":
            await self._read_back(key, work)

    async def _read_back(self, key: EvseKey, work: PutLease) -> None:
        """Where the composite schedule can be trusted it must show the discharge; else it is withdrawn."""
        line, limit_w = self.line(key), work.lease.limit_w
        if line.read_back_w is not None and not moved(line.read_back_w, limit_w):
            return
        if await shown(self._bus, key, limit_w, work.order.record):
            line.read_back_w = limit_w
            return
        log.warning("order not in composite schedule", station_id=key[0], evse_id=key[1], setpoint_w=limit_w)
        slot = self._slots.get(key)
        if slot is not None:
            slot.following = Withdraw(fallback=False)
        row = self._roster.mark(work.seat, Part.NOT_FOLLOWING, self._clock.now(), NOT_SHOWN)
        await self._ledger.write(*([row] if row else []))

    def _outcome(self, key: EvseKey, profile: ChargingProfile, reply: Reply) -> Outcome:
        now = self._clock.now()
        if reply.pause_s is not None:
            self.line(key).not_before = now + timedelta(seconds=reply.pause_s)
        return Outcome(*key, profile.id, reply.state, reply.reason, now)

    async def _write(self, key: EvseKey, answer: Outcome, seat: Seat, accepted: Part) -> None:
        part = accepted
        if answer.state == "rejected":
            part = (self._roster.state(seat) or accepted) if answer.reason == RATE_LIMITED else Part.REFUSED
            log.info("profile rejected", station_id=key[0], evse_id=key[1], reason=answer.reason)
            if answer.profile_id == lease_id(key[1]) and self.line(key).lease is not None:
                answer = answer._replace(state="failed")  # the one before still stands: its row must be found
        elif answer.state == "failed" and answer.reason != SUPERSEDED:
            part = Part.OFFLINE
            self._silent[key] = answer.at + timedelta(seconds=SILENT_S)
        elif answer.state == "failed":
            part = self._roster.state(seat) or accepted
        row = self._roster.answered(seat, part, answer.at, answer.reason)
        await self._ledger.write(answer, *([row] if row else []))

    async def _not_sent(self, key: EvseKey, work: PutFallback | PutLease, reason: str) -> None:
        profile = work.profile if isinstance(work, PutFallback) else work.order.profile
        if isinstance(work, PutLease):
            self.line(key).refused(work.lease)
            if self.line(key).lease is not None:
                return  # the row goes on telling of the lease in force, by its id
        await self._ledger.write(Outcome(*key, profile.id, "rejected", reason, self._clock.now()))

    async def _withdraw(self, key: EvseKey, work: Withdraw) -> None:
        station_id, evse_id = key
        profile_id = fallback_id(evse_id) if work.fallback else lease_id(evse_id)
        try:
            # False means that the station does not know it: that is as good (K10.FR.02).
            await smart_charging.clear(self._bus, station_id, profile_id, ASK_TIMEOUT_S)
        except StationError as error:
            log.info("withdrawal unanswered", station_id=station_id, evse_id=evse_id, error=str(error))
            now = self._clock.now()
            self._resting[key] = now + timedelta(seconds=RETRY_S)
            held = self.fallbacks.get(key)
            if not work.fallback or held is None or held.until > now:
                return
            # It has run out by itself, which is as good.
        now = self._clock.now()
        if work.fallback:
            self.fallbacks.pop(key, None)
        else:
            self.line(key).cleared(now)
        await self._ledger.write(Outcome(station_id, evse_id, profile_id, "cleared", None, now))


def _aged(order: Order, seconds: float) -> Order:
    """The same order, with its SoC and its meter's word as much older as it had to wait."""
    waited_s = max(0.0, seconds)
    soc_age_s = None if order.soc_age_s is None else order.soc_age_s + waited_s
    meter_age_s = None if order.meter_age_s is None else order.meter_age_s + waited_s
    return replace(order, soc_age_s=soc_age_s, meter_age_s=meter_age_s, plan_age_s=waited_s)
