"""What a 1.6 station remembers between connections: the server's numbers for its transactions."""

from dataclasses import dataclass, field

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.evse import Flow
from chargepoint_sim.station.words import ConnectorStatus

UNDELIVERED = -1  # errata 3.18: the number of a transaction whose start the server never took
UNSIGNED = -1
"""The request id of updates and logs that 1.6 asks for without one."""
_MOST = 1000
_FLOWS = {
    Flow.CHARGING.value: "Charging",
    Flow.SUSPENDED_EV.value: "SuspendedEV",
    Flow.SUSPENDED_EVSE.value: "SuspendedEVSE",
}


@dataclass
class Memory:
    """One station's. `told` is each connector's last status, 0 the station's; `reset` the last one's kind."""

    cabinet: Cabinet
    told: dict[int, str] = field(default_factory=dict)
    reset: str = "Soft"
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, transaction_id: str) -> int:
        """The server's number for a transaction of the house."""
        return self._numbers.get(transaction_id, UNDELIVERED)

    def learn(self, transaction_id: str, number: int) -> None:
        """The server has given a transaction its number."""
        self._numbers[transaction_id] = number
        if len(self._numbers) > _MOST:
            del self._numbers[next(iter(self._numbers))]

    def transaction(self, number: int) -> str | None:
        """The house's transaction for a number, the newest one if there were several."""
        found = [one for one, known in self._numbers.items() if known == number]
        return found[-1] if found else None

    def status(self, connector_id: int) -> str:
        """What a connector is, in the words of 1.6; 0 is the station."""
        if connector_id == 0:
            in_service = self.cabinet.availability.in_service
            return "Available" if any(in_service(one) for one in self.cabinet.evses) else "Unavailable"
        status = self.cabinet.status(connector_id)
        visit = self.cabinet.visits.get(connector_id)
        if status is not ConnectorStatus.OCCUPIED or visit is None:
            return status.value
        if visit.transaction is None:
            return "Finishing" if visit.charging.is_set() else "Preparing"
        waiting = "Preparing" if visit.transaction.path_closed_at is None else "SuspendedEV"
        return _FLOWS.get(visit.transaction.charging_state, waiting)
