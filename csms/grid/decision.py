"""Decide: what each EVSE of one event shall do in this tick. No waiting, no writing; the loop does both.

For a large fleet that takes a while, so it goes in steps (see `pace`).
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from csms.domain.dialect_record import DialectRecord, Discharge
from csms.domain.dispatch import allocate
from csms.domain.flexibility import EvseView, Offer
from csms.domain.flexibility import offer as offer_of
from csms.domain.grid_event import GridEvent
from csms.domain.profile import ChargingProfile, lease_profile
from csms.domain.program import Program
from csms.domain.safety import Order, check_order
from csms.domain.site import Sites
from csms.domain.tracking import Memory, correct, fleet_power
from csms.errors import Unsafe
from csms.grid import fleet
from csms.grid.envelope import Envelope
from csms.grid.leases import (
    EvseKey,
    Fallback,
    Lease,
    Line,
    fallback_for,
    fallback_until,
    lease_id,
    lease_seconds,
)
from csms.grid.pace import Steps, mapped, slices
from csms.grid.participation import Seat
from csms.grid.setpoints import PutFallback, PutLease
from csms.store.dispatches import DispatchRow, Ordered

_OTHER_FLEET = 0.2


@dataclass(frozen=True, slots=True)
class Scene:
    """What the decision looks at besides the views: what stations hold, who is busy, and what sites allow."""

    now: datetime
    sites: Sites
    lines: Mapping[EvseKey, Line]
    fallbacks: Mapping[EvseKey, Fallback]
    busy: Callable[[EvseKey], bool]
    envelope: Envelope
    dialect: Callable[[str, Discharge], DialectRecord]


@dataclass(frozen=True, slots=True)
class Recall:
    """What one tick of an event leaves to the next.

    The correction, the shortfall (W), and who was steered.
    """

    memory: Memory = field(default_factory=Memory)
    shortfall_w: float = 0.0
    steered: frozenset[EvseKey] = frozenset()

    def before(self, steered: frozenset[EvseKey], now: datetime) -> Memory:
        """The memory to go on with. A fleet that has become another one is given its time to settle anew."""
        if len(self.steered ^ steered) > _OTHER_FLEET * max(1, len(self.steered), len(steered)):
            return replace(self.memory, target_since=now)
        return self.memory


@dataclass(frozen=True, slots=True)
class Decision:
    """What is written down, then done."""

    dispatch: DispatchRow
    setpoints: tuple[Ordered, ...]
    work: tuple[PutFallback | PutLease, ...]
    recall: Recall


def decide(
    event: GridEvent, program: Program, views: Sequence[EvseView], scene: Scene, last: Recall
) -> Steps[Decision]:
    """One tick of one event; `last` is what the tick before left.

    The event's power is that of all who take part, those out of reach included: what they do is made up for
    by the others. Who was taken out (refused, not following) counts no more.
    """
    now, max_age_s = scene.now, program.terms.max_meter_age_s
    offered = yield from fleet.offers(views, event, program, scene.sites, now)
    able = [pair for pair in offered if _ready(*pair, event, program, scene)]
    steered = frozenset(_key(view) for view, _ in able)
    counted = [pair for pair in offered if not (pair[0].refused or pair[0].not_following)]
    measured_w = fleet_power((view for view, _ in counted), now, max_age_s)
    loose = [view for view, offer in counted if not offer.steerable or _alone(view, offer, steered)]
    adrift_w = fleet_power(loose, now, max_age_s)
    wanted_w, memory = correct(
        event.target_w, measured_w, last.before(steered, now), now, shortfall_w=last.shortfall_w
    )
    load = _load(able, event, scene)
    allocation = allocate(wanted_w - adrift_w, [offer for _, offer in able], scene.sites, load)
    power_w = {(each.station_id, each.evse_id): each.setpoint_w for each in allocation.setpoints}
    leases = yield from _leases(event, program, able, power_w, scene)
    fallbacks = [
        put_fallback(event, program, view, None, scene)
        for view, offer in offered
        if offer.steerable
        and _key(view) not in steered
        and not _alone(view, offer, steered)
        and not scene.busy(_key(view))
        and not scene.lines.get(_key(view), Line()).paused(now)
    ]
    setpoints = yield from mapped(lambda pair: _row(event, *pair, power_w.get(_key(pair[0]))), offered)
    dispatch = _summed(event, now, (wanted_w, adrift_w, measured_w), setpoints)
    recall = Recall(memory, dispatch.shortfall_w, steered)
    return Decision(dispatch, tuple(setpoints), (*leases, *fallbacks), recall)


def _leases(
    event: GridEvent,
    program: Program,
    able: Sequence[tuple[EvseView, Offer]],
    power_w: dict[EvseKey, float],
    scene: Scene,
) -> Steps[list[PutLease]]:
    """The leases that are due, what frees room at a site first; `power_w` is cut to what may be ordered."""
    due: list[PutLease] = []
    none = Line()
    for part in slices(sorted(able, key=lambda pair: -power_w[_key(pair[0])])):
        for view, _ in part:
            key = _key(view)
            power_w[key] = scene.envelope.grant(key, power_w[key])
            order = None if scene.busy(key) else _order(event, program, view, power_w[key], scene)
            if order is None:
                continue
            limit_w = power_w[key] = order.profile.periods[0].limit_w
            until = order.ends_at(scene.now)
            line = scene.lines.get(key, none)
            if line.due(limit_w, view.transaction_id, until, scene.now, order.record):
                lease = Lease(limit_w, until, view.transaction_id, scene.now)
                due.append(PutLease(lease, order, scene.now, _seat(event, view)))
        yield
    return due


def put_fallback(
    event: GridEvent, program: Program, view: EvseView, rating_w: float | None, scene: Scene
) -> PutFallback:
    """The work that brings out the fallback of an event at an EVSE (see `leases`).

    With `rating_w` it bites at the event's start, without it at once.
    """
    now, key = scene.now, _key(view)
    since = now if rating_w is None else max(now, event.start)
    limit_w = scene.envelope.fallback_w(key, program.terms.fallback_w)
    until = fallback_until(view.station_id, event, program.terms)
    fallback = Fallback(limit_w, since, until, return_s=program.terms.return_s)
    fallback = fallback.with_known(scene.fallbacks.get(key), now)
    profile = fallback_for(key, fallback, rating_w, now)
    return PutFallback(fallback, profile, _seat(event, view), scene.dialect(view.station_id, view.discharge))


def _ready(view: EvseView, offer: Offer, event: GridEvent, program: Program, scene: Scene) -> bool:
    """Whether a setpoint may go out.

    The fallback comes first, and is acknowledged, for charging limits too.
    """
    fallback = scene.fallbacks.get(_key(view))
    good = (
        view.fallback_acknowledged
        and fallback is not None
        and fallback.covers(event, program.terms, scene.now)
    )
    return offer.steerable and good


def _alone(view: EvseView, offer: Offer, steered: Collection[EvseKey]) -> bool:
    """Whether this vehicle must charge for its departure and holds no fallback that would keep it from that.

    Then it gets none: it charges as its driver plugged it in, also if our word does not reach it any more.
    """
    return offer.must_w > 0 and _key(view) not in steered


def _load(able: Sequence[tuple[EvseView, Offer]], event: GridEvent, scene: Scene) -> dict[str, float]:
    """What flows at each site in the event's direction and is not ours to steer in this tick; signed W."""
    rest = scene.envelope.rest_w(_key(view) for view, _ in able)
    return {site_id: -out_w if event.target_w < 0 else in_w for site_id, (out_w, in_w) in rest.items()}


