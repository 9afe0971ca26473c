"""Closed loop: corrects the target by what the meters say; judges whether an EVSE does as told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms.domain.flexibility import EvseView, fresh_power
from csms.domain.units import finite

GRACE_S = 30.0  # V-10: so long may a station take to follow
_STEP_MAX_S = 60.0  # a longer gap between two ticks is a standstill, not an error that lasted


@dataclass(frozen=True, slots=True)
class Tuning:
    """How hard the loop pulls. `bound` and `dead_band` are parts of the target.

    The dead band is at least `dead_band_w`. `gain_per_s` is how much of an error is corrected in a second;
    `settle_s` is how long after a change of target nothing is corrected, because stations and meters lag;
    `ramp_w_per_s` bounds the change of the result (None: unbounded).
    """

    bound: float = 0.15
    dead_band: float = 0.01
    dead_band_w: float = 500.0
    gain_per_s: float = 0.02
    settle_s: float = 30.0
    ramp_w_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the loop keeps from tick to tick; starts empty. Powers are signed W."""

    at: datetime | None = None
    target_w: float | None = None
    target_since: datetime | None = None
    correction_w: float = 0.0
    output_w: float | None = None


class Following(StrEnum):
    """Whether an EVSE does what it was told."""

    YES = "yes"
    NOT_YET = "not yet"
    WRONG_SIGN = "wrong sign"
    IGNORED = "ignored"


def correct(
    target_w: float,
    measured_w: float,
    memory: Memory,
    now: datetime,
    tuning: Tuning = Tuning(),
    shortfall_w: float = 0.0,
) -> tuple[float, Memory]:
    """What to ask of the fleet so that it measures the target; signed W.

    `measured_w` counts stale meters as zero (`fleet_power`). `shortfall_w` is the last split's: what the
    fleet cannot do is not asked for more loudly (anti-windup). Without a finite measurement the correction
    stays. The correction never exceeds `tuning.bound` of the target.
    """
    passed_s = 0.0 if memory.at is None else min(max(0.0, (now - memory.at).total_seconds()), _STEP_MAX_S)
    since = memory.target_since
    if since is None or memory.target_w != target_w:
        since = now
    correction_w = memory.correction_w
    if (now - since).total_seconds() >= tuning.settle_s:
        correction_w += _step_w(target_w, measured_w, passed_s, tuning, shortfall_w)
    bound_w = tuning.bound * abs(target_w)
    correction_w = min(max(correction_w, -bound_w), bound_w)
    wanted_w = target_w + correction_w
    output_w = _ramped(wanted_w, memory, passed_s, measured_w, tuning)
    if output_w != wanted_w:
        # Anti-windup: while the ramp holds us back an error tells nothing.
        correction_w = min(max(memory.correction_w, -bound_w), bound_w)
    return output_w, Memory(now, target_w, since, correction_w, output_w)


def fleet_power(views: Iterable[EvseView], now: datetime, max_age_s: float) -> float:
    """Sum of measured power in W; meters that are unknown or older than `max_age_s` count as zero."""
    return sum(fresh_power(view, now, max_age_s) or 0.0 for view in views)


def follows(
    setpoint_w: float,
    power_w: float | None,
    ordered_at: datetime,
    read_at: datetime | None,
    lowered_at: datetime | None = None,
    tolerance_w: float = 500.0,
) -> Following:
    """Judge one reading against one setpoint (V-10).

    `ordered_at` is when power on this side was first ordered: renewing a lease or correcting it does not
    start a new grace time. `lowered_at` is when less power was last ordered: until then more may have been
    meant. Only readings later than `GRACE_S` after these count. A discharge may be weaker than ordered (the
    vehicle has limits of its own) but not absent, not stronger, and not a charge. An order to charge is a
    limit: anything from idle to it follows.
    """
    if read_at is None or not finite(power_w) or (read_at - ordered_at).total_seconds() < GRACE_S:
        return Following.NOT_YET
    lowering = lowered_at is not None and (read_at - lowered_at).total_seconds() < GRACE_S
    too_strong = Following.NOT_YET if lowering else Following.IGNORED
    slack_w = max(tolerance_w, 0.1 * abs(setpoint_w))
    if setpoint_w < 0:
        if power_w > tolerance_w:
            return Following.WRONG_SIGN
        # An order smaller than the tolerance cannot be told from idling.
        if power_w >= -tolerance_w and setpoint_w < -2 * tolerance_w:
            return Following.IGNORED
        return Following.YES if power_w >= setpoint_w - slack_w else too_strong
    if power_w < -tolerance_w:
        return Following.WRONG_SIGN
    return Following.YES if power_w <= setpoint_w + slack_w else too_strong


def _step_w(target_w: float, measured_w: float, passed_s: float, tuning: Tuning, shortfall_w: float) -> float:
    """The correction's next step; zero inside the dead band and where the fleet has nothing left to give."""
    error_w = target_w - measured_w
    if not finite(error_w) or abs(error_w) <= max(tuning.dead_band_w, tuning.dead_band * abs(target_w)):
        return 0.0
    if error_w * shortfall_w > 0 and abs(shortfall_w) > 1.0:
        return 0.0
    return error_w * min(1.0, tuning.gain_per_s * passed_s)


def _ramped(wanted_w: float, memory: Memory, passed_s: float, measured_w: float, tuning: Tuning) -> float:
    if tuning.ramp_w_per_s is None:
        return wanted_w
    before_w = memory.output_w if memory.output_w is not None else measured_w
    if not finite(before_w):
        before_w = 0.0
    room_w = tuning.ramp_w_per_s * passed_s
    return min(max(wanted_w, before_w - room_w), before_w + room_w)
