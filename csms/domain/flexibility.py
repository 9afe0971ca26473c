"""Offers: what one EVSE can give or take now, and for how long."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from math import isnan

from csms.domain.departure import Departure
from csms.domain.dialect_record import Discharge
from csms.domain.grid_event import GridEvent
from csms.domain.meter import Metered
from csms.domain.program import Need, Terms
from csms.domain.safety import CLOCK_SKEW_MAX_S, DISCHARGE_EFFICIENCY, SOC_AGE_MAX_S
from csms.domain.site import SiteLimit, Sites, tightest
from csms.domain.units import finite

DEAD_BAND_W = 500.0  # less than this no charger follows well
ORDER_DELAY_S = 30.0  # from deciding to the station's hearing of it
FALLBACK_OVER_S = 150.0  # after its event the first fallbacks end by themselves, `return_s` later the last
_TYPICAL_HEADROOM_WH = 20_000.0


class NoDischarge(StrEnum):
    """Why an EVSE may not be asked to discharge. Shown to people, so one plain word group each."""

    STATION_CANNOT = "station cannot discharge"
    VEHICLE_CANNOT = "vehicle cannot discharge"
    RATING_UNKNOWN = "discharge rating not known"
    SITE_LIMIT_UNKNOWN = "site export limit not known"
    SITE_NO_EXPORT = "site may not export"
    NO_FALLBACK = "no fallback profile acknowledged"
    METER_SILENT = "meter has told no power lately"
    SOC_UNKNOWN = "state of charge not known"
    SOC_STALE = "state of charge too old"
    SOC_IMPOSSIBLE = "state of charge not believable"
    CAPACITY_UNKNOWN = "battery capacity not known"
    RESERVE_UNKNOWN = "driver's reserve not known"
    AT_RESERVE = "at the driver's reserve"
    DEPARTURE = "energy needed for departure"
    OPTED_OUT = "driver opted out"
    NOT_ENROLLED = "driver not enrolled"
    OFFLINE = "station offline"
    REFUSED = "station refused its profile"
    NOT_FOLLOWING = "meter does not follow the setpoint"
    FAULTED = "station faulted or held"
    CLOCK_SKEW = "station's clock is off"


@dataclass(frozen=True, slots=True)
class EvseView:
    """All that is known of one plugged-in EVSE at one instant; what `offer` reasons from.

    Powers are signed W, ratings magnitudes in W; `None` means not known. `import_wh` and `export_wh` are what
    has flowed since the transaction began. `ev_energy_request_wh` is what the EV asked for when its SoC was
    `ev_request_soc`; without that SoC it is counted from the transaction's beginning, as is the driver's
    `need.target_energy_wh`.
    `site_id` is the innermost place with limits of its own (`domain.site`). `held` takes a
    station out of dispatch until a person has looked at it.
    """

    station_id: str
    evse_id: int
    transaction_id: str
    site_id: str | None
    online: bool
    discharge: Discharge
    held: bool
    faulted: bool
    clock_skew_s: float | None
    max_charge_w: float | None
    max_discharge_w: float | None
    vehicle_bidirectional: bool | None
    vehicle_max_charge_w: float | None
    vehicle_max_discharge_w: float | None
    capacity_wh: float | None
    soc: float | None
    soc_at: datetime | None
    soc_refused: bool
    power_w: float | None
    power_at: datetime | None
    import_wh: float | None
    export_wh: float | None
    driver_id: str | None
    need: Need
    ev_departure: datetime | None
    ev_energy_request_wh: float | None
    ev_request_soc: float | None
    fallback_acknowledged: bool
    enrolled: bool
    opted_out: bool
    refused: bool
    not_following: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """What one EVSE can do now: any power between `min_w` (<= 0 if it can discharge) and `max_w`, signed W.

    `available_wh` is the energy above the driver's reserve that may leave before departure, at the meter;
    `must_w` (>= 0) is the charging that the departure needs now (then `min_w` is at least that); `weight`
    shares a target: larger gives more. `soc_margin` is the percentage above reserve and event floor.
    `why_not` says why `min_w` is not negative, None if it is. `steerable` False: no setpoint may be sent, the
    EVSE is only measured; `min_w` and `max_w` are 0 then.
    """

    station_id: str
    evse_id: int
    transaction_id: str
    site_id: str | None
    driver_id: str | None
    min_w: float
    max_w: float
    available_wh: float
    measured_w: float | None
    must_w: float = 0.0
    weight: float = 1.0
    soc_margin: float | None = None
    why_not: NoDischarge | None = None
    steerable: bool = True


@dataclass(frozen=True, slots=True)
class _Case:
    """A view with everything worked out that the reasons ask for."""

    view: EvseView
    terms: Terms
    site: SiteLimit | None
    lease_s: int
    soc: float | None
    soc_age_s: float | None
    meter_age_s: float | None
    floor_soc: float | None
    capacity_wh: float | None
    charge_w: float
    rating_w: float | None
    departure: Departure | None


def excluded(view: EvseView) -> NoDischarge | None:
    """Why this EVSE is no part of any event at all; None if it is."""
    if view.opted_out:
        return NoDischarge.OPTED_OUT
    return None if view.enrolled else NoDischarge.NOT_ENROLLED


def offer(
    view: EvseView,
    event: GridEvent,
    terms: Terms,
    sites: Sites,
    now: datetime,
    lease_s: int,
) -> Offer | None:
    """What this EVSE can do for the event during the next lease.

    None for a driver who is not enrolled or opted out: no setpoint of any kind, charging stays untouched.
    A station that is offline, faulted, refused its profile or does not follow it is offered as not steerable.
    Anyone else may at least be asked to charge less, down to `must_w`.
    """
    if excluded(view) is not None:
        return None
    case = _case(view, event, terms, tightest(sites, view.site_id), now, lease_s)
    why_not = _why_not(case)
    steerable = why_not not in _HANDS_OFF
    must_w = case.departure.must_w(lease_s) if steerable and case.departure is not None else 0.0
    available_wh = _available_wh(case) if why_not is None else 0.0
    return Offer(
        station_id=view.station_id,
        evse_id=view.evse_id,
        transaction_id=view.transaction_id,
        site_id=view.site_id,
        driver_id=view.driver_id,
        min_w=-_discharge_w(case) if why_not is None else must_w,
        max_w=case.charge_w if steerable else 0.0,
        available_wh=available_wh,
        measured_w=fresh_power(view, now, terms.max_meter_age_s),
        must_w=must_w,
        weight=max(1.0, available_wh if event.target_w < 0 else _headroom_wh(case)) / 1000,
        soc_margin=None if case.soc is None or case.floor_soc is None else case.soc - case.floor_soc,
        why_not=why_not,
        steerable=steerable,
    )


def fresh_power(view: Metered, now: datetime, max_age_s: float) -> float | None:
    """The measured power in W, None if it is not known, not finite or older than `max_age_s`."""
    age_s = _age_s(view.power_at, now)
    return view.power_w if finite(view.power_w) and age_s is not None and age_s <= max_age_s else None


def _case(
    view: EvseView, event: GridEvent, terms: Terms, site: SiteLimit | None, now: datetime, lease_s: int
) -> _Case:
    soc = view.soc if _percent(view.soc) and not view.soc_refused else None
    capacity_wh = view.capacity_wh if _positive(view.capacity_wh) else None
    charge_w = _charge_w(view, terms, now)
    needed_wh = _needed_wh(view, soc, capacity_wh)
    idle_until = max(event.end, now) + timedelta(seconds=FALLBACK_OVER_S + terms.return_s)
    return _Case(
        view=view,
        terms=terms,
        site=site,
        lease_s=lease_s,
        soc=soc,
        soc_age_s=_age_s(view.soc_at, now),
        meter_age_s=_age_s(view.power_at, now),
        floor_soc=_floor_soc(view.need, event),
        capacity_wh=capacity_wh,
        charge_w=charge_w,
        rating_w=_rating_w(view),
        departure=None if needed_wh is None else _departure(view, needed_wh, charge_w, site, idle_until, now),
    )


def _percent(value: float | None) -> bool:
    return finite(value) and 0 <= value <= 100


def _positive(value: float | None) -> bool:
    return finite(value) and value > 0


def _age_s(at: datetime | None, now: datetime) -> float | None:
    """Seconds since then; None if unknown or further in the future than clocks may differ."""
    age_s = None if at is None else (now - at).total_seconds()
    return None if age_s is None or age_s < -CLOCK_SKEW_MAX_S else max(0.0, age_s)


def _floor_soc(need: Need, event: GridEvent) -> float | None:
    if need.reserve_soc is None or not _percent(need.reserve_soc):
        return None
    return max(need.reserve_soc, event.min_soc or 0.0)


def _charge_w(view: EvseView, terms: Terms, now: datetime) -> float:
    known = [
        rating for rating in (view.max_charge_w, view.vehicle_max_charge_w) if finite(rating) and rating >= 0
    ]
    if known:
        return min(known)
    # Nobody knows the rating: what it does now it can do, and the fallback is allowed anyway (V-15).
    return max(terms.fallback_w, fresh_power(view, now, terms.max_meter_age_s) or 0.0)


def _rating_w(view: EvseView) -> float | None:
    if not finite(view.max_discharge_w) or view.max_discharge_w <= 0:
        return None
    vehicle_w = view.vehicle_max_discharge_w
    return view.max_discharge_w if vehicle_w is None else min(view.max_discharge_w, vehicle_w)


def _departure(
    view: EvseView,
    needed_wh: float,
    charge_w: float,
    site: SiteLimit | None,
    idle_until: datetime,
    now: datetime,
) -> Departure | None:
    """The need with its time. One without a departure cannot be timed: then the reserve alone protects.

    A driver's departure does not hang on this server's being there: what the fallback would keep from being
    charged until the event is over is not counted on.
    """
    known = [at for at in (view.need.departure, view.ev_departure) if at is not None]
    if not known:
        return None
    site_w = site.import_room_w if site is not None else charge_w
    left_s = max(0.0, (min(known) - now).total_seconds())
    idle_s = max(0.0, (idle_until - now).total_seconds())
    return Departure(needed_wh, left_s, min(charge_w, site_w), idle_s)


def _needed_wh(view: EvseView, soc: float | None, capacity_wh: float | None) -> float | None:
    """Energy still missing in the battery, the strictest of all words; negative if there is more."""
    flowed_wh = (view.import_wh or 0.0) - (view.export_wh or 0.0)
    wanted: list[float] = []
    if finite(view.need.target_energy_wh):
        wanted.append(view.need.target_energy_wh - flowed_wh)
    if soc is not None and capacity_wh is not None and finite(view.need.target_soc):
        wanted.append((view.need.target_soc - soc) / 100 * capacity_wh)
    if finite(view.ev_energy_request_wh):
        since_wh = flowed_wh
        if soc is not None and capacity_wh is not None and finite(view.ev_request_soc):
            since_wh = (soc - view.ev_request_soc) / 100 * capacity_wh
        wanted.append(view.ev_energy_request_wh - since_wh)
    return max(wanted, default=None)


def _spare_wh(case: _Case) -> float | None:
    return None if case.departure is None else case.departure.spare_wh(case.lease_s)


def _above_reserve_wh(case: _Case) -> float:
    """Energy in the battery that is surely above the floor when the order arrives; may be negative."""
    if case.soc is None or case.floor_soc is None or case.capacity_wh is None or case.soc_age_s is None:
        return 0.0
    held_wh = (case.soc - case.floor_soc - case.terms.soc_margin) / 100 * case.capacity_wh
    drained_wh = (case.rating_w or 0.0) * (case.soc_age_s + ORDER_DELAY_S) / 3600 / DISCHARGE_EFFICIENCY
    return held_wh - drained_wh


def _lease_w(case: _Case, battery_wh: float) -> float:
    """Power at the meter that takes so much out of the battery in one lease."""
    return battery_wh * DISCHARGE_EFFICIENCY * 3600 / case.lease_s


def _discharge_w(case: _Case) -> float:
    """The deepest discharge that all bounds allow for one lease; a magnitude."""
    spare_wh = _spare_wh(case)
    above_reserve_w = _lease_w(case, _above_reserve_wh(case)) - 1e-3  # the gate may round otherwise
    bounds = [
        case.rating_w or 0.0,
        above_reserve_w,
        case.site.export_room_w if case.site is not None else 0.0,
    ]
    if spare_wh is not None:
        bounds.append(_lease_w(case, spare_wh))
    return max(0.0, min(bounds))


def _available_wh(case: _Case) -> float:
    """Energy that may leave before departure, at the meter."""
    available_wh = _above_reserve_wh(case) * DISCHARGE_EFFICIENCY
    spare_wh = _spare_wh(case)
    if spare_wh is not None and case.departure is not None and case.rating_w:
        # While it discharges the time for recharging runs away too.
        lost = case.departure.recharge_w / case.rating_w
        available_wh = min(available_wh, spare_wh / (1 / DISCHARGE_EFFICIENCY + lost))
    return max(0.0, available_wh)


def _headroom_wh(case: _Case) -> float:
    if case.soc is None or case.capacity_wh is None:
        return _TYPICAL_HEADROOM_WH
    return (100 - case.soc) / 100 * case.capacity_wh


def _too_little(battery_wh: Callable[[_Case], float | None], case: _Case) -> bool:
    """Whether this bound leaves less than a charger follows."""
    energy_wh = battery_wh(case)
    return energy_wh is not None and _lease_w(case, energy_wh) < min(DEAD_BAND_W, case.rating_w or 0.0)


def _skewed(case: _Case) -> bool:
    return not finite(case.view.clock_skew_s) or abs(case.view.clock_skew_s) > CLOCK_SKEW_MAX_S


def _stale(age_s: float | None, terms: Terms) -> bool:
    return age_s is None or not age_s <= min(terms.max_soc_age_s, SOC_AGE_MAX_S)


def _impossible(case: _Case) -> bool:
    return case.view.soc_refused or (case.view.soc is not None and case.soc is None)


# In this order: what concerns the station first, what passes by itself last.
_REASONS: tuple[tuple[NoDischarge, Callable[[_Case], bool]], ...] = (
    (NoDischarge.OFFLINE, lambda case: not case.view.online),
    (NoDischarge.FAULTED, lambda case: case.view.faulted or case.view.held),
    (NoDischarge.REFUSED, lambda case: case.view.refused),
    (NoDischarge.NOT_FOLLOWING, lambda case: case.view.not_following),
    (NoDischarge.STATION_CANNOT, lambda case: case.view.discharge is Discharge.NONE),
    (NoDischarge.VEHICLE_CANNOT, lambda case: case.view.vehicle_bidirectional is not True),
    (NoDischarge.RATING_UNKNOWN, lambda case: not _positive(case.rating_w)),
    (NoDischarge.SITE_LIMIT_UNKNOWN, lambda case: case.site is None or isnan(case.site.export_w)),
    (NoDischarge.SITE_NO_EXPORT, lambda case: case.site is not None and case.site.export_w <= 0),
    (NoDischarge.CLOCK_SKEW, _skewed),
    (NoDischarge.NO_FALLBACK, lambda case: not case.view.fallback_acknowledged),
    (NoDischarge.SOC_IMPOSSIBLE, _impossible),
    (NoDischarge.SOC_UNKNOWN, lambda case: case.soc is None),
    (NoDischarge.SOC_STALE, lambda case: _stale(case.soc_age_s, case.terms)),
    (NoDischarge.METER_SILENT, lambda case: _stale(case.meter_age_s, case.terms)),
    (NoDischarge.CAPACITY_UNKNOWN, lambda case: case.capacity_wh is None),
    (NoDischarge.RESERVE_UNKNOWN, lambda case: case.floor_soc is None),
    (NoDischarge.AT_RESERVE, partial(_too_little, _above_reserve_wh)),
    (NoDischarge.DEPARTURE, partial(_too_little, _spare_wh)),
)


def _why_not(case: _Case) -> NoDischarge | None:
    return next((reason for reason, holds in _REASONS if holds(case)), None)


_HANDS_OFF = frozenset(
    {NoDischarge.OFFLINE, NoDischarge.FAULTED, NoDischarge.REFUSED, NoDischarge.NOT_FOLLOWING}
)
