"""Limits by somebody else than the server: an energy manager, a grid operator (K11 to K14)."""

from chargepoint_sim.profiles.profile import Kind, Period, Profile, Purpose, RateUnit, Schedule
from chargepoint_sim.profiles.store import Installed
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.notices import LimitClearedNews, LimitNews

_FIRST_ID = 2_000_000_000  # far from what a server gives
_CONTROLLER = "SmartChargingCtrlr"


class ExternalLimits:
    """At most one for each EVSE and one for the whole station (EVSE 0)."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._sources: dict[int, str] = {}
        self._told_w: dict[int, float] = {}

    def source(self, profile: Profile) -> str:
        """Who has set a profile, as OCPP names it."""
        external = profile.purpose is Purpose.EXTERNAL
        return self._sources.get(profile.id - _FIRST_ID, "Other") if external else "CSO"

    def impose(self, evse_id: int, limit_w: float, source: str = "EMS", critical: bool = False) -> None:
        """Limit an EVSE from now on; the server hears of it if it is a noticeable change (K12.FR.02)."""
        now = self._equipment.clock.now()
        schedule = Schedule(1, RateUnit.W, (Period(0, limit_w),), now)
        number = _FIRST_ID + evse_id
        profile = Profile(number, 0, Purpose.EXTERNAL, Kind.ABSOLUTE, (schedule,))
        self._remove(number)
        self._equipment.profiles.installed.append(Installed(evse_id, profile))
        self._sources[evse_id] = source
        self._equipment.profiles_changed.ring()
        if self._noticeable(evse_id, limit_w):
            self._told_w[evse_id] = limit_w
            with_schedule = self._equipment.model.flag(_CONTROLLER, "NotifyChargingLimitWithSchedules")
            self._equipment.emit(LimitNews(source, critical, evse_id, (schedule,) if with_schedule else ()))

    def release(self, evse_id: int) -> None:
        """The limit is gone (K13.FR.02)."""
        source = self._sources.pop(evse_id, None)
        self._told_w.pop(evse_id, None)
        if source is not None:
            self._remove(_FIRST_ID + evse_id)
            self._equipment.profiles_changed.ring()
            self._equipment.emit(LimitClearedNews(source, evse_id))

    def _noticeable(self, evse_id: int, limit_w: float) -> bool:
        """By more than LimitChangeSignificance, in percent."""
        told_w = self._told_w.get(evse_id)
        if told_w is None:
            return True
        share = float(self._equipment.model.text(_CONTROLLER, "LimitChangeSignificance")) / 100.0
        return abs(limit_w - told_w) > share * abs(told_w)

    def _remove(self, number: int) -> None:
        profiles = self._equipment.profiles
        profiles.installed = [one for one in profiles.installed if one.profile.id != number]
