"""What somebody else's limit at a station means for us (K11 to K13, NotifyChargingLimit)."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from csms.domain.composite import Circumstances, Question, composite
from csms.domain.profile import LEASE_MAX_S
from csms.domain.standing_profile import Kind, Layer, StandingPeriod, StandingProfile, Unit
from csms.store.external_limits import ChargingLimitRow
from csms.wire import words

_schedules = msgspec.json.Decoder(tuple[words.ChargingScheduleType, ...])
_NO_LIMIT_W = 1e12


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that may flow in and out by somebody's word, magnitudes in W; None: nothing is said of it."""

    import_w: float | None = None
    export_w: float | None = None


def bound_of(row: ChargingLimitRow, now: datetime) -> Bound:
    """The least that the limit allows at any time until the longest lease given now has ended.

    A grid operator that limits to nothing, or calls it critical, does not want power back either: the station
    itself would let a discharge go on (a limit of 0 is above any negative one), so we do not order it.
    """
    import_w, export_w = None, None
    for schedule in _schedules.decode(row.schedule) if row.schedule is not None else ():
        for period in _ahead(schedule, row, now):
            limit_w = None if period.limit is None else sum(period.limit)
            if limit_w is not None and limit_w < _NO_LIMIT_W:
                import_w = max(0.0, limit_w) if import_w is None else min(import_w, max(0.0, limit_w))
            if period.discharge_limit is not None:
                out_w = max(0.0, -sum(period.discharge_limit))
                export_w = out_w if export_w is None else min(export_w, out_w)
    if row.grid_critical or import_w == 0:
        export_w = 0.0
    return Bound(import_w, export_w)


def _ahead(
    schedule: words.ChargingScheduleType, row: ChargingLimitRow, now: datetime
) -> tuple[StandingPeriod, ...]:
    start = row.set_at if schedule.start_schedule is None else datetime.fromisoformat(schedule.start_schedule)
    profile = StandingProfile(
        id=0,
        evse_id=0,
        layer=Layer.EXTERNAL,
        stack_level=0,
        unit=Unit(schedule.charging_rate_unit),
        periods=tuple(_period(one) for one in schedule.charging_schedule_period),
        kind=Kind.ABSOLUTE,
        start=start if start.tzinfo is not None else start.replace(tzinfo=UTC),
        duration_s=schedule.duration,
    )
    question = Question(1, now, LEASE_MAX_S, Unit.W)
    return composite([profile], question, Circumstances(unlimited=dict.fromkeys(Unit, _NO_LIMIT_W)))


def _period(period: words.ChargingSchedulePeriodType) -> StandingPeriod:
    return StandingPeriod(
        start_s=period.start_period,
        limit=_phases(period.limit, period.limit_l2, period.limit_l3),
        discharge_limit=_phases(period.discharge_limit, period.discharge_limit_l2, period.discharge_limit_l3),
        phases=period.number_phases,
    )


def _phases(first: float | None, second: float | None, third: float | None) -> tuple[float, ...] | None:
    if first is None:
        return None
    if second is None and third is None:
        return (first,)
    return first, second or 0.0, third or 0.0
