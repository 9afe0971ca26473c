"""What the station answers: its device model and its restart (block B)."""

from ocpp.exceptions import OccurrenceConstraintViolationError
from ocpp.v201 import call, call_result

from chargepoint_sim.station.device_model import Inventory, Variable, Verdict
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes, parts
from chargepoint_sim.station.v201.spelling import Payload

_REPORT_PART = 40


class Provisioning:
    """Block B."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "GetBaseReport": self.get_base_report,
            "GetReport": self.get_report,
            "GetVariables": self.get_variables,
            "Reset": self.reset,
            "SetVariables": self.set_variables,
        }

    def get_variables(self, get_variable_data: list[Payload], **_: object) -> object:
        """Read variables."""
        _check_items(self._desk, get_variable_data, "GetVariables")
        results = []
        for wanted in get_variable_data:
            variable, attribute = wanted["variable"], wanted.get("attribute_type", "Actual")
            verdict, value = self._desk.cabinet.equipment.model.get(
                spelling.place(wanted["component"]), variable["name"], variable.get("instance"), attribute
            )
            result = _attribute(wanted, attribute) | {"attributeStatus": verdict.value}
            results.append(result if value is None else result | {"attributeValue": value})
        return call_result.GetVariables(get_variable_result=results)

    def set_variables(self, set_variable_data: list[Payload], **_: object) -> object:
        """Write variables; every one gets its own verdict."""
        _check_items(self._desk, set_variable_data, "SetVariables")
        results = []
        for wanted in set_variable_data:
            variable, attribute = wanted["variable"], wanted.get("attribute_type", "Actual")
            verdict = self._desk.cabinet.equipment.model.set(
                spelling.place(wanted["component"]),
                variable["name"],
                variable.get("instance"),
                wanted["attribute_value"],
                attribute,
            )
            results.append(_attribute(wanted, attribute) | {"attributeStatus": verdict.value})
            if verdict is Verdict.ACCEPTED:
                self._desk.cabinet.equipment.observe("variable_set", {"variable": variable["name"]})
        return call_result.SetVariables(set_variable_result=results)

    def get_base_report(self, request_id: int, report_base: str, **_: object) -> object:
        """Announce a report, then send it in parts."""
        found = self._desk.cabinet.equipment.model.report(Inventory(report_base))
        self._desk.later(lambda: self._report(request_id, found))
        return call_result.GetBaseReport(status="Accepted")

    def get_report(
        self,
        request_id: int,
        component_variable: list[Payload] | None = None,
        component_criteria: list[str] | None = None,
        **_: object,
    ) -> object:
        """Announce a report of what is asked for, then send it in parts (B08)."""
        _check_items(self._desk, component_variable or [], "GetReport")
        wanted = [
            (spelling.place(one["component"]), (one.get("variable") or {}).get("name"))
            for one in component_variable or []
        ]
        found = self._desk.cabinet.equipment.model.chosen(wanted, component_criteria or [])
        if not found:
            return call_result.GetReport(status="EmptyResultSet")
        self._desk.later(lambda: self._report(request_id, found))
        return call_result.GetReport(status="Accepted")

    async def _report(self, request_id: int, found: list[Variable]) -> None:
        now = spelling.text(self._desk.cabinet.equipment.clock.now())
        for seq_no, part, more in parts([spelling.report_data(one) for one in found], _REPORT_PART):
            await self._desk.ask(
                call.NotifyReport(
                    request_id=request_id, generated_at=now, seq_no=seq_no, report_data=list(part), tbc=more
                )
            )

    def reset(self, type: str, evse_id: int | None = None, **_: object) -> object:
        """Restart the station or an EVSE."""
        return call_result.Reset(status=self._desk.cabinet.reset(type == "OnIdle", evse_id))


def _attribute(wanted: Payload, attribute: str) -> dict[str, object]:
    """Which attribute a result is about."""
    named = {key: value for key, value in wanted["variable"].items() if key != "custom_data"}
    of = spelling.component(spelling.place(wanted["component"]))
    return {"component": of, "variable": named, "attributeType": attribute}


def _check_items(desk: Desk, items: list[Payload], message: str) -> None:
    """More than the station takes in one message is an error (B05.FR.11, B06.FR.16, B08.FR.17)."""
    if len(items) > desk.cabinet.equipment.model.integer("DeviceDataCtrlr", "ItemsPerMessage", message):
        raise OccurrenceConstraintViolationError
