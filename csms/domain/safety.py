"""The last gate: what may never be ordered, whatever the planners think. Imports nothing that plans (V-16).

Every order passes `check_order` right before it is sent. A rule that lacks a number says no (V-15). Orders
that do not discharge need little: charging is never blocked by a fault of V2G.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf

from csms.domain.dialect_record import UNKNOWN, DialectRecord, Discharge
from csms.domain.profile import LEASE_MAX_S, OFFLINE_MAX_S, ChargingProfile, ProfileKind, Purpose
from csms.domain.setpoint import OperationMode
from csms.domain.units import finite
from csms.errors import Unsafe

CLOCK_SKEW_MAX_S = 10.0
SOC_AGE_MAX_S = 900.0  # whatever a program's terms say
REASON_MIN = 8  # letters: enough to be one
PLAN_AGE_MAX_S = 120.0  # an order that waited longer is made out of another world
DISCHARGE_EFFICIENCY = 0.9  # what leaves the battery is more than what the meter sees
DECIDED_ELSEWHERE = frozenset(
    {
        OperationMode.EXTERNAL_SETPOINT,
        OperationMode.EXTERNAL_LIMITS,
        OperationMode.LOCAL_FREQUENCY,
        OperationMode.LOCAL_LOAD_BALANCING,
    }
)
"""Modes in which power may flow out without any negative number of ours."""
_ROUNDING_W = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """One profile for one EVSE, with all that the rules look at as plain values; None means not known.

    Powers and limits are magnitudes in W, SoC, reserve and margin in percent of `capacity_wh`.
    `soc_age_s`, and `meter_age_s` of the last power reading, may be negative by as much as clocks may differ,
    no more. `reserve_soc` is the highest of
    the driver's reserve and the event's floor. `transaction_id` is the one running at the EVSE.
    `site_export_committed_w` and `site_import_committed_w` are what the site's *other* EVSEs may be doing
    by any profile they might follow: leases sent and neither provably replaced nor run out, acknowledged
    or not (V-05, V-06). `plan_age_s` is how long ago the order was made out of what was known then.
    """

    profile: ChargingProfile
    evse_id: int
    transaction_id: str | None = None
    record: DialectRecord = UNKNOWN
    vehicle_bidirectional: bool | None = None
    max_discharge_w: float | None = None
    vehicle_max_discharge_w: float | None = None
    soc: float | None = None
    soc_age_s: float | None = None
    max_soc_age_s: float = 300.0
    meter_age_s: float | None = None
    capacity_wh: float | None = None
    reserve_soc: float | None = None
    margin_soc: float = 1.0
    site_export_w: float | None = None
    site_export_committed_w: float | None = None
    site_import_w: float | None = None
    site_import_committed_w: float | None = None
    fallback_acknowledged: bool = False
    enrolled: bool = False
    opted_out: bool = False
    faulted: bool = True
    not_following: bool = True
    clock_skew_s: float | None = None
    plan_age_s: float | None = None

    @property
    def lowest_w(self) -> float:
        """The deepest discharge that the profile may bring (negative), or 0.

        Where the station or somebody beside it decides the power, that is all it can give.
        """
        return _lowest_w(self)

    @property
    def highest_w(self) -> float:
        """The profile's highest charging limit, or 0."""
        return self.profile.highest_w

    def lasts_s(self, now: datetime) -> float | None:
        """Seconds from now until the lease has surely ended: its later word counts; None without an end."""
        return _lasts_s(self.profile, now)

    def ends_at(self, now: datetime) -> datetime:
        """When the lease has surely ended; for an order that `check_order` let pass."""
        lasts_s = self.lasts_s(now)
        assert lasts_s is not None
        return now + timedelta(seconds=lasts_s)


@dataclass(frozen=True, slots=True)
class ManualOrder:
    """A discharge that a person orders by a raw call, as far as it could be read; None is not there.

    `durations_s` has one entry for each of its schedules.
    """

    reason: str | None
    profile: bool
    purpose: str | None = None
    kind: str | None = None
    evse_id: int | None = None
    valid_to: datetime | None = None
    durations_s: tuple[int | None, ...] = ()


Rule = Callable[[Order, datetime], bool]


def check_order(order: Order, now: datetime) -> None:
    """Raise `Unsafe(rule, detail)` with the first invariant that this order would break."""
    _check(_ALWAYS, order, now)
    if order.profile.purpose is Purpose.TX:
        _check(_TRANSACTION, order, now)
    if not order.lowest_w >= 0:
        _check(_DISCHARGE, order, now)


