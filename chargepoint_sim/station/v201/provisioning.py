"""What the station answers: its device model and its restart (block B)."""

from ocpp.v201 import call, call_result

from chargepoint_sim.station.device_model import Inventory, Verdict
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes
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
            "GetVariables": self.get_variables,
            "Reset": self.reset,
            "SetVariables": self.set_variables,
        }

    def get_variables(self, get_variable_data: list[Payload], **_: object) -> object:
        """Read variables."""
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
        self._desk.later(lambda: self._report(request_id, Inventory(report_base)))
        return call_result.GetBaseReport(status="Accepted")

    async def _report(self, request_id: int, inventory: Inventory) -> None:
        equipment = self._desk.cabinet.equipment
        rows = [spelling.report_data(variable) for variable in equipment.model.report(inventory)]
        parts = [rows[start : start + _REPORT_PART] for start in range(0, len(rows), _REPORT_PART)]
        for seq_no, part in enumerate(parts):
            await self._desk.ask(
                call.NotifyReport(
                    request_id=request_id,
                    generated_at=spelling.text(equipment.clock.now()),
                    seq_no=seq_no,
                    report_data=part,
                    tbc=seq_no < len(parts) - 1,
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
