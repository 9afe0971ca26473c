"""What a vehicle that tells its needs is offered (K15), and whether its own plan fits that (K16, K17).

An offer is one limit from now until the vehicle leaves, never below zero: the lowest of what EVSE and vehicle
can take and of a fair share of every place around. The vehicle makes its plan under it by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from csms.domain.profile import ChargingProfile, Period, Purpose, transaction_profile_id

LONGEST = timedelta(hours=24)
"""Of an offer to a vehicle that has not said when it leaves."""

_LEAD = timedelta(seconds=60)  # as `lease_profile`: some stations refuse a start in the future
_TOLERANCE = 1.01  # a plan is rounded to the vehicle's own steps
_VOLTS = 230.0
_PHASES = 3


@dataclass(frozen=True, slots=True)
class Share:
    """What may flow into a place, a magnitude in W, and the vehicles there among whom it is shared."""

    import_w: float
    vehicles: int

    @property
    def power_w(self) -> float:
        """Of one of them: each gets the same."""
        return self.import_w / max(1, self.vehicles)


@dataclass(frozen=True, slots=True)
class Room:
    """What bounds an offer, magnitudes in W; None: not known, or no limit.

    `shares` has one entry for each place around (feeder, transformer, site, station).
    """

    evse_w: float | None = None
    vehicle_w: float | None = None
    shares: tuple[Share, ...] = ()
    wanted_w: float | None = None

    def limit_w(self) -> float | None:
        """The highest power that fits all of them; None if nothing is known to bound it."""
        told = (self.evse_w, self.vehicle_w, self.wanted_w, *(share.power_w for share in self.shares))
        known = [bound for bound in told if bound is not None]
        return max(0.0, min(known)) if known else None


@dataclass(frozen=True, slots=True)
class PlannedPeriod:
    """One period of a vehicle's plan; `unit` is W or A, `phases` None: as many as there are."""

    limit: float
    unit: str
    phases: int | None = None

    def power_w(self) -> float:
        """In W, at the nominal voltage."""
        return self.limit if self.unit == "W" else self.limit * _VOLTS * (self.phases or _PHASES)


def offer(
    evse_id: int, transaction_id: str, limit_w: float, departure: datetime | None, now: datetime
) -> ChargingProfile:
    """The TxProfile that offers a limit until departure.

    It has the id of the EVSE's leases, so that a lease takes its place and never stands beside it
    (K01.FR.39: one TxProfile for each stack level of a transaction).
    """
    until = now + LONGEST if departure is None or departure <= now else min(departure, now + LONGEST)
    start = now - _LEAD
    return ChargingProfile(
        id=transaction_profile_id(evse_id),
        purpose=Purpose.TX,
        stack_level=0,
        start=start,
        periods=(Period(0, max(0.0, limit_w)),),
        duration_s=ceil((until - start).total_seconds()),
        valid_to=until,
        transaction_id=transaction_id,
    )


def passes(plan: Iterable[PlannedPeriod], limit_w: float) -> bool:
    """Whether a vehicle's plan wants more than it was offered."""
    return any(period.power_w() > limit_w * _TOLERANCE for period in plan)