def check_manual(order: ManualOrder, now: datetime) -> None:
    """A person's own discharge order is a lease too, and has a reason; raises `Unsafe` (V-02).

    Who may give it is for the API to say; SoC, site and driver are on that person's head.
    """
    for holds, detail in _MANUAL:
        if not holds(order, now):
            raise Unsafe("V-02", detail)


def _ends(order: ManualOrder, now: datetime) -> bool:
    return order.valid_to is not None and now < order.valid_to <= now + timedelta(seconds=LEASE_MAX_S)


def _short(order: ManualOrder, now: datetime) -> bool:
    return bool(order.durations_s) and all(
        duration_s is not None and 0 < duration_s <= LEASE_MAX_S for duration_s in order.durations_s
    )


def _lowest_w(order: Order) -> float:
    told_w = order.profile.lowest_w
    if order.profile.mode not in DECIDED_ELSEWHERE:
        return told_w
    all_w = -(_rated_w(order) or inf)
    return all_w if told_w == -inf else min(told_w, all_w)


def _lasts_s(profile: ChargingProfile, now: datetime) -> float | None:
    if profile.kind is ProfileKind.DYNAMIC:
        # Counted from the last update, which is now; no other end is needed (K28.FR.13).
        return profile.duration_s
    if profile.kind is ProfileKind.RELATIVE and profile.valid_to is not None:
        # It counts from when the power path closed, which nobody knows: only the date ends it.
        return (profile.valid_to - now).total_seconds()
    if profile.duration_s is None or profile.valid_to is None:
        return None
    ends_in_s = (profile.start - now).total_seconds() + profile.duration_s
    return max(ends_in_s, (profile.valid_to - now).total_seconds())


def _check(rules: Iterable[tuple[str, Rule, str]], order: Order, now: datetime) -> None:
    for rule, holds, detail in rules:
        if not holds(order, now):
            raise Unsafe(rule, detail)


def _numbers(order: Order, now: datetime) -> bool:
    profile = order.profile
    frequencies = (point.frequency_hz for point in profile.curve)
    return bool(profile.periods) and all(map(finite, (*profile.numbers(), *frequencies)))


def _purpose(order: Order, now: datetime) -> bool:
    return order.lowest_w >= 0 or (order.profile.purpose is Purpose.TX and order.evse_id > 0)


def _starts(order: Order, now: datetime) -> bool:
    starts = [period.start_s for period in order.profile.periods]
    return starts[0] == 0 and all(a < b for a, b in pairwise(starts))


def _lease(order: Order, now: datetime) -> bool:
    lasts_s = order.lasts_s(now)
    return order.profile.start <= now and lasts_s is not None and 0 < lasts_s <= LEASE_MAX_S


def _transaction(order: Order, now: datetime) -> bool:
    own = order.profile.transaction_id
    return own is not None and own == order.transaction_id


def _import(order: Order, now: datetime) -> bool:
    # An unknown import limit does not stop charging (V-15); a known one is planned on charging EVSEs alone.
    if order.highest_w <= 0 or order.site_import_w is None:
        return True
    return _fits(order.highest_w, order.site_import_committed_w, order.site_import_w)


def _capable(order: Order, now: datetime) -> bool:
    return order.record.may_discharge and order.vehicle_bidirectional is True


def _bound(order: Order, now: datetime) -> bool:
    """Whether the lease can end at its moment, and without us as soon as the station can count."""
    profile = order.profile
    if order.record.discharge is not Discharge.NATIVE_2_1:
        return profile.kind is ProfileKind.ABSOLUTE
    offline_s = profile.max_offline_s
    counted = offline_s is not None and 0 < offline_s <= OFFLINE_MAX_S and profile.invalid_after_offline
    return counted and profile.kind in (ProfileKind.ABSOLUTE, ProfileKind.DYNAMIC)


def _fresh(order: Order, now: datetime) -> bool:
    return finite(order.plan_age_s) and order.plan_age_s <= PLAN_AGE_MAX_S


def _rated_w(order: Order) -> float | None:
    """The lower of the two ratings; the vehicle's may be unknown, the station's not."""
    ratings = (order.max_discharge_w, order.vehicle_max_discharge_w)
    known = [rating for rating in ratings if rating is not None]
    if order.max_discharge_w is None or not all(finite(rating) for rating in known):
        return None
    return min(known)


def _rating(order: Order, now: datetime) -> bool:
    return _fits(-order.lowest_w, 0.0, _rated_w(order))


def _export(order: Order, now: datetime) -> bool:
    return _fits(-order.lowest_w, order.site_export_committed_w, order.site_export_w)


def _clock(order: Order, now: datetime) -> bool:
    return finite(order.clock_skew_s) and abs(order.clock_skew_s) <= CLOCK_SKEW_MAX_S


