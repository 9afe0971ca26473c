"""Carries out a probe on an attended vehicle: small orders, each through the last gate, and a bound beneath.

While it runs the station is held, so that no grid event orders anything there. Whatever happens, what is left
on the station ends by itself: leases within a minute or two, fallback and bound within a quarter of an hour.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from csms.blocks import smart_charging
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain import probe as judge
from csms.domain.dialect_choice import Origin, Plate, Standing
from csms.domain.dialect_record import Composite, DialectRecord, Discharge, MeterSign
from csms.domain.facts import DialectChanged
from csms.domain.flexibility import EvseView
from csms.domain.probe import Finding, Probe, Sighting, Step
from csms.domain.profile import InstallProfile, bound_profile, fallback_profile, lease_profile
from csms.domain.safety import CLOCK_SKEW_MAX_S, Order, check_order
from csms.errors import Conflict, CsmsError, StationError, Unsafe
from csms.grid import fleet
from csms.grid.delivery import composite_w, deliver
from csms.grid.envelope import Envelope
from csms.grid.fleet import Membership
from csms.grid.leases import EvseKey, Lease, Line, fallback_id, lease_id
from csms.store import dialect_records, profiles, stations, variables
from csms.store.database import Database
from csms.store.stations import StationRow
from csms.wire import words

log = structlog.get_logger()

BOUND_ID = 930_000
"""Profile id of the low limit for the whole station."""
HOLD = "being probed"
LEASE_S = 60
LASTS_S = 900
"""What the probe leaves beneath itself ends after so long."""
FOLLOW_S = 30.0
"""So long the vehicle has to follow (V-10)."""
READING_S = 60.0
CUT_S, BACK_S, LOOK_S = 180.0, 300.0, 5.0
RATES = 5
_PROFILES = ("Entries", "ChargingProfiles")
_MAY_STAND = frozenset({"sent", "accepted", "failed"})
_OURS = frozenset({"lease", "fallback"})

Progress = Callable[[Finding], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be probed: where, with how much (W, a magnitude), in which form, and up to which step."""

    station_id: str
    evse_id: int
    power_w: float
    form: Discharge
    through: Step = Step.EXPIRY

    @property
    def key(self) -> EvseKey:
        """The EVSE."""
        return self.station_id, self.evse_id


