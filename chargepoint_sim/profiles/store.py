"""All profiles of one station: what may be installed (K01), what is cleared (K10), what is reported (K09)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from chargepoint_sim.profiles.checks import Capability, Refusal, objection
from chargepoint_sim.profiles.composite import Instant, Local, Step, Window, composite, instant, total
from chargepoint_sim.profiles.profile import (
    Kind,
    Profile,
    Purpose,
    RateUnit,
    Situation,
    Values,
    offline_expiry,
)


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
    """The profiles of a station. `local` holds what each EVSE can do by itself.

    `offline_since` is when the connection was lost (None: it stands); at the EVSEs in `priority` the driver
    has priority charging. `one_a_level`: a profile takes the place of another one of its level (1.6).
    """

    local: dict[int, Local]
    capability: Capability = field(default_factory=Capability)
    installed: list[Installed] = field(default_factory=list)
    offline_since: datetime | None = None
    priority: set[int] = field(default_factory=set)
    one_a_level: bool = False
    reading: Callable[[list[Profile], datetime], list[Profile]] = lambda profiles, moment: profiles
    """How a station understands its profiles at a moment, in the order it got them."""

    def install(self, evse_id: int, profile: Profile, transaction_id: str | None) -> Refusal | None:
        """Take a profile in, or say why not. `transaction_id` is the one running on that EVSE, if any."""
        refusal = self._misplaced(evse_id, profile) or objection(self.capability, profile)
        if refusal is None and not self.one_a_level:
            refusal = self._duplicate(evse_id, profile)
        if refusal is not None:
            return refusal
        if profile.purpose is Purpose.TX and (
            transaction_id is None or profile.transaction_id != transaction_id
        ):
            return Refusal("TxNotFound", "no such transaction on this EVSE")  # K01.FR.03, K01.FR.09
        # K01.FR.05: the same id replaces, wherever the old one lives; External is never replaced.
        new = Installed(evse_id, profile)
        kept = [one for one in self.installed if not self._replaced(one, new)]
        if len(kept) >= self.capability.max_profiles:
            return Refusal("OutOfStorage", "no room for another profile")
        self.installed = [*kept, new]
        return None

    def _replaced(self, one: Installed, new: Installed) -> bool:
        """Whether the new profile takes this one's place."""
        old, profile = one.profile, new.profile
        if old.purpose is Purpose.EXTERNAL:
            return False
        level = (one.evse_id, old.purpose, old.stack_level) == (
            new.evse_id,
            profile.purpose,
            profile.stack_level,
        )
        return old.id == profile.id or (self.one_a_level and level)

    def _misplaced(self, evse_id: int, profile: Profile) -> Refusal | None:
        """Where may which purpose live?"""
        if evse_id != 0 and evse_id not in self.local:
            return Refusal("UnknownEvse", f"no EVSE {evse_id}")  # K01.FR.28
        if profile.purpose is Purpose.EXTERNAL:
            return Refusal("InvalidProfile", "External is not the CSMS's to set")  # K01.FR.22
        if profile.purpose is Purpose.TX and evse_id == 0:
            return Refusal("InvalidProfile", "a TxProfile needs an EVSE")  # K01.FR.16
        if profile.purpose is Purpose.MAX and evse_id != 0:
            return Refusal("InvalidProfile", "a maximum is for the whole station")  # K01.FR.38
        if profile.purpose is Purpose.MAX and profile.kind is Kind.RELATIVE:
            return Refusal("InvalidProfile", "a maximum cannot be relative")  # K01.FR.38
        return None

    def _duplicate(self, evse_id: int, profile: Profile) -> Refusal | None:
        """May it stand beside what is there?"""
        for one in self.installed:
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

    def update(self, profile_id: int, values: Values, now: datetime) -> Refusal | None:
        """Change the values of a Dynamic profile, which makes it hold again (K28.FR.06 to K28.FR.14)."""
        for index, one in enumerate(self.installed):
            if one.profile.id != profile_id or one.profile.purpose is Purpose.EXTERNAL:
                continue
            if one.profile.kind is not Kind.DYNAMIC:
                return Refusal("InvalidProfile", f"profile {profile_id} is not Dynamic")  # K28.FR.11
            profile = _updated(one.profile, values, now)
            refusal = objection(self.capability, profile)
            if refusal is None:
                self.installed[index] = Installed(one.evse_id, profile)
            return refusal
        return Refusal("InvalidProfile", f"no profile {profile_id}")

    def went_offline(self, now: datetime) -> None:
        """The connection is lost: profiles with a maxOfflineDuration end after it (K01.FR.101)."""
        if self.offline_since is None:
            self.offline_since = now

    def came_online(self, now: datetime) -> None:
        """The connection is back: what ended offline holds again, unless it says no (K01.FR.102)."""
        since, self.offline_since = self.offline_since, None

        def gone(profile: Profile) -> bool:
            ended_at = offline_expiry(profile, since)
            return profile.invalid_after_offline and ended_at is not None and now >= ended_at

        self.installed = [one for one in self.installed if not gone(one.profile)]

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

    def has_own(self, transaction_id: str) -> bool:
        """Whether there is a profile for this transaction."""
        return any(one.profile.transaction_id == transaction_id for one in self.installed)

    def limit_at(
        self, evse_id: int, moment: datetime, relative_start: datetime | None, soc: float | None = None
    ) -> Instant:
        """What an EVSE may do at a moment, W."""
        situation = Situation(relative_start or moment, self.offline_since, soc)
        return instant(self._concerning(evse_id, moment), moment, situation, self.local[evse_id], RateUnit.W)

    def station_limit_at(self, moment: datetime) -> Instant:
        """What all EVSEs together may do at a moment, W (K04)."""
        situation = Situation(moment, self.offline_since)
        return instant(self._capping(moment), moment, situation, self._whole(), RateUnit.W)

    def composite(
        self, evse_id: int, window: Window, relative_starts: dict[int, datetime], unit: RateUnit
    ) -> list[Step]:
        """The composite schedule of an EVSE, or of the whole station for EVSE 0."""
        if evse_id != 0:
            situation = Situation(relative_starts.get(evse_id, window.start), self.offline_since)
            concerning = self._concerning(evse_id, window.start)
            return composite(concerning, window, situation, self.local[evse_id], unit)
        parts = [self.composite(one, window, relative_starts, unit) for one in self.local]
        situation = Situation(window.start, self.offline_since)
        capping = self._capping(window.start)
        return total(parts, composite(capping, window, situation, self._whole(), unit), unit)

    def _capping(self, moment: datetime) -> list[Profile]:
        """What limits the sum of all EVSEs."""
        found = [
            one.profile
            for one in self.installed
            if one.evse_id == 0 and one.profile.purpose in (Purpose.MAX, Purpose.EXTERNAL)
        ]
        return self.reading(found, moment)

    def _whole(self) -> Local:
        """What all EVSEs can do together."""
        w, a = (sum(values) for values in zip(*((one.w, one.a) for one in self.local.values()), strict=True))
        return Local(w, a)

    def _concerning(self, evse_id: int, moment: datetime) -> list[Profile]:
        """The profiles that hold for an EVSE: its own and those of the whole station (K01.FR.14)."""
        here = self.reading([one.profile for one in self.installed if one.evse_id in (0, evse_id)], moment)
        # K21.FR.04: a priority profile waits until the driver or the server wants it.
        return [one for one in here if one.purpose is not Purpose.PRIORITY or evse_id in self.priority]


def _updated(profile: Profile, values: Values, now: datetime) -> Profile:
    """A Dynamic profile with other values in its only period."""
    schedule = profile.schedules[0]
    period = schedule.periods[0]
    limit, *further = values.limit or period.values.limit or (None,)
    period = replace(
        period,
        limit=limit,
        further=tuple(one for one in further if one is not None),
        discharge=values.discharge or period.discharge,
        setpoint=values.setpoint or period.setpoint,
        reactive=values.reactive or period.reactive,
    )
    return replace(profile, schedules=(replace(schedule, periods=(period,)),), updated_at=now)


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
