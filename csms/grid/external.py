"""What somebody else's limit at a station means for us (K11 to K13, NotifyChargingLimit)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from csms.domain.profile import LEASE_MAX_S
from csms.store.external_limits import ChargingLimitRow
from csms.wire import words

_schedules = msgspec.json.Decoder(tuple[words.ChargingScheduleType, ...])
_NO_LIMIT_W = 1e12
_VOLTS = 230.0  # from line to neutral: a limit in A is of each phase
_ALL = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that may flow in and out by somebody's word, magnitudes in W; None: nothing is said of it."""

    import_w: float | None = None
    export_w: float | None = None


def bound_of(row: ChargingLimitRow, now: datetime) -> Bound:
    """The least that the limit allows at any time until the longest lease given now has ended.

    A grid operator that limits to nothing, or calls it critical, does not want power back either: the station
    itself would let a discharge go on (a limit of 0 is above any negative one), so we do not order it. What
    nobody can read lets nothing out either, and stops nobody's charging (V-15).
    """
    try:
        bound = _told(row, now)
    except (ArithmeticError, ValueError, msgspec.MsgspecError):
        return Bound(None, 0.0)
    if row.grid_critical or bound.import_w == 0:
        return Bound(bound.import_w, 0.0)
    return bound


def _told(row: ChargingLimitRow, now: datetime) -> Bound:
    import_w, export_w = None, None
    for schedule in _schedules.decode(row.schedule) if row.schedule is not None else ():
        for period in _ahead(schedule, row, now):
            phases = period.number_phases or _ALL
            limits = (period.limit, period.limit_l2, period.limit_l3)
            in_w = _watts(limits, schedule.charging_rate_unit, phases)
            if in_w is not None and in_w < _NO_LIMIT_W:
                import_w = max(0.0, in_w) if import_w is None else min(import_w, max(0.0, in_w))
            limits = (period.discharge_limit, period.discharge_limit_l2, period.discharge_limit_l3)
            out_w = _watts(
                [None if one is None else -one for one in limits], schedule.charging_rate_unit, phases
            )
            if out_w is not None:
                export_w = max(0.0, out_w) if export_w is None else min(export_w, max(0.0, out_w))
    return Bound(import_w, export_w)


def _ahead(
    schedule: words.ChargingScheduleType, row: ChargingLimitRow, now: datetime
) -> Iterator[words.ChargingSchedulePeriodType]:
    """The periods that hold at any time of a lease given now."""
    told = schedule.start_schedule
    start = row.set_at if told is None else msgspec.convert(told, datetime)
    passed_s = (now - start).total_seconds()
    end_s = passed_s + LEASE_MAX_S if schedule.duration is None else schedule.duration
    if passed_s >= end_s:
        return
    periods = schedule.charging_schedule_period
    yield from [one for one in periods if one.start_period <= passed_s][-1:]
    until_s = min(end_s, passed_s + LEASE_MAX_S)
    yield from (one for one in periods if passed_s < one.start_period < until_s)


def _watts(limits: Sequence[float | None], unit: str, phases: int) -> float | None:
    """A limit in W; None if nothing is said. The first value is of all phases if it stands alone.

    Raises `ValueError` for one that is no number.
    """
    first, *others = limits
    if first is None:
        return None
    if others == [None, None]:
        power_w = first if unit == "W" else first * _VOLTS * phases
    else:
        each = [one or 0.0 for one in limits]
        power = sum(each) if phases == _ALL else min(each) * phases
        power_w = power if unit == "W" else power * _VOLTS
    if math.isnan(power_w):
        raise ValueError
    return power_w