def _order(
    event: GridEvent, program: Program, view: EvseView, setpoint_w: float, scene: Scene
) -> Order | None:
    """The order for this setpoint, or for idling where the safety rules forbid it.

    None if they forbid that too.
    """
    now = scene.now
    record = scene.dialect(view.station_id, view.discharge)
    lease_s = lease_seconds(view.station_id, event, program.terms, now, record)
    for limit_w in (setpoint_w,) if setpoint_w >= 0 else (setpoint_w, 0.0):
        profile = lease_profile(lease_id(view.evse_id), view.transaction_id, limit_w, now, lease_s, record)
        order = replace(_described(event, program, view, profile, scene), record=record)
        try:
            check_order(order, now)
        except Unsafe:
            continue
        return order
    return None


def _described(
    event: GridEvent, program: Program, view: EvseView, profile: ChargingProfile, scene: Scene
) -> Order:
    """The order with all that the safety rules look at, taken from the view and not from the offer (V-16)."""
    key, envelope = _key(view), scene.envelope
    limit_w = profile.periods[0].limit_w
    export_w, others_out_w = envelope.export_room(key)
    import_w, others_in_w = envelope.import_room(key)
    reserve_soc = view.need.reserve_soc
    vehicle_w = view.vehicle_max_discharge_w
    return Order(
        profile=profile,
        evse_id=view.evse_id,
        transaction_id=view.transaction_id,
        vehicle_bidirectional=view.vehicle_bidirectional,
        max_discharge_w=view.max_discharge_w,
        vehicle_max_discharge_w=vehicle_w,
        soc=None if view.soc_refused else view.soc,
        soc_age_s=None if view.soc_at is None else (scene.now - view.soc_at).total_seconds(),
        max_soc_age_s=program.terms.max_soc_age_s,
        meter_age_s=None if view.power_at is None else (scene.now - view.power_at).total_seconds(),
        capacity_wh=view.capacity_wh,
        reserve_soc=None if reserve_soc is None else max(reserve_soc, event.min_soc or 0.0),
        margin_soc=program.terms.soc_margin,
        site_export_w=export_w,
        site_export_committed_w=others_out_w,
        # A limit that lowers what flows must never fail because others are above theirs.
        site_import_w=import_w if envelope.increases_import(key, limit_w) else None,
        site_import_committed_w=others_in_w,
        fallback_acknowledged=view.fallback_acknowledged,
        enrolled=view.enrolled,
        opted_out=view.opted_out,
        faulted=view.faulted or view.held,
        not_following=view.not_following,
        plan_age_s=0.0,
        clock_skew_s=view.clock_skew_s,
    )


