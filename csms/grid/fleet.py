"""Sense: rows of the store become views and offers; and what the fleet as a whole can do now."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from csms.domain.dialect_record import Discharge
from csms.domain.flexibility import EvseView, NoDischarge, Offer, excluded, fresh_power, offer
from csms.domain.grid_event import EventRequest, EventState, GridEvent
from csms.domain.program import Need, Program
from csms.domain.site import SiteLimit, Sites, names_around, tightest
from csms.errors import Invalid
from csms.grid.leases import EvseKey
from csms.grid.pace import Steps, slices, walk
from csms.grid.participation import Part
from csms.grid.places import innermost, places, site_limit
from csms.grid.soc_sources import Words, usable
from csms.store import dispatches, programs, stations, transactions, vehicle_socs
from csms.store.database import Database
from csms.store.transactions import FleetRow

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All plugged-in EVSEs at one instant, one row each; limits of all places; what others say of SoCs."""

    now: datetime
    rows: tuple[FleetRow, ...]
    sites: Sites
    words: Words


@dataclass(frozen=True, slots=True)
class Membership:
    """Who takes part in one program's event, and which EVSEs cannot or must not be counted on.

    `most_soc` is the most percent that a vehicle's SoC may be taken for, whatever it tells.
    """

    enrolled: Collection[str] = ()
    opted_out: Collection[str] = ()
    refused: Collection[EvseKey] = ()
    not_following: Collection[EvseKey] = ()
    silent: Collection[EvseKey] = ()
    soc_refused: Collection[EvseKey] = ()
    most_soc: Mapping[EvseKey, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """What the plugged-in EVSEs of a program, or of a site, can do now. Powers are magnitudes in W.

    `reasons` counts the EVSEs that cannot discharge by why not.
    """

    id: str
    plugged_in: int = 0
    online: int = 0
    measured_w: float = 0.0
    can_discharge_w: float = 0.0
    can_charge_w: float = 0.0
    available_wh: float = 0.0
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """What the fleet can do now, by program and by site."""

    at: datetime
    plugged_in: int
    online: int
    programs: tuple[Group, ...]
    sites: tuple[Group, ...]


async def look(db: Database, now: datetime) -> Snapshot:
    """Read the fleet. Of two open transactions at one EVSE the later counts: the other's end was lost."""
    sites = await places(db, now)
    words = vehicle_socs.counting(await vehicle_socs.valid(db, now))
    newest = await walk(_newest(await transactions.open_rows(db)))
    return Snapshot(now, tuple(newest.values()), sites, words)


def _newest(answers: Sequence[Sequence[Any]]) -> Steps[dict[EvseKey, FleetRow]]:
    newest: dict[EvseKey, FleetRow] = {}
    for part in slices(answers):
        for row in map(FleetRow._make, part):
            newest[row.station_id, row.evse_id] = row
        yield
    return newest


async def sense(db: Database, now: datetime, program: Program, event: GridEvent | None) -> list[EvseView]:
    """What is known of every plugged-in EVSE, as seen by a program, or by one of its events."""
    snapshot = await look(db, now)
    parts = [] if event is None else await dispatches.participation(db, event.id)
    membership = Membership(
        enrolled=await programs.enrolled(db, program.id),
        opted_out=await programs.opted_out(db, program.id, None if event is None else event.id),
        refused={(part.identity, part.evse_id) for part in parts if part.state == Part.REFUSED},
        not_following={(part.identity, part.evse_id) for part in parts if part.state == Part.NOT_FOLLOWING},
    )
    return [view_of(row, membership, snapshot) for row in snapshot.rows]


def offers(
    views: Sequence[EvseView],
    event: GridEvent,
    program: Program,
    sites: Sites,
    now: datetime,
) -> Steps[list[tuple[EvseView, Offer]]]:
    """The views that have anything to offer, with what they offer for one lease."""
    terms, made = program.terms, []
    for part in slices(views):
        for view in part:
            offered = offer(view, event, terms, sites, now, terms.lease_s)
            if offered is not None:
                made.append((view, offered))
        yield
    return made


def view_of(row: FleetRow, membership: Membership, snapshot: Snapshot) -> EvseView:
    """One row in the domain's words. Of two words on the same limit the stricter counts."""
    key = (row.station_id, row.evse_id)
    soc, soc_at = usable(row, snapshot.words)
    if soc is not None and key in membership.most_soc:
        soc = min(soc, membership.most_soc[key])
    return EvseView(
        station_id=row.station_id,
        evse_id=row.evse_id,
        transaction_id=row.transaction_id,
        site_id=innermost(snapshot.sites, row),
        online=row.connected and row.registration == "Accepted" and key not in membership.silent,
        discharge=_discharge(row.discharge),
        held=row.hold is not None or row.priority,
        faulted=row.faulted,
        clock_skew_s=row.clock_skew_s,
        max_charge_w=row.max_charge_w,
        max_discharge_w=_left_of(row.max_discharge_w, row.der_discharge_pct),
        vehicle_bidirectional=_bidirectional(row),
        vehicle_max_charge_w=_least(row.vehicle_max_charge_w, row.ev_max_charge_w),
        vehicle_max_discharge_w=_least(row.vehicle_max_discharge_w, row.ev_max_discharge_w),
        capacity_wh=_least(row.vehicle_capacity_wh, row.ev_capacity_wh),
        soc=soc,
        soc_at=soc_at,
        soc_refused=row.soc_refused or key in membership.soc_refused,
        power_w=row.power_w,
        power_at=row.power_at,
        import_wh=_flowed(row.first_import_wh, row.last_import_wh),
        export_wh=_flowed(row.first_export_wh, row.last_export_wh),
        driver_id=row.driver_id,
        need=Need(_reserve_soc(row), row.need_departure, row.need_target_energy_wh, row.need_target_soc),
        ev_departure=row.ev_departure,
        ev_energy_request_wh=row.ev_energy_request_wh,
        ev_request_soc=row.ev_soc,
        fallback_acknowledged=row.fallback_acknowledged,
        enrolled=row.driver_id is not None and row.driver_id in membership.enrolled,
        opted_out=row.driver_id is not None and row.driver_id in membership.opted_out,
        refused=key in membership.refused,
        not_following=key in membership.not_following,
    )


async def summary(db: Database, now: datetime) -> FleetSummary:
    """What every program could call on now. The fallback, which comes with an event, is taken for granted."""
    snapshot = await look(db, now)
    by_program: list[Group] = []
    best: dict[EvseKey, tuple[EvseView, Offer | None]] = {}
    for program in await programs.listing(db):
        seen = await _as_seen_by(db, snapshot, program)
        by_program.append(_group(program.id, [pair for pair in seen if pair[0].enrolled], now))
        for view, offered in seen:
            known = best.get((view.station_id, view.evse_id))
            if known is None or (known[1] is None and offered is not None):
                best[view.station_id, view.evse_id] = (view, offered)
    by_site: dict[str, list[tuple[EvseView, Offer | None]]] = {}
    for row in snapshot.rows:
        pair = best.get((row.station_id, row.evse_id)) or (view_of(row, Membership(), snapshot), None)
        by_site.setdefault(row.site_id or "", []).append(pair)
    return FleetSummary(
        at=now,
        plugged_in=len(snapshot.rows),
        online=sum(row.connected for row in snapshot.rows),
        programs=tuple(by_program),
        sites=tuple(
            _within(_group(site_id, pairs, now), tightest(snapshot.sites, site_id or None))
            for site_id, pairs in sorted(by_site.items())
        ),
    )


async def fleet_limit_w(db: Database, request: EventRequest) -> float | None:
    """What the ratings of all EVSEs in the scope add up to in the target's direction, a magnitude in W.

    An EVSE that cannot discharge, or whose rating for it is not known, adds nothing to a discharge. None if a
    charging rating is not known: such an EVSE charges all the same. Raises `Invalid` for a scope that names
    what is not there.
    """
    scope, rows = request.scope, await stations.ratings(db)
    sites = {row.site_id: site_limit(row) for row in await stations.sites(db)}
    if scope.site is not None and scope.site not in sites:
        raise Invalid("scope", f"There is no site {scope.site!r}.")
    known = {row.identity for row in rows}
    for identity in scope.stations:
        if identity not in known:
            raise Invalid("scope", f"There is no station {identity!r}.")
    covered = [row for row in rows if scope.covers(row.identity, names_around(sites, row.site_id))]
    if request.target_w < 0:
        able = [row for row in covered if _discharge(row.discharge) is not Discharge.NONE]
        return sum(row.max_discharge_w or 0.0 for row in able)
    charge = [row.max_charge_w for row in covered if row.max_charge_w is not None]
    return sum(charge) if len(charge) == len(covered) else None


async def _as_seen_by(
    db: Database, snapshot: Snapshot, program: Program
) -> list[tuple[EvseView, Offer | None]]:
    membership = Membership(
        enrolled=await programs.enrolled(db, program.id),
        opted_out=await programs.opted_out(db, program.id, None),
    )
    call = GridEvent(
        id="",
        program_id=program.id,
        target_w=-1.0,
        start=snapshot.now,
        duration_s=program.terms.lease_s,
        state=EventState.ACTIVE,
        created_at=snapshot.now,
    )
    views = [replace(view_of(row, membership, snapshot), fallback_acknowledged=True) for row in snapshot.rows]
    lease_s = program.terms.lease_s
    return [(view, offer(view, call, program.terms, snapshot.sites, snapshot.now, lease_s)) for view in views]


def _group(group_id: str, pairs: Sequence[tuple[EvseView, Offer | None]], now: datetime) -> Group:
    made = [offered for _, offered in pairs if offered is not None]
    reasons = Counter(offered.why_not.value for offered in made if offered.why_not is not None)
    reasons.update(
        (excluded(view) or NoDischarge.NOT_ENROLLED).value for view, offered in pairs if offered is None
    )
    return Group(
        id=group_id,
        plugged_in=len(pairs),
        online=sum(view.online for view, _ in pairs),
        measured_w=math.fsum(fresh_power(view, now, _FRESH_S) or 0.0 for view, _ in pairs),
        can_discharge_w=math.fsum(max(0.0, -offered.min_w) for offered in made),
        can_charge_w=math.fsum(max(0.0, offered.max_w) for offered in made),
        available_wh=math.fsum(offered.available_wh for offered in made),
        reasons=dict(sorted(reasons.items())),
    )


_FRESH_S = 300.0
_WHOLE = 100.0


def _within(group: Group, site: SiteLimit | None) -> Group:
    if site is None:
        return replace(group, can_discharge_w=0.0)
    return replace(
        group,
        can_discharge_w=min(group.can_discharge_w, site.export_room_w),
        can_charge_w=min(group.can_charge_w, site.import_room_w),
    )


def _left_of(rating_w: float | None, percent: float | None) -> float | None:
    """What a LimitMaxDischarge at the station leaves of a rating: it takes, and never gives."""
    if rating_w is None or percent is None or percent >= _WHOLE:
        return rating_w
    return rating_w * max(0.0, percent) / _WHOLE


def _bidirectional(row: FleetRow) -> bool | None:
    """Whether the vehicle may be asked to discharge: it can, and is not at the bottom of its V2X window.

    What it may give is counted from the transaction's start, as nobody knows the register at its word.
    """
    if row.ev_min_v2x_wh is not None and row.ev_soc is None:
        exported_wh = _flowed(row.first_export_wh, row.last_export_wh)
        given_wh = exported_wh if exported_wh is not None else math.inf
        if row.ev_min_v2x_wh > 0 or row.ev_min_v2x_wh + given_wh >= 0:
            return False
    return True if "BPT" in (row.ev_transfer or "") else row.vehicle_bidirectional


def _reserve_soc(row: FleetRow) -> float | None:
    """The driver's reserve, or the bottom of the vehicle's own V2X window where that is higher."""
    reserve = row.need_reserve_soc
    capacities = [each for each in (row.vehicle_capacity_wh, row.ev_capacity_wh) if each]
    if reserve is None or row.ev_min_v2x_wh is None or row.ev_soc is None or not capacities:
        return reserve
    # of two words on the capacity that which leaves less: what may be taken is less of a larger battery
    bottom = row.ev_soc + _WHOLE * max(row.ev_min_v2x_wh / capacity_wh for capacity_wh in capacities)
    return max(reserve, min(_WHOLE, bottom))


def _discharge(word: str) -> Discharge:
    return _DISCHARGES.get(word, Discharge.NONE)


_DISCHARGES = {each.value: each for each in Discharge}


def _least(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


def _flowed(first_wh: float | None, last_wh: float | None) -> float | None:
    return None if first_wh is None or last_wh is None else last_wh - first_wh