class Prober:
    """Probes one station after another, each to its end."""

    def __init__(self, db: Database, bus: Bus, clock: Clock) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock

    async def ready(self, wish: Wish) -> StationRow:
        """The station, if it can be probed now. Raises `Conflict` with what is in the way."""
        station = await stations.get(self._db, wish.station_id)
        if station is None or not station.connected:
            raise Conflict("The station is not connected.")
        if station.hold is not None:
            raise Conflict(f"The station is held: {station.hold}.")
        view = await self._view(wish)
        if view is None:
            raise Conflict("No vehicle is plugged in there, in a transaction that is open.")
        if view.clock_skew_s is None or abs(view.clock_skew_s) > CLOCK_SKEW_MAX_S:
            raise Conflict("The station's clock is off, or unknown: its readings cannot be told in time.")
        now = self._clock.now()
        for row in await profiles.of_station(self._db, wish.station_id):
            if row.role in _OURS and row.state in _MAY_STAND and (row.valid_to or now) > now:
                raise Conflict("The station takes part in a grid event.")
        return station

    async def run(self, wish: Wish, record: DialectRecord, progress: Progress) -> DialectRecord:
        """All steps as far as they are wanted and each allows the next; the record is written at the end.

        Stops at the first step without which the next would be dangerous. Raises what went wrong after the
        lease was taken back.
        """
        await self._hold(wish.station_id, HOLD)
        seen = Probe(replace(record, discharge=Discharge.NONE, verified_by=None), wish.power_w)
        try:
            for step in Step:
                if step > wish.through or not _may(seen, step):
                    break
                seen = await self._step(wish, seen, step)
                await progress(seen.findings[-1])
            await self._clear(wish, bound=True)
        finally:
            await self._clear(wish, bound=False)
            await self._hold(wish.station_id, None)
        return await self._write(wish, seen)

    async def _step(self, wish: Wish, seen: Probe, step: Step) -> Probe:
        try:
            return await _STEPS[step](self, wish, seen)
        except Unsafe as unsafe:
            return seen.found(step, False, f"{unsafe.rule}: {unsafe.detail}")

    # ---- the steps

    async def _variables(self, wish: Wish, seen: Probe) -> Probe:
        rows = await variables.reported(self._db, wish.station_id, component="SmartChargingCtrlr")
        units = next((row.value for row in rows if row.variable == "RateUnit"), None)
        entries = [row for row in rows if (row.variable, row.variable_instance) == _PROFILES]
        return judge.variables(seen, units, entries[0].max_limit if entries else None)

    async def _positive(self, wish: Wish, seen: Probe) -> Probe:
        return judge.positive(seen, await self._order(wish, seen.record, wish.power_w, 2 * LEASE_S))

    async def _zero(self, wish: Wish, seen: Probe) -> Probe:
        return judge.zero(seen, await self._order(wish, seen.record, 0.0, 2 * LEASE_S))

    async def _safe(self, wish: Wish, seen: Probe) -> Probe:
        """Step 4: what lies beneath the discharge: a fallback, and a low limit for the whole station."""
        now = self._clock.now()
        fallback = replace(
            fallback_profile(fallback_id(wish.evse_id), wish.power_w, now),
            duration_s=LASTS_S + 60,
            valid_to=now + timedelta(seconds=LASTS_S),
        )
        bound = bound_profile(BOUND_ID, wish.power_w, now, LASTS_S)
        for evse_id, profile in ((wish.evse_id, fallback), (0, bound)):
            check_order(Order(profile, evse_id), now)
            reply = await deliver(self._bus, wish.station_id, InstallProfile(evse_id, profile, seen.record))
            if reply.state != "accepted":
                return seen.found(Step.SAFE, False, f"{profile.purpose} not taken: {reply.reason}")
        return seen.found(Step.SAFE, True, f"fallback and station limit of {wish.power_w:.0f} W are there")

    async def _negative(self, wish: Wish, seen: Probe) -> Probe:
        form = _trying(seen.record, wish.form)
        after = judge.negative(seen, wish.form, await self._order(wish, form, -wish.power_w, LEASE_S))
        if not after.findings[-1].passed:
            await self._clear(wish, bound=False)
        return after

    async def _expiry(self, wish: Wish, seen: Probe) -> Probe:
        await self._clock.sleep(LEASE_S)  # of which half was over when the meter was read
        return judge.expiry(seen, await self._read(wish, self._clock.now()))

    async def _link(self, wish: Wish, seen: Probe) -> Probe:
        """Step 7: whoever attends the vehicle cuts the network for a minute; we see it go and come."""
        await self._order(wish, _trying(seen.record, wish.form), -wish.power_w, LEASE_S)
        lost = await self._until(wish, False, CUT_S)
        if lost and not await self._until(wish, True, BACK_S):
            return seen.found(Step.LINK, False, "the connection did not come back")
        await self._clock.sleep(LEASE_S)
        return judge.link(seen, lost, await self._read(wish, self._clock.now()))

    async def _reboot(self, wish: Wish, seen: Probe) -> Probe:
        before = await self._epoch(wish)
        await self._bus.ask(wish.station_id, words.ResetRequest(type="Immediate"), timeout_s=FOLLOW_S)
        booted = False
        for _ in range(int(BACK_S / LOOK_S)):
            await self._clock.sleep(LOOK_S)
            booted = await self._epoch(wish) > before
            if booted and await self._online(wish):
                break
        sighting = Sighting(composite_w=await self._composite(wish, seen.record) if booted else None)
        if booted:
            sighting = replace(sighting, power_w=(await self._read(wish, self._clock.now())).power_w)
        return judge.reboot(seen, booted, sighting)

    async def _rate(self, wish: Wish, seen: Probe) -> Probe:
        """The fallback, five times the same and five times another one."""
        now, pause_s = self._clock.now(), None
        taken = 0
        for count in range(2 * RATES):
            limit_w = wish.power_w + max(0, count - RATES)
            profile = replace(
                fallback_profile(fallback_id(wish.evse_id), limit_w, now),
                duration_s=LASTS_S,
                valid_to=now + timedelta(seconds=LASTS_S - 60),
            )
            check_order(Order(profile, wish.evse_id), now)
            reply = await deliver(
                self._bus, wish.station_id, InstallProfile(wish.evse_id, profile, seen.record)
            )
            if reply.state != "accepted":
                pause_s = reply.pause_s
                break
            taken += 1
        return judge.rate(seen, taken, pause_s)

    # ---- what they are made of

    async def _order(self, wish: Wish, record: DialectRecord, power_w: float, lease_s: int) -> Sighting:
        """Order a power through the last gate, and look what comes of it."""
        view = await self._view(wish)
        if view is None:
            return Sighting(reason="the transaction has ended")
        now = self._clock.now()
        profile = lease_profile(lease_id(wish.evse_id), view.transaction_id, power_w, now, lease_s, record)
        check_order(await self._described(wish, view, Order(profile, wish.evse_id, record=record)), now)
        reply = await deliver(self._bus, wish.station_id, InstallProfile(wish.evse_id, profile, record))
        if reply.state != "accepted":
            return Sighting(False if reply.state == "rejected" else None, reply.reason or "no answer")
        shown = await self._composite(wish, record)
        if power_w < 0 and record.composite is Composite.TRUSTED and shown is not None and shown >= 0:
            return Sighting(True, composite_w=shown)  # taken back at once, not after the meter has shown it
        before = view.export_wh or 0.0
        read = await self._read(wish, now + timedelta(seconds=FOLLOW_S))
        after = await self._view(wish)
        exported = after is not None and (after.export_wh or 0.0) > before
        return replace(read, accepted=True, composite_w=shown, exported=exported)

    async def _described(self, wish: Wish, view: EvseView, order: Order) -> Order:
        """With all that the safety rules look at; who attends the vehicle speaks for its driver."""
        now = self._clock.now()
        snapshot = await fleet.look(self._db, now)
        lines: dict[EvseKey, Line] = {}
        for row in await profiles.live_leases(self._db, now):
            if row.valid_to is not None:
                line = lines.setdefault((row.identity, row.evse_id), Line())
                line.sent(Lease(row.limit_w, row.valid_to, row.transaction_id, row.changed_at))
        envelope = Envelope(lines, {}, snapshot.sites, now)
        for known in snapshot.rows:
            envelope.add(known)
        export_w, others_w = envelope.export_room(wish.key)
        return replace(
            order,
            transaction_id=view.transaction_id,
            vehicle_bidirectional=view.vehicle_bidirectional,
            max_discharge_w=view.max_discharge_w,
            vehicle_max_discharge_w=view.vehicle_max_discharge_w,
            soc=None if view.soc_refused else view.soc,
            soc_age_s=None if view.soc_at is None else (now - view.soc_at).total_seconds(),
            meter_age_s=None if view.power_at is None else (now - view.power_at).total_seconds(),
            capacity_wh=view.capacity_wh,
            reserve_soc=view.need.reserve_soc,
            site_export_w=export_w,
            site_export_committed_w=others_w,
            fallback_acknowledged=True,  # step 4 stands before the only steps that discharge
            enrolled=True,
            faulted=view.faulted,
            not_following=False,
            clock_skew_s=view.clock_skew_s,
            plan_age_s=0.0,
        )

    async def _read(self, wish: Wish, after: datetime) -> Sighting:
        """The first meter reading of that moment or later; none if it does not come in time."""
        wait_s = max(0.0, (after - self._clock.now()).total_seconds())
        await self._clock.sleep(wait_s)
        for _ in range(int(READING_S / LOOK_S)):
            view = await self._view(wish)
            if view is None:
                return Sighting()
            if view.power_at is not None and view.power_at >= after:
                return Sighting(power_w=view.power_w)
            await self._clock.sleep(LOOK_S)
        return Sighting()

    async def _composite(self, wish: Wish, record: DialectRecord) -> float | None:
        request = words.GetCompositeScheduleRequest(
            evse_id=wish.evse_id, duration=LEASE_S, charging_rate_unit=record.unit.value
        )
        try:
            answer = await self._bus.ask(wish.station_id, request, timeout_s=FOLLOW_S)
        except StationError:
            return None
        assert isinstance(answer, words.GetCompositeScheduleResponse)
        return None if answer.schedule is None else composite_w(answer.schedule, record)

    async def _view(self, wish: Wish) -> EvseView | None:
        snapshot = await fleet.look(self._db, self._clock.now())
        rows = [row for row in snapshot.rows if (row.station_id, row.evse_id) == wish.key]
        return fleet.view_of(rows[0], Membership(), snapshot) if rows else None

    async def _until(self, wish: Wish, online: bool, within_s: float) -> bool:
        for _ in range(int(within_s / LOOK_S)):
            if await self._online(wish) is online:
                return True
            await self._clock.sleep(LOOK_S)
        return False

    async def _online(self, wish: Wish) -> bool:
        station = await stations.get(self._db, wish.station_id)
        return station is not None and station.connected

    async def _epoch(self, wish: Wish) -> int:
        station = await stations.get(self._db, wish.station_id)
        return 0 if station is None else station.boot_epoch

    async def _hold(self, station_id: str, hold: str | None) -> None:
        async with self._db.begin() as conn:
            await stations.change(conn, station_id, hold=hold)

    async def _clear(self, wish: Wish, bound: bool) -> None:
        """Take back the lease; with `bound` also what lies beneath. What does not answer ends by itself."""
        beneath = (fallback_id(wish.evse_id), BOUND_ID) if bound else ()
        for profile_id in (lease_id(wish.evse_id), *beneath):
            try:
                await smart_charging.clear(self._bus, wish.station_id, profile_id, FOLLOW_S)
            except CsmsError as error:
                log.warning("probe left a profile", station_id=wish.station_id, error=str(error))

    async def _write(self, wish: Wish, seen: Probe) -> DialectRecord:
        now = self._clock.now()
        station = await stations.get(self._db, wish.station_id)
        if station is None:
            raise Conflict("The station was removed.")
        probe_id = f"probe-{secrets.token_hex(4)}"
        record = judge.concluded(seen, probe_id, now.date(), station.firmware)
        plate = Plate(station.vendor, station.model, station.firmware, station.version)
        standing = Standing(record, Origin.PROBE, plate)
        async with self._db.begin() as conn:
            await dialect_records.put_standing(conn, station.identity, standing, now, probe_id)
        self._bus.publish(DialectChanged(now, station.identity, standing.discharge.value))
        log.info("probed", station_id=station.identity, discharge=standing.discharge.value)
        return record


_STEPS: dict[Step, Callable[[Prober, Wish, Probe], Awaitable[Probe]]] = {
    Step.VARIABLES: Prober._variables,
    Step.POSITIVE: Prober._positive,
    Step.ZERO: Prober._zero,
    Step.SAFE: Prober._safe,
    Step.NEGATIVE: Prober._negative,
    Step.EXPIRY: Prober._expiry,
    Step.LINK: Prober._link,
    Step.REBOOT: Prober._reboot,
    Step.RATE: Prober._rate,
}


def _may(seen: Probe, step: Step) -> bool:
    """No discharge without control of charging and what lies beneath; nothing more if it does not end."""
    if step <= Step.SAFE:
        return True
    needed = {Step.POSITIVE, Step.SAFE} if step is Step.NEGATIVE else judge.PROVES
    if step is Step.EXPIRY:
        needed = {Step.POSITIVE, Step.SAFE, Step.NEGATIVE}
    return seen.passed >= needed


def _trying(record: DialectRecord, form: Discharge) -> DialectRecord:
    """The record with the form that is tried: its meter is about to be tested."""
    return replace(record, discharge=form, meter_sign=MeterSign.EXPORT)
