"""What the station answers: charging profiles (block K)."""

from datetime import timedelta

from ocpp.v201 import call, call_result

from chargepoint_sim.profiles.composite import Window
from chargepoint_sim.profiles.profile import Purpose, RateUnit
from chargepoint_sim.profiles.store import Criteria, Installed
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload


class SmartCharging:
    """Block K."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ClearChargingProfile": self.clear_charging_profile,
            "GetChargingProfiles": self.get_charging_profiles,
            "GetCompositeSchedule": self.get_composite_schedule,
            "SetChargingProfile": self.set_charging_profile,
        }

    def set_charging_profile(self, evse_id: int, charging_profile: Payload, **_: object) -> object:
        """Take a charging profile, or say why not."""
        profile = self._desk.profiles.read(charging_profile)
        refusal = self._desk.cabinet.install(evse_id, profile)
        limit = profile.schedules[0].periods[0].limit if profile.schedules else None
        told: dict[str, object] = {"evse": evse_id, "purpose": profile.purpose.value, "limit": limit}
        if refusal is None:
            self._desk.cabinet.equipment.observe("profile_accepted", told)
            return call_result.SetChargingProfile(status="Accepted")
        self._desk.cabinet.equipment.observe("profile_rejected", told | {"reason": refusal.reason})
        reason = {"reasonCode": refusal.reason, "additionalInfo": refusal.detail}
        return call_result.SetChargingProfile(status="Rejected", status_info=reason)

    def clear_charging_profile(
        self,
        charging_profile_id: int | None = None,
        charging_profile_criteria: Payload | None = None,
        **_: object,
    ) -> object:
        """Remove profiles, by id or by criteria that all have to hold."""
        criteria = Criteria(ids=None if charging_profile_id is None else (charging_profile_id,))
        if charging_profile_id is None and charging_profile_criteria is not None:
            criteria = _criteria(charging_profile_criteria, charging_profile_criteria.get("evse_id"))
        cleared = self._desk.cabinet.clear(criteria)
        return call_result.ClearChargingProfile(status="Accepted" if cleared else "Unknown")

    def get_charging_profiles(
        self, request_id: int, charging_profile: Payload, evse_id: int | None = None, **_: object
    ) -> object:
        """Announce a report of profiles, then send it, one part per EVSE."""
        sources = charging_profile.get("charging_limit_source")
        source = self._desk.cabinet.instruments.external.source
        found = [
            one
            for one in self._desk.cabinet.installed(_criteria(charging_profile, evse_id))
            if not sources or source(one.profile) in sources
        ]
        if not found:
            return call_result.GetChargingProfiles(status="NoProfiles")
        self._desk.later(lambda: self._report_profiles(request_id, found))
        return call_result.GetChargingProfiles(status="Accepted")

    async def _report_profiles(self, request_id: int, found: list[Installed]) -> None:
        """A part for each EVSE and each who has set profiles there."""
        source = self._desk.cabinet.instruments.external.source
        places = sorted({(one.evse_id, source(one.profile)) for one in found})
        for place in places:
            profiles = [
                self._desk.profiles.write(one.profile)
                for one in found
                if (one.evse_id, source(one.profile)) == place
            ]
            await self._desk.ask(
                call.ReportChargingProfiles(
                    request_id=request_id,
                    charging_limit_source=place[1],
                    evse_id=place[0],
                    charging_profile=profiles,
                    tbc=place != places[-1],
                )
            )

    def get_composite_schedule(
        self, duration: int, evse_id: int, charging_rate_unit: str = "W", **_: object
    ) -> object:
        """What results from all profiles."""
        equipment, unit = self._desk.cabinet.equipment, RateUnit(charging_rate_unit)
        if evse_id != 0 and evse_id not in self._desk.cabinet.evses:  # K08.FR.05
            reason = {"reasonCode": "UnknownEvse"}
            return call_result.GetCompositeSchedule(status="Rejected", status_info=reason)
        start = equipment.clock.now()
        start -= timedelta(microseconds=start.microsecond)
        steps = self._desk.cabinet.composite(evse_id, Window(start, duration), unit)
        if steps is None:
            return call_result.GetCompositeSchedule(status="Rejected")
        schedule = {
            "evseId": evse_id,
            "duration": duration,
            "scheduleStart": spelling.text(start),
            "chargingRateUnit": unit.value,
            "chargingSchedulePeriod": self._desk.profiles.periods(steps),
        }
        return call_result.GetCompositeSchedule(status="Accepted", schedule=schedule)


def _criteria(written: Payload, evse_id: int | None) -> Criteria:
    purpose, ids = written.get("charging_profile_purpose"), written.get("charging_profile_id")
    return Criteria(
        ids=None if ids is None else tuple(ids),
        evse_id=evse_id,
        purpose=None if purpose is None else Purpose(purpose),
        stack_level=written.get("stack_level"),
    )
