"""Which EVSEs may be used, what their connectors say, and restarts (blocks B, G and H).

What is out of service stays so over restarts (G03.FR.07).
"""

import asyncio
from collections.abc import Callable, Mapping

from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.notices import ReservationNews
from chargepoint_sim.station.reservations import Reservations
from chargepoint_sim.station.visit import CONNECTOR_ID, Visit
from chargepoint_sim.station.words import ConnectorStatus, StatusNews, StoppedReason, Trigger

_EVSE_RESTART_S = 3.0
_WHOLE = 0


class Availability:
    """Of one station. `begin_again` lets a vehicle that is still there start anew, `restart` restarts the
    station and hears why, as OCPP names it."""

    def __init__(
        self,
        equipment: Equipment,
        evse_ids: tuple[int, ...],
        visits: Mapping[int, Visit],
        begin_again: Callable[[Visit], None],
        restart: Callable[[str], None],
    ) -> None:
        self.reservations = Reservations(
            equipment.clock, evse_ids, self._unreserved, self._reservations_changed, self._reserved
        )
        self._equipment = equipment
        self._evse_ids = evse_ids
        self._visits = visits
        self._begin_again = begin_again
        self._restart = restart
        self._out: set[int] = set()
        self._out_soon: set[int] = set()
        self._told: dict[int, ConnectorStatus] = {}
        self._restart_when_idle: set[int] = set()
        self._held = False

    def in_service(self, evse_id: int) -> bool:
        """Whether an EVSE may be used."""
        return evse_id not in self._out and not (self._held and not self.busy(evse_id))

    def busy(self, evse_id: int = _WHOLE) -> bool:
        """Whether a transaction runs at an EVSE, or at any."""
        meant = self._evse_ids if evse_id == _WHOLE else (evse_id,)
        visits = (self._visits.get(one) for one in meant)
        return any(visit is not None and visit.transaction is not None for visit in visits)

    # What is told

    def status(self, evse_id: int) -> ConnectorStatus:
        """What the connector of an EVSE is."""
        status = self._unreserved(evse_id)
        kept = status is ConnectorStatus.AVAILABLE and self.reservations.holds(evse_id)
        return ConnectorStatus.RESERVED if kept else status

    def _unreserved(self, evse_id: int) -> ConnectorStatus:
        if not self.in_service(evse_id):
            return ConnectorStatus.UNAVAILABLE
        return ConnectorStatus.OCCUPIED if evse_id in self._visits else ConnectorStatus.AVAILABLE

    def changed(self, evse_id: int) -> None:
        """Report a connector if it is not what was reported last, and others that are kept now instead."""
        for one in (evse_id, *self._evse_ids):
            if self._told.get(one) is not self.status(one):
                self.tell(one)

    def tell(self, evse_id: int) -> None:
        """Report a connector."""
        status, now = self.status(evse_id), self._equipment.clock.now()
        self._told[evse_id] = status
        model = self._equipment.model
        for place in (Place("EVSE", evse_id), Place("Connector", evse_id, CONNECTOR_ID)):
            model.put(place, "AvailabilityState", status.value)
        out = all(not self.in_service(one) for one in self._evse_ids)
        model.put(Place("ChargingStation"), "AvailabilityState", "Unavailable" if out else "Available")
        self._equipment.emit(StatusNews(evse_id, CONNECTOR_ID, status, now))

    def _reservations_changed(self) -> None:
        self.changed(self._evse_ids[0])

    def _reserved(self, reservation_id: int, why: str) -> None:
        self._equipment.emit(ReservationNews(reservation_id, why))

    # In and out of service

    def change(self, evse_id: int | None, operative: bool) -> str:
        """Take EVSEs (None: all) in or out of service; a running transaction is let finish (G03, G04)."""
        meant = self._evse_ids if evse_id is None else (evse_id,)
        if any(one not in self._evse_ids for one in meant):
            return "Rejected"
        scheduled = False
        for one in meant:
            if operative:
                self._bring_back(one)
            elif self.busy(one):
                self._out_soon.add(one)
                scheduled = True
                continue
            else:
                self._take_out(one)
            asyncio.get_running_loop().call_soon(self.tell, one)
        return "Scheduled" if scheduled else "Accepted"

    def hold(self, held: bool) -> None:
        """Let nobody begin until new firmware is in (L01.FR.07); who charges may finish."""
        before = {one: self.in_service(one) for one in self._evse_ids}
        self._held = held
        for evse_id in self._evse_ids:
            visit = self._visits.get(evse_id)
            if not before[evse_id] and self.in_service(evse_id) and visit is not None:
                self._begin_again(visit)
        self._reservations_changed()

    def _take_out(self, evse_id: int) -> None:
        self._out.add(evse_id)
        self.reservations.lost(evse_id)

    def _bring_back(self, evse_id: int) -> None:
        self._out_soon.discard(evse_id)
        if evse_id in self._out:
            self._out.discard(evse_id)
            visit = self._visits.get(evse_id)
            if visit is not None:
                self._begin_again(visit)

    def transaction_over(self) -> None:
        """What has waited for the end of a transaction happens now."""
        for evse_id in list(self._out_soon):
            if not self.busy(evse_id):
                self._out_soon.discard(evse_id)
                self._take_out(evse_id)
                self.tell(evse_id)
        for evse_id in list(self._restart_when_idle):
            if not self.busy(evse_id):
                self._restart_when_idle.discard(evse_id)
                self._begin_restart(evse_id, "ScheduledReset")

    # Restarts

    def reset(self, when_idle: bool, evse_id: int | None = None) -> str:
        """Restart the station or one EVSE, at once or when no transaction runs there (B11, B12)."""
        meant = evse_id or _WHOLE
        if meant != _WHOLE and meant not in self._evse_ids:
            return "Rejected"
        if when_idle and self.busy(meant):
            self._restart_when_idle.add(meant)
            return "Scheduled"
        self._begin_restart(meant, "RemoteReset")
        return "Accepted"

    def _begin_restart(self, evse_id: int, why: str) -> None:
        """A restart at once is also the one that was to come."""
        self._restart_when_idle.discard(evse_id)
        if evse_id == _WHOLE:
            self._restart_when_idle.clear()
            self._restart(why)
        else:
            self._equipment.spawn(self._restart_evse(evse_id))

    async def _restart_evse(self, evse_id: int) -> None:
        """One EVSE goes out for a moment and comes back (B11.FR.08); what was out stays so."""
        visit = self._visits.get(evse_id)
        if visit is not None:
            await visit.stop(Trigger.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET)
        if evse_id in self._out:
            return
        self._out.add(evse_id)
        self.changed(evse_id)
        await self._equipment.clock.sleep(_EVSE_RESTART_S)
        self._bring_back(evse_id)
        self.changed(evse_id)
