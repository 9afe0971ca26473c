"""What a 1.6 station answers: Smart Charging. A limit below zero is a discharge, as bidirectional stations
on 1.6 have it."""

from dataclasses import replace
from datetime import timedelta

from ocpp.v16 import call_result

from chargepoint_sim.profiles.composite import Window
from chargepoint_sim.profiles.profile import Purpose, RateUnit
from chargepoint_sim.profiles.store import Criteria
from chargepoint_sim.station.v16 import spelling
from chargepoint_sim.station.v16.memory import Memory
from chargepoint_sim.station.v16.spelling import Payload
from chargepoint_sim.station.v201.desk import Desk, Routes


class SmartCharging:
    """Smart Charging."""

    def __init__(self, desk: Desk, memory: Memory) -> None:
        self._desk = desk
        self._memory = memory

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ClearChargingProfile": self.clear_charging_profile,
            "GetCompositeSchedule": self.get_composite_schedule,
            "SetChargingProfile": self.set_charging_profile,
        }

    def set_charging_profile(self, connector_id: int, cs_charging_profiles: Payload, **_: object) -> object:
        """Take a charging profile. A TxProfile without a transaction is for the one that runs."""
        cabinet = self._desk.cabinet
        number = cs_charging_profiles.get("transaction_id")
        meant = None if number is None else (self._memory.transaction(number) or "unknown")
        profile = spelling.profile(cs_charging_profiles, meant, cabinet.equipment.clock.now())
        visit = cabinet.visits.get(connector_id)
        if profile.purpose is not Purpose.TX:
            profile = replace(profile, transaction_id=None)
        elif meant is None and visit is not None and visit.transaction is not None:
            profile = replace(profile, transaction_id=visit.transaction.id)
        refusal = cabinet.install(connector_id, profile)
        limit = profile.schedules[0].periods[0].limit if profile.schedules[0].periods else None
        told: dict[str, object] = {"evse": connector_id, "purpose": profile.purpose.value, "limit": limit}
        if refusal is not None:
            cabinet.equipment.observe("profile_rejected", told | {"reason": refusal.reason})
            return call_result.SetChargingProfile(status="Rejected")
        cabinet.equipment.observe("profile_accepted", told)
        return call_result.SetChargingProfile(status="Accepted")

    def clear_charging_profile(
        self,
        id: int | None = None,
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
        **_: object,
    ) -> object:
        """Remove profiles, by id or by criteria that all have to hold."""
        criteria = Criteria(
            ids=None if id is None else (id,),
            evse_id=connector_id,
            purpose=spelling.purpose(charging_profile_purpose),
            stack_level=stack_level,
        )
        cleared = self._desk.cabinet.clear(criteria if id is None else Criteria(ids=(id,)))
        return call_result.ClearChargingProfile(status="Accepted" if cleared else "Unknown")

    def get_composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str = "W", **_: object
    ) -> object:
        """What results from all profiles."""
        cabinet, unit = self._desk.cabinet, RateUnit(charging_rate_unit)
        if connector_id not in (0, *cabinet.evses):
            return call_result.GetCompositeSchedule(status="Rejected")
        start = cabinet.equipment.clock.now()
        start -= timedelta(microseconds=start.microsecond)
        steps = cabinet.composite(connector_id, Window(start, duration), unit)
        if steps is None:
            return call_result.GetCompositeSchedule(status="Rejected")
        schedule = {
            "duration": duration,
            "startSchedule": spelling.text(start),
            "chargingRateUnit": unit.value,
            "chargingSchedulePeriod": spelling.periods(steps),
        }
        return call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=spelling.text(start),
            charging_schedule=schedule,
        )
