"""Reservations (block H): an EVSE, or any EVSE, kept for a driver or their group until a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chargepoint_sim.clock import Clock, Timer
from chargepoint_sim.station.local_list import folded
from chargepoint_sim.station.words import ConnectorStatus, IdToken, TokenInfo

_WHY_NOT = {
    ConnectorStatus.OCCUPIED: "Occupied",
    ConnectorStatus.RESERVED: "Occupied",
    ConnectorStatus.UNAVAILABLE: "Unavailable",
    ConnectorStatus.FAULTED: "Faulted",
}


@dataclass(frozen=True)
class Reservation:
    """One reservation; `evse_id` None: any EVSE."""

    id: int
    token: IdToken
    until: datetime
    evse_id: int | None = None
    group: IdToken | None = None

    def is_for(self, token: IdToken, info: TokenInfo) -> bool:
        """Whether this driver may use it (H03)."""
        if folded(token) == folded(self.token):
            return True
        return self.group is not None and info.group is not None and folded(self.group) == folded(info.group)


@dataclass
class Reservations:
    """All of a station. `status` tells how an EVSE is apart from reservations; `changed` is called when one
    may be another one's now, `ended` with a reservation's id and why it is no more."""

    clock: Clock
    evses: tuple[int, ...]
    status: Callable[[int], ConnectorStatus]
    changed: Callable[[], None]
    ended: Callable[[int, str], None]
    kept: dict[int, Reservation] = field(default_factory=dict)
    _timers: dict[int, Timer] = field(default_factory=dict)

    def reserve(self, wanted: Reservation) -> str:
        """Take a reservation, or say why not; one with the same id is replaced (H01.FR.02)."""
        before = self.kept.pop(wanted.id, None)
        refusal = self._refusal(wanted)
        if refusal is not None:
            if before is not None:
                self.kept[before.id] = before
            return refusal
        self._cancel_timer(wanted.id)
        self.kept[wanted.id] = wanted
        left_s = (wanted.until - self.clock.now()).total_seconds()
        self._timers[wanted.id] = self.clock.call_later(left_s, lambda: self._end(wanted, "Expired"))
        self.changed()
        return "Accepted"

    def _refusal(self, wanted: Reservation) -> str | None:
        if wanted.evse_id is not None and wanted.evse_id not in self.evses:
            return "Rejected"
        if wanted.until <= self.clock.now():
            return "Rejected"
        meant = self.evses if wanted.evse_id is None else (wanted.evse_id,)
        states = [ConnectorStatus.RESERVED if self.holds(one) else self.status(one) for one in meant]
        if ConnectorStatus.AVAILABLE in states:
            return None
        return _WHY_NOT[states[0]]

    def cancel(self, reservation_id: int) -> bool:
        """Give a reservation up (H02); whether there was one."""
        return self._drop(reservation_id)

    def holds(self, evse_id: int) -> bool:
        """Whether an EVSE is kept: by its own reservation, or because all free ones are (H01.FR.06)."""
        if any(one.evse_id == evse_id for one in self.kept.values()):
            return True
        anywhere = sum(one.evse_id is None for one in self.kept.values())
        return anywhere > sum(one != evse_id for one in self._free())

    def admits(self, evse_id: int, token: IdToken, info: TokenInfo) -> bool:
        """Whether this driver may charge here."""
        return not self.holds(evse_id) or self._of(evse_id, token, info) is not None

    def use(self, evse_id: int, token: IdToken, info: TokenInfo) -> int | None:
        """A driver charges here: their reservation is used up (H03); its id."""
        found = self._of(evse_id, token, info)
        if found is None:
            return None
        self._drop(found.id)
        return found.id

    def lost(self, evse_id: int) -> None:
        """An EVSE is out of service: what is reserved there is removed, or anywhere if none is left."""
        for one in list(self.kept.values()):
            if one.evse_id == evse_id or (one.evse_id is None and not self._free()):
                self._end(one, "Removed")

    def forget(self, token: IdToken) -> list[int]:
        """Remove a customer's reservations (N10); their ids."""
        gone = [one.id for one in self.kept.values() if folded(one.token) == folded(token)]
        for reservation_id in gone:
            self._drop(reservation_id)
        return gone

    def _of(self, evse_id: int, token: IdToken, info: TokenInfo) -> Reservation | None:
        fitting = [
            one for one in self.kept.values() if one.evse_id in (evse_id, None) and one.is_for(token, info)
        ]
        return min(fitting, key=lambda one: one.evse_id is None, default=None)

    def _free(self) -> list[int]:
        own = {one.evse_id for one in self.kept.values()}
        return [one for one in self.evses if one not in own and self.status(one) is ConnectorStatus.AVAILABLE]

    def _end(self, one: Reservation, why: str) -> None:
        if self.kept.get(one.id) is one and self._drop(one.id):
            self.ended(one.id, why)

    def _drop(self, reservation_id: int) -> bool:
        self._cancel_timer(reservation_id)
        found = self.kept.pop(reservation_id, None) is not None
        if found:
            self.changed()
        return found

    def _cancel_timer(self, reservation_id: int) -> None:
        timer = self._timers.pop(reservation_id, None)
        if timer is not None:
            timer.cancel()
