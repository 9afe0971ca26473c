"""All profiles of one station: what may be installed (K01), what is cleared (K10), what is reported (K09)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from chargepoint_sim.profiles.composite import Instant, Local, Step, Window, composite, instant, total
from chargepoint_sim.profiles.profile import Kind, Profile, Purpose, RateUnit, Schedule, is_finite


@dataclass(frozen=True)
class Capability:
    """What this station can do with profiles, as its device model says."""

    stack_levels: int = 10
    units: frozenset[RateUnit] = frozenset(RateUnit)
    max_periods: int = 1024
    max_profiles: int = 100


@dataclass(frozen=True)
class Refusal:
    """Why a profile was not taken: a standard reason code and a word more."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Installed:
    """A profile and where it lives; EVSE 0 is the whole station."""

    evse_id: int
    profile: Profile


@dataclass(frozen=True)
class Criteria:
    """Which profiles are meant; what is None does not matter. All that is given has to hold."""

    ids: tuple[int, ...] | None = None
    evse_id: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None

    def match(self, installed: Installed) -> bool:
        """Whether one installed profile is meant."""
        profile = installed.profile
        return (
            (self.ids is None or profile.id in self.ids)
            and (self.evse_id is None or installed.evse_id == self.evse_id)
            and (self.purpose is None or profile.purpose is self.purpose)
            and (self.stack_level is None or profile.stack_level == self.stack_level)
        )


@dataclass
class ProfileStore:
    """The profiles of a station. `local` holds what each EVSE can do by itself."""

    local: dict[int, Local]
    capability: Capability = field(default_factory=Capability)
    installed: list[Installed] = field(default_factory=list)

    def install(self, evse_id: int, profile: Profile, transaction_id: str | None) -> Refusal | None:
        """Take a profile in, or say why not. `transaction_id` is the one running on that EVSE, if any."""
        for check in _CHECKS:
            refusal = check(self, evse_id, profile)
            if refusal is not None:
                return refusal
        if profile.purpose is Purpose.TX and (
            transaction_id is None or profile.transaction_id != transaction_id
        ):
            return Refusal("TxNotFound", "no such transaction on this EVSE")  # K01.FR.03, K01.FR.09
        # K01.FR.05: the same id replaces, wherever the old one lives; External is never replaced.
        self.installed = [one for one in self.installed if not _replaced(one, profile)]
        if len(self.installed) >= self.capability.max_profiles:
            return Refusal("OutOfStorage", "no room for another profile")
        self.installed.append(Installed(evse_id, profile))
        return None

    def matching(self, criteria: Criteria) -> list[Installed]:
        """The profiles that are meant."""
        return [one for one in self.installed if criteria.match(one)]

    def clear(self, criteria: Criteria) -> int:
        """Remove what is meant, External excepted (K10.FR.06); return how many."""
        gone = [one for one in self.matching(criteria) if one.profile.purpose is not Purpose.EXTERNAL]
        self.installed = [one for one in self.installed if one not in gone]
        return len(gone)

    def end_transaction(self, transaction_id: str) -> None:
        """Drop the TxProfiles of a transaction that has ended (K02.FR.05)."""
        self.installed = [one for one in self.installed if one.profile.transaction_id != transaction_id]

    def limit_at(self, evse_id: int, moment: datetime, relative_start: datetime | None) -> Instant:
        """What an EVSE may do at a moment, W."""
        since = relative_start or moment
        return instant(self._concerning(evse_id), moment, since, self.local[evse_id], RateUnit.W)

    def station_limit_at(self, moment: datetime) -> Instant:
        """What all EVSEs together may do at a moment, W (K04)."""
        station = [one.profile for one in self.installed if one.evse_id == 0 and _caps_station(one.profile)]
        return instant(station, moment, moment, self._whole(), RateUnit.W)

    def composite(
        self, evse_id: int, window: Window, relative_starts: dict[int, datetime], unit: RateUnit
    ) -> list[Step]:
        """The composite schedule of an EVSE, or of the whole station for EVSE 0."""
        if evse_id != 0:
            since = relative_starts.get(evse_id, window.start)
            return composite(self._concerning(evse_id), window, since, self.local[evse_id], unit)
        parts = [self.composite(one, window, relative_starts, unit) for one in self.local]
        station = [one.profile for one in self.installed if one.evse_id == 0 and _caps_station(one.profile)]
        return total(parts, composite(station, window, window.start, self._whole(), unit))

    def _whole(self) -> Local:
        """What all EVSEs can do together."""
        w, a = (sum(values) for values in zip(*((one.w, one.a) for one in self.local.values()), strict=True))
        return Local(w, a)

    def _concerning(self, evse_id: int) -> list[Profile]:
        """The profiles that hold for an EVSE: its own and those of the whole station (K01.FR.14)."""
        return [one.profile for one in self.installed if one.evse_id in (0, evse_id)]