def _row(event: GridEvent, view: EvseView, offer: Offer, setpoint_w: float | None) -> Ordered:
    reason = None if offer.why_not is None else offer.why_not.value
    return Ordered(
        event_id=event.id,
        identity=view.station_id,
        evse_id=view.evse_id,
        transaction_id=view.transaction_id,
        setpoint_w=setpoint_w or 0.0,
        measured_w=offer.measured_w,
        soc_margin=offer.soc_margin,
        reason="not steered" if setpoint_w is None and reason is None else reason,
    )


def _summed(
    event: GridEvent, now: datetime, powers_w: tuple[float, float, float], rows: Sequence[Ordered]
) -> DispatchRow:
    wanted_w, adrift_w, measured_w = powers_w
    setpoint_w = math.fsum(row.setpoint_w for row in rows)
    margins = [row.soc_margin for row in rows if row.setpoint_w < 0 and row.soc_margin is not None]
    return DispatchRow(
        event_id=event.id,
        at=now,
        target_w=event.target_w,
        corrected_w=wanted_w,
        measured_w=measured_w,
        setpoint_w=setpoint_w,
        shortfall_w=wanted_w - adrift_w - setpoint_w,
        evses=len(rows),
        discharging=sum(row.setpoint_w < 0 for row in rows),
        lowest_soc_margin=min(margins, default=None),
    )


def prepare(
    event: GridEvent, program: Program, view: EvseView, scene: Scene, held: bool
) -> PutFallback | None:
    """The fallback for an event that has not begun; None if it is there, or if it is too early for this EVSE.

    `held` says that another event rules the EVSE now: then the fallback has to be in force at once.
    """
    key = _key(view)
    known = scene.fallbacks.get(key)
    if scene.busy(key) or scene.lines.get(key, Line()).paused(scene.now):
        return None
    if view.fallback_acknowledged and known is not None and known.covers(event, program.terms, scene.now):
        return None
    if not held and view.max_charge_w is None:
        return None
    terms = program.terms
    offered = offer_of(view, event, terms, scene.sites, scene.now, terms.lease_s)
    if offered is not None and _alone(view, offered, ()):
        return None
    return put_fallback(event, program, view, None if held else view.max_charge_w, scene)


def _key(view: EvseView) -> EvseKey:
    return view.station_id, view.evse_id


def _seat(event: GridEvent, view: EvseView) -> Seat:
    return Seat(event.id, view.station_id, view.evse_id, view.transaction_id)
