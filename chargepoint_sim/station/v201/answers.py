"""What the station answers to each request of the server. `routes` is the list of what it knows.

Arguments are what the library makes of a payload: snake_case names, nested dicts.
"""

from collections.abc import Callable
from datetime import timedelta

from ocpp.v201 import call, call_result

from chargepoint_sim.meter import Context
from chargepoint_sim.profiles.composite import Window
from chargepoint_sim.profiles.profile import Purpose, RateUnit
from chargepoint_sim.profiles.store import Criteria, Installed
from chargepoint_sim.station.cabinet import Cabinet, Order, StartRequest
from chargepoint_sim.station.device_model import Inventory, Verdict
from chargepoint_sim.station.exchange import Ask, Later
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.spelling import Payload
from chargepoint_sim.station.words import Trigger

_REPORT_PART = 40
_SOURCE = "CSO"


class Answers:
    """Answers for one connection. `later` does something after the answer is out."""

    def __init__(self, cabinet: Cabinet, ask: Ask, later: Later) -> None:
        self._cabinet = cabinet
        self._ask = ask
        self._later = later

    def routes(self) -> dict[str, dict[str, object]]:
        """The library's route map."""
        table: dict[str, Callable[..., object]] = {
            "ChangeAvailability": self.change_availability,
            "ClearCache": self.clear_cache,
            "ClearChargingProfile": self.clear_charging_profile,
            "DataTransfer": self.data_transfer,
            "GetBaseReport": self.get_base_report,
            "GetChargingProfiles": self.get_charging_profiles,
            "GetCompositeSchedule": self.get_composite_schedule,
            "GetTransactionStatus": self.get_transaction_status,
            "GetVariables": self.get_variables,
            "RequestStartTransaction": self.request_start_transaction,
            "RequestStopTransaction": self.request_stop_transaction,
            "Reset": self.reset,
            "SetChargingProfile": self.set_charging_profile,
            "SetVariables": self.set_variables,
            "TriggerMessage": self.trigger_message,
            "UnlockConnector": self.unlock_connector,
        }
        return {action: {"_on_action": handler} for action, handler in table.items()}

    # Block B

    def get_variables(self, get_variable_data: list[Payload], **_: object) -> object:
        """Read variables."""
        results = []
        for wanted in get_variable_data:
            variable, attribute = wanted["variable"], wanted.get("attribute_type", "Actual")
            verdict, value = self._cabinet.equipment.model.get(
                spelling.place(wanted["component"]), variable["name"], variable.get("instance"), attribute
            )
            result = _attribute(wanted, attribute) | {"attributeStatus": verdict.value}
            results.append(result if value is None else result | {"attributeValue": value})
        return call_result.GetVariables(get_variable_result=results)

    def set_variables(self, set_variable_data: list[Payload], **_: object) -> object:
        """Write variables; every one gets its own verdict."""
        results = []
        for wanted in set_variable_data:
            variable, attribute = wanted["variable"], wanted.get("attribute_type", "Actual")
            verdict = self._cabinet.equipment.model.set(
                spelling.place(wanted["component"]),
                variable["name"],
                variable.get("instance"),
                wanted["attribute_value"],
                attribute,
            )
            results.append(_attribute(wanted, attribute) | {"attributeStatus": verdict.value})
            if verdict is Verdict.ACCEPTED:
                self._cabinet.equipment.observe("variable_set", {"variable": variable["name"]})
        return call_result.SetVariables(set_variable_result=results)

    def get_base_report(self, request_id: int, report_base: str, **_: object) -> object:
        """Announce a report, then send it in parts."""
        self._later(lambda: self._report(request_id, Inventory(report_base)))
        return call_result.GetBaseReport(status="Accepted")

    async def _report(self, request_id: int, inventory: Inventory) -> None:
        equipment = self._cabinet.equipment
        rows = [spelling.report_data(variable) for variable in equipment.model.report(inventory)]
        parts = [rows[start : start + _REPORT_PART] for start in range(0, len(rows), _REPORT_PART)]
        for seq_no, part in enumerate(parts):
            await self._ask(
                call.NotifyReport(
                    request_id=request_id,
                    generated_at=spelling.text(equipment.clock.now()),
                    seq_no=seq_no,
                    report_data=part,
                    tbc=seq_no < len(parts) - 1,
                )
            )

    def reset(self, type: str, evse_id: int | None = None, **_: object) -> object:
        """Restart; not for a single EVSE."""
        if evse_id is not None:
            reason = {"reasonCode": "UnsupportedRequest"}
            return call_result.Reset(status="Rejected", status_info=reason)
        return call_result.Reset(status=self._cabinet.reset(when_idle=type == "OnIdle"))

    # Block C

    def clear_cache(self, **_: object) -> object:
        """There is no cache."""
        return call_result.ClearCache(status="Rejected")

    # Blocks E and F

    def get_transaction_status(self, transaction_id: str | None = None, **_: object) -> object:
        """Whether messages wait, and whether a transaction runs."""
        ongoing = None
        if transaction_id is not None:
            ongoing = self._cabinet.visit_of(transaction_id) is not None
        waiting = self._cabinet.messages_waiting(transaction_id)
        return call_result.GetTransactionStatus(messages_in_queue=waiting, ongoing_indicator=ongoing)

    def request_start_transaction(
        self,
        id_token: Payload,
        remote_start_id: int,
        evse_id: int | None = None,
        charging_profile: Payload | None = None,
        **_: object,
    ) -> object:
        """Serve a driver from afar."""
        profile = None if charging_profile is None else spelling.profile(charging_profile)
        request = StartRequest(spelling.token(id_token), remote_start_id, evse_id, profile)
        answer = self._cabinet.request_start(request)
        return call_result.RequestStartTransaction(
            status="Accepted" if answer.accepted else "Rejected",
            transaction_id=answer.transaction_id,
            status_info=None if answer.reason is None else {"reasonCode": answer.reason},
        )

    def request_stop_transaction(self, transaction_id: str, **_: object) -> object:
        """End a transaction from afar."""
        if self._cabinet.request_stop(transaction_id):
            return call_result.RequestStopTransaction(status="Accepted")
        reason = {"reasonCode": "TxNotFound"}
        return call_result.RequestStopTransaction(status="Rejected", status_info=reason)

    def unlock_connector(self, evse_id: int, connector_id: int, **_: object) -> object:
        """Let go of a cable."""
        return call_result.UnlockConnector(status=self._cabinet.unlock(evse_id, connector_id))

    def trigger_message(self, requested_message: str, evse: Payload | None = None, **_: object) -> object:
        """Send a message now."""
        cabinet = self._cabinet
        evses = list(cabinet.evses) if evse is None else [evse["id"]]
        if any(evse_id not in cabinet.evses for evse_id in evses):
            return call_result.TriggerMessage(status="Rejected", status_info={"reasonCode": "UnknownEvse"})
        match requested_message:
            case "BootNotification" if cabinet.registered:
                return call_result.TriggerMessage(status="Rejected")  # F06.FR.17
            case "BootNotification" | "Heartbeat":
                cabinet.orders.put_nowait(Order(requested_message))
            case "StatusNotification":
                self._later(lambda: _each(evses, cabinet.tell_status))
            case "MeterValues":
                self._later(lambda: _each(evses, self._trigger_meter))
            case "TransactionEvent":
                self._later(lambda: _each(evses, self._trigger_transaction))
            case _:
                return call_result.TriggerMessage(status="NotImplemented")
        return call_result.TriggerMessage(status="Accepted")

    def _trigger_meter(self, evse_id: int) -> None:
        self._cabinet.tell_meter(evse_id, Trigger.TRIGGER, Context.TRIGGER)

    def _trigger_transaction(self, evse_id: int) -> None:
        visit = self._cabinet.visits.get(evse_id)
        if visit is not None:
            visit.report(Trigger.TRIGGER, Context.TRIGGER)

    # Block G

    def change_availability(
        self, operational_status: str, evse: Payload | None = None, **_: object
    ) -> object:
        """Take the station or an EVSE in or out of service."""
        evse_id = None if evse is None else evse["id"]
        status = self._cabinet.change_availability(evse_id, operational_status == "Operative")
        return call_result.ChangeAvailability(status=status)

    # Block K

    def set_charging_profile(self, evse_id: int, charging_profile: Payload, **_: object) -> object:
        """Take a charging profile, or say why not."""
        profile = spelling.profile(charging_profile)
        refusal = self._cabinet.install(evse_id, profile)
        limit = profile.schedules[0].periods[0].limit if profile.schedules else None
        told: dict[str, object] = {"evse": evse_id, "purpose": profile.purpose.value, "limit": limit}
        if refusal is None:
            self._cabinet.equipment.observe("profile_accepted", told)
            return call_result.SetChargingProfile(status="Accepted")
        self._cabinet.equipment.observe("profile_rejected", told | {"reason": refusal.reason})
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
        cleared = self._cabinet.clear(criteria)
        return call_result.ClearChargingProfile(status="Accepted" if cleared else "Unknown")

    def get_charging_profiles(
        self, request_id: int, charging_profile: Payload, evse_id: int | None = None, **_: object
    ) -> object:
        """Announce a report of profiles, then send it, one part per EVSE."""
        sources = charging_profile.get("charging_limit_source") or [_SOURCE]
        found = self._cabinet.installed(_criteria(charging_profile, evse_id)) if _SOURCE in sources else []
        if not found:
            return call_result.GetChargingProfiles(status="NoProfiles")
        self._later(lambda: self._report_profiles(request_id, found))
        return call_result.GetChargingProfiles(status="Accepted")

    async def _report_profiles(self, request_id: int, found: list[Installed]) -> None:
        evses = sorted({one.evse_id for one in found})
        for evse_id in evses:
            profiles = [spelling.written_profile(one.profile) for one in found if one.evse_id == evse_id]
            await self._ask(
                call.ReportChargingProfiles(
                    request_id=request_id,
                    charging_limit_source=_SOURCE,
                    evse_id=evse_id,
                    charging_profile=profiles,
                    tbc=evse_id != evses[-1],
                )
            )

    def get_composite_schedule(
        self, duration: int, evse_id: int, charging_rate_unit: str = "W", **_: object
    ) -> object:
        """What results from all profiles."""
        equipment, unit = self._cabinet.equipment, RateUnit(charging_rate_unit)
        if evse_id != 0 and evse_id not in self._cabinet.evses:  # K08.FR.05
            reason = {"reasonCode": "UnknownEvse"}
            return call_result.GetCompositeSchedule(status="Rejected", status_info=reason)
        start = equipment.clock.now()
        start -= timedelta(microseconds=start.microsecond)
        steps = equipment.profiles.composite(
            evse_id, Window(start, duration), self._cabinet.relative_starts(), unit
        )
        schedule = {
            "evseId": evse_id,
            "duration": duration,
            "scheduleStart": spelling.text(start),
            "chargingRateUnit": unit.value,
            "chargingSchedulePeriod": spelling.periods(steps),
        }
        return call_result.GetCompositeSchedule(status="Accepted", schedule=schedule)

    # Block P

    def data_transfer(self, vendor_id: str, **_: object) -> object:
        """No vendor is known here."""
        return call_result.DataTransfer(status="UnknownVendorId")


def _attribute(wanted: Payload, attribute: str) -> dict[str, object]:
    """Which attribute a result is about."""
    named = {key: value for key, value in wanted["variable"].items() if key != "custom_data"}
    of = spelling.component(spelling.place(wanted["component"]))
    return {"component": of, "variable": named, "attributeType": attribute}


def _criteria(written: Payload, evse_id: int | None) -> Criteria:
    purpose, ids = written.get("charging_profile_purpose"), written.get("charging_profile_id")
    return Criteria(
        ids=None if ids is None else tuple(ids),
        evse_id=evse_id,
        purpose=None if purpose is None else Purpose(purpose),
        stack_level=written.get("stack_level"),
    )


async def _each(evses: list[int], act: Callable[[int], None]) -> None:
    for evse_id in evses:
        act(evse_id)
