"""Leases and the fallback under them: ids, times, and what an EVSE might be following right now.

The fallback (V-04) is a TxDefaultProfile of the EVSE, so it also rules whoever plugs in there and, at 0 W,
would stop a driver's charging. Therefore it is kept as short and as narrow as it can be:

* Only EVSEs whose driver takes part in an event get it.
* Before the event's start it allows what the hardware can do; it is on the station in time, changes nothing,
  and bites at the start by itself. Where the rating is not known it is installed at the start, not before.
* It ends by itself some time after the last lease can have ended. If this server dies, vehicles fall back to
  idle or slow charging for the rest of the event, and drivers get their charging back without us (V-15).
* When an EVSE leaves an event, for whatever reason, first the lease and then the fallback is cleared.
* A driver who must charge for a departure when the event begins gets neither lease nor fallback until that is
  done. Who comes to need it later gets the charging by the lease (`Offer.must_w`); what the fallback would
  keep from being charged is never counted on (`Departure.idle_s`).
* Events that follow each other closely at an EVSE share one fallback, the stricter of theirs.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from math import ceil

from csms.domain.dialect_record import UNKNOWN, DialectRecord
from csms.domain.grid_event import GridEvent
from csms.domain.profile import (
    LEASE_MAX_S,
    TX_PROFILE_ID,
    ChargingProfile,
    Period,
    fallback_profile,
    transaction_profile_id,
)
from csms.domain.program import Terms

LEASE_ID = TX_PROFILE_ID
FALLBACK_ID = 920_000
"""Profile ids are unique in a station, so each EVSE has its own of each kind, and always the same
(K01.FR.05)."""

SPREAD_S = 30.0
"""What ends for many at the same time is spread over so many seconds (V-11)."""

LEASE_JITTER = 0.4
"""Leases given at one moment end spread over so large a part of their length (V-11, docs/safety.md)."""

RENEW_ROOM_S = 60
"""A lease lasts at least twice the time between two writes that its station takes, and so much more."""

FALLBACK_TAIL_S = 120.0
_TAIL = timedelta(seconds=FALLBACK_TAIL_S)
PREPARE_S = 120.0
"""How long before its start an event's fallbacks are brought out."""

DEAD_BAND_W = 50.0
DEAD_BAND_SHARE = 0.01
"""A setpoint that moves less is not sent before the renewal: each profile wears the station's flash."""

SHIFT_W = 400.0
"""A setpoint that moves more gives the station its time to follow anew (V-10)."""

EvseKey = tuple[str, int]


def lease_id(evse_id: int) -> int:
    """Profile id of the lease at an EVSE."""
    return transaction_profile_id(evse_id)


def fallback_id(evse_id: int) -> int:
    """Profile id of the fallback at an EVSE."""
    return FALLBACK_ID + evse_id


