"""What a 2.1 station answers: charging profiles with Dynamic ones and priority (block K), V2X (block Q)."""

from dataclasses import replace

from ocpp.v21 import call_result

from chargepoint_sim.profiles.checks import Refusal
from chargepoint_sim.profiles.profile import Kind, Mode, Profile, Purpose
from chargepoint_sim.profiles.store import Criteria
from chargepoint_sim.station.notices import PriorityNews
from chargepoint_sim.station.v21 import spelling
from chargepoint_sim.station.v21.memory import Memory
from chargepoint_sim.station.v21.variables import capability
from chargepoint_sim.station.v201 import smart_charging as v201
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload, moment
from chargepoint_sim.station.visit import Visit


class SmartCharging:
    """Block K as far as it is new, and block Q."""

    def __init__(self, desk: Desk, memory: Memory) -> None:
        stamping = replace(desk.profiles, read=self._read)
        self._desk = desk
        self._memory = memory
        self._older = v201.SmartCharging(replace(desk, profiles=stamping))

    def routes(self) -> Routes:
        """Who answers what."""
        return self._older.routes() | {
            "SetChargingProfile": self.set_charging_profile,
            "UpdateDynamicSchedule": self.update_dynamic_schedule,
            "UsePriorityCharging": self.use_priority_charging,
            "NotifyAllowedEnergyTransfer": self.notify_allowed_energy_transfer,
            "AFRRSignal": self.afrr_signal,
        }

    def _read(self, written: Payload) -> Profile:
        """A charging profile; a Dynamic one is as new as its arrival if it does not say when (K28.FR.05),
        and not newer."""
        profile, now = spelling.profile(written), self._desk.cabinet.equipment.clock.now()
        if profile.kind is not Kind.DYNAMIC:
            return profile
        return replace(profile, updated_at=min(now, profile.updated_at or now))

    def set_charging_profile(self, **payload: object) -> object:
        """Take a charging profile, by what the device model says at present, or say why not."""
        equipment = self._desk.cabinet.equipment
        equipment.profiles.capability = capability(equipment.model)
        return self._older.set_charging_profile(**payload)  # type: ignore[arg-type]

    def update_dynamic_schedule(
        self, charging_profile_id: int, schedule_update: Payload, **_: object
    ) -> object:
        """Change the values of a Dynamic profile at once (K28.FR.06)."""
        equipment, update = self._desk.cabinet.equipment, spelling.values(schedule_update)
        refusal = equipment.profiles.update(charging_profile_id, update, equipment.clock.now())
        told: dict[str, object] = {"profile": charging_profile_id, "setpoint": update.setpoint}
        equipment.observe("schedule_updated" if refusal is None else "update_rejected", told)
        equipment.profiles_changed.ring()
        if refusal is None:
            return call_result.UpdateDynamicSchedule(status="Accepted")
        return call_result.UpdateDynamicSchedule(status="Rejected", status_info=_info(refusal))

    def use_priority_charging(self, transaction_id: str, activate: bool, **_: object) -> object:
        """Let a transaction's priority profile have the say, or no longer (K21)."""
        visit = self._desk.cabinet.visit_of(transaction_id)
        if visit is None:
            info = {"reasonCode": "TxNotFound"}
            return call_result.UsePriorityCharging(status="Rejected", status_info=info)
        profiles, evse_id = self._desk.cabinet.equipment.profiles, visit.evse.evse_id
        known = profiles.matching(Criteria(purpose=Purpose.PRIORITY))
        if activate and not any(one.evse_id in (0, evse_id) for one in known):
            return call_result.UsePriorityCharging(status="NoProfile", status_info={"reasonCode": "NotFound"})
        if activate is not (evse_id in profiles.priority):
            profiles.priority ^= {evse_id}
            self._desk.cabinet.equipment.emit(PriorityNews(transaction_id, activate))
            self._desk.cabinet.equipment.profiles_changed.ring()
        return call_result.UsePriorityCharging(status="Accepted")

    def notify_allowed_energy_transfer(
        self, transaction_id: str, allowed_energy_transfer: list[str], **_: object
    ) -> object:
        """Other energy transfers are allowed: services are negotiated anew (Q02.FR.06)."""
        visit = self._desk.cabinet.visit_of(transaction_id)
        if visit is None:
            info = {"reasonCode": "TxNotFound"}
            return call_result.NotifyAllowedEnergyTransfer(status="Rejected", status_info=info)
        self._desk.later(lambda: self._permit(visit, allowed_energy_transfer))
        return call_result.NotifyAllowedEnergyTransfer(status="Accepted")

    async def _permit(self, visit: Visit, transfers: list[str]) -> None:
        self._memory.permit(visit, transfers)

    def afrr_signal(self, timestamp: str, signal: int, **_: object) -> object:
        """A signal of automatic frequency restoration, for periods that have a curve for it (Q08)."""
        equipment = self._desk.cabinet.equipment
        if not any(self._hears_signals(evse_id) for evse_id in self._desk.cabinet.evses):  # Q08.FR.11
            info = {"reasonCode": "NoSignalWattCurve"}
            return call_result.AFRRSignal(status="Rejected", status_info=info)
        at = moment(timestamp)
        equipment.around.hear_signal(at, signal, equipment.clock.now())
        wait_s = (at - equipment.clock.now()).total_seconds()
        equipment.clock.call_later(max(0.0, wait_s), equipment.profiles_changed.ring)
        return call_result.AFRRSignal(status="Accepted")

    def _hears_signals(self, evse_id: int) -> bool:
        equipment = self._desk.cabinet.equipment
        since = self._desk.cabinet.relative_starts().get(evse_id)
        found = equipment.profiles.limit_at(evse_id, equipment.clock.now(), since)
        regulation = None if found.steering is None else found.steering.regulation
        return (
            found.mode is Mode.LOCAL_FREQUENCY
            and regulation is not None
            and regulation.over_signal is not None
        )


def _info(refusal: Refusal) -> dict[str, object]:
    return {"reasonCode": refusal.reason, "additionalInfo": refusal.detail}
