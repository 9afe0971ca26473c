"""What the station answers: monitors of variables (block N02 to N08)."""

from ocpp.v201 import call, call_result

from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.monitors import Kind, Monitor, Wanted
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes, parts
from chargepoint_sim.station.v201.spelling import Payload

_PART = 20
_CRITERIA = {
    "ThresholdMonitoring": {Kind.UPPER, Kind.LOWER},
    "DeltaMonitoring": {Kind.DELTA},
    "PeriodicMonitoring": {Kind.PERIODIC, Kind.ALIGNED},
}


class Monitoring:
    """Block N02 to N08."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._monitors = desk.cabinet.instruments.monitors

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ClearVariableMonitoring": self.clear_variable_monitoring,
            "GetMonitoringReport": self.get_monitoring_report,
            "SetMonitoringBase": self.set_monitoring_base,
            "SetMonitoringLevel": self.set_monitoring_level,
            "SetVariableMonitoring": self.set_variable_monitoring,
        }

    def set_monitoring_base(self, monitoring_base: str, **_: object) -> object:
        """Begin with certain monitors."""
        return call_result.SetMonitoringBase(status=self._monitors.reset_to(monitoring_base))

    def set_monitoring_level(self, severity: int, **_: object) -> object:
        """Tell nothing less severe."""
        return call_result.SetMonitoringLevel(status=self._monitors.set_level(severity))

    def set_variable_monitoring(self, set_monitoring_data: list[Payload], **_: object) -> object:
        """Make or replace monitors; every one gets its own verdict."""
        results = []
        for row in set_monitoring_data:
            variable = row["variable"]
            wanted = Wanted(
                place=spelling.place(row["component"]),
                variable=variable["name"],
                kind=Kind(row["type"]),
                value=float(row["value"]),
                severity=row["severity"],
                in_transaction=bool(row.get("transaction")),
                instance=variable.get("instance"),
                id=row.get("id"),
            )
            status, number = self._monitors.place(wanted)
            result: dict[str, object] = {"status": status, "type": row["type"], "severity": row["severity"]}
            result |= _about(wanted.place, wanted.variable, wanted.instance)
            number = wanted.id if number is None else number
            results.append(result if number is None else result | {"id": number})
        return call_result.SetVariableMonitoring(set_monitoring_result=results)

    def clear_variable_monitoring(self, id: list[int], **_: object) -> object:
        """Remove monitors."""
        results = [{"id": one, "status": self._monitors.clear(one)} for one in id]
        return call_result.ClearVariableMonitoring(clear_monitoring_result=results)

    def get_monitoring_report(
        self,
        request_id: int,
        component_variable: list[Payload] | None = None,
        monitoring_criteria: list[str] | None = None,
        **_: object,
    ) -> object:
        """Announce a report of monitors, then send it in parts."""
        kinds = {kind for one in monitoring_criteria or [] for kind in _CRITERIA[one]}
        places = [
            (spelling.place(one["component"]), (one.get("variable") or {}).get("name"))
            for one in component_variable or []
        ]
        found = self._monitors.found(kinds, places)
        if not found:
            return call_result.GetMonitoringReport(status="EmptyResultSet")
        self._desk.later(lambda: self._report(request_id, found))
        return call_result.GetMonitoringReport(status="Accepted")

    def row(self, one: Monitor) -> dict[str, object]:
        """A monitor as a report shows it."""
        where = _about(one.wanted.place, one.wanted.variable, one.wanted.instance)
        return where | {"variableMonitoring": [self.monitoring(one)]}

    def monitoring(self, one: Monitor) -> dict[str, object]:
        """A monitor itself, without where it is."""
        wanted = one.wanted
        return {
            "id": one.id,
            "transaction": wanted.in_transaction,
            "value": wanted.value,
            "type": wanted.kind.value,
            "severity": wanted.severity,
        }

    async def _report(self, request_id: int, found: list[Monitor]) -> None:
        now = spelling.text(self._desk.cabinet.equipment.clock.now())
        for seq_no, part, more in parts([self.row(one) for one in found], _PART):
            await self._desk.ask(
                call.NotifyMonitoringReport(
                    request_id=request_id, seq_no=seq_no, generated_at=now, monitor=list(part), tbc=more
                )
            )


def _about(place: Place, name: str, instance: str | None) -> dict[str, object]:
    variable = {"name": name} | ({} if instance is None else {"instance": instance})
    return {"component": spelling.component(place), "variable": variable}