def share_of(name: str) -> float:
    """A fixed number from 0 to 1 for each name, for spreading; of no two names alike."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) / 0xFFFFFFFF


def lease_seconds(
    station_id: str, event: GridEvent, terms: Terms, now: datetime, record: DialectRecord = UNKNOWN
) -> int:
    """How long a lease given now runs: the program's length less a jitter, never far past the event's end.

    The jitter is another one at each renewal, or fleets would fall into step again and again (V-11); a
    Dynamic lease keeps its length, which an update cannot change. Longer for a station that may be written
    seldom only (its flash budget), never longer than it takes.
    """
    drawn = share_of(station_id if record.dynamic else f"{station_id} {now.isoformat()}")
    longest = min(terms.lease_s, LEASE_MAX_S) * (1 - LEASE_JITTER * drawn)
    if record.min_interval_s:
        longest = min(max(longest, 2 * record.min_interval_s + RENEW_ROOM_S), LEASE_MAX_S)
    longest = min(longest, record.max_duration_s or LEASE_MAX_S)
    left = (event.end - now).total_seconds() + SPREAD_S * share_of(station_id)
    return max(1, ceil(min(longest, left)))


def fallback_until(station_id: str, event: GridEvent, terms: Terms) -> datetime:
    """When the fallback ends by itself.

    Surely after the last lease, and not everywhere in the same second.
    """
    spread_s = SPREAD_S + terms.return_s * share_of(station_id)
    return event.end + timedelta(seconds=FALLBACK_TAIL_S + spread_s)


@dataclass(frozen=True, slots=True)
class Fallback:
    """The fallback that an EVSE may hold.

    Its limit, from when on it bites (until then it allows the rating), its end, and whether it was
    acknowledged. `return_s` is over what time it is taken back with all others (`Terms.return_s`).
    """

    limit_w: float
    since: datetime
    until: datetime
    acknowledged: bool = False
    return_s: float = SPREAD_S

    def covers(self, event: GridEvent, terms: Terms, now: datetime) -> bool:
        """Whether this is an acknowledged fallback for the whole event, its last lease included."""
        return (
            self.acknowledged
            and self.limit_w <= terms.fallback_w
            and self.since <= max(event.start, now)
            and self.until >= event.end + _TAIL
        )

    def with_known(self, known: "Fallback | None", now: datetime) -> "Fallback":
        """This one, made to serve what the known one is there for too: two events share one fallback.

        One in force that is followed by one for later has done its work.
        """
        if known is None or known.until <= now or known.since <= now < self.since:
            return self
        return Fallback(
            min(self.limit_w, known.limit_w),
            min(self.since, max(known.since, now)),
            max(self.until, known.until),
            return_s=max(self.return_s, known.return_s),
        )


def fallback_for(key: EvseKey, fallback: Fallback, rating_w: float | None, now: datetime) -> ChargingProfile:
    """The profile of a fallback at an EVSE; until it bites it allows `rating_w`.

    The profile's start lies a minute back for stations whose clock lags.
    """
    plain = fallback_profile(fallback_id(key[1]), fallback.limit_w, now)
    periods = plain.periods
    if rating_w is not None and fallback.since > now:
        wait_s = ceil((fallback.since - plain.start).total_seconds())
        periods = (
            Period(0, max(rating_w, fallback.limit_w)),
            *(Period(wait_s, p.limit_w) for p in plain.periods),
        )
    return replace(
        plain,
        periods=periods,
        duration_s=ceil((fallback.until - plain.start).total_seconds()),
        valid_to=fallback.until,
    )


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease that was sent: signed W until a time, for a transaction."""

    limit_w: float
    until: datetime
    transaction_id: str | None
    sent_at: datetime