def _caps_station(profile: Profile) -> bool:
    """Whether a profile limits the sum of all EVSEs."""
    return profile.purpose in (Purpose.MAX, Purpose.EXTERNAL)


def _replaced(one: Installed, profile: Profile) -> bool:
    """Whether the new profile takes this one's place."""
    return one.profile.id == profile.id and one.profile.purpose is not Purpose.EXTERNAL


def _check_place(store: ProfileStore, evse_id: int, profile: Profile) -> Refusal | None:
    """Where may which purpose live?"""
    if evse_id != 0 and evse_id not in store.local:
        return Refusal("UnknownEvse", f"no EVSE {evse_id}")  # K01.FR.28
    if profile.purpose is Purpose.EXTERNAL:
        return Refusal("InvalidProfile", "External is not the CSMS's to set")  # K01.FR.22
    if profile.purpose is Purpose.TX and evse_id == 0:
        return Refusal("InvalidProfile", "a TxProfile needs an EVSE")  # K01.FR.16
    if profile.purpose is Purpose.MAX and evse_id != 0:
        return Refusal("InvalidProfile", "a maximum is for the whole station")  # K01.FR.38
    if profile.purpose is Purpose.MAX and profile.kind is Kind.RELATIVE:
        return Refusal("InvalidProfile", "a maximum cannot be relative")  # K01.FR.38
    if profile.purpose is not Purpose.TX and profile.transaction_id is not None:
        return Refusal("InvalidProfile", "only a TxProfile has a transaction")
    return None


def _check_schedules(store: ProfileStore, evse_id: int, profile: Profile) -> Refusal | None:
    """Is every schedule well formed?"""
    if not 0 <= profile.stack_level <= store.capability.stack_levels:
        return Refusal("InvalidStackLevel", f"0 to {store.capability.stack_levels}")
    if not 1 <= len(profile.schedules) <= 3:
        return Refusal("InvalidSchedule", "one to three schedules")  # K01.FR.34
    if profile.kind is Kind.RECURRING and profile.recurrency is None:
        return Refusal("InvalidProfile", "recurring, but how often?")
    for schedule in profile.schedules:
        refusal = _check_schedule(store, profile.kind, schedule)
        if refusal is not None:
            return refusal
    return None


def _check_schedule(store: ProfileStore, kind: Kind, schedule: Schedule) -> Refusal | None:
    """Is this schedule well formed?"""
    if schedule.unit not in store.capability.units:
        return Refusal("UnsupportedRateUnit", f"not {schedule.unit}")  # K01.FR.26
    if len(schedule.periods) > store.capability.max_periods:
        return Refusal("TooManyElements", f"at most {store.capability.max_periods} periods")
    starts = [period.start_s for period in schedule.periods]
    if not starts or starts[0] != 0:
        return Refusal("InvalidSchedule", "the first period starts at 0")  # K01.FR.31
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return Refusal("InvalidSchedule", "periods must follow one another")  # K01.FR.35
    if kind is Kind.RELATIVE and schedule.start is not None:
        return Refusal("InvalidSchedule", "a relative schedule has no start")  # K01.FR.41
    if kind is not Kind.RELATIVE and schedule.start is None:
        return Refusal("InvalidSchedule", "startSchedule is missing")  # K01.FR.40
    if not is_finite(schedule):
        return Refusal("InvalidValue", "a limit is not a number")
    return None


def _check_duplicates(store: ProfileStore, evse_id: int, profile: Profile) -> Refusal | None:
    """May it stand beside what is there?"""
    for one in store.installed:
        other = one.profile
        if other.id == profile.id or other.purpose is not profile.purpose:
            continue
        if other.stack_level != profile.stack_level:
            continue
        if profile.purpose is Purpose.TX:
            if other.transaction_id == profile.transaction_id:  # K01.FR.39
                return Refusal("DuplicateProfile", f"profile {other.id} has this level already")
        elif _same_place(one.evse_id, evse_id, profile) and _overlap(other, profile):
            # K01.FR.06, K01.FR.52, K01.FR.53
            return Refusal("DuplicateProfile", f"profile {other.id} has this level already")
    return None


def _same_place(one: int, other: int, profile: Profile) -> bool:
    """Whether two EVSEs get into each other's way; a default for all stands against one for each."""
    return one == other or (profile.purpose is Purpose.TX_DEFAULT and 0 in (one, other))


def _overlap(one: Profile, other: Profile) -> bool:
    """Whether the validity of two profiles overlaps."""
    if one.valid_to is not None and other.valid_from is not None and one.valid_to <= other.valid_from:
        return False
    return not (
        other.valid_to is not None and one.valid_from is not None and other.valid_to <= one.valid_from
    )


_CHECKS: Sequence[Callable[[ProfileStore, int, Profile], Refusal | None]] = (
    _check_place,
    _check_schedules,
    _check_duplicates,
)
