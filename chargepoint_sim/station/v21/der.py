"""What a 2.1 station answers: DER controls (block R)."""

from collections.abc import Mapping
from typing import Any

from ocpp.v21 import call, call_result

from chargepoint_sim.station.der import LIMIT_MAX_DISCHARGE, DerControl
from chargepoint_sim.station.v21.memory import Memory
from chargepoint_sim.station.v21.variables import DER_CONTROLS
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import moment

_PART = 10
_PROPERTIES = {LIMIT_MAX_DISCHARGE: "limit_max_discharge"}  # which property holds a control


class Der:
    """Block R."""

    def __init__(self, desk: Desk, memory: Memory) -> None:
        self._desk = desk
        self._memory = memory

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "SetDERControl": self.set_der_control,
            "GetDERControl": self.get_der_control,
            "ClearDERControl": self.clear_der_control,
        }

    def set_der_control(
        self, is_default: bool, control_id: str, control_type: str, **settings: Mapping[str, Any] | None
    ) -> object:
        """Take a DER control, or say why not."""
        if control_type not in DER_CONTROLS:
            return call_result.SetDERControl(status="NotSupported")
        name = _PROPERTIES[control_type]
        setting = settings.get(name)
        if setting is None:
            return _rejected(f"{name} is missing")
        start, duration = setting.get("start_time"), setting.get("duration")
        if is_default and (start is not None or duration is not None):
            return _rejected("a default has no start and no duration")
        if not is_default and (start is None or duration is None):
            return _rejected("a scheduled control has a start and a duration")
        begins = None if start is None else moment(start)
        control = DerControl(control_id, control_type, is_default, name, setting, begins, duration)
        now = self._desk.cabinet.equipment.clock.now()
        superseded = self._memory.der.set(control, now)
        self._changed()
        return call_result.SetDERControl(status="Accepted", superseded_ids=list(superseded) or None)

    def get_der_control(
        self,
        request_id: int,
        is_default: bool | None = None,
        control_type: str | None = None,
        control_id: str | None = None,
        **_: object,
    ) -> object:
        """Announce a report of DER controls, then send it."""
        if control_type is not None and control_type not in DER_CONTROLS:
            return call_result.GetDERControl(status="NotSupported")
        found = self._memory.der.matching(is_default, control_type, control_id)
        if not found:
            return call_result.GetDERControl(status="NotFound")
        self._desk.later(lambda: self._report(request_id, found))
        return call_result.GetDERControl(status="Accepted")

    async def _report(self, request_id: int, found: list[DerControl]) -> None:
        parts = [found[start : start + _PART] for start in range(0, len(found), _PART)]
        for number, part in enumerate(parts, start=1):
            lists: dict[str, list[dict[str, object]]] = {}
            for one in part:
                lists.setdefault(one.name, []).append(_reported(one))
            more = number < len(parts)
            await self._desk.ask(call.ReportDERControl(request_id=request_id, tbc=more, **lists))

    def clear_der_control(
        self,
        is_default: bool,
        control_type: str | None = None,
        control_id: str | None = None,
        **_: object,
    ) -> object:
        """Remove DER controls."""
        if control_type is not None and control_type not in DER_CONTROLS:
            return call_result.ClearDERControl(status="NotSupported")
        cleared = self._memory.der.clear(is_default, control_type, control_id)
        self._changed()
        everything = control_type is None and control_id is None  # R04.FR.44
        return call_result.ClearDERControl(status="Accepted" if cleared or everything else "NotFound")

    def _changed(self) -> None:
        """Follow the controls at once."""
        self._memory.turn_controls()
        self._desk.cabinet.equipment.profiles_changed.ring()


def _rejected(why: str) -> object:
    info = {"reasonCode": "InvalidValue", "additionalInfo": why}
    return call_result.SetDERControl(status="Rejected", status_info=info)


def _reported(one: DerControl) -> dict[str, object]:
    """A control as a report shows it."""
    told: dict[str, object] = {"id": one.id, "is_default": one.default, "is_superseded": one.superseded}
    return told | {one.name: one.settings}