@dataclass(slots=True)
class Line:
    """What one EVSE may be following: the lease it accepted, those it never answered, those just replaced.

    `unclear` says that a lease of unknown depth may be there (found half done after a restart); `rewrite`
    that the station was away and must be told again before it is believed (V-09). Before `not_before` the
    station wants no other profile, as for `settle_s` after a clear; `dynamic_s` is how long the lease runs on
    after each update (2.1), None if it cannot be updated; `read_back_w` is what its composite schedule was
    last seen to agree with. `ordered_at` is when power on this side was first ordered, `lowered_at` when less
    of it was.
    """

    lease: Lease | None = None
    unproven: list[Lease] = field(default_factory=list)
    replaced: list[tuple[Lease, datetime]] = field(default_factory=list)
    unclear: bool = False
    rewrite: bool = False
    not_before: datetime | None = None
    settle_s: float = 0.0
    dynamic_s: int | None = None
    read_back_w: float | None = None
    ordered_at: datetime | None = None
    lowered_at: datetime | None = None

    def sent(self, lease: Lease) -> None:
        """About to go out; whatever happens, it may be followed from now on."""
        self.unproven.append(lease)

    def accepted(self, lease: Lease, at: datetime) -> None:
        """The station took it: it replaces all before it, once the meter shows so (V-06)."""
        before = [*self.unproven, *([self.lease] if self.lease else [])]
        self.replaced += [(old, at) for old in before if old is not lease and old.limit_w != lease.limit_w]
        if self.lease is None or self.unclear or turned(self.lease.limit_w, lease.limit_w):
            self.ordered_at = self.lowered_at = at
        elif abs(lease.limit_w) < abs(self.lease.limit_w) - SHIFT_W:
            self.lowered_at = at
        if self.lease is None or self.lease.transaction_id != lease.transaction_id:
            self.read_back_w = None
        self.lease, self.unproven, self.unclear, self.rewrite = lease, [], False, False

    def refused(self, lease: Lease) -> None:
        """The station did not take it; what was before still stands."""
        self.unproven = [other for other in self.unproven if other is not lease]

    def cleared(self, at: datetime) -> None:
        """The station has no lease any more."""
        before = [*self.unproven, *([self.lease] if self.lease else [])]
        self.replaced += [(old, at) for old in before]
        self.lease, self.unproven, self.unclear, self.rewrite, self.ordered_at = None, [], False, False, None
        self.dynamic_s, self.read_back_w = None, None
        if self.settle_s:
            self.not_before = at + timedelta(seconds=self.settle_s)

    def paused(self, now: datetime) -> bool:
        """Whether the station wants no profile yet."""
        return self.not_before is not None and now < self.not_before

    def pass_time(self, now: datetime, metered_at: datetime | None) -> None:
        """Forget what has run out, and what a meter reading later than its replacement has disproved."""
        if self.lease is not None and self.lease.until <= now:
            self.lease, self.ordered_at, self.dynamic_s, self.read_back_w = None, None, None, None
        self.unproven = [lease for lease in self.unproven if lease.until > now]
        self.unclear = self.unclear and bool(self.unproven)
        self.replaced = [
            (lease, at)
            for lease, at in self.replaced
            if lease.until > now and (metered_at is None or metered_at <= at)
        ]

    @property
    def live(self) -> bool:
        """Whether the station may be following any lease."""
        return self.lease is not None or bool(self.unproven)

    def lowest_w(self) -> float:
        """The deepest discharge that may be going on: signed W, 0 or below."""
        if self.unclear:
            return float("-inf")
        return min(0.0, min((lease.limit_w for lease in self._all()), default=0.0))

    def highest_w(self) -> float | None:
        """The most charging that may be going on by any lease; None without one."""
        return max((max(0.0, lease.limit_w) for lease in self._all()), default=None)

    def _all(self) -> Iterable[Lease]:
        if self.lease is not None:
            yield self.lease
        yield from self.unproven
        for lease, _ in self.replaced:
            yield lease

    def due(
        self,
        setpoint_w: float,
        transaction_id: str,
        until: datetime,
        now: datetime,
        record: DialectRecord = UNKNOWN,
    ) -> bool:
        """Whether a lease must be sent: none in force, another transaction, moved, or half over.

        Not while the station wants none, and a mere correction not before its flash budget allows it.
        """
        lease = self.lease
        if self.paused(now):
            return False
        if (
            lease is None
            or self.unproven
            or self.unclear
            or self.rewrite
            or lease.transaction_id != transaction_id
        ):
            return True
        age_s = (now - lease.sent_at).total_seconds()
        if turned_off(lease.limit_w, setpoint_w):
            return True
        if age_s < record.min_interval_s:
            return False
        if moved(lease.limit_w, setpoint_w, record.deadband_w) or age_s >= (record.keepalive_s or math.inf):
            return True
        whole_s = (lease.until - lease.sent_at).total_seconds()
        left_s = (lease.until - now).total_seconds()
        return left_s <= whole_s / 2 and (until - lease.until).total_seconds() > 1


def turned(before_w: float, after_w: float) -> bool:
    """Whether a setpoint is on another side: charge, discharge too small to be seen, or discharge."""
    return _side(before_w) != _side(after_w)


def _side(power_w: float) -> int:
    return 0 if power_w >= 0 else 1 if power_w >= -2 * SHIFT_W else 2


def turned_off(before_w: float, after_w: float) -> bool:
    """Whether a discharge ends, or begins."""
    return (before_w < 0) != (after_w < 0)


def moved(before_w: float, after_w: float, dead_band_w: float = DEAD_BAND_W) -> bool:
    """Whether a setpoint changed by more than the dead band, or ended a discharge."""
    if turned_off(before_w, after_w):
        return True
    return abs(after_w - before_w) > max(dead_band_w, DEAD_BAND_SHARE * abs(before_w))