def _recent(age_s: float | None, order: Order) -> bool:
    return finite(age_s) and -CLOCK_SKEW_MAX_S <= age_s <= SOC_AGE_MAX_S and age_s <= order.max_soc_age_s


def _metered(order: Order, now: datetime) -> bool:
    return _recent(order.meter_age_s, order)


def _soc(order: Order, now: datetime) -> bool:
    return finite(order.soc) and 0 <= order.soc <= 100 and _recent(order.soc_age_s, order)


def _battery(order: Order, now: datetime) -> bool:
    return (
        finite(order.capacity_wh)
        and order.capacity_wh > 0
        and finite(order.reserve_soc)
        and 0 <= order.reserve_soc <= 100
        and finite(order.margin_soc)
        and order.margin_soc >= 0
    )


def _reserve(order: Order, now: datetime) -> bool:
    numbers = (
        order.soc,
        order.soc_age_s,
        order.capacity_wh,
        order.reserve_soc,
        _rated_w(order),
        order.lasts_s(now),
    )
    soc, age_s, capacity_wh, reserve_soc, rated_w, lasts_s = (value or 0.0 for value in numbers)
    # Since the SoC was read the vehicle may have given all it can; from now on it gives what is ordered.
    drained_wh = (rated_w * max(0.0, age_s) - order.lowest_w * lasts_s) / 3600 / DISCHARGE_EFFICIENCY
    return soc - 100 * drained_wh / capacity_wh >= reserve_soc + order.margin_soc


def _fits(power_w: float, committed_w: float | None, limit_w: float | None) -> bool:
    if not finite(committed_w) or not finite(limit_w):
        return False
    return max(0.0, committed_w) + power_w <= limit_w + _ROUNDING_W


_ALWAYS: tuple[tuple[str, Rule, str], ...] = (
    ("V-13", _numbers, "A limit is missing or not a finite number."),
    ("V-02", _purpose, "A negative limit stands in a TxProfile of one EVSE only."),
    ("V-02", _starts, "Periods start at 0 and follow each other."),
)
_TRANSACTION: tuple[tuple[str, Rule, str], ...] = (
    ("V-02", _lease, f"A lease runs now and ends by itself within {LEASE_MAX_S} s."),
    ("V-02", _transaction, "The profile is not for the transaction running at this EVSE."),
    ("V-05", _import, "The site's import limit would be passed."),
)
_DISCHARGE: tuple[tuple[str, Rule, str], ...] = (
    ("V-07", lambda order, now: not order.opted_out, "The driver opted out."),
    ("V-15", lambda order, now: order.enrolled, "No enrolment of the driver is known."),
    ("V-12", lambda order, now: not order.faulted, "The station is faulted or held."),
    ("V-10", lambda order, now: not order.not_following, "The meter did not follow the last order."),
    ("V-10", _metered, "The meter has told no power lately, so nothing would verify the order."),
    ("V-09", _fresh, f"The order was made more than {PLAN_AGE_MAX_S:.0f} s ago: it is to be planned anew."),
    ("V-15", _capable, "Station or vehicle is not known to be able to discharge."),
    ("V-03", _bound, "The lease could outlive us: its kind, or how long it is followed offline."),
    ("V-04", lambda order, now: order.fallback_acknowledged, "No safe fallback profile is acknowledged."),
    ("V-14", _clock, f"The station's clock is unknown or off by more than {CLOCK_SKEW_MAX_S:.0f} s."),
    ("V-05", _rating, "More than the discharge rating, or the rating is not known."),
    ("V-05", _export, "The site's export limit would be passed, or is not known."),
    ("V-01", _soc, "The state of charge is unknown, impossible or too old."),
    ("V-15", _battery, "Battery capacity or reserve is not known."),
    ("V-01", _reserve, "The lease could take the vehicle below its reserve."),
)
_MANUAL: tuple[tuple[Callable[[ManualOrder, datetime], bool], str], ...] = (
    (
        lambda order, now: len((order.reason or "").strip()) >= REASON_MIN,
        "A negative limit is ordered by a grid event; by hand it needs ?override=REASON.",
    ),
    (lambda order, now: order.profile, "Only SetChargingProfile may carry a negative limit."),
    (lambda order, now: order.purpose == Purpose.TX, "A negative limit may stand in a TxProfile only."),
    (lambda order, now: (order.evse_id or 0) > 0, "A negative limit is for one EVSE."),
    (
        lambda order, now: order.kind in (ProfileKind.ABSOLUTE, ProfileKind.DYNAMIC),
        "A profile with a negative limit must be Absolute.",
    ),
    (_ends, f"A profile with a negative limit must have validTo within {LEASE_MAX_S} s from now."),
    (_short, f"A schedule with a negative limit must have a duration of at most {LEASE_MAX_S} s."),
)
